//! Ends unary calls that take too long. Streams may be as long as they like.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use tokio::time::timeout;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::method::Methods;

/// Gives unary calls a deadline: theirs if it is earlier, which tonic sees to, else this.
#[derive(Clone, Debug)]
pub(super) struct UnaryTimeoutLayer {
    methods: Arc<Methods>,
    limit: Duration,
}

impl UnaryTimeoutLayer {
    pub(super) fn new(limit: Duration, methods: Arc<Methods>) -> Self {
        Self { methods, limit }
    }
}

impl<S> Layer<S> for UnaryTimeoutLayer {
    type Service = UnaryTimeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        UnaryTimeout { inner, layer: self.clone() }
    }
}

/// A service whose unary calls end in time.
#[derive(Clone, Debug)]
pub(super) struct UnaryTimeout<S> {
    inner: S,
    layer: UnaryTimeoutLayer,
}

impl<S> Service<Request<Body>> for UnaryTimeout<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let UnaryTimeoutLayer { methods, limit } = &self.layer;
        let (unary, limit) = (methods.get(request.uri().path()).unary, *limit);
        let response = self.inner.call(request);
        if !unary {
            return Either::Left(response);
        }
        Either::Right(Box::pin(async move {
            let late = |_| Ok(Status::deadline_exceeded(format!("not done after {limit:?}")).into_http());
            timeout(limit, response).await.unwrap_or_else(late)
        }))
    }
}
