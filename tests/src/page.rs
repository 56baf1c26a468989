//! What a service shows over HTTP.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// Start of every metric's name.
pub const NAMESPACE: &str = "vision_detect_segment_";

/// One sample of `/metrics.json`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Sample {
    /// Names and values of its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
    /// `sum` or `count` of a distribution.
    #[serde(rename = "_type")]
    pub part: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Metric {
    samples: Vec<Sample>,
    #[serde(default)]
    statistics: Vec<Statistics>,
}

/// Statistics of one distribution.
#[derive(Clone, Debug, Deserialize)]
struct Statistics {
    labels: BTreeMap<String, String>,
    p50: f64,
}

/// Everything that `/metrics.json` shows.
#[derive(Clone, Debug, Deserialize)]
pub struct MetricsPage(BTreeMap<String, Metric>);

/// The frame ledger as a page shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LedgerPage {
    /// Frames received.
    pub received: f64,
    /// Frames processed with success.
    pub success: f64,
    /// Frames processed with failure.
    pub failure: f64,
    /// Frames dropped, for whatever reason.
    pub dropped: f64,
    /// Frames without a verdict.
    pub in_flight: f64,
}

impl MetricsPage {
    /// Reads the page of the service at `http`.
    ///
    /// # Errors
    /// There is no page, or it is no JSON of the expected form.
    pub async fn read(http: SocketAddr) -> anyhow::Result<Self> {
        let json = get(http, "/metrics.json").await?;
        serde_json::from_str(&json).with_context(|| format!("/metrics.json is {json}"))
    }

    /// Samples of a metric, named without its namespace.
    pub fn samples(&self, metric: &str) -> impl Iterator<Item = &Sample> {
        let metric = self.0.get(&format!("{NAMESPACE}{metric}"));
        metric.into_iter().flat_map(|metric| &metric.samples)
    }

    /// Sum over a counter's or gauge's series that have all these labels.
    #[must_use]
    pub fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        let has =
            |sample: &&Sample| labels.iter().all(|(k, v)| sample.labels.get(*k).is_some_and(|own| own == v));
        self.samples(metric).filter(has).map(|sample| sample.value).sum()
    }

    /// Number of observations of a distribution over all its series.
    #[must_use]
    pub fn count(&self, metric: &str) -> f64 {
        let counts = self.samples(metric).filter(|sample| sample.part.as_deref() == Some("count"));
        counts.map(|sample| sample.value).sum()
    }

    /// Sum of what was observed in a distribution over all its series.
    #[must_use]
    pub fn total(&self, metric: &str) -> f64 {
        let sums = self.samples(metric).filter(|sample| sample.part.as_deref() == Some("sum"));
        sums.map(|sample| sample.value).sum()
    }

    /// Median of the first distribution that has all these labels; 0 without any.
    #[must_use]
    pub fn median(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        let metric = self.0.get(&format!("{NAMESPACE}{metric}"));
        let mut statistics = metric.into_iter().flat_map(|metric| &metric.statistics);
        statistics.find(|statistics| has_all(&statistics.labels, labels)).map_or(0.0, |found| found.p50)
    }

    /// The frame ledger.
    #[must_use]
    pub fn ledger(&self) -> LedgerPage {
        let processed = |status| self.sum("frames_processed_total", &[("status", status)]);
        LedgerPage {
            received: self.sum("frames_received_total", &[]),
            success: processed("success"),
            failure: processed("failure"),
            dropped: self.sum("frames_dropped_total", &[]),
            in_flight: self.sum("frames_in_flight", &[]),
        }
    }
}

fn has_all(own: &BTreeMap<String, String>, labels: &[(&str, &str)]) -> bool {
    labels.iter().all(|(name, value)| own.get(*name).is_some_and(|own| own == value))
}

impl LedgerPage {
    /// Whether every frame received is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.received == self.success + self.failure + self.dropped + self.in_flight
    }
}

/// Body of a page.
///
/// # Errors
/// The service does not answer with success.
pub async fn get(http: SocketAddr, path: &str) -> anyhow::Result<String> {
    let response = reqwest::get(format!("http://{http}{path}")).await?;
    let status = response.status();
    let body = response.text().await?;
    ensure!(status.is_success(), "{path} answers {status}: {body}");
    Ok(body)
}

/// Whether the service at `http` is ready.
///
/// # Errors
/// What it says is missing.
pub async fn ready(http: SocketAddr) -> anyhow::Result<()> {
    get(http, "/ready").await.map(drop)
}
