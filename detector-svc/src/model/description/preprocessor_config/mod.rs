//! `preprocessor_config.json` of Hugging Face's `transformers`: how its image processor makes the input.

mod size;

use serde::Deserialize;

use self::size::Size;
use super::{Description, DescriptionError, divisors};
use crate::{
    image::{CHANNELS, ColorOrder},
    preprocess::{Edges, Filter, ResizeMode, Rounding},
};

const PLACE: &str = "preprocessor_config.json";

/// Pixels of the longer edge where only the shorter one's are told.
const LONGEST_EDGE: u32 = 1333;

/// The entries that we understand.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    image_processor_type: Option<String>,
    /// What it was called before; some files have both.
    feature_extractor_type: Option<String>,
    do_resize: Option<bool>,
    size: Option<Size>,
    max_size: Option<u32>,
    size_divisor: Option<u32>,
    /// What it was called before.
    size_divisibility: Option<u32>,
    do_pad: Option<bool>,
    pad_size: Option<Size>,
    resample: Option<u8>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f64; CHANNELS]>,
    image_std: Option<[f64; CHANNELS]>,
}

/// Height and width of the input, and how an image is fitted in.
type Fit = ([u32; 2], ResizeMode);

pub(super) fn parse(text: &str) -> Result<Description, DescriptionError> {
    let malformed =
        |error: serde_json::Error| DescriptionError::Malformed { place: PLACE, reason: error.to_string() };
    let file: File = serde_json::from_str(text).map_err(malformed)?;
    let (mean, std) = file.normalisation()?;
    let fit = if file.do_resize == Some(false) { None } else { file.fit() };
    Ok(Description {
        image_size: fit.map(|(size, _)| size),
        resize: fit.map(|(_, resize)| resize),
        // What is padded is padded with zeros, after normalisation or, to a square, before.
        padding: match fit {
            Some((_, ResizeMode::SquarePad)) => Some([0.0; CHANNELS]),
            Some((_, resize)) if pads(resize) => Some(mean),
            _ => None,
        },
        color: Some(ColorOrder::Rgb),
        mean: Some(mean),
        std: Some(std),
        // Whatever `resample` says, this processor has a way of its own.
        filter: if file.is("Owlv2") { Some(Filter::GaussianBilinear) } else { file.filter()? },
        ..Description::default()
    })
}

fn pads(resize: ResizeMode) -> bool {
    matches!(resize, ResizeMode::LetterboxTopLeft | ResizeMode::Edges(_))
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
        let padded = self.pad_size.filter(|_| self.do_pad != Some(false)).and_then(Size::exact);
        let edges = self.edges(size);
        if let Some(edges) = edges {
            let largest = [edges.rounded(edges.shortest), edges.rounded(edges.longest)];
            return Some((padded.unwrap_or(largest), ResizeMode::Edges(edges)));
        }
        let exact = size.exact();
        match (exact, padded) {
            (Some(exact), Some(padded)) if exact != padded => Some((padded, ResizeMode::LetterboxTopLeft)),
            (Some(exact), _) if self.is("Owlv2") && self.do_pad != Some(false) => {
                Some((exact, ResizeMode::SquarePad))
            }
            (Some(exact), _) => {
                let (multiple, rounding) = self.step();
                Some((exact.map(|side| rounding.to(multiple, side)), ResizeMode::Stretch))
            }
            (None, _) => Some((padded.or(size.most())?, ResizeMode::LetterboxTopLeft)),
        }
    }

    /// The lengths of an image's edges, when they tell its size. A single number is the shorter one's for those
    /// processors that keep the aspect ratio.
    fn edges(&self, size: Size) -> Option<Edges> {
        const KEEPING: [&str; 8] = [
            "Detr",
            "ConditionalDetr",
            "DeformableDetr",
            "Yolos",
            "GroundingDino",
            "MaskFormer",
            "Mask2Former",
            "OneFormer",
        ];
        let keeps = self.max_size.is_some() || KEEPING.iter().any(|name| self.is(name));
        let (shortest, longest) = size.edges(keeps)?;
        let longest = longest.or(self.max_size).unwrap_or(LONGEST_EDGE);
        let (multiple, rounding) = self.step();
        Some(Edges { shortest, longest, multiple, rounding })
    }

    /// To which multiple the processor rounds sides.
    fn step(&self) -> (u32, Rounding) {
        let former = ["MaskFormer", "Mask2Former", "OneFormer"].iter().any(|name| self.is(name));
        match self.size_divisor.or(self.size_divisibility) {
            Some(multiple) => (multiple, Rounding::Up),
            None if former => (32, Rounding::Up),
            None if self.is("Yolos") => (16, Rounding::Down),
            None => (1, Rounding::Down),
        }
    }

    /// Whether it is the processor of these models.
    fn is(&self, models: &str) -> bool {
        let kind = self.image_processor_type.as_deref().or(self.feature_extractor_type.as_deref());
        let rest = kind.and_then(|kind| kind.strip_prefix(models));
        rest.is_some_and(|rest| rest.starts_with("ImageProcessor") || rest.starts_with("FeatureExtractor"))
    }

    /// Pillow's numbers of filters.
    fn filter(&self) -> Result<Option<Filter>, DescriptionError> {
        Ok(Some(match self.resample {
            None => return Ok(None),
            Some(0) => Filter::Nearest,
            Some(1) => Filter::LanczosAntialias,
            // It resizes tensors as they were in training: between pixels only.
            Some(2) if self.is("RfDetr") => Filter::Bilinear,
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
