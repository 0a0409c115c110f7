//! What each model among the contenders is worth: the best policy with it against the best without,
//! both chosen where nothing is promised.

use serde::Serialize;

use super::options::PlanOptions;
use super::paired::Differences;
use super::result::Difference;
use super::share::share_of;
use super::shortlist::Shortlist;
use crate::evaluate::{Bootstrap, Figure};
use crate::policy::Goal;
use crate::replay::{Charged, Decisions, Stage};

/// A model, and whether it should be among the models in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelWorth {
    /// The model.
    pub model: String,
    /// Share of requests that the best policy of all gives it.
    pub share: Figure,
    /// The best policy that gives it any; none where no such policy attains the goal.
    pub with: Option<String>,
    /// The best policy that gives it none; none where no such policy attains the goal.
    pub without: Option<String>,
    /// The figure that the goal is about, of the former less the latter, paired; none where either is
    /// missing.
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
    /// The best policy with it is worse, by the whole interval: leave it out or retire it.
    Loses,
    /// The best policy with it is the same, request by request: leave it out or retire it.
    Idle,
    /// No policy with it attains the goal: leave it out or retire it.
    Unable,
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
            Self::Idle => "leave out or retire: it changes nothing",
            Self::Unable => "leave out or retire: no policy at hand attains the goal with it",
        }
    }
}

/// The finalists on the requests that nothing was chosen on.
pub(super) struct Unseen<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) charged: &'a Charged,
    /// One a finalist.
    pub(super) decisions: &'a [Decisions],
    pub(super) bootstrap: Bootstrap<'a>,
}

/// What each model is worth, those that earn most first.
pub(super) fn worths(
    short: &Shortlist<'_>,
    unseen: &Unseen<'_>,
    options: &PlanOptions,
) -> Vec<ModelWorth> {
    let best = &unseen.decisions[short.nearest];
    let worth = |(model, pair): &(String, [Option<usize>; 2])| {
        let pair = pair.map(|place| Some(&unseen.decisions[place?]));
        let (difference, advice) = compared(pair, unseen, options);
        let [with, without] = pair.map(|it| it.map(|it| it.name().to_owned()));
        ModelWorth {
            model: model.clone(),
            share: share_of(
                unseen.stage,
                best,
                |it| it.model == *model,
                unseen.bootstrap,
            ),
            with,
            without,
            difference,
            advice,
        }
    };
    let mut all: Vec<ModelWorth> = short.models.iter().map(worth).collect();
    let merit = |it: &ModelWorth| match (&it.difference, it.advice) {
        (None, Advice::Needed) => f64::INFINITY,
        (None, _) => f64::NEG_INFINITY,
        (Some(difference), _) => sign(options) * difference.difference.x.unwrap_or(0.0),
    };
    all.sort_by(|a, b| merit(b).total_cmp(&merit(a)));
    all
}

/// The figure that the goal is about, of the best policy with a model less that of the best without.
fn compared(
    pair: [Option<&Decisions>; 2],
    unseen: &Unseen<'_>,
    options: &PlanOptions,
) -> (Option<Difference>, Advice) {
    let [Some(with), Some(without)] = pair else {
        // One of the two attains the goal, or the model would not be listed.
        let advice = match pair[0] {
            Some(_) => Advice::Needed,
            None => Advice::Unable,
        };
        return (None, advice);
    };
    let charged = unseen.charged;
    let (figure, unit) = options.figure();
    let of = |endpoint: u16, row: usize| match options.goal {
        Goal::Value(_) => charged.net(endpoint, row).map(|usd| usd.to_f64()),
        Goal::MinSuccess(_) => charged.cost(endpoint, row).map(|usd| usd.to_f64()),
        Goal::Share(_) | Goal::SpendPerDay(_) => charged
            .score(endpoint, row)
            .map(|score| f64::from(score) / 1e6),
    };
    let differences = Differences::new(without, with, of);
    let (difference, requests_to_tell) = differences.figure(1.0, unit, unseen.bootstrap);
    let better = difference.ci95.map(|ends| ends.map(|x| x * sign(options)));
    let advice = match better {
        // All resamples are nothing where all requests are.
        Some([0.0, 0.0]) => Advice::Idle,
        Some([a, b]) if a.min(b) > 0.0 => Advice::Pays,
        Some([a, b]) if a.max(b) < 0.0 => Advice::Loses,
        _ => Advice::CannotTell,
    };
    let difference = Difference {
        figure,
        requests_to_tell: requests_to_tell.filter(|_| advice == Advice::CannotTell),
        difference,
    };
    (Some(difference), advice)
}

/// 1 where more of the goal's figure is better, -1 where less is.
fn sign(options: &PlanOptions) -> f64 {
    match options.goal {
        Goal::MinSuccess(_) => -1.0,
        Goal::Value(_) | Goal::Share(_) | Goal::SpendPerDay(_) => 1.0,
    }
}
