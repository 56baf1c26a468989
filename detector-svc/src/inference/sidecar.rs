//! Reading the files that lie beside a model.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::LoadError;
use crate::model::Sidecars;

/// Most bytes of a file beside a model; tokenizers have some ten million.
const MAX_BYTES: u64 = 64 << 20;

/// Reads what lies beside the model file `path`: `<model>.toml` or `model.toml`, and the files of `transformers`, in the
/// model's folder or, as its exports have them, in the one above a folder `onnx`.
///
/// # Errors
/// A file that is there and cannot be read.
pub(super) fn read(path: &Path) -> Result<Sidecars, LoadError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let own = path.with_extension("toml");
    let model_toml = if own.exists() { Some(own) } else { beside(folder, "model.toml") };
    let text = |name: &str| beside(folder, name).map(|path| contents(&path).and_then(|c| utf8(&path, c)));
    Ok(Sidecars {
        model_toml: model_toml.map(|path| contents(&path).and_then(|c| utf8(&path, c))).transpose()?,
        preprocessor_config: text("preprocessor_config.json").transpose()?,
        config: text("config.json").transpose()?,
        tokenizer: beside(folder, "tokenizer.json").map(|path| contents(&path)).transpose()?,
    })
}

fn beside(folder: &Path, name: &str) -> Option<PathBuf> {
    let above = folder.parent().filter(|_| folder.ends_with("onnx"));
    [Some(folder), above].into_iter().flatten().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn contents(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_BYTES {
        let reason = format!("has {bytes} bytes, at most {MAX_BYTES} are allowed");
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    fs::read(path).map_err(unreadable)
}

fn utf8(path: &Path, contents: Vec<u8>) -> Result<String, LoadError> {
    let invalid = |error| LoadError::Unreadable {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    };
    String::from_utf8(contents).map_err(invalid)
}
