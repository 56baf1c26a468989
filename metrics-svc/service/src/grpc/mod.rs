//! The gRPC side of a service: what every server has beside its own methods.
//!
//! A service binds, says which methods it serves, and serves them until its token is cancelled:
//!
//! ```no_run
//! # use vision_service::{grpc, readiness::Readiness, shutdown::Drain, telemetry::Telemetry};
//! # use vision_proto::metrics::raw::{MetricsService, MetricsServiceServer};
//! # async fn start(
//! #     service: impl MetricsService, drain: Drain, readiness: Readiness, telemetry: Telemetry,
//! # ) -> std::io::Result<()> {
//! let bound = grpc::bind(([0, 0, 0, 0], 50052).into()).await?;
//! let address = bound.local_addr();
//! let api = grpc::Api::new(&readiness, &telemetry).with(MetricsServiceServer::new(service));
//! drain.spawn(bound.serve(api, drain.token()));
//! # Ok(())
//! # }
//! ```
//!
//! That adds the standard health service (the server as a whole, under the empty name, and each service are
//! `SERVING` while the process is ready), reflection v1 and v1alpha of the services given, keep-alive, a span for
//! each call with its trace if the caller tells one, and instruments: `requests` (by `method` and status `code`),
//! `request_duration` (unary calls, seconds), `connections`, and `connections_closed` (by `reason`).
//!
//! [`Limits`] says what is taken on at once. A call past it is answered with `RESOURCE_EXHAUSTED` rather than left
//! waiting, and a connection past it takes the place of one that nobody uses. Message sizes are limited where they
//! are known: on the service's own server type.
//!
//! After the token is cancelled no call is accepted and those open may end: a handler of a long stream selects on
//! the token itself, and the deadline is that of [`Drain`](crate::shutdown::Drain).

mod admission;
mod api;
mod ending;
mod health;
mod incoming;
mod intercept;
mod limits;
mod metered;
mod method;
mod server;
mod traced;
mod unary_timeout;

pub use self::{
    api::Api,
    limits::Limits,
    server::{Bound, ServeError, bind},
};
