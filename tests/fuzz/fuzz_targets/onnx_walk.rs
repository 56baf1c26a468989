//! Any file: it is walked to its end or given up, and the operators that are found are named in it.
#![no_main]

use std::io::Cursor;

use detector_svc::inference::onnx::operators;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for name in operators(Cursor::new(data)) {
        let named = name.is_empty() || data.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(named, "{name:?}");
    }
});
