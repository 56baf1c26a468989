//! What is dropped for having been idle.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use vision_metrics::{Expiry, MetricKind, Series, UnixTime};

use super::Ingest;

/// How long what is idle is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpiryRules {
    /// Gauges, after their last value and after their producer was last seen.
    pub(crate) gauges: Duration,
    /// Counters, histograms and summaries; zero: for ever.
    pub(crate) totals: Duration,
    /// Producers without a stream, and with them how far they got.
    pub(crate) producers: Duration,
}

impl ExpiryRules {
    /// How often to look, so that nothing stays more than a tenth longer than it should.
    pub(crate) fn interval(&self) -> Duration {
        let shortest =
            [self.gauges, self.totals, self.producers].into_iter().filter(|time| !time.is_zero()).min();
        shortest.unwrap_or(self.gauges) / 10
    }
}

/// What is dropped: decided once, and done again when it is replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expired {
    /// Deadline of gauges.
    gauges: UnixTime,
    /// Producers whose gauges stay past it.
    staying: BTreeSet<String>,
    /// Deadline of counters, histograms and summaries; none: they stay.
    totals: Option<UnixTime>,
    /// Deadline of producers.
    producers: UnixTime,
    /// Those who are forgotten.
    pub(crate) forgotten: BTreeSet<String>,
}

impl Expired {
    fn expiry(&self) -> Expiry {
        Expiry { gauges: Some(self.gauges), totals: self.totals }
    }
}

impl Ingest {
    /// Drops what is idle.
    pub(crate) fn expire(&self, rules: &ExpiryRules, now: UnixTime) {
        self.what_expires(rules, now).iter().for_each(|expired| self.drop_expired(expired));
    }

    /// Decides what is to be dropped; `None`: nothing.
    pub(crate) fn what_expires(&self, rules: &ExpiryRules, now: UnixTime) -> Option<Expired> {
        let totals = Some(now.saturating_sub(rules.totals)).filter(|_| !rules.totals.is_zero());
        let producers = now.saturating_sub(rules.producers);
        let forgotten = self.producers.idle(producers);
        let gauges = now.saturating_sub(rules.gauges);
        let mut expired = Expired { gauges, staying: BTreeSet::new(), totals, producers, forgotten };
        let mut goes = !expired.forgotten.is_empty();
        for series in self.registry.expired(expired.expiry()) {
            // A gauge stays as long as whoever told it does.
            match teller(&series).filter(|producer| self.producers.is_about(producer, gauges)) {
                Some(producer) => {
                    expired.staying.insert(producer.into_owned());
                }
                None => goes = true,
            }
        }
        goes.then_some(expired)
    }

    /// Drops what was decided to be.
    pub(crate) fn drop_expired(&self, expired: &Expired) {
        let may_go =
            |series: &Series| !teller(series).is_some_and(|producer| expired.staying.contains(&*producer));
        let series = self.registry.expire(expired.expiry(), may_go);
        let producers = self.producers.forget(&expired.forgotten, expired.producers);
        tracing::debug!(series, producers, "expired");
    }
}

/// The producer that a gauge is kept for: whose it is, or who made it where they are not kept apart.
fn teller(series: &Series) -> Option<Cow<'_, str>> {
    if series.kind() != MetricKind::Gauge {
        return None;
    }
    let last = series.labels().iter().last().filter(|(name, _)| *name == "instance");
    last.map(|(_, producer)| producer).or_else(|| series.maker().map(Cow::Borrowed))
}
