//! What is beyond its limit, which of a few cases that is, and what to do in it.

use serde::Serialize;

use super::{DRIFT_LIMITS, DriftReport, State};
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
    let limits = DRIFT_LIMITS;
    let mut alarms = Vec::new();
    if let Some(low) = report.separability.ci95.map(|[low, _]| low)
        && low > limits.separability
    {
        alarms.push(alarm(AlarmKind::Separability, "", low, limits.separability, format!(
            "a classifier tells new prompts from those of training: the lower end of its AUROC is {low:.3}, above {}",
            limits.separability
        )));
    }
    if let Some(share) = report.new_task_share.x
        && share > limits.new_tasks
    {
        alarms.push(alarm(
            AlarmKind::NewTasks,
            "",
            share,
            limits.new_tasks,
            format!(
                "{:.1}% of requests are of tasks that the training did not have, above {}%",
                share * 100.0,
                limits.new_tasks * 100.0
            ),
        ));
    }
    for shift in report
        .shifts
        .iter()
        .filter(|shift| shift.state == State::Alarm)
    {
        let psi = shift.psi.x.unwrap_or_default();
        alarms.push(alarm(
            AlarmKind::Psi,
            &shift.name,
            psi,
            limits.psi_alarm,
            format!(
                "`{}` has moved: PSI {psi:.2}, above {} and above its noise of {:.2}",
                shift.name,
                limits.psi_alarm,
                shift.noise.unwrap_or_default()
            ),
        ));
    }
    for rate in &report.rates {
        let tests = [
            (
                AlarmKind::BaseRate,
                &rate.shift,
                &rate.trained,
                "in training",
            ),
            (
                AlarmKind::Surprise,
                &rate.surprise,
                &rate.predicted,
                "by the router's word",
            ),
        ];
        for (kind, test, base, against) in tests {
            if test.state == State::Alarm {
                let x = test.difference.x.unwrap_or_default();
                let percent = |figure: &Figure| figure.x.unwrap_or_default() * 100.0;
                alarms.push(alarm(
                    kind,
                    &rate.model,
                    x,
                    limits.rate,
                    format!(
                        "`{}` is right on {:.1}% of these requests, and on {:.1}% {against}",
                        rate.model,
                        percent(&rate.observed),
                        percent(base)
                    ),
                ));
            }
        }
    }
    alarms
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
    let known = |test: &super::RateTest| test.state != State::CannotTell;
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
