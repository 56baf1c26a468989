//! Bytes that are no message, or have no text where text belongs.

use prost::Message as _;
use tonic::Code;
use vision_proto::metrics::v1::{
    MetricEvent, MetricKind, RecordRequest, RejectionReason, rejection::Subject, series::Value,
};

use crate::{
    http::get,
    messages::{definition, event, metric, producer, reasons, request},
    raw::{RawStream, encode_with},
    support::{Server, Stream, in_time},
};

const NO_TEXT: [&[u8]; 4] = [b"\xff\xfe\xfd", b"\xc3(!", b"\xed\xa0\x80", b"a\x80b"];

fn counting() -> RecordRequest {
    request(vec![metric("c_total", MetricKind::Counter, &["a"])], vec![event("c_total", &[("a", "x")], 1.0)])
}

#[tokio::test]
async fn names_and_values_that_are_not_utf_8_are_rejected_alone() {
    let server = Server::start().await;
    let mut stream = RawStream::connect(server.grpc).await;
    let mut counted = 0.0;
    for bytes in NO_TEXT {
        for (name, labels, reason) in [
            ("@@@", [("a", "x")], RejectionReason::InvalidName),
            ("c_total", [("@@@", "x")], RejectionReason::LabelMismatch),
            ("c_total", [("a", "@@@")], RejectionReason::LabelMismatch),
        ] {
            let mut told = counting();
            told.events.insert(0, event(name, &labels, 1.0));
            // The second time the rest of the batch is known.
            for _ in 0..2 {
                let response = stream.exchange(encode_with(&told, "@@@", bytes)).await.unwrap();
                counted += 1.0;
                // A name that is no text is not declared, whatever else it is.
                assert_eq!(reasons(&response), [reason], "{name} {labels:?}");
                let rejection = &response.rejections[0];
                assert_eq!(rejection.subject, Some(Subject::EventIndex(0)));
                assert!(rejection.message.contains("is not UTF-8"), "{}", rejection.message);
            }
        }
    }
    assert_eq!(server.values("c_total").await, [Value::Counter(counted)]);
    assert_eq!(get(server.http, "/metrics.json").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn declarations_and_definitions_that_are_no_text_are_rejected_alone() {
    let server = Server::start().await;
    let mut stream = RawStream::connect(server.grpc).await;
    let good = counting();
    let with_metric =
        |metric| RecordRequest { metrics: [good.metrics.clone(), vec![metric]].concat(), ..good.clone() };
    let with_series = |series| RecordRequest { series: vec![series], ..good.clone() };
    let help = vision_proto::metrics::v1::MetricDescriptor {
        help: "@@@".to_owned(),
        ..metric("bad", MetricKind::Gauge, &[])
    };
    let cases = [
        with_metric(metric("@@@", MetricKind::Gauge, &[])),
        with_metric(metric("bad", MetricKind::Gauge, &["@@@"])),
        with_metric(help),
        with_series(definition(0, "@@@", &["x"])),
        with_series(definition(0, "c_total", &["@@@"])),
    ];
    for (index, case) in cases.iter().enumerate() {
        let response = stream.exchange(encode_with(case, "@@@", b"\xff\xfe\xfd")).await.unwrap();
        assert_eq!(response.rejections.len(), 1, "{case:?}: {response:?}");
        assert!(response.rejections[0].message.contains("malformed"), "{response:?}");
        assert_eq!(server.values("c_total").await, [Value::Counter(index as f64 + 1.0)]);
    }
    assert!(server.metric("bad").await.is_none());
    server.stop().await;
}

/// A field of a message in a message, whose length is right and whose content is not.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

#[tokio::test]
async fn a_part_that_is_cut_off_is_rejected_and_the_others_applied() {
    let server = Server::start().await;
    let mut stream = RawStream::connect(server.grpc).await;
    let good = counting().encode_to_vec();
    let known = event("c_total", &[("a", "x")], 1.0);
    let whole = known.encode_to_vec();
    let mut counted = 0.0;
    for cut in 0..whole.len() {
        // One that ends between two of its fields is another event.
        let part = MetricEvent::decode(&whole[..cut]).ok();
        let applied = part.is_some_and(|part| part.name == "c_total" && part.labels == known.labels);
        let response = stream.exchange([&*good, &field(4, &whole[..cut]), &field(4, &whole)].concat()).await;
        let subjects: Vec<_> = response.unwrap().rejections.iter().map(|it| it.subject).collect();
        let expected = if applied { Vec::new() } else { vec![Some(Subject::EventIndex(1))] };
        assert_eq!(subjects, expected, "{cut}");
        // Without its value, it adds nothing.
        counted += 2.0;
        assert_eq!(server.values("c_total").await, [Value::Counter(counted)]);
    }
    for (number, subject) in [(3, Some(Subject::MetricIndex(1))), (5, None)] {
        let response = stream.exchange([&*good, &field(number, &[0x0a, 0x7f])].concat()).await.unwrap();
        counted += 1.0;
        assert_eq!((response.rejections.len(), &response.rejections[0].subject), (1, &subject));
        assert_eq!(server.values("c_total").await, [Value::Counter(counted)]);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_is_none_ends_its_stream_and_nothing_of_it_is_applied() {
    for durable in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap().to_owned();
        let server = Server::start_with(|settings| {
            settings.storage.dir = if durable { dir } else { String::new() };
        })
        .await;
        let mut bystander = Stream::connect(server.grpc).await.unwrap();
        in_time(bystander.exchange(counting())).await;
        let good = counting().encode_to_vec();
        let endings: [&[u8]; 8] = [
            &[0x22, 0x7f, 1],                      // an event longer than the message
            &[0x22, 0xff, 0xff, 0xff, 0xff, 0x0f], // one of 4 GiB
            &[0x10],                               // a sequence without a number
            &[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0x07],                                     // a wire type that there is not
            &[0x00, 0x00],                               // field 0
            &[0x0a, 0x05, 0x0a, 0x03, 0xff, 0xfe, 0xfd], // a producer whose name is no text
            &[0x32, 0x04, 0x12, 0x02, 1, 2],             // a value of two bytes
        ];
        for ending in endings {
            for first in [true, false] {
                let mut stream = RawStream::connect(server.grpc).await;
                if !first {
                    stream.exchange(Vec::new()).await.unwrap();
                }
                let status = stream.exchange([&*good, ending].concat()).await.unwrap_err();
                assert_eq!(status.code(), Code::InvalidArgument, "{ending:?}: {status:?}");
                assert!(status.message().contains("byte"), "{status:?}");
            }
        }
        let mut stream = Stream::connect(server.grpc).await.unwrap();
        stream.send(RecordRequest { producer: producer("", 1), ..counting() }).await.unwrap();
        let status = in_time(stream.response()).await.unwrap_err();
        assert_eq!(status.message(), "producer id has 0 bytes, 1 to 256 are allowed");
        assert_eq!(in_time(bystander.exchange(counting())).await.rejections, []);
        assert_eq!(server.values("c_total").await, [Value::Counter(2.0)]);
        server.stop().await;
    }
}
