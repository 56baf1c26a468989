//! The command line that every service has, and what it comes to: settings to run with, or an exit code.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "answers to whoever typed the command, before logging is up"
)]

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, error::ErrorKind};

use crate::{
    AppInfo,
    logging::LogFormat,
    settings::{self, Layers, Settings, SettingsError},
};

/// Exit code for a command line or settings that cannot be used (`EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;

/// Flags of every service; a parser with more of its own flattens them in.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// TOML file with settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set one setting, over file and environment; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// Check the settings and exit
    #[arg(long)]
    pub check: bool,
    /// Print the effective settings with their meaning and exit
    #[arg(long)]
    pub dump_config: bool,
    /// How log lines look; short for --set log.format=...
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// What a command line comes to.
#[derive(Debug)]
pub enum Started<S> {
    /// Run with these settings.
    Run(S),
    /// All is said: end the process.
    Exit(ExitCode),
}

impl Args {
    /// Loads the settings of every layer: defaults, file, this process's environment, flags.
    ///
    /// # Errors
    /// The first setting that cannot be used, with its layer.
    pub fn load<S: Settings>(&self, app: &AppInfo) -> Result<S, SettingsError> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let name = name.into_string().ok()?;
            Some((name, value.to_string_lossy().into_owned()))
        };
        let format = self.log_format.map(|format| format.to_string());
        let format = format.map(|format| ("log.format".to_owned(), format));
        let layers = Layers {
            file: self.config.clone(),
            env: std::env::vars_os().filter_map(text).collect(),
            overrides: self.set.iter().cloned().chain(format).collect(),
        };
        settings::load(app, &layers)
    }

    /// Loads the settings and answers `--check` and `--dump-config`; tells what is wrong on stderr.
    #[must_use]
    pub fn start<S: Settings>(&self, app: &AppInfo) -> Started<S> {
        match self.answer(app) {
            Ok(started) => started,
            Err(error) => {
                eprintln!("{}: {error}", app.name);
                Started::Exit(ExitCode::from(EXIT_USAGE))
            }
        }
    }

    fn answer<S: Settings>(&self, app: &AppInfo) -> Result<Started<S>, SettingsError> {
        let settings = self.load::<S>(app)?;
        if self.dump_config {
            print!("{}", settings::dump(&settings)?);
        } else if self.check {
            println!("configuration ok");
        } else {
            return Ok(Started::Run(settings));
        }
        Ok(Started::Exit(ExitCode::SUCCESS))
    }
}

/// Parses this process's command line; help and mistakes are printed.
///
/// # Errors
/// The code to exit with: success after help or version, [`EXIT_USAGE`] after a mistake.
pub fn parse<P: Parser>() -> Result<P, ExitCode> {
    P::try_parse().map_err(|error| explain(&error))
}

/// Parses this process's command line, which has no flags but [`Args`], and loads the settings.
#[must_use]
pub fn start<S: Settings>(app: &AppInfo) -> Started<S> {
    let command = clap::Command::new(app.name).version(app.version);
    let command = <Args as clap::Args>::augment_args(command);
    let matches = command.try_get_matches();
    let args = matches.and_then(|matches| <Args as clap::FromArgMatches>::from_arg_matches(&matches));
    match args {
        Ok(args) => args.start(app),
        Err(error) => Started::Exit(explain(&error)),
    }
}

fn explain(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell when the terminal is gone.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_USAGE),
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::logging::LogSettings;

    const APP: AppInfo =
        AppInfo { name: "metrics-svc", version: "1.2.3", env_prefix: "VISION_SERVICE_CLI_TEST" };

    crate::settings! {
        /// Everything.
        pub(crate) struct Everything {
            /// Logs.
            pub(crate) log: LogSettings,
            /// A text.
            pub(crate) text: String = String::new(),
        }
    }

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(flags: &[&str]) -> Result<Args, clap::Error> {
        let all = ["metrics-svc"].iter().chain(flags);
        Command::try_parse_from(all).map(|command| command.args)
    }

    #[test]
    fn flags_become_settings() {
        let args = args(&["--set", "text=a=b", "--log-format", "json"]).unwrap();
        let settings: Everything = args.load(&APP).unwrap();
        assert_eq!(settings.text, "a=b");
        assert_eq!(settings.log.format, LogFormat::Json);
    }

    #[test]
    fn a_flag_without_a_value_is_refused() {
        let refused = args(&["--set", "text"]).unwrap_err().to_string();
        assert!(refused.contains("expected KEY=VALUE"), "{refused}");
        assert!(args(&["--log-format", "xml"]).is_err());
    }

    #[test]
    fn only_sound_settings_are_run_with() {
        let started = |flags: &[&str]| args(flags).unwrap().start::<Everything>(&APP);
        assert!(matches!(started(&[]), Started::Run(_)));
        for flags in [["--check"], ["--dump-config"]] {
            let Started::Exit(code) = started(&flags) else {
                panic!("{flags:?} runs the service");
            };
            assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
        }
        let Started::Exit(code) = started(&["--set", "texts=a"]) else {
            panic!("an unknown setting is run with");
        };
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(EXIT_USAGE)));
    }
}
