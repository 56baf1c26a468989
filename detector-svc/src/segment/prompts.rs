//! Boxes as SAM 2 is given them.

use crate::{detection::BoundingBox, preprocess::Letterbox};

/// What SAM calls the two corners of a box when they are given as points.
const CORNER_LABELS: [f32; 2] = [2.0, 3.0];

/// Which inputs of the decoder the boxes go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptForm {
    /// `input_boxes`; there are no points.
    Boxes,
    /// `input_points` and `input_labels`: the corners of each box as two points of their own kinds.
    Corners,
}

/// The boxes of one image in the segmenter's input pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompts {
    /// Left, top, right and bottom edge of each.
    boxes: Vec<[f32; 4]>,
    form: PromptForm,
}

/// The value of an input, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptValues {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Vec<f32>,
}

impl Prompts {
    /// The boxes, in source pixels, of an image that lies in the input as `letterbox` tells.
    #[must_use]
    pub fn new(boxes: &[BoundingBox], letterbox: &Letterbox, form: PromptForm) -> Self {
        let to_input = |bounds: &BoundingBox| {
            let (left, top) = letterbox.to_input(bounds.x_min, bounds.y_min);
            let (right, bottom) = letterbox.to_input(bounds.x_max, bounds.y_max);
            [left, top, right, bottom]
        };
        Self { boxes: boxes.iter().map(to_input).collect(), form }
    }

    /// `[1, boxes, 4]`.
    #[must_use]
    pub fn boxes(&self) -> PromptValues {
        let count = self.boxes.len();
        PromptValues { shape: vec![1, count, 4], values: self.boxes.concat() }
    }

    /// `[1, boxes, 2, 2]` with the corners, or `[1, boxes, 0, 2]` with none.
    #[must_use]
    pub fn points(&self) -> PromptValues {
        let (count, points) = (self.boxes.len(), self.points_each());
        let values = if points == 0 { Vec::new() } else { self.boxes.concat() };
        PromptValues { shape: vec![1, count, points, 2], values }
    }

    /// `[1, boxes, 2]` that tells the corners apart, or `[1, boxes, 0]`.
    #[must_use]
    pub fn labels(&self) -> PromptValues {
        let (count, points) = (self.boxes.len(), self.points_each());
        PromptValues { shape: vec![1, count, points], values: CORNER_LABELS[..points].repeat(count) }
    }

    fn points_each(&self) -> usize {
        match self.form {
            PromptForm::Boxes => 0,
            PromptForm::Corners => CORNER_LABELS.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::ResizeMode;

    fn prompts(mode: ResizeMode, form: PromptForm) -> Prompts {
        let letterbox = Letterbox::new(mode, (800, 400), (100, 100));
        let bounds = BoundingBox { x_min: 80.0, y_min: 40.0, x_max: 400.0, y_max: 200.0 };
        Prompts::new(&[bounds, BoundingBox::default()], &letterbox, form)
    }

    #[test]
    fn boxes_go_to_input_pixels_as_the_image_does() {
        let of = |mode| prompts(mode, PromptForm::Boxes).boxes();
        assert_eq!(of(ResizeMode::Stretch).values, [10.0, 10.0, 50.0, 50.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(ResizeMode::LetterboxTopLeft).values[..4], [10.0, 5.0, 50.0, 25.0]);
        assert_eq!(of(ResizeMode::LetterboxCentre).values[..4], [10.0, 30.0, 50.0, 50.0]);
        assert_eq!(of(ResizeMode::Stretch).shape, [1, 2, 4]);
    }

    #[test]
    fn beside_boxes_there_are_no_points() {
        let prompts = prompts(ResizeMode::Stretch, PromptForm::Boxes);
        assert_eq!(prompts.points(), PromptValues { shape: vec![1, 2, 0, 2], values: Vec::new() });
        assert_eq!(prompts.labels(), PromptValues { shape: vec![1, 2, 0], values: Vec::new() });
    }

    #[test]
    fn corners_are_two_points_of_their_own_kinds() {
        let prompts = prompts(ResizeMode::Stretch, PromptForm::Corners);
        let corners = vec![10.0, 10.0, 50.0, 50.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(prompts.points(), PromptValues { shape: vec![1, 2, 2, 2], values: corners });
        let labels = vec![2.0, 3.0, 2.0, 3.0];
        assert_eq!(prompts.labels(), PromptValues { shape: vec![1, 2, 2], values: labels });
    }
}
