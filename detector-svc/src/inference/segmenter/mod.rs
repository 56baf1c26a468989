//! The second model, which makes masks for boxes: found, loaded and warmed up.

mod fastsam;
mod files;
mod sam;

use std::path::Path;

use self::{fastsam::FastSam, files::Files, sam::Sam};
use super::{InferenceError, LoadError, RuntimeSettings};
use crate::{
    detection::BoundingBox,
    image::{CHANNELS, Image},
    mask::Mask,
    model::OutputError,
    preprocess::PreprocessError,
    segment::SegmenterSettings,
};

/// Makes masks for boxes; belongs to one thread.
pub trait Segmenter: Send {
    /// Name of its family, for metrics and log lines.
    fn name(&self) -> &'static str;

    /// The mask of the object in each of the `boxes` of an image, in their order; `None` where there is none. The image
    /// has its pixels in [`FASTEST_ORDER`](crate::image::FASTEST_ORDER) and may lose them.
    ///
    /// # Errors
    /// [`SegmentError`]: this image has no masks. The next may have.
    fn segment(
        &mut self,
        image: &mut Image,
        boxes: &[BoundingBox],
    ) -> Result<Vec<Option<Mask>>, SegmentError>;
}

/// Why an image has no masks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The image could not be made into an input.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The segmenter did not run.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// Its outputs cannot be read.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl SegmentError {
    /// What kind of error it is, for metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Preprocess(_) => "preprocess",
            Self::Inference(_) => "inference",
            Self::Output(_) => "outputs",
        }
    }
}

impl From<ort::Error> for SegmentError {
    fn from(error: ort::Error) -> Self {
        Self::Inference(error.into())
    }
}

/// Loads the segmenter that the settings name, if they name one, on the providers of `runtime`, and runs it once for one
/// box and once for as many as an image may have.
///
/// # Errors
/// [`LoadError`] with the files that were looked for, or what is wrong with them.
pub fn load_segmenter(
    settings: &SegmenterSettings,
    runtime: &RuntimeSettings,
) -> Result<Option<Box<dyn Segmenter>>, LoadError> {
    let path = settings.path.as_path();
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let runtime = RuntimeSettings { threads: settings.threads, ..runtime.clone() };
    let unusable = |source| LoadError::Segmenter { path: path.to_owned(), source };
    Ok(Some(match files::find(path, settings.family).map_err(unusable)? {
        Files::Sam { encoder, decoder } => {
            let sam = Sam::load(path, encoder, decoder, &runtime)?;
            let size = sam.input_size();
            warm_up(path, sam, size, settings.max_boxes)?
        }
        Files::FastSam(file) => Box::new(FastSam::load(path, file, &runtime)?),
    }))
}

/// The first runs are slow: memory is planned and kernels are chosen.
fn warm_up<S: Segmenter + 'static>(
    path: &Path,
    mut segmenter: S,
    (width, height): (u32, u32),
    max_boxes: usize,
) -> Result<Box<dyn Segmenter>, LoadError> {
    let whole = BoundingBox { x_min: 0.0, y_min: 0.0, x_max: width as f32, y_max: height as f32 };
    for boxes in [1, max_boxes] {
        let pixels = vec![0; width as usize * height as usize * CHANNELS];
        let mut image = Image { width, height, pixels };
        segmenter
            .segment(&mut image, &vec![whole; boxes])
            .map_err(|source| LoadError::SegmenterWarmUp { path: path.to_owned(), source })?;
    }
    Ok(Box::new(segmenter))
}

#[cfg(test)]
mod tests;
