//! What the demo shows: numbers gathered from outside, and the tables made of them.

use std::{collections::VecDeque, time::Duration};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use tokio::time::Instant;
use vision_tests::{
    frames::Published,
    page::{LedgerPage, MetricsPage},
};

/// Seconds that the frame rate is taken over.
const RATE_WINDOW: usize = 5;
/// Results that the latency is taken over.
const LATENCY_WINDOW: usize = 100;
/// Classes and reasons shown.
const MOST: usize = 6;

/// One look at the running system.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) ledger: LedgerPage,
    /// From capture to publication, as the published entries tell, in rising order.
    latencies: Vec<Duration>,
    detections: Vec<(String, f64)>,
    dropped: Vec<(String, f64)>,
}

impl Sight {
    pub(crate) fn new(page: &MetricsPage, published: &[Published]) -> Self {
        let latest = &published[published.len().saturating_sub(LATENCY_WINDOW)..];
        let mut latencies: Vec<Duration> = latest.iter().filter_map(latency).collect();
        latencies.sort_unstable();
        Self {
            ledger: page.ledger(),
            latencies,
            detections: by_label(page, "detections_total", "class"),
            dropped: by_label(page, "frames_dropped_total", "reason"),
        }
    }

    /// The latency that this share of the results does not exceed.
    fn latency(&self, quantile: f64) -> String {
        let index = (quantile * self.latencies.len().saturating_sub(1) as f64).round() as usize;
        self.latencies
            .get(index)
            .map_or("-".to_owned(), |latency| format!("{:.1} ms", latency.as_secs_f64() * 1e3))
    }
}

fn latency(published: &Published) -> Option<Duration> {
    let seconds = |field| published.field(field).parse::<f64>().ok();
    Duration::try_from_secs_f64(seconds("timestamp")? - seconds("capture_timestamp")?).ok()
}

/// Values of a counter by one of its labels, greatest first, without those that are 0.
fn by_label(page: &MetricsPage, metric: &str, label: &str) -> Vec<(String, f64)> {
    let samples = page.samples(metric).filter(|sample| sample.value > 0.0);
    let mut values: Vec<_> =
        samples.filter_map(|sample| Some((sample.labels.get(label)?.clone(), sample.value))).collect();
    values.sort_by(|a, b| b.1.total_cmp(&a.1));
    values
}

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Looks {
    started: Instant,
    /// When, and how many frames had been processed then.
    recent: VecDeque<(Instant, f64)>,
}

impl Looks {
    pub(crate) fn new(started: Instant) -> Self {
        Self { started, recent: VecDeque::new() }
    }

    /// The table of a look, and a note of it for the rate of the next.
    pub(crate) fn table(&mut self, sight: &Sight, now: Instant) -> Table {
        self.recent.push_back((now, sight.ledger.success));
        if self.recent.len() > RATE_WINDOW + 1 {
            self.recent.pop_front();
        }
        let first = self.recent.front().copied().unwrap_or((now, sight.ledger.success));
        let rate = rate(sight.ledger.success - first.1, now - first.0);
        table(sight, &format!("{rate:.1}"))
    }

    /// The table of everything.
    pub(crate) fn summary(&self, sight: &Sight, now: Instant) -> Table {
        let took = now - self.started;
        let rate = rate(sight.ledger.success, took);
        table(sight, &format!("{rate:.1} over {:.0} s", took.as_secs_f64()))
    }
}

fn rate(frames: f64, over: Duration) -> f64 {
    if over.is_zero() { 0.0 } else { frames / over.as_secs_f64() }
}

fn table(sight: &Sight, rate: &str) -> Table {
    let ledger = &sight.ledger;
    let balance = if ledger.balances() { "balanced" } else { "NOT balanced" };
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.add_row(["frames a second", rate]);
    table.add_row(["latency p50 / p95", &format!("{} / {}", sight.latency(0.5), sight.latency(0.95))]);
    table.add_row([
        "frames",
        &format!(
            "{} received, {} processed, {} failed, {} dropped, {} in flight: {balance}",
            ledger.received, ledger.success, ledger.failure, ledger.dropped, ledger.in_flight
        ),
    ]);
    table.add_row(["detections", &list(&sight.detections)]);
    table.add_row(["drops", &list(&sight.dropped)]);
    table
}

fn list(values: &[(String, f64)]) -> String {
    if values.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<_> = values.iter().take(MOST).map(|(name, value)| format!("{name} {value}")).collect();
    shown.join(", ")
}
