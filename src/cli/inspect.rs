//! `inspect`: what is in a trace.

use super::args::InspectArgs;
use super::exit::Outcome;
use super::load;
use super::output::Console;
use crate::evaluate::inspect;
use crate::replay::{Charged, Stage};
use crate::report::inspection_document;

pub(super) fn run(args: &InspectArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let mut trace = load::traces(&args.traces, &args.read, console)?;
    let bound = load::bound(&load::roles(&args.roles, Some(trace.header())));
    trace.header_mut().roles = bound;
    let stage = Stage::new(&trace, &catalog, &[], None);
    let charged = Charged::new(&stage, None, console.threads);
    let inspection = inspect(&trace, Some((&stage, &charged)));
    console.result(&inspection, &inspection_document(&inspection), &args.show)
}
