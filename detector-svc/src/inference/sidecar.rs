//! The files that lie beside a model.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::LoadError;
use crate::model::Sidecars;

/// Most bytes of a file beside a model; tokenizers have some ten million.
const MAX_BYTES: u64 = 64 << 20;

/// Where each file that describes a model is, if it is there.
struct Beside {
    model_toml: Option<PathBuf>,
    preprocessor_config: Option<PathBuf>,
    config: Option<PathBuf>,
    tokenizer: Option<PathBuf>,
}

/// What a model's files look like from outside: equal as long as none of them is written or replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(Vec<(PathBuf, Option<Stamp>)>);

/// Which file it is, how large, and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// Reads what lies beside the model file `path`.
///
/// # Errors
/// A file that is there and cannot be read.
pub(super) fn read(path: &Path) -> Result<Sidecars, LoadError> {
    let Beside { model_toml, preprocessor_config, config, tokenizer } = Beside::of(path);
    let text = |path: Option<PathBuf>| path.map(|path| text(&path)).transpose();
    Ok(Sidecars {
        model_toml: text(model_toml)?,
        preprocessor_config: text(preprocessor_config)?,
        config: text(config)?,
        tokenizer: tokenizer.map(|path| contents(&path)).transpose()?,
    })
}

impl Beside {
    /// Beside the model are `<model>.toml` or `model.toml`, and the files of `transformers`: in the model's folder or, as its
    /// exports have them, in the one above a folder `onnx`.
    fn of(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        let above = folder.parent().filter(|_| folder.ends_with("onnx"));
        let find = |name: &str| {
            let folders = [Some(folder), above].into_iter().flatten();
            folders.map(|folder| folder.join(name)).find(|path| path.is_file())
        };
        Self {
            model_toml: Some(path.with_extension("toml"))
                .filter(|path| path.is_file())
                .or_else(|| find("model.toml")),
            preprocessor_config: find("preprocessor_config.json"),
            config: find("config.json"),
            tokenizer: find("tokenizer.json"),
        }
    }
}

impl Fingerprint {
    /// Of a model file and what lies beside it.
    pub(super) fn of(path: &Path) -> Self {
        let Beside { model_toml, preprocessor_config, config, tokenizer } = Beside::of(path);
        let beside = [model_toml, preprocessor_config, config, tokenizer].into_iter().flatten();
        let all = [path.to_owned()].into_iter().chain(weights(path)).chain(beside);
        Self(all.map(|path| (path.clone(), Stamp::of(&path))).collect())
    }
}

/// Files that a model keeps its weights in: their names begin with its own.
fn weights(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Some(own), Ok(entries)) = (path.file_name(), fs::read_dir(folder)) else {
        return Vec::new();
    };
    let begins = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name != own && name.as_encoded_bytes().starts_with(own.as_encoded_bytes())
    };
    let mut weights: Vec<_> = entries.flatten().filter(begins).map(|entry| entry.path()).collect();
    weights.sort_unstable();
    weights
}

impl Stamp {
    /// `None` when there is no such file.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self { inode: file.ino(), bytes: file.len(), modified: (file.mtime(), file.mtime_nsec()) })
    }
}

fn text(path: &Path) -> Result<String, LoadError> {
    let invalid = |error| LoadError::Unreadable {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    };
    String::from_utf8(contents(path)?).map_err(invalid)
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn files_are_found_beside_the_model_and_above_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let onnx = folder.path().join("onnx");
        fs::create_dir(&onnx).unwrap();
        let model = onnx.join("pets.onnx");
        fs::write(folder.path().join("config.json"), "above").unwrap();
        fs::write(onnx.join("model.toml"), "for all").unwrap();
        let read = || read(&model).unwrap();
        assert_eq!(
            (read().config.as_deref(), read().model_toml.as_deref()),
            (Some("above"), Some("for all"))
        );
        fs::write(onnx.join("pets.toml"), "for one").unwrap();
        fs::write(onnx.join("config.json"), "beside").unwrap();
        assert_eq!(
            (read().config.as_deref(), read().model_toml.as_deref()),
            (Some("beside"), Some("for one"))
        );
        assert_eq!(read().tokenizer, None);
    }

    #[test]
    fn a_fingerprint_changes_with_any_of_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("pets.onnx");
        let absent = Fingerprint::of(&model);
        fs::write(&model, "1").unwrap();
        let written = Fingerprint::of(&model);
        assert_eq!(Fingerprint::of(&model), written);
        fs::write(folder.path().join("config.json"), "{}").unwrap();
        let described = Fingerprint::of(&model);
        fs::write(folder.path().join("other"), "1").unwrap();
        fs::rename(folder.path().join("other"), &model).unwrap();
        let replaced = Fingerprint::of(&model);
        fs::write(folder.path().join("pets.onnx_data"), "weights").unwrap();
        let all = [absent, written, described, replaced, Fingerprint::of(&model)];
        assert!(all.iter().enumerate().all(|(index, one)| !all[index + 1..].contains(one)), "{all:?}");
    }
}
