//! Messages as encoders write them, as they might write them, and broken.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use proptest::{collection::vec, prelude::*, sample::Index};
use prost::Message as _;
use vision_proto::metrics::v1::{MetricDescriptor, MetricEvent, RecordRequest, Samples, SeriesDefinition};

use super::{prost_oracle::compare, *};

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

fn field(number: u32, wire_type: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    [&varint(u64::from(number) << 3 | u64::from(wire_type)), payload.as_ref()].concat()
}

fn integer(number: u32, value: u64) -> Vec<u8> {
    field(number, 0, varint(value))
}

fn double(number: u32, value: f64) -> Vec<u8> {
    field(number, 1, value.to_le_bytes())
}

fn bytes(number: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    field(number, 2, [&varint(payload.len() as u64), payload].concat())
}

fn group(number: u32, content: &[u8]) -> Vec<u8> {
    [field(number, 3, content), field(number, 4, [])].concat()
}

/// Fields one after another.
fn fields(field: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    vec(field, 0..8).prop_map(|fields| fields.concat())
}

/// A field that no message here knows.
fn unknown() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![7_u32..40, 7_u32..1 << 29];
    let leaf = prop_oneof![
        (number.clone(), any::<u64>()).prop_map(|(number, value)| integer(number, value)),
        (number.clone(), any::<f64>()).prop_map(|(number, value)| double(number, value)),
        (number.clone(), any::<[u8; 4]>()).prop_map(|(number, value)| field(number, 5, value)),
        (number.clone(), vec(any::<u8>(), 0..9)).prop_map(|(number, value)| bytes(number, value)),
    ];
    leaf.prop_recursive(3, 8, 3, move |inner| {
        let content = vec(inner, 0..3);
        (number.clone(), content).prop_map(|(number, content)| group(number, &content.concat()))
    })
}

/// Few texts, so that some are the same.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]?", "[a-zé]{0,9}", "x{127,130}"]
}

fn label() -> impl Strategy<Value = Vec<u8>> {
    let part = (1_u32..=2, text()).prop_map(|(number, text)| bytes(number, text));
    fields(prop_oneof![4 => part, 1 => unknown()])
}

fn event() -> impl Strategy<Value = Vec<u8>> {
    fields(prop_oneof![
        2 => text().prop_map(|name| bytes(1, name)),
        4 => label().prop_map(|label| bytes(2, label)),
        1 => any::<u64>().prop_map(|value| double(3, f64::from_bits(value))),
        1 => any::<u64>().prop_map(|operation| integer(4, operation)),
        1 => vec(any::<u8>(), 0..20).prop_map(|trace_id| bytes(5, trace_id)),
        1 => unknown(),
    ])
}

fn ids() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let id = prop_oneof![0_u64..300, any::<u32>().prop_map(u64::from), any::<u64>()];
    vec(id.prop_map(varint), 0..20)
}

fn samples() -> impl Strategy<Value = Vec<u8>> {
    let unpacked = |ids: Vec<Vec<u8>>| ids.into_iter().map(|id| field(1, 0, id)).collect::<Vec<_>>();
    fields(prop_oneof![
        ids().prop_map(|ids| bytes(1, ids.concat())),
        ids().prop_map(move |ids| unpacked(ids).concat()),
        vec(any::<f64>().prop_map(f64::to_le_bytes), 0..9).prop_map(|values| bytes(2, values.concat())),
        any::<f64>().prop_map(|value| double(2, value)),
        unknown(),
    ])
}

fn producer() -> impl Strategy<Value = Vec<u8>> {
    let id = text().prop_map(|id| bytes(1, id));
    fields(prop_oneof![id, any::<u64>().prop_map(|epoch| integer(2, epoch)), unknown()])
}

fn metric() -> impl Strategy<Value = Vec<u8>> {
    (text(), any::<i32>(), vec(any::<f64>(), 0..3)).prop_map(|(name, kind, buckets)| {
        MetricDescriptor { name, kind, buckets, ..MetricDescriptor::default() }.encode_to_vec()
    })
}

fn series() -> impl Strategy<Value = Vec<u8>> {
    (any::<u32>(), text(), vec(text(), 0..3))
        .prop_map(|(id, metric, label_values)| SeriesDefinition { id, metric, label_values }.encode_to_vec())
}

/// A well-formed `RecordRequest` with its fields in any order and number.
fn request() -> impl Strategy<Value = Vec<u8>> {
    fields(prop_oneof![
        1 => producer().prop_map(|producer| bytes(1, producer)),
        1 => any::<u64>().prop_map(|sequence| integer(2, sequence)),
        1 => metric().prop_map(|metric| bytes(3, metric)),
        3 => event().prop_map(|event| bytes(4, event)),
        1 => series().prop_map(|series| bytes(5, series)),
        3 => samples().prop_map(|samples| bytes(6, samples)),
        1 => unknown(),
    ])
}

proptest! {
    #[test]
    fn what_is_well_formed_is_read_as_prost_reads_it(message in request()) {
        prop_assert!(RecordRequest::decode(&*message).is_ok());
        compare(&message);
    }

    #[test]
    fn what_is_broken_is_refused_where_prost_refuses_it(
        mut message in request(),
        changes in vec((any::<Index>(), any::<u8>(), 0..3), 1..4),
        length in any::<Index>(),
        whole: bool,
    ) {
        for (at, byte, change) in changes {
            let at = at.index(message.len() + 1);
            match change {
                0 => message.insert(at, byte),
                1 if at < message.len() => message[at] = byte,
                _ if at < message.len() => message[at] ^= 1 << (byte % 8),
                _ => {}
            }
        }
        if !whole {
            message.truncate(length.index(message.len() + 1));
        }
        compare(&message);
    }

    #[test]
    fn events_of_an_encoder_are_split(
        name in text(),
        labels in prop::collection::hash_map(text(), text(), 0..4),
        value: f64,
        operation: i32,
        trace_id in vec(any::<u8>(), 0..20),
    ) {
        let event = MetricEvent { name, labels, value, operation, trace_id };
        let message = event.encode_to_vec();
        let split = Event::split(&message).unwrap();
        let silent = MetricEvent { value: 0.0, operation: 0, trace_id: Vec::new(), ..event };
        // The order of the labels is the same within one map.
        prop_assert_eq!(split.identity, silent.encode_to_vec());
    }
}

/// The error of an encoded `RecordRequest`.
fn error(message: &[u8]) -> String {
    compare(message);
    Batch::parse(message).unwrap_err().to_string()
}

#[test]
fn errors_say_where_and_what() {
    let start = integer(2, 1);
    let after = |field: Vec<u8>| error(&[&*start, &field].concat());
    assert_eq!(after(vec![0x22, 5, 0]), "malformed message at byte 4: field ends after its message");
    assert_eq!(after(double(2, 1.0)), "malformed message at byte 2: field 2 has wire type 1");
    assert_eq!(after(vec![0x07]), "malformed message at byte 2: key 0x7 is not one of a field");
    assert_eq!(after(field(9, 4, [])), "malformed message at byte 2: group 9 ends without a start");
    assert_eq!(after(bytes(6, bytes(2, [0; 9]))), "malformed message at byte 4: packed doubles have 9 bytes");
    assert_eq!(after(bytes(1, bytes(1, [0xff]))), "malformed message at byte 4: producer id is not utf-8");
}

#[test]
fn integers_in_a_chunk_are_whole_and_have_64_bits() {
    let chunk = |ids: &[u8]| bytes(6, bytes(1, ids));
    for lead in 0..8 {
        let ids = |long: &[u8]| chunk(&[&vec![1; lead], long].concat());
        let longest = ids(&[&[0xff; 9][..], &[1, 7]].concat());
        assert_eq!(Batch::parse(&longest).unwrap().samples().id_count(), lead + 2);
        compare(&longest);
        assert!(error(&ids(&[&[0xff; 9][..], &[2, 7]].concat())).ends_with("varint has more than 64 bits"));
        assert!(error(&ids(&[&[0xff; 10][..], &[1, 7]].concat())).ends_with("varint has more than 64 bits"));
        assert!(error(&ids(&[0xff])).ends_with("field ends after its message"));
    }
}

#[test]
fn groups_are_skipped_up_to_a_depth() {
    let nested = |depth: usize| (0..depth).fold(Vec::new(), |inner, _| group(9, &inner));
    for depth in 0..100 {
        Batch::parse(&nested(depth)).unwrap();
        compare(&nested(depth));
    }
    assert!(error(&nested(10_000)).ends_with("groups are nested too deep"));
    assert!(error(&field(9, 3, field(8, 4, []))).ends_with("group 8 ends without a start"));
    assert!(error(&field(9, 3, [])).ends_with("field ends after its message"));
}

#[test]
fn of_labels_with_one_name_the_later_counts() {
    let label = |value: &str| bytes(2, [bytes(1, "stage"), bytes(2, value)].concat());
    let event = [label("decode"), label("total"), bytes(2, [])].concat();
    let labels = Event::parse(&event).unwrap().labels();
    let labels: Vec<_> = labels.map(|(name, value)| (str::from_utf8(name).unwrap(), value)).collect();
    assert_eq!(labels, [("stage", &b"decode"[..]), ("stage", b"total"), ("", b"")]);
    compare(&bytes(4, event));
}

#[test]
fn unusual_events_are_not_split() {
    let (name, label, value) = (bytes(1, "frames_total"), bytes(2, []), double(3, 1.0));
    for unusual in [
        [label.clone(), name.clone()],
        [value.clone(), value.clone()],
        [value.clone(), label],
        [name.clone(), name.clone()],
        [name.clone(), integer(9, 1)],
        [name, value[..8].to_vec()],
    ] {
        assert_eq!(Event::split(&unusual.concat()), None);
    }
}

#[test]
fn a_batch_of_an_encoder_is_read_whole() {
    let event = MetricEvent {
        name: "frames_total".to_owned(),
        labels: HashMap::from([("source".to_owned(), "vtest".to_owned())]),
        value: 2.0,
        ..MetricEvent::default()
    };
    let samples = Samples { series_id: (0..1000).collect(), value: (0..1000).map(f64::from).collect() };
    let request =
        RecordRequest { events: vec![event; 3], samples: Some(samples), ..RecordRequest::default() };
    let message = request.encode_to_vec();
    let batch = Batch::parse(&message).unwrap();
    assert_eq!((batch.events().len(), batch.samples().iter().count()), (3, 1000));
    assert!(batch.samples().iter().all(|(id, value)| f64::from(id) == value));
    compare(&message);
}
