//! From which volume on a second model pays: what it gains a request against what it costs a month.

use std::collections::BTreeSet;

use serde::Serialize;

use super::base::Base;
use super::error::ScenarioError;
use super::name::Name;
use super::outcome::DAYS_PER_MONTH;
use super::setting::{Amount, Setting};
use super::solve::ends;
use super::sweep::SettingText;
use super::world::{Mode, World, WorldPolicy, less, paired};
use crate::catalog::nearest;
use crate::evaluate::Figure;

/// What a model more costs, USD a month.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MonthlyCosts {
    /// Of keeping it: machines, a contract.
    pub fixed_usd: f64,
    /// Of the people who keep the routing running.
    pub engineering_usd: f64,
    /// The policy to compare with; none: the best of those that use one model.
    pub against: Option<String>,
}

/// From which volume on policies pay that use more models than another one; its JSON form is
/// described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tco {
    /// The policy that the others are compared with.
    pub against: String,
    /// What a model more costs, USD a month; on top of the catalog's fixed costs of endpoints.
    pub fixed_usd_per_month: f64,
    /// What the people cost who keep the routing running, USD a month.
    pub engineering_usd_per_month: f64,
    /// Requests a day as they are, where known.
    pub requests_per_day: Option<f64>,
    /// What is other than it is.
    pub settings: Vec<SettingText>,
    /// The shipped files.
    pub frozen: Vec<Pays>,
    /// The policies compiled anew.
    pub redecided: Vec<Pays>,
}

/// From which volume on a policy pays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pays {
    /// The policy.
    pub policy: String,
    /// Models that it uses and the other one does not.
    pub adds: Vec<String>,
    /// Net value a request less that of the other one, without anything that is paid by the month.
    pub gain_usd_per_request: Figure,
    /// What it costs a month more than the other one, USD.
    pub extra_usd_per_month: f64,
    /// Requests a day from which on it pays; null, and why, where it never does.
    pub from_requests_per_day: Figure,
    /// The lower end of the 95% interval of that; null for never.
    pub low: Option<f64>,
    /// The upper end; null for never.
    pub high: Option<f64>,
    /// Share of the resamples in which it never pays.
    pub never: f64,
    /// What it brings at the requests that there are, all costs paid, USD a month.
    pub gain_usd_per_month: Figure,
}

impl Base<'_> {
    /// From which volume on each policy pays against one that uses one model.
    ///
    /// # Errors
    /// Where no policy uses one model and none is named, the named one is not at hand, or it has no
    /// net value; and as [`Base::at`].
    pub fn tco(&self, settings: &[Setting], costs: &MonthlyCosts) -> Result<Tco, ScenarioError> {
        let [frozen, redecided] =
            [Mode::Frozen, Mode::Redecided].map(|mode| self.at(settings, mode));
        let (frozen, redecided) = (frozen?, redecided?);
        let against = self.against(&frozen, costs.against.as_deref())?;
        let per_day = self.volume(settings);
        let pays = |world: &World| {
            let places = (0..world.policies.len()).filter(|&place| place != against);
            let two = places.map(|place| [&world.policies[place], &world.policies[against]]);
            two.map(|two| self.pays(two, costs, per_day)).collect()
        };
        Ok(Tco {
            against: frozen.policies[against].name.clone(),
            fixed_usd_per_month: costs.fixed_usd,
            engineering_usd_per_month: costs.engineering_usd,
            requests_per_day: per_day,
            settings: settings.iter().map(SettingText::from).collect(),
            frozen: pays(&frozen),
            redecided: pays(&redecided),
        })
    }

    /// The place of the policy that the others are compared with.
    fn against(&self, world: &World, named: Option<&str>) -> Result<usize, ScenarioError> {
        let net = |place: usize| &world.policies[place].net_usd_per_request;
        let places = 0..world.policies.len();
        let Some(named) = named else {
            let valued = places.filter_map(|place| Some((place, net(place).x?)));
            let single =
                valued.filter(|&(place, _)| self.models(&world.policies[place]).len() == 1);
            let best = single.reduce(|held, next| if next.1 > held.1 { next } else { held });
            return best.map(|(place, _)| place).ok_or_else(|| {
                let why = world.policies.iter().find_map(|it| it.net_usd_per_request.why.clone());
                let why = why.unwrap_or_else(|| {
                    "no policy at hand uses one model alone; add one with -p, or name another with --against".to_owned()
                });
                ScenarioError::data("a second model", why)
            });
        };
        let names: Vec<&str> = self.names().collect();
        let place = names
            .iter()
            .position(|name| *name == named)
            .ok_or_else(|| {
                let hint = match nearest(named, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known: {}", names.join(", ")),
                };
                ScenarioError::value("--against", format!("no policy is named `{named}`; {hint}"))
            })?;
        match &net(place).why {
            Some(why) if net(place).x.is_none() => {
                Err(ScenarioError::data("--against", why.as_str()))
            }
            _ => Ok(place),
        }
    }

    /// The models that a policy uses.
    fn models<'s>(&'s self, policy: &'s WorldPolicy) -> BTreeSet<&'s str> {
        policy.share.keys().map(|id| self.model_of(id)).collect()
    }

    /// Requests a day under these settings.
    fn volume(&self, settings: &[Setting]) -> Option<f64> {
        let set = settings.iter().filter(|it| it.name == Name::RequestsPerDay);
        set.fold(
            self.options.requests_per_day,
            |was, setting| match setting.value {
                Amount::Number(by) => Some(setting.op.apply(was.unwrap_or_default(), by)),
                _ => was,
            },
        )
    }

    fn pays(
        &self,
        [policy, against]: [&WorldPolicy; 2],
        costs: &MonthlyCosts,
        per_day: Option<f64>,
    ) -> Pays {
        let theirs = self.models(against);
        let adds: Vec<String> = self
            .models(policy)
            .difference(&theirs)
            .map(|model| (*model).to_owned())
            .collect();
        let kept = policy.fixed_usd_per_month - against.fixed_usd_per_month;
        let given = if adds.is_empty() {
            0.0
        } else {
            costs.fixed_usd + costs.engineering_usd
        };
        let difference = paired(
            [&policy.net_usd_per_request, &against.net_usd_per_request],
            [&policy.draws.net, &against.draws.net],
        );
        // A world spreads what endpoints cost a month over its requests.
        let spread = per_day.map_or(0.0, |per_day| kept / (per_day * DAYS_PER_MONTH));
        let gain = linear(difference, 1.0, spread);
        let draws = policy.draws.net.iter().zip(&against.draws.net);
        let draws: Vec<Option<f64>> = draws
            .map(|(a, b)| Some(less((*a)?, (*b)?) + spread))
            .collect();
        let extra = kept + given;
        let from = From::of(&gain, &draws, extra);
        let gain_usd_per_month = match per_day {
            Some(per_day) => Figure {
                unit: "USD / month",
                ..linear(gain.clone(), per_day * DAYS_PER_MONTH, -extra)
            },
            None => Figure::unknown(
                "USD / month",
                "the number of requests a day is unknown: --requests-per-day N",
            ),
        };
        Pays {
            policy: policy.name.clone(),
            adds,
            gain_usd_per_request: gain,
            extra_usd_per_month: extra,
            from_requests_per_day: from.figure,
            low: from.low,
            high: from.high,
            never: from.never,
            gain_usd_per_month,
        }
    }
}

/// A figure times a number above 0, and so much more.
fn linear(figure: Figure, times: f64, more: f64) -> Figure {
    let at = |x: f64| x * times + more;
    Figure {
        x: figure.x.map(at),
        ci95: figure.ci95.map(|ends| ends.map(at)),
        ..figure
    }
}

/// A volume from which on something pays.
struct From {
    figure: Figure,
    low: Option<f64>,
    high: Option<f64>,
    never: f64,
}

const UNIT: &str = "requests / day";

impl From {
    /// Where `extra` USD a month are gained back; nothing to gain back: from the first request on.
    fn of(gain: &Figure, draws: &[Option<f64>], extra: f64) -> Self {
        let volume = |gain: f64| {
            if gain > 0.0 {
                extra.max(0.0) / (gain * DAYS_PER_MONTH)
            } else {
                f64::INFINITY
            }
        };
        let figure = match gain.x {
            None => Figure::unknown(UNIT, gain.why.clone().unwrap_or_default()),
            Some(x) if x > 0.0 => Figure::known(volume(x), UNIT, gain.n).on("paired"),
            Some(_) if extra < 0.0 => Figure::unknown(
                UNIT,
                "it gains nothing a request, and costs less a month: it pays below some volume, not from one on",
            ),
            Some(_) => Figure::unknown(UNIT, "never: it gains nothing a request"),
        };
        let volumes: Vec<Option<f64>> = draws.iter().map(|gain| gain.map(volume)).collect();
        let ends = ends(&volumes).filter(|_| gain.x.is_some());
        let finite = |x: f64| x.is_finite().then_some(x);
        let low = ends.and_then(|ends| finite(ends.low));
        let high = ends.and_then(|ends| finite(ends.high));
        Self {
            figure: Figure {
                ci95: figure.x.and(low.zip(high)).map(|(low, high)| [low, high]),
                ..figure
            },
            low,
            high,
            never: ends.map_or(0.0, |ends| ends.above),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gain(x: f64) -> Figure {
        Figure::known(x, "USD", 100)
    }

    /// 0.01 USD a request, 200 replicates from 0.005 to 0.015.
    fn draws(shift: f64) -> Vec<Option<f64>> {
        (0..=200)
            .map(|i| Some(0.005 + f64::from(i) / 20_000.0 + shift))
            .collect()
    }

    #[test]
    fn a_second_model_pays_from_the_volume_that_gains_its_costs_back() {
        let from = From::of(&gain(0.01), &draws(0.0), 3043.75);
        assert!((from.figure.x.unwrap() - 10_000.0).abs() < 1e-6);
        let [low, high] = from.figure.ci95.unwrap();
        assert!(
            (low - 1e5 / 14.75).abs() < 1.0 && (high - 1e5 / 5.25).abs() < 1.0,
            "{low} {high}"
        );
        assert_eq!(from.never, 0.0);
    }

    #[test]
    fn what_gains_nothing_never_pays_and_says_how_sure_that_is() {
        let from = From::of(&gain(-0.002), &draws(-0.012), 100.0);
        assert_eq!(from.figure.x, None);
        assert!(from.figure.why.unwrap().starts_with("never"));
        assert!(from.low.is_some() && from.high.is_none());
        assert!((from.never - 0.7).abs() < 0.01, "{}", from.never);
    }

    #[test]
    fn without_costs_it_pays_from_the_first_request_on() {
        assert_eq!(From::of(&gain(0.01), &draws(0.0), 0.0).figure.x, Some(0.0));
        let unknown = From::of(&Figure::unknown("USD", "no value"), &[], 5.0);
        assert_eq!(unknown.figure.why.as_deref(), Some("no value"));
    }
}
