//! Where a segmenter's files are.

use std::path::{Path, PathBuf};

use crate::segment::{SegmenterError, SegmenterFamily};

/// SAM 2's encoder of images.
const ENCODER: &str = "vision_encoder.onnx";
/// SAM 2's decoder of prompts.
const DECODER: &str = "prompt_encoder_mask_decoder.onnx";
/// Names of a folder's entries that an error lists.
const MAX_LISTED: usize = 16;

/// The files of a segmenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Files {
    Sam { encoder: PathBuf, decoder: PathBuf },
    FastSam(PathBuf),
}

/// Finds the files of a segmenter at `path`.
///
/// # Errors
/// What was looked for, and what is there.
pub(super) fn find(path: &Path, family: SegmenterFamily) -> Result<Files, SegmenterError> {
    let sam = format!("a folder with `{ENCODER}` and `{DECODER}`, or with a folder `onnx` that has them");
    let fastsam = "an ONNX file of FastSAM".to_owned();
    let missing = |looked_for: String| Err(SegmenterError::Files { looked_for, found: what_is_at(path) });
    match family {
        SegmenterFamily::Sam2 => sam_files(path).map_or_else(|| missing(sam), Ok),
        SegmenterFamily::FastSam if path.is_file() => Ok(Files::FastSam(path.to_owned())),
        SegmenterFamily::FastSam => missing(fastsam),
        SegmenterFamily::Auto if path.is_file() => Ok(Files::FastSam(path.to_owned())),
        SegmenterFamily::Auto => sam_files(path).map_or_else(|| missing(format!("{sam}, or {fastsam}")), Ok),
    }
}

fn sam_files(folder: &Path) -> Option<Files> {
    [folder.to_owned(), folder.join("onnx")].into_iter().find_map(|folder| {
        let (encoder, decoder) = (folder.join(ENCODER), folder.join(DECODER));
        (encoder.is_file() && decoder.is_file()).then_some(Files::Sam { encoder, decoder })
    })
}

fn what_is_at(path: &Path) -> String {
    if path.is_file() {
        return "a file".to_owned();
    }
    let mut names: Vec<String> = match path.read_dir() {
        Ok(entries) => {
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        }
        Err(error) => return format!("nothing: {error}"),
    };
    names.sort_unstable();
    match names.len().saturating_sub(MAX_LISTED) {
        _ if names.is_empty() => "an empty folder".to_owned(),
        0 => format!("a folder with {}", names.join(", ")),
        more => format!("a folder with {} and {more} more", names[..MAX_LISTED].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    fn message(path: &Path, family: SegmenterFamily) -> String {
        find(path, family).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_sam_and_a_file_is_fastsam() {
        let folder = tempfile::tempdir().unwrap();
        let onnx = folder.path().join("onnx");
        fs::create_dir(&onnx).unwrap();
        for name in [ENCODER, DECODER] {
            fs::write(onnx.join(name), "").unwrap();
        }
        let file = onnx.join(ENCODER);
        let sam = Files::Sam { encoder: file.clone(), decoder: onnx.join(DECODER) };
        for path in [folder.path(), &onnx] {
            assert_eq!(find(path, SegmenterFamily::Auto).unwrap(), sam);
            assert_eq!(find(path, SegmenterFamily::Sam2).unwrap(), sam);
        }
        assert_eq!(find(&file, SegmenterFamily::Auto).unwrap(), Files::FastSam(file.clone()));
        let named = message(&onnx, SegmenterFamily::FastSam);
        assert!(named.contains("FastSAM") && named.contains(ENCODER), "{named}");
        let named = message(&file, SegmenterFamily::Sam2);
        assert!(named.contains(DECODER) && named.contains("found a file"), "{named}");
    }

    #[test]
    fn what_is_missing_is_named_with_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let empty = message(folder.path(), SegmenterFamily::Auto);
        assert!(empty.contains("an empty folder"), "{empty}");
        fs::write(folder.path().join("model.onnx"), "").unwrap();
        fs::write(folder.path().join(ENCODER), "").unwrap();
        let half = message(folder.path(), SegmenterFamily::Auto);
        assert!(half.contains(DECODER) && half.contains("found a folder with model.onnx"), "{half}");
        let nowhere = message(&folder.path().join("sam"), SegmenterFamily::Sam2);
        assert!(nowhere.contains("found nothing"), "{nowhere}");
    }
}
