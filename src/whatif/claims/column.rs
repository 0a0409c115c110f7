//! Values with what is known of their sampling: one, or a list with a name for each.

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// None where it cannot be known.
    pub(super) x: Option<f64>,
    /// The same of each resample; empty where it is no sample.
    pub(super) drawn: Vec<f64>,
    /// Of how many units the sample is.
    pub(super) n: Option<u64>,
    /// Why it cannot be known.
    pub(super) why: Option<String>,
}

/// A list of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// What each is of; empty where there is only one.
    pub(super) of: Vec<String>,
    pub(super) cells: Vec<Cell>,
}

impl Cell {
    pub(super) fn exact(x: f64) -> Self {
        Self {
            x: Some(x),
            drawn: Vec::new(),
            n: None,
            why: None,
        }
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self {
            x: None,
            drawn: Vec::new(),
            n: None,
            why: Some(why.into()),
        }
    }

    /// A function of several, on the values and on each resample.
    fn of(cells: &[&Self], f: impl Fn(&[f64]) -> f64) -> Self {
        let known: Option<Vec<f64>> = cells.iter().map(|cell| cell.x).collect();
        let Some(values) = known else {
            let why = cells.iter().find_map(|cell| cell.why.clone());
            return Self {
                why,
                ..Self::unknown("")
            };
        };
        let x = f(&values);
        if !x.is_finite() {
            return Self::unknown("it divides by zero");
        }
        let resamples = cells.iter().map(|cell| cell.drawn.len()).max().unwrap_or(0);
        let of_resample = |r: usize| -> Vec<f64> {
            let each = cells.iter().zip(&values);
            each.map(|(cell, x)| cell.drawn.get(r).copied().unwrap_or(*x))
                .collect()
        };
        Self {
            x: Some(x),
            drawn: (0..resamples).map(|r| f(&of_resample(r))).collect(),
            n: cells.iter().filter_map(|cell| cell.n).min(),
            why: None,
        }
    }
}

impl Column {
    pub(super) fn single(cell: Cell) -> Self {
        Self {
            of: Vec::new(),
            cells: vec![cell],
        }
    }

    /// Value by value with another; one value goes with every one of a list.
    pub(super) fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let width = self.cells.len().max(other.cells.len());
        let at = |column: &'_ Self, i: usize| column.cells[i % column.cells.len()].clone();
        let cells = (0..width).map(|i| {
            let pair = [at(self, i), at(other, i)];
            Cell::of(&[&pair[0], &pair[1]], |values| f(values[0], values[1]))
        });
        let named = if self.of.is_empty() { other } else { self };
        Self {
            cells: cells.collect(),
            of: named.of.clone(),
        }
    }

    /// One value of all.
    pub(super) fn folded(&self, f: impl Fn(&[f64]) -> f64) -> Cell {
        let cells: Vec<&Cell> = self.cells.iter().collect();
        Cell::of(&cells, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resamples_are_combined_one_by_one_and_what_is_unknown_stays_so() {
        let drawn = |x: f64, drawn: [f64; 2], n| Cell {
            x: Some(x),
            drawn: drawn.to_vec(),
            n: Some(n),
            why: None,
        };
        let a = Column::single(drawn(2.0, [1.0, 3.0], 30));
        let b = Column {
            of: vec!["p".to_owned(), "q".to_owned()],
            cells: vec![drawn(4.0, [2.0, 6.0], 20), Cell::unknown("not measured")],
        };
        let ratio = b.with(&a, |b, a| b / a);
        assert_eq!(ratio.of, b.of);
        assert_eq!(ratio.cells[0], drawn(2.0, [2.0, 2.0], 20));
        assert_eq!(ratio.cells[1].why.as_deref(), Some("not measured"));
        let shifted = a.with(&Column::single(Cell::exact(1.0)), |a, b| a - b);
        assert_eq!(shifted.cells[0], drawn(1.0, [0.0, 2.0], 30));
        assert_eq!(b.folded(|values| values[0]).x, None);
    }
}
