//! Graphs that decode boxes themselves: `boxes` `[batch, n, 4]` in input pixels, `scores` `[batch, n, classes]`.

use super::{GraphInfo, OutputError, Outputs, Thresholds, nms};
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

    /// Scores above the threshold become candidates, class by class; overlapping ones of a class are suppressed.
    pub(super) fn postprocess(
        &self,
        outputs: &Outputs<'_>,
        index: usize,
        letterbox: &Letterbox,
        thresholds: &Thresholds,
    ) -> Result<Vec<Detection>, OutputError> {
        let boxes = outputs.matrix(BOXES, index, Some(4))?;
        let scores = outputs.matrix(SCORES, index, None)?;
        if boxes.rows != scores.rows {
            return Err(OutputError::Shape {
                name: BOXES.into(),
                shape: vec![boxes.rows, boxes.columns],
                expected: format!("as many boxes as `{SCORES}` has rows ({})", scores.rows),
            });
        }
        let mut candidates = Vec::new();
        for (corners, row) in boxes.data.chunks_exact(4).zip(scores.data.chunks_exact(scores.columns.max(1)))
        {
            // Nearly every row has no score above the threshold: a branch-free maximum rejects it at full speed.
            if row.iter().copied().fold(f32::MIN, f32::max) <= thresholds.confidence {
                continue;
            }
            let bounding_box = letterbox.to_source([corners[0], corners[1], corners[2], corners[3]]);
            let above = row.iter().enumerate().filter(|(_, score)| **score > thresholds.confidence);
            candidates.extend(above.map(|(class_id, &confidence)| Detection {
                class_id,
                confidence,
                bounding_box,
            }));
        }
        Ok(nms::suppress(candidates, thresholds.iou, thresholds.max_detections))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{model::Output, preprocess::ResizeMode};

    const THRESHOLDS: Thresholds = Thresholds { confidence: 0.35, iou: 0.6, max_detections: 100 };

    fn run(boxes: &[f32], scores: &[f32], index: usize) -> Result<Vec<Detection>, OutputError> {
        let rows = 2;
        let outputs = Outputs(vec![
            Output { name: "scores", shape: vec![scores.len() / rows / 2, rows, 2], data: scores },
            Output { name: "boxes", shape: vec![boxes.len() / rows / 4, rows, 4], data: boxes },
        ]);
        let letterbox = Letterbox::new(ResizeMode::LetterboxTopLeft, (200, 100), (100, 100));
        BoxesScores.postprocess(&outputs, index, &letterbox, &THRESHOLDS)
    }

    #[test]
    fn boxes_come_back_in_source_pixels_most_confident_first() {
        let found = run(&[0.0, 0.0, 10.0, 10.0, 50.0, 20.0, 60.0, 40.0], &[0.4, 0.0, 0.1, 0.9], 0).unwrap();
        assert_eq!(found.iter().map(|d| d.class_id).collect::<Vec<_>>(), [1, 0]);
        assert!(
            (found[0].bounding_box.x_max - 120.0).abs() < 1e-4
                && (found[0].bounding_box.y_max - 80.0).abs() < 1e-4
        );
    }

    #[test]
    fn each_image_of_a_batch_reads_its_own_part() {
        let boxes: Vec<f32> = [[0.0, 0.0, 1.0, 1.0]; 4].concat();
        let scores = [0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(run(&boxes, &scores, 0).unwrap().len(), 1);
        assert_eq!(run(&boxes, &scores, 1).unwrap().len(), 0);
        assert!(run(&boxes, &scores, 2).is_err());
    }

    #[test]
    fn nan_scores_and_boxes_find_nothing_that_is_not_there() {
        let found = run(&[f32::NAN; 8], &[f32::NAN, f32::NAN, 0.2, 0.1], 0).unwrap();
        assert!(found.is_empty(), "{found:?}");
    }
}
