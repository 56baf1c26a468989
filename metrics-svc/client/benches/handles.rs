//! What one record through a handle costs, beside one through the OpenTelemetry SDK.
//!
//! The remote recorder streams to a metrics service in this process, so that what is recorded is drained as in
//! life. Criterion's figures come first, then each ratio to the SDK in a line of its own.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]
#![expect(clippy::print_stdout, reason = "prints its result")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::Criterion;
use metrics_svc::{App, Settings};
use opentelemetry::KeyValue;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use vision_metrics::{
    Registry,
    catalogue::{ACTIVE_TRACKS, DETECTIONS, FRAME_AGE},
};
use vision_metrics_client::{Recorder, RecorderSettings, RecorderTask};
use vision_service::telemetry::Telemetry;

/// Observations between two flushes, well below the half of the queue at which a batch is cut anyway.
const BURST: u64 = 16_384;
/// Records of one hand-timed run.
const RECORDS: u64 = 1_000_000;
/// Hand-timed runs, of which the quickest counts.
const RUNS: usize = 5;

/// One way to record one value.
struct Case<'a> {
    name: &'static str,
    record: Box<dyn Fn(u64) + 'a>,
    /// Whether to flush between bursts.
    queued: bool,
}

impl Case<'_> {
    /// Time that `records` records take, flushes aside.
    fn time(&self, records: u64, flush: &dyn Fn()) -> Duration {
        let burst = if self.queued { BURST } else { records };
        let mut time = Duration::ZERO;
        let mut left = records;
        while left > 0 {
            let now = left.min(burst);
            let started = Instant::now();
            // One indirect call a burst: a record costs less than the call would.
            (self.record)(now);
            time += started.elapsed();
            left -= now;
            if self.queued {
                flush();
            }
        }
        time
    }

    /// Nanoseconds of one record.
    fn nanoseconds(&self, flush: &dyn Fn()) -> f64 {
        let runs = (0..RUNS).map(|_| self.time(RECORDS, flush));
        runs.min().unwrap().as_nanos() as f64 / RECORDS as f64
    }
}

/// A recorder and the service that it streams to.
struct Remote {
    recorder: Recorder,
    task: RecorderTask,
    token: CancellationToken,
    runtime: Runtime,
}

impl Remote {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let token = CancellationToken::new();
        let (recorder, task) = runtime.block_on(async {
            let mut settings = Settings::default();
            settings.grpc.listen = ([127, 0, 0, 1], 0).into();
            settings.http.listen = ([127, 0, 0, 1], 0).into();
            let app = App::bind(settings).await.unwrap();
            let settings = RecorderSettings::new(format!("http://{}", app.grpc_addr()), "bench");
            tokio::spawn(app.run(token.clone()));
            Recorder::connect(settings).unwrap()
        });
        Self { recorder, task, token, runtime }
    }

    fn flush(&self) {
        self.runtime.block_on(self.recorder.flush()).unwrap();
    }

    fn stop(self) {
        self.runtime.block_on(self.task.shutdown(Duration::from_secs(5))).unwrap();
        self.token.cancel();
    }
}

fn case<'a>(name: &'static str, queued: bool, record: impl Fn() + 'a) -> Case<'a> {
    let record = Box::new(move |records| (0..records).for_each(|_| record()));
    Case { name, record, queued }
}

fn handles(recorder: &Recorder, names: [&'static str; 3], queued: bool) -> [Case<'static>; 3] {
    let counter = recorder.counter(&DETECTIONS, &["nanodet", "person"]);
    let gauge = recorder.gauge(&ACTIVE_TRACKS, &["nanodet"]);
    let histogram = recorder.histogram(&FRAME_AGE, &["robot_camera"]);
    [
        case(names[0], false, move || black_box(&counter).inc()),
        case(names[1], false, move || black_box(&gauge).set(black_box(3.0))),
        case(names[2], queued, move || black_box(&histogram).observe(black_box(0.042))),
    ]
}

fn opentelemetry(telemetry: &Telemetry) -> [Case<'static>; 3] {
    let counter = telemetry.meter().u64_counter("detections").build();
    let gauge = telemetry.meter().f64_gauge("active_tracks").build();
    let histogram = telemetry.meter().f64_histogram("frame_age").build();
    let attributes = || [KeyValue::new("model", "nanodet"), KeyValue::new("class", "person")];
    let (of_counter, of_gauge, of_histogram) = (attributes(), attributes(), attributes());
    [
        case("opentelemetry_sdk add with 2 attributes", false, move || {
            counter.add(1, black_box(&of_counter));
        }),
        case("opentelemetry_sdk gauge record with 2 attributes", false, move || {
            gauge.record(black_box(3.0), black_box(&of_gauge));
        }),
        case("opentelemetry_sdk histogram record with 2 attributes", false, move || {
            histogram.record(black_box(0.042), black_box(&of_histogram));
        }),
    ]
}

fn main() {
    let remote = Remote::start();
    let flush = || remote.flush();
    let local = Recorder::local(Arc::new(Registry::new("bench")));
    let telemetry = Telemetry::new("bench").unwrap();
    let remote_names = ["handle counter inc", "handle gauge set", "handle histogram observe"];
    let local_names =
        ["local handle counter inc", "local handle gauge set", "local handle histogram observe"];
    let remote_handles = handles(&remote.recorder, remote_names, true);
    let local_handles = handles(&local, local_names, false);
    let references = opentelemetry(&telemetry);

    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    for case in remote_handles.iter().chain(&local_handles).chain(&references) {
        criterion.bench_function(case.name, |b| b.iter_custom(|records| case.time(records, &flush)));
    }
    criterion.final_summary();

    for handles in [&remote_handles, &local_handles] {
        for (handle, reference) in handles.iter().zip(&references) {
            let (ours, theirs) = (handle.nanoseconds(&flush), reference.nanoseconds(&flush));
            let (name, reference, ratio) = (handle.name, reference.name, theirs / ours);
            println!("{name}: {ours:.1} ns, {reference}: {theirs:.0} ns, ratio {ratio:.1}");
        }
    }
    remote.stop();
}
