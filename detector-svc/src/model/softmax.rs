//! Scores of a query over its classes and that there is no object.

use super::OutputError;

/// A row of logits of which the last is that there is no object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Softmax<'a> {
    /// Logits of the classes.
    classes: &'a [f32],
    /// The highest of all, subtracted so that nothing overflows.
    highest: f32,
    /// Sum over all.
    sum: f32,
}

impl<'a> Softmax<'a> {
    /// The scores of a row; `None` when no class can score above the score whose logit is `least`.
    ///
    /// # Errors
    /// A logit is infinite, and so a score no number; `name` is the output that it is in.
    pub(super) fn of(row: &'a [f32], least: f32, name: &str) -> Result<Option<Self>, OutputError> {
        let Some((nothing, classes)) = row.split_last() else {
            return Ok(None);
        };
        let most = classes.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // Against no object alone a class scores more than against all others: nearly every row is told by that.
        if most - nothing <= least {
            return Ok(None);
        }
        let highest = most.max(*nothing);
        let sum: f32 = row.iter().map(|logit| (logit - highest).exp()).sum();
        if sum.is_finite() {
            return Ok(Some(Self { classes, highest, sum }));
        }
        Err(OutputError::NotANumber(name.to_owned()))
    }

    /// The classes and their scores, 0..=1.
    pub(super) fn scores(self) -> impl Iterator<Item = (usize, f32)> + use<'a> {
        let score = move |logit: &f32| (logit - self.highest).exp() / self.sum;
        self.classes.iter().map(score).enumerate()
    }

    /// The class that scores most, the first of several.
    pub(super) fn best(self) -> Option<(usize, f32)> {
        self.scores().reduce(|best, other| if other.1 > best.1 { other } else { best })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::model::decode::logit;

    proptest! {
        #[test]
        fn what_is_told_at_once_has_no_score_above(
            row in prop::collection::vec(-9.0f32..9.0, 1..8), least in 0.0f32..1.0,
        ) {
            let sum: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
            let score = |logit: f32| (f64::from(logit).exp() / sum) as f32;
            let classes = &row[..row.len() - 1];
            match Softmax::of(&row, logit(least), "logits").unwrap() {
                Some(softmax) => {
                    for ((_, found), expected) in softmax.scores().zip(classes) {
                        prop_assert!((found - score(*expected)).abs() < 1e-5);
                    }
                }
                None => prop_assert!(classes.iter().all(|class| score(*class) <= least + 1e-5)),
            }
        }
    }

    #[test]
    fn the_first_of_the_best_counts() {
        let softmax = Softmax::of(&[0.0, 2.0, 2.0, -9.0], logit(0.1), "logits").unwrap().unwrap();
        assert_eq!(softmax.best().unwrap().0, 1);
    }

    #[test]
    fn infinite_logits_are_the_models_failure() {
        let of = |row: &[f32]| Softmax::of(row, logit(0.1), "logits").map(|softmax| softmax.is_some());
        assert!(of(&[f32::INFINITY, 0.0]).unwrap_err().to_string().contains("`logits`"));
        assert!(!of(&[0.0, f32::INFINITY]).unwrap());
        assert!(of(&[f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY]).unwrap());
        assert!(!of(&[]).unwrap());
    }
}
