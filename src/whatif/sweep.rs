//! Many worlds at once: every combination of swept settings, beside the world as it is.

use serde::Serialize;

use super::base::Base;
use super::error::ScenarioError;
use super::setting::{Amount, Setting, Sweep, grid};
use super::solve::Solved;
use super::tco::Tco;
use super::tornado::Tornado;
use super::world::{Mode, World, WorldPolicy, paired};
use crate::evaluate::{Figure, TraceSummary, TradeSummary};

/// A grid has no more points than that.
const MOST_POINTS: usize = 10_000;

/// What policies come to under other circumstances; its JSON form is described in
/// `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    /// `weighbridge.whatif/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// What was replayed.
    pub trace: TraceSummary,
    /// The worth of an answer where it is not set.
    pub trade: Option<TradeSummary>,
    /// Requests a day, where known and not set.
    pub requests_per_day: Option<f64>,
    /// The seed.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// What is set to more than one value.
    pub axes: Vec<Axis>,
    /// The world as it is: nothing is set.
    pub base: Point,
    /// The worlds that were asked for, the last axis fastest.
    pub points: Vec<Point>,
    /// Equations that were solved in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub solved: Vec<Solved>,
    /// What the decision hangs on, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tornado: Option<Tornado>,
    /// From which volume on a second model pays, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tco: Option<Tco>,
}

/// A name that is set to several values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// The name.
    pub name: String,
    /// `=`, `*=` or `+=`.
    pub op: &'static str,
    /// The values.
    pub values: Vec<Amount>,
    /// Their unit.
    pub unit: &'static str,
}

/// One world, frozen and re-decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Its settings.
    pub settings: Vec<SettingText>,
    /// The shipped files under its circumstances.
    pub frozen: World,
    /// The policies compiled for them.
    pub redecided: World,
    /// What tuning each policy anew is worth: re-decided less frozen.
    pub retuning: Vec<Differences>,
    /// What the circumstances change for each shipped file: frozen less the world as it is; empty
    /// for that.
    pub change: Vec<Differences>,
    /// Every other policy less the first one of the call, in this world.
    pub against_first: AgainstFirst,
    /// The policies with the greatest net value, where there is one.
    pub best: Best,
}

/// Every other policy less the first one of the call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgainstFirst {
    /// The shipped files.
    pub frozen: Vec<Differences>,
    /// Those compiled anew.
    pub redecided: Vec<Differences>,
}

/// A setting in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingText {
    /// The name.
    pub name: String,
    /// `=`, `*=` or `+=`.
    pub op: &'static str,
    /// The value.
    pub value: Amount,
}

impl From<&Setting> for SettingText {
    fn from(setting: &Setting) -> Self {
        Self {
            name: setting.name.to_string(),
            op: setting.op.sign(),
            value: setting.value,
        }
    }
}

/// Figures of a policy less the same in another world or mode, paired.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differences {
    /// The policy.
    pub policy: String,
    /// Share of right answers.
    pub success: Figure,
    /// USD.
    pub cost_usd_per_request: Figure,
    /// USD.
    pub net_usd_per_request: Figure,
}

/// The policies with the greatest net value.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Best {
    /// Of the shipped files.
    pub frozen: Option<String>,
    /// Of those compiled anew.
    pub redecided: Option<String>,
}

impl WhatIf {
    /// Work out every combination of the settings.
    ///
    /// `trace.dropped_training_rows` is the caller's to fill in.
    ///
    /// # Errors
    /// As [`Base::at`], and more than 10,000 combinations.
    pub fn new(base: &Base<'_>, sweeps: &[Sweep]) -> Result<Self, ScenarioError> {
        let points = sweeps
            .iter()
            .try_fold(1usize, |count, sweep| count.checked_mul(sweep.values.len()))
            .filter(|&count| count <= MOST_POINTS);
        if points.is_none() {
            let message = format!("more than {MOST_POINTS} combinations; take fewer values");
            return Err(ScenarioError::value("the ranges", message));
        }
        let as_it_is = [Mode::Frozen, Mode::Redecided].map(|mode| base.at(&[], mode));
        let [frozen, redecided] = as_it_is;
        let as_it_is = Point::new(&[], [frozen?, redecided?], None);
        let worlds = if sweeps.is_empty() {
            Vec::new()
        } else {
            grid(sweeps)
        };
        let held = Some(&as_it_is.frozen);
        let points = worlds.iter().zip(base.all(&worlds)?);
        let points = points
            .map(|(settings, both)| Point::new(settings, both, held))
            .collect();
        let axes = sweeps.iter().filter(|sweep| sweep.values.len() > 1);
        Ok(Self {
            format: "weighbridge.whatif/1",
            version: env!("CARGO_PKG_VERSION"),
            trace: base.summary(),
            trade: base.options.trade.map(TradeSummary::from),
            requests_per_day: base.options.requests_per_day,
            seed: base.options.seed,
            replicates: base.options.replicates,
            axes: axes
                .map(|sweep| Axis {
                    name: sweep.name.to_string(),
                    op: sweep.op.sign(),
                    values: sweep.values.clone(),
                    unit: if sweep.op == super::setting::Op::Scale {
                        "factor"
                    } else {
                        sweep.name.unit()
                    },
                })
                .collect(),
            base: as_it_is,
            points,
            solved: Vec::new(),
            tornado: None,
            tco: None,
        })
    }
}

impl Point {
    fn new(
        settings: &[Setting],
        [frozen, redecided]: [World; 2],
        as_it_is: Option<&World>,
    ) -> Self {
        Self {
            settings: settings.iter().map(SettingText::from).collect(),
            retuning: differences(&redecided, &frozen),
            change: as_it_is.map_or_else(Vec::new, |held| differences(&frozen, held)),
            against_first: AgainstFirst {
                frozen: against_first(&frozen),
                redecided: against_first(&redecided),
            },
            best: Best {
                frozen: best(&frozen),
                redecided: best(&redecided),
            },
            frozen,
            redecided,
        }
    }
}

fn differences(a: &World, b: &World) -> Vec<Differences> {
    let pairs = a.policies.iter().zip(&b.policies);
    pairs.map(|(a, b)| Differences::new(a, b)).collect()
}

fn against_first(world: &World) -> Vec<Differences> {
    match world.policies.split_first() {
        Some((first, others)) => others
            .iter()
            .map(|it| Differences::new(it, first))
            .collect(),
        None => Vec::new(),
    }
}

impl Differences {
    /// Its figures by their names in the result.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, &Figure); 3] {
        [
            ("success", &self.success),
            ("cost_usd_per_request", &self.cost_usd_per_request),
            ("net_usd_per_request", &self.net_usd_per_request),
        ]
    }

    fn new(a: &WorldPolicy, b: &WorldPolicy) -> Self {
        let of = |figure: fn(&WorldPolicy) -> &Figure,
                  draws: fn(&WorldPolicy) -> &[Option<f64>]| {
            paired([figure(a), figure(b)], [draws(a), draws(b)])
        };
        Self {
            policy: a.name.clone(),
            success: of(|it| &it.success, |it| &it.draws.success),
            cost_usd_per_request: of(|it| &it.cost_usd_per_request, |it| &it.draws.cost),
            net_usd_per_request: of(|it| &it.net_usd_per_request, |it| &it.draws.net),
        }
    }
}

/// The policy with the greatest net value; the first of equals.
pub(super) fn best(world: &World) -> Option<String> {
    let valued = world.policies.iter();
    let valued = valued.filter_map(|policy| Some((policy, policy.net_usd_per_request.x?)));
    let best = valued.reduce(|held, next| if next.1 > held.1 { next } else { held });
    best.map(|(policy, _)| policy.name.clone())
}
