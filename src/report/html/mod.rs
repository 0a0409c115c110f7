//! A result as one self-contained page: read, mailed, printed, without a script and without a
//! network.
//!
//! Owns markup, drawings and their words; works out nothing: a chart shows numbers of the result and
//! places them. `page` is the shell with its security policy, `markup` the one place where text
//! becomes markup, `plot` and `rows` draw, and each kind of result has a file that says what goes
//! where.

mod axis;
mod markup;
mod page;
mod palette;
mod plot;
mod rows;
mod svg;
mod tables;
mod words;

mod replay;
mod replay_charts;
mod replay_decision;
mod sliders;

pub use replay::replay_page;
