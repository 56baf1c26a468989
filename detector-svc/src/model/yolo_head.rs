//! What YOLO graphs have in common: one output of boxes, perhaps another of masks, and a box or three for each cell of
//! grids over the input.

use super::{
    Matrix, Query,
    decode::{corners, maximum},
    nms::Candidate,
    prototypes::Prototypes,
    recognise::{Evidence, Input},
};
use crate::preprocess::ResizeMode;

/// Sides of the cells of the grids that heads are made of, in pixels.
const STRIDES: [&[u32]; 4] = [&[8, 16, 32], &[8, 16, 32, 64], &[4, 8, 16, 32], &[16, 32]];

/// The output that boxes are in, `[batch, rows, columns]`, and what is known of it beside.
pub(super) struct Head<'a> {
    /// Name of the output.
    pub(super) name: &'a str,
    /// Its rows, when the graph tells.
    pub(super) rows: Option<usize>,
    /// Values a row, when the graph tells.
    pub(super) columns: Option<usize>,
    /// What masks are made of.
    pub(super) prototypes: Option<Prototypes>,
    /// Number of classes by the names that are known.
    pub(super) labels: Option<usize>,
    /// Whether the exporter says that the graph selects boxes itself.
    pub(super) selects: bool,
    /// Width and height of the input in pixels.
    size: Option<(u32, u32)>,
}

/// How many boxes there are for each cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    One,
    Three,
    /// The number is not one of boxes for each cell.
    Other,
    /// The graph leaves the number or its input's size open.
    Open,
}

impl<'a> Head<'a> {
    /// The only output of rows and columns, when nothing but prototypes is beside it.
    pub(super) fn of(evidence: &Evidence<'a>) -> Option<Self> {
        let (mut boxes, mut planes) = (None, None);
        for port in &evidence.graph.outputs {
            let place = match port.dimensions.as_slice() {
                [_, _, _] => &mut boxes,
                [_, _, _, _] => &mut planes,
                // The maps that boxes are made of: older exporters return them too.
                [_, Some(3), _, _, _] => continue,
                _ => return None,
            };
            if place.replace(port).is_some() {
                return None;
            }
        }
        let boxes = boxes?;
        let prototypes = match planes {
            Some(port) => Some(Prototypes::of(port)?),
            None => None,
        };
        let said = |key: &str| evidence.graph.metadata.get(key).map_or("", String::as_str);
        Some(Self {
            name: &boxes.name,
            rows: boxes.dimensions[1],
            columns: boxes.dimensions[2],
            prototypes,
            labels: evidence.labels.map(<[String]>::len),
            selects: said("end2end").eq_ignore_ascii_case("true") || said("args").contains("'nms': True"),
            size: evidence.size,
        })
    }

    /// Values of a box for its mask.
    pub(super) fn coefficients(&self) -> usize {
        self.prototypes.as_ref().map_or(0, |prototypes| prototypes.count)
    }

    /// Classes of a box that has so many values, `others` of them neither scores nor for its mask.
    pub(super) fn classes(&self, values: usize, others: usize) -> Option<usize> {
        values.checked_sub(others + self.coefficients()).filter(|classes| *classes > 0)
    }

    /// Values of a box by the names of classes that are known.
    pub(super) fn values(&self, others: usize) -> Option<usize> {
        self.labels?.checked_add(others + self.coefficients())
    }

    /// How many boxes there are for each cell if there are `count`.
    pub(super) fn share(&self, count: Option<usize>) -> Share {
        let (Some(count), Some(size)) = (count, self.size) else {
            return Share::Open;
        };
        let is = |per_cell: usize| STRIDES.iter().any(|strides| cells(strides, size) * per_cell == count);
        if is(1) {
            Share::One
        } else if is(3) {
            Share::Three
        } else {
            Share::Other
        }
    }
}

/// Cells of all grids over an input of `size` pixels.
fn cells(strides: &[u32], (width, height): (u32, u32)) -> usize {
    strides.iter().map(|stride| width.div_ceil(*stride) as usize * height.div_ceil(*stride) as usize).sum()
}

/// The grids of so many cells over an input of `size` pixels.
pub(super) fn grids(count: usize, size: (u32, u32)) -> Option<&'static [u32]> {
    STRIDES.into_iter().find(|strides| cells(strides, size) == count)
}

/// Left and top edge of a cell and its side, in pixels; cells are counted row by row, the first grid first.
pub(super) fn cell(strides: &[u32], (width, height): (u32, u32), mut index: usize) -> Option<[f32; 3]> {
    for stride in strides {
        let (across, down) = (width.div_ceil(*stride) as usize, height.div_ceil(*stride) as usize);
        if index < across * down {
            let side = *stride as f32;
            return Some([(index % across) as f32 * side, (index / across) as f32 * side, side]);
        }
        index -= across * down;
    }
    None
}

/// How the trainers of most YOLO models make the input: letterboxed in the middle of grey, red first, pixels 0..=1.
pub(super) fn usual_input() -> Input {
    Input { resize: ResizeMode::LetterboxCentre, ..Input::default() }
}

/// The class of the highest score, the first of several, and that score, when it is above `least`.
pub(super) fn likeliest(scores: &[f32], least: f32) -> Option<(usize, f32)> {
    let best = maximum(scores);
    if best > least {
        scores.iter().position(|score| *score == best).map(|class_id| (class_id, best))
    } else {
        None
    }
}

/// Adds the boxes of rows `x, y, width, height, objectness, class scores, …` (all scores 0..=1) whose objectness times
/// best score is above the threshold. `decode` makes of a row's number and its first four values a centre and a size in
/// input pixels.
pub(super) fn objects(
    rows: Matrix<'_>,
    classes: usize,
    query: &Query<'_>,
    decode: impl Fn(usize, [f32; 4]) -> [f32; 4],
    candidates: &mut Vec<Candidate>,
) {
    let least = query.thresholds.confidence;
    for (row, values) in rows.iter().enumerate() {
        let Some(([x, y, width, height, objectness], rest)) = values.split_first_chunk::<5>() else {
            return;
        };
        // Nearly every row ends here.
        if *objectness <= least {
            continue;
        }
        let Some((class_id, score)) = likeliest(rest.get(..classes).unwrap_or_default(), least) else {
            continue;
        };
        let confidence = objectness * score;
        if confidence > least && query.classes.contains(class_id) {
            let corners = corners(decode(row, [*x, *y, *width, *height]));
            candidates.push(Candidate { class_id, confidence, corners, row });
        }
    }
}

#[cfg(test)]
#[path = "yolo_head_tests.rs"]
mod tests;
