//! `preprocessor_config.json` of Hugging Face's `transformers`: how its image processor makes the input.

use serde::Deserialize;

use super::{Description, DescriptionError, divisors};
use crate::{
    image::{CHANNELS, ColorOrder},
    preprocess::{Filter, ResizeMode},
};

const PLACE: &str = "preprocessor_config.json";

/// The entries that we understand.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    image_processor_type: Option<String>,
    size: Option<Size>,
    pad_size: Option<Size>,
    resample: Option<u8>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f64; CHANNELS]>,
    image_std: Option<[f64; CHANNELS]>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Size {
    height: Option<u32>,
    width: Option<u32>,
    shortest_edge: Option<u32>,
    longest_edge: Option<u32>,
    max_height: Option<u32>,
    max_width: Option<u32>,
}

/// How an image becomes an input of one size.
enum Fit {
    /// To this height and width, whatever its aspect ratio.
    Stretched([u32; 2]),
    /// Within this height and width, its aspect ratio kept.
    Within([u32; 2]),
}

pub(super) fn parse(text: &str) -> Result<Description, DescriptionError> {
    let malformed =
        |error: serde_json::Error| DescriptionError::Malformed { place: PLACE, reason: error.to_string() };
    let file: File = serde_json::from_str(text).map_err(malformed)?;
    let (mean, std) = file.normalisation()?;
    let fit = file.fit();
    let square = file.image_processor_type.as_deref().is_some_and(|kind| kind.starts_with("Owlv2"));
    Ok(Description {
        image_size: match fit {
            Some(Fit::Stretched(size) | Fit::Within(size)) => Some(size),
            None => None,
        },
        resize: match fit {
            Some(Fit::Stretched(_)) if square => Some(ResizeMode::SquarePad),
            Some(Fit::Stretched(_)) => Some(ResizeMode::Stretch),
            Some(Fit::Within(_)) => Some(ResizeMode::LetterboxTopLeft),
            None => None,
        },
        // What is padded is padded after normalisation, with zeros.
        padding: matches!(fit, Some(Fit::Within(_))).then_some(mean),
        color: Some(ColorOrder::Rgb),
        mean: Some(mean),
        std: Some(std),
        filter: file.filter()?,
        ..Description::default()
    })
}

impl File {
    /// Mean and standard deviation of each channel, 0..=255 scale.
    fn normalisation(&self) -> Result<([f32; CHANNELS], [f32; CHANNELS]), DescriptionError> {
        let factor = match self.do_rescale {
            Some(false) => 1.0,
            _ => self.rescale_factor.unwrap_or(1.0 / 255.0),
        };
        let normal = self.do_normalize != Some(false);
        let mean = self.image_mean.filter(|_| normal).unwrap_or([0.0; CHANNELS]);
        let std = self.image_std.filter(|_| normal).unwrap_or([1.0; CHANNELS]);
        // In double precision, so that a factor of 1/255 comes back as 255.
        let (mean, std) = (mean.map(|m| (m / factor) as f32), std.map(|s| (s / factor) as f32));
        if divisors(std) && mean.iter().all(|value| value.is_finite()) {
            return Ok((mean, std));
        }
        Err(DescriptionError::Invalid {
            place: PLACE,
            key: "image_std",
            value: format!("{:?} with a rescale_factor of {factor}", self.image_std),
            expected: "numbers that pixels can be divided by",
        })
    }

    /// An input of one size for every image: of a range of sizes the largest for an image in landscape.
    fn fit(&self) -> Option<Fit> {
        let size = self.size?;
        let of = |size: Size| Some([size.height?, size.width?]);
        if let Some(padded) = self.pad_size.and_then(of) {
            return Some(Fit::Within(padded));
        }
        let within = size.max_height.zip(size.max_width).map(|(height, width)| [height, width]);
        let edges = size.shortest_edge.zip(size.longest_edge).map(|(short, long)| [short, long]);
        of(size).map(Fit::Stretched).or_else(|| within.or(edges).map(Fit::Within))
    }

    /// Pillow's numbers of filters.
    fn filter(&self) -> Result<Option<Filter>, DescriptionError> {
        Ok(Some(match self.resample {
            None => return Ok(None),
            Some(0) => Filter::Nearest,
            Some(1) => Filter::LanczosAntialias,
            Some(2) => Filter::BilinearAntialias,
            Some(3) => Filter::BicubicAntialias,
            Some(other) => {
                return Err(DescriptionError::Invalid {
                    place: PLACE,
                    key: "resample",
                    value: other.to_string(),
                    expected: "0 (nearest), 1 (Lanczos), 2 (bilinear) or 3 (bicubic)",
                });
            }
        }))
    }
}
