//! An encoded batch read in place: what prost decodes is read the same, and what it refuses is refused.
#![no_main]

#[path = "../../../metrics-svc/src/ingest/wire/prost_oracle.rs"]
mod prost_oracle;

use libfuzzer_sys::fuzz_target;
use metrics_svc::ingest::wire::{Batch, Event, IdentityCache, MalformedReason};

fuzz_target!(|message: &[u8]| prost_oracle::compare(message));
