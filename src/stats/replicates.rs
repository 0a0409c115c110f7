//! Exact sums of columns in every bootstrap replicate.
//!
//! This is the inner loop of every interval: a product of two matrices, weights and values, that
//! must be exact and independent of order. Values are cut into signed digits of 42 bits, and a
//! digit's sum over a block of rows is taken in doubles: weights are at most 8, so every product
//! and partial sum is a whole number of at most 2^53, which doubles represent, hence add, without
//! rounding. Blocks are put together in `i128`. Doubles are no approximation here but the widest
//! multiplier that baseline x86-64 has in vectors: 42 bits a lane, where its integers have 32.
//! Weights are made once per block of rows and tile of replicates and stay in the first cache.
//!
//! It knows neither what a column means nor in which unit it is.

use super::poisson::{MAX_WEIGHT, TILE, tile};

/// Rows in a block: 16 KiB of weights for a tile of replicates.
const BLOCK_ROWS: usize = 256;

const DIGIT_BITS: u32 = 42;

// A digit is at most 2^41 in absolute value; its weighted sum over a block must stay exact.
const _: () = assert!(
    (BLOCK_ROWS as u64 * MAX_WEIGHT as u64) << (DIGIT_BITS - 1) <= 1 << f64::MANTISSA_DIGITS
);

/// For each of `columns` columns and `replicates` replicates, the sum over all rows so far of
/// (weight of the row's unit in the replicate) x (value of the row in the column).
///
/// Weights are those of [`weights_into`](super::weights_into). Sums are exact as long as eight
/// times the sum of a column's absolute values stays below 2^127 (beyond it they wrap): values
/// below 2^83 leave room for 2^41 rows. Without rows all sums are 0. Any order of rows, split into
/// blocks and order of merging gives the same sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replicates {
    columns: usize,
    replicates: usize,
    /// Column after column, a sum per replicate.
    sums: Vec<i128>,
}

impl Replicates {
    /// How many replicates an interval rests on unless told otherwise.
    pub const DEFAULT: usize = 1_000;

    /// All sums 0; takes 16 bytes per column and replicate.
    #[must_use]
    pub fn new(columns: usize, replicates: usize) -> Self {
        Self {
            columns,
            replicates,
            sums: vec![0; columns * replicates],
        }
    }

    /// Adds rows: row `i` is of unit `unit_keys[i]` (see [`unit_hash`](super::unit_hash)) and has
    /// the values `values[column][i]`, `i64` or `i128`.
    ///
    /// Many rows in one call are faster than few in many (the cost is per 256 rows begun); rows of
    /// one unit next to each other cost as much as one; columns of zeros cost nothing, and values
    /// below 2^41 cost half of larger ones.
    ///
    /// # Panics
    /// Where there is not one slice per column, each as long as `unit_keys`.
    pub fn add_block<T: Copy + Into<i128>>(&mut self, unit_keys: &[u64], values: &[&[T]]) {
        assert_eq!(values.len(), self.columns, "one slice per column");
        assert!(
            values.iter().all(|column| column.len() == unit_keys.len()),
            "columns as long as the keys"
        );
        let mut block = Block::default();
        let mut start = 0;
        while start < unit_keys.len() {
            let end = start + block.take_units(&unit_keys[start..]);
            for (column, values) in values.iter().enumerate() {
                block.add_column(column, &values[start..end]);
            }
            self.add(&block);
            start = end;
        }
    }

    /// Adds the sums of another part of the rows.
    ///
    /// # Panics
    /// Where the two differ in columns or replicates.
    pub fn merge(&mut self, other: &Self) {
        let shape = |sums: &Self| (sums.columns, sums.replicates);
        assert_eq!(shape(self), shape(other), "sums of one shape");
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            *sum = sum.wrapping_add(*other);
        }
    }

    /// The sums of `column`, one per replicate.
    ///
    /// # Panics
    /// Where there is no such column.
    #[must_use]
    pub fn sums(&self, column: usize) -> &[i128] {
        assert!(column < self.columns, "a column that exists");
        &self.sums[column * self.replicates..(column + 1) * self.replicates]
    }

    /// Lets `each` see, or replace, every sum. `false` where it ends early.
    pub(crate) fn numbers(&mut self, each: &mut dyn FnMut(&mut i128) -> bool) -> bool {
        self.sums.iter_mut().all(each)
    }

    fn add(&mut self, block: &Block) {
        let mut weights = vec![[0.0; TILE]; block.keys.len()];
        let mut partial = vec![[0.0; TILE]; block.planes.len()];
        for first in (0..self.replicates).step_by(TILE) {
            for (weights, &key) in weights.iter_mut().zip(&block.keys) {
                for (out, weight) in weights.iter_mut().zip(tile(key, first / TILE)) {
                    *out = f64::from(weight);
                }
            }
            multiply(&weights, &block.digits, &mut partial);
            let replicates = TILE.min(self.replicates - first);
            for (plane, partial) in block.planes.iter().zip(&partial) {
                let at = plane.column * self.replicates + first;
                for (sum, &digits) in self.sums[at..at + replicates].iter_mut().zip(partial) {
                    *sum = sum.wrapping_add(i128::from(digits as i64) << plane.shift);
                }
            }
        }
    }
}

/// Which column a plane of digits belongs to, and the power of two that its digits count.
struct Plane {
    column: usize,
    shift: u32,
}

/// A block of rows, one per run of equal keys, its values cut into planes of digits.
#[derive(Default)]
struct Block {
    keys: Vec<u64>,
    /// The first row of each run, then the end of the last.
    runs: Vec<usize>,
    planes: Vec<Plane>,
    /// Plane after plane, a digit per key.
    digits: Vec<f64>,
    /// What is left of a column while its digits are cut off.
    rest: Vec<i128>,
}

impl Block {
    /// Starts the block anew with the next units; returns how many rows they take.
    fn take_units(&mut self, unit_keys: &[u64]) -> usize {
        self.keys.clear();
        self.runs.clear();
        self.planes.clear();
        self.digits.clear();
        let mut rows = 0;
        for &key in unit_keys {
            if self.keys.last() != Some(&key) {
                if self.keys.len() == BLOCK_ROWS {
                    break;
                }
                self.keys.push(key);
                self.runs.push(rows);
            }
            rows += 1;
        }
        self.runs.push(rows);
        rows
    }

    /// Appends the planes of a column, except those that are wholly 0.
    fn add_column<T: Copy + Into<i128>>(&mut self, column: usize, values: &[T]) {
        self.rest.clear();
        self.rest.extend(self.runs.windows(2).map(|run| {
            let values = values[run[0]..run[1]].iter();
            values.fold(0, |sum: i128, &value| sum.wrapping_add(value.into()))
        }));
        let mut shift = 0;
        while shift < i128::BITS && self.rest.iter().any(|&value| value != 0) {
            let start = self.digits.len();
            let mut used = 0;
            self.digits.extend(self.rest.iter_mut().map(|value| {
                let unused = i64::BITS - DIGIT_BITS;
                let digit = ((*value as i64) << unused) >> unused;
                // A negative digit borrowed from the next one, which gets it back here.
                *value = (*value >> DIGIT_BITS) + i128::from(digit < 0);
                used |= digit;
                digit as f64
            }));
            if used == 0 {
                self.digits.truncate(start);
            } else {
                self.planes.push(Plane { column, shift });
            }
            shift += DIGIT_BITS;
        }
    }
}

/// `partial[plane][replicate]` = sum over rows of `weights[row][replicate]` times
/// `digits[plane * rows + row]`.
///
/// Two planes at a time, so that each weight that is loaded serves twice and all sixteen sums stay
/// in registers.
fn multiply(weights: &[[f64; TILE]], digits: &[f64], partial: &mut [[f64; TILE]]) {
    let rows = weights.len();
    for (planes, partial) in digits.chunks(2 * rows).zip(partial.chunks_mut(2)) {
        // An odd last plane stands in for its missing neighbour.
        let (first, second) = (&planes[..rows], &planes[planes.len() - rows..]);
        let mut sums = [[0.0; TILE]; 2];
        for ((weights, &first), &second) in weights.iter().zip(first).zip(second) {
            for lane in 0..TILE {
                sums[0][lane] += first * weights[lane];
                sums[1][lane] += second * weights[lane];
            }
        }
        partial.copy_from_slice(&sums[..partial.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::weights_into;
    use super::*;
    use proptest::prelude::*;

    fn naive(keys: &[u64], column: &[i128], replicates: usize) -> Vec<i128> {
        let mut sums = vec![0; replicates];
        let mut weights = vec![0u8; replicates];
        for (&key, &value) in keys.iter().zip(column) {
            weights_into(key, &mut weights);
            for (sum, &weight) in sums.iter_mut().zip(&weights) {
                *sum += i128::from(weight) * value;
            }
        }
        sums
    }

    fn added(keys: &[u64], columns: &[Vec<i128>], replicates: usize) -> Replicates {
        let mut sums = Replicates::new(columns.len(), replicates);
        let columns: Vec<&[i128]> = columns.iter().map(Vec::as_slice).collect();
        sums.add_block(keys, &columns);
        sums
    }

    /// Rows of (key, three values), with runs of one key and values of every size.
    fn rows() -> impl Strategy<Value = Vec<(u64, [i128; 3])>> {
        let value = || (any::<i128>(), 17u32..127).prop_map(|(value, shift)| value >> shift);
        let key = prop_oneof![0u64..3, any::<u64>()];
        prop::collection::vec((key, [value(), value(), value()]), 0..700)
    }

    fn columns(rows: &[(u64, [i128; 3])]) -> (Vec<u64>, Vec<Vec<i128>>) {
        let column = |at: usize| rows.iter().map(|row| row.1[at]).collect();
        (
            rows.iter().map(|row| row.0).collect(),
            (0..3).map(column).collect(),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn sums_equal_the_naive_ones(rows in rows(), replicates in 0usize..20) {
            let (keys, columns) = columns(&rows);
            let sums = added(&keys, &columns, replicates);
            for (at, column) in columns.iter().enumerate() {
                prop_assert_eq!(sums.sums(at), naive(&keys, column, replicates));
            }
        }

        #[test]
        fn order_and_shards_do_not_matter(mut rows in rows(), cut in any::<prop::sample::Index>()) {
            let (keys, values) = columns(&rows);
            let whole = added(&keys, &values, 9);
            rows.reverse();
            let at = cut.index(rows.len() + 1);
            let (left, right) = rows.split_at(at);
            let [left, right] = [left, right].map(|part| {
                let (keys, values) = columns(part);
                added(&keys, &values, 9)
            });
            let mut merged = right.clone();
            merged.merge(&left);
            prop_assert_eq!(&merged, &whole);
            let mut other_way = left;
            other_way.merge(&right);
            prop_assert_eq!(&other_way, &whole);
        }
    }

    #[test]
    fn the_largest_values_of_a_full_block_stay_exact() {
        let keys: Vec<u64> = (0..BLOCK_ROWS as u64).collect();
        for value in [i64::MAX, i64::MIN, (1 << 41) - 1, -(1 << 41), 1 << 41] {
            let column = vec![value; BLOCK_ROWS];
            let mut sums = Replicates::new(1, 64);
            sums.add_block(&keys, &[&column]);
            let wide: Vec<i128> = column.iter().map(|&value| value.into()).collect();
            assert_eq!(sums.sums(0), naive(&keys, &wide, 64));
        }
        // The same at the largest weight, which no draw of 256 rows would show.
        let weights = vec![[f64::from(MAX_WEIGHT); TILE]; BLOCK_ROWS];
        let mut partial = [[0.0; TILE]];
        multiply(
            &weights,
            &vec![-((1u64 << 41) as f64); BLOCK_ROWS],
            &mut partial,
        );
        assert_eq!(partial[0][0] as i64, -(1 << 41) * 8 * BLOCK_ROWS as i64);
    }

    #[test]
    fn no_rows_and_no_columns_are_fine() {
        let mut sums = Replicates::new(2, 5);
        sums.add_block::<i64>(&[], &[&[], &[]]);
        assert_eq!(sums.sums(1), [0; 5]);
        Replicates::new(0, 5).add_block::<i64>(&[1, 2], &[]);
    }
}
