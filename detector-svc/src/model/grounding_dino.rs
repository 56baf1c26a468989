//! Grounding DINO: `logits` `[batch, n, tokens]` score each box of `pred_boxes` `[batch, n, 4]` against every word of all
//! queries; boxes are by their centre and size in parts of the image, or of the input where the graph is not told of the image.
//!
//! Liu et al., *Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object Detection*, 2023.

use std::ops::Range;

use super::{
    ImageOutputs, OutputError, Query, SideInputKind,
    decode::{Decode, logit, sigmoid},
    family::Family,
    nms::Candidate,
    queries::{imagenet, place},
    recognise::{Evidence, Kind, Recognised},
    text::QueryLayout,
};
use crate::preprocess::{Filter, ResizeMode};

const LOGITS: &str = "logits";
const BOXES: &str = "pred_boxes";

/// The family of Grounding DINO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroundingDino {
    /// Whether the graph is told where the image is, so that boxes are parts of that rather than of the input.
    masked: bool,
}

impl GroundingDino {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "grounding_dino",
        expected: "`input_ids`, `token_type_ids`, and `logits` [batch, n, tokens] and `pred_boxes` [batch, n, 4]",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let graph = evidence.graph;
        let has = |kind| graph.inputs.iter().any(|port| SideInputKind::of(&port.name) == Some(kind));
        let masked = has(SideInputKind::PixelMask);
        let of_bert = has(SideInputKind::TokenTypeIds) || masked;
        let (logits, boxes) = (graph.output(LOGITS)?, graph.output(BOXES)?);
        let fits =
            matches!(boxes.dimensions.as_slice(), [_, _, Some(4) | None]) && logits.dimensions.len() == 3;
        (fits && of_bert && has(SideInputKind::TokenIds)).then_some(Recognised {
            family: Family::GroundingDino(Self { masked }),
            classes: None,
            input: imagenet(ResizeMode::LetterboxTopLeft, Filter::BilinearAntialias),
        })
    }
}

impl Decode for GroundingDino {
    fn kind(&self) -> &'static Kind {
        &Self::KIND
    }

    fn suppresses(&self) -> bool {
        false
    }

    fn query_layout(&self) -> Option<QueryLayout> {
        Some(QueryLayout::OneText)
    }

    /// A box counts by its best token; what it is says the query whose word is the best, if that word counts.
    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let logits = image.matrix(LOGITS, None)?;
        let boxes = image.matrix(BOXES, Some(4))?;
        let spans = query.vocabulary.prompt.as_ref().map_or(&[][..], |prompt| &prompt.spans);
        let tokens = spans.last().map_or(0, |span| span.end);
        if boxes.rows != logits.rows || logits.columns < tokens {
            return Err(OutputError::Shape {
                name: LOGITS.into(),
                shape: vec![logits.rows, logits.columns],
                expected: format!(
                    "a row for each of {} boxes, a column for each of {tokens} tokens",
                    boxes.rows
                ),
            });
        }
        let (least, least_word) = (logit(query.thresholds.confidence), logit(query.thresholds.text));
        for (row, (centre, logits)) in boxes.data.as_chunks::<4>().0.iter().zip(logits.iter()).enumerate() {
            let best = highest(logits);
            if best <= least {
                continue;
            }
            let Some((class_id, _)) = phrase(logits, spans).filter(|(_, word)| *word > least_word) else {
                continue;
            };
            if query.classes.contains(class_id) {
                let corners = place(image, *centre, self.masked);
                candidates.push(Candidate { class_id, confidence: sigmoid(best), corners, row });
            }
        }
        Ok(())
    }
}

/// The query with the best word, and that word's logit.
fn phrase(logits: &[f32], spans: &[Range<usize>]) -> Option<(usize, f32)> {
    let words = spans.iter().map(|span| logits.get(span.clone()).map_or(f32::NEG_INFINITY, highest));
    // Of like ones the first.
    words.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn highest(logits: &[f32]) -> f32 {
    logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
#[path = "grounding_dino_tests.rs"]
mod tests;
