//! What gives way when frames arrive faster than they are looked at.

use serde::{Deserialize, Serialize};

/// Fill levels of a stream's queue, in percent, from which only frames of a least priority are taken in.
const LEVELS: [(usize, i64); 2] = [(90, 5), (80, 2)];

/// What gives way when frames arrive faster than they are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backpressure {
    /// The oldest waiting frame of the stream, as `superseded`. Streams whose every frame is to be looked at wait.
    #[default]
    DropOldest,
    /// Frames of low `priority`, as `backpressure`: a stream's queue takes all while it is filled to less than 80 %,
    /// those of priority 2 or more to 90 %, then those of 5 or more; past its capacity they replace lesser ones.
    Priority,
}

/// Least priority that a queue with `waiting` of `capacity` places taken admits.
pub(super) fn least_admitted(waiting: usize, capacity: usize) -> i64 {
    let reached = |level: &&(usize, i64)| waiting * 100 >= level.0 * capacity;
    LEVELS.iter().find(reached).map_or(i64::MIN, |(_, least)| *least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_the_queue_the_higher_the_priority_it_asks_for() {
        let levels: Vec<_> = (0..=10).map(|waiting| least_admitted(waiting, 10)).collect();
        let all = i64::MIN;
        assert_eq!(levels, [all, all, all, all, all, all, all, all, 2, 5, 5]);
        assert_eq!([least_admitted(0, 1), least_admitted(1, 1)], [all, 5]);
    }
}
