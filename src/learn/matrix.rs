//! The computed features of the training rows: dense columns that all models share, and the
//! hashed words.

use weighbridge_router::{FeatureScratch, Recipe, word_counts};

use super::newton::Design;
use crate::trace::Trace;

/// The shared columns of many rows, row by row.
#[derive(Debug, Default)]
pub(super) struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// The columns of a recipe for these rows of a trace.
    pub(super) fn compute(recipe: &Recipe, trace: &Trace, rows: &[usize]) -> Self {
        let columns = recipe.columns();
        let mut scratch = FeatureScratch::default();
        let mut values = vec![0.0; rows.len() * columns];
        for (row, out) in rows.iter().zip(values.chunks_mut(columns.max(1))) {
            recipe.compute(&trace.request(*row), &mut scratch);
            for &(column, value) in scratch.entries() {
                out[column as usize] = value;
            }
        }
        Self { columns, values }
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The `i`-th of the rows.
    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    #[cfg(test)]
    pub(super) fn of(columns: usize, rows: &[Vec<f64>]) -> Self {
        Self {
            columns,
            values: rows.concat(),
        }
    }
}

/// Some rows of a matrix, with one more column of one model where there is one.
#[derive(Clone, Copy)]
pub(super) struct Dense<'a> {
    pub(super) matrix: &'a Matrix,
    /// A value for each row of the matrix.
    pub(super) own: Option<&'a [f64]>,
    /// The places of the rows in the matrix.
    pub(super) places: &'a [usize],
}

impl Dense<'_> {
    /// The values of a row of the matrix, whether or not it is among the places.
    pub(super) fn entries(&self, place: usize, out: &mut Vec<(u32, f64)>) {
        out.clear();
        let own = self.own.map(|own| own[place]);
        let values = self.matrix.row(place).iter().copied().chain(own);
        out.extend((0..).zip(values));
    }
}

impl Design for Dense<'_> {
    fn rows(&self) -> usize {
        self.places.len()
    }

    fn columns(&self) -> usize {
        self.matrix.columns() + usize::from(self.own.is_some())
    }

    fn times(&self, v: &[f64], out: &mut [f64]) {
        let shared = self.matrix.columns();
        for (out, &place) in out.iter_mut().zip(self.places) {
            let row = self.matrix.row(place);
            *out = row.iter().zip(v).map(|(x, v)| x * v).sum();
            if let Some(own) = self.own {
                *out += own[place] * v[shared];
            }
        }
    }

    fn add_transposed(&self, u: &[f64], out: &mut [f64]) {
        let shared = self.matrix.columns();
        for (u, &place) in u.iter().zip(self.places) {
            for (out, x) in out.iter_mut().zip(self.matrix.row(place)) {
                *out += u * x;
            }
            if let Some(own) = self.own {
                out[shared] += u * own[place];
            }
        }
    }
}

/// The hashed words of many rows: of each row the columns with a count, with their values.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    bits: u8,
    ends: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

/// What is known of hashed words before anything is learned.
pub(super) struct WordCounts {
    bits: u8,
    ends: Vec<usize>,
    counts: Vec<(u32, i32)>,
}

impl WordCounts {
    pub(super) fn of(bits: u8, trace: &Trace, rows: &[usize]) -> Self {
        let mut scratch = FeatureScratch::default();
        let mut found = Self {
            bits,
            ends: Vec::with_capacity(rows.len()),
            counts: Vec::new(),
        };
        for &row in rows {
            let prompt = trace.prompt(row).unwrap_or_default();
            found
                .counts
                .extend_from_slice(word_counts(bits, prompt, &mut scratch));
            found.ends.push(found.counts.len());
        }
        found
    }

    /// idf = ln((1 + n) / (1 + df)) + 1, where `df` of `n` rows have a count in the column; 0 for
    /// a column that fewer than two rows have, from which nothing can be learned.
    pub(super) fn idf(&self) -> Vec<f32> {
        let mut frequency = vec![0_u32; 1 << self.bits];
        for (column, _) in &self.counts {
            frequency[*column as usize] += 1;
        }
        let n = 1.0 + self.ends.len() as f64;
        let idf = |df: u32| match df {
            0 | 1 => 0.0,
            df => (libm::log(n / (1.0 + f64::from(df))) + 1.0) as f32,
        };
        frequency.into_iter().map(idf).collect()
    }

    /// The values of the words, as the router weighs them.
    pub(super) fn weighed(self, idf: &[f32]) -> Sparse {
        let mut sparse = Sparse {
            bits: self.bits,
            ..Sparse::default()
        };
        let mut start = 0;
        for end in self.ends {
            let row = &self.counts[start..end];
            start = end;
            let first = sparse.values.len();
            let mut squares = 0.0;
            for &(column, count) in row {
                let size = f64::from(count.unsigned_abs());
                let damped = f64::from(count.signum()) * (1.0 + libm::log(size));
                let value = damped * f64::from(idf[column as usize]);
                if value != 0.0 {
                    squares += value * value;
                    sparse.columns.push(column);
                    sparse.values.push(value as f32);
                }
            }
            let norm = libm::sqrt(squares);
            for value in &mut sparse.values[first..] {
                *value = (f64::from(*value) / norm) as f32;
            }
            sparse.ends.push(sparse.values.len());
        }
        sparse
    }
}

impl Sparse {
    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        let range = start..self.ends[i];
        let columns = self.columns[range.clone()].iter().map(|c| *c as usize);
        columns.zip(self.values[range].iter().map(|v| f64::from(*v)))
    }

    /// The product of a row with weights.
    pub(super) fn score(&self, i: usize, weights: &[f64], bias: f64) -> f64 {
        self.row(i)
            .fold(bias, |sum, (column, x)| sum + weights[column] * x)
    }
}

/// Some rows of the words.
#[derive(Clone, Copy)]
pub(super) struct SparsePart<'a> {
    pub(super) sparse: &'a Sparse,
    pub(super) places: &'a [usize],
}

impl Design for SparsePart<'_> {
    fn rows(&self) -> usize {
        self.places.len()
    }

    fn columns(&self) -> usize {
        1 << self.sparse.bits
    }

    fn times(&self, v: &[f64], out: &mut [f64]) {
        for (out, &place) in out.iter_mut().zip(self.places) {
            *out = self
                .sparse
                .row(place)
                .map(|(column, x)| x * v[column])
                .sum();
        }
    }

    fn add_transposed(&self, u: &[f64], out: &mut [f64]) {
        for (u, &place) in u.iter().zip(self.places) {
            for (column, x) in self.sparse.row(place) {
                out[column] += u * x;
            }
        }
    }
}
