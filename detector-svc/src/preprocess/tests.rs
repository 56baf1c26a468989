//! From pixels to the values of a slot.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    image::{ColorOrder, Image},
    spare::Spare,
};
use half::f16;

fn spec(width: u32, height: u32, resize: ResizeMode) -> InputSpec {
    InputSpec {
        name: "images".into(),
        width,
        height,
        color: ColorOrder::Bgr,
        mean: [10.0, 20.0, 30.0],
        std: [2.0, 4.0, 8.0],
        padding: [114.0; 3],
        resize,
        filter: Filter::Bilinear,
        layout: Layout::Planar,
        element: Element::F32,
    }
}

fn run(spec: InputSpec, mut image: Image, slot: &mut [f32]) {
    let fitted = Fitter::new(&spec, Spare::new(1)).fit(&mut image).unwrap();
    Normaliser::new(spec, ColorOrder::Bgr).write(&fitted, SlotMut::F32(slot));
}

fn plain(width: u32, height: u32, color: [u8; 3]) -> Image {
    Image { width, height, pixels: color.repeat((width * height) as usize) }
}

#[test]
fn planes_are_the_models_whatever_the_order_of_the_bytes() {
    let spec = spec(4, 4, ResizeMode::Stretch);
    let planes = |order, color| {
        let fitted = Fitter::new(&spec, Spare::new(1)).fit(&mut plain(4, 4, color)).unwrap();
        let mut slot = vec![0.0; spec.len()];
        Normaliser::new(spec.clone(), order).write(&fitted, SlotMut::F32(&mut slot));
        slot
    };
    assert_eq!(planes(ColorOrder::Bgr, [50, 60, 70]), planes(ColorOrder::Rgb, [70, 60, 50]));
}

#[test]
fn pixels_are_normalised_channel_by_channel_and_the_rest_is_padding() {
    let spec = spec(8, 8, ResizeMode::LetterboxTopLeft);
    let mut slot = vec![f32::NAN; spec.len()];
    run(spec, plain(16, 8, [50, 60, 70]), &mut slot);
    for (channel, expected) in
        [(50.0 - 10.0) / 2.0, (60.0 - 20.0) / 4.0, (70.0 - 30.0) / 8.0].iter().enumerate()
    {
        let plane = &slot[channel * 64..(channel + 1) * 64];
        assert!(plane[..32].iter().all(|v| (v - expected).abs() < 1e-5), "image rows of plane {channel}");
        let padding = (114.0 - [10.0, 20.0, 30.0][channel]) / [2.0, 4.0, 8.0][channel];
        assert!(plane[32..].iter().all(|v| (v - padding).abs() < 1e-5), "padding of plane {channel}");
    }
}

#[test]
fn an_image_of_the_inputs_size_keeps_every_pixel() {
    let spec = spec(3, 2, ResizeMode::LetterboxTopLeft);
    let image = Image { width: 3, height: 2, pixels: (0..18).collect() };
    let mut slot = vec![0.0; spec.len()];
    run(spec, image, &mut slot);
    let first_plane: Vec<f32> = (0..6).map(|i| (i as f32 * 3.0 - 10.0) / 2.0).collect();
    assert_eq!(&slot[..6], first_plane.as_slice());
}

#[test]
fn an_image_of_the_inputs_size_is_not_copied_unless_its_buffer_is_far_too_large() {
    for spare in [0, 1000] {
        let mut image = Image { width: 3, height: 2, pixels: Vec::with_capacity(18 + spare) };
        image.pixels.extend(0..18);
        let place = image.pixels.as_ptr();
        let mut fitter = Fitter::new(&spec(3, 2, ResizeMode::Stretch), Spare::new(1));
        let fitted = fitter.fit(&mut image).unwrap();
        assert_eq!(fitted.pixels(), (0..18).collect::<Vec<_>>());
        assert_eq!(fitted.pixels().as_ptr() == place, spare == 0);
        assert_eq!(image, Image::default());
    }
}

#[test]
fn the_memory_of_a_fitted_image_serves_the_next() {
    let mut fitter = Fitter::new(&spec(8, 8, ResizeMode::LetterboxTopLeft), Spare::new(2));
    let mut image = plain(16, 8, [50, 60, 70]);
    let (first, second) = (fitter.fit(&mut image).unwrap(), fitter.fit(&mut image).unwrap());
    let places = [first.pixels().as_ptr(), second.pixels().as_ptr()];
    drop((first, second));
    let again = [fitter.fit(&mut image).unwrap(), fitter.fit(&mut image).unwrap()];
    assert!(again.iter().all(|fitted| places.contains(&fitted.pixels().as_ptr())));
}

#[test]
fn what_a_buffer_holds_from_before_shows_in_no_slot() {
    let spec = spec(8, 8, ResizeMode::LetterboxCentre);
    let (mut fitter, normaliser) =
        (Fitter::new(&spec, Spare::new(1)), Normaliser::new(spec.clone(), ColorOrder::Bgr));
    for (width, height) in [(16, 16), (16, 4), (4, 16), (8, 8), (1, 8), (30, 29)] {
        let picture = Image { pixels: (0..width * height * 3).map(|i| i as u8).collect(), width, height };
        let (mut reused, mut new) = (vec![f32::NAN; spec.len()], vec![0.0; spec.len()]);
        normaliser.write(&fitter.fit(&mut picture.clone()).unwrap(), SlotMut::F32(&mut reused));
        run(spec.clone(), picture, &mut new);
        assert_eq!(reused, new, "{width}x{height}");
    }
}

#[test]
fn an_image_of_another_size_than_its_buffer_is_refused() {
    let mut fitter = Fitter::new(&spec(8, 8, ResizeMode::Stretch), Spare::new(1));
    for mut image in [
        Image::default(),
        Image { width: 8, height: 8, pixels: vec![0; 191] },
        Image { width: 4, height: 4, pixels: vec![0; 49] },
    ] {
        let error = fitter.fit(&mut image).unwrap_err().to_string();
        assert!(error.contains(&format!("{}x{}", image.width, image.height)), "{error}");
    }
}

#[test]
fn a_centred_letterbox_pads_on_both_sides() {
    let spec = spec(8, 8, ResizeMode::LetterboxCentre);
    let mut slot = vec![f32::NAN; spec.len()];
    run(spec, plain(8, 4, [0; 3]), &mut slot);
    let rows: Vec<bool> = slot[..64].chunks(8).map(|row| row[0] > 0.0).collect();
    assert_eq!(rows, [true, true, false, false, false, false, true, true]);
    assert!(slot.iter().all(|v| v.is_finite()));
}

#[test]
fn interleaved_and_other_types_hold_the_same_values() {
    let planar = spec(8, 8, ResizeMode::LetterboxCentre);
    let picture = || Image { width: 8, height: 4, pixels: (0..96).collect() };
    let mut planes = vec![0.0; planar.len()];
    run(planar.clone(), picture(), &mut planes);
    let interleaved = InputSpec { layout: Layout::Interleaved, ..planar.clone() };
    let mut pixels = vec![0.0; planar.len()];
    run(interleaved, picture(), &mut pixels);
    for (index, value) in pixels.iter().enumerate() {
        assert_eq!(*value, planes[index % 3 * 64 + index / 3], "{index}");
    }
    let fitted = Fitter::new(&planar, Spare::new(1)).fit(&mut picture()).unwrap();
    let write = |element| {
        let spec = InputSpec { element, ..planar.clone() };
        let mut tensor = Tensor::zeros(element, spec.len());
        Normaliser::new(spec.clone(), ColorOrder::Bgr).write(&fitted, tensor.slot(0, spec.len()).unwrap());
        tensor
    };
    assert_eq!(write(Element::F16), Tensor::F16(planes.iter().map(|value| f16::from_f32(*value)).collect()));
    let bytes = planes.iter().map(|value| value.round() as u8).collect();
    assert_eq!(write(Element::U8), Tensor::U8(bytes));
}

#[test]
fn a_square_pad_keeps_the_scale_of_the_longer_side() {
    let letterbox = Letterbox::new(ResizeMode::SquarePad, (200, 100), (64, 32));
    assert_eq!((letterbox.scaled_size(), letterbox.offset()), ((64, 16), (0, 0)));
    let whole = letterbox.to_source([0.0, 0.0, 64.0, 16.0]);
    assert_eq!([whole.x_max, whole.y_max], [200.0, 100.0]);
}
