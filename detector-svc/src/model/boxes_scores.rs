//! Graphs that decode boxes themselves: `boxes` `[batch, n, 4]` in input pixels, `scores` `[batch, n, classes]`.

use super::{
    ImageOutputs, OutputError, Query,
    decode::{Decode, above},
    family::Family,
    nms::Candidate,
    recognise::{Evidence, Input, Kind, Recognised},
};

const BOXES: &str = "boxes";
const SCORES: &str = "scores";

/// The family of NanoDet and of exports with the box decoding in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxesScores;

impl BoxesScores {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "boxes_scores",
        expected: "`boxes` [batch, n, 4] and `scores` [batch, n, classes]",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let (boxes, scores) = (evidence.graph.output(BOXES)?, evidence.graph.output(SCORES)?);
        match (boxes.dimensions.as_slice(), scores.dimensions.as_slice()) {
            ([_, _, Some(4)], [_, _, classes]) => Some(Recognised {
                family: Family::BoxesScores(Self),
                classes: *classes,
                input: Input::default(),
            }),
            _ => None,
        }
    }
}

impl Decode for BoxesScores {
    fn kind(&self) -> &'static Kind {
        &Self::KIND
    }

    fn suppresses(&self) -> bool {
        true
    }

    /// Every score above the threshold is a candidate.
    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let boxes = image.matrix(BOXES, Some(4))?;
        let scores = image.matrix(SCORES, None)?;
        if boxes.rows != scores.rows {
            return Err(OutputError::Shape {
                name: BOXES.into(),
                shape: vec![boxes.rows, boxes.columns],
                expected: format!("as many boxes as `{SCORES}` has rows ({})", scores.rows),
            });
        }
        for (row, (corners, scores)) in boxes.data.as_chunks::<4>().0.iter().zip(scores.iter()).enumerate() {
            let found = above(scores, query);
            candidates.extend(found.map(|(class_id, confidence)| Candidate {
                class_id,
                confidence,
                corners: *corners,
                row,
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "boxes_scores_tests.rs"]
mod tests;
