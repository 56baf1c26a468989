//! Handles that were looked up before, by metric and label values.

use hashbrown::{Equivalent, HashMap};
use parking_lot::RwLock;
use vision_metrics::{MAX_LABEL_VALUE_BYTES, catalogue::MetricSpec};

/// Handles kept at most: label values of which there are more are no label values.
const MAX_HANDLES: usize = 4096;

/// Handles of one kind.
#[derive(Debug)]
pub(super) struct Handles<H>(RwLock<HashMap<Key, H>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    metric: &'static str,
    label_values: Box<[Box<str>]>,
}

#[derive(Hash)]
struct KeyRef<'a> {
    metric: &'static str,
    label_values: &'a [&'a str],
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let values = key.label_values.iter().map(AsRef::as_ref);
        self.metric == key.metric && self.label_values.iter().copied().eq(values)
    }
}

impl<H> Default for Handles<H> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<H: Clone> Handles<H> {
    /// The handle that is kept; one that is not is made, and kept while there is room.
    pub(super) fn get(&self, spec: &MetricSpec, label_values: &[&str], make: impl FnOnce() -> H) -> H {
        let metric = spec.name;
        if let Some(known) = self.0.read().get(&KeyRef { metric, label_values }) {
            return known.clone();
        }
        let made = make();
        let short = label_values.iter().all(|value| value.len() <= MAX_LABEL_VALUE_BYTES);
        let mut handles = self.0.write();
        if short && handles.len() < MAX_HANDLES {
            let label_values = label_values.iter().map(|value| (*value).into()).collect();
            handles.insert(Key { metric, label_values }, made.clone());
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use vision_metrics::catalogue::{DETECTIONS, ERRORS};

    use super::*;

    #[test]
    fn a_handle_is_made_once_for_each_metric_and_label_values() {
        let (handles, made) = (Handles::default(), Cell::new(0));
        let make = || {
            made.set(made.get() + 1);
            made.get()
        };
        assert_eq!(handles.get(&DETECTIONS, &["a", "b"], make), 1);
        assert_eq!(handles.get(&DETECTIONS, &["ab", ""], make), 2);
        assert_eq!(handles.get(&ERRORS, &["a", "b"], make), 3);
        assert_eq!(handles.get(&DETECTIONS, &["a", "b"], make), 1);
    }

    #[test]
    fn no_more_and_no_longer_keys_are_kept_than_allowed() {
        let handles = Handles::default();
        let long = "x".repeat(MAX_LABEL_VALUE_BYTES + 1);
        assert_eq!(handles.get(&DETECTIONS, &[&long], || 0), 0);
        for index in 0..=MAX_HANDLES {
            assert_eq!(handles.get(&DETECTIONS, &[&index.to_string()], || index), index);
        }
        assert_eq!(handles.0.read().len(), MAX_HANDLES);
        assert_eq!(handles.get(&DETECTIONS, &["0"], || 7), 0);
    }
}
