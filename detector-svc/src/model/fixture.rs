//! A model for the tests of those who use one.

use super::{BoxesScores, Family, Model};
use crate::{
    image::ColorOrder,
    preprocess::{InputSpec, ResizeMode},
};

/// A model called `pets` that knows these labels and looks at 8x8 pixels.
pub(crate) fn model(labels: &[&str]) -> Model {
    Model {
        id: "pets".to_owned(),
        family: Family::BoxesScores(BoxesScores),
        input: InputSpec {
            name: "images".to_owned(),
            width: 8,
            height: 8,
            color: ColorOrder::Rgb,
            mean: [0.0; 3],
            std: [1.0; 3],
            padding: 0,
            resize: ResizeMode::Stretch,
        },
        labels: labels.iter().map(ToString::to_string).collect(),
    }
}
