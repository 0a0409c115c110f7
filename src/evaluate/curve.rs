//! How well a score tells which requests deserve the specialist: the deferral curve of two roles
//! and the figures read off it.
//!
//! Requests go to the specialist in descending order of the score, ties in random order; all that
//! is said here is the expectation over that order, so a group of ties is a straight piece of the
//! curve. Sums are whole numbers (millionths of a right answer, picodollars): the order of rows
//! changes nothing. Does not know where a score comes from.

use serde::Serialize;

use super::compare::{Comparison, Difference, judge};
use super::figure::Figure;
use super::path::{Path, Ranking};
use super::resample::{Bootstrap, with_interval};

/// What the two roles made of each request, a value a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRows {
    /// The driver's score, millionths.
    pub driver: Vec<i32>,
    /// The specialist's score, millionths.
    pub specialist: Vec<i32>,
    /// What the two cost; `Err` says why that is not known of all rows.
    pub costs: Result<PairCosts, String>,
    /// What the outcomes rest on, in a few words.
    pub evidence: String,
}

/// What driver and specialist cost, a value a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCosts {
    /// The driver's costs, picodollars.
    pub driver: Vec<i64>,
    /// The specialist's costs, picodollars.
    pub specialist: Vec<i64>,
    /// What they rest on, in a few words.
    pub evidence: String,
}

/// The figures of one ranking of the requests.
///
/// With G(s) the expected gain in right answers, over sending all to the driver, of the share s of
/// requests that score highest, and G(1) the gap between the two roles, PGR(s) = G(s) / G(1)
/// (performance gap recovered). Figures of PGR are null where the gap is not positive, or where its
/// 95% interval includes zero.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveMetrics {
    /// Average PGR: its integral over s from 0 to 1. A random order has 0.5, and more is better; it
    /// may leave \[0, 1\]. Ong et al., "RouteLLM: Learning to Route LLMs with Preference Data", 2024,
    /// which approximates it at ten thresholds; here it is exact.
    pub apgr: Figure,
    /// Call-performance threshold: the smallest share of whole requests at which PGR reaches 50%
    /// (to 1e-12). Lower is better; a random order has about 0.5. Source as `apgr`.
    pub cpt50: Figure,
    /// The same for 80%.
    pub cpt80: Figure,
    /// PGR at a share of 5%.
    pub pgr05: Figure,
    /// PGR at a share of 10%.
    pub pgr10: Figure,
    /// The chance that a request which the specialist answers better (with scores of 0 and 1: which
    /// only the specialist gets right) scores above another one, ties counting half. Null where
    /// there is none of either sort. Hanley and McNeil, 1982.
    pub auroc: Figure,
    /// Average quality over cost: 1 / (c_max - c_min) times the integral of the non-decreasing
    /// convex hull of the curve's (cost, success) points over the cost a request, from the cheaper
    /// role's to the dearer one's, so that all scores share one range. Success units; null where
    /// costs are unknown or equal. Hu et al., "RouterBench", 2024 (the paper's formula, not its
    /// code's).
    pub aiq: Figure,
    /// Right answers gained by 1,000 requests of which the 50 that score highest are sent to the
    /// specialist: 1000 G(0.05). Defined whatever the gap.
    pub gain_per_1000_at_05: Figure,
    /// The same for 100.
    pub gain_per_1000_at_10: Figure,
    /// The curve at whole hundredths, or at each request where there are fewer than 100.
    pub curve: Vec<CurvePoint>,
}

/// One point of a deferral curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The share of requests sent to the specialist.
    pub share: f64,
    /// What a request costs on average.
    pub cost_usd_per_request: Figure,
    /// The share of right answers.
    pub success: Figure,
}

/// The most steps of a curve that is written out.
const STEPS: usize = 100;

/// The figures of the ranking by `score`, a finite number a row, with 95% intervals by resampling.
///
/// Takes O(rows) for each replicate once the rows are sorted. Without rows every figure is null.
///
/// # Panics
/// Where the columns differ in length.
#[must_use]
pub fn curve_metrics(rows: &PairRows, score: &[f64], bootstrap: Bootstrap<'_>) -> CurveMetrics {
    MeasuredRanking::new(rows, score, bootstrap).metrics
}

/// A ranking's figures with the resamples that they rest on, so that two rankings of the same rows
/// can be compared pair by pair.
#[derive(Debug)]
pub(super) struct MeasuredRanking {
    pub(super) metrics: CurveMetrics,
    replicates: Vec<Reading>,
}

/// A figure that rankings are compared in: its name, whether more of it is better, and where it
/// stands.
type Compared = (
    &'static str,
    bool,
    fn(&CurveMetrics) -> &Figure,
    fn(&Reading) -> Option<f64>,
);

const COMPARED: [Compared; 8] = [
    ("apgr", true, |held| &held.apgr, |read| read.apgr),
    ("cpt50", false, |held| &held.cpt50, |read| read.cpt[0]),
    ("cpt80", false, |held| &held.cpt80, |read| read.cpt[1]),
    ("pgr05", true, |held| &held.pgr05, |read| read.pgr[0]),
    ("pgr10", true, |held| &held.pgr10, |read| read.pgr[1]),
    ("auroc", true, |held| &held.auroc, |read| read.auroc),
    ("aiq", true, |held| &held.aiq, |read| read.aiq),
    (
        "gain_per_1000_at_10",
        true,
        |held| &held.gain_per_1000_at_10,
        |read| read.gain[1],
    ),
];

impl MeasuredRanking {
    /// Measure the ranking by `score`, as [`curve_metrics`] does.
    pub(super) fn new(rows: &PairRows, score: &[f64], bootstrap: Bootstrap<'_>) -> Self {
        let ranking = Ranking::new(rows, score);
        let steps = rows.driver.len().min(STEPS);
        let read = |path: &Path| Reading::of(path, steps);
        let mut reader = Reader {
            rows,
            point: read(&ranking.path(|_| 1)),
            replicates: bootstrap
                .replicates(|weights| read(&ranking.path(|row| weights[row].into()))),
        };
        let metrics = reader.metrics(steps);
        // The curves take most of the space, and nothing compares them.
        reader
            .replicates
            .iter_mut()
            .for_each(|reading| reading.curve = Vec::new());
        Self {
            metrics,
            replicates: reader.replicates,
        }
    }

    /// This ranking, of that name, against others on the same rows and resamples: every figure
    /// that all of them have, by Holm's correction figure by figure.
    pub(super) fn against(&self, name: &str, others: &[(&str, &Self)]) -> Vec<Comparison> {
        let compared = COMPARED.iter().flat_map(|&(figure, higher, held, read)| {
            let family = others.iter().filter_map(|&(other, ranking)| {
                let own = held(&self.metrics);
                let x = own.x.zip(held(&ranking.metrics).x).map(|(a, b)| a - b)?;
                let pairs = self.replicates.iter().zip(&ranking.replicates);
                let differences: Vec<Option<f64>> = pairs
                    .map(|(a, b)| read(a).zip(read(b)).map(|(a, b)| a - b))
                    .collect();
                let names = [name, other];
                Some(Difference::paired(names, x, own.unit, own.n, &differences))
            });
            judge(figure, higher, family.collect())
        });
        compared.collect()
    }
}

impl CurveMetrics {
    /// No figure can be known, for that reason.
    pub(super) fn unknown(why: &str) -> Self {
        let none = |unit| Figure::unknown(unit, why);
        Self {
            apgr: none("ratio"),
            cpt50: none("share"),
            cpt80: none("share"),
            pgr05: none("ratio"),
            pgr10: none("ratio"),
            auroc: none("probability"),
            aiq: none("share"),
            gain_per_1000_at_05: none(ANSWERS),
            gain_per_1000_at_10: none(ANSWERS),
            curve: Vec::new(),
        }
    }
}

const ANSWERS: &str = "right answers per 1,000 requests";

/// The success of the specialist less that of the driver, with its interval.
#[must_use]
pub fn gap(rows: &PairRows, bootstrap: Bootstrap<'_>) -> Figure {
    let flat = vec![0.0; rows.driver.len()];
    let ranking = Ranking::new(rows, &flat);
    let reader = Reader {
        rows,
        point: Reading::of(&ranking.path(|_| 1), 0),
        replicates: bootstrap.replicates(|weights| {
            let path = ranking.path(|row| weights[row].into());
            Reading::of(&path, 0)
        }),
    };
    reader.figure("share", |reading| reading.gap, NO_ROWS)
}

const NO_ROWS: &str = "no row that the router did not learn from has both roles' outcomes";

/// Everything read off one path, of the sample or of a replicate; `None` where it has no value.
#[derive(Debug, Clone, Default)]
struct Reading {
    gap: Option<f64>,
    apgr: Option<f64>,
    cpt: [Option<f64>; 2],
    pgr: [Option<f64>; 2],
    auroc: Option<f64>,
    aiq: Option<f64>,
    gain: [Option<f64>; 2],
    /// Cost and success at each step.
    curve: Vec<[Option<f64>; 2]>,
}

impl Reading {
    fn of(path: &Path, steps: usize) -> Self {
        let curve = (0..=steps).filter(|_| steps > 0).map(|step| {
            let share = step as f64 / steps as f64;
            [path.cost_at(share), path.success_at(share)]
        });
        Self {
            gap: path.gain_at(1.0),
            apgr: path.apgr(),
            cpt: [0.5, 0.8].map(|level| path.cpt(level)),
            pgr: [0.05, 0.10].map(|share| path.pgr_at(share)),
            auroc: path.auroc(),
            aiq: path.aiq(),
            gain: [0.05, 0.10].map(|share| path.gain_at(share).map(|gain| 1000.0 * gain)),
            curve: curve.collect(),
        }
    }
}

struct Reader<'a> {
    rows: &'a PairRows,
    point: Reading,
    replicates: Vec<Reading>,
}

impl Reader<'_> {
    fn metrics(&self, steps: usize) -> CurveMetrics {
        let no_gap = self.why_no_pgr();
        let pgr = |unit, read: fn(&Reading) -> Option<f64>| match &no_gap {
            Some(why) => Figure::unknown(unit, why),
            None => self.figure(unit, read, NO_ROWS),
        };
        CurveMetrics {
            apgr: pgr("ratio", |reading| reading.apgr),
            cpt50: pgr("share", |reading| reading.cpt[0]),
            cpt80: pgr("share", |reading| reading.cpt[1]),
            pgr05: pgr("ratio", |reading| reading.pgr[0]),
            pgr10: pgr("ratio", |reading| reading.pgr[1]),
            auroc: self.figure(
                "probability",
                |reading| reading.auroc,
                "the specialist is better on every request or on none",
            ),
            aiq: self.cost_figure(
                "share",
                |reading| reading.aiq,
                "the two roles cost the same",
            ),
            gain_per_1000_at_05: self.figure(ANSWERS, |reading| reading.gain[0], NO_ROWS),
            gain_per_1000_at_10: self.figure(ANSWERS, |reading| reading.gain[1], NO_ROWS),
            curve: (0..self.point.curve.len())
                .map(|step| CurvePoint {
                    share: step as f64 / steps as f64,
                    cost_usd_per_request: self.cost_figure(
                        "USD",
                        |reading| reading.curve[step][0],
                        NO_ROWS,
                    ),
                    success: self.figure("share", |reading| reading.curve[step][1], NO_ROWS),
                })
                .collect(),
        }
    }

    fn figure(
        &self,
        unit: &'static str,
        read: impl Fn(&Reading) -> Option<f64>,
        why: &str,
    ) -> Figure {
        let Some(x) = read(&self.point) else {
            return Figure::unknown(unit, why);
        };
        let replicates: Vec<_> = self.replicates.iter().map(&read).collect();
        let figure = Figure::known(x, unit, self.rows.driver.len() as u64);
        with_interval(figure.on(self.rows.evidence.as_str()), &replicates)
    }

    /// A figure that rests on costs as well.
    fn cost_figure(
        &self,
        unit: &'static str,
        read: impl Fn(&Reading) -> Option<f64>,
        why: &str,
    ) -> Figure {
        match &self.rows.costs {
            Err(no_costs) => Figure::unknown(unit, no_costs),
            Ok(costs) => {
                let figure = self.figure(unit, read, why);
                let evidence = format!("{}; {}", self.rows.evidence, costs.evidence);
                figure.on(evidence)
            }
        }
    }

    /// Why there is no gap to recover; `None` where there is one.
    fn why_no_pgr(&self) -> Option<String> {
        let gap = self.figure("share", |reading| reading.gap, NO_ROWS);
        let Some(x) = gap.x else {
            return gap.why;
        };
        if x <= 0.0 {
            return Some(format!(
                "there is no gap to recover: the specialist's success less the driver's is {x:.4}"
            ));
        }
        let [low, high] = gap.ci95.filter(|[low, _]| *low <= 0.0)?;
        Some(format!(
            "the gap of {x:.4} between the two roles is within noise (95%: {low:.4} to {high:.4})"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibration::{CALIBRATION_BINS, calibration, gain_calibration};
    use super::*;
    use proptest::prelude::*;

    fn close(found: &Figure, expected: f64) -> bool {
        found.x.is_some_and(|x| (x - expected).abs() < 1e-9)
    }

    fn without(units: &[u64]) -> Bootstrap<'_> {
        Bootstrap {
            units,
            replicates: 0,
            threads: 1,
        }
    }

    fn rows(driver: &[i32], specialist: &[i32]) -> PairRows {
        let millionths = |scores: &[i32]| scores.iter().map(|score| score * 1_000_000).collect();
        PairRows {
            driver: millionths(driver),
            specialist: millionths(specialist),
            costs: Err("no price".into()),
            evidence: "full".into(),
        }
    }

    fn measured(rows: &PairRows, score: &[f64]) -> CurveMetrics {
        curve_metrics(rows, score, without(&[]))
    }

    /// Four requests; gains 1, 0, 1, -1 by descending score.
    fn four() -> (PairRows, [f64; 4]) {
        (rows(&[0, 1, 0, 1], &[1, 1, 1, 0]), [0.9, 0.8, 0.3, 0.1])
    }

    #[test]
    fn four_requests_by_hand() {
        let (mut rows, score) = four();
        let cents = |costs: [i64; 4]| costs.map(|cost| cost * 10_000_000_000).to_vec();
        rows.costs = Ok(PairCosts {
            driver: cents([1, 1, 1, 1]),
            specialist: cents([3, 3, 3, 3]),
            evidence: "tokens x price".into(),
        });
        let found = measured(&rows, &score);
        // PGR at 0, 1/4, ..., 1: 0, 1, 1, 2, 1.
        assert!(close(&found.apgr, (0.5 + 1.0 + 1.5 + 1.5) / 4.0));
        assert!(close(&found.cpt50, 0.25) && close(&found.cpt80, 0.25));
        assert!(close(&found.pgr05, 0.2) && close(&found.pgr10, 0.4));
        assert!(close(&found.gain_per_1000_at_10, 100.0));
        // Of the pairs of one that gains and one that does not, 3 of 4 stand right.
        assert!(close(&found.auroc, 0.75));
        // Success .5, .75, .75, 1, .75 at 1, 1.5, 2, 2.5 and 3 cents; the hull goes through .5,
        // .75, 1, then stays.
        let area = 0.5 * 0.625 + 1.0 * 0.875 + 0.5;
        assert!(close(&found.aiq, area / 2.0));
        assert_eq!(found.curve.len(), 5);
        assert!(close(&found.curve[3].success, 1.0));
        assert!(close(&found.curve[3].cost_usd_per_request, 0.025));
    }

    #[test]
    fn ties_count_at_their_expectation() {
        let (rows, _) = four();
        let found = measured(&rows, &[0.5, 0.5, 0.5, 0.1]);
        // The three ties gain 2/3 each.
        assert!(close(&found.apgr, (3.0 * 1.0 + 1.5) / 4.0));
        assert!(close(&found.cpt50, 0.25) && close(&found.cpt80, 0.5));
        assert!(close(&found.auroc, (2.0 * 0.5 + 2.0) / 4.0));
    }

    #[test]
    fn what_has_no_value_is_null_and_says_why() {
        let empty = measured(&rows(&[], &[]), &[]);
        assert!(empty.curve.is_empty() && empty.apgr.why.is_some() && empty.auroc.x.is_none());
        let (better, score) = four();
        let worse = measured(&rows(&[1, 1, 1, 1], &[1, 0, 1, 1]), &score);
        assert!(worse.apgr.why.unwrap().starts_with("there is no gap"));
        assert!(close(&worse.gain_per_1000_at_10, 0.0) && worse.auroc.x.is_none());
        assert_eq!(
            measured(&better, &score).aiq.why.as_deref(),
            Some("no price")
        );
        let noisy = Bootstrap {
            units: &[1, 2, 3, 4],
            replicates: 200,
            threads: 1,
        };
        let found = curve_metrics(&better, &score, noisy);
        assert!(found.pgr05.why.unwrap().contains("within noise"));
        assert!(found.gain_per_1000_at_05.ci95.is_some());
    }

    #[test]
    fn the_reference_agrees() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/metrics.json")).unwrap();
        for case in golden["cases"].as_array().unwrap() {
            let column = |name: &str| -> Vec<f64> {
                let values = case[name].as_array().unwrap();
                values.iter().map(|x| x.as_f64().unwrap()).collect()
            };
            let millionths = |name: &str| -> Vec<i32> {
                let scores = column(name).into_iter();
                scores.map(|x| (x * 1e6).round() as i32).collect()
            };
            let score = column("score");
            let usd = |usd: i64| vec![usd * 1_000_000_000_000; score.len()];
            let rows = PairRows {
                driver: millionths("driver"),
                specialist: millionths("specialist"),
                costs: Ok(PairCosts {
                    driver: usd(1),
                    specialist: usd(3),
                    evidence: String::new(),
                }),
                ..rows(&[], &[])
            };
            let found = measured(&rows, &score);
            let gains = column("specialist").into_iter().zip(column("driver"));
            let gains: Vec<f64> = gains
                .map(|(specialist, driver)| specialist - driver)
                .collect();
            let slope = gain_calibration(&score, &gains, without(&[]), "full").slope;
            assert_eq!(slope.x.is_none(), case["gain_slope"].is_null());
            let (p, y) = (column("probability"), column("specialist"));
            let held = calibration(&p, &y, without(&[]), "full");
            assert_eq!(case["bins"], CALIBRATION_BINS);
            for (name, figure) in [
                ("apgr", &found.apgr),
                ("cpt50", &found.cpt50),
                ("cpt80", &found.cpt80),
                ("pgr05", &found.pgr05),
                ("pgr10", &found.pgr10),
                ("auroc", &found.auroc),
                ("ece", &held.ece),
                ("brier", &held.brier),
                ("aiq", &found.aiq),
                ("gain_per_1000_at_10", &found.gain_per_1000_at_10),
                ("gain_slope", &slope),
            ] {
                let Some(expected) = case[name].as_f64() else {
                    continue;
                };
                assert!(
                    close(figure, expected),
                    "{}: {name} {expected} {figure:?}",
                    case["name"]
                );
            }
        }
    }

    /// Requests of which the specialist answers more right, with a score that has many ties.
    fn requests() -> impl Strategy<Value = (PairRows, Vec<f64>)> {
        prop::collection::vec((0i32..2, 0i32..2, 0i8..9, 1i64..99, 1i64..99), 1..60).prop_map(
            |mut items| {
                items.extend([(0, 1, 4, 5, 9); 61]);
                let mut rows = rows(
                    &items.iter().map(|item| item.0).collect::<Vec<_>>(),
                    &items.iter().map(|item| item.1).collect::<Vec<_>>(),
                );
                rows.costs = Ok(PairCosts {
                    driver: items.iter().map(|item| item.3).collect(),
                    specialist: items.iter().map(|item| item.4).collect(),
                    evidence: String::new(),
                });
                let score = items.iter().map(|item| f64::from(item.2)).collect();
                (rows, score)
            },
        )
    }

    proptest! {
        #[test]
        fn a_constant_score_is_chance_and_a_reversed_one_mirrors((rows, score) in requests()) {
            let constant = measured(&rows, &vec![3.0; score.len()]);
            prop_assert!(close(&constant.apgr, 0.5) && close(&constant.pgr10, 0.1));
            prop_assert!(constant.auroc.x.is_none_or(|x| x == 0.5));
            let reversed: Vec<f64> = score.iter().map(|score| -score).collect();
            let (found, mirrored) = (measured(&rows, &score), measured(&rows, &reversed));
            prop_assert!(close(&mirrored.apgr, 1.0 - found.apgr.x.unwrap()));
            if let Some(x) = found.auroc.x {
                prop_assert!(close(&mirrored.auroc, 1.0 - x));
            }
        }

        #[test]
        fn no_score_beats_hindsight((rows, score) in requests()) {
            let gains: Vec<f64> = rows
                .specialist
                .iter()
                .zip(&rows.driver)
                .map(|(specialist, driver)| f64::from(specialist - driver))
                .collect();
            let (found, best) = (measured(&rows, &score), measured(&rows, &gains));
            for (figure, bound) in [
                (&found.apgr, &best.apgr),
                (&found.pgr05, &best.pgr05),
                (&found.gain_per_1000_at_10, &best.gain_per_1000_at_10),
                (&best.cpt80, &found.cpt80),
            ] {
                prop_assert!(figure.x.unwrap() <= bound.x.unwrap() + 1e-9);
            }
        }

        #[test]
        fn the_order_of_rows_and_the_threads_change_nothing((rows, score) in requests()) {
            fn turned<T: Copy>(column: &[T]) -> Vec<T> {
                column.iter().rev().copied().collect()
            }
            let units: Vec<u64> = (0..score.len() as u64 / 2 * 2).chain(7..9).take(score.len()).collect();
            let other = PairRows {
                driver: turned(&rows.driver),
                specialist: turned(&rows.specialist),
                costs: rows.costs.clone().map(|costs| PairCosts {
                    driver: turned(&costs.driver),
                    specialist: turned(&costs.specialist),
                    ..costs
                }),
                evidence: rows.evidence.clone(),
            };
            let bootstrap = |units, threads| Bootstrap { units, replicates: 40, threads };
            prop_assert_eq!(
                curve_metrics(&rows, &score, bootstrap(&units, 1)),
                curve_metrics(&other, &turned(&score), bootstrap(&turned(&units), 3))
            );
        }
    }
}
