//! A page of a snapshot as `GetMetrics` answers it.

use std::collections::HashMap;

use prost::Message as _;
use vision_metrics::{
    Distribution, Labels, Merge, MetricDescriptor, MetricKind, MetricSnapshot, Registry, SeriesSnapshot,
    SeriesValue, UnixTime,
};
use vision_proto::metrics::v1::{self as wire, GetMetricsRequest, GetMetricsResponse};

/// Metrics in one page when the caller sets no limit.
const DEFAULT_PAGE_SIZE: usize = 1000;
/// Size of a page, in bytes, past which the next begins: below the 4 MiB that clients take by default.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start<'a> {
    /// With the first metric after this name.
    After(&'a str),
    /// Within the metric of this name, after as many of its series.
    Within(&'a str, usize),
}

impl<'a> Start<'a> {
    /// Reads a page token. Names rather than positions, so that metrics declared between two pages neither repeat
    /// nor hide others. Within a metric that fits no page it is a position: series that expire between two pages move
    /// those after them.
    fn of_token(token: &'a str) -> Self {
        let within = token.split_once('/').and_then(|(name, series)| Some((name, series.parse().ok()?)));
        within.map_or(Self::After(token), |(name, series)| Self::Within(name, series))
    }

    fn to_token(self) -> String {
        match self {
            Self::After(name) => name.to_owned(),
            Self::Within(name, series) => format!("{name}/{series}"),
        }
    }

    /// How many series of this metric are on earlier pages; `None`: all of it.
    fn skipped(self, metric: &str) -> Option<usize> {
        match self {
            Self::After(name) => (metric > name).then_some(0),
            Self::Within(name, series) if metric == name => Some(series),
            Self::Within(name, _) => (metric > name).then_some(0),
        }
    }
}

/// The page that `request` asks for at `now`: whole metrics, unless one alone does not fit.
pub(crate) fn page(registry: &Registry, request: &GetMetricsRequest, now: UnixTime) -> GetMetricsResponse {
    let size = match request.page_size as usize {
        0 => DEFAULT_PAGE_SIZE,
        size => size.min(DEFAULT_PAGE_SIZE),
    };
    let start = Start::of_token(&request.page_token);
    let prefix = request.name_prefix.as_str();
    let snapshot = registry.snapshot_of(now, |name| {
        let full_name = registry.full_name(name);
        let selected = name.starts_with(prefix) || full_name.starts_with(prefix);
        selected && start.skipped(&full_name).is_some()
    });
    let mut page = Page { metrics: Vec::new(), bytes: 0, size };
    let unfinished = snapshot
        .metrics
        .iter()
        .filter_map(|metric| Some((metric, start.skipped(&metric.name)?)))
        .find_map(|(metric, skipped)| page.add(metric, &request.labels, skipped));
    GetMetricsResponse {
        metrics: page.metrics,
        time: Some(prost_types::Timestamp {
            seconds: now.as_secs() as i64,
            nanos: now.subsec_nanos() as i32,
        }),
        next_page_token: unfinished.map_or_else(String::new, Start::to_token),
    }
}

struct Page {
    metrics: Vec<wire::Metric>,
    bytes: usize,
    size: usize,
}

impl Page {
    /// Adds a metric's series but for the first `skipped`; tells where the next page begins once this one is full.
    fn add<'a>(
        &mut self,
        metric: &'a MetricSnapshot,
        labels: &HashMap<String, String>,
        skipped: usize,
    ) -> Option<Start<'a>> {
        let matching = metric.series().filter(|series| has_labels(series.labels, labels));
        let mut matching = matching.skip(skipped).peekable();
        if !labels.is_empty() && matching.peek().is_none() {
            return None;
        }
        if self.metrics.len() == self.size {
            return Some(Start::Within(&metric.name, skipped));
        }
        let descriptor = Some(wire_descriptor(&metric.name, &metric.descriptor));
        let mut added = wire::Metric { descriptor, series: Vec::new() };
        self.bytes += added.encoded_len();
        for (index, series) in matching.map(|series| wire_series(&series)).enumerate() {
            self.bytes += series.encoded_len();
            if self.bytes > MAX_PAGE_BYTES && !self.metrics.is_empty() {
                return Some(Start::Within(&metric.name, skipped));
            }
            if self.bytes > MAX_PAGE_BYTES && index > 0 {
                self.metrics.push(added);
                return Some(Start::Within(&metric.name, skipped + index));
            }
            added.series.push(series);
        }
        self.metrics.push(added);
        None
    }
}

fn has_labels(own: &Labels, wanted: &HashMap<String, String>) -> bool {
    wanted.iter().all(|(name, value)| own.get(name).is_some_and(|own| own == *value))
}

fn wire_descriptor(name: &str, descriptor: &MetricDescriptor) -> wire::MetricDescriptor {
    let kind = match descriptor.kind {
        MetricKind::Counter => wire::MetricKind::Counter,
        MetricKind::Gauge => wire::MetricKind::Gauge,
        MetricKind::Histogram => wire::MetricKind::Histogram,
        MetricKind::Summary => wire::MetricKind::Summary,
    };
    let merge = match descriptor.merge {
        Merge::Default => wire::Merge::Unspecified,
        Merge::Sum => wire::Merge::Sum,
        Merge::Max => wire::Merge::Max,
        Merge::Last => wire::Merge::Last,
        Merge::PerProducer => wire::Merge::PerProducer,
    };
    let windowed = descriptor.kind == MetricKind::Summary;
    let max_age = windowed.then(|| prost_types::Duration::try_from(descriptor.max_age).ok());
    wire::MetricDescriptor {
        name: name.to_owned(),
        kind: kind.into(),
        help: descriptor.help.clone(),
        unit: descriptor.unit.clone(),
        label_names: descriptor.label_names.clone(),
        buckets: descriptor.buckets.clone(),
        quantiles: descriptor.quantiles.clone(),
        max_age: max_age.flatten(),
        merge: merge.into(),
    }
}

fn wire_series(series: &SeriesSnapshot<'_>) -> wire::Series {
    use wire::series::Value;
    let value = match &series.value {
        SeriesValue::Counter(total) => Value::Counter(*total),
        SeriesValue::Gauge(value) => Value::Gauge(*value),
        SeriesValue::Histogram(distribution) | SeriesValue::Summary(distribution) => {
            Value::Distribution(wire_distribution(distribution))
        }
    };
    let labels = series.labels.iter().map(|(name, value)| (name.to_owned(), value.into_owned()));
    wire::Series { labels: labels.collect(), value: Some(value) }
}

fn wire_distribution(distribution: &Distribution) -> wire::Distribution {
    let buckets = distribution.buckets.iter();
    let buckets =
        buckets.map(|(bound, count)| wire::Bucket { upper_bound: *bound, cumulative_count: *count });
    let quantiles = distribution.quantiles.iter();
    let quantiles = quantiles
        .filter_map(|(quantile, value)| value.map(|value| wire::Quantile { quantile: *quantile, value }));
    wire::Distribution {
        count: distribution.count,
        sum: distribution.sum,
        buckets: buckets.collect(),
        quantiles: quantiles.collect(),
        statistics: distribution.statistics.map(|s| wire::Statistics {
            count: s.count,
            sum: s.sum,
            avg: s.avg,
            min: s.min,
            max: s.max,
            p50: s.p50,
            p90: s.p90,
            p99: s.p99,
            collapsed: s.collapsed,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use vision_metrics::Registry;

    use super::*;

    fn registry(metrics: &[(&str, usize)]) -> Registry {
        let registry = Registry::new("ns");
        for &(name, series) in metrics {
            let label_names = vec!["a".to_owned()];
            let counter =
                MetricDescriptor { label_names, ..MetricDescriptor::new(name, MetricKind::Counter) };
            let metric = registry.register(counter).unwrap();
            for index in 0..series {
                metric.series(&[&format!("{index:0200}")], None).unwrap();
            }
        }
        registry
    }

    /// Names and numbers of series on each page.
    fn pages(registry: &Registry, mut request: GetMetricsRequest) -> Vec<Vec<(String, usize)>> {
        let mut pages = Vec::new();
        loop {
            let page = page(registry, &request, Duration::from_secs(1));
            assert!(page.encoded_len() < 4 * 1024 * 1024);
            let named = page.metrics.into_iter().map(|m| (m.descriptor.unwrap().name, m.series.len()));
            pages.push(named.collect());
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return pages;
            }
        }
    }

    fn named(names: &[(&str, usize)]) -> Vec<(String, usize)> {
        names.iter().map(|(name, series)| (format!("ns_{name}"), *series)).collect()
    }

    #[test]
    fn pages_have_the_size_asked_for() {
        let registry = registry(&[("a", 1), ("b", 2), ("c", 0)]);
        let request = GetMetricsRequest { page_size: 2, ..GetMetricsRequest::default() };
        assert_eq!(pages(&registry, request), [named(&[("a", 1), ("b", 2)]), named(&[("c", 0)])]);
    }

    #[test]
    fn a_prefix_is_taken_with_and_without_the_namespace() {
        let registry = registry(&[("aa", 1), ("ab", 1), ("b", 1)]);
        for prefix in ["a", "ns_a"] {
            let request =
                GetMetricsRequest { name_prefix: prefix.to_owned(), ..GetMetricsRequest::default() };
            assert_eq!(pages(&registry, request), [named(&[("aa", 1), ("ab", 1)])]);
        }
    }

    #[test]
    fn a_metric_that_fits_no_message_goes_on_in_the_next() {
        let registry = registry(&[("a", 10), ("b", 20_000), ("c", 10)]);
        let pages = pages(&registry, GetMetricsRequest::default());
        assert_eq!(pages[0], named(&[("a", 10)]));
        let series = pages.iter().flatten().filter(|(name, _)| name == "ns_b").map(|(_, series)| series);
        assert_eq!(series.sum::<usize>(), 20_000);
        assert_eq!(pages.last().unwrap().last().unwrap(), &("ns_c".to_owned(), 10));
    }
}
