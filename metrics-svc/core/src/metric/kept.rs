//! A metric's series as they are kept beyond the process, and made anew.

use std::sync::Arc;

use super::{Metric, Origin, overflow_key, table::Key};
use crate::{
    CapturedMetric, LabelError, Series, SeriesBudget, SeriesState,
    label::{OVERFLOW, check_values},
    state::CapturedSeries,
};

impl Metric {
    /// Copies what is to be kept beyond the process.
    pub(crate) fn capture(&self) -> CapturedMetric {
        let table = self.0.series.read();
        let series = table.all().map(|(series, retired)| CapturedSeries {
            series: series.clone(),
            retired,
            updated: series.updated(),
            value: series.state(),
        });
        let (declared, descriptor) = (Arc::clone(&self.0.declared), Arc::clone(&self.0.descriptor));
        CapturedMetric::new(declared, descriptor, series.collect())
    }

    /// Makes a series anew from what was kept; false when its state is none of this metric, as after its buckets have
    /// changed: then it starts from nothing. False, too, when there is such a series already, which stays as it is.
    ///
    /// The budget is that of the state's payer, if there is one still; it may be exceeded.
    pub fn restore(&self, state: SeriesState, payer: Option<Arc<SeriesBudget>>) -> bool {
        let values: Vec<&str> = state.label_values.iter().map(String::as_str).collect();
        if check_values(&self.0.descriptor.label_names, &values).is_err() {
            return false;
        }
        let key = Key { values: &values, producer: state.producer.as_deref() };
        let mut table = self.0.series.write();
        let hash = table.hash(&key);
        if table.get(hash, &key).is_some() {
            return false;
        }
        let series = self.new_series(hash, &key, state.created, payer);
        let restored = series.restore(state.value, state.created, state.updated);
        if state.retired {
            self.0.shared.retired.take_anyway();
            table.retire(series);
            return restored;
        }
        if !series.is_overflow() {
            self.0.shared.series.take_anyway();
            self.0.budget.take_anyway();
            series.payer().into_iter().for_each(SeriesBudget::take_anyway);
        }
        table.insert(series);
        restored
    }

    /// The series with these label values, if there is one, be it the overflow series that has them; else one that has
    /// expired and is shown to nobody: who writes to it is told so, and looks it up anew.
    ///
    /// # Errors
    /// A wrong number of values, or one that is too long.
    pub fn find_or_expired<'a>(
        &self,
        label_values: &[&str],
        origin: impl Into<Origin<'a>>,
    ) -> Result<Series, LabelError> {
        let key = Key { values: label_values, producer: self.producer(origin.into()) };
        let table = self.0.series.read();
        let get = |key: &Key<'_>| table.get(table.hash(key), key).cloned();
        let in_overflow = !label_values.is_empty() && label_values.iter().all(|value| *value == OVERFLOW);
        let overflow = || get(&overflow_key(label_values)).filter(|_| in_overflow);
        if let Some(series) = get(&key).or_else(overflow) {
            return Ok(series);
        }
        check_values(&self.0.descriptor.label_names, label_values)?;
        let series = self.new_series(table.hash(&key), &key, None, None);
        series.end();
        Ok(series)
    }
}
