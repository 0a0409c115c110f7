//! Whether a classifier can tell new prompts from those of training: its area under the curve on
//! prompts that it was not fitted on.

use super::mean::unit_squares;
use crate::evaluate::figure::Figure;
use crate::stats::Z_95;

/// What a classifier says of a prompt that it was not fitted on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Whether the prompt is one of the new ones.
    pub new: bool,
    /// Which of the classifiers says so: scores of two classifiers are not compared.
    pub fold: usize,
    /// Prompts of one unit of their own side belong together.
    pub unit: u64,
    /// The higher, the more it is taken for a new one; a number.
    pub score: f64,
}

/// The probability that of a training and a new prompt of one fold the new one has the higher score
/// (ties count half), with its standard error clustered by unit (DeLong et al. 1988; Obuchowski
/// 1997).
pub(super) fn auroc(scored: &[Scored]) -> Figure {
    let folds = scored
        .iter()
        .map(|row| row.fold)
        .max()
        .map_or(0, |last| last + 1);
    let side = |fold: usize, new: bool| -> Vec<&Scored> {
        let rows = scored.iter();
        rows.filter(|row| row.fold == fold && row.new == new)
            .collect()
    };
    let (mut wins, mut pairs) = (0.0, 0.0);
    // By side: the unit of each prompt, the pairs that it wins, and all that it is in.
    let mut parts: [Vec<(u64, f64, f64)>; 2] = [Vec::new(), Vec::new()];
    for fold in 0..folds {
        let sides = [side(fold, false), side(fold, true)];
        let won = |old: &Scored, new: &Scored| match new.score.partial_cmp(&old.score) {
            Some(std::cmp::Ordering::Greater) => 1.0,
            Some(std::cmp::Ordering::Less) => 0.0,
            _ => 0.5,
        };
        for (parts, at) in parts.iter_mut().zip(0..2) {
            for row in &sides[at] {
                let others = sides[1 - at].iter();
                let sum: f64 = others
                    .map(|other| {
                        if at == 0 {
                            won(row, other)
                        } else {
                            won(other, row)
                        }
                    })
                    .sum();
                parts.push((row.unit, sum, sides[1 - at].len() as f64));
                if at == 0 {
                    wins += sum;
                    pairs += sides[1].len() as f64;
                }
            }
        }
    }
    if pairs == 0.0 {
        return Figure::unknown("probability", "no fold has prompts of both sides");
    }
    let x = wins / pairs;
    let squares = parts.map(|rows| {
        let terms = rows.into_iter();
        unit_squares(terms.map(|(unit, won, of)| (unit, won - x * of)))
    });
    let n = scored.iter().filter(|row| row.new).count() as u64;
    let mut figure = Figure::known(x, "probability", n).on("prompts that it was not fitted on");
    match squares {
        [Some(a), Some(b)] => {
            let half = Z_95 * (a + b).sqrt() / pairs;
            figure.ci95 = Some([(x - half).max(0.0), (x + half).min(1.0)]);
            figure
        }
        _ => figure.because("no interval: all prompts of a side are of one session"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(fold: usize, scores: &[(bool, f64)]) -> Vec<Scored> {
        (0..)
            .zip(scores)
            .map(|(unit, &(new, score))| Scored {
                new,
                fold,
                unit,
                score,
            })
            .collect()
    }

    #[test]
    fn pairs_are_counted_within_folds_and_ties_by_halves() {
        let mut scored = rows(0, &[(false, 1.0), (true, 2.0), (true, 1.0)]);
        assert_eq!(auroc(&scored).x, Some(0.75));
        // All of the second fold's scores are higher; it is compared with itself alone.
        scored.extend(rows(1, &[(false, 9.0), (true, 8.0)]));
        assert_eq!(auroc(&scored).x, Some(0.5));
        assert!(auroc(&[]).x.is_none() && auroc(&rows(0, &[(true, 1.0)])).x.is_none());
    }

    #[test]
    fn the_interval_is_that_of_delong_and_widens_where_prompts_belong_together() {
        let scores: Vec<(bool, f64)> = (0..200)
            .map(|i| {
                (
                    i % 2 == 0,
                    f64::from((i * 37) % 101) + if i % 2 == 0 { 30.0 } else { 0.0 },
                )
            })
            .collect();
        let single = auroc(&rows(0, &scores));
        let width = |figure: &Figure| figure.ci95.map(|[low, high]| high - low).unwrap();
        // Hanley and McNeil (1982) for an area of this size: near, not equal.
        let x = single.x.unwrap();
        let (q1, q2) = (x / (2.0 - x), 2.0 * x * x / (1.0 + x));
        let variance = (x * (1.0 - x) + 99.0 * (q1 - x * x) + 99.0 * (q2 - x * x)) / 1e4;
        assert!(
            (width(&single) / (2.0 * Z_95 * variance.sqrt()) - 1.0).abs() < 0.2,
            "{single:?}"
        );
        let mut together = rows(0, &scores);
        together.iter_mut().for_each(|row| row.unit /= 40);
        let together = auroc(&together);
        assert!(together.x == single.x && width(&together) != width(&single));
        let one: Vec<Scored> = rows(0, &scores)
            .into_iter()
            .map(|row| Scored { unit: 1, ..row })
            .collect();
        assert!(auroc(&one).ci95.is_none() && auroc(&one).why.is_some());
    }
}
