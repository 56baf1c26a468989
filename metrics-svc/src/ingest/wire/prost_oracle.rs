//! Says whether a message is read in place as prost decodes it. Used by the tests and by the fuzz target.

use std::collections::HashMap;

use prost::Message;
use vision_proto::metrics::v1::{MetricDescriptor, MetricEvent, RecordRequest, SeriesDefinition};

use super::{Batch, Event, IdentityCache, MalformedReason};

/// Reads an encoded `RecordRequest` both ways.
///
/// # Panics
/// When the two do not agree on what it says, or on whether it is well-formed.
pub(super) fn compare(message: &[u8]) {
    let batch = Batch::parse(message);
    match (RecordRequest::decode(message), batch) {
        (Ok(request), Ok(batch)) => assert_same(&batch, &request),
        (Ok(_), Err(error)) => panic!("prost reads it: {error}"),
        (Err(error), Ok(batch)) => {
            let error = error.to_string();
            assert!(may_differ(&error) || !is_sound(&batch), "prost refuses it: {error}");
        }
        (Err(_), Err(_)) => {}
    }
}

/// Whether prost refuses for a reason that is none here: how deep groups may be nested depends on how deep the message
/// around them is, and of an event's texts those that a later one replaces are not looked at.
fn may_differ(error: &str) -> bool {
    error.contains("recursion limit") || error.contains("MetricEvent") && error.contains("not UTF-8")
}

fn assert_same(batch: &Batch<'_>, request: &RecordRequest) {
    let producer = request.producer.as_ref().map(|producer| (&*producer.id, producer.epoch));
    assert_eq!(batch.producer().map(|producer| (producer.id, producer.epoch)), producer);
    assert_eq!(batch.sequence(), request.sequence);
    assert_eq!(batch.metrics().len(), request.metrics.len());
    for (ours, theirs) in batch.metrics().zip(&request.metrics) {
        let ours = MetricDescriptor::decode(ours).expect("prost reads it");
        // As bytes, since buckets may not be numbers.
        assert_eq!(ours.encode_to_vec(), theirs.encode_to_vec());
    }
    let series: Result<Vec<_>, _> = batch.series().map(SeriesDefinition::decode).collect();
    assert_eq!(series.as_ref(), Ok(&request.series));
    assert_eq!((batch.events().len(), batch.events().count()), (request.events.len(), request.events.len()));
    for (ours, theirs) in batch.events().zip(&request.events) {
        assert_same_event(ours, theirs);
    }
    assert_same_samples(batch, request);
    assert_recognised(batch);
}

/// Among all events of the batch each is recognised as the same that it is split into, and no other is.
fn assert_recognised(batch: &Batch<'_>) {
    let mut cache = IdentityCache::default();
    for (slot, split) in (0..).zip(batch.events().filter_map(Event::split)) {
        cache.insert(split.identity, slot);
    }
    for event in batch.events() {
        // As text, since the value may be no number.
        let expected = Event::split(event).map(|split| format!("{:?} {split:?}", cache.get(split.identity)));
        let recognised = cache.recognise(event).map(|(slot, split)| format!("{:?} {split:?}", Some(slot)));
        assert_eq!(recognised, expected);
    }
}

fn assert_same_samples(batch: &Batch<'_>, request: &RecordRequest) {
    let (ours, theirs) = (batch.samples(), request.samples.clone().unwrap_or_default());
    assert_eq!((ours.id_count(), ours.value_count()), (theirs.series_id.len(), theirs.value.len()));
    assert_eq!(ours.ids().collect::<Vec<_>>(), theirs.series_id);
    let bits = theirs.value.iter().map(|value| value.to_bits());
    assert!(ours.values().map(f64::to_bits).eq(bits), "{theirs:?}");
    assert_eq!(ours.iter().count(), theirs.series_id.len().min(theirs.value.len()));
}

fn assert_same_event(message: &[u8], theirs: &MetricEvent) {
    let event = match Event::parse(message) {
        Ok(event) => event,
        // Prost does not look at the wire type of a map.
        Err(error) if matches!(error.reason, MalformedReason::WireType { field: 2, .. }) => return,
        Err(error) => panic!("prost reads it: {error}"),
    };
    assert_eq!(event.name, theirs.name.as_bytes());
    assert_eq!(labels(&event), theirs.labels.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())).collect());
    assert_eq!(event.value.to_bits(), theirs.value.to_bits());
    assert_eq!((event.operation, event.trace_id), (theirs.operation, &*theirs.trace_id));
    if let Some(split) = Event::split(message) {
        assert_eq!(split.value.to_bits(), event.value.to_bits());
        assert_eq!((split.operation, split.trace_id), (event.operation, event.trace_id));
        let identity = Event::parse(split.identity).expect("the event begins with it");
        assert_eq!((identity.name, labels(&identity)), (event.name, labels(&event)));
    }
}

fn labels<'a>(event: &Event<'a>) -> HashMap<&'a [u8], &'a [u8]> {
    event.labels().collect()
}

/// Whether also what the batch leaves encoded is well-formed.
fn is_sound(batch: &Batch<'_>) -> bool {
    batch.metrics().all(|metric| MetricDescriptor::decode(metric).is_ok())
        && batch.series().all(|series| SeriesDefinition::decode(series).is_ok())
        && batch.events().all(|event| Event::parse(event).is_ok_and(|event| is_text(&event)))
}

fn is_text(event: &Event<'_>) -> bool {
    let texts = event.labels().flat_map(|(name, value)| [name, value]);
    texts.chain([event.name]).all(|text| str::from_utf8(text).is_ok())
}
