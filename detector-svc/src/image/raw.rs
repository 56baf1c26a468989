//! Raw pixel buffers.

use super::{CHANNELS, ColorOrder, DecodeError, Image, Limits};
use crate::frame::RawLayout;

/// Copies a raw buffer into the channel order asked for.
pub(super) fn decode(
    bytes: &[u8],
    width: u32,
    height: u32,
    layout: RawLayout,
    order: ColorOrder,
    limits: Limits,
) -> Result<Image, DecodeError> {
    limits.check(width.into(), height.into())?;
    let channels = layout.channels();
    let expected = width as usize * height as usize * channels;
    if bytes.len() != expected {
        return Err(DecodeError::RawLength { width, height, channels, expected, actual: bytes.len() });
    }
    Ok(Image { width, height, pixels: convert(bytes, layout, order) })
}

fn convert(bytes: &[u8], layout: RawLayout, order: ColorOrder) -> Vec<u8> {
    let (blue, green, red) = match layout {
        RawLayout::Bgr if order == ColorOrder::Bgr => return bytes.to_vec(),
        RawLayout::Grey => (0, 0, 0),
        RawLayout::Bgr | RawLayout::Bgra => (0, 1, 2),
    };
    let (first, last) = match order {
        ColorOrder::Bgr => (blue, red),
        ColorOrder::Rgb => (red, blue),
    };
    let channels = layout.channels();
    let mut pixels = vec![0; bytes.len() / channels * CHANNELS];
    for (to, from) in pixels.chunks_exact_mut(CHANNELS).zip(bytes.chunks_exact(channels)) {
        to.copy_from_slice(&[from[first], from[green], from[last]]);
    }
    pixels
}
