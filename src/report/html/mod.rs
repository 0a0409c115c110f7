//! A result as one self-contained page: read, mailed, printed, without a script and without a
//! network.
//!
//! Owns markup, drawings and their words; works out nothing: a chart shows numbers of the result and
//! places them. `page` is the shell with its security policy, `markup` the one place where text
//! becomes markup, `plot` and `rows` draw, and each kind of result has a file that says what goes
//! where.

mod axis;
mod front;
mod lead;
mod markup;
mod output;
mod page;
mod palette;
mod plot;
mod rows;
mod share_bars;
mod svg;
mod tables;
mod whatif;
mod whatif_answers;
mod whatif_charts;
mod whatif_range;
mod words;

mod eval;
mod eval_charts;
mod plan;
mod plan_dates;
mod plan_models;
mod replay;
mod replay_charts;
mod replay_decision;
mod replay_segments;
mod replay_spend;
mod sliders;

pub use eval::evaluation_page;
pub use plan::plan_page;
pub use plan_dates::dated_plans_page;
pub use replay::replay_page;
pub use whatif::whatif_page;
