//! Compiles the `.proto` files with protox (pure Rust) and keeps the descriptor set for reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 2] = ["vision/metrics/v1/metrics.proto", "vision/detector/v1/detector.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Frames and event batches stay slices of the receive buffer instead of being copied out of it.
        .bytes(".vision.detector.v1.DetectRequest.image")
        .compile_fds(descriptors)?;
    Ok(())
}
