//! A trained router on requests that it never saw: does it know which of them deserve the
//! specialist, and are its probabilities and tokens what happens?
//!
//! Predictions come from the router itself, as deployed, and outcomes from the charged stage.
//! Eligibility is not looked at: ranking and calibration are about models, not about who may
//! answer. Start at [`evaluate_router`].

use std::collections::BTreeMap;

use serde::Serialize;
use weighbridge_router::{Router, Scratch, prompt_group};

use super::calibration::{Bin, Calibration, calibration, gain_calibration};
use super::curve::{CurveMetrics, PairCosts, PairRows, curve_metrics, gap};
use super::figure::Figure;
use super::heldout::HeldOut;
use super::resample::{Bootstrap, with_interval};
use crate::replay::{Charged, Fact, Stage, in_parts, unit_keys};
use crate::stats::fold;

/// How a router is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct EvalOptions {
    /// The seed of folds and bootstrap.
    pub seed: u64,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: usize,
    /// Threads; they change no byte.
    pub threads: usize,
}

/// A router's evaluation; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouterEvaluation {
    /// `weighbridge.eval/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// The endpoint in the driver's role.
    pub driver: String,
    /// The endpoint in the specialist's role.
    pub specialist: String,
    /// The seed.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// Requests that the ranking figures rest on.
    pub n: u64,
    /// Requests dropped because the router may have learned from their prompt group.
    pub dropped_training_rows: u64,
    /// Further requests left out because they have no prompt to predict from.
    pub without_prompt: u64,
    /// Further requests left out because the score of either role is unknown.
    pub without_outcome: u64,
    /// Success of the specialist less that of the driver.
    pub gap: Figure,
    /// The figures of the ranking by predicted gain.
    #[serde(flatten)]
    pub ranking: CurveMetrics,
    /// Slope of the observed on the predicted gain: 1 where dollar thresholds can be trusted.
    pub gain_slope: Figure,
    /// Predicted against observed gain.
    pub gain_bins: Vec<Bin>,
    /// Model and how its probabilities hold.
    pub calibration: BTreeMap<String, Calibration>,
    /// Model and how its predicted output tokens hold.
    pub tokens: BTreeMap<String, TokenTotals>,
    /// The same figures for what a router must beat, and for what nobody can.
    pub floors: RankingFloors,
}

/// Predicted and recorded output tokens of one model, where the latter are known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenTotals {
    /// Sum of the predictions.
    pub predicted: f64,
    /// Sum of what was recorded.
    pub recorded: f64,
    /// The one over the other; 1 is right.
    pub ratio: Figure,
}

/// The figures of the rankings that a router is compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankingFloors {
    /// No knowledge at all: every score equal.
    pub random: CurveMetrics,
    /// Bytes of the prompt.
    pub length: CurveMetrics,
    /// The mean gain of the request's task on the other of five folds by prompt group, drawn
    /// towards the mean of all tasks by the weight of five requests.
    pub task_table: CurveMetrics,
    /// The gain itself.
    pub hindsight: CurveMetrics,
}

/// Why a router cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The router predicts nothing for a role.
    #[error(
        "the router has no heads for `{model}`, the {role}'s model, but for {known}; choose roles \
         that it was trained for"
    )]
    NoHeads {
        /// The role.
        role: &'static str,
        /// Its model.
        model: String,
        /// The models that it has heads for.
        known: String,
    },
}

/// How many folds the table by task is fitted on.
const FOLDS: usize = 5;

/// The weight of the overall rate in a task's, in requests.
const SHRINKAGE: f64 = 5.0;

/// Evaluate `router` for `pair`, the places of driver and specialist in the stage, on the requests
/// of `held_out` that have a prompt and the scores of both.
///
/// # Errors
/// Where the router has no heads for the model of either.
pub fn evaluate_router(
    stage: &Stage<'_>,
    charged: &Charged,
    router: &Router,
    pair: [u16; 2],
    held_out: &HeldOut,
    options: EvalOptions,
) -> Result<RouterEvaluation, EvalError> {
    let heads = heads_of(stage, router, pair)?;
    let units = unit_keys(stage.trace(), options.seed, options.threads);
    let job = Job {
        stage,
        charged,
        pair,
        units,
        options,
    };
    let predicted = job.predict(router, heads, held_out);
    let pairs: Vec<&Predicted> = predicted
        .iter()
        .filter(|row| pair.iter().all(|&role| job.score(role, row.row).is_some()))
        .collect();
    let rows = job.pair_rows(&pairs, job.evidence(pairs.len(), predicted.len()));
    let units: Vec<u64> = pairs.iter().map(|row| job.units[row.row]).collect();
    let bootstrap = job.bootstrap(&units);
    let gains: Vec<f64> = pairs.iter().map(|row| row.gain()).collect();
    let observed = observed_gains(&rows);
    let slope = gain_calibration(&gains, &observed, bootstrap, &rows.evidence);
    let by_model = |role: usize| stage.endpoints()[usize::from(pair[role])].model.clone();
    let id = |role: usize| stage.endpoints()[usize::from(pair[role])].id.clone();
    Ok(RouterEvaluation {
        format: "weighbridge.eval/1",
        version: env!("CARGO_PKG_VERSION"),
        driver: id(0),
        specialist: id(1),
        seed: options.seed,
        replicates: options.replicates,
        n: pairs.len() as u64,
        dropped_training_rows: held_out.dropped,
        without_prompt: (held_out.rows.len() - predicted.len()) as u64,
        without_outcome: (predicted.len() - pairs.len()) as u64,
        gap: gap(&rows, bootstrap),
        ranking: curve_metrics(&rows, &gains, bootstrap),
        gain_slope: slope.slope,
        gain_bins: slope.bins,
        calibration: (0..2)
            .map(|role| (by_model(role), job.calibration(&predicted, role)))
            .collect(),
        tokens: (0..2)
            .map(|role| (by_model(role), job.tokens(&predicted, role)))
            .collect(),
        floors: job.floors(&pairs, &rows, &observed, bootstrap),
    })
}

/// The places of the two roles' heads.
fn heads_of(stage: &Stage<'_>, router: &Router, pair: [u16; 2]) -> Result<[usize; 2], EvalError> {
    let place = |role: &'static str, endpoint: u16| {
        let model = &stage.endpoints()[usize::from(endpoint)].model;
        let heads = router.heads();
        heads
            .iter()
            .position(|heads| heads.model == *model)
            .ok_or_else(|| EvalError::NoHeads {
                role,
                model: model.clone(),
                known: match heads {
                    [] => "no model".to_owned(),
                    heads => heads
                        .iter()
                        .map(|heads| format!("`{}`", heads.model))
                        .collect::<Vec<_>>()
                        .join(", "),
                },
            })
    };
    Ok([place("driver", pair[0])?, place("specialist", pair[1])?])
}

/// What the heads of the two roles predict for one request.
#[derive(Debug, Clone, Copy)]
struct Predicted {
    row: usize,
    success: [f64; 2],
    output_tokens: [f64; 2],
}

impl Predicted {
    /// Predicted success of the specialist less that of the driver.
    fn gain(&self) -> f64 {
        self.success[1] - self.success[0]
    }
}

fn observed_gains(rows: &PairRows) -> Vec<f64> {
    let pairs = rows.specialist.iter().zip(&rows.driver);
    pairs
        .map(|(specialist, driver)| f64::from(specialist - driver) / 1e6)
        .collect()
}

struct Job<'a> {
    stage: &'a Stage<'a>,
    charged: &'a Charged,
    pair: [u16; 2],
    /// Of all requests of the trace.
    units: Vec<u64>,
    options: EvalOptions,
}

impl Job<'_> {
    fn bootstrap<'u>(&self, units: &'u [u64]) -> Bootstrap<'u> {
        Bootstrap {
            units,
            replicates: self.options.replicates,
            threads: self.options.threads,
        }
    }

    fn score(&self, role: u16, row: usize) -> Option<i32> {
        self.charged.score(role, row)
    }

    /// The predictions of every held-out request with a prompt.
    fn predict(&self, router: &Router, heads: [usize; 2], held_out: &HeldOut) -> Vec<Predicted> {
        let rows = &held_out.rows;
        let parts = in_parts(rows.len(), self.options.threads, |range| {
            let mut scratch = Scratch::default();
            let mut part = Vec::with_capacity(range.len());
            for &row in &rows[range] {
                let predictions = router.predict(&self.stage.request(row), &mut scratch);
                if !predictions.is_empty() {
                    part.push(Predicted {
                        row,
                        success: heads.map(|head| predictions[head].success.get()),
                        output_tokens: heads.map(|head| predictions[head].output_tokens),
                    });
                }
            }
            part
        });
        parts.concat()
    }

    fn evidence(&self, known: usize, predicted: usize) -> String {
        if known == predicted {
            "full".to_owned()
        } else {
            format!("{known} of {predicted} held-out requests with a prompt")
        }
    }

    fn pair_rows(&self, pairs: &[&Predicted], evidence: String) -> PairRows {
        let scores = |role: usize| {
            let known = pairs.iter().map(|row| self.score(self.pair[role], row.row));
            known.map(|score| score.unwrap_or(0)).collect()
        };
        PairRows {
            driver: scores(0),
            specialist: scores(1),
            costs: self.costs(pairs),
            evidence,
        }
    }

    fn costs(&self, pairs: &[&Predicted]) -> Result<PairCosts, String> {
        let column = |endpoint: u16| -> Result<Vec<i64>, String> {
            let costs = pairs.iter().map(|row| self.charged.cost(endpoint, row.row));
            let known: Vec<i64> = costs.flatten().map(|usd| usd.picos()).collect();
            match pairs.len() - known.len() {
                0 => Ok(known),
                missing => Err(format!(
                    "{missing} of {} requests have neither tokens with a price row nor a bill of `{}`",
                    pairs.len(),
                    self.stage.endpoints()[usize::from(endpoint)].id
                )),
            }
        };
        Ok(PairCosts {
            driver: column(self.pair[0])?,
            specialist: column(self.pair[1])?,
            evidence: self.cost_evidence(pairs),
        })
    }

    fn cost_evidence(&self, pairs: &[&Predicted]) -> String {
        let count = |fact| {
            let facts = self.pair.iter().flat_map(|&endpoint| {
                pairs
                    .iter()
                    .map(move |row| self.charged.facts(endpoint, row.row))
            });
            facts.filter(|facts| facts.has(fact)).count()
        };
        let (priced, billed) = (count(Fact::Priced), count(Fact::Billed));
        let mut text = match (priced, billed) {
            (_, 0) => "tokens x price".to_owned(),
            (0, _) => "recorded bills".to_owned(),
            _ => format!("{billed} recorded bills, the rest tokens x price"),
        };
        if count(Fact::InputEstimated) > 0 {
            text.push_str(", input tokens estimated from the prompt");
        }
        if priced > 0 {
            text.push_str(&self.assumed("output_tokens"));
        }
        text
    }

    /// What the importer assumed about a field, to be appended.
    fn assumed(&self, field: &str) -> String {
        let assumed = &self.stage.trace().header().assumed;
        let of_field = assumed.iter().filter(|held| held.field == field);
        of_field
            .map(|held| format!(", assumed {}: {}", held.field, held.what))
            .collect()
    }

    fn calibration(&self, predicted: &[Predicted], role: usize) -> Calibration {
        let known: Vec<(&Predicted, i32)> = predicted
            .iter()
            .filter_map(|row| Some((row, self.score(self.pair[role], row.row)?)))
            .collect();
        let units: Vec<u64> = known.iter().map(|(row, _)| self.units[row.row]).collect();
        let p: Vec<f64> = known.iter().map(|(row, _)| row.success[role]).collect();
        let y: Vec<f64> = known
            .iter()
            .map(|&(_, score)| f64::from(score) / 1e6)
            .collect();
        let evidence = self.evidence(known.len(), predicted.len());
        calibration(&p, &y, self.bootstrap(&units), &evidence)
    }

    fn tokens(&self, predicted: &[Predicted], role: usize) -> TokenTotals {
        let known: Vec<(u64, [f64; 2])> = predicted
            .iter()
            .filter_map(|row| {
                let recorded = self.recorded_tokens(self.pair[role], row.row)?;
                Some((self.units[row.row], [row.output_tokens[role], recorded]))
            })
            .collect();
        let sums = |weight: &dyn Fn(usize) -> f64| {
            let weighted = known.iter().enumerate();
            weighted.fold([0.0; 2], |[predicted, recorded], (i, (_, tokens))| {
                let weight = weight(i);
                [
                    predicted + weight * tokens[0],
                    recorded + weight * tokens[1],
                ]
            })
        };
        let ratio =
            |[predicted, recorded]: [f64; 2]| (recorded > 0.0).then(|| predicted / recorded);
        let units: Vec<u64> = known.iter().map(|&(unit, _)| unit).collect();
        let replicates = self
            .bootstrap(&units)
            .replicates(|weights| ratio(sums(&|i| f64::from(weights[i]))));
        let all = sums(&|_| 1.0);
        let (unit, n) = ("predicted / recorded", known.len() as u64);
        let evidence = self.evidence(known.len(), predicted.len()) + &self.assumed("output_tokens");
        let figure = match ratio(all) {
            None => Figure::unknown(unit, "no output tokens are recorded"),
            Some(x) => with_interval(Figure::known(x, unit, n).on(evidence), &replicates),
        };
        TokenTotals {
            predicted: all[0],
            recorded: all[1],
            ratio: figure,
        }
    }

    /// The mean output tokens of the endpoint's samples.
    fn recorded_tokens(&self, endpoint: u16, row: usize) -> Option<f64> {
        let known = self
            .stage
            .outcomes_of(row, endpoint)
            .filter_map(|outcome| outcome.output_tokens);
        let (sum, count) = known.fold((0.0, 0u32), |(sum, count), tokens| {
            (sum + f64::from(tokens.0), count + 1)
        });
        (count > 0).then(|| sum / f64::from(count))
    }

    fn floors(
        &self,
        pairs: &[&Predicted],
        rows: &PairRows,
        observed: &[f64],
        bootstrap: Bootstrap<'_>,
    ) -> RankingFloors {
        let trace = self.stage.trace();
        let bytes = |row: usize| trace.prompt(row).map_or(0.0, |prompt| prompt.len() as f64);
        let lengths: Vec<f64> = pairs.iter().map(|row| bytes(row.row)).collect();
        let measure = |score: &[f64]| curve_metrics(rows, score, bootstrap);
        RankingFloors {
            random: measure(&vec![0.0; pairs.len()]),
            length: measure(&lengths),
            task_table: measure(&self.task_table(pairs, rows)),
            hindsight: measure(observed),
        }
    }

    /// The gain of each request's task on the other folds.
    fn task_table(&self, pairs: &[&Predicted], rows: &PairRows) -> Vec<f64> {
        let trace = self.stage.trace();
        let tasks = trace.names().len() + 1;
        let task = |row: usize| trace.task(row).map_or(0, |task| task.index() + 1);
        let folds: Vec<usize> = pairs
            .iter()
            .map(|row| match trace.prompt(row.row) {
                Some(prompt) => fold(
                    self.options.seed,
                    "task table",
                    &prompt_group(prompt),
                    FOLDS,
                ),
                None => 0,
            })
            .collect();
        // Gain in millionths and requests, by fold and task; the last task sums all.
        let mut sums = vec![vec![[0i64; 2]; tasks + 1]; FOLDS + 1];
        for (i, row) in pairs.iter().enumerate() {
            let gain = i64::from(rows.specialist[i] - rows.driver[i]);
            for fold in [folds[i], FOLDS] {
                for task in [task(row.row), tasks] {
                    let [sum, count] = &mut sums[fold][task];
                    (*sum, *count) = (*sum + gain, *count + 1);
                }
            }
        }
        let elsewhere = |fold: usize, task: usize| {
            let [all, here] = [sums[FOLDS][task], sums[fold][task]];
            [0, 1].map(|part| (all[part] - here[part]) as f64)
        };
        let scores = pairs.iter().zip(&folds).map(|(row, &fold)| {
            let [all, count] = elsewhere(fold, tasks);
            let overall = if count > 0.0 { all / count } else { 0.0 };
            let [gain, count] = elsewhere(fold, task(row.row));
            (gain + SHRINKAGE * overall) / (count + SHRINKAGE)
        });
        scores.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::drop_training_rows;
    use super::*;
    use crate::stats::uniform;
    use crate::trace::{OutcomeRef, Row, Trace, TraceBuilder};
    use weighbridge_router::{
        Choose, Endpoint, GroupFilter, Heads, LogLinear, Logistic, Parts, RequestRef, Step,
        Success, Tag, Tokens, Usd,
    };

    const DRAWN_BELOW: f64 = 0.880_797_077_977_882_4; // 1 / (1 + exp(-2))

    /// The small model fails what is hard; or, where `fair`, tasks do not matter.
    fn trace(rows: usize, fair: bool) -> Trace {
        let mut builder = TraceBuilder::default();
        for i in 0..rows {
            let (id, hard) = (format!("r{i:05}"), i % 3 == 0);
            let wins = |purpose| uniform(5, purpose, id.as_bytes()) < DRAWN_BELOW;
            let small = if fair {
                uniform(5, "fair", id.as_bytes()) < 0.5
            } else {
                wins("small") != hard
            };
            let outcome = |model, right: bool, tokens, cents: i64| OutcomeRef {
                model,
                score: Some(f64::from(u8::from(right))),
                output_tokens: Some(Tokens(tokens)),
                cost_usd: Some(Usd::from_picos(cents * 10_000_000_000)),
                ..OutcomeRef::default()
            };
            builder
                .push(&Row {
                    id: &id,
                    request: RequestRef {
                        prompt: Some(&format!("question {i}")),
                        task: Some(if hard { "hard" } else { "easy" }),
                        ..RequestRef::default()
                    },
                    outcomes: &[
                        outcome("small", small, 100, 1),
                        outcome("large", wins("large"), 200, 4),
                    ],
                    logged: None,
                    extra: None,
                })
                .unwrap();
        }
        builder.finish().unwrap().0
    }

    /// Knows the tasks, and learned from the first `trained` requests.
    fn router(trained: usize) -> Router {
        let heads = |model: &str, weights: [f32; 2]| Heads {
            model: model.into(),
            success: Success::Logistic(Logistic {
                weights: weights.to_vec(),
                bias: 0.0,
                platt: [1.0, 0.0],
            }),
            output_tokens: LogLinear {
                weights: vec![0.0; 2],
                bias: libm::log(100.0),
                smearing: 1.0,
            },
        };
        let endpoint = |model: &str| Endpoint {
            id: model.into(),
            model: model.into(),
            channels: Vec::new(),
            regions: Vec::new(),
            can: Vec::new(),
            context_tokens: None,
            from: None,
            until: None,
            prices: Vec::new(),
            ttft_ms: None,
            tokens_per_second: None,
            recorded_only: true,
        };
        let groups: Vec<_> = (0..trained)
            .map(|i| prompt_group(&format!("Question {i}")))
            .collect();
        Router::try_new(Parts {
            endpoints: vec![endpoint("small"), endpoint("large"), endpoint("other")],
            choose: Some(Choose::Always("small".into())),
            steps: vec![Step::Tag(Tag {
                values: vec!["easy".into(), "hard".into()],
            })],
            heads: vec![heads("large", [2.0, 2.0]), heads("small", [2.0, -2.0])],
            training: Some(GroupFilter::of(&groups)),
            ..Parts::default()
        })
        .unwrap()
    }

    fn evaluated(
        trace: &Trace,
        router: &Router,
        pair: [u16; 2],
        threads: usize,
    ) -> Result<RouterEvaluation, EvalError> {
        let catalog = Default::default();
        let stage = Stage::new(trace, &catalog, std::slice::from_ref(router), None);
        let charged = Charged::new(&stage, None, threads);
        let held_out = drop_training_rows(trace, &[router]);
        let options = EvalOptions {
            seed: 1,
            replicates: 100,
            threads,
        };
        evaluate_router(&stage, &charged, router, pair, &held_out, options)
    }

    #[test]
    fn a_router_that_knows_the_tasks_is_seen_to() {
        let (trace, router) = (trace(1_600, false), router(100));
        let found = evaluated(&trace, &router, [0, 1], 2).unwrap();
        assert_eq!(found.n + found.dropped_training_rows, 1_600);
        assert!((100..110).contains(&found.dropped_training_rows));
        let x = |figure: &Figure| figure.x.unwrap();
        let ranking = &found.ranking;
        assert!(x(&ranking.apgr) > 0.75 && x(&ranking.auroc) > 0.75);
        assert!(x(&ranking.apgr) <= x(&found.floors.hindsight.apgr));
        assert_eq!(x(&found.floors.random.apgr), 0.5);
        assert!((x(&found.floors.task_table.apgr) - x(&ranking.apgr)).abs() < 0.03);
        assert!(x(&ranking.aiq) > x(&found.floors.random.aiq));
        assert_eq!(ranking.curve.len(), 101);
        assert!((x(&ranking.curve[100].cost_usd_per_request) - 0.04).abs() < 1e-12);
        assert!(ranking.aiq.evidence.ends_with("recorded bills"));
        let [low, high] = found.gain_slope.ci95.unwrap();
        assert!(low < 1.0 && 1.0 < high, "{:?}", found.gain_slope);
        assert!(x(&found.calibration["small"].ece) < 0.05);
        assert!((x(&found.tokens["large"].ratio) - 0.5).abs() < 1e-9);
        assert_eq!(found, evaluated(&trace, &router, [0, 1], 1).unwrap());
        let json = serde_json::to_value(&found).unwrap();
        assert!(json["apgr"]["x"].is_f64() && json["floors"]["length"]["cpt50"].is_object());
    }

    #[test]
    fn outcomes_that_do_not_follow_the_tasks_leave_a_router_at_chance() {
        let found = evaluated(&trace(1_500, true), &router(0), [0, 1], 1).unwrap();
        let [low, high] = found.ranking.apgr.ci95.unwrap();
        assert!(low < 0.5 && 0.5 < high, "{:?}", found.ranking.apgr);
        assert_eq!(found.dropped_training_rows, 0);
    }

    #[test]
    fn a_role_without_heads_is_refused_and_nothing_held_out_is_null() {
        let (trace, router) = (trace(30, false), router(30));
        let refused = evaluated(&trace, &router, [0, 2], 1).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("no heads for `other`, the specialist's model")
        );
        let found = evaluated(&trace, &router, [0, 1], 1).unwrap();
        assert_eq!((found.n, found.dropped_training_rows), (0, 30));
        assert!(found.ranking.apgr.why.is_some() && found.gain_slope.why.is_some());
    }
}
