//! MaskFormer and Mask2Former: a set of queries, each with a mask and a logit for every class.

use std::borrow::Cow;

use super::{
    ImageOutputs, OutputError, Query,
    decode::{Decode, logit, sigmoid},
    family::Family,
    nms::Candidate,
    queries::{imagenet, in_input, keep_best, plane},
    recognise::{Evidence, Kind, Recognised},
    softmax::Softmax,
};
use crate::{
    mask::{Logits, Mask, Region},
    preprocess::{Filter, ResizeMode},
};

const CLASSES: &str = "class_queries_logits";
const MASKS: &str = "masks_queries_logits";

/// Cells along each side of the grid in which Mask2Former's masks are made.
const MASK2FORMER_SIDE: usize = 384;

/// Keeps the mean of an empty mask from being no number.
const NOTHING: f32 = 1e-6;

/// Objects as masks, whose bounds are their boxes (`post_process_instance_segmentation` of `transformers`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskFormer {
    /// Cells along each side of the grid that logits are interpolated to before they are masks; `None`: they stay.
    side: Option<usize>,
}

impl MaskFormer {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "mask_former",
        expected: "`class_queries_logits` [batch, queries, classes + 1] and `masks_queries_logits` [batch, queries, \
                   height, width]",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let output = |name: &str| evidence.graph.output(name).map(|port| port.dimensions.as_slice());
        let ([_, _, columns], [_, _, _, _]) = (output(CLASSES)?, output(MASKS)?) else {
            return None;
        };
        let interpolates = evidence.description.model_type.as_deref() != Some("maskformer");
        Some(Recognised {
            family: Family::MaskFormer(Self { side: interpolates.then_some(MASK2FORMER_SIDE) }),
            classes: columns.map(|columns| columns.saturating_sub(1)),
            input: imagenet(ResizeMode::Stretch, Filter::BilinearAntialias),
        })
    }

    /// A query's mask as logits in the grid that it is made in.
    fn with_grid<T>(
        self,
        image: &ImageOutputs<'_>,
        row: usize,
        read: impl FnOnce(Logits<'_>) -> T,
    ) -> Result<T, OutputError> {
        let logits = plane(image, MASKS, row)?;
        let (width, height) = self.side.map_or((logits.width, logits.height), |side| (side, side));
        let values = match self.side {
            Some(_) => Cow::Owned(logits.resized(width, height)),
            None => Cow::Borrowed(logits.values),
        };
        Ok(read(Logits { width, height, values: &values }))
    }

    /// A query's box, and the mean score of its mask's cells; `None` for an empty mask.
    fn measure(self, image: &ImageOutputs<'_>, row: usize) -> Result<Option<([f32; 4], f32)>, OutputError> {
        self.with_grid(image, row, |grid| {
            let cells = grid.bounds()?.map(|cell| cell as f32);
            Some((in_input(cells, &grid, image.input), certainty(grid.values)))
        })
    }
}

/// Mean of the scores of the cells that are the object's.
fn certainty(logits: &[f32]) -> f32 {
    let inside = logits.iter().filter(|logit| **logit > 0.0);
    let (sum, count) = inside.fold((0.0, 0.0), |(sum, count), logit| (sum + sigmoid(*logit), count + 1.0));
    sum / (count + NOTHING)
}

impl Decode for MaskFormer {
    fn kind(&self) -> &'static Kind {
        &Self::KIND
    }

    fn suppresses(&self) -> bool {
        false
    }

    /// The best pairs of a query and a class, each of which scores as its class and its mask do together.
    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let classes = image.matrix(CLASSES, None)?;
        let (start, confidence) = (candidates.len(), query.thresholds.confidence);
        let least = logit(confidence);
        for (row, logits) in classes.iter().enumerate() {
            let scores = Softmax::of(logits, least, CLASSES)?.into_iter().flat_map(Softmax::scores);
            // No mask scores more than 1, so what the class alone does not reach both do not.
            let found =
                scores.filter(|(class_id, score)| *score > confidence && query.classes.contains(*class_id));
            candidates.extend(found.map(|(class_id, confidence)| Candidate {
                class_id,
                confidence,
                corners: [0.0; 4],
                row,
            }));
        }
        keep_best(candidates, start, classes.rows);
        candidates[start..].sort_unstable_by_key(|candidate| (candidate.row, candidate.class_id));
        let mut last = None;
        for candidate in &mut candidates[start..] {
            let (row, measured) = match last {
                Some((row, measured)) if row == candidate.row => (row, measured),
                _ => (candidate.row, self.measure(image, candidate.row)?),
            };
            last = Some((row, measured));
            let (corners, certainty) = measured.unwrap_or_default();
            candidate.corners = corners;
            candidate.confidence *= certainty;
        }
        // Those without a mask have no score left.
        candidates.retain(|candidate| candidate.confidence > confidence);
        Ok(())
    }

    fn has_masks(&self) -> bool {
        true
    }

    fn mask(
        &self,
        image: &ImageOutputs<'_>,
        candidate: &Candidate,
        region: Region,
    ) -> Result<Option<Mask>, OutputError> {
        self.with_grid(image, candidate.row, |grid| {
            Some(Mask::from_cells(grid, image.letterbox, image.input, region))
        })
    }
}

#[cfg(test)]
#[path = "mask_former_tests.rs"]
mod tests;
