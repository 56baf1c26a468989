//! Compiles the `.proto` files with protox (pure Rust) and keeps the descriptor set for reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use tonic_build::manual;

const METRICS: &str = "vision/metrics/v1/metrics.proto";
const DETECTOR: &str = "vision/detector/v1/detector.proto";

fn main() -> Result<(), Box<dyn Error>> {
    for file in [METRICS, DETECTOR] {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile([METRICS, DETECTOR], ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_server(false).compile_fds(protox::compile([METRICS], ["."])?)?;
    manual::Builder::new().build_client(false).compile(&[raw_metrics_service()]);
    tonic_prost_build::configure()
        // Frames stay slices of the receive buffer instead of being copied out of it.
        .bytes(".vision.detector.v1.DetectRequest.image")
        // The rare error should not take as much room.
        .boxed(".vision.detector.v1.DetectStreamResponse.result.response")
        .compile_fds(protox::compile([DETECTOR], ["."])?)?;
    Ok(())
}

/// The service of `metrics.proto`, whose server reads the batches of `Record` in place.
fn raw_metrics_service() -> manual::Service {
    let record = manual::Method::builder()
        .name("record")
        .route_name("Record")
        .comment("Applies batches of metric events, each exactly once, and acknowledges them in order.")
        .input_type("crate::metrics::raw::RawRecordRequest")
        .output_type("crate::metrics::v1::RecordResponse")
        .codec_path("crate::metrics::raw::RecordCodec")
        .client_streaming()
        .server_streaming();
    let get_metrics = manual::Method::builder()
        .name("get_metrics")
        .route_name("GetMetrics")
        .comment("Reads the current aggregates.")
        .input_type("crate::metrics::v1::GetMetricsRequest")
        .output_type("crate::metrics::v1::GetMetricsResponse")
        .codec_path("tonic_prost::ProstCodec");
    manual::Service::builder()
        .name("MetricsService")
        .package("vision.metrics.v1")
        .comment("Aggregates metric events from any number of producers.")
        .method(record.build())
        .method(get_metrics.build())
        .build()
}
