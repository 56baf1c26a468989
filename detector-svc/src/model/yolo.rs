//! YOLO heads without objectness, as YOLOv8 and its successors, YOLO-World and YOLOE with a fixed vocabulary have them:
//! `[batch, 4 + classes, boxes]`, or transposed; with `[batch, masks, height, width]` beside it, `masks` more values.

use super::{
    ImageOutputs, Matrix, OutputError, Query,
    decode::{Decode, corners},
    family::Family,
    nms::Candidate,
    outputs::numbers,
    prototypes::Prototypes,
    recognise::{Evidence, Kind, Recognised},
    yolo_head::{Head, Share, likeliest, usual_input},
};
use crate::mask::{Mask, Region};

/// Values before the scores: centre x, y, width, height.
const SIDES: usize = 4;

/// Boxes whose scores are looked at together: a page of each class's row, and few enough to stay in the nearest cache.
const BLOCK: usize = 1024;

/// The family: centre x and y, width and height in input pixels, a score 0..=1 for each class, coefficients of a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yolo {
    output: String,
    classes: usize,
    prototypes: Option<Prototypes>,
}

/// The boxes of one image.
#[derive(Clone, Copy, Debug)]
enum Boxes<'a> {
    /// A box is a column.
    Columns(Matrix<'a>),
    /// A box is a row.
    Rows(Matrix<'a>),
}

impl Yolo {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "yolo",
        expected: "[batch, 4 + classes, boxes], or transposed if class names tell that it is, and perhaps prototypes \
                   [batch, masks, height, width] and `masks` more values a box",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let head = Head::of(evidence)?;
        let values = certain(&head).or_else(|| if evidence.named { likely(&head) } else { None })?;
        let classes = head.classes(values, SIDES)?;
        Some(Recognised {
            family: Family::Yolo(Self { output: head.name.to_owned(), classes, prototypes: head.prototypes }),
            classes: Some(classes),
            input: usual_input(),
        })
    }

    /// Values of a box.
    fn values(&self) -> usize {
        SIDES + self.classes + self.prototypes.as_ref().map_or(0, |prototypes| prototypes.count)
    }

    /// The image's boxes, which way round they are. What in them is no number stays.
    fn boxes<'a>(&self, image: &ImageOutputs<'a>) -> Result<Boxes<'a>, OutputError> {
        let (matrix, values) = (image.unchecked_matrix(&self.output, None)?, self.values());
        if matrix.rows == values {
            Ok(Boxes::Columns(matrix))
        } else if matrix.columns == values {
            Ok(Boxes::Rows(matrix))
        } else {
            Err(OutputError::Shape {
                name: self.output.clone(),
                shape: vec![matrix.rows, matrix.columns],
                expected: format!("{values} values a box"),
            })
        }
    }

    fn read_columns(
        &self,
        columns: Matrix<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let boxes = columns.columns;
        let (sides, rest) = columns.data.split_at(SIDES * boxes);
        let (scores, coefficients) = rest.split_at(self.classes * boxes);
        numbers(&self.output, sides)?;
        numbers(&self.output, coefficients)?;
        let scores = Matrix { rows: self.classes, columns: boxes, data: scores };
        let all_numbers = highest(scores, query.thresholds.confidence, |row, confidence| {
            let class_id = scores.iter().position(|scores| scores[row] == confidence);
            if let Some(class_id) = class_id.filter(|class_id| query.classes.contains(*class_id)) {
                let corners = corners(std::array::from_fn(|side| sides[side * boxes + row]));
                candidates.push(Candidate { class_id, confidence, corners, row });
            }
        });
        if all_numbers { Ok(()) } else { Err(OutputError::NotANumber(self.output.clone())) }
    }

    fn read_rows(
        &self,
        rows: Matrix<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        numbers(&self.output, rows.data)?;
        for (row, values) in rows.iter().enumerate() {
            let Some((sides, rest)) = values.split_first_chunk::<SIDES>() else {
                break;
            };
            let scores = rest.get(..self.classes).unwrap_or_default();
            let Some((class_id, confidence)) = likeliest(scores, query.thresholds.confidence) else {
                continue;
            };
            if query.classes.contains(class_id) {
                candidates.push(Candidate { class_id, confidence, corners: corners(*sides), row });
            }
        }
        Ok(())
    }
}

/// Values of a box of a graph that is of the family beyond doubt.
fn certain(head: &Head<'_>) -> Option<usize> {
    let known = head.values(SIDES);
    let columns = head.rows.filter(|rows| match head.share(head.columns) {
        Share::One => true,
        _ if known.is_some() => known == Some(*rows),
        Share::Open => !head.selects,
        Share::Three | Share::Other => false,
    });
    // As many rows of six: a class and a score, of boxes that the graph has selected?
    let selected = head.columns == Some(6 + head.coefficients());
    columns.or(head.columns.filter(|columns| match head.share(head.rows) {
        Share::One => known == Some(*columns),
        Share::Open => known == Some(*columns) && !selected,
        Share::Three | Share::Other => false,
    }))
}

/// Values of a box of a graph that is said to be of the family.
fn likely(head: &Head<'_>) -> Option<usize> {
    let sides = [head.rows, head.columns];
    let known =
        head.values(SIDES).filter(|known| sides.iter().any(|side| side.is_none_or(|side| side == *known)));
    known.or_else(|| match head.share(head.rows) {
        Share::One => head.columns,
        _ => sides.into_iter().flatten().min(),
    })
}

/// Calls `found` with each column whose highest value is above `least`, and that value. Returns whether all values are
/// numbers.
fn highest(scores: Matrix<'_>, least: f32, mut found: impl FnMut(usize, f32)) -> bool {
    let mut broken = false;
    for start in (0..scores.columns).step_by(BLOCK) {
        let end = scores.columns.min(start + BLOCK);
        let mut best = [f32::NEG_INFINITY; BLOCK];
        for row in scores.iter() {
            broken |= raise(&mut best, &row[start..end]);
        }
        for (column, best) in (start..end).zip(best) {
            if best > least {
                found(column, best);
            }
        }
    }
    !broken
}

/// Raises what is below the value in its place. Returns whether a value is no number.
fn raise(best: &mut [f32], values: &[f32]) -> bool {
    let mut broken = false;
    for (best, value) in best.iter_mut().zip(values) {
        broken |= value.is_nan();
        *best = if *value > *best { *value } else { *best };
    }
    broken
}

impl Decode for Yolo {
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
        match self.boxes(image)? {
            Boxes::Columns(columns) => self.read_columns(columns, query, candidates),
            Boxes::Rows(rows) => self.read_rows(rows, query, candidates),
        }
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
        let Some(prototypes) = &self.prototypes else {
            return Ok(None);
        };
        let first = SIDES + self.classes;
        let coefficients: Vec<f32> = match self.boxes(image)? {
            Boxes::Columns(columns) => {
                columns.iter().skip(first).filter_map(|row| row.get(candidate.row).copied()).collect()
            }
            Boxes::Rows(rows) => rows.row(candidate.row).iter().skip(first).copied().collect(),
        };
        prototypes.mask(image, &coefficients, candidate, region).map(Some)
    }
}

#[cfg(test)]
#[path = "yolo_tests.rs"]
mod tests;
