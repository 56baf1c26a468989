//! The assignment is the best that trying all of them finds.

use proptest::prelude::*;

use super::*;

type Costs = Vec<Vec<f64>>;

fn solve(assignment: &mut Assignment, costs: &Costs, columns: usize, limit: f64) -> Vec<Option<usize>> {
    assignment.start(columns, limit);
    costs.iter().for_each(|row| assignment.row(row.iter().copied()));
    assignment.solve().to_vec()
}

/// Pairs cost what they cost, rows without a column the limit.
fn total(costs: &Costs, limit: f64, taken: &[Option<usize>]) -> f64 {
    costs.iter().zip(taken).map(|(row, column)| column.map_or(limit, |column| row[column])).sum()
}

/// The least total, by trying every column and none for each row.
fn least(costs: &[Vec<f64>], limit: f64, used: &mut Vec<usize>) -> f64 {
    let Some((row, rest)) = costs.split_first() else { return 0.0 };
    let mut best = limit + least(rest, limit, used);
    for (column, cost) in row.iter().enumerate().filter(|(_, cost)| **cost < limit) {
        if !used.contains(&column) {
            used.push(column);
            best = best.min(cost + least(rest, limit, used));
            used.pop();
        }
    }
    best
}

/// Costs of up to five by five; whole ones tie often.
fn problems() -> impl Strategy<Value = (Costs, usize)> {
    let cost = prop_oneof![0.0..1.0f64, (0u8..4).prop_map(|n| f64::from(n) / 4.0), Just(f64::NAN)];
    (0usize..6, 0usize..6).prop_flat_map(move |(rows, columns)| {
        let row = prop::collection::vec(cost.clone(), columns);
        (prop::collection::vec(row, rows), Just(columns))
    })
}

proptest! {
    #[test]
    fn it_is_as_cheap_as_any(problems in prop::collection::vec((problems(), 0.0..1.2f64), 1..4)) {
        let mut assignment = Assignment::default();
        for ((costs, columns), limit) in problems {
            let taken = solve(&mut assignment, &costs, columns, limit);
            prop_assert_eq!(taken.len(), costs.len());
            for (row, column) in taken.iter().enumerate() {
                prop_assert!(column.is_none_or(|column| costs[row][column] < limit));
                prop_assert!(column.is_none() || !taken[row + 1..].contains(column));
            }
            let (found, best) = (total(&costs, limit, &taken), least(&costs, limit, &mut Vec::new()));
            prop_assert!((found - best).abs() < 1e-9, "{} is not {}: {:?}", found, best, taken);
        }
    }
}

#[test]
fn the_whole_counts_not_the_first() {
    for (costs, limit, expected) in [
        ([[0.1, 0.2], [0.1, 0.7]], 0.8, [Some(1), Some(0)]),
        ([[0.3, 0.1], [0.7, 0.2]], 0.5, [Some(0), Some(1)]),
        // Both pairs would cost more than one and the limit.
        ([[0.45, 0.1], [0.7, 0.2]], 0.5, [Some(1), None]),
    ] {
        let costs: Costs = costs.iter().map(|row| row.to_vec()).collect();
        assert_eq!(solve(&mut Assignment::default(), &costs, 2, limit), expected, "{costs:?}");
    }
}

#[test]
fn without_rows_or_columns_there_is_nothing_to_take() {
    assert_eq!(solve(&mut Assignment::default(), &vec![], 3, 0.5), []);
    assert_eq!(solve(&mut Assignment::default(), &vec![vec![], vec![]], 0, 0.5), [None, None]);
}
