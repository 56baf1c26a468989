//! A `Record` call as it comes over the wire: any message is applied, rejected in part or refused, and the metrics page
//! stays sound.
#![no_main]

use std::{sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use metrics_svc::{Ingest, Intake, MetricsGrpc};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use vision_metrics::{
    Registry, SeriesValue,
    exposition::{TextFormat, text},
};
use vision_proto::metrics::raw::MetricsServiceServer;

/// Few, so that the limit is reached.
const MAX_SERIES: usize = 20;

/// The call's body: the message twice, so that a numbered one is replayed.
fn body(message: &[u8]) -> Bytes {
    let mut body = BytesMut::new();
    for _ in 0..2 {
        body.put_u8(0);
        body.put_u32(message.len() as u32);
        body.put_slice(message);
    }
    body.freeze()
}

async fn call(registry: &Arc<Registry>, message: &[u8]) {
    let ingest = Ingest::new(Arc::clone(registry), MAX_SERIES / 2, &opentelemetry::global::meter("fuzz"));
    let intake = Intake::in_memory(Arc::new(ingest));
    let service = MetricsServiceServer::new(MetricsGrpc::new(intake, CancellationToken::new()));
    let request = http::Request::builder()
        .method("POST")
        .uri("http://localhost/vision.metrics.v1.MetricsService/Record")
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::new(Full::new(body(message))))
        .expect("a request");
    let response = service.oneshot(request).await.unwrap_or_else(|never| match never {});
    response.into_body().collect().await.expect("a refusal comes in the trailers");
}

fn check(registry: &Registry) {
    let snapshot = registry.snapshot(Duration::from_secs(2_000_000_000));
    for metric in &snapshot.metrics {
        for series in metric.series() {
            if let SeriesValue::Counter(value) = &series.value {
                assert!(*value >= 0.0, "{} is {value}", metric.name);
            }
        }
    }
    let page = text(&snapshot, TextFormat::Prometheus);
    for line in page.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let value = line.rsplit(' ').next().expect("at least one part");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

fuzz_target!(|message: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let registry = Arc::new(Registry::with_max_series("fuzz", MAX_SERIES));
    runtime.block_on(call(&registry, message));
    check(&registry);
});
