//! Patterns of stream names: none panics or takes for ever, and what is meant as it is matches itself.
#![no_main]

use detector_svc::glob::{is_pattern, matches};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (String, String)| {
    let (pattern, name) = input;
    let matched = matches(&pattern, &name);
    if !is_pattern(&pattern) && !pattern.contains('\\') {
        assert_eq!(matched, pattern == name);
    }
    assert!(matches("*", &name));
});
