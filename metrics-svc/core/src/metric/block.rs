//! Series that stand together.

use crate::{Labels, Series};

/// Series in a row, with what every page says of each beside them: to print them is to walk along three lists, instead
/// of from one place in memory to another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    series: Vec<Series>,
    labels: Vec<Labels>,
    /// Milliseconds since the Unix epoch; 0: unknown.
    created: Vec<u64>,
}

impl Block {
    pub(crate) fn push(&mut self, series: Series) {
        self.labels.push(series.labels().clone());
        self.created.push(series.created_millis());
        self.series.push(series);
    }

    pub(crate) fn series(&self) -> &[Series] {
        &self.series
    }

    pub(crate) fn labels(&self) -> &[Labels] {
        &self.labels
    }

    pub(crate) fn created(&self) -> &[u64] {
        &self.created
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Takes out the series that `goes` says.
    pub(crate) fn take_out(&mut self, mut goes: impl FnMut(&Series) -> bool) -> Vec<Series> {
        let (gone, kept): (Vec<_>, Vec<_>) =
            std::mem::take(self).series.into_iter().partition(|series| goes(series));
        *self = kept.into_iter().collect();
        gone
    }
}

impl FromIterator<Series> for Block {
    fn from_iter<T: IntoIterator<Item = Series>>(series: T) -> Self {
        let mut block = Self::default();
        series.into_iter().for_each(|series| block.push(series));
        block
    }
}
