//! The services of a server: its own and those that every server has.

use std::convert::Infallible;

use axum::response::IntoResponse;
use http::Request;
use opentelemetry::metrics::Meter;
use tokio_util::sync::CancellationToken;
use tonic::{
    body::Body,
    server::NamedService,
    service::{LayerExt, Routes},
};
use tonic_health::server::{HealthReporter, HealthService};
use tower::Service;

use super::{ending::EndingLayer, health};
use crate::{readiness::Readiness, telemetry::Telemetry};

/// What a server serves.
#[derive(Clone, Debug)]
pub struct Api {
    readiness: Readiness,
    pub(super) meter: Meter,
    names: Vec<&'static str>,
    routes: Routes,
}

impl Api {
    /// Nothing but the standard services: health as `readiness` has it, and reflection.
    #[must_use]
    pub fn new(readiness: &Readiness, telemetry: &Telemetry) -> Self {
        Self {
            readiness: readiness.clone(),
            meter: telemetry.meter(),
            names: Vec::new(),
            routes: Routes::default(),
        }
    }

    /// Adds a service: a generated server type with its limits on messages set.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    /// Everything to route; calls of the standard services end when `token` is cancelled.
    pub(super) fn routes(self, token: &CancellationToken) -> Result<Routes, tonic_reflection::server::Error> {
        let ending = EndingLayer::new(token.clone());
        let reporter = HealthReporter::new();
        let health = HealthService::from_health_reporter(reporter.clone());
        let health = tonic_health::pb::health_server::HealthServer::new(health);
        let reflection = self.reflection().build_v1()?;
        let reflection_alpha = self.reflection().build_v1alpha()?;
        tokio::spawn(health::report(reporter, self.names, self.readiness, token.clone()));
        let routes = self.routes.add_service(ending.named_layer(health));
        let routes = routes.add_service(ending.named_layer(reflection));
        Ok(routes.add_service(ending.named_layer(reflection_alpha)).prepare())
    }

    /// Tells of the services served here, not of all whose descriptors are known.
    fn reflection(&self) -> tonic_reflection::server::Builder<'static> {
        let standard = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(vision_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        let names = self.names.iter().copied().chain(standard);
        names.fold(builder, |builder, name| builder.with_service_name(name))
    }
}
