//! Applies one batch: declarations, then definitions, events and packed samples.

use std::sync::Arc;

use prost::Message as _;
use vision_metrics::{
    Exemplar, Metric, Operation, Origin, Registry, Series, SeriesBudget, UnixTime, ValueError,
};
use vision_proto::metrics::v1::{MetricDescriptor, RejectionReason, SeriesDefinition, rejection::Subject};

use super::{
    convert,
    rejection::{Refusal, Rejections},
    series_table::SeriesTable,
    wire::{Batch, Event, Samples},
};

/// Labels that an event may give, repetitions included: more than any metric has.
const MAX_LABELS: usize = 1024;

/// Where, for whom and when a batch is applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) registry: &'a Registry,
    pub(super) producer: Option<&'a str>,
    pub(super) budget: Option<&'a Arc<SeriesBudget>>,
    pub(super) now: UnixTime,
}

impl<'a> Target<'a> {
    #[cfg(test)]
    pub(super) fn anonymous(registry: &'a Registry, now: UnixTime) -> Self {
        Self { registry, producer: None, budget: None, now }
    }

    pub(super) fn origin(&self) -> Origin<'a> {
        Origin { producer: self.producer, budget: self.budget, now: Some(self.now) }
    }

    /// Applies what can be applied and tells what cannot; a snapshot shows the whole batch or nothing of it.
    pub(super) fn apply(&self, series: &mut SeriesTable, batch: &Batch<'_>) -> Rejections {
        let _together = self.registry.together();
        let mut rejections = Rejections::default();
        for (index, metric) in batch.metrics().enumerate() {
            if let Err(refusal) = self.declare(metric) {
                rejections.add(Some(Subject::MetricIndex(index as u32)), refusal);
            }
        }
        for definition in batch.series() {
            self.define(series, definition, &mut rejections);
        }
        for (index, event) in batch.events().enumerate() {
            if let Err(refusal) = self.apply_event(series, event) {
                rejections.add(Some(Subject::EventIndex(index as u32)), refusal);
            }
        }
        self.apply_samples(series, batch.samples(), &mut rejections);
        series.flush(self);
        rejections
    }

    /// The metric of this name.
    pub(super) fn metric(&self, name: &str) -> Result<Metric, Refusal> {
        let metric = self.registry.get(name);
        metric.ok_or_else(|| Refusal::unknown_metric(name))
    }

    fn declare(&self, metric: &[u8]) -> Result<(), Refusal> {
        let malformed = |error| {
            let message = format!("declaration is malformed: {error}");
            Refusal::new(RejectionReason::DescriptorConflict, message)
        };
        let metric = MetricDescriptor::decode(metric).map_err(malformed)?;
        self.registry.register(convert::descriptor(&metric)?)?;
        Ok(())
    }

    fn define(&self, series: &mut SeriesTable, definition: &[u8], rejections: &mut Rejections) {
        let definition = match SeriesDefinition::decode(definition) {
            Ok(definition) => definition,
            Err(error) => {
                let message = format!("series definition is malformed: {error}");
                return rejections.add(None, Refusal::new(RejectionReason::LabelMismatch, message));
            }
        };
        let refusal = match series.define(self, &definition) {
            Ok(false) => return,
            Ok(true) => overflowed(&definition.metric),
            Err(refusal) => refusal,
        };
        rejections.add(Some(Subject::SeriesId(definition.id)), refusal);
    }

    /// Events mostly name their series with the very bytes that an earlier one had.
    fn apply_event(&self, series: &mut SeriesTable, event: &[u8]) -> Result<(), Refusal> {
        let Some((slot, known)) = series.recognise(event) else {
            return self.apply_new_event(series, event);
        };
        let trace_id = trace_id(known.trace_id)?;
        series.record_named(self, slot, known.value, convert::operation(known.operation)?)?;
        if let Some(trace_id) = trace_id
            && let Some(series) = series.named_series(slot)
        {
            series.offer_exemplar(self.exemplar(trace_id, known.value));
        }
        Ok(())
    }

    /// Past the cardinality budget the event is applied to the overflow series and refused all the
    /// same, so that its sender learns of it.
    fn apply_new_event(&self, table: &mut SeriesTable, message: &[u8]) -> Result<(), Refusal> {
        let event = Event::parse(message).map_err(|error| {
            Refusal::new(RejectionReason::InvalidValue, format!("event is not readable: {error}"))
        })?;
        let metric = self.metric(name(event.name)?)?;
        let (operation, trace_id) = (convert::operation(event.operation)?, trace_id(event.trace_id)?);
        // Before the lookup, which may make the series.
        operation.check(metric.descriptor().kind, event.value)?;
        let series = self.apply_once(&metric, &event, operation)?;
        if let Some(trace_id) = trace_id {
            series.offer_exemplar(self.exemplar(trace_id, event.value));
        }
        if series.is_overflow() {
            metric.count_overflow(1);
            return Err(overflowed(&metric.descriptor().name));
        }
        if let Some(split) = Event::split(message) {
            table.remember(split.identity, metric, series);
        }
        Ok(())
    }

    fn apply_once(
        &self,
        metric: &Metric,
        event: &Event<'_>,
        operation: Operation,
    ) -> Result<Series, Refusal> {
        let given = event.labels().len();
        if given > MAX_LABELS {
            let message = format!("{given} labels are given, at most {MAX_LABELS} are looked at");
            return Err(Refusal::new(RejectionReason::LabelMismatch, message));
        }
        let labels = event.labels().map(|(name, value)| Ok((label(name, name)?, label(name, value)?)));
        let labels = labels.collect::<Result<Vec<_>, Refusal>>()?;
        let find = || metric.series_by_names(labels.iter().copied(), self.origin());
        let mut series = find()?;
        let mut applied = series.apply(event.value, operation, self.now);
        if applied == Err(ValueError::Expired) {
            series = find()?;
            applied = series.apply(event.value, operation, self.now);
        }
        applied?;
        Ok(series)
    }

    fn exemplar(&self, trace_id: [u8; 16], value: f64) -> Exemplar {
        Exemplar { trace_id, value, time: self.now }
    }

    fn apply_samples(&self, series: &mut SeriesTable, samples: Samples<'_>, rejections: &mut Rejections) {
        let (ids, values) = (samples.id_count(), samples.value_count());
        if ids != values {
            let message = format!("samples have {ids} series ids and {values} values");
            return rejections.add(None, Refusal::new(RejectionReason::InvalidValue, message));
        }
        for (id, value) in samples.iter() {
            if let Err(refusal) = series.record_defined(self, id, value) {
                rejections.add(Some(Subject::SeriesId(id)), refusal);
            }
        }
    }
}

/// The trace identifier, if there is one.
#[inline]
fn trace_id(bytes: &[u8]) -> Result<Option<[u8; 16]>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id = bytes.try_into().map_err(|_| {
        let message = format!("trace_id has {} bytes, 16 or none are allowed", bytes.len());
        Refusal::new(RejectionReason::InvalidValue, message)
    })?;
    Ok(Some(id))
}

fn name(bytes: &[u8]) -> Result<&str, Refusal> {
    str::from_utf8(bytes).map_err(|_| {
        let message = format!("metric name \"{}\" is not UTF-8", bytes.escape_ascii());
        Refusal::new(RejectionReason::InvalidName, message)
    })
}

/// Text of a label's name or value.
fn label<'a>(name: &[u8], text: &'a [u8]) -> Result<&'a str, Refusal> {
    str::from_utf8(text).map_err(|_| {
        let message = format!("label \"{}\" is not UTF-8: \"{}\"", name.escape_ascii(), text.escape_ascii());
        Refusal::new(RejectionReason::LabelMismatch, message)
    })
}

fn overflowed(metric: &str) -> Refusal {
    Refusal::new(
        RejectionReason::CardinalityLimit,
        format!("metric {metric:?} may have no further series: counted under \"__overflow__\""),
    )
}
