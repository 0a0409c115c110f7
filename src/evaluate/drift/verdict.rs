//! What is beyond its limit, which of a few cases that is, and what to do in it.

use serde::Serialize;

use super::{DRIFT_LIMITS, DriftReport, RateShift, RateTest, Shift, State};
use crate::evaluate::figure::Figure;

/// Something that is beyond its limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// Which limit.
    pub kind: AlarmKind,
    /// Of which feature or model; empty where there is only one.
    pub of: String,
    /// The figure.
    pub x: f64,
    /// Its limit.
    pub limit: f64,
    /// In words.
    pub text: String,
}

/// The limits that raise alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// The population stability index of a feature, the tasks or the input tokens.
    Psi,
    /// The classifier tells new prompts from those of training.
    Separability,
    /// Tasks that the training did not have.
    NewTasks,
    /// A model is right more or less often than in training.
    BaseRate,
    /// A model is right more or less often than the router says.
    Surprise,
}

/// What the comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftVerdict {
    /// Nothing is beyond its limit.
    Same,
    /// The requests have changed; outcomes that would tell what that does are missing.
    Inputs,
    /// The requests have changed, and models do on them what the router says.
    InputsHeld,
    /// The requests are alike, but the models no longer do on them what the router says.
    Outcomes,
    /// Both have changed.
    InputsAndOutcomes,
    /// Models are right more or less often than in training, as the router says they are.
    RatesHeld,
    /// Too few requests to tell.
    TooFew,
}

impl DriftVerdict {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Same => "no drift: these requests look like those of training",
            Self::Inputs => "the requests have changed, and no outcomes tell what that does",
            Self::InputsHeld => {
                "the requests have changed, and the router's predictions hold on them"
            }
            Self::Outcomes => {
                "the requests look the same, but models do not do on them what the router says"
            }
            Self::InputsAndOutcomes => {
                "the requests have changed, and models do not do on them what the router says"
            }
            Self::RatesHeld => {
                "models are right at other rates than in training, as the router says"
            }
            Self::TooFew => "too few requests to tell",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Same => "keep the router",
            Self::Inputs => {
                "record the outcomes of all models for a few hundred of these requests, then inspect them again and train with them; until then keep to the driver for what is new"
            }
            Self::InputsHeld => {
                "keep the router, measure it on these requests with `weighbridge eval`, and add them to the next training"
            }
            Self::Outcomes => {
                "look whether a model, its settings or the grading has changed; record a few hundred requests as they are now and train again on them; until then keep to the driver"
            }
            Self::InputsAndOutcomes => {
                "train again with a few hundred of these requests and their outcomes; until then keep to the driver"
            }
            Self::RatesHeld => {
                "keep the router, and measure it on these requests with `weighbridge eval`: gains and dials that were solved in training have moved"
            }
            Self::TooFew => "collect more requests",
        }
    }

    /// Whether something is beyond its limit.
    #[must_use]
    pub const fn is_alarm(self) -> bool {
        !matches!(self, Self::Same | Self::TooFew)
    }
}

/// All that is beyond its limit.
pub(super) fn alarms(report: &DriftReport) -> Vec<Alarm> {
    let moved = report.shifts.iter();
    let moved = moved
        .filter(|shift| shift.state == State::Alarm)
        .map(shifted);
    let rates = report.rates.iter().flat_map(rated);
    let whole = separated(report).into_iter().chain(strange(report));
    whole.chain(moved).chain(rates).collect()
}

fn separated(report: &DriftReport) -> Option<Alarm> {
    let limit = DRIFT_LIMITS.separability;
    let [low, _] = report.separability.ci95.filter(|[low, _]| *low > limit)?;
    let text = format!(
        "a classifier tells new prompts from those of training: the lower end of its AUROC is {low:.3}, above {limit}"
    );
    Some(alarm(AlarmKind::Separability, "", low, limit, text))
}

fn strange(report: &DriftReport) -> Option<Alarm> {
    let limit = DRIFT_LIMITS.new_tasks;
    let share = report.new_task_share.x.filter(|share| *share > limit)?;
    let text = format!(
        "{:.1}% of requests are of tasks that the training did not have, above {}%",
        share * 100.0,
        limit * 100.0
    );
    Some(alarm(AlarmKind::NewTasks, "", share, limit, text))
}

fn shifted(shift: &Shift) -> Alarm {
    let (limit, psi) = (DRIFT_LIMITS.psi_alarm, shift.psi.x.unwrap_or_default());
    let text = format!(
        "`{}` has moved: PSI {psi:.2}, above {limit} and above its noise of {:.2}",
        shift.name,
        shift.noise.unwrap_or_default()
    );
    alarm(AlarmKind::Psi, &shift.name, psi, limit, text)
}

fn rated(rate: &RateShift) -> Vec<Alarm> {
    let base = (&rate.shift, &rate.trained, "in training");
    let word = (&rate.surprise, &rate.predicted, "by the router's word");
    let tests = [(AlarmKind::BaseRate, base), (AlarmKind::Surprise, word)];
    let beyond = tests
        .into_iter()
        .filter(|(_, (test, ..))| test.state == State::Alarm);
    let alarms = beyond.map(|(kind, (test, base, against))| {
        let percent = |figure: &Figure| figure.x.unwrap_or_default() * 100.0;
        let text = format!(
            "`{}` is right on {:.1}% of these requests, and on {:.1}% {against}",
            rate.model,
            percent(&rate.observed),
            percent(base)
        );
        let x = test.difference.x.unwrap_or_default();
        alarm(kind, &rate.model, x, DRIFT_LIMITS.rate, text)
    });
    alarms.collect()
}

fn alarm(kind: AlarmKind, of: &str, x: f64, limit: f64, text: String) -> Alarm {
    Alarm {
        kind,
        of: of.to_owned(),
        x,
        limit,
        text,
    }
}

/// Which case the alarms make.
pub(super) fn verdict(report: &DriftReport) -> DriftVerdict {
    let has = |kinds: &[AlarmKind]| {
        report
            .alarms
            .iter()
            .any(|alarm| kinds.contains(&alarm.kind))
    };
    let inputs = has(&[AlarmKind::Psi, AlarmKind::Separability, AlarmKind::NewTasks]);
    let known = |test: &RateTest| test.state != State::CannotTell;
    let outcomes_known =
        !report.rates.is_empty() && report.rates.iter().all(|rate| known(&rate.surprise));
    match (
        inputs,
        has(&[AlarmKind::Surprise]),
        has(&[AlarmKind::BaseRate]),
    ) {
        (true, true, _) => DriftVerdict::InputsAndOutcomes,
        (false, true, _) => DriftVerdict::Outcomes,
        (true, false, _) if outcomes_known => DriftVerdict::InputsHeld,
        (true, false, _) => DriftVerdict::Inputs,
        (false, false, true) => DriftVerdict::RatesHeld,
        (false, false, false) => DriftVerdict::Same,
    }
}
