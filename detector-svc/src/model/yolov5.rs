//! YOLO heads with objectness and three boxes a cell, as YOLOv5 and YOLOv7 have them: `[batch, boxes, 5 + classes]`,
//! with `[batch, masks, height, width]` beside it, `masks` more values.

use super::{
    ImageOutputs, OutputError, Query,
    decode::Decode,
    family::Family,
    nms::Candidate,
    prototypes::Prototypes,
    recognise::{Evidence, Kind, Recognised},
    yolo_head::{Head, Share, objects, usual_input},
};
use crate::mask::{Mask, Region};

/// Values before the scores: centre x, y, width, height, objectness.
pub(super) const BEFORE_SCORES: usize = 5;

/// The family: centre x and y, width and height in input pixels, objectness 0..=1, a score 0..=1 for each class,
/// coefficients of a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yolov5 {
    output: String,
    classes: usize,
    prototypes: Option<Prototypes>,
}

impl Yolov5 {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "yolov5",
        expected: "[batch, boxes, 5 + classes] with three boxes a cell, and perhaps prototypes \
                   [batch, masks, height, width] and `masks` more values a box",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let head = Head::of(evidence)?;
        let known = head.values(BEFORE_SCORES);
        let certain = match head.share(head.rows) {
            Share::Three => true,
            // Its exporter says little, but that; rows of six may also be boxes that the graph has selected.
            Share::Open => {
                evidence.graph.metadata.contains_key("stride")
                    && known.is_some_and(|known| head.columns == Some(known))
                    && head.columns != Some(6 + head.coefficients())
            }
            Share::One | Share::Other => false,
        };
        let values = if certain || evidence.named { head.columns.or(known) } else { None };
        let classes = head.classes(values?, BEFORE_SCORES)?;
        Some(Recognised {
            family: Family::Yolov5(Self {
                output: head.name.to_owned(),
                classes,
                prototypes: head.prototypes,
            }),
            classes: Some(classes),
            input: usual_input(),
        })
    }

    /// Values of a box.
    fn values(&self) -> usize {
        BEFORE_SCORES + self.classes + self.prototypes.as_ref().map_or(0, |prototypes| prototypes.count)
    }
}

impl Decode for Yolov5 {
    fn kind(&self) -> &'static Kind {
        &Self::KIND
    }

    fn suppresses(&self) -> bool {
        true
    }

    /// A box is a candidate for its likeliest class only.
    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let rows = image.matrix(&self.output, Some(self.values()))?;
        objects(rows, self.classes, query, |_, sides| sides, candidates);
        Ok(())
    }

    fn has_masks(&self) -> bool {
        self.prototypes.is_some()
    }

    fn mask(
        &self,
        image: &ImageOutputs<'_>,
        candidate: &Candidate,
        region: Region,
    ) -> Result<Option<Mask>, OutputError> {
        let rows = (self.output.as_str(), self.values());
        let mask = |prototypes: &Prototypes| prototypes.mask_of_row(image, rows, candidate, region);
        self.prototypes.as_ref().map(mask).transpose()
    }
}

#[cfg(test)]
#[path = "yolov5_tests.rs"]
mod tests;
