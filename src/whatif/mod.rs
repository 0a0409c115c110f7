//! What would be, under other circumstances: worlds with other prices, worths and lives, and plans
//! over the policies at hand.
//!
//! Owns scenarios and what policies come to in them, the search for the policy to ship, the figures
//! of what a dial promises, the checking of claims, and which requests move between two policies. Everything is replayed: nothing here decides,
//! charges or reads a file. Start at [`Base`], [`plan`], [`check_claims`] and [`diff`].

mod always;
mod attention;
mod base;
mod claims;
mod dates;
mod diff;
mod error;
mod expected;
mod forms;
mod margin;
mod models;
mod moved;
mod name;
mod options;
mod outcome;
mod paired;
mod plan;
mod promise;
mod recompile;
mod redecide;
mod resample;
mod resolve;
mod result;
mod scenario;
mod scene;
mod search;
mod setting;
mod share;
mod shortlist;
mod solve;
mod sums;
mod sweep;
mod table;
mod tco;
mod tornado;
mod world;

pub use base::{Base, BaseOptions};
pub use claims::{
    ClaimError, ClaimOptions, ClaimResult, ClaimVerdict, Claims, ClaimsReport, Found, Ground,
    GroundResult, ReadingResult, Source, check_claims,
};
pub use dates::changes;
pub use diff::{
    DiffFigure, DiffOptions, MovedRequest, Moves, RankedBy, Route, TaskMoves, Tops, TrafficDiff,
    Unanswered, diff,
};
pub use error::ScenarioError;
pub use margin::Margin;
pub use models::{Advice, ModelWorth};
pub use name::{LifeEnd, Name, PricePart};
pub use options::{PlanError, PlanOptions};
pub use outcome::DAYS_PER_MONTH;
pub use plan::{Planned, plan};
pub use promise::PromiseFigures;
pub use result::{
    DatedPlans, Difference, GoalResult, Kept, Parts, Plan, PlanVerdict, PlannedPolicy,
};
pub use scenario::Scenario;
pub use search::Kind;
pub use setting::{Amount, Op, Setting, Sweep, grid};
pub use solve::{
    Asked, BreakEven, Equation, Greater, Root, Solved, Stretch, Unknown, Worlds, solve,
};
pub use sweep::{AgainstFirst, Axis, Best, Differences, Point, SettingText, WhatIf};
pub use tco::{MonthlyCosts, Pays, Tco};
pub use tornado::{Bar, Hanging, LeftOut, Tornado};
pub use world::{Draws, Mode, World, WorldPolicy, paired};
