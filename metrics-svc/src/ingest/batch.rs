//! Applies one batch: declarations, then definitions, events and packed samples.

use vision_metrics::{Metric, Registry, UnixTime, ValueError};
use vision_proto::metrics::v1::{
    MetricDescriptor, MetricEvent, RecordRequest, RejectionReason, Samples, rejection::Subject,
};

use super::{
    convert,
    rejection::{Refusal, Rejections},
    series_table::SeriesTable,
};

/// Where, for whom and when a batch is applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) registry: &'a Registry,
    pub(super) producer: Option<&'a str>,
    pub(super) now: UnixTime,
}

impl Target<'_> {
    /// Applies what can be applied and tells what cannot; a snapshot shows the whole batch or nothing of it.
    pub(super) fn apply(&self, series: &mut SeriesTable, request: &RecordRequest) -> Rejections {
        let _together = self.registry.together();
        let mut rejections = Rejections::default();
        for (index, metric) in request.metrics.iter().enumerate() {
            if let Err(refusal) = self.declare(metric) {
                rejections.add(Some(Subject::MetricIndex(index as u32)), refusal);
            }
        }
        self.define_all(series, request, &mut rejections);
        for (index, event) in request.events.iter().enumerate() {
            if let Err(refusal) = self.apply_event(event) {
                rejections.add(Some(Subject::EventIndex(index as u32)), refusal);
            }
        }
        if let Some(samples) = &request.samples {
            self.apply_samples(series, samples, &mut rejections);
        }
        rejections
    }

    /// The metric of this name.
    pub(super) fn metric(&self, name: &str) -> Result<Metric, Refusal> {
        let metric = self.registry.get(name);
        metric.ok_or_else(|| Refusal::unknown_metric(name))
    }

    fn declare(&self, metric: &MetricDescriptor) -> Result<(), Refusal> {
        self.registry.register(convert::descriptor(metric)?)?;
        Ok(())
    }

    fn define_all(&self, series: &mut SeriesTable, request: &RecordRequest, rejections: &mut Rejections) {
        for definition in &request.series {
            let refusal = match series.define(self, definition) {
                Ok(false) => continue,
                Ok(true) => overflowed(&definition.metric),
                Err(refusal) => refusal,
            };
            rejections.add(Some(Subject::SeriesId(definition.id)), refusal);
        }
    }

    /// Past the cardinality budget the event is applied to the overflow series and refused all the
    /// same, so that its sender learns of it.
    fn apply_event(&self, event: &MetricEvent) -> Result<(), Refusal> {
        let metric = self.metric(&event.name)?;
        let operation = convert::operation(event)?;
        // Before the lookup, which may make the series.
        operation.check(metric.descriptor().kind, event.value)?;
        let find = || {
            let labels = event.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            metric.series_by_names(labels, self.producer)
        };
        let mut series = find()?;
        let applied = series.apply(event.value, operation, self.now);
        if applied == Err(ValueError::Expired) {
            series = find()?;
            series.apply(event.value, operation, self.now)?;
        } else {
            applied?;
        }
        if series.is_overflow() {
            return Err(overflowed(&event.name));
        }
        Ok(())
    }

    fn apply_samples(&self, series: &mut SeriesTable, samples: &Samples, rejections: &mut Rejections) {
        let (ids, values) = (&samples.series_id, &samples.value);
        if ids.len() != values.len() {
            let message = format!("samples have {} series ids and {} values", ids.len(), values.len());
            let refusal = Refusal::new(RejectionReason::InvalidValue, message);
            return rejections.add(None, refusal);
        }
        for (&id, &value) in ids.iter().zip(values) {
            if let Err(refusal) = series.apply(self, id, value) {
                rejections.add(Some(Subject::SeriesId(id)), refusal);
            }
        }
    }
}

fn overflowed(metric: &str) -> Refusal {
    Refusal::new(
        RejectionReason::CardinalityLimit,
        format!("metric {metric:?} may have no further series: counted under \"__overflow__\""),
    )
}
