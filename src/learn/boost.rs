//! `trees/1`: small gradient-boosted trees on binned columns, without a random draw.
//!
//! Newton boosting of the logistic loss (Friedman 2001; the gain and the leaves as Chen and
//! Guestrin 2016, "XGBoost", write them), grown best split first, on histograms (Ke et al. 2017,
//! "LightGBM"). Case weights and soft labels are taken as they are. Ties go to the earlier column
//! and the lower cut, so that the same rows give the same trees.

use std::ops::Range;

use weighbridge_router::{Split, Tree, Trees};

use super::platt::sigmoid;

/// Each tree is small and says little, so that none learns rows by heart; measured in
/// `docs/method.md`.
const TREES: usize = 60;
const RATE: f64 = 0.04;
const LEAVES: usize = 8;
const MIN_ROWS: usize = 60;
const L2: f64 = 20.0;
/// The most intervals of a column.
const BINS: usize = 63;

/// Columns cut into intervals, a byte a row; shared by all fits on one training set, for cuts do
/// not look at labels.
pub(super) struct Binned {
    columns: Vec<Column>,
    /// The columns of which at most one is not 0 in any row: they stand last among the columns.
    exclusive: Exclusive,
}

/// Columns of which at most one is not 0 in any row, such as those of the task: one pass adds up
/// all of them ("exclusive feature bundling" in Ke et al. 2017).
#[derive(Default)]
struct Exclusive {
    /// The place of the first among the binned columns, and how many there are.
    first: usize,
    count: usize,
    /// For each row the one that is not 0, counted from the first; else `count`.
    which: Vec<u16>,
}

struct Column {
    /// Its number in the recipe.
    number: u32,
    /// The largest value of each interval but the last, rising.
    cuts: Vec<f32>,
    /// The interval of each row.
    bins: Vec<u8>,
}

impl Binned {
    /// Cuts `columns` columns of `rows` rows at quantiles; `value` gives a row's value in one. A
    /// column that is constant is left out. Those of `exclusive`, which are the last, are not 0 but
    /// in one column a row.
    pub(super) fn new(
        rows: usize,
        columns: usize,
        exclusive: Range<usize>,
        value: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let mut sorted = Vec::with_capacity(rows);
        let mut cut = |number: usize| {
            sorted.clear();
            sorted.extend((0..rows).map(|row| value(row, number)));
            sorted.sort_unstable_by(f64::total_cmp);
            let cuts = cuts_of(&sorted);
            let bin = |row| cuts.partition_point(|cut| f64::from(*cut) < value(row, number)) as u8;
            let bins = (0..rows).map(bin).collect();
            (!cuts.is_empty()).then_some(Column {
                number: number as u32,
                cuts,
                bins,
            })
        };
        let mut found: Vec<Column> = (0..exclusive.start.min(columns))
            .filter_map(&mut cut)
            .collect();
        let first = found.len();
        found.extend(exclusive.filter_map(&mut cut));
        let count = found.len() - first;
        let mut which = vec![count as u16; rows];
        for (place, column) in found[first..].iter().enumerate() {
            for (which, bin) in which.iter_mut().zip(&column.bins) {
                if *bin > 0 {
                    *which = place as u16;
                }
            }
        }
        Self {
            columns: found,
            exclusive: Exclusive {
                first,
                count,
                which,
            },
        }
    }
}

/// Where to cut sorted values: at most 62 places with about equally many rows between them, each a
/// 32-bit number from a value on and below the next, so that a router cuts as the fit did.
fn cuts_of(sorted: &[f64]) -> Vec<f32> {
    let mut edges: Vec<usize> = (1..sorted.len())
        .filter(|&i| sorted[i - 1] < sorted[i])
        .collect();
    if edges.len() >= BINS {
        let mut chosen: Vec<usize> = (1..BINS)
            .map(|part| {
                let goal = part * sorted.len() / BINS;
                edges[edges
                    .partition_point(|&edge| edge < goal)
                    .min(edges.len() - 1)]
            })
            .collect();
        chosen.dedup();
        edges = chosen;
    }
    let mut cuts: Vec<f32> = edges
        .into_iter()
        .filter_map(|i| {
            let (low, high) = (sorted[i - 1], sorted[i]);
            let cut = (low + (high - low) / 2.0) as f32;
            (f64::from(cut) >= low && f64::from(cut) < high).then_some(cut)
        })
        .collect();
    cuts.dedup();
    cuts
}

/// A head from these rows of the binned columns, with a label and a case weight each, not
/// calibrated.
pub(super) fn fit(binned: &Binned, rows: &[usize], labels: &[f64], cases: &[f64]) -> Trees {
    let total: f64 = cases.iter().sum();
    let seen: f64 = cases.iter().zip(labels).map(|(c, y)| c * y).sum();
    let bias = libm::log((seen + 0.5) / (total - seen + 0.5));
    let mut scores = vec![bias; rows.len()];
    let mut trees = Vec::with_capacity(TREES);
    let mut slopes = vec![Sum::default(); rows.len()];
    for _ in 0..TREES {
        for (i, slope) in slopes.iter_mut().enumerate() {
            let p = sigmoid(scores[i]);
            *slope = Sum {
                gradient: cases[i] * (p - labels[i]),
                curvature: cases[i] * p * (1.0 - p),
                rows: 1.0,
            };
        }
        let (tree, parts) = Grower::new(binned, rows, &slopes).grow();
        if tree.splits.is_empty() {
            break;
        }
        for (leaf, part) in tree.leaves.iter().zip(&parts) {
            for &i in part {
                scores[i as usize] += f64::from(*leaf);
            }
        }
        trees.push(tree);
    }
    Trees {
        bias,
        platt: [1.0, 0.0],
        trees,
    }
}

/// What the rows of an interval, or of a leaf, add up to.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    gradient: f64,
    curvature: f64,
    rows: f64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.curvature += other.curvature;
        self.rows += other.rows;
    }

    fn less(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }

    /// Twice what the best constant takes off the loss.
    fn worth(self) -> f64 {
        self.gradient * self.gradient / (self.curvature + L2)
    }

    fn leaf(self) -> f32 {
        (-RATE * self.gradient / (self.curvature + L2)) as f32
    }
}

/// A leaf that may still be split.
struct Leaf {
    /// Places in the fit's rows.
    rows: Vec<u32>,
    sum: Sum,
    /// A sum for each interval of each column.
    histogram: Vec<Sum>,
    best: Option<Cut>,
    /// The branch of a split that leads here.
    parent: Option<(usize, bool)>,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    gain: f64,
    /// Place in the binned columns.
    column: usize,
    /// The last interval that goes low.
    bin: usize,
}

struct Grower<'a> {
    binned: &'a Binned,
    rows: &'a [usize],
    slopes: &'a [Sum],
}

impl<'a> Grower<'a> {
    fn new(binned: &'a Binned, rows: &'a [usize], slopes: &'a [Sum]) -> Self {
        Self {
            binned,
            rows,
            slopes,
        }
    }

    /// The tree, and the rows of each of its leaves.
    fn grow(&self) -> (Tree, Vec<Vec<u32>>) {
        let all: Vec<u32> = (0..self.rows.len() as u32).collect();
        let histogram = self.histogram(&all);
        let mut leaves = vec![self.leaf(all, histogram, None)];
        let mut splits: Vec<Split> = Vec::new();
        while leaves.len() < LEAVES {
            let mut chosen: Option<(usize, Cut)> = None;
            for (i, leaf) in leaves.iter().enumerate() {
                if let Some(cut) = leaf.best
                    && chosen.is_none_or(|(_, held)| cut.gain > held.gain)
                {
                    chosen = Some((i, cut));
                }
            }
            let Some((i, cut)) = chosen else { break };
            let leaf = leaves.remove(i);
            let number = splits.len();
            if let Some((parent, high)) = leaf.parent {
                let split = &mut splits[parent];
                *(if high {
                    &mut split.high
                } else {
                    &mut split.low
                }) = number as i32;
            }
            let column = &self.binned.columns[cut.column];
            splits.push(Split {
                column: column.number,
                at_most: column.cuts[cut.bin],
                low: 0,
                high: 0,
            });
            leaves.extend(self.divide(leaf, cut, number));
        }
        // What is still a leaf gets its number in the end.
        for (i, leaf) in leaves.iter().enumerate() {
            if let Some((parent, high)) = leaf.parent {
                let split = &mut splits[parent];
                *(if high {
                    &mut split.high
                } else {
                    &mut split.low
                }) = !(i as i32);
            }
        }
        let values = leaves.iter().map(|leaf| leaf.sum.leaf()).collect();
        let parts = leaves.into_iter().map(|leaf| leaf.rows).collect();
        (
            Tree {
                splits,
                leaves: values,
            },
            parts,
        )
    }

    fn divide(&self, leaf: Leaf, cut: Cut, number: usize) -> [Leaf; 2] {
        let bins = &self.binned.columns[cut.column].bins;
        let goes_low = |i: &u32| usize::from(bins[self.rows[*i as usize]]) <= cut.bin;
        let (low, high): (Vec<u32>, Vec<u32>) = leaf.rows.into_iter().partition(goes_low);
        // The larger side's histogram is what the smaller side's leaves of the whole.
        let low_is_small = low.len() <= high.len();
        let small = self.histogram(if low_is_small { &low } else { &high });
        let large = (leaf.histogram.iter().zip(&small))
            .map(|(whole, part)| whole.less(*part))
            .collect();
        let (of_low, of_high) = if low_is_small {
            (small, large)
        } else {
            (large, small)
        };
        [
            self.leaf(low, of_low, Some((number, false))),
            self.leaf(high, of_high, Some((number, true))),
        ]
    }

    fn histogram(&self, part: &[u32]) -> Vec<Sum> {
        let mut histogram = vec![Sum::default(); self.binned.columns.len() * BINS];
        let rows: Vec<(u32, Sum)> = part
            .iter()
            .map(|&i| (self.rows[i as usize] as u32, self.slopes[i as usize]))
            .collect();
        let exclusive = &self.binned.exclusive;
        let columns = &self.binned.columns[..exclusive.first];
        for (column, sums) in columns.iter().zip(histogram.chunks_mut(BINS)) {
            for &(row, slope) in &rows {
                sums[usize::from(column.bins[row as usize])].add(slope);
            }
        }
        let (mut all, mut one) = (Sum::default(), vec![Sum::default(); exclusive.count + 1]);
        if exclusive.count > 0 {
            for &(row, slope) in &rows {
                one[usize::from(exclusive.which[row as usize])].add(slope);
                all.add(slope);
            }
        }
        let sums = histogram.chunks_mut(BINS).skip(exclusive.first);
        for (sums, one) in sums.zip(one) {
            (sums[0], sums[1]) = (all.less(one), one);
        }
        histogram
    }

    fn leaf(&self, rows: Vec<u32>, histogram: Vec<Sum>, parent: Option<(usize, bool)>) -> Leaf {
        let mut sum = Sum::default();
        rows.iter().for_each(|&i| sum.add(self.slopes[i as usize]));
        let best = self.best(&histogram, sum);
        Leaf {
            rows,
            sum,
            histogram,
            best,
            parent,
        }
    }

    /// The cut that gains most, where one gains and leaves enough rows on either side.
    fn best(&self, histogram: &[Sum], sum: Sum) -> Option<Cut> {
        let mut best: Option<Cut> = None;
        // Differences of sums are not exact; this much gain may be nothing.
        let mut least = 1e-9 * (1.0 + sum.worth());
        for (column, sums) in histogram.chunks(BINS).enumerate() {
            let mut low = Sum::default();
            for (bin, part) in sums[..self.binned.columns[column].cuts.len()]
                .iter()
                .enumerate()
            {
                low.add(*part);
                let high = sum.less(low);
                if low.rows < MIN_ROWS as f64 || high.rows < MIN_ROWS as f64 {
                    continue;
                }
                let gain = low.worth() + high.worth() - sum.worth();
                if gain > least {
                    least = gain;
                    best = Some(Cut { gain, column, bin });
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::uniform;

    fn draw(what: &str, i: usize) -> f64 {
        uniform(5, what, &i.to_le_bytes())
    }

    /// Column 0 is noise, column 1 decides together with column 2.
    fn rows(n: usize) -> (Vec<[f64; 3]>, Vec<f64>) {
        let rows: Vec<[f64; 3]> = (0..n)
            .map(|i| {
                [
                    draw("a", i),
                    draw("b", i),
                    f64::from(u8::from(draw("c", i) < 0.4)),
                ]
            })
            .collect();
        let label = |(i, row): (usize, &[f64; 3])| {
            let p = if (row[1] > 0.3) ^ (row[2] > 0.5) {
                0.9
            } else {
                0.1
            };
            f64::from(u8::from(draw("y", i) < p))
        };
        let labels = rows.iter().enumerate().map(label).collect();
        (rows, labels)
    }

    fn entries(row: &[f64; 3]) -> [(u32, f64); 3] {
        [(0, row[0]), (1, row[1]), (2, row[2])]
    }

    #[test]
    fn an_interaction_is_found_and_the_router_scores_rows_as_the_fit_did() {
        let (data, labels) = rows(1500);
        let binned = Binned::new(data.len(), 3, 3..3, |row, column| data[row][column]);
        let all: Vec<usize> = (0..data.len()).collect();
        let cases = vec![1.0; data.len()];
        let head = fit(&binned, &all, &labels, &cases);
        let mut right = 0;
        for (row, label) in data.iter().zip(&labels) {
            right += usize::from((head.probability(&entries(row)) > 0.5) == (*label > 0.5));
        }
        assert!(right > 1300, "{right}");
        // The gradient of each leaf's rows is what made the leaf, so the scores add up.
        assert!(head.trees.iter().all(|tree| tree.leaves.len() <= LEAVES));
        let mean: f64 = data
            .iter()
            .map(|row| head.probability(&entries(row)))
            .sum::<f64>()
            / 1500.0;
        let rate = labels.iter().sum::<f64>() / 1500.0;
        assert!((mean - rate).abs() < 0.01, "{mean} {rate}");
    }

    #[test]
    fn columns_that_exclude_each_other_are_added_up_in_one_pass() {
        let tasks = 5;
        let data: Vec<Vec<f64>> = (0..900)
            .map(|i| {
                let own = (draw("task", i) * 6.0) as usize;
                let one = |task: usize| f64::from(u8::from(task == own));
                std::iter::once(draw("a", i))
                    .chain((0..tasks).map(one))
                    .collect()
            })
            .collect();
        let label =
            |(i, row): (usize, &Vec<f64>)| f64::from(u8::from(draw("y", i) < 0.2 + 0.6 * row[3]));
        let labels: Vec<f64> = data.iter().enumerate().map(label).collect();
        let value = |row: usize, column: usize| data[row][column];
        let all: Vec<usize> = (0..900).collect();
        let apart = Binned::new(900, 6, 6..6, value);
        let bundled = Binned::new(900, 6, 1..6, value);
        let [a, b] = [&apart, &bundled].map(|binned| fit(binned, &all, &labels, &[1.0; 900]));
        assert_eq!(a.trees[0].splits[0].column, 3);
        for row in &data {
            let entries: Vec<(u32, f64)> = (0..).zip(row.iter().copied()).collect();
            assert!((a.score(&entries) - b.score(&entries)).abs() < 1e-5);
        }
    }

    #[test]
    fn a_case_weight_of_two_is_the_row_twice_but_for_the_rows_a_leaf_needs() {
        let (data, labels) = rows(800);
        let binned = Binned::new(data.len(), 3, 3..3, |row, column| data[row][column]);
        let once: Vec<usize> = (0..800).collect();
        let twice: Vec<usize> = once.iter().chain(&once).copied().collect();
        let both = [&labels[..], &labels[..]].concat();
        let a = fit(&binned, &once, &labels, &[2.0; 800]);
        let b = fit(&binned, &twice, &both, &[1.0; 1600]);
        let first = |head: &Trees| {
            (
                head.trees[0].splits[0].column,
                head.trees[0].splits[0].at_most,
            )
        };
        assert_eq!(first(&a), first(&b));
        assert!((a.bias - b.bias).abs() < 1e-12);
    }

    #[test]
    fn cuts_separate_the_values_that_they_are_between() {
        assert!(cuts_of(&[]).is_empty());
        assert!(cuts_of(&[1.0, 1.0]).is_empty());
        assert_eq!(cuts_of(&[0.0, 0.0, 1.0, 3.0]), [0.5, 2.0]);
        // Nothing of 32 bits stands between these.
        assert!(cuts_of(&[0.1, 0.1 + 1e-12]).is_empty());
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i) / 7.0).collect();
        let cuts = cuts_of(&many);
        assert_eq!(cuts.len(), BINS - 1);
        assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn too_few_rows_or_one_class_make_no_tree() {
        let (data, _) = rows(100);
        let binned = Binned::new(100, 3, 3..3, |row, column| data[row][column]);
        let all: Vec<usize> = (0..100).collect();
        let head = fit(&binned, &all, &[1.0; 100], &[1.0; 100]);
        assert!(head.trees.is_empty() && head.bias > 3.0);
        let head = fit(&binned, &[], &[], &[]);
        assert!(head.trees.is_empty() && head.bias == 0.0);
    }
}
