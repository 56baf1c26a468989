//! YOLO graphs that select boxes themselves, as YOLOv10, YOLO26 and exports with suppression in the graph do:
//! `[batch, boxes, 6]`, with `[batch, masks, height, width]` beside it, `masks` more values.

use super::{
    ImageOutputs, OutputError, Query,
    decode::{Decode, numbered},
    family::Family,
    nms::Candidate,
    prototypes::Prototypes,
    recognise::{Evidence, Kind, Recognised, UNNAMED_CLASSES},
    yolo_head::{Head, Share, usual_input},
};
use crate::mask::{Mask, Region};

/// Values before those of the mask: corners, score, class.
const VALUES: usize = 6;

/// The family: corners in input pixels, a score 0..=1, the number of a class, coefficients of a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YoloEnd2End {
    output: String,
    prototypes: Option<Prototypes>,
}

impl YoloEnd2End {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "yolo_end2end",
        expected: "[batch, boxes, 6] with a number of boxes that is not one for cells, and perhaps prototypes \
                   [batch, masks, height, width] and `masks` more values a box",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let head = Head::of(evidence)?;
        let values = VALUES + head.coefficients();
        let fits = match head.columns {
            Some(columns) => columns == values,
            None => head.selects || evidence.named,
        };
        let certain = match head.share(head.rows) {
            Share::Other => true,
            // Rows of six of another family have one class or two.
            Share::Open => head.selects || head.labels.is_some_and(|labels| labels > 2),
            Share::One | Share::Three => false,
        };
        (fits && (certain || evidence.named)).then(|| Recognised {
            family: Family::YoloEnd2End(Self { output: head.name.to_owned(), prototypes: head.prototypes }),
            classes: head.labels.is_none().then_some(UNNAMED_CLASSES),
            input: usual_input(),
        })
    }

    /// Values of a box.
    fn values(&self) -> usize {
        VALUES + self.prototypes.as_ref().map_or(0, |prototypes| prototypes.count)
    }
}

impl Decode for YoloEnd2End {
    fn kind(&self) -> &'static Kind {
        &Self::KIND
    }

    fn suppresses(&self) -> bool {
        false
    }

    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let rows = image.matrix(&self.output, Some(self.values()))?;
        for (row, values) in rows.iter().enumerate() {
            let Some(([x_min, y_min, x_max, y_max, confidence, class], _)) =
                values.split_first_chunk::<VALUES>()
            else {
                break;
            };
            if *confidence <= query.thresholds.confidence {
                continue;
            }
            if let Some(class_id) = numbered(&self.output, *class, query)? {
                let corners = [*x_min, *y_min, *x_max, *y_max];
                candidates.push(Candidate { class_id, confidence: *confidence, corners, row });
            }
        }
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
#[path = "yolo_end2end_tests.rs"]
mod tests;
