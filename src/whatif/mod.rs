//! What would be, under other circumstances: plans over the policies at hand.
//!
//! Owns the search for the policy to ship, the figures of what a dial promises, and the checking of
//! claims. Everything is replayed: nothing here decides, charges or reads a file. Start at [`plan`]
//! and [`check_claims`].

mod always;
mod claims;
mod dates;
mod margin;
mod models;
mod options;
mod paired;
mod plan;
mod promise;
mod result;
mod search;
mod share;
mod shortlist;

pub use claims::{
    ClaimError, ClaimOptions, ClaimResult, ClaimVerdict, Claims, ClaimsReport, Found, Ground,
    GroundResult, ReadingResult, Source, check_claims,
};
pub use dates::changes;
pub use margin::Margin;
pub use models::{Advice, ModelWorth};
pub use options::{PlanError, PlanOptions};
pub use plan::{Planned, plan};
pub use promise::PromiseFigures;
pub use result::{
    DatedPlans, Difference, GoalResult, Kept, Parts, Plan, PlanVerdict, PlannedPolicy,
};
pub use search::Kind;
