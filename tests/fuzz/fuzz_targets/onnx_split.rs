//! A model file is split or refused, and the parts of one that is split are files that fit together.
#![no_main]

use std::collections::BTreeSet;

use detector_svc::inference::onnx::{Boundary, Split};
use libfuzzer_sys::fuzz_target;

fn is_text(name: &str) -> bool {
    name == "input_ids"
}

fuzz_target!(|file: &[u8]| {
    let Ok(Some(split)) = Split::new(file, is_text) else {
        return;
    };
    let boundary: Vec<_> = split.boundary().collect();
    assert!(!boundary.is_empty() && boundary.iter().collect::<BTreeSet<_>>().len() == boundary.len());
    Split::new(&split.text(), is_text).expect("the part that reads text is a file");
    let described =
        boundary.iter().map(|name| Boundary { name: (*name).to_owned(), element: 1, rank: Some(2) });
    let image = split.image(&described.collect::<Vec<_>>());
    Split::new(&image, is_text).expect("the rest is a file");
});
