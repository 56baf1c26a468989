//! What the families share that look for objects with a set of queries.

use super::{
    ImageOutputs, Matrix, OutputError,
    decode::{corners, scaled},
    nms::Candidate,
    recognise::Input,
};
use crate::{
    image::{CHANNELS, ColorOrder},
    mask::{Logits, Mask, Region},
    preprocess::{Filter, ResizeMode},
};

/// Mean and standard deviation of each channel over ImageNet, 0..=255 scale.
pub(super) const IMAGENET_MEAN: [f32; CHANNELS] = [123.675, 116.28, 103.53];
const IMAGENET_STD: [f32; CHANNELS] = [58.395, 57.12, 57.375];

/// The input of a model on a backbone that was trained with ImageNet: what is padded is padded with zeros after
/// normalisation.
pub(super) fn imagenet(resize: ResizeMode, filter: Filter) -> Input {
    Input {
        color: ColorOrder::Rgb,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        padding: IMAGENET_MEAN,
        resize,
        filter,
    }
}

/// Refuses outputs that have not a row for each query.
pub(super) fn as_many(boxes: (&str, Matrix<'_>), rows: usize, name: &str) -> Result<(), OutputError> {
    let (output, Matrix { rows: found, columns, .. }) = boxes;
    if found == rows {
        return Ok(());
    }
    let expected = format!("as many rows as `{name}` has ({rows})");
    Err(OutputError::Shape { name: output.to_owned(), shape: vec![found, columns], expected })
}

/// Leaves of the candidates from `start` on the `most` most confident, of like ones those of the first queries.
pub(super) fn keep_best(candidates: &mut Vec<Candidate>, start: usize, most: usize) {
    let found = &mut candidates[start..];
    if found.len() <= most {
        return;
    }
    found.select_nth_unstable_by(most, |a, b| {
        b.confidence.total_cmp(&a.confidence).then((a.row, a.class_id).cmp(&(b.row, b.class_id)))
    });
    candidates.truncate(start + most);
}

/// A query's plane of an output of shape `[batch, queries, height, width]`.
///
/// # Errors
/// [`OutputError`]: there is no such output or plane, or something in the plane is no number.
pub(super) fn plane<'a>(
    image: &ImageOutputs<'a>,
    name: &str,
    query: usize,
) -> Result<Logits<'a>, OutputError> {
    let planes = image.planes(name)?;
    if query >= planes.count {
        let shape = vec![planes.count, planes.rows, planes.columns];
        let expected = format!("a plane for query {query}");
        return Err(OutputError::Shape { name: name.to_owned(), shape, expected });
    }
    let plane = planes.plane(query);
    if plane.data.iter().fold(false, |broken, value| broken | value.is_nan()) {
        return Err(OutputError::NotANumber(name.to_owned()));
    }
    Ok(Logits { width: plane.columns, height: plane.rows, values: plane.data })
}

/// The mask that logits over the input give, wherever in the image it is: boxes may be smaller.
pub(super) fn whole_mask(image: &ImageOutputs<'_>, logits: Logits<'_>) -> Mask {
    let (width, height) = image.letterbox.source_size();
    let Some([left, top, right, bottom]) = logits.bounds() else {
        return Mask::from_logits(logits, image.letterbox, image.input, Region::default());
    };
    // Between two cells it may reach as far as the next one's centre.
    let cells = [left as f32 - 1.0, top as f32 - 1.0, right as f32 + 1.0, bottom as f32 + 1.0];
    let bounds = image.letterbox.to_source(in_input(cells, &logits, image.input));
    Mask::from_logits(logits, image.letterbox, image.input, Region::around(&bounds, width, height))
}

/// Corners in pixels of the input of those in cells of a grid over it.
pub(super) fn in_input(cells: [f32; 4], grid: &Logits<'_>, input: (u32, u32)) -> [f32; 4] {
    let (across, down) = (input.0 as f32 / grid.width as f32, input.1 as f32 / grid.height as f32);
    [cells[0] * across, cells[1] * down, cells[2] * across, cells[3] * down]
}

/// Corners in pixels of the input, of a box by its centre and size in parts of the image's own area where the graph is
/// told of that (`masked`), of the whole input otherwise.
pub(super) fn place(image: &ImageOutputs<'_>, centred: [f32; 4], masked: bool) -> [f32; 4] {
    let ((left, top), size) = match masked {
        true => (image.letterbox.offset(), image.letterbox.scaled_size()),
        false => ((0, 0), image.input),
    };
    let [x_min, y_min, x_max, y_max] = scaled(corners(centred), size);
    let (left, top) = (left as f32, top as f32);
    [x_min + left, y_min + top, x_max + left, y_max + top]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Outputs, preprocess::Letterbox};

    #[test]
    fn boxes_are_parts_of_the_image_where_the_graph_is_told_of_it() {
        let letterbox = Letterbox::new(ResizeMode::LetterboxTopLeft, (80, 40), (40, 40));
        let outputs = Outputs::default();
        let image = ImageOutputs { outputs: &outputs, index: 0, letterbox: &letterbox, input: (40, 40) };
        assert_eq!(place(&image, [0.5, 0.5, 1.0, 1.0], true), [0.0, 0.0, 40.0, 20.0]);
        assert_eq!(place(&image, [0.5, 0.5, 1.0, 1.0], false), [0.0, 0.0, 40.0, 40.0]);
    }

    #[test]
    fn the_best_are_kept_and_of_like_ones_the_first() {
        let candidate =
            |row: usize, confidence: f32| Candidate { class_id: 0, confidence, corners: [0.0; 4], row };
        let mut candidates: Vec<_> = [(7, 0.1), (0, 0.5), (1, 0.9), (2, 0.5)]
            .map(|(row, confidence)| candidate(row, confidence))
            .into();
        keep_best(&mut candidates, 1, 3);
        assert_eq!(candidates.len(), 4);
        keep_best(&mut candidates, 1, 2);
        let mut rows: Vec<_> = candidates.iter().map(|candidate| candidate.row).collect();
        rows.sort_unstable();
        assert_eq!(rows, [0, 1, 7]);
    }
}
