//! What families of models share in reading their outputs.

use super::{ImageOutputs, OutputError, Query, nms::Candidate, recognise::Kind, text::QueryLayout};
use crate::mask::{Mask, Region};

/// How a family encodes detections in its outputs.
pub(super) trait Decode {
    /// How graphs are held against the family.
    fn kind(&self) -> &'static Kind;

    /// Whether one object may be found several times, so that overlapping boxes of one class are one.
    fn suppresses(&self) -> bool;

    /// Adds everything that the outputs say of an image with a score above the threshold of a class that is wanted.
    ///
    /// # Errors
    /// The outputs are not those of the family.
    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError>;

    /// How the family is asked in words; `None` when it looks for what it was trained with.
    fn query_layout(&self) -> Option<QueryLayout> {
        None
    }

    /// Whether the family tells which pixels are an object's.
    fn has_masks(&self) -> bool {
        false
    }

    /// Which pixels of the `region` of the source image that a candidate's box is in are the object's; `None` when
    /// the family does not tell.
    ///
    /// # Errors
    /// The outputs are not those of the family.
    fn mask(
        &self,
        image: &ImageOutputs<'_>,
        candidate: &Candidate,
        region: Region,
    ) -> Result<Option<Mask>, OutputError> {
        let _ = (image, candidate, region);
        Ok(None)
    }
}

/// The classes of a row of scores that are wanted and score above the threshold.
pub(super) fn above<'a>(
    scores: &'a [f32],
    query: &'a Query<'_>,
) -> impl Iterator<Item = (usize, f32)> + use<'a> {
    let least = query.thresholds.confidence;
    // Nearly every row has no score above the threshold: a branch-free maximum rejects it at full speed.
    let row = if maximum(scores) > least { scores } else { &[] };
    let scored = row.iter().copied().enumerate();
    scored.filter(move |(class_id, score)| *score > least && query.classes.contains(*class_id))
}

/// The highest value; what is no number does not count.
pub(super) fn maximum(values: &[f32]) -> f32 {
    let higher = |best: f32, value: f32| if value > best { value } else { best };
    // Eight at a time: in a single chain each comparison would wait for the one before.
    let (chunks, rest) = values.as_chunks::<8>();
    let mut best = [f32::NEG_INFINITY; 8];
    for chunk in chunks {
        best = std::array::from_fn(|lane| higher(best[lane], chunk[lane]));
    }
    best.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, higher)
}

/// The class that an output gives by its number, counted from 0, when it is wanted. None for one below 0: exporters fill
/// rows that hold nothing with it.
///
/// # Errors
/// There is no label for it.
pub(super) fn numbered(output: &str, class: f32, query: &Query<'_>) -> Result<Option<usize>, OutputError> {
    let labels = query.vocabulary.labels.len();
    let class_id = class.round();
    if class_id >= labels as f32 {
        return Err(OutputError::Class { name: output.to_owned(), class, labels });
    }
    let class_id = class_id as usize;
    Ok((class > -0.5 && query.classes.contains(class_id)).then_some(class_id))
}

/// The logistic function: from a logit to a score, 0..=1.
pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The logit whose [`sigmoid`] is a score: compared with logits, it spares working out theirs.
pub(super) fn logit(score: f32) -> f32 {
    (score / (1.0 - score)).ln()
}

/// Corners of a box that is given by its centre and size.
pub(super) fn corners([x, y, width, height]: [f32; 4]) -> [f32; 4] {
    [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0]
}

/// Corners in input pixels of those in parts of the input, 0..=1.
pub(super) fn scaled(corners: [f32; 4], (width, height): (u32, u32)) -> [f32; 4] {
    let (width, height) = (width as f32, height as f32);
    [corners[0] * width, corners[1] * height, corners[2] * width, corners[3] * height]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logit_of_a_score_is_where_the_sigmoid_reaches_it() {
        for score in [0.0, 0.01, 0.35, 0.5, 0.99, 1.0] {
            assert!((sigmoid(logit(score)) - score).abs() < 1e-6, "{score}");
        }
    }

    #[test]
    fn a_box_by_its_centre_has_corners() {
        assert_eq!(corners([5.0, 7.0, 4.0, 2.0]), [3.0, 6.0, 7.0, 8.0]);
        assert_eq!(scaled([0.0, 0.25, 0.5, 1.0], (8, 4)), [0.0, 1.0, 4.0, 4.0]);
    }
}
