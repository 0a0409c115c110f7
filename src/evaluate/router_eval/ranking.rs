//! The ranking by predicted gain of two roles, beside what it must beat.

use serde::Serialize;

use super::frame::{Frame, Role};
use crate::evaluate::calibration::{GainCalibration, gain_calibration};
use crate::evaluate::compare::Comparison;
use crate::evaluate::curve::{CurveMetrics, MeasuredRanking, PairCosts, PairRows, gap};
use crate::evaluate::figure::Figure;
use crate::evaluate::resample::Bootstrap;

/// The figures of the rankings that a router is compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankingFloors {
    /// No knowledge at all: every score equal.
    pub random: CurveMetrics,
    /// Bytes of the prompt.
    pub length: CurveMetrics,
    /// The mean gain of the request's task on the other folds (five by prompt group where there is
    /// one router), drawn towards the mean of all requests by the weight of five; a task that no
    /// other fold has gets that mean, so that tasks never seen tie.
    pub task_table: CurveMetrics,
    /// The gain itself.
    pub hindsight: CurveMetrics,
}

/// All figures of the two roles.
pub(super) struct Ranking {
    pub(super) n: u64,
    pub(super) gap: Figure,
    pub(super) router: CurveMetrics,
    pub(super) comparisons: Vec<Comparison>,
    pub(super) gain: GainCalibration,
    pub(super) floors: RankingFloors,
}

/// The weight of the overall rate in a task's, in requests.
const SHRINKAGE: f64 = 5.0;

const NO_ROLES: &str =
    "ranking figures are about two roles; bind --driver and --specialist to models with heads";

/// Measure the ranking of the rows on which the scores of both roles are known.
pub(super) fn measure(frame: &Frame<'_>, roles: Option<[Role; 2]>) -> Ranking {
    match roles {
        Some(roles) => Job::new(frame, roles).measure(),
        None => unknown(),
    }
}

/// The routers' own ranking on the same rows as [`measure`], to be compared with that of others.
pub(super) fn of_router(frame: &Frame<'_>, roles: [Role; 2]) -> MeasuredRanking {
    let job = Job::new(frame, roles);
    let rows: Vec<usize> = job.rows().collect();
    let units: Vec<u64> = rows.iter().map(|&row| frame.unit(row)).collect();
    let gains: Vec<f64> = job.places.iter().map(|&at| job.gain(at)).collect();
    MeasuredRanking::new(&job.pair_rows(&rows), &gains, frame.bootstrap(&units))
}

fn unknown() -> Ranking {
    let none = CurveMetrics::unknown(NO_ROLES);
    Ranking {
        n: 0,
        gap: Figure::unknown("share", NO_ROLES),
        router: none.clone(),
        comparisons: Vec::new(),
        gain: GainCalibration {
            slope: Figure::unknown("gain per predicted gain", NO_ROLES),
            bins: Vec::new(),
        },
        floors: RankingFloors {
            random: none.clone(),
            length: none.clone(),
            task_table: none.clone(),
            hindsight: none,
        },
    }
}

struct Job<'a> {
    frame: &'a Frame<'a>,
    roles: [Role; 2],
    /// The places among the predicted rows of those that are ranked.
    places: Vec<usize>,
}

impl<'a> Job<'a> {
    fn new(frame: &'a Frame<'a>, roles: [Role; 2]) -> Self {
        let known = |at: &usize| {
            let row = frame.predicted_rows()[*at];
            let mut roles = roles.iter();
            roles.all(|role| frame.score(role.endpoint, row).is_some())
        };
        Self {
            frame,
            roles,
            places: (0..frame.predicted()).filter(known).collect(),
        }
    }

    fn measure(&self) -> Ranking {
        let rows: Vec<usize> = self.rows().collect();
        let units: Vec<u64> = rows.iter().map(|&row| self.frame.unit(row)).collect();
        let bootstrap = self.frame.bootstrap(&units);
        let pairs = self.pair_rows(&rows);
        let gains: Vec<f64> = self.places.iter().map(|&at| self.gain(at)).collect();
        let scores = pairs.specialist.iter().zip(&pairs.driver);
        let observed: Vec<f64> = scores
            .map(|(specialist, driver)| f64::from(specialist - driver) / 1e6)
            .collect();
        let router = MeasuredRanking::new(&pairs, &gains, bootstrap);
        let [random, length, task_table] = self.floors(&rows, &pairs, bootstrap);
        let hindsight = MeasuredRanking::new(&pairs, &observed, bootstrap).metrics;
        let floors = [
            ("random", &random),
            ("prompt length", &length),
            ("per-task table", &task_table),
        ];
        Ranking {
            n: rows.len() as u64,
            gap: gap(&pairs, bootstrap),
            comparisons: router.against("the router", &floors),
            gain: gain_calibration(&gains, &observed, bootstrap, &pairs.evidence),
            floors: RankingFloors {
                random: random.metrics,
                length: length.metrics,
                task_table: task_table.metrics,
                hindsight,
            },
            router: router.metrics,
        }
    }

    /// The ranked rows of the trace.
    fn rows(&self) -> impl Iterator<Item = usize> {
        let rows = self.frame.predicted_rows();
        self.places.iter().map(move |&at| rows[at])
    }

    /// Predicted success of the specialist less that of the driver.
    fn gain(&self, at: usize) -> f64 {
        let [driver, specialist] = self
            .roles
            .map(|role| self.frame.models[role.model].success[at]);
        specialist - driver
    }

    fn pair_rows(&self, rows: &[usize]) -> PairRows {
        let scores = |role: usize| {
            let scores = rows
                .iter()
                .map(|&row| self.frame.score(self.roles[role].endpoint, row));
            scores.map(|score| score.unwrap_or(0)).collect()
        };
        PairRows {
            driver: scores(0),
            specialist: scores(1),
            costs: self.costs(rows),
            evidence: self.frame.evidence(rows.len()),
        }
    }

    fn costs(&self, rows: &[usize]) -> Result<PairCosts, String> {
        let column = |role: usize| -> Result<Vec<i64>, String> {
            let endpoint = self.roles[role].endpoint;
            let costs = rows
                .iter()
                .map(|&row| self.frame.charged.cost(endpoint, row));
            let known: Vec<i64> = costs.flatten().map(|usd| usd.picos()).collect();
            match rows.len() - known.len() {
                0 => Ok(known),
                missing => Err(format!(
                    "{missing} of {} requests have neither tokens with a price row nor a bill of `{}`",
                    rows.len(),
                    self.frame.stage.endpoints()[usize::from(endpoint)].id
                )),
            }
        };
        let endpoints = self.roles.map(|role| role.endpoint);
        Ok(PairCosts {
            driver: column(0)?,
            specialist: column(1)?,
            evidence: self.frame.cost_evidence(&endpoints, rows),
        })
    }

    /// Random, prompt length and the table by task.
    fn floors(
        &self,
        rows: &[usize],
        pairs: &PairRows,
        bootstrap: Bootstrap<'_>,
    ) -> [MeasuredRanking; 3] {
        let trace = self.frame.stage.trace();
        let bytes = |row: usize| trace.prompt(row).map_or(0.0, |prompt| prompt.len() as f64);
        let lengths: Vec<f64> = rows.iter().map(|&row| bytes(row)).collect();
        let scores = [vec![0.0; rows.len()], lengths, self.task_table(rows, pairs)];
        scores.map(|score| MeasuredRanking::new(pairs, &score, bootstrap))
    }

    /// The gain of each request's task on the other parts.
    fn task_table(&self, rows: &[usize], pairs: &PairRows) -> Vec<f64> {
        let trace = self.frame.stage.trace();
        let task = |row: usize| trace.task(row).map_or(0, |task| task.index() + 1);
        let (part, parts) = self.frame.parts(rows.iter().copied());
        // Gain in millionths and requests: by part and task, and by task.
        let tasks = trace.names().len() + 1;
        let mut here = vec![vec![[0i64; 2]; tasks]; parts];
        let mut all = vec![[0i64; 2]; tasks];
        let mut total = 0i64;
        for (i, &row) in rows.iter().enumerate() {
            let gain = i64::from(pairs.specialist[i] - pairs.driver[i]);
            total += gain;
            for sums in [&mut here[part[i]][task(row)], &mut all[task(row)]] {
                *sums = [sums[0] + gain, sums[1] + 1];
            }
        }
        let overall = total as f64 / rows.len().max(1) as f64;
        let scores = rows.iter().zip(&part).map(|(&row, &part)| {
            let (all, here) = (all[task(row)], here[part][task(row)]);
            let [gain, count] = [0, 1].map(|term| (all[term] - here[term]) as f64);
            // Not the quotient, whose rounding would tell tasks that nobody has seen apart.
            if count == 0.0 {
                overall
            } else {
                (gain + SHRINKAGE * overall) / (count + SHRINKAGE)
            }
        });
        scores.collect()
    }
}
