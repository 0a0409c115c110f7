//! What a solved dial promises, as figures.

use serde::Serialize;

use crate::evaluate::Figure;
use crate::policy::{Expected, Promise};

/// A solved dial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromiseFigures {
    /// The dial that was set.
    pub dial: &'static str,
    /// What it was set to: USD, or a share.
    pub asked: f64,
    /// The worth of a right answer that it comes to.
    pub value_usd: f64,
    /// Cost of a wrong answer that nobody catches.
    pub wrong_usd: f64,
    /// Worth of a second of waiting.
    pub second_usd: f64,
    /// Whether the learned choice is but a part of the policy, so that all this holds for the
    /// requests that come to it.
    pub nested: bool,
    /// The moment whose prices hold; null: the newest price rows.
    pub prices_at: Option<String>,
    /// Requests a day, where known.
    pub requests_per_day: Option<f64>,
    /// Share of requests that another model than the driver takes.
    pub share: Figure,
    /// Share of right answers.
    pub success: Figure,
    /// USD a request.
    pub cost_usd_per_request: Figure,
    /// USD a day.
    pub spend_usd_per_day: Figure,
    /// Mean seconds until an answer is complete.
    pub seconds: Figure,
}

impl From<&Promise> for PromiseFigures {
    fn from(promise: &Promise) -> Self {
        let evidence = format!(
            "predicted out of fold for {} calibration rows{}",
            promise.rows,
            match promise.left_out {
                0 => String::new(),
                n => format!(", {n} left out that no model with heads may take"),
            }
        );
        let known = |expected: Expected, unit| Figure {
            ci95: expected.ci95,
            ..Figure::known(expected.x, unit, promise.rows).on(evidence.clone())
        };
        let figure = |expected: Option<Expected>, unit, why: &str| match expected {
            Some(expected) => known(expected, unit),
            None => Figure::unknown(unit, why),
        };
        Self {
            dial: promise.goal.name(),
            asked: promise.goal.asked(),
            value_usd: promise.trade.value.to_f64(),
            wrong_usd: promise.trade.wrong.to_f64(),
            second_usd: promise.trade.second.to_f64(),
            nested: promise.nested,
            prices_at: promise.at.map(|at| at.to_string()),
            requests_per_day: promise.requests_per_day,
            share: figure(promise.share, "share", "nobody has the role `driver`"),
            success: known(promise.success, "share"),
            cost_usd_per_request: known(promise.cost_usd_per_request, "USD"),
            spend_usd_per_day: figure(
                promise.spend_usd_per_day,
                "USD / day",
                if promise.nested {
                    "nobody knows how many requests a day come to the learned choice"
                } else {
                    "the number of requests a day is unknown: --requests-per-day N"
                },
            ),
            seconds: figure(
                promise.seconds,
                "s",
                "the card of a chosen endpoint does not tell its speed",
            ),
        }
    }
}
