//! From the model's descriptors to the wire's.

use vision_metrics::{Merge, MetricDescriptor, MetricKind, catalogue::MetricSpec};
use vision_proto::metrics::v1 as wire;

/// The declaration of a metric.
pub(super) fn descriptor(spec: &MetricSpec) -> wire::MetricDescriptor {
    let MetricDescriptor { name, kind, help, unit, label_names, buckets, quantiles, max_age, merge } =
        spec.descriptor();
    wire::MetricDescriptor {
        name,
        kind: wire_kind(kind).into(),
        help,
        unit,
        label_names,
        buckets,
        quantiles,
        // The greatest duration of the wire is 10,000 years: nothing in the catalogue is longer.
        max_age: prost_types::Duration::try_from(max_age).ok(),
        merge: wire_merge(merge).into(),
    }
}

fn wire_kind(kind: MetricKind) -> wire::MetricKind {
    match kind {
        MetricKind::Counter => wire::MetricKind::Counter,
        MetricKind::Gauge => wire::MetricKind::Gauge,
        MetricKind::Histogram => wire::MetricKind::Histogram,
        MetricKind::Summary => wire::MetricKind::Summary,
    }
}

fn wire_merge(merge: Merge) -> wire::Merge {
    match merge {
        Merge::Default => wire::Merge::Unspecified,
        Merge::Sum => wire::Merge::Sum,
        Merge::Max => wire::Merge::Max,
        Merge::Last => wire::Merge::Last,
        Merge::PerProducer => wire::Merge::PerProducer,
    }
}
