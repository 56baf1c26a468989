//! `model.toml`: what a user says of a model that its file does not.

use serde::{Deserialize, Serialize};

use super::{Activation, Description, DescriptionError, divisors};
use crate::{
    image::{CHANNELS, ColorOrder},
    preprocess::{Filter, ResizeMode},
};

const PLACE: &str = "model.toml";

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    family: Option<String>,
    labels: Option<Vec<String>>,
    activation: Option<Activation>,
    decoded: Option<bool>,
    input: Input,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Input {
    /// Height and width.
    size: Option<[u32; 2]>,
    color: Option<Color>,
    mean: Option<[f32; CHANNELS]>,
    std: Option<[f32; CHANNELS]>,
    padding: Option<Padding>,
    resize: Option<ResizeMode>,
    filter: Option<Filter>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Color {
    Rgb,
    Bgr,
}

/// One value for every channel, or one for each.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Padding {
    Grey(f32),
    Color([f32; CHANNELS]),
}

pub(super) fn parse(text: &str) -> Result<Description, DescriptionError> {
    let malformed = |error: toml::de::Error| DescriptionError::Malformed {
        place: PLACE,
        reason: error.to_string().trim_end().replace('\n', " "),
    };
    let File { family, labels, activation, decoded, input } = toml::from_str(text).map_err(malformed)?;
    let padding = input.padding.map(|padding| match padding {
        Padding::Grey(value) => [value; CHANNELS],
        Padding::Color(values) => values,
    });
    check("input.std", input.std, "three finite numbers above 0", divisors)?;
    let finite = |values: [f32; CHANNELS]| values.iter().all(|value| value.is_finite());
    check("input.mean", input.mean, "three finite numbers", finite)?;
    check("input.padding", padding, "finite numbers", finite)?;
    Ok(Description {
        family,
        names: labels,
        image_size: input.size,
        color: input.color.map(|color| match color {
            Color::Rgb => ColorOrder::Rgb,
            Color::Bgr => ColorOrder::Bgr,
        }),
        mean: input.mean,
        std: input.std,
        padding,
        resize: input.resize,
        filter: input.filter,
        activation,
        decoded,
        ..Description::default()
    })
}

fn check(
    key: &'static str,
    values: Option<[f32; CHANNELS]>,
    expected: &'static str,
    holds: impl Fn([f32; CHANNELS]) -> bool,
) -> Result<(), DescriptionError> {
    match values {
        Some(values) if !holds(values) => {
            Err(DescriptionError::Invalid { place: PLACE, key, value: format!("{values:?}"), expected })
        }
        _ => Ok(()),
    }
}
