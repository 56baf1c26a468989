//! A layer from what happens when a call begins, has its status and ends, so that each layer need say only that.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::{self, BoxFuture};
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body, codegen::Bytes};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

/// Sees every call when it begins.
pub(super) trait Interceptor: Clone + Send + 'static {
    /// What is kept while the call lasts.
    type Call: Call;

    /// A call begins.
    ///
    /// # Errors
    /// The status that answers it, in place of all further layers and the handler.
    fn begin(&self, request: &mut Request<Body>) -> Result<Self::Call, Status>;
}

/// A call in progress; dropped when it has ended, however that came.
pub(super) trait Call: Send + Unpin + 'static {
    /// Sees the headers of the response, then its trailers. Either may have the status; a call that was cut off has
    /// none.
    fn see(&mut self, headers: &HeaderMap);

    /// What the call's work is part of.
    fn span(&self) -> Option<&Span> {
        None
    }
}

/// The layer of an interceptor.
#[derive(Clone, Debug)]
pub(super) struct InterceptLayer<I>(pub(super) I);

impl<S, I: Interceptor> Layer<S> for InterceptLayer<I> {
    type Service = Intercept<S, I>;

    fn layer(&self, inner: S) -> Self::Service {
        Intercept { inner, interceptor: self.0.clone() }
    }
}

/// A service whose calls an interceptor sees.
#[derive(Clone, Debug)]
pub(super) struct Intercept<S, I> {
    inner: S,
    interceptor: I,
}

impl<S, I> Service<Request<Body>> for Intercept<S, I>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    I: Interceptor,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut call = match self.interceptor.begin(&mut request) {
            Ok(call) => call,
            Err(status) => return Box::pin(future::ready(Ok(status.into_http()))),
        };
        let span = call.span().cloned().unwrap_or_else(Span::none);
        let response = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            let response = response.await?;
            call.see(response.headers());
            Ok(response.map(|inner| Body::new(ObservedBody { inner, call })))
        })
    }
}

/// The response's body, which ends the call.
struct ObservedBody<C> {
    inner: Body,
    call: C,
}

impl<C: Call> http_body::Body for ObservedBody<C> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { inner, call } = &mut *self;
        let entered = call.span().map(Span::enter);
        let frame = Pin::new(inner).poll_frame(cx);
        drop(entered);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            call.see(trailers);
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
