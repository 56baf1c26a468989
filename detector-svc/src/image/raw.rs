//! Raw pixel buffers.

use super::{CHANNELS, ColorOrder, DecodeError, Limits, buffer};
use crate::frame::RawLayout;

/// Copies a raw buffer into the channel order asked for.
pub(super) fn decode(
    bytes: &[u8],
    (width, height): (u32, u32),
    layout: RawLayout,
    order: ColorOrder,
    limits: Limits,
    pixels: &mut Vec<u8>,
) -> Result<(u32, u32), DecodeError> {
    limits.check(width.into(), height.into())?;
    let channels = layout.channels();
    let expected = width as usize * height as usize * channels;
    if bytes.len() != expected {
        return Err(DecodeError::RawLength { width, height, channels, expected, actual: bytes.len() });
    }
    convert(bytes, layout, order, pixels);
    Ok((width, height))
}

fn convert(bytes: &[u8], layout: RawLayout, order: ColorOrder, pixels: &mut Vec<u8>) {
    let (blue, green, red) = match layout {
        RawLayout::Bgr if order == ColorOrder::Bgr => {
            buffer::clear(pixels, bytes.len());
            return pixels.extend_from_slice(bytes);
        }
        RawLayout::Grey => (0, 0, 0),
        RawLayout::Bgr | RawLayout::Bgra => (0, 1, 2),
    };
    let (first, last) = match order {
        ColorOrder::Bgr => (blue, red),
        ColorOrder::Rgb => (red, blue),
    };
    let channels = layout.channels();
    buffer::zero(pixels, bytes.len() / channels * CHANNELS);
    for (to, from) in pixels.chunks_exact_mut(CHANNELS).zip(bytes.chunks_exact(channels)) {
        to.copy_from_slice(&[from[first], from[green], from[last]]);
    }
}
