//! `trees/1`: the sum of small regression trees, as gradient boosting leaves it.

use super::{check_coefficient, check_coefficients, check_platt, sigmoid};
use crate::error::Error;

/// The most trees of a head, and the most splits of a tree.
const MAX_TREES: usize = 1000;
const MAX_SPLITS: usize = 255;

/// `trees/1`: the probability that an answer is right.
///
/// `z` = bias + the leaf of each tree, added in their order (in f64); probability =
/// `1 / (1 + exp(-(a z + b)))` with `platt` = `[a, b]`. The leaves are log-odds (Friedman 2001,
/// "Greedy function approximation: a gradient boosting machine").
#[derive(Debug, Clone, PartialEq)]
pub struct Trees {
    /// The score before any tree; magnitude at most 1e6.
    pub bias: f64,
    /// Slope and offset of the calibration; `[1, 0]` is none. Magnitudes at most 1e6.
    pub platt: [f64; 2],
    /// At most 1,000.
    pub trees: Vec<Tree>,
}

/// A tree: from the first split down to a leaf.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    /// At most 255; none where the tree is one leaf. A split leads to later splits alone.
    pub splits: Vec<Split>,
    /// What is added to the score, one more than there are splits; magnitudes at most 1e6.
    pub leaves: Vec<f32>,
}

/// A question about one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The column; one that has no entry is 0.
    pub column: u32,
    /// The largest value that goes low; values are compared in f64.
    pub at_most: f32,
    /// Where values up to `at_most` go: the number of a split, or -1 less the number of a leaf.
    pub low: i32,
    /// Where larger values go.
    pub high: i32,
}

impl Trees {
    /// The probability, in `[0, 1]`. `entries` are those of the recipe that the head was made for.
    #[must_use]
    pub fn probability(&self, entries: &[(u32, f64)]) -> f64 {
        let [slope, offset] = self.platt;
        sigmoid(slope * self.score(entries) + offset)
    }

    /// The uncalibrated score.
    #[must_use]
    pub fn score(&self, entries: &[(u32, f64)]) -> f64 {
        self.trees
            .iter()
            .fold(self.bias, |sum, tree| sum + f64::from(tree.leaf(entries)))
    }

    /// # Errors
    /// A coefficient outside its limits, a tree that does not hang together, a column from
    /// `columns` on.
    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        check_coefficient(self.bias).map_err(|error| error.within("bias"))?;
        check_platt(self.platt)?;
        if self.trees.len() > MAX_TREES {
            return Err(Error::value(format!(
                "there may be at most {MAX_TREES} trees, not {}",
                self.trees.len()
            ))
            .within("splits"));
        }
        for (i, tree) in self.trees.iter().enumerate() {
            tree.check(columns)
                .map_err(|error| error.within(format_args!("tree[{i}]")))?;
        }
        Ok(())
    }
}

impl Tree {
    fn leaf(&self, entries: &[(u32, f64)]) -> f32 {
        let mut at = if self.splits.is_empty() { -1 } else { 0 };
        // Checked: a split leads to later ones, so this ends.
        while let Ok(place) = usize::try_from(at) {
            let split = self.splits[place];
            let low = value(entries, split.column) <= f64::from(split.at_most);
            at = if low { split.low } else { split.high };
        }
        self.leaves[leaf_number(at)]
    }

    fn check(&self, columns: usize) -> Result<(), Error> {
        let (splits, leaves) = (self.splits.len(), self.leaves.len());
        if splits > MAX_SPLITS || leaves != splits + 1 {
            return Err(Error::value(format!(
                "{splits} splits with {leaves} leaves; there are at most {MAX_SPLITS} splits and one leaf more"
            )));
        }
        let mut reached = vec![false; leaves];
        for (i, split) in self.splits.iter().enumerate() {
            let fault =
                |message: String| Err(Error::value(message).within(format_args!("split[{i}]")));
            if split.column as usize >= columns {
                return fault(format!(
                    "column {} where the features have {columns}",
                    split.column
                ));
            }
            if !split.at_most.is_finite() {
                return fault(format!("{} is not a finite number", split.at_most));
            }
            for branch in [split.low, split.high] {
                let sound = match usize::try_from(branch) {
                    Ok(place) => place > i && place < splits,
                    Err(_) => (reached.get_mut(leaf_number(branch)))
                        .is_some_and(|reached| !std::mem::replace(reached, true)),
                };
                if !sound {
                    return fault(format!(
                        "{branch} is neither a later split nor a leaf of its own"
                    ));
                }
            }
        }
        check_coefficients(&self.leaves, "leaves")
    }
}

/// The number of a leaf from a branch below 0.
fn leaf_number(branch: i32) -> usize {
    (!branch).unsigned_abs() as usize
}

/// The value of a column. The columns that come first have an entry each, so that the place of an
/// entry is its column; what is sparse stands at the end.
fn value(entries: &[(u32, f64)], column: u32) -> f64 {
    match entries.get(column as usize) {
        Some(&(found, value)) if found == column => value,
        _ => (entries.iter().rev())
            .find(|entry| entry.0 == column)
            .map_or(0.0, |entry| entry.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(column: u32, at_most: f32, low: i32, high: i32) -> Split {
        Split {
            column,
            at_most,
            low,
            high,
        }
    }

    /// Column 0 up to 1: leaf 0; else column 3 up to 0: leaf 1, else leaf 2.
    fn tree() -> Tree {
        Tree {
            splits: vec![split(0, 1.0, -1, 1), split(3, 0.0, -2, -3)],
            leaves: vec![0.5, -1.0, 2.0],
        }
    }

    #[test]
    fn a_row_falls_to_its_leaf_and_a_column_without_entry_is_zero() {
        let tree = tree();
        assert_eq!(tree.leaf(&[(0, 1.0)]), 0.5);
        assert_eq!(tree.leaf(&[(0, 1.5)]), -1.0);
        assert_eq!(tree.leaf(&[(0, 1.5), (3, 0.25)]), 2.0);
        assert_eq!(tree.leaf(&[(3, 7.0)]), 0.5);
        let head = Trees {
            bias: 0.25,
            platt: [2.0, -0.5],
            trees: vec![
                tree,
                Tree {
                    splits: Vec::new(),
                    leaves: vec![-1.5],
                },
            ],
        };
        assert_eq!(head.score(&[(0, 1.5), (3, 0.25)]), 0.75);
        let p = head.probability(&[(0, 1.5), (3, 0.25)]);
        assert!((p - 0.731_058_578_630_004_9).abs() < 1e-15);
        assert!(head.check(4).is_ok());
    }

    #[test]
    fn trees_that_do_not_hang_together_are_refused() {
        let with = |change: &dyn Fn(&mut Tree)| {
            let mut tree = tree();
            change(&mut tree);
            let head = Trees {
                bias: 0.0,
                platt: [1.0, 0.0],
                trees: vec![tree],
            };
            head.check(4).unwrap_err().to_string()
        };
        // A loop, a leaf that two branches share, a leaf too few, a column too many.
        for (text, change) in [
            (
                "later split",
                &(|tree: &mut Tree| tree.splits[1].low = 1) as &dyn Fn(&mut Tree),
            ),
            ("leaf of its own", &|tree| tree.splits[1].low = -1),
            ("leaf of its own", &|tree| tree.splits[1].high = i32::MIN),
            ("one leaf more", &|tree| tree.leaves.truncate(2)),
            ("column 4", &|tree| tree.splits[0].column = 4),
            ("finite", &|tree| tree.splits[0].at_most = f32::NAN),
            ("leaves[1]", &|tree| tree.leaves[1] = f32::INFINITY),
        ] {
            let refused = with(change);
            assert!(refused.contains(text), "{refused}");
        }
    }
}
