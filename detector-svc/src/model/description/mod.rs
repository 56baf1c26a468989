//! What is said of a model beside its graph's inputs and outputs: metadata in the file, and files that lie beside it.

mod config_json;
mod metadata;
mod model_toml;
mod preprocessor_config;
mod python_names;

use thiserror::Error;

use crate::{
    image::{CHANNELS, ColorOrder},
    preprocess::{Filter, ResizeMode},
};

use super::GraphInfo;

/// A description that cannot be what it says.
#[derive(Debug, Error)]
pub enum DescriptionError {
    /// A value is not of the form that its key calls for.
    #[error("{place}: `{key}` is `{value}`, expected {expected}")]
    Invalid {
        /// Where it stands.
        place: &'static str,
        /// Its key.
        key: &'static str,
        /// The value.
        value: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// A file is not of its format.
    #[error("{place}: {reason}")]
    Malformed {
        /// Which.
        place: &'static str,
        /// Why not.
        reason: String,
    },
    /// Nothing tells how large the input is.
    #[error(
        "the graph leaves the input's size open, and neither its metadata (`imgsz`) nor `model.toml` \
         (`input.size`) nor `preprocessor_config.json` (`size`) tells it"
    )]
    NoInputSize,
}

/// Contents of the files beside a model, as far as they are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sidecars {
    /// `model.toml`, our own.
    pub model_toml: Option<String>,
    /// `preprocessor_config.json` of Hugging Face's `transformers`.
    pub preprocessor_config: Option<String>,
    /// `config.json` of the same.
    pub config: Option<String>,
    /// `tokenizer.json` of the same.
    pub tokenizer: Option<Vec<u8>>,
}

/// How scores come from logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::model) enum Activation {
    /// Each class for itself.
    Sigmoid,
    /// Over all classes, of which the last is that there is no object.
    Softmax,
}

/// What is said of a model; what nothing says is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Description {
    /// Name of its family.
    pub(super) family: Option<String>,
    /// Name that its framework has for it (`rt_detr_v2`), which tells families with like outputs apart.
    pub(super) model_type: Option<String>,
    /// Class names by identifier.
    pub(super) names: Option<Vec<String>>,
    /// Height and width of the input in pixels.
    pub(super) image_size: Option<[u32; 2]>,
    /// Channel order of the input.
    pub(super) color: Option<ColorOrder>,
    /// Mean of each channel, 0..=255 scale.
    pub(super) mean: Option<[f32; CHANNELS]>,
    /// Standard deviation of each channel, 0..=255 scale.
    pub(super) std: Option<[f32; CHANNELS]>,
    /// Pixels beside the image, 0..=255 scale.
    pub(super) padding: Option<[f32; CHANNELS]>,
    /// How images are fitted in.
    pub(super) resize: Option<ResizeMode>,
    /// How pixels are made.
    pub(super) filter: Option<Filter>,
    /// How scores come from logits.
    pub(super) activation: Option<Activation>,
    /// Whether the graph decodes boxes itself, in families where it may or may not.
    pub(super) decoded: Option<bool>,
    /// Most tokens of a text.
    pub(super) text_tokens: Option<usize>,
}

impl Description {
    /// Everything that is said of a model: by its file's metadata, then by `model.toml`, then by its framework's files.
    pub(super) fn read(graph: &GraphInfo, sidecars: &Sidecars) -> Result<Self, DescriptionError> {
        let said = [
            Some(metadata::parse(&graph.metadata)?),
            sidecars.model_toml.as_deref().map(model_toml::parse).transpose()?,
            sidecars.preprocessor_config.as_deref().map(preprocessor_config::parse).transpose()?,
            sidecars.config.as_deref().map(config_json::parse).transpose()?,
        ];
        Ok(said.into_iter().flatten().fold(Self::default(), Self::or))
    }

    /// This, and where it says nothing, the other.
    fn or(self, other: Self) -> Self {
        Self {
            family: self.family.or(other.family),
            model_type: self.model_type.or(other.model_type),
            names: self.names.or(other.names),
            image_size: self.image_size.or(other.image_size),
            color: self.color.or(other.color),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
            padding: self.padding.or(other.padding),
            resize: self.resize.or(other.resize),
            filter: self.filter.or(other.filter),
            activation: self.activation.or(other.activation),
            decoded: self.decoded.or(other.decoded),
            text_tokens: self.text_tokens.or(other.text_tokens),
        }
    }
}

/// Values that can be divided by: finite and above 0.
fn divisors(values: [f32; CHANNELS]) -> bool {
    values.iter().all(|value| value.is_finite() && *value > 0.0)
}

#[cfg(test)]
mod tests;
