//! Counts calls by their outcome and times the unary ones.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};
use tonic::{Code, body::Body, codegen::Bytes};
use tower::{Layer, Service};

use super::method::Methods;

/// Upper bounds of the duration of a unary call, in seconds.
const CALL_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Meters the calls of a service.
#[derive(Clone, Debug)]
pub(super) struct MeteredLayer(Arc<Instruments>);

#[derive(Debug)]
struct Instruments {
    methods: Methods,
    requests: Counter<u64>,
    duration: Histogram<f64>,
}

impl MeteredLayer {
    pub(super) fn new(meter: &Meter) -> Self {
        let requests = meter.u64_counter("requests").with_description("Calls that have ended.").build();
        let duration = meter
            .f64_histogram("request_duration")
            .with_unit("s")
            .with_boundaries(CALL_SECONDS.to_vec())
            .with_description("Time from a unary call's headers to its status.")
            .build();
        Self(Arc::new(Instruments { methods: Methods::known(), requests, duration }))
    }
}

impl<S> Layer<S> for MeteredLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Metered { inner, instruments: Arc::clone(&self.0) }
    }
}

/// A service whose calls are metered.
#[derive(Clone, Debug)]
pub(super) struct Metered<S> {
    inner: S,
    instruments: Arc<Instruments>,
}

impl<S> Service<Request<Body>> for Metered<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut call = Call {
            path: request.uri().path().to_owned(),
            started: Instant::now(),
            code: Code::Cancelled,
            instruments: Arc::clone(&self.instruments),
        };
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            call.see(response.headers());
            Ok(response.map(|inner| Body::new(MeteredBody { inner, call })))
        })
    }
}

/// A call in progress, counted when dropped: as cancelled unless a status was seen.
struct Call {
    path: String,
    started: Instant,
    code: Code,
    instruments: Arc<Instruments>,
}

impl Call {
    /// Notes the status, if these headers or trailers have it.
    fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Code::from_bytes(status.as_bytes());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Instruments { methods, requests, duration } = &*self.instruments;
        let method = methods.get(&self.path);
        let name = KeyValue::new("method", method.name.clone());
        requests.add(1, &[name.clone(), KeyValue::new("code", format!("{:?}", self.code))]);
        if method.unary {
            duration.record(self.started.elapsed().as_secs_f64(), &[name]);
        }
    }
}

struct MeteredBody {
    inner: Body,
    call: Call,
}

impl http_body::Body for MeteredBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.see(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
