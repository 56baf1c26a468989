//! What one record through a handle costs.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use vision_metrics::{MetricDescriptor, MetricKind, Registry, Series};

fn series(registry: &Registry, kind: MetricKind) -> Option<Series> {
    let descriptor = MetricDescriptor::new(kind.as_str(), kind);
    registry.register(descriptor).ok()?.series(&[], None).ok()
}

fn record(criterion: &mut Criterion) {
    let registry = Registry::new("bench");
    let of = |kind| series(&registry, kind);
    if let Some(counter) = of(MetricKind::Counter).and_then(|s| s.counter()) {
        criterion.bench_function("counter inc", |b| b.iter(|| counter.inc()));
        criterion.bench_function("counter add", |b| b.iter(|| counter.add(black_box(2.0))));
    }
    if let Some(gauge) = of(MetricKind::Gauge).and_then(|s| s.gauge()) {
        criterion.bench_function("gauge set", |b| b.iter(|| gauge.set(black_box(2.5))));
    }
    if let Some(histogram) = of(MetricKind::Histogram).and_then(|s| s.histogram()) {
        criterion.bench_function("histogram observe", |b| {
            b.iter(|| histogram.observe(black_box(0.042)));
        });
    }
    if let Some(summary) = of(MetricKind::Summary).and_then(|s| s.summary()) {
        let now = Duration::from_secs(1_000_000);
        criterion.bench_function("summary observe", |b| {
            b.iter(|| summary.observe(black_box(0.042), now));
        });
    }
}

criterion_group!(benches, record);
criterion_main!(benches);
