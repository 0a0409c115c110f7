//! Dials on the command line.

use clap::Args;
use weighbridge_router::Usd;

use super::args::{above_zero, usd};
use crate::policy::{Dial, Goal};

/// What a learned choice is set by: one dial, and its modifiers.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct DialArgs {
    #[command(flatten)]
    pub(super) goal: GoalArgs,
    /// Cost in USD of a wrong answer that nobody catches
    #[arg(long, value_name = "USD", value_parser = usd)]
    pub(super) wrong: Option<Usd>,
    /// Worth of a second of waiting in USD
    #[arg(long, value_name = "USD", value_parser = usd)]
    pub(super) second: Option<Usd>,
    /// Requests a day, for a budget [default: what trace or router file say]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(super) requests_per_day: Option<f64>,
}

/// The dial.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(super) struct GoalArgs {
    /// Worth of a right answer in USD
    #[arg(long, value_name = "USD", value_parser = usd)]
    pub(super) value: Option<Usd>,
    /// Share of requests that do not go to the driver
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) share: Option<f64>,
    /// What a day may cost in USD
    #[arg(long, visible_alias = "budget", value_name = "USD", value_parser = usd)]
    pub(super) spend_per_day: Option<Usd>,
    /// Share of answers that must be right
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) min_success: Option<f64>,
}

impl GoalArgs {
    /// What is asked for, where something is.
    pub(super) fn goal(&self) -> Option<Goal> {
        let value = self.value.map(Goal::Value);
        let spend = self.spend_per_day.map(Goal::SpendPerDay);
        value
            .or(self.share.map(Goal::Share))
            .or(spend)
            .or(self.min_success.map(Goal::MinSuccess))
    }
}

impl DialArgs {
    /// The dial, where one is given.
    pub(super) fn dial(&self) -> Option<Dial> {
        self.goal.goal().map(|goal| Dial {
            goal,
            wrong: self.wrong.unwrap_or_default(),
            second: self.second.unwrap_or_default(),
        })
    }
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    number
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "must be a share from 0 to 1, like 0.05".to_owned())
}
