//! Dials: what people set a learned choice by.

use serde_json::{Value, json};
use weighbridge_router::{Timestamp, Trade, Usd};

/// What a dial is set to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// A right answer is worth so much.
    Value(Usd),
    /// So great a share of requests, in [0, 1], does not go to the driver.
    Share(f64),
    /// A day may cost so much.
    SpendPerDay(Usd),
    /// So great a share of answers, in [0, 1], is right at least.
    MinSuccess(f64),
}

impl Goal {
    /// Its name in files and results.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Value(_) => "value_usd",
            Self::Share(_) => "share",
            Self::SpendPerDay(_) => "spend_usd_per_day",
            Self::MinSuccess(_) => "min_success",
        }
    }

    /// The number that it is set to: USD, or a share.
    #[must_use]
    pub fn asked(&self) -> f64 {
        match self {
            Self::Value(usd) | Self::SpendPerDay(usd) => usd.to_f64(),
            Self::Share(share) | Self::MinSuccess(share) => *share,
        }
    }
}

/// One dial with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dial {
    /// The dial.
    pub goal: Goal,
    /// Cost of a wrong answer that nobody catches.
    pub wrong: Usd,
    /// Worth of a second of waiting.
    pub second: Usd,
}

/// What a dial is solved under.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SolveOptions {
    /// How many requests a day there are; else the router's calibration sample says.
    pub requests_per_day: Option<f64>,
    /// The moment whose prices hold; none: the newest price rows, whatever is on offer then.
    pub at: Option<Timestamp>,
    /// The seed of the bootstrap.
    pub seed: u64,
    /// Bootstrap replicates behind each interval; 0 for no intervals.
    pub replicates: usize,
}

impl Default for SolveOptions {
    fn default() -> Self {
        Self {
            requests_per_day: None,
            at: None,
            seed: 1,
            replicates: 1000,
        }
    }
}

/// A number that is promised, with the 95% interval of its bootstrap over the calibration rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The number.
    pub x: f64,
    /// Its interval; none without replicates.
    pub ci95: Option<[f64; 2]>,
}

/// What a trade is expected to come to on requests like those of the calibration sample, by the
/// router's own predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// What was asked for.
    pub goal: Goal,
    /// The trade that it comes to.
    pub trade: Trade,
    /// Whether the learned choice is but a part of the policy, so that all this holds for the
    /// requests that come to it.
    pub nested: bool,
    /// The moment whose prices hold; none: the newest price rows.
    pub at: Option<Timestamp>,
    /// Requests a day, where known.
    pub requests_per_day: Option<f64>,
    /// Calibration rows that count.
    pub rows: u64,
    /// Rows that only an endpoint without heads could take; nothing is promised for them.
    pub left_out: u64,
    /// Share of requests that another model than the driver takes; none where nobody is the driver.
    pub share: Option<Expected>,
    /// Share of right answers.
    pub success: Expected,
    /// USD a request.
    pub cost_usd_per_request: Expected,
    /// USD a day, where the number of requests is known that come to the learned choice.
    pub spend_usd_per_day: Option<Expected>,
    /// Mean seconds until an answer is complete, where every card tells.
    pub seconds: Option<Expected>,
}

impl Promise {
    /// As it stands in a router file's provenance.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let number = |expected: Expected| json!({ "x": expected.x, "ci95": expected.ci95 });
        json!({
            "dial": self.goal.name(), "asked": self.goal.asked(),
            "value_usd": self.trade.value.to_f64(), "wrong_usd": self.trade.wrong.to_f64(),
            "second_usd": self.trade.second.to_f64(), "nested": self.nested,
            "prices_at": self.at.map(|at| at.to_string()), "requests_per_day": self.requests_per_day,
            "rows": self.rows, "left_out": self.left_out,
            "share": self.share.map(number), "success": number(self.success),
            "cost_usd_per_request": number(self.cost_usd_per_request),
            "spend_usd_per_day": self.spend_usd_per_day.map(number),
            "seconds": self.seconds.map(number),
        })
    }
}

/// Why a dial cannot be solved; one line with the mend in it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DialError {
    /// There is nothing to solve it on.
    #[error(
        "the router file has no calibration sample, so only `value_usd` can be set; train it again"
    )]
    NoSample,
    /// The sample is of other models.
    #[error(
        "the calibration sample has no predictions of `{0}`, so only `value_usd` can be set; train it again"
    )]
    Unpredicted(String),
    /// A share is of requests that do not go to the driver.
    #[error(
        "`share` counts the requests that do not go to the driver, and nobody has that role; bind it by --driver"
    )]
    NoDriver,
    /// Spending is by the day.
    #[error(
        "`spend_usd_per_day` needs the number of requests a day, which the router file does not know; give --requests-per-day N"
    )]
    NoTraffic,
    /// Spending of a part of a policy.
    #[error(
        "`spend_usd_per_day` is for a policy that is one learned choice, since nobody knows how many requests come to this one; use `share` or `value_usd`"
    )]
    NestedSpend,
    /// No value gives that.
    #[error("{goal} = {asked} cannot be attained on the calibration sample: whatever a right answer is worth, it is {} to {}; ask for something between", digits(*least), digits(*most))]
    Unattainable {
        /// The dial.
        goal: &'static str,
        /// What was asked for.
        asked: f64,
        /// The least of it that some value gives.
        least: f64,
        /// The most.
        most: f64,
    },
}

/// Four significant digits.
fn digits(x: f64) -> String {
    let places = if x == 0.0 {
        0
    } else {
        (3.0 - x.abs().log10().floor()).clamp(0.0, 12.0) as usize
    };
    format!("{x:.places$}")
}
