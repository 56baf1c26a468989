//! Programs that nobody here wrote the libraries of: Python clients and parsers, promtool.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, ensure};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// Runs a program of `tests/python` and returns what it prints.
///
/// # Errors
/// It ends with an error, which is shown with what it says; or Python is not installed (`make python`).
pub async fn run<A: AsRef<OsStr>>(script: &str, args: &[A], input: &str) -> anyhow::Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
    let python = tool("VISION_TEST_PYTHON", "python/bin/python")?;
    pipe(Command::new(python).arg(script).args(args), input).await
}

/// Has promtool check a metrics page.
///
/// # Errors
/// What promtool finds fault with; or it is not installed (`make promtool`).
pub async fn promtool(page: &str) -> anyhow::Result<String> {
    let promtool = tool("VISION_TEST_PROMTOOL", "prometheus/usr/bin/promtool")?;
    pipe(Command::new(promtool).args(["check", "metrics"]), page).await
}

/// A tool that `make` installs: where the variable says, or where `make` puts it.
fn tool(variable: &str, place: &str) -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local").join(place),
    };
    ensure!(path.exists(), "{} is not there: `make test` installs it", path.display());
    Ok(path)
}

async fn pipe(command: &mut Command, input: &str) -> anyhow::Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let write = async {
        // A program that reads nothing, or stops reading, tells why by itself.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    let output = output?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {stdout}{stderr}", output.status);
    Ok(stdout.into_owned() + &stderr)
}
