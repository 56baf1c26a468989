//! Batches with the labels of an event in the order of the metric's names: a map of prost's has them in any order.

/// `RecordRequest` with nothing but events.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Events {
    #[prost(message, repeated, tag = "4")]
    pub(crate) events: Vec<Event>,
}

/// `MetricEvent`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Event {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) labels: Vec<Label>,
    #[prost(double, tag = "3")]
    pub(crate) value: f64,
}

/// One entry of `MetricEvent.labels`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}
