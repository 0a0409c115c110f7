//! What a replay says to do: which policy to ship, against which fixed choice, and how sure that is.
//!
//! Owns the choice among what was compared. The judging is [`compare`](super::compare)'s.

use serde::Serialize;

use super::compare::{Comparison, Verdict};
use super::summary::PolicyFigures;

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// In a word.
    pub verdict: DecisionVerdict,
    /// The policy to ship, or the best fixed choice; null where nothing can be told.
    pub ship: Option<String>,
    /// The best fixed choice, that every policy is held against; null where there is none.
    pub fixed: Option<String>,
    /// The policy that comes nearest to beating the fixed choice, or that beats it by most.
    pub routing: Option<String>,
    /// The figure of the verdict: `routing` less `fixed`, paired, corrected for all comparisons.
    pub comparison: Option<Comparison>,
    /// Among the policies that beat the fixed choice, the second, less the one to ship: whether the
    /// two can be told apart at all.
    pub runner_up: Option<Comparison>,
}

/// What a decision comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionVerdict {
    /// A policy earns more than the best fixed choice, by its whole interval.
    Route,
    /// None does.
    DoNotRoute,
    /// Nothing says what an answer is worth, or too little is known.
    CannotTell,
}

impl Decision {
    /// Nothing can be told.
    pub(super) fn none() -> Self {
        Self {
            verdict: DecisionVerdict::CannotTell,
            ship: None,
            fixed: None,
            routing: None,
            comparison: None,
            runner_up: None,
        }
    }
}

/// The comparison of a policy with what it is held against, in net value.
pub(super) const NET: &str = "net_usd_per_request";

/// Decide among `policies` against `fixed`, by `comparisons`; `against` compares any two afresh.
pub(super) fn decide(
    policies: &[PolicyFigures],
    fixed: Option<&str>,
    comparisons: &[Comparison],
    against: impl Fn(usize, usize) -> Option<Comparison>,
) -> Decision {
    let Some(fixed) = fixed else {
        return Decision::none();
    };
    let net = |place: &usize| policies[*place].net_usd_per_request.x;
    let held = |place: usize| {
        let of =
            |it: &&Comparison| it.figure == NET && it.a == policies[place].name && it.b == fixed;
        comparisons.iter().find(of)
    };
    let mut ranked: Vec<usize> = (0..policies.len())
        .filter(|&place| net(&place).is_some())
        .filter(|&place| held(place).is_some_and(|it| it.verdict != Verdict::Same))
        .collect();
    // Stable: of equals the first of the call.
    ranked.sort_by(|a, b| net(b).unwrap_or(0.0).total_cmp(&net(a).unwrap_or(0.0)));
    if !policies.iter().any(|it| it.net_usd_per_request.x.is_some()) {
        return Decision {
            fixed: Some(fixed.to_owned()),
            ..Decision::none()
        };
    }
    let better: Vec<usize> = ranked
        .iter()
        .copied()
        .filter(|&place| held(place).is_some_and(|it| it.verdict == Verdict::Better))
        .collect();
    let routing = better.first().or(ranked.first()).copied();
    let runner_up = better.get(1).zip(better.first());
    Decision {
        verdict: if better.is_empty() {
            DecisionVerdict::DoNotRoute
        } else {
            DecisionVerdict::Route
        },
        ship: Some(match better.first() {
            Some(&place) => policies[place].name.clone(),
            None => fixed.to_owned(),
        }),
        fixed: Some(fixed.to_owned()),
        routing: routing.map(|place| policies[place].name.clone()),
        comparison: routing.and_then(|place| held(place).cloned()),
        runner_up: runner_up.and_then(|(&second, &first)| against(second, first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Figure;

    fn policy(name: &str, net: Option<f64>) -> PolicyFigures {
        let none = || Figure::unknown("USD", "not asked");
        PolicyFigures {
            name: name.to_owned(),
            answered: 9.0,
            unanswered: 0.0,
            unobserved: 0.0,
            fell_back: 0.0,
            share: std::collections::BTreeMap::new(),
            success: none(),
            success_bounds: None,
            cost_usd_total: none(),
            cost_usd_per_request: none(),
            cost_usd_per_success: none(),
            cost_top1pct_share: none(),
            net_usd_per_request: net.map_or_else(none, |x| Figure::known(x, "USD", 9)),
            regret_usd_per_request: none(),
            latency_ms_p50: none(),
            latency_ms_p95: none(),
            latency_ms_p99: none(),
            segments: Vec::new(),
        }
    }

    fn against(a: &str, b: &str, verdict: Verdict) -> Comparison {
        Comparison {
            a: a.to_owned(),
            b: b.to_owned(),
            figure: NET,
            difference: Figure::known(0.0, "USD", 9),
            p_adjusted: None,
            verdict,
            requests_to_tell: None,
        }
    }

    fn decided(verdicts: &[(&str, f64, Verdict)]) -> Decision {
        let policies: Vec<_> = verdicts.iter().map(|it| policy(it.0, Some(it.1))).collect();
        let held: Vec<_> = verdicts.iter().map(|it| against(it.0, "f", it.2)).collect();
        let afresh = |a: usize, b: usize| {
            let names = [a, b].map(|place| policies[place].name.clone());
            Some(against(&names[0], &names[1], Verdict::CannotTell))
        };
        decide(&policies, Some("f"), &held, afresh)
    }

    #[test]
    fn the_greatest_net_value_among_those_that_beat_the_fixed_choice_is_shipped() {
        let found = decided(&[
            ("same", 9.0, Verdict::Same),
            ("lucky", 8.0, Verdict::CannotTell),
            ("good", 6.0, Verdict::Better),
            ("best", 7.0, Verdict::Better),
        ]);
        assert_eq!(found.verdict, DecisionVerdict::Route);
        assert_eq!(found.ship.as_deref(), Some("best"));
        let second = found.runner_up.unwrap();
        assert_eq!((second.a.as_str(), second.b.as_str()), ("good", "best"));
    }

    #[test]
    fn where_none_beats_it_the_fixed_choice_is_shipped_and_the_nearest_is_named() {
        let found = decided(&[("a", 1.0, Verdict::Worse), ("b", 2.0, Verdict::CannotTell)]);
        assert_eq!(found.verdict, DecisionVerdict::DoNotRoute);
        assert_eq!(found.ship.as_deref(), Some("f"));
        assert_eq!(found.routing.as_deref(), Some("b"));
    }

    #[test]
    fn without_a_value_nothing_is_decided() {
        let found = decide(&[policy("a", None)], Some("f"), &[], |_, _| None);
        assert_eq!(found.verdict, DecisionVerdict::CannotTell);
        assert_eq!((found.ship, found.fixed.as_deref()), (None, Some("f")));
    }
}
