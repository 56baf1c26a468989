//! A model for the tests of those who use one.

use std::sync::Arc;

use super::{Batch, BoxesScores, Family, Model, Vocabulary};
use crate::{
    image::ColorOrder,
    preprocess::{Element, Filter, InputSpec, Layout, ResizeMode},
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
            padding: [0.0; 3],
            resize: ResizeMode::Stretch,
            filter: Filter::Bilinear,
            layout: Layout::Planar,
            element: Element::F32,
        },
        batch: Batch { max: 8, fixed: None },
        side_inputs: Vec::new(),
        queries: None,
        vocabulary: Arc::new(vocabulary(labels)),
    }
}

/// What a model with these labels looks for.
pub(crate) fn vocabulary(labels: &[&str]) -> Vocabulary {
    let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
    Vocabulary { labels: labels.into(), prompt: None }
}
