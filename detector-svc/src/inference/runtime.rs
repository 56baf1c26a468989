//! Finding and loading the ONNX Runtime library, once a process.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ort::{environment::Environment, logging::LogLevel};
use parking_lot::Mutex;

/// Version of ONNX Runtime that `make` installs.
const VERSION: &str = "1.31.1";
/// Environment variable that names the library.
const VARIABLE: &str = "ORT_DYLIB_PATH";
/// Name under which the system's loader looks.
const SYSTEM_NAME: &str = "libonnxruntime.so";

/// The one environment that ONNX Runtime allows in a process.
static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
/// Held while the environment is made.
static LOADING: Mutex<()> = Mutex::new(());

/// Why ONNX Runtime is not there.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No place has a library that can be loaded.
    #[error(
        "ONNX Runtime {VERSION} not found; tried{0}\nset {VARIABLE} to libonnxruntime.so, or run `make runtime`"
    )]
    NotFound(Attempts),
    /// The library is there and does not work.
    #[error("ONNX Runtime: {0}")]
    Broken(#[from] ort::Error),
}

/// Places looked at, and what was wrong with each.
#[derive(Debug, Default)]
pub struct Attempts(Vec<(PathBuf, String)>);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(path, reason)| write!(f, "\n  {}: {reason}", path.display()))
    }
}

/// Loads the library if this has not been done, and gives its environment.
///
/// # Errors
/// Every place looked at, or what ONNX Runtime says.
pub(super) fn environment() -> Result<&'static Environment, RuntimeError> {
    let _loading = LOADING.lock();
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let mut attempts = Attempts::default();
    for path in candidates(env::var_os(VARIABLE).map(PathBuf::from), env::current_exe().ok().as_deref()) {
        match ort::init_from(&path) {
            Ok(builder) => {
                let environment = builder.with_name("detector-svc").with_telemetry(false).build()?;
                // Its account of each step of graph optimisation is of use to its own developers only.
                environment.set_log_level(LogLevel::Warning);
                tracing::info!(library = %path.display(), "ONNX Runtime loaded");
                return Ok(ENVIRONMENT.get_or_init(|| environment));
            }
            Err(error) => attempts.0.push((path, error.to_string())),
        }
    }
    Err(RuntimeError::NotFound(attempts))
}

/// What the loaded library says of its build; only after a model was loaded.
#[must_use]
pub fn runtime_version() -> &'static str {
    ort::info()
}

/// Where the library may be: where the variable says, or else where `make` puts it, seen from here and from the
/// program, beside the program, and wherever the system's loader looks.
fn candidates(variable: Option<PathBuf>, program: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = variable.filter(|path| !path.as_os_str().is_empty()) {
        return vec![path];
    }
    let installed = Path::new(".local/onnxruntime").join(VERSION).join("lib").join(SYSTEM_NAME);
    let here = env::current_dir().ok().map(|dir| dir.join(&installed));
    let around = program.into_iter().flat_map(Path::ancestors).skip(1);
    let beside = program.and_then(Path::parent).map(|dir| dir.join(SYSTEM_NAME));
    here.into_iter()
        .chain(around.map(|dir| dir.join(&installed)))
        .filter(|path| path.exists())
        .chain(beside)
        .chain([PathBuf::from(SYSTEM_NAME)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_the_only_candidate_when_set() {
        let named = PathBuf::from("/opt/ort.so");
        assert_eq!(candidates(Some(named.clone()), None), [named]);
        assert_eq!(candidates(Some(PathBuf::new()), None).last(), Some(&PathBuf::from(SYSTEM_NAME)));
    }

    #[test]
    fn the_checkout_around_the_program_is_searched() {
        let checkout = tempfile::tempdir().expect("a temporary folder");
        let library = checkout.path().join(".local/onnxruntime").join(VERSION).join("lib").join(SYSTEM_NAME);
        std::fs::create_dir_all(library.parent().expect("a parent")).expect("folders");
        std::fs::write(&library, "").expect("a file");
        let program = checkout.path().join("target/release/detector-svc");
        assert!(candidates(None, Some(&program)).contains(&library));
    }

    #[test]
    fn a_failure_lists_every_place() {
        let attempts = Attempts(vec![("/a".into(), "no".to_owned()), ("/b".into(), "old".to_owned())]);
        let message = RuntimeError::NotFound(attempts).to_string();
        assert!(message.contains("\n  /a: no\n  /b: old\n"), "{message}");
    }
}
