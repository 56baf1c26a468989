//! Raw pixel buffers of any claimed size, prepared for a model whatever came out.
#![no_main]

use detector_svc::{
    frame::{Encoding, Payload, RawLayout},
    image::{ColorOrder, Limits, decode},
    preprocess::{Element, Filter, Fitter, InputSpec, Layout, Normaliser, ResizeMode, SlotMut},
    spare::Spare,
};
use libfuzzer_sys::{arbitrary::Arbitrary, fuzz_target};

#[derive(Arbitrary, Debug)]
struct Input {
    width: u32,
    /// Absent: what the width and the length of the buffer call for.
    height: Option<u32>,
    channels: u32,
    rgb: bool,
    resize: u8,
    filter: u8,
    interleaved: bool,
    model_width: u8,
    model_height: u8,
    pixels: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let Some(layout) = RawLayout::from_channels(input.channels % 6) else {
        return;
    };
    let width = if input.height.is_none() { input.width % 64 } else { input.width };
    let row = width as usize * layout.channels();
    let height = input.height.unwrap_or_else(|| input.pixels.len().checked_div(row).unwrap_or(0) as u32);
    let mut pixels = input.pixels;
    if input.height.is_none() {
        pixels.truncate(row * height as usize);
    }
    let order = if input.rgb { ColorOrder::Rgb } else { ColorOrder::Bgr };
    let payload =
        Payload { bytes: pixels.into(), base64: false, encoding: Encoding::Raw { width, height, layout } };
    let Ok(mut image) = decode(&payload, order, Limits { max_side: 10_000, max_pixels: 100_000_000 }) else {
        return;
    };
    assert_eq!((image.width, image.height), (width, height));
    let spec = InputSpec {
        name: String::new(),
        width: u32::from(input.model_width).max(1),
        height: u32::from(input.model_height).max(1),
        color: order,
        mean: [127.5; 3],
        std: [127.5; 3],
        padding: [114.0; 3],
        resize: [
            ResizeMode::LetterboxTopLeft,
            ResizeMode::LetterboxCentre,
            ResizeMode::Stretch,
            ResizeMode::SquarePad,
        ][usize::from(input.resize % 4)],
        filter: [
            Filter::Nearest,
            Filter::Bilinear,
            Filter::BilinearAntialias,
            Filter::BicubicAntialias,
            Filter::LanczosAntialias,
        ][usize::from(input.filter % 5)],
        layout: if input.interleaved { Layout::Interleaved } else { Layout::Planar },
        element: Element::F32,
    };
    let mut slot = vec![f32::NAN; spec.len()];
    let fitted =
        Fitter::new(&spec, Spare::new(1)).fit(&mut image).expect("an image that was decoded can be resized");
    Normaliser::new(spec, order).write(&fitted, SlotMut::F32(&mut slot));
    assert!(slot.iter().all(|value| (-1.0..=1.0).contains(value)), "every value of the slot is written");
});
