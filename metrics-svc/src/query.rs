//! A page of a snapshot as `GetMetrics` answers it.

use std::collections::HashMap;

use vision_metrics::{
    Distribution, Merge, MetricDescriptor, MetricKind, MetricSnapshot, SeriesSnapshot, SeriesValue, Snapshot,
};
use vision_proto::metrics::v1::{self as wire, GetMetricsRequest, GetMetricsResponse};

/// Metrics in one page when the caller sets no limit.
const DEFAULT_PAGE_SIZE: usize = 1000;

/// The page that `request` asks for. The token is the name of the last metric already sent, so that
/// metrics declared between two pages neither repeat nor hide others.
pub(crate) fn page(snapshot: &Snapshot, request: &GetMetricsRequest) -> GetMetricsResponse {
    let size = match request.page_size as usize {
        0 => DEFAULT_PAGE_SIZE,
        size => size.min(DEFAULT_PAGE_SIZE),
    };
    let selected = snapshot.metrics.iter().filter(|metric| {
        metric.descriptor.name.starts_with(&request.name_prefix)
            && metric.name.as_str() > request.page_token.as_str()
    });
    let mut metrics: Vec<_> = selected
        .map(|metric| wire_metric(metric, &request.labels))
        .filter(|metric| request.labels.is_empty() || !metric.series.is_empty())
        .take(size + 1)
        .collect();
    let more = metrics.len() > size;
    metrics.truncate(size);
    let last = metrics.last().and_then(|metric| metric.descriptor.as_ref());
    let next_page_token = last.filter(|_| more).map(|last| last.name.clone());
    GetMetricsResponse {
        metrics,
        time: Some(prost_types::Timestamp {
            seconds: snapshot.time.as_secs() as i64,
            nanos: snapshot.time.subsec_nanos() as i32,
        }),
        next_page_token: next_page_token.unwrap_or_default(),
    }
}

fn wire_metric(metric: &MetricSnapshot, labels: &HashMap<String, String>) -> wire::Metric {
    let matching = metric.series.iter().filter(|series| {
        labels.iter().all(|(name, value)| {
            let mut own = series.labels.iter();
            own.any(|(own_name, own_value)| own_name == name && own_value == value)
        })
    });
    wire::Metric {
        descriptor: Some(wire_descriptor(&metric.name, &metric.descriptor)),
        series: matching.map(wire_series).collect(),
    }
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

fn wire_series(series: &SeriesSnapshot) -> wire::Series {
    use wire::series::Value;
    let value = match &series.value {
        SeriesValue::Counter(total) => Value::Counter(*total),
        SeriesValue::Gauge(value) => Value::Gauge(*value),
        SeriesValue::Histogram(distribution) | SeriesValue::Summary(distribution) => {
            Value::Distribution(wire_distribution(distribution))
        }
    };
    wire::Series { labels: series.labels.iter().cloned().collect(), value: Some(value) }
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
        }),
    }
}
