//! Which row takes which column: the cheapest assignment that leaves out what costs too much.

/// Finds the assignment of rows to columns, each to at most one, in which the costs of the pairs plus a limit for each
/// row without a column are least; pairs that cost the limit or more are never made. These are the pairs of a
/// Jonker-Volgenant solver with a cost limit, found as there by shortest augmenting paths over reduced costs
/// (R. Jonker, A. Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems",
/// Computing 38, 1987), in at most O(rows * columns²).
///
/// Keeps its memory from one problem to the next.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    limit: f64,
    /// Affordable pairs as (column, cost), row by row.
    edges: Vec<(usize, f64)>,
    /// Where the edges of each row end.
    ends: Vec<usize>,
    columns: Vec<Column>,
    row_prices: Vec<f64>,
    taken: Vec<Option<usize>>,
    /// Columns that the present search has reached.
    reached: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    row: Option<usize>,
    /// Dual value: 0 at first, and falling as rows compete.
    price: f64,
    /// Length of the shortest path of the present search to here.
    distance: f64,
    /// The row before it on that path.
    from: usize,
    settled: bool,
}

impl Column {
    const FREE: Self = Self { row: None, price: 0.0, distance: f64::INFINITY, from: 0, settled: false };
}

/// Where the shortest path of a search ends.
#[derive(Clone, Copy)]
enum End {
    /// At a column that no row has.
    Column(usize),
    /// At a row that goes without.
    Row(usize),
}

impl Assignment {
    /// Begins a problem without rows.
    pub(super) fn start(&mut self, columns: usize, limit: f64) {
        self.limit = limit;
        self.edges.clear();
        self.ends.clear();
        self.columns.clear();
        self.columns.resize(columns, Column::FREE);
    }

    /// Adds a row with its costs (at least 0) by column; a cost that is not a number is beyond the limit.
    pub(super) fn row(&mut self, costs: impl Iterator<Item = f64>) {
        let limit = self.limit;
        self.edges.extend(costs.enumerate().filter(|(_, cost)| *cost < limit));
        self.ends.push(self.edges.len());
    }

    /// The column of each row.
    pub(super) fn solve(&mut self) -> &[Option<usize>] {
        self.row_prices.clear();
        self.row_prices.resize(self.ends.len(), 0.0);
        self.taken.clear();
        self.taken.resize(self.ends.len(), None);
        for row in 0..self.ends.len() {
            let (end, length) = self.search(row);
            self.reprice(row, length);
            self.augment(end);
        }
        &self.taken
    }

    /// The shortest path from a new row, Dijkstra's way, and its length.
    fn search(&mut self, start: usize) -> (End, f64) {
        let (mut row, mut length) = (start, 0.0);
        let (mut out, mut out_length) = (start, f64::INFINITY);
        loop {
            let without = length + self.limit - self.row_prices[row];
            if without < out_length {
                (out, out_length) = (row, without);
            }
            self.reach(row, length);
            let Some(nearest) = self.nearest().filter(|column| self.columns[*column].distance < out_length)
            else {
                return (End::Row(out), out_length);
            };
            let column = &mut self.columns[nearest];
            length = column.distance;
            let Some(owner) = column.row else { return (End::Column(nearest), length) };
            column.settled = true;
            row = owner;
        }
    }

    /// Shortens the paths to the columns of a row.
    fn reach(&mut self, row: usize, length: f64) {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        for &(index, cost) in &self.edges[start..self.ends[row]] {
            let column = &mut self.columns[index];
            let distance = length + cost - self.row_prices[row] - column.price;
            if !column.settled && distance < column.distance {
                if column.distance.is_infinite() {
                    self.reached.push(index);
                }
                (column.distance, column.from) = (distance, row);
            }
        }
    }

    fn nearest(&self) -> Option<usize> {
        let open = self.reached.iter().copied().filter(|column| !self.columns[*column].settled);
        open.min_by(|a, b| self.columns[*a].distance.total_cmp(&self.columns[*b].distance))
    }

    /// Moves prices so that the path found costs nothing and no pair less than nothing; forgets the search.
    fn reprice(&mut self, start: usize, length: f64) {
        self.row_prices[start] += length;
        for index in self.reached.drain(..) {
            let column = &mut self.columns[index];
            if let Some(owner) = column.row.filter(|_| column.settled) {
                self.row_prices[owner] += length - column.distance;
                column.price += column.distance - length;
            }
            (column.distance, column.settled) = (f64::INFINITY, false);
        }
    }

    /// Gives each column on the path to the row before it.
    fn augment(&mut self, end: End) {
        let mut freed = match end {
            End::Column(column) => Some(column),
            End::Row(row) => self.taken[row].take(),
        };
        while let Some(column) = freed {
            let row = self.columns[column].from;
            self.columns[column].row = Some(row);
            freed = self.taken[row].replace(column);
        }
    }
}

#[cfg(test)]
#[path = "assignment_tests.rs"]
mod tests;
