//! Charts in characters, for a terminal: `--plot`.
//!
//! `charts` says what is drawn, `draw` puts it on a grid of cells, `scale` knows where a number
//! stands and which numbers stand beside an axis. Does not know who asked, nor how wide his terminal
//! is: that is told.

mod charts;
mod draw;
mod scale;

pub use charts::{evaluation_plot, plan_plot, replay_plot};
pub use draw::{Axis, Plot, Series, Shape, Tone};

pub(super) use draw::{Drawn, draw};
