//! Tells the standard health service whether the process is ready.

use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::readiness::Readiness;

/// Name of the server as a whole.
const SERVER: &str = "";

/// Keeps the status of the server and of each service up to date; none serves once `token` is cancelled.
pub(super) async fn report(
    reporter: HealthReporter,
    services: Vec<&'static str>,
    readiness: Readiness,
    token: CancellationToken,
) {
    let mut changes = readiness.changes();
    let mut ready = readiness.is_ready();
    loop {
        set_all(&reporter, &services, ready && !token.is_cancelled()).await;
        match token.run_until_cancelled(changes.next()).await {
            Some(now) => ready = now,
            None => break,
        }
    }
    set_all(&reporter, &services, false).await;
}

async fn set_all(reporter: &HealthReporter, services: &[&'static str], serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in services.iter().copied().chain([SERVER]) {
        reporter.set_service_status(service, status).await;
    }
}
