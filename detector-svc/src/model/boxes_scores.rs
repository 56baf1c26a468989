//! Graphs that decode boxes themselves: `boxes` `[batch, n, 4]` in input pixels, `scores` `[batch, n, classes]`.

use super::{
    ClassSet, GraphInfo, OutputError, Outputs, Query,
    graph::Matrix,
    nms::{Candidate, Scratch},
};
use crate::{detection::Detection, preprocess::Letterbox};

const BOXES: &str = "boxes";
const SCORES: &str = "scores";

/// The family of NanoDet and of exports with the box decoding in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxesScores;

impl BoxesScores {
    /// Name of the family.
    pub const NAME: &'static str = "boxes_scores";
    /// What a graph of this family has, for messages.
    pub(super) const EXPECTED: &'static str = "`boxes` [batch, n, 4] and `scores` [batch, n, classes]";

    /// The family and its number of classes, when the graph is one of it.
    pub(super) fn recognise(graph: &GraphInfo) -> Option<(Self, Option<usize>)> {
        let (boxes, scores) = (graph.output(BOXES)?, graph.output(SCORES)?);
        match (boxes.dimensions.as_slice(), scores.dimensions.as_slice()) {
            ([_, _, Some(4)], [_, _, classes]) => Some((Self, *classes)),
            _ => None,
        }
    }

    /// Scores above the threshold become candidates, class by class; overlapping ones of a class are suppressed in
    /// the model's own pixels, and only then do boxes go to the image's and lose what lies outside it. What is found
    /// replaces what is in `found`.
    pub(super) fn postprocess(
        &self,
        outputs: &Outputs<'_>,
        index: usize,
        letterbox: &Letterbox,
        query: &Query<'_>,
        scratch: &mut Scratch,
        found: &mut Vec<Detection>,
    ) -> Result<(), OutputError> {
        found.clear();
        let boxes = outputs.matrix(BOXES, index, Some(4))?;
        let scores = outputs.matrix(SCORES, index, None)?;
        if boxes.rows != scores.rows {
            return Err(OutputError::Shape {
                name: BOXES.into(),
                shape: vec![boxes.rows, boxes.columns],
                expected: format!("as many boxes as `{SCORES}` has rows ({})", scores.rows),
            });
        }
        let Query { thresholds, classes } = query;
        gather(&boxes, &scores, thresholds.confidence, classes, &mut scratch.candidates);
        let objects = scratch.suppress(thresholds.iou).map(|candidate| Detection {
            class_id: candidate.class_id,
            confidence: candidate.confidence,
            bounding_box: letterbox.to_source(candidate.corners),
            track_id: None,
        });
        // A box in the padding has nothing of the image, and must not take the place of one that has.
        let visible = objects.filter(|detection| detection.bounding_box.area() > 0.0);
        found.extend(visible.take(thresholds.max_detections));
        Ok(())
    }
}

/// Boxes and scores above `least`, of the classes that are wanted, in the order of rows, in place of what there was.
fn gather(
    boxes: &Matrix<'_>,
    scores: &Matrix<'_>,
    least: f32,
    classes: &ClassSet,
    candidates: &mut Vec<Candidate>,
) {
    candidates.clear();
    for (corners, row) in boxes.data.chunks_exact(4).zip(scores.data.chunks_exact(scores.columns.max(1))) {
        // Nearly every row has no score above the threshold: a branch-free maximum rejects it at full speed.
        // One with values that are no numbers is the model's mistake, none of it is to be believed.
        if row.iter().copied().fold(f32::MIN, f32::max) <= least
            || !corners.iter().chain(row).all(|value| value.is_finite())
        {
            continue;
        }
        let corners = [corners[0], corners[1], corners[2], corners[3]];
        let wanted =
            row.iter().enumerate().filter(|(class_id, score)| **score > least && classes.contains(*class_id));
        candidates.extend(wanted.map(|(class_id, &confidence)| Candidate { class_id, confidence, corners }));
    }
}

#[cfg(test)]
#[path = "boxes_scores_tests.rs"]
mod tests;
