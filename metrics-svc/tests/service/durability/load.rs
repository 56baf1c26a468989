//! A producer that numbers its batches and, whatever becomes of the service, goes on from where that says it got to.

use std::{net::SocketAddr, time::Duration};

use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use vision_proto::metrics::v1::{MetricKind, RecordRequest, RecordResponse};

use crate::{
    http::Page,
    messages::{definition, event, metric, producer, samples},
    support::{PATIENCE, Stream, in_time},
};

/// Batches sent ahead of their acknowledgements.
const WINDOW: u64 = 8;
/// Events of a kind in a batch, so that some dozen batches fill a journal.
const REPEATED: usize = 16;
/// Pause before another attempt.
const PAUSE: Duration = Duration::from_millis(2);

/// Where the service is, if anywhere.
pub(crate) type Whereabouts = watch::Receiver<Option<SocketAddr>>;

/// A producer at work.
pub(crate) struct Load {
    acked: watch::Receiver<u64>,
    stop: CancellationToken,
    task: JoinHandle<u64>,
}

impl Load {
    pub(crate) fn start(id: &'static str, service: Whereabouts) -> Self {
        let (progress, acked) = watch::channel(0);
        let stop = CancellationToken::new();
        let sender = Sender {
            id,
            service,
            stop: stop.clone(),
            progress,
            sent: 0,
            acked: 0,
            declared: false,
            life: None,
        };
        Self { acked, stop, task: tokio::spawn(sender.run()) }
    }

    /// Waits until so many further batches are acknowledged.
    pub(crate) async fn acknowledged(&mut self, further: u64) {
        let goal = *self.acked.borrow() + further;
        let waited = in_time(self.acked.wait_for(|acked| *acked >= goal)).await.is_ok();
        assert!(waited, "the producer has failed");
    }

    /// Sends nothing new, and tells how many batches there were once all are acknowledged.
    pub(crate) async fn stop(self) -> u64 {
        self.stop.cancel();
        in_time(self.task).await.unwrap()
    }
}

struct Sender {
    id: &'static str,
    service: Whereabouts,
    stop: CancellationToken,
    progress: watch::Sender<u64>,
    sent: u64,
    acked: u64,
    /// Whether metrics and series are known to the service, which are then not told again.
    declared: bool,
    /// Which life of the service's state it is.
    life: Option<u64>,
}

impl Sender {
    async fn run(mut self) -> u64 {
        loop {
            let address = self.service.wait_for(Option::is_some).await.unwrap().unwrap();
            if self.serve(address).await.is_ok() {
                return self.acked;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends until there is nothing more to send.
    async fn serve(&mut self, service: SocketAddr) -> Result<(), Status> {
        let mut stream = Stream::connect(service).await?;
        self.open(&mut stream).await?;
        let mut next = self.acked + 1;
        loop {
            while next <= self.acked + WINDOW && (next <= self.sent || !self.stop.is_cancelled()) {
                stream.send(batch(self.id, next)).await?;
                self.sent = self.sent.max(next);
                next += 1;
            }
            if next == self.acked + 1 {
                return Ok(());
            }
            let response = answer(&mut stream).await?;
            assert!(response.acked_sequence < next, "{response:?}");
            self.acknowledge(&response);
        }
    }

    async fn open(&mut self, stream: &mut Stream) -> Result<(), Status> {
        let told = if self.declared { RecordRequest::default() } else { declarations(self.id) };
        stream.send(RecordRequest { producer: producer(self.id, 7), ..told }).await?;
        let response = answer(stream).await?;
        assert!(response.acked_sequence <= self.sent, "{response:?}");
        assert_eq!(*self.life.get_or_insert(response.server_epoch), response.server_epoch);
        self.declared = true;
        self.acknowledge(&response);
        Ok(())
    }

    fn acknowledge(&mut self, response: &RecordResponse) {
        assert!(response.acked_sequence >= self.acked, "{} are acknowledged: {response:?}", self.acked);
        assert!(response.rejections.is_empty(), "{response:?}");
        self.acked = response.acked_sequence;
        self.progress.send_replace(self.acked);
    }
}

/// The next response; the service must not be silent.
async fn answer(stream: &mut Stream) -> Result<RecordResponse, Status> {
    let answer = tokio::time::timeout(PATIENCE, stream.response()).await;
    answer.expect("the service answers or goes")
}

fn declarations(id: &str) -> RecordRequest {
    RecordRequest {
        metrics: vec![
            metric("hits_total", MetricKind::Counter, &["by"]),
            metric("work_total", MetricKind::Counter, &[]),
            metric("level", MetricKind::Gauge, &[]),
            metric("latency_seconds", MetricKind::Histogram, &[]),
            metric("size", MetricKind::Summary, &["by"]),
        ],
        series: vec![
            definition(0, "work_total", &[]),
            definition(1, "level", &[]),
            definition(2, "latency_seconds", &[]),
            definition(3, "size", &[id]),
        ],
        ..RecordRequest::default()
    }
}

/// The batch of this number: of each kind something, half of it in events and half in samples.
fn batch(id: &str, number: u64) -> RecordRequest {
    let [hits, work, level, latency, size] = values(number);
    let mut events = vec![event("level", &[], -level)];
    for _ in 0..REPEATED {
        events.extend([event("hits_total", &[("by", id)], hits), event("latency_seconds", &[], latency)]);
    }
    RecordRequest {
        sequence: number,
        events,
        samples: samples(&[(0, work), (1, level), (2, latency), (3, size)]),
        ..RecordRequest::default()
    }
}

/// What each metric is told, in numbers whose sums are exact in any order.
fn values(number: u64) -> [f64; 5] {
    let part = |modulus: u64, unit: f64| (number % modulus) as f64 * unit;
    [1.0 + part(3, 1.0), part(7, 0.5), number as f64, part(12, 0.25), part(9, 2.0)]
}

/// Asserts that a page shows each producer's batches, of which there are so many, each once.
pub(crate) fn assert_counted_once(page: &Page, producers: &[(&str, u64)]) {
    let sum = |batches: u64, index: usize| (1..=batches).map(|number| values(number)[index]).sum::<f64>();
    let of_all = |index| producers.iter().map(|(_, batches)| sum(*batches, index)).sum::<f64>();
    let batches: u64 = producers.iter().map(|(_, batches)| batches).sum();
    let repeated = REPEATED as f64;
    let latencies = (repeated + 1.0) * batches as f64;
    let mut expected = vec![
        ("ns_work_total".to_owned(), of_all(1)),
        ("ns_latency_seconds_count".to_owned(), latencies),
        ("ns_latency_seconds_sum".to_owned(), (repeated + 1.0) * of_all(3)),
        ("ns_latency_seconds_bucket{le=\"+Inf\"}".to_owned(), latencies),
    ];
    for (id, batches) in producers {
        expected.extend([
            (format!("ns_hits_total{{by=\"{id}\"}}"), repeated * sum(*batches, 0)),
            (format!("ns_level{{instance=\"{id}\"}}"), *batches as f64),
            (format!("ns_size_count{{by=\"{id}\"}}"), *batches as f64),
            (format!("ns_size_sum{{by=\"{id}\"}}"), sum(*batches, 4)),
        ]);
    }
    for (sample, value) in expected {
        assert_eq!(page.value(&sample), Some(value), "{sample} of {producers:?} in\n{}", page.body);
    }
}
