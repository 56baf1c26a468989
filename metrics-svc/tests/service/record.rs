//! `Record` and `GetMetrics` over a real connection.

use tonic::Code;
use vision_proto::metrics::v1::{
    GetMetricsRequest, MetricKind, Producer, RecordRequest, RejectionReason, Samples, SeriesDefinition,
    series::Value,
};

use crate::{
    messages::{event, metric},
    support::{Client, Server, Stream},
};

fn hello(epoch: u64) -> RecordRequest {
    let id = "robot".to_owned();
    RecordRequest {
        producer: Some(Producer { id, epoch }),
        metrics: vec![metric("c_total", MetricKind::Counter, &["a"])],
        series: vec![SeriesDefinition {
            id: 7,
            metric: "c_total".to_owned(),
            label_values: vec!["x".to_owned()],
        }],
        ..RecordRequest::default()
    }
}

fn batch(sequence: u64, value: f64) -> RecordRequest {
    let samples = Samples { series_id: vec![7], value: vec![value] };
    RecordRequest { sequence, samples: Some(samples), ..RecordRequest::default() }
}

async fn values(client: &mut Client) -> Vec<Value> {
    let page = client.get_metrics(GetMetricsRequest::default()).await.unwrap();
    let metrics = page.into_inner().metrics;
    let series = metrics.into_iter().flat_map(|metric| metric.series);
    series.map(|series| series.value.unwrap()).collect()
}

#[tokio::test]
async fn a_batch_sent_again_counts_once_and_reopening_tells_the_last() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut stream = Stream::open(&mut client).await;
    assert_eq!(stream.exchange(hello(1)).await.acked_sequence, 0);
    assert_eq!(stream.exchange(batch(1, 2.0)).await.acked_sequence, 1);
    assert_eq!(stream.exchange(batch(1, 2.0)).await.acked_sequence, 1);
    drop(stream);
    let mut stream = Stream::open(&mut client).await;
    assert_eq!(stream.exchange(hello(1)).await.acked_sequence, 1);
    assert_eq!(stream.exchange(batch(2, 3.0)).await.acked_sequence, 2);
    assert_eq!(values(&mut client).await, [Value::Counter(5.0)]);
}

#[tokio::test]
async fn the_newer_stream_wins_and_a_stale_epoch_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut older = Stream::open(&mut client).await;
    older.exchange(hello(2)).await;
    let mut newer = Stream::open(&mut client).await;
    newer.exchange(hello(2)).await;
    assert_eq!(older.response().await.unwrap_err().code(), Code::Aborted);
    let mut stale = Stream::open(&mut client).await;
    stale.requests.send(hello(1)).await.unwrap();
    let refused = stale.response().await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(newer.exchange(batch(1, 1.0)).await.acked_sequence, 1);
}

#[tokio::test]
async fn what_is_wrong_is_rejected_and_the_rest_applied() {
    let server = Server::start_with(|settings| settings.metrics.max_series = 1).await;
    let mut client = server.client().await;
    let mut stream = Stream::open(&mut client).await;
    let ok = [("a", "x")];
    let request = RecordRequest {
        metrics: vec![
            metric("c_total", MetricKind::Counter, &["a"]),
            metric("c_total", MetricKind::Gauge, &["a"]),
            metric("9", MetricKind::Gauge, &[]),
        ],
        events: vec![
            event("c_total", &ok, 1.0),
            event("missing", &[], 1.0),
            event("c_total", &[], 1.0),
            event("c_total", &ok, -1.0),
            event("c_total", &ok, f64::NAN),
            event("c_total", &[("a", "y")], 1.0),
            event("c_total", &ok, 1.0),
        ],
        ..RecordRequest::default()
    };
    let response = stream.exchange(request).await;
    let reasons: Vec<_> = response.rejections.iter().map(|r| r.reason()).collect();
    let expected = [
        RejectionReason::InvalidName,
        RejectionReason::UnknownMetric,
        RejectionReason::LabelMismatch,
        RejectionReason::InvalidValue,
        RejectionReason::InvalidValue,
        RejectionReason::CardinalityLimit,
    ];
    assert_eq!(reasons[0], RejectionReason::DescriptorConflict);
    assert_eq!(reasons[1..], expected);
    let counted = values(&mut client).await;
    assert_eq!(counted, [Value::Counter(2.0), Value::Counter(1.0)]);
}

#[tokio::test]
async fn values_of_a_producer_need_a_sequence() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut stream = Stream::open(&mut client).await;
    stream.exchange(hello(1)).await;
    stream.requests.send(batch(0, 1.0)).await.unwrap();
    let refused = stream.response().await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_value_that_cannot_be_leaves_no_series_behind() {
    let server = Server::start().await;
    let mut stream = Stream::open(&mut server.client().await).await;
    let request = RecordRequest {
        metrics: vec![metric("c_total", MetricKind::Counter, &["a"])],
        events: vec![event("c_total", &[("a", "x")], f64::NAN)],
        ..RecordRequest::default()
    };
    assert_eq!(stream.exchange(request).await.rejections[0].reason(), RejectionReason::InvalidValue);
    assert_eq!(server.values("c_total").await, []);
    server.stop().await;
}

#[tokio::test]
async fn the_first_message_of_a_producer_may_be_a_batch() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (resumed, sequence) in [(0, 1), (1, 2), (2, 2)] {
        let mut stream = Stream::open(&mut client).await;
        let first = RecordRequest { samples: batch(1, 5.0).samples, sequence, ..hello(1) };
        assert_eq!(stream.exchange(first).await.acked_sequence, resumed);
        assert_eq!(stream.response().await.unwrap().acked_sequence, sequence);
    }
    assert_eq!(values(&mut client).await, [Value::Counter(10.0)]);
    server.stop().await;
}
