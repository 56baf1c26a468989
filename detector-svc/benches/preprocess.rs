//! From the bytes of a frame to a slot of the input tensor, in steady state: time and memory taken for each step.
//!
//! With `VISION_TEST_PYTHON` set, OpenCV and NumPy do the same in the same run, and the ratios are printed.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]
#![expect(clippy::print_stdout, reason = "prints its result")]

use std::{alloc::System, hint::black_box, process::Command, time::Instant};

use alloc_tracker::{Allocator, Session};
use bytes::Bytes;
use detector_svc::{
    frame::{Encoding, FileFormat, Payload, RawLayout},
    image::{ColorOrder, Decoder, FASTEST_ORDER, Image, Limits, decode},
    preprocess::{Element, Filter, Fitter, InputSpec, Layout, Normaliser, ResizeMode, SlotMut},
    spare::Spare,
};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

/// Runs of each step before any counts, and runs that do.
const WARM_UP: usize = 20;
const RUNS: usize = 300;
const LIMITS: Limits = Limits { max_side: 10_000, max_pixels: 50_000_000 };
const FRAME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/frames/vtest/0000.jpg");
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/preprocess_reference.py");

/// The input of the shipped model.
fn input() -> InputSpec {
    InputSpec {
        name: "images".to_owned(),
        width: 416,
        height: 416,
        color: ColorOrder::Bgr,
        mean: [103.53, 116.28, 123.675],
        std: [57.375, 57.12, 58.395],
        padding: [114.0; 3],
        resize: ResizeMode::LetterboxTopLeft,
        filter: Filter::Bilinear,
        layout: Layout::Planar,
        element: Element::F32,
    }
}

/// Runs a step, prints its median time and what it takes from the allocator, and returns the time in milliseconds.
fn measure(name: &str, mut step: impl FnMut()) -> f64 {
    (0..WARM_UP).for_each(|_| step());
    let timed = |step: &mut dyn FnMut()| {
        let started = Instant::now();
        step();
        started.elapsed().as_secs_f64() * 1e3
    };
    let mut times: Vec<f64> = (0..RUNS).map(|_| timed(&mut step)).collect();
    times.sort_by(f64::total_cmp);
    let median = times[RUNS / 2];
    let (allocations, bytes) = allocated(&mut step);
    println!("{name:<34} {median:>8.3} ms {allocations:>8.1} allocations {bytes:>12.0} bytes");
    median
}

/// Allocations and bytes of one run.
fn allocated(step: &mut dyn FnMut()) -> (f64, f64) {
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("step");
    {
        let _span = operation.measure_thread().iterations(RUNS as u64);
        (0..RUNS).for_each(|_| step());
    }
    let report = session.to_report();
    let (_, counted) = report.operations().next().unwrap();
    (counted.allocations().unwrap(), counted.bytes().unwrap())
}

/// The frame in every form in which it may arrive; the JPEG file comes first.
fn payloads() -> [(&'static str, Payload); 4] {
    let jpeg = std::fs::read(FRAME).unwrap();
    let text = |bytes: &[u8]| base64_simd::STANDARD.encode_to_string(bytes).into_bytes();
    let payload = |bytes: Vec<u8>, base64, encoding| Payload { bytes: Bytes::from(bytes), base64, encoding };
    let file = Encoding::File(FileFormat::Jpeg);
    let image = decode(&payload(jpeg.clone(), false, file), FASTEST_ORDER, LIMITS).unwrap();
    let raw = Encoding::Raw { width: image.width, height: image.height, layout: RawLayout::Bgr };
    [
        ("decode JPEG in base64", payload(text(&jpeg), true, file)),
        ("decode JPEG", payload(jpeg, false, file)),
        ("decode raw pixels in base64", payload(text(&image.pixels), true, raw)),
        ("decode raw pixels", payload(image.pixels, false, raw)),
    ]
}

/// Measures every step; returns the milliseconds of decoding the JPEG file, and of fitting and normalising.
fn ours() -> (f64, f64) {
    let (mut decoder, mut image) = (Decoder::new(), Image::default());
    let payloads = payloads();
    let times = payloads.each_ref().map(|(name, payload)| {
        measure(name, || decoder.decode(black_box(payload), FASTEST_ORDER, LIMITS, &mut image).unwrap())
    });
    measure("decode JPEG, new memory each time", || {
        black_box(decode(black_box(&payloads[1].1), FASTEST_ORDER, LIMITS).unwrap());
    });
    let (mut fitter, normaliser) =
        (Fitter::new(&input(), Spare::new(2)), Normaliser::new(input(), FASTEST_ORDER));
    let mut slot = vec![0.0; normaliser.slot_len()];
    measure("fit", || drop(black_box(fitter.fit(&mut image).unwrap())));
    let fitted = fitter.fit(&mut image).unwrap();
    measure("normalise", || normaliser.write(black_box(&fitted), black_box(SlotMut::F32(&mut slot))));
    drop(fitted);
    let preprocess = measure("fit and normalise", || {
        normaliser.write(&fitter.fit(black_box(&mut image)).unwrap(), black_box(SlotMut::F32(&mut slot)));
    });
    (times[1], preprocess)
}

/// Milliseconds of the reference for the same two.
fn theirs(python: &str) -> (f64, f64) {
    let output = Command::new(python).args([REFERENCE, FRAME]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let milliseconds = |key: &str| report[key].as_f64().unwrap();
    (milliseconds("decode_ms"), milliseconds("preprocess_ms"))
}

fn main() {
    let ours = ours();
    let Ok(python) = std::env::var("VISION_TEST_PYTHON") else {
        return println!("VISION_TEST_PYTHON is not set: nothing to compare with");
    };
    let theirs = theirs(&python);
    for (name, ours, theirs) in [("decode JPEG", ours.0, theirs.0), ("fit and normalise", ours.1, theirs.1)] {
        println!("{name}: {ours:.3} ms, OpenCV and NumPy {theirs:.3} ms, ratio {:.2}", theirs / ours);
    }
}
