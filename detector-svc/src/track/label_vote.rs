//! One label for a track whose detections disagree.

/// Most votes that may be set.
pub(super) const MAX_VOTES: usize = 32;

/// Majority vote over the classes of a track's detections, open for a number of votes.
#[derive(Clone, Copy, Debug)]
pub(super) struct LabelVote {
    cast: [usize; MAX_VOTES],
    count: usize,
    votes: usize,
    label: usize,
}

impl LabelVote {
    /// A vote of so many (1 to [`MAX_VOTES`]), the first of which is cast.
    pub(super) fn new(class_id: usize, votes: usize) -> Self {
        let mut cast = [0; MAX_VOTES];
        cast[0] = class_id;
        Self { cast, count: 1, votes: votes.min(MAX_VOTES), label: class_id }
    }

    /// Casts a vote, unless all are cast. The label changes to a class with more votes than its own, so a tie keeps it.
    pub(super) fn cast(&mut self, class_id: usize) {
        if self.count >= self.votes {
            return;
        }
        self.cast[self.count] = class_id;
        self.count += 1;
        if self.tally(class_id) > self.tally(self.label) {
            self.label = class_id;
        }
    }

    /// The class with the most votes.
    pub(super) fn label(&self) -> usize {
        self.label
    }

    fn tally(&self, class_id: usize) -> usize {
        self.cast[..self.count].iter().filter(|cast| **cast == class_id).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(classes: &[usize], votes: usize) -> usize {
        let mut vote = LabelVote::new(classes[0], votes);
        classes[1..].iter().for_each(|class_id| vote.cast(*class_id));
        vote.label()
    }

    #[test]
    fn the_majority_wins_and_a_tie_keeps_the_label() {
        assert_eq!(after(&[3], 10), 3);
        assert_eq!(after(&[3, 5], 10), 3);
        assert_eq!(after(&[3, 5, 5], 10), 5);
        assert_eq!(after(&[3, 5, 5, 3], 10), 5);
        assert_eq!(after(&[3, 5, 5, 3, 3], 10), 3);
    }

    #[test]
    fn the_label_is_locked_when_all_votes_are_cast() {
        assert_eq!(after(&[7, 1, 1, 1], 1), 7);
        assert_eq!(after(&[7, 7, 1, 1, 1, 1], 4), 7);
        assert_eq!(after(&[7, 7, 1, 1, 1, 1], 5), 1);
    }

    proptest! {
        #[test]
        fn the_label_has_the_most_votes(
            classes in prop::collection::vec(0usize..4, 1..60),
            votes in 1usize..=MAX_VOTES,
        ) {
            let counted = &classes[..votes.min(classes.len())];
            let tally = |class_id| counted.iter().filter(|cast| **cast == class_id).count();
            let most = (0..4).map(tally).max();
            prop_assert_eq!(Some(tally(after(&classes, votes))), most);
        }
    }
}
