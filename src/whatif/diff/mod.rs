//! Two policies on the same requests: which move from where to where, and at what cost.
//!
//! A move is a request's mass that one policy gives to an endpoint and the other to another; a
//! random policy moves parts of requests. Decisions are the router's, costs the replay's. Start at
//! [`diff`].

mod figures;
mod moves;
mod predicted;
mod result;
mod tops;

use weighbridge_router::{Router, Trade};

use crate::catalog::Catalog;
use crate::evaluate::Bootstrap;
use crate::replay::{SegmentKey, Segments, Stage, run, unit_keys};
use crate::trace::Trace;

use figures::Ground;
use moves::moves;
use predicted::Forecast;
pub use result::{
    DiffFigure, MovedRequest, Moves, RankedBy, Route, TaskMoves, Tops, TrafficDiff, Unanswered,
};

/// How two policies are compared on a trace.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// The worth of an answer for requests that bring none.
    pub trade: Option<Trade>,
    /// The date whose prices hold for requests without a time.
    pub as_of: Option<weighbridge_router::Timestamp>,
    /// Requests listed whose move costs most, and as many whose move gains most.
    pub top: usize,
    /// The seed of the bootstrap.
    pub seed: u64,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: usize,
    /// Threads.
    pub threads: usize,
}

/// Compare two policies on requests that neither learned from; `dropped` says how many others there
/// were.
#[must_use]
pub fn diff(
    trace: &Trace,
    dropped: u64,
    catalog: &Catalog,
    routers: [&Router; 2],
    options: &DiffOptions,
) -> TrafficDiff {
    let both = routers.map(Router::clone);
    let stage = Stage::new(trace, catalog, &both, options.as_of);
    let named = [("a".to_owned(), routers[0]), ("b".to_owned(), routers[1])];
    let (charged, decisions) = run(&stage, &named, options.trade, options.threads);
    let units = unit_keys(trace, options.seed, options.threads);
    let bootstrap = Bootstrap {
        units: &units,
        replicates: options.replicates,
        threads: options.threads,
    };
    let moves = moves(&decisions[0], &decisions[1]);
    let forecast = Forecast::new(&stage, routers, options.trade, &moves);
    let ground = Ground {
        stage: &stage,
        charged: &charged,
        decisions: [&decisions[0], &decisions[1]],
        forecast: &forecast,
        bootstrap,
    };
    let tasks = Segments::by(trace, SegmentKey::Task);
    TrafficDiff {
        trace: result::TraceText::new(trace, dropped),
        trade: options.trade.map(Into::into),
        seed: options.seed,
        replicates: options.replicates,
        moved: ground.moved(&moves),
        figures: ground.figures(&moves),
        routes: ground.routes(&moves, &tasks),
        tasks: ground.tasks(&moves, &tasks),
        tops: tops::tops(&ground, &moves, &tasks, options.top),
        unanswered: ground.unanswered(&moves),
        warnings: ground.warnings(&moves),
    }
}
