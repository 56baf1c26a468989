//! Messages as producers write them.

use vision_proto::metrics::v1::{
    MetricDescriptor, MetricEvent, MetricKind, Producer, RecordRequest, RecordResponse, RejectionReason,
    Samples, SeriesDefinition,
};

pub(crate) fn metric(name: &str, kind: MetricKind, labels: &[&str]) -> MetricDescriptor {
    MetricDescriptor {
        name: name.to_owned(),
        kind: kind.into(),
        label_names: labels.iter().map(ToString::to_string).collect(),
        ..MetricDescriptor::default()
    }
}

pub(crate) fn event(name: &str, labels: &[(&str, &str)], value: f64) -> MetricEvent {
    let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    MetricEvent { name: name.to_owned(), labels: labels.collect(), value, ..MetricEvent::default() }
}

pub(crate) fn definition(id: u32, metric: &str, label_values: &[&str]) -> SeriesDefinition {
    let label_values = label_values.iter().map(ToString::to_string).collect();
    SeriesDefinition { id, metric: metric.to_owned(), label_values }
}

pub(crate) fn producer(id: &str, epoch: u64) -> Option<Producer> {
    Some(Producer { id: id.to_owned(), epoch })
}

pub(crate) fn samples(pairs: &[(u32, f64)]) -> Option<Samples> {
    let (series_id, value) = pairs.iter().copied().unzip();
    Some(Samples { series_id, value })
}

pub(crate) fn request(metrics: Vec<MetricDescriptor>, events: Vec<MetricEvent>) -> RecordRequest {
    RecordRequest { metrics, events, ..RecordRequest::default() }
}

/// Why parts of a batch were rejected.
pub(crate) fn reasons(response: &RecordResponse) -> Vec<RejectionReason> {
    response.rejections.iter().map(vision_proto::metrics::v1::Rejection::reason).collect()
}
