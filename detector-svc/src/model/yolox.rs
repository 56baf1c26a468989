//! YOLO heads with objectness and one box a cell, as YOLOX has them: `[batch, boxes, 5 + classes]`.

use super::{
    ImageOutputs, OutputError, Query,
    decode::Decode,
    family::Family,
    nms::Candidate,
    recognise::{Evidence, Input, Kind, Recognised},
    yolo_head::{Head, Share, cell, grids, objects},
    yolov5::BEFORE_SCORES,
};
use crate::image::{CHANNELS, ColorOrder};

/// Values of a box of `yolo` transposed that knows the classes of COCO, which most models do.
const COCO_WITHOUT_OBJECTNESS: usize = 84;

/// The family: a box, objectness 0..=1 and a score 0..=1 for each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yolox {
    output: String,
    classes: usize,
    /// Whether a box is centre x and y, width and height in input pixels; else the centre is counted from its cell, in
    /// cells, and the size is the logarithm of that in cells.
    decoded: bool,
}

impl Yolox {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "yolox",
        expected: "[batch, boxes, 5 + classes] with one box a cell",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let head = Head::of(evidence).filter(|head| head.prototypes.is_none())?;
        // YOLOv6 and its like have the same shape, and sides that are distributions.
        if !evidence.named && evidence.graph.operators.contains("Softmax") {
            return None;
        }
        let known = head.values(BEFORE_SCORES);
        let without_objectness = head.values(BEFORE_SCORES - 1).unwrap_or(COCO_WITHOUT_OBJECTNESS);
        let certain = head.share(head.rows) == Share::One && head.columns != Some(without_objectness);
        let values = if certain || evidence.named { head.columns.or(known) } else { None };
        let classes = head.classes(values?, BEFORE_SCORES)?;
        // Sizes are powers of e, and nothing else in such a graph is.
        let decodes = evidence.graph.operators.contains("Exp");
        let decoded = evidence.description.decoded.unwrap_or(decodes);
        Some(Recognised {
            family: Family::Yolox(Self { output: head.name.to_owned(), classes, decoded }),
            classes: Some(classes),
            input: Input {
                color: ColorOrder::Bgr,
                mean: [0.0; CHANNELS],
                std: [1.0; CHANNELS],
                ..Input::default()
            },
        })
    }
}

impl Decode for Yolox {
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
        let rows = image.matrix(&self.output, Some(BEFORE_SCORES + self.classes))?;
        if self.decoded {
            objects(rows, self.classes, query, |_, sides| sides, candidates);
            return Ok(());
        }
        let grids = grids(rows.rows, image.input).ok_or_else(|| OutputError::Shape {
            name: self.output.clone(),
            shape: vec![rows.rows, rows.columns],
            expected: format!(
                "a box for each cell of the input of {}x{} pixels",
                image.input.0, image.input.1
            ),
        })?;
        let decode = |row: usize, [x, y, width, height]: [f32; 4]| {
            let [left, top, side] = cell(grids, image.input, row).unwrap_or_default();
            [x * side + left, y * side + top, width.exp() * side, height.exp() * side]
        };
        objects(rows, self.classes, query, decode, candidates);
        Ok(())
    }
}

#[cfg(test)]
#[path = "yolox_tests.rs"]
mod tests;
