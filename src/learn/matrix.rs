//! The computed features of many rows, sparse as the recipe gives them.

use weighbridge_router::{FeatureScratch, Recipe};

use crate::trace::Trace;

/// Rows of entries; a dense matrix of them would be some ten times as large.
#[derive(Debug, Default)]
pub(super) struct Matrix {
    columns: usize,
    ends: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Matrix {
    /// The features of these rows of a trace; a row without a prompt has none.
    pub(super) fn compute(recipe: &Recipe, trace: &Trace, rows: &[usize]) -> Self {
        let mut scratch = FeatureScratch::default();
        let mut matrix = Self {
            columns: recipe.columns(),
            ..Self::default()
        };
        for &row in rows {
            let request = trace.request(row);
            if let Some(prompt) = request.prompt {
                recipe.compute(prompt, request.task, &mut scratch);
                matrix.entries.extend_from_slice(scratch.entries());
            }
            matrix.ends.push(matrix.entries.len());
        }
        matrix
    }

    /// How many columns a row has.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The entries of the `i`-th of the rows.
    pub(super) fn row(&self, i: usize) -> &[(u32, f64)] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.entries[start..self.ends[i]]
    }

    #[cfg(test)]
    pub(super) fn of(columns: usize, rows: &[Vec<(u32, f64)>]) -> Self {
        let mut matrix = Self {
            columns,
            ..Self::default()
        };
        for row in rows {
            matrix.entries.extend(row);
            matrix.ends.push(matrix.entries.len());
        }
        matrix
    }
}
