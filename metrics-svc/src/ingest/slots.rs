//! Series that one sender writes to, each with what the batch in hand adds to it.
//!
//! Counters and distributions gather here and are written once a batch: two senders that count the same things then
//! meet at a series once a batch instead of once an event. Gauges are written at once, since there the order counts.

use vision_metrics::{Metric, MetricKind, Operation, Series, ValueError};

use super::batch::Target;

/// Room for observations that is kept from one batch to the next.
const KEPT_OBSERVATIONS: usize = 4096;
/// End of a chain of observations.
const END: u32 = u32::MAX;

/// Series, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Those that the batch adds to.
    touched: Vec<u32>,
    /// Values, each with the index of the one before it in the same series.
    observations: Vec<(f64, u32)>,
}

#[derive(Debug)]
struct Slot {
    metric: Metric,
    series: Series,
    kind: MetricKind,
    overflow: bool,
    pending: Pending,
}

/// What the batch adds to a series.
#[derive(Clone, Copy, Debug)]
enum Pending {
    Nothing,
    Sum(f64),
    /// Index of the last observation.
    Observed(u32),
}

impl Slots {
    /// Adds a series and tells its number; `None` past the greatest number.
    pub(super) fn push(&mut self, metric: Metric, series: Series) -> Option<u32> {
        let number = u32::try_from(self.slots.len()).ok()?;
        let (kind, overflow) = (series.kind(), series.is_overflow());
        self.slots.push(Slot { metric, series, kind, overflow, pending: Pending::Nothing });
        Some(number)
    }

    /// Puts another series in the place of one.
    pub(super) fn replace(&mut self, number: u32, series: Series) {
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.overflow = series.is_overflow();
            slot.series = series;
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<(&Metric, &Series)> {
        self.slots.get(number as usize).map(|slot| (&slot.metric, &slot.series))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Forgets every series; nothing may be pending.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes that a series takes here.
    pub(super) const fn bytes_each() -> usize {
        size_of::<Slot>() + size_of::<u32>()
    }

    /// Takes a sample of a series; a gauge is written at once.
    #[inline]
    pub(super) fn record(
        &mut self,
        number: u32,
        value: f64,
        operation: Operation,
        target: &Target<'_>,
    ) -> Result<(), ValueError> {
        // Numbers come from `push`.
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return Ok(());
        };
        operation.check(slot.kind, value)?;
        if slot.overflow {
            slot.metric.count_overflow(1);
        }
        slot.pending = match (slot.kind, slot.pending) {
            (MetricKind::Gauge, _) => {
                return slot.write(|series| series.apply(value, operation, target.now), target);
            }
            (MetricKind::Counter, Pending::Sum(sum)) => Pending::Sum(sum + value),
            (MetricKind::Counter, _) => {
                self.touched.push(number);
                Pending::Sum(value)
            }
            (MetricKind::Histogram | MetricKind::Summary, pending) => {
                let before = match pending {
                    Pending::Observed(before) => before,
                    _ => {
                        self.touched.push(number);
                        END
                    }
                };
                self.observations.push((value, before));
                Pending::Observed(self.observations.len() as u32 - 1)
            }
        };
        Ok(())
    }

    /// Writes what has gathered.
    pub(super) fn flush(&mut self, target: &Target<'_>) {
        let mut values = Vec::new();
        for number in self.touched.drain(..) {
            let Some(slot) = self.slots.get_mut(number as usize) else {
                continue;
            };
            let written = match std::mem::replace(&mut slot.pending, Pending::Nothing) {
                Pending::Nothing => Ok(()),
                Pending::Sum(sum) => {
                    let sum = sum.min(f64::MAX);
                    slot.write(|series| series.apply(sum, Operation::Add, target.now), target)
                }
                Pending::Observed(last) => {
                    values.clear();
                    values.extend(chain(&self.observations, last));
                    slot.write(|series| series.observe_all(&values, target.now), target)
                }
            };
            debug_assert_eq!(written, Ok(()), "samples are checked before they gather");
        }
        self.observations.clear();
        // Tables outlive their streams: what one large batch needed would stay.
        self.observations.shrink_to(KEPT_OBSERVATIONS);
        self.touched.shrink_to(KEPT_OBSERVATIONS);
    }
}

/// The values of a chain, the last one first.
fn chain(observations: &[(f64, u32)], last: u32) -> impl Iterator<Item = f64> {
    let mut next = last;
    std::iter::from_fn(move || {
        let (value, before) = *observations.get(next as usize)?;
        next = before;
        Some(value)
    })
}

impl Slot {
    /// Writes to the series; to the one that has come in its place if it has expired.
    fn write(
        &mut self,
        write: impl Fn(&Series) -> Result<(), ValueError>,
        target: &Target<'_>,
    ) -> Result<(), ValueError> {
        match write(&self.series) {
            Err(ValueError::Expired) => {}
            written => return written,
        }
        let labels = self.metric.descriptor().label_names.len();
        let values: Vec<_> = self.series.label_values().take(labels).collect();
        let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        if let Ok(series) = self.metric.series(&values, target.origin()) {
            self.overflow = series.is_overflow();
            self.series = series;
        }
        write(&self.series)
    }
}
