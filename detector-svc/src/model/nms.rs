//! Class-wise greedy non-maximum suppression.

use crate::detection::Detection;

/// Candidates considered at most: beyond it the least confident are noise, and the cost is quadratic.
const MAX_CANDIDATES: usize = 4096;

/// Keeps the most confident of the boxes of one class that overlap by more than `iou`; at most `most` in all,
/// most confident first.
pub(super) fn suppress(mut candidates: Vec<Detection>, iou: f32, most: usize) -> Vec<Detection> {
    candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    candidates.truncate(MAX_CANDIDATES);
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in candidates {
        if kept.len() == most {
            break;
        }
        let overlaps = |k: &Detection| {
            k.class_id == candidate.class_id && k.bounding_box.iou(&candidate.bounding_box) > iou
        };
        if !kept.iter().any(overlaps) {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detection::BoundingBox;

    fn candidates() -> impl Strategy<Value = Vec<Detection>> {
        let one = (0usize..3, 0.0f32..1.0, 0.0f32..50.0, 0.0f32..50.0, 1.0f32..40.0, 1.0f32..40.0);
        prop::collection::vec(one, 0..60).prop_map(|all| {
            all.into_iter()
                .map(|(class_id, confidence, x, y, w, h)| Detection {
                    class_id,
                    confidence,
                    bounding_box: BoundingBox { x_min: x, y_min: y, x_max: x + w, y_max: y + h },
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_kept_does_not_overlap_and_what_is_dropped_does(all in candidates()) {
            let kept = suppress(all.clone(), 0.6, usize::MAX);
            let clash = |a: &Detection, b: &Detection| a.class_id == b.class_id && a.bounding_box.iou(&b.bounding_box) > 0.6;
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(kept[i + 1..].iter().all(|b| !clash(a, b) && b.confidence <= a.confidence));
            }
            for dropped in all.iter().filter(|d| !kept.contains(d)) {
                prop_assert!(kept.iter().any(|k| clash(k, dropped) && k.confidence >= dropped.confidence));
            }
        }

        #[test]
        fn a_limit_keeps_the_most_confident(all in candidates(), most in 0usize..10) {
            let unlimited = suppress(all.clone(), 0.6, usize::MAX);
            let limited = suppress(all, 0.6, most);
            prop_assert_eq!(&limited[..], &unlimited[..most.min(unlimited.len())]);
        }
    }
}
