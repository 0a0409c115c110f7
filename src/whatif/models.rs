//! What each model among the contenders is worth: the best policy with it against the best without.

use serde::Serialize;

use super::options::PlanOptions;
use super::paired::Differences;
use super::result::Difference;
use crate::evaluate::{Bootstrap, Figure};
use crate::policy::Goal;
use crate::replay::{Charged, Decisions};

/// A model, and whether it should be among the models in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelWorth {
    /// The model.
    pub model: String,
    /// Share of requests that the best policy gives it.
    pub share: Figure,
    /// The best policy that gives it none, chosen on the same requests; none where no such policy
    /// attains the goal.
    pub without: Option<String>,
    /// The figure that the goal is about, of the best policy less that of the best without the model,
    /// paired; none where there is nothing to compare.
    pub difference: Option<Difference>,
    /// What it comes to.
    pub advice: Advice,
}

/// Whether a model is worth having.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// No policy without it attains the goal: introduce or keep it.
    Needed,
    /// The best policy with it is better, by the whole interval: introduce or keep it.
    Pays,
    /// The requests at hand cannot tell.
    CannotTell,
    /// The best policy with it is worse on requests that it was not chosen on, by the whole interval:
    /// leave it out or retire it.
    Loses,
    /// The best policy gives it nothing: leave it out or retire it.
    Unused,
}

impl Advice {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Needed => "introduce or keep: no policy at hand attains the goal without it",
            Self::Pays => "introduce or keep: it pays",
            Self::CannotTell => "cannot tell",
            Self::Loses => "leave out or retire: it loses",
            Self::Unused => "leave out or retire: the best policy does not use it",
        }
    }
}

/// The figure that a goal is about, of the best policy less that of the best one without a model.
pub(super) fn worth(
    charged: &Charged,
    [with, without]: [&Decisions; 2],
    options: &PlanOptions,
    bootstrap: Bootstrap<'_>,
) -> (Difference, Advice) {
    let (figure, unit) = options.figure();
    let of = |endpoint: u16, row: usize| match options.goal {
        Goal::Value(_) => charged.net(endpoint, row).map(|usd| usd.to_f64()),
        Goal::MinSuccess(_) => charged.cost(endpoint, row).map(|usd| usd.to_f64()),
        Goal::Share(_) | Goal::SpendPerDay(_) => charged
            .score(endpoint, row)
            .map(|score| f64::from(score) / 1e6),
    };
    let differences = Differences::new(without, with, of);
    let (difference, requests_to_tell) = differences.figure(1.0, unit, bootstrap);
    let better = if matches!(options.goal, Goal::MinSuccess(_)) {
        -1.0
    } else {
        1.0
    };
    let advice = match difference.ci95.map(|ends| ends.map(|end| end * better)) {
        Some([a, b]) if a.min(b) > 0.0 => Advice::Pays,
        Some([a, b]) if a.max(b) < 0.0 => Advice::Loses,
        _ => Advice::CannotTell,
    };
    let difference = Difference {
        figure,
        requests_to_tell: requests_to_tell.filter(|_| advice == Advice::CannotTell),
        difference,
    };
    (difference, advice)
}
