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
        let mut sorted = Vec::new();
        let row = Row::of(entries, &mut sorted);
        self.trees
            .iter()
            .fold(self.bias, |sum, tree| sum + f64::from(tree.leaf(&row)))
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
    fn leaf(&self, row: &Row<'_>) -> f32 {
        let mut at = if self.splits.is_empty() { -1 } else { 0 };
        // Checked: a split leads to later ones, so this ends.
        while let Ok(place) = usize::try_from(at) {
            let split = &self.splits[place];
            let low = row.value(split.column) <= f64::from(split.at_most);
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
        // Each split but the first and each leaf is led to once: what is checked is a tree.
        let mut reached = vec![false; splits + leaves];
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
                let place = match usize::try_from(branch) {
                    Ok(later) if later > i && later < splits => Some(later),
                    Ok(_) => None,
                    Err(_) => splits.checked_add(leaf_number(branch)),
                };
                let first = place.and_then(|place| reached.get_mut(place));
                if first.is_none_or(|reached| std::mem::replace(reached, true)) {
                    return fault(format!(
                        "{branch} is neither a later split nor a leaf, of this branch alone"
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

/// A row's entries, ready for many questions by column.
struct Row<'a> {
    /// Those whose place is their column, from the first on.
    dense: &'a [(u32, f64)],
    /// All others by column: the task's alone, but for recipes with `words/1`, whose columns stand
    /// in no order and are put in one, so that no file makes a row slow to question.
    sparse: &'a [(u32, f64)],
}

impl<'a> Row<'a> {
    /// `sorted` is where entries are put in order, if they must be.
    fn of(entries: &'a [(u32, f64)], sorted: &'a mut Vec<(u32, f64)>) -> Self {
        let placed = entries.iter().zip(0..);
        let dense = placed.take_while(|(entry, place)| entry.0 == *place);
        let (dense, sparse) = entries.split_at(dense.count());
        if sparse.is_sorted_by_key(|entry| entry.0) {
            return Self { dense, sparse };
        }
        sorted.extend_from_slice(sparse);
        sorted.sort_unstable_by_key(|entry| entry.0);
        Self {
            dense,
            sparse: sorted,
        }
    }

    /// The value of a column; 0 where it has no entry.
    fn value(&self, column: u32) -> f64 {
        if let Some(entry) = self.dense.get(column as usize) {
            return entry.1;
        }
        let found = self.sparse.binary_search_by_key(&column, |entry| entry.0);
        found.map_or(0.0, |at| self.sparse[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    fn head(trees: Vec<Tree>) -> Trees {
        Trees {
            bias: 0.25,
            platt: [2.0, -0.5],
            trees,
        }
    }

    fn leaf(value: f32) -> Tree {
        Tree {
            splits: Vec::new(),
            leaves: vec![value],
        }
    }

    #[test]
    fn a_row_falls_to_its_leaf_and_a_column_without_entry_is_zero() {
        let tree = tree();
        let leaf_of = |entries: &[(u32, f64)]| tree.leaf(&Row::of(entries, &mut Vec::new()));
        assert_eq!(leaf_of(&[(0, 1.0)]), 0.5);
        assert_eq!(leaf_of(&[(0, 1.5)]), -1.0);
        assert_eq!(leaf_of(&[(0, 1.5), (3, 0.25)]), 2.0);
        assert_eq!(leaf_of(&[(0, 1.5), (1, 9.0), (2, 9.0), (3, 0.25)]), 2.0);
        // Words stand in the order of their appearance.
        assert_eq!(leaf_of(&[(5, 1.0), (3, 0.25), (0, 1.5)]), 2.0);
        assert_eq!(leaf_of(&[(3, 7.0)]), 0.5);
        assert_eq!(leaf_of(&[]), 0.5);
    }

    #[test]
    fn a_score_is_the_bias_and_a_leaf_of_each_tree() {
        let head = head(vec![tree(), leaf(-1.5)]);
        let entries = [(0, 1.5), (3, 0.25)];
        assert_eq!(head.score(&entries), 0.75);
        // 2 * 0.75 - 0.5 = 1.
        let p = head.probability(&entries);
        assert!((p - 0.731_058_578_630_004_9).abs() < 1e-15);
        assert!(head.check(4).is_ok());
    }

    #[test]
    fn values_are_compared_in_double_precision() {
        let at_most = 0.1_f32;
        let one = Tree {
            splits: vec![split(0, at_most, -1, -2)],
            leaves: vec![1.0, 2.0],
        };
        let limit = f64::from(at_most);
        assert_eq!(one.leaf(&Row::of(&[(0, limit)], &mut Vec::new())), 1.0);
        assert_eq!(
            one.leaf(&Row::of(&[(0, limit.next_up())], &mut Vec::new())),
            2.0
        );
    }

    #[test]
    fn trees_that_do_not_hang_together_are_refused() {
        type Change = fn(&mut Tree);
        let cases: [(&str, &str, Change); 12] = [
            ("tree[1].split[1]", "later split", |tree| {
                tree.splits[1].low = 1
            }),
            ("tree[1].split[1]", "later split", |tree| {
                tree.splits[1].low = 0
            }),
            ("tree[1].split[0]", "later split", |tree| {
                tree.splits[0].low = 0
            }),
            ("tree[1].split[0]", "later split", |tree| {
                tree.splits[0].high = i32::MAX
            }),
            ("tree[1].split[0]", "this branch alone", |tree| {
                tree.splits[0].low = 1
            }),
            ("tree[1].split[1]", "this branch alone", |tree| {
                tree.splits[1].low = -1
            }),
            ("tree[1].split[1]", "a leaf", |tree| {
                tree.splits[1].high = -4
            }),
            ("tree[1].split[1]", "a leaf", |tree| {
                tree.splits[1].high = i32::MIN
            }),
            ("tree[1]", "one leaf more", |tree| tree.leaves.truncate(2)),
            ("tree[1].split[0]", "column 4", |tree| {
                tree.splits[0].column = 4
            }),
            ("tree[1].split[0]", "finite", |tree| {
                tree.splits[0].at_most = f32::NAN
            }),
            ("tree[1].leaves[1]", "inf", |tree| {
                tree.leaves[1] = f32::INFINITY
            }),
        ];
        for (path, text, change) in cases {
            let mut broken = tree();
            change(&mut broken);
            let refused = head(vec![leaf(1.0), broken]).check(4).unwrap_err();
            assert_eq!(refused.path(), path, "{refused}");
            assert!(refused.to_string().contains(text), "{refused}");
        }
    }

    #[test]
    fn too_many_trees_or_splits_and_wild_coefficients_are_refused() {
        let chain = |splits: i32| Tree {
            splits: (0..splits)
                .map(|i| {
                    split(
                        0,
                        0.0,
                        if i + 1 < splits { i + 1 } else { -1 - splits },
                        -1 - i,
                    )
                })
                .collect(),
            leaves: vec![0.0; splits as usize + 1],
        };
        assert!(head(vec![chain(255)]).check(1).is_ok());
        let path = |head: Trees| head.check(1).unwrap_err().path().to_owned();
        assert_eq!(path(head(vec![chain(256)])), "tree[0]");
        assert!(head(vec![leaf(1.0); 1000]).check(0).is_ok());
        assert_eq!(path(head(vec![leaf(1.0); 1001])), "splits");
        assert_eq!(path(head(vec![Tree::default()])), "tree[0]");
        let wild = |change: fn(&mut Trees)| {
            let mut head = head(Vec::new());
            change(&mut head);
            path(head)
        };
        assert_eq!(wild(|head| head.bias = 2e6), "bias");
        assert_eq!(wild(|head| head.platt[1] = f64::NAN), "platt");
    }

    fn any_tree() -> impl Strategy<Value = Tree> {
        let branch = || prop_oneof![-5_i32..5, any::<i32>()];
        let split = (0_u32..6, -2_f32..2.0, branch(), branch());
        (
            prop::collection::vec(split, 0..5),
            prop::collection::vec(-9_f32..9.0, 0..6),
        )
            .prop_map(|(splits, leaves)| Tree {
                splits: (splits.into_iter())
                    .map(|(column, at_most, low, high)| Split {
                        column,
                        at_most,
                        low,
                        high,
                    })
                    .collect(),
                leaves,
            })
    }

    /// A tree that holds together, by splitting leaves until there are as many as wanted.
    fn sound_tree() -> impl Strategy<Value = Tree> {
        let split = (any::<prop::sample::Index>(), 0_u32..6, -2_f32..2.0);
        prop::collection::vec(split, 0..8).prop_map(|asked| {
            let (mut splits, mut open) = (Vec::<Split>::new(), vec![(usize::MAX, false)]);
            for (which, column, at_most) in asked {
                let (parent, low) = open.swap_remove(which.index(open.len()));
                let own = splits.len();
                if let Some(parent) = splits.get_mut(parent) {
                    *if low {
                        &mut parent.low
                    } else {
                        &mut parent.high
                    } = own as i32;
                }
                splits.push(Split {
                    column,
                    at_most,
                    low: 0,
                    high: 0,
                });
                open.extend([(own, true), (own, false)]);
            }
            let leaves = (0..open.len()).map(|i| i as f32 - 2.0).collect();
            for (i, (parent, low)) in open.into_iter().enumerate() {
                if let Some(parent) = splits.get_mut(parent) {
                    *if low {
                        &mut parent.low
                    } else {
                        &mut parent.high
                    } = -1 - i as i32;
                }
            }
            Tree { splits, leaves }
        })
    }

    proptest! {
        #[test]
        fn whatever_passes_the_check_can_be_walked(
            trees in prop::collection::vec(prop_oneof![any_tree(), sound_tree()], 0..4),
            values in prop::collection::vec((0_u32..9, -3_f64..3.0), 0..9),
        ) {
            let head = head(trees);
            if head.check(6).is_ok() {
                prop_assert!((0.0..=1.0).contains(&head.probability(&values)));
            }
        }

        #[test]
        fn a_tree_that_holds_together_passes_and_is_walked_from_the_top(
            tree in sound_tree(), values in prop::collection::vec(-3_f64..3.0, 6),
        ) {
            prop_assert!(head(vec![tree.clone()]).check(6).is_ok());
            let entries: Vec<_> = (0..).zip(values).collect();
            // The same walk without the row: column by column, from the top.
            let mut at = if tree.splits.is_empty() { -1 } else { 0 };
            while at >= 0 {
                let split = tree.splits[at as usize];
                let low = entries[split.column as usize].1 <= f64::from(split.at_most);
                at = if low { split.low } else { split.high };
            }
            prop_assert_eq!(tree.leaf(&Row::of(&entries, &mut Vec::new())), tree.leaves[(-1 - at) as usize]);
        }

        #[test]
        fn the_order_of_entries_does_not_matter(
            tree in sound_tree(), values in prop::collection::vec(-3_f64..3.0, 6),
            shuffled in Just((0_u32..6).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let entries: Vec<_> = (0..).zip(values.iter().copied()).collect();
            let mixed: Vec<_> = shuffled.iter().map(|column| (*column, values[*column as usize])).collect();
            prop_assert_eq!(tree.leaf(&Row::of(&entries, &mut Vec::new())), tree.leaf(&Row::of(&mixed, &mut Vec::new())));
        }
    }
}
