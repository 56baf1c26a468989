//! The series that a producer has given numbers.

use hashbrown::HashMap;
use vision_metrics::{Metric, Operation, Series, ValueError};
use vision_proto::metrics::v1::{RejectionReason, SeriesDefinition};

use super::{batch::Target, rejection::Refusal};

/// Numbers that one producer may define in an epoch.
const MAX_DEFINITIONS: usize = 1 << 20;

#[derive(Debug)]
struct Entry {
    metric: Metric,
    label_values: Box<[String]>,
    series: Series,
}

/// Series by the number that the producer chose; lives as long as its epoch.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable(HashMap<u32, Entry>);

impl SeriesTable {
    /// Gives a series its number. Defining it again with the same labels is harmless.
    ///
    /// Returns whether the series is the one for what exceeds the cardinality budget.
    pub(super) fn define(
        &mut self,
        target: &Target<'_>,
        definition: &SeriesDefinition,
    ) -> Result<bool, Refusal> {
        if let Some(known) = self.0.get(&definition.id) {
            return known.confirm(definition);
        }
        if self.0.len() >= MAX_DEFINITIONS {
            return Err(Refusal::new(
                RejectionReason::CardinalityLimit,
                format!("more than {MAX_DEFINITIONS} series are defined"),
            ));
        }
        let metric = target.metric(&definition.metric)?;
        let values: Vec<&str> = definition.label_values.iter().map(AsRef::as_ref).collect();
        let series = metric.series(&values, target.producer)?;
        let overflow = series.is_overflow();
        let entry = Entry { metric, label_values: definition.label_values.clone().into(), series };
        self.0.insert(definition.id, entry);
        Ok(overflow)
    }

    /// Applies one packed sample.
    pub(super) fn apply(&mut self, target: &Target<'_>, id: u32, value: f64) -> Result<(), Refusal> {
        let entry = self.0.get_mut(&id).ok_or_else(|| {
            let message = format!("series {id} is not defined");
            Refusal::new(RejectionReason::UnknownMetric, message)
        })?;
        let applied = entry.series.apply(value, Operation::Default, target.now);
        if applied == Err(ValueError::Expired) {
            entry.revive(target)?;
            entry.series.apply(value, Operation::Default, target.now)?;
            return Ok(());
        }
        Ok(applied?)
    }
}

impl Entry {
    fn confirm(&self, definition: &SeriesDefinition) -> Result<bool, Refusal> {
        let same = self.metric.descriptor().name == definition.metric
            && *self.label_values == *definition.label_values;
        if same {
            return Ok(false);
        }
        Err(Refusal::new(
            RejectionReason::DescriptorConflict,
            format!(
                "series {} is defined already, for metric {:?}",
                definition.id,
                self.metric.descriptor().name
            ),
        ))
    }

    /// Looks the series up again after it expired.
    fn revive(&mut self, target: &Target<'_>) -> Result<(), Refusal> {
        let values: Vec<&str> = self.label_values.iter().map(AsRef::as_ref).collect();
        self.series = self.metric.series(&values, target.producer)?;
        Ok(())
    }
}
