//! Answers at once what would be too much, rather than let it wait.
//!
//! Unary calls and streams have limits of their own. A unary call counts until its handler has answered, so that
//! slow readers keep nobody out; a stream counts until it has ended, which is why tower's `ConcurrencyLimit` does
//! not fit: it lets go with a response's head.

use std::sync::Arc;

use http::{HeaderMap, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, body::Body};

use super::{
    Limits,
    intercept::{Call, Interceptor},
    method::Methods,
};

/// Health is asked for most urgently when there is much to do.
const ALWAYS: &str = "/grpc.health.v1.Health/Check";

/// Limits the calls in progress on all connections together.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    methods: Arc<Methods>,
    unary: Budget,
    streams: Budget,
}

#[derive(Clone, Debug)]
struct Budget {
    free: Arc<Semaphore>,
    max: usize,
    what: &'static str,
}

impl Admission {
    pub(super) fn new(limits: &Limits, methods: Arc<Methods>) -> Self {
        let unary = Budget::new(limits.max_unary_in_progress, "unary calls are in progress");
        let streams = Budget::new(limits.max_streams, "streams are open");
        Self { methods, unary, streams }
    }
}

impl Interceptor for Admission {
    type Call = Admitted;

    fn begin(&self, request: &mut Request<Body>) -> Result<Admitted, Status> {
        let path = request.uri().path();
        if path == ALWAYS {
            return Ok(Admitted { unary: true, permit: None });
        }
        let unary = self.methods.get(path).unary;
        let budget = if unary { &self.unary } else { &self.streams };
        Ok(Admitted { unary, permit: Some(budget.take()?) })
    }
}

impl Budget {
    fn new(max: usize, what: &'static str) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(max)), max, what }
    }

    fn take(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let Self { max, what, .. } = self;
            Status::resource_exhausted(format!(
                "the server is busy: {max} {what}, and no more may be; try again"
            ))
        })
    }
}

/// A call that takes part of what there is.
pub(super) struct Admitted {
    unary: bool,
    permit: Option<OwnedSemaphorePermit>,
}

impl Call for Admitted {
    fn see(&mut self, _: &HeaderMap) {
        if self.unary {
            self.permit = None;
        }
    }
}
