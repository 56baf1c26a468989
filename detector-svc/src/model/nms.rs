//! Class-wise greedy non-maximum suppression.

use crate::detection::BoundingBox;

/// Candidates considered at most: beyond it the least confident are noise, and the cost is quadratic.
pub(super) const MAX_CANDIDATES: usize = 4096;

/// A box with its score for one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) class_id: usize,
    pub(super) confidence: f32,
    /// `[x_min, y_min, x_max, y_max]` in pixels of the model's input: the image's edges would change overlaps.
    pub(super) corners: [f32; 4],
    /// Which row of the outputs it is from, for what else that says of it.
    pub(super) row: usize,
}

impl Candidate {
    /// Whether both are the same object: of one class, and overlapping by more than `iou`.
    fn clashes(&self, other: &Self, iou: f32) -> bool {
        self.class_id == other.class_id && bounds(self.corners).iou(&bounds(other.corners)) > iou
    }
}

/// Memory for suppression that is kept from image to image.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(super) candidates: Vec<Candidate>,
    kept: Vec<Candidate>,
}

impl Scratch {
    /// The candidates, most confident first. With `iou`, of those of one class that overlap by more than that only the
    /// most confident. What is not asked of the iterator costs nothing.
    pub(super) fn best(&mut self, iou: Option<f32>) -> impl Iterator<Item = Candidate> + '_ {
        let Self { candidates, kept } = self;
        kept.clear();
        // Not stable, and of like scores the earlier class first: the same input has the same output all the same.
        let order = |a: &Candidate, b: &Candidate| {
            b.confidence.total_cmp(&a.confidence).then((a.class_id, a.row).cmp(&(b.class_id, b.row)))
        };
        candidates.sort_unstable_by(order);
        candidates.truncate(MAX_CANDIDATES);
        candidates.iter().copied().filter(move |candidate| {
            let Some(iou) = iou else {
                return true;
            };
            let new = !kept.iter().any(|k| k.clashes(candidate, iou));
            if new {
                kept.push(*candidate);
            }
            new
        })
    }
}

fn bounds([x_min, y_min, x_max, y_max]: [f32; 4]) -> BoundingBox {
    BoundingBox { x_min, y_min, x_max, y_max }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let one = (0usize..3, 0.0f32..1.0, 0.0f32..50.0, 0.0f32..50.0, 1.0f32..40.0, 1.0f32..40.0);
        prop::collection::vec(one, 0..60).prop_map(|all| {
            all.into_iter()
                .map(|(class_id, confidence, x, y, w, h)| Candidate {
                    class_id,
                    confidence,
                    corners: [x, y, x + w, y + h],
                    row: 0,
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_kept_does_not_overlap_and_what_is_dropped_does(all in candidates()) {
            let mut scratch = Scratch { candidates: all.clone(), ..Scratch::default() };
            let kept: Vec<_> = scratch.best(Some(0.6)).collect();
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(kept[i + 1..].iter().all(|b| !a.clashes(b, 0.6) && b.confidence <= a.confidence));
            }
            for dropped in all.iter().filter(|d| !kept.contains(d)) {
                prop_assert!(kept.iter().any(|k| k.clashes(dropped, 0.6) && k.confidence >= dropped.confidence));
            }
        }
    }
}
