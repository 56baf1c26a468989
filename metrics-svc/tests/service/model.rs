//! The service against a naive model of it, through batches of any numbers, reopened streams, new runs and restarts.

use std::collections::{BTreeMap, BTreeSet};

use vision_proto::metrics::v1::{MetricEvent, MetricKind, Operation, RecordRequest};

use crate::{
    http::{Page, get, get_as},
    messages::{definition, event, metric, producer, samples},
    process::{Overrides, Process},
    steps::{Batch, Step, Value},
    support::{Stream, in_time},
};

pub(crate) const PRODUCERS: [&str; 2] = ["one", "two"];
pub(crate) const METRICS: [&str; 4] = ["c_total", "g", "h", "s"];
pub(crate) const LABELS: [&str; 3] = ["", "x", "y\"z"];
const KINDS: [MetricKind; 4] =
    [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram, MetricKind::Summary];

/// A run of a producer.
#[derive(Default)]
struct Run {
    epoch: u64,
    last_applied: u64,
    /// Series that have a number, which is their index.
    defined: BTreeSet<u32>,
    stream: Option<Stream>,
}

/// The service, and what it should have.
pub(crate) struct Model<'a> {
    settings: Overrides<'a>,
    process: Process,
    runs: [Run; 2],
    /// Values by the samples that show them.
    expected: BTreeMap<String, f64>,
}

impl<'a> Model<'a> {
    pub(crate) async fn start(settings: Overrides<'a>) -> Self {
        let process = Process::start(settings).await;
        let metrics = METRICS.iter().zip(KINDS).map(|(name, kind)| metric(name, kind, &["a"])).collect();
        let mut stream = Stream::connect(process.grpc).await.unwrap();
        in_time(stream.exchange(RecordRequest { metrics, ..RecordRequest::default() })).await;
        Self { settings, process, runs: Default::default(), expected: BTreeMap::new() }
    }

    pub(crate) async fn take(mut self, step: &Step) -> Self {
        match step {
            Step::Batch(batch) => self.send(batch).await,
            Step::Reopen { producer } => self.reopen(*producer).await,
            Step::NewRun { producer } => {
                let epoch = self.runs[*producer].epoch + 1;
                self.runs[*producer] = Run { epoch, ..Run::default() };
                self.reopen(*producer).await;
            }
            Step::Restart { kill } => return self.restart(*kill).await,
        }
        self
    }

    /// Compares everything, and ends the service.
    pub(crate) async fn finish(self) {
        let page = self.page().await;
        for (sample, value) in &self.expected {
            assert_eq!(page.value(sample), Some(*value), "{sample} in\n{}", page.body);
        }
        self.process.terminate().await;
    }

    async fn page(&self) -> Page {
        get(self.process.http, "/metrics").await
    }

    async fn restart(self, kill: bool) -> Self {
        let before = [self.page().await, self.open_page().await];
        if kill {
            self.process.kill().await;
        } else {
            self.process.terminate().await;
        }
        let mut runs = self.runs;
        runs.iter_mut().for_each(|run| run.stream = None);
        let model = Self { process: Process::start(self.settings).await, runs, ..self };
        let after = [model.page().await, model.open_page().await];
        assert_eq!(after.each_ref().map(Page::lines), before.each_ref().map(Page::lines));
        model
    }

    /// The page that tells times of creation besides.
    async fn open_page(&self) -> Page {
        get_as(self.process.http, "/metrics", "application/openmetrics-text").await
    }

    /// Opens a stream that tells who it is of, and nothing else.
    async fn reopen(&mut self, index: usize) {
        let run = &mut self.runs[index];
        let mut stream = Stream::connect(self.process.grpc).await.unwrap();
        let hello =
            RecordRequest { producer: producer(PRODUCERS[index], run.epoch), ..RecordRequest::default() };
        assert_eq!(in_time(stream.exchange(hello)).await.acked_sequence, run.last_applied);
        run.stream = Some(stream);
    }

    async fn send(&mut self, batch: &Batch) {
        if self.runs[batch.producer].stream.is_none() {
            self.reopen(batch.producer).await;
        }
        let run = &mut self.runs[batch.producer];
        let sequence = batch.place.sequence(run.last_applied);
        let request = RecordRequest { sequence, ..request(batch, &run.defined) };
        let response = in_time(run.stream.as_mut().unwrap().exchange(request)).await;
        assert_eq!(response.rejections, []);
        let applied = sequence > run.last_applied;
        run.last_applied = run.last_applied.max(sequence);
        assert_eq!(response.acked_sequence, run.last_applied);
        if applied {
            let numbered = batch.values.iter().filter(|value| value.packed);
            run.defined.extend(numbered.map(Value::number));
            self.apply(batch);
        }
    }

    /// Events first, then samples, as they are applied.
    fn apply(&mut self, batch: &Batch) {
        for packed in [false, true] {
            for value in batch.values.iter().filter(|value| value.packed == packed) {
                self.add(value, batch.producer);
            }
        }
    }

    fn add(&mut self, value: &Value, producer: usize) {
        let number = value.amount();
        match KINDS[value.metric] {
            MetricKind::Gauge => {
                let gauge = self.sample(value, "", &format!(",instance=\"{}\"", PRODUCERS[producer]));
                *gauge = if value.adds() { *gauge + number } else { number };
            }
            MetricKind::Counter => *self.sample(value, "", "") += number,
            _ => {
                *self.sample(value, "_sum", "") += number;
                *self.sample(value, "_count", "") += 1.0;
            }
        }
    }

    fn sample(&mut self, value: &Value, suffix: &str, more: &str) -> &mut f64 {
        let (name, label) = (METRICS[value.metric], LABELS[value.label].replace('"', "\\\""));
        self.expected.entry(format!("ns_{name}{suffix}{{a=\"{label}\"{more}}}")).or_default()
    }
}

/// The batch as a message that defines the numbers that it needs and that are not `defined`.
fn request(batch: &Batch, defined: &BTreeSet<u32>) -> RecordRequest {
    let (packed, told): (Vec<&Value>, Vec<&Value>) = batch.values.iter().partition(|value| value.packed);
    let events = told.into_iter().map(|value| {
        let operation = if value.adds() { Operation::Add } else { Operation::Unspecified };
        let event = event(METRICS[value.metric], &[("a", LABELS[value.label])], value.amount());
        MetricEvent { operation: operation.into(), ..event }
    });
    let new = packed.iter().filter(|value| !defined.contains(&value.number()));
    let series = new.map(|value| definition(value.number(), METRICS[value.metric], &[LABELS[value.label]]));
    let pairs: Vec<_> = packed.iter().map(|value| (value.number(), value.amount())).collect();
    RecordRequest {
        events: events.collect(),
        series: series.collect(),
        samples: samples(&pairs),
        ..RecordRequest::default()
    }
}
