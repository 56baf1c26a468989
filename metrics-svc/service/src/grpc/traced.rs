//! A span for each call, and a line when it has ended.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, Request};
use tonic::{Code, Status, body::Body, transport::server::TcpConnectInfo};
use tracing::{Span, field};

use super::{
    intercept::{Call, Interceptor},
    method::Methods,
};
use crate::{rate_limit::OncePer, trace_context};

/// How often the log tells of a failure that is the server's fault.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// Traces the calls of a server.
#[derive(Clone, Debug)]
pub(super) struct Tracing {
    methods: Arc<Methods>,
    faults: Arc<OncePer>,
}

impl Tracing {
    pub(super) fn new(methods: Arc<Methods>) -> Self {
        Self { methods, faults: Arc::new(OncePer::new(LOG_PERIOD)) }
    }
}

impl Interceptor for Tracing {
    type Call = TracedCall;

    fn begin(&self, request: &mut Request<Body>) -> Result<TracedCall, Status> {
        // A path may be anything of any length, the name of a method is known.
        let method = self.methods.get(request.uri().path());
        let span =
            tracing::info_span!("call", method = method.name, peer = field::Empty, trace_id = field::Empty);
        if !span.is_disabled() {
            let peer = request.extensions().get::<TcpConnectInfo>().and_then(|info| info.remote_addr);
            span.record("peer", peer.map(field::display));
            span.record("trace_id", trace_context::trace_id(request.headers()));
        }
        Ok(TracedCall { span, started: Instant::now(), status: None, faults: Arc::clone(&self.faults) })
    }
}

/// Told of when dropped.
pub(super) struct TracedCall {
    span: Span,
    started: Instant,
    /// `None`: cut off.
    status: Option<Status>,
    faults: Arc<OncePer>,
}

impl Call for TracedCall {
    fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.status = Some(status);
        }
    }

    fn span(&self) -> Option<&Span> {
        Some(&self.span)
    }
}

impl Drop for TracedCall {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let code = self.status.as_ref().map_or(Code::Cancelled, Status::code);
        let reason = self.status.as_ref().map(Status::message).filter(|reason| !reason.is_empty());
        tracing::debug!(parent: &self.span, ?code, ?duration, reason, "call ended");
        if is_fault(code)
            && let Some(suppressed) = self.faults.pass(Instant::now())
        {
            tracing::warn!(parent: &self.span, ?code, ?duration, reason, suppressed, "call failed");
        }
    }
}

/// Whether a status is the server's fault rather than its caller's, or a state that passes.
fn is_fault(code: Code) -> bool {
    matches!(code, Code::Internal | Code::Unknown | Code::DataLoss)
}
