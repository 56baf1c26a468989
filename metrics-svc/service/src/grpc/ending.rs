//! Ends the streams of services that know nothing of a shutdown: they would hold it up for as long as their
//! callers stay.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;
use tonic::{Code, body::Body, codegen::Bytes};
use tower::{Layer, Service};

/// Ends requests, and responses with `UNAVAILABLE`, when a token is cancelled.
#[derive(Clone, Debug)]
pub(super) struct EndingLayer(CancellationToken);

impl EndingLayer {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self(token)
    }
}

impl<S> Layer<S> for EndingLayer {
    type Service = Ending<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Ending { inner, token: self.0.clone() }
    }
}

/// A service whose calls end with a token.
#[derive(Clone, Debug)]
pub(super) struct Ending<S> {
    inner: S,
    token: CancellationToken,
}

impl<S> Service<Request<Body>> for Ending<S>
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
        let token = self.token.clone();
        // A handler that still reads would keep the call open after its response.
        let request = request.map(|inner| ending(inner, &token, None));
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            Ok(response.map(|inner| ending(inner, &token, Some(unavailable()))))
        })
    }
}

struct EndingBody {
    inner: Body,
    end: BoxFuture<'static, ()>,
    ended: bool,
    /// What a body that is cut off ends with.
    trailers: Option<HeaderMap>,
}

fn ending(inner: Body, token: &CancellationToken, trailers: Option<HeaderMap>) -> Body {
    let end = Box::pin(token.clone().cancelled_owned());
    Body::new(EndingBody { inner, end, ended: false, trailers })
}

impl http_body::Body for EndingBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // What is there already goes first.
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if frame.is_pending() && self.end.as_mut().poll(cx).is_ready() {
            self.ended = true;
            return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn unavailable() -> HeaderMap {
    let code = http::HeaderValue::from(Code::Unavailable as i32);
    HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), code)])
}
