//! Counts calls by their outcome and times the unary ones.

use std::{sync::Arc, time::Instant};

use http::{HeaderMap, Request};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};
use tonic::{Code, Status, body::Body};

use super::{
    intercept::{Call, Interceptor},
    method::{Method, Methods},
};

/// Upper bounds of the duration of a unary call, in seconds.
const CALL_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Meters the calls of a server.
#[derive(Clone, Debug)]
pub(super) struct Metering {
    methods: Arc<Methods>,
    instruments: Arc<Instruments>,
}

#[derive(Debug)]
struct Instruments {
    requests: Counter<u64>,
    duration: Histogram<f64>,
}

impl Metering {
    pub(super) fn new(meter: &Meter, methods: Arc<Methods>) -> Self {
        let requests = meter.u64_counter("requests").with_description("Calls that have ended.").build();
        let duration = meter
            .f64_histogram("request_duration")
            .with_unit("s")
            .with_boundaries(CALL_SECONDS.to_vec())
            .with_description("Time from a unary call's headers to its status.")
            .build();
        Self { methods, instruments: Arc::new(Instruments { requests, duration }) }
    }
}

impl Interceptor for Metering {
    type Call = MeteredCall;

    fn begin(&self, request: &mut Request<Body>) -> Result<MeteredCall, Status> {
        Ok(MeteredCall {
            method: self.methods.get(request.uri().path()),
            started: Instant::now(),
            code: Code::Cancelled,
            instruments: Arc::clone(&self.instruments),
        })
    }
}

/// Counted when dropped: as cancelled unless a status was seen.
pub(super) struct MeteredCall {
    method: Arc<Method>,
    started: Instant,
    code: Code,
    instruments: Arc<Instruments>,
}

impl Call for MeteredCall {
    fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get(Status::GRPC_STATUS) {
            self.code = Code::from_bytes(status.as_bytes());
        }
    }
}

impl Drop for MeteredCall {
    fn drop(&mut self) {
        let Instruments { requests, duration } = &*self.instruments;
        let name = KeyValue::new("method", self.method.name.clone());
        requests.add(1, &[name.clone(), KeyValue::new("code", format!("{:?}", self.code))]);
        if self.method.unary {
            duration.record(self.started.elapsed().as_secs_f64(), &[name]);
        }
    }
}
