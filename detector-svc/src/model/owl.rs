//! OWLv2 and OWL-ViT: `logits` `[batch, patches, queries]`, and for each patch the one box of `pred_boxes`
//! `[batch, patches, 4]`, by its centre and size in parts of the input.
//!
//! Minderer et al., *Simple Open-Vocabulary Object Detection with Vision Transformers*, 2022, and *Scaling
//! Open-Vocabulary Object Detection*, 2023.

use super::{
    ImageOutputs, OutputError, Query, SideInputKind,
    decode::{Decode, corners, logit, scaled, sigmoid},
    family::Family,
    nms::Candidate,
    recognise::{Evidence, Input, Kind, Recognised},
    text::QueryLayout,
};
use crate::{
    image::ColorOrder,
    preprocess::{Filter, ResizeMode},
};

const LOGITS: &str = "logits";
const BOXES: &str = "pred_boxes";

/// Sides from which on an input is OWLv2's when nothing else tells: published ones have 960 or 1008 pixels, OWL-ViT's at
/// most 840.
const LARGE: u32 = 900;

/// Mean and standard deviation of CLIP's images, 0..=255 scale.
const MEAN: [f32; 3] = [0.481_454_66 * 255.0, 0.457_827_5 * 255.0, 0.408_210_73 * 255.0];
const STD: [f32; 3] = [0.268_629_54 * 255.0, 0.261_302_6 * 255.0, 0.275_777_1 * 255.0];

/// The families of OWLv2 and OWL-ViT, which only differ in how images go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owl {
    /// Images are padded to a square.
    V2,
    /// Images are stretched.
    Vit,
}

impl Owl {
    /// How graphs are held against OWLv2.
    pub(super) const KIND_V2: Kind = Kind {
        name: "owlv2",
        expected: "`input_ids`, and `logits` [batch, patches, queries] and `pred_boxes` [batch, patches, 4]",
        recognise: |evidence| Self::recognise(Self::V2, evidence),
    };
    /// How graphs are held against OWL-ViT.
    pub(super) const KIND_VIT: Kind = Kind {
        name: "owlvit",
        expected: "the same as `owlv2`, with `model_type` `owlvit` in config.json",
        recognise: |evidence| Self::recognise(Self::Vit, evidence),
    };

    fn recognise(self, evidence: &Evidence<'_>) -> Option<Recognised> {
        let fits = is_owl(evidence) && (evidence.named || self == Self::told(evidence));
        fits.then(|| Recognised { family: Family::Owl(self), classes: None, input: self.input() })
    }

    /// Which of both it is, as far as that can be told.
    fn told(evidence: &Evidence<'_>) -> Self {
        let Evidence { description, size, graph, .. } = evidence;
        match description.model_type.as_deref() {
            Some("owlv2") => return Self::V2,
            Some("owlvit") => return Self::Vit,
            _ => {}
        }
        let square = description.resize == Some(ResizeMode::SquarePad);
        let large = size.is_some_and(|(width, _)| width >= LARGE);
        if square || large || graph.output("objectness_logits").is_some() { Self::V2 } else { Self::Vit }
    }

    fn input(self) -> Input {
        let (resize, filter) = match self {
            Self::V2 => (ResizeMode::SquarePad, Filter::GaussianBilinear),
            Self::Vit => (ResizeMode::Stretch, Filter::BicubicAntialias),
        };
        Input { color: ColorOrder::Rgb, mean: MEAN, std: STD, padding: [0.0; 3], resize, filter }
    }
}

fn is_owl(evidence: &Evidence<'_>) -> bool {
    let graph = evidence.graph;
    let kinds = || graph.inputs.iter().filter_map(|port| SideInputKind::of(&port.name));
    let logits = graph.output(LOGITS).is_some_and(|port| port.dimensions.len() == 3);
    let boxes =
        graph.output(BOXES).is_some_and(|port| matches!(port.dimensions.as_slice(), [_, _, Some(4) | None]));
    let other = |kind| matches!(kind, SideInputKind::PixelMask | SideInputKind::TokenTypeIds);
    logits && boxes && kinds().any(|kind| kind == SideInputKind::TokenIds) && !kinds().any(other)
}

impl Decode for Owl {
    fn kind(&self) -> &'static Kind {
        match self {
            Self::V2 => &Self::KIND_V2,
            Self::Vit => &Self::KIND_VIT,
        }
    }

    /// Neighbouring patches find the same object.
    fn suppresses(&self) -> bool {
        true
    }

    fn query_layout(&self) -> Option<QueryLayout> {
        Some(QueryLayout::Rows)
    }

    /// The best query of each patch.
    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let logits = image.matrix(LOGITS, Some(query.vocabulary.labels.len()))?;
        let boxes = image.matrix(BOXES, Some(4))?;
        if boxes.rows != logits.rows {
            return Err(OutputError::Shape {
                name: BOXES.into(),
                shape: vec![boxes.rows, boxes.columns],
                expected: format!("as many boxes as `{LOGITS}` has rows ({})", logits.rows),
            });
        }
        let least = logit(query.thresholds.confidence);
        for (row, (centre, logits)) in boxes.data.as_chunks::<4>().0.iter().zip(logits.iter()).enumerate() {
            let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if best <= least {
                continue;
            }
            let class_id = logits.iter().position(|logit| *logit == best).unwrap_or(0);
            if query.classes.contains(class_id) {
                let corners = scaled(corners(*centre), image.input);
                candidates.push(Candidate { class_id, confidence: sigmoid(best), corners, row });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "owl_tests.rs"]
mod tests;
