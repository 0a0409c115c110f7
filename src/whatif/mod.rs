//! What would be, under other circumstances: plans over the policies at hand.
//!
//! Owns the search for the policy to ship and the figures of what a dial promises. Everything is
//! replayed: nothing here decides, charges or reads a file. Start at [`plan`].

mod margin;
mod options;
mod plan;
mod promise;
mod search;
mod share;

pub use margin::Margin;
pub use options::{PlanError, PlanOptions};
pub use plan::{
    Difference, GoalResult, Kept, Parts, Plan, PlanVerdict, Planned, PlannedPolicy, plan,
};
pub use promise::PromiseFigures;
pub use search::Kind;
