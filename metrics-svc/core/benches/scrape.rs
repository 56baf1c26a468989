//! What a scrape of many counters costs, beside `opentelemetry-prometheus`, and what one counter takes of memory.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]
#![expect(clippy::print_stdout, reason = "prints its result")]

use std::{fs, time::Duration};

use opentelemetry::{KeyValue, metrics::MeterProvider as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder as _, TextEncoder};
use vision_metrics::{
    MetricDescriptor, MetricKind, Registry,
    exposition::{TextFormat, text_chunks},
};

const NOW: Duration = Duration::from_secs(1_700_000_000);
/// Processor time to scrape for, many clock ticks.
const ENOUGH: Duration = Duration::from_millis(1500);

fn labels(number: usize) -> [String; 3] {
    [
        format!("model-{}", number % 10),
        format!("class-{}", number / 10 % 1000),
        format!("camera-{}", number / 10_000),
    ]
}

fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn filled(count: usize) -> Registry {
    let registry = Registry::new("bench").started_at(NOW);
    let label_names = ["model", "class", "camera"].map(str::to_owned).to_vec();
    let descriptor =
        MetricDescriptor { label_names, ..MetricDescriptor::new("events_total", MetricKind::Counter) };
    let metric = registry.register(descriptor).unwrap();
    for number in 0..count {
        let labels = labels(number);
        let series = metric.series(&[&labels[0], &labels[1], &labels[2]], None).unwrap();
        series.counter().unwrap().add(number as f64);
    }
    registry
}

/// Time that this thread has had on a processor; told in steps of a clock tick.
fn cpu_time() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// Mean processor time of one scrape, and bytes of its page.
fn time(mut scrape: impl FnMut() -> usize) -> (Duration, usize) {
    let bytes = scrape();
    let (started, mut scrapes) = (cpu_time(), 0);
    while cpu_time() - started < ENOUGH {
        scrape();
        scrapes += 1;
    }
    ((cpu_time() - started) / scrapes, bytes)
}

fn ours(count: usize) -> Duration {
    let before = resident_bytes();
    let registry = filled(count);
    let memory = resident_bytes().saturating_sub(before) as f64 / count as f64;
    for format in [TextFormat::OpenMetrics, TextFormat::Prometheus] {
        let (took, bytes) =
            time(|| text_chunks(registry.snapshot_for_text(NOW), format).map(|chunk| chunk.len()).sum());
        println!("scrape of {count} counters as {format:?}: {took:.2?}, {bytes} bytes");
    }
    println!("memory of a counter with three labels among {count}: {memory:.0} bytes");
    time(|| {
        text_chunks(registry.snapshot_for_text(NOW), TextFormat::Prometheus).map(|chunk| chunk.len()).sum()
    })
    .0
}

fn opentelemetry(count: usize) -> Duration {
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
    let reader = SdkMeterProvider::builder().with_reader(exporter);
    // Without a limit of its own: the default keeps 2,000 series.
    let unlimited = move |_: &opentelemetry_sdk::metrics::Instrument| {
        opentelemetry_sdk::metrics::Stream::builder().with_cardinality_limit(count + 1).build().ok()
    };
    let provider = reader.with_view(unlimited).build();
    let counter = provider.meter("bench").u64_counter("events").build();
    for number in 0..count {
        let [model, class, camera] = labels(number);
        let attributes =
            [KeyValue::new("model", model), KeyValue::new("class", class), KeyValue::new("camera", camera)];
        counter.add(number as u64, &attributes);
    }
    let (took, bytes) = time(|| {
        let mut page = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut page).unwrap();
        page.len()
    });
    println!("scrape of {count} counters by opentelemetry-prometheus: {took:.2?}, {bytes} bytes");
    took
}

fn main() {
    // The larger first: memory that is used again would not be counted.
    ours(1_000_000);
    let (ours, reference) = (ours(100_000), opentelemetry(100_000));
    let ratio = reference.as_secs_f64() / ours.as_secs_f64();
    println!("scrape of 100000 counters: {ratio:.0} times as fast as opentelemetry-prometheus");
}
