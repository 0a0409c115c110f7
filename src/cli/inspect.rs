//! `inspect`: what is in a trace, and whether it looks like what a router was trained on.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;

use clap::Args;

use super::args::{CatalogArgs, ReadArgs, RoleArgs, ShowArgs};
use super::exit::{self, Outcome, says_no};
use super::load;
use super::output::Console;
use crate::catalog::Catalog;
use crate::evaluate::{DriftInput, Incoming, Reference, drift, inspect};
use crate::learn::separate;
use crate::replay::{Charged, Stage};
use crate::report::{drift_document, inspection_document};
use crate::trace::Trace;

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Traces, read as one; `-` is standard input
    #[arg(required = true, value_name = "TRACE")]
    pub(super) traces: Vec<PathBuf>,
    /// Compare with the requests that this router was trained on; exit 1 on drift
    #[arg(long, value_name = "FILE")]
    pub(super) against: Option<PathBuf>,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
    #[command(flatten)]
    pub(super) read: ReadArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
}

pub(super) fn run(args: &InspectArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let mut trace = load::traces(&args.traces, &args.read, console)?;
    if let Some(against) = &args.against {
        return compare(against, trace, &catalog, args, console);
    }
    let bound = load::bound(&load::roles(&args.roles, Some(trace.header())));
    trace.header_mut().roles = bound;
    let stage = Stage::new(&trace, &catalog, &[], None);
    let charged = Charged::new(&stage, None, console.threads);
    let inspection = inspect(&trace, Some((&stage, &charged)));
    console.result(&inspection, &inspection_document(&inspection), &args.show)
}

fn compare(
    path: &Path,
    mut trace: Trace,
    catalog: &Catalog,
    args: &InspectArgs,
    console: &Console,
) -> Outcome {
    let router = load::router(path)?;
    let name = path.display().to_string();
    let reference =
        Reference::of_router(&router).map_err(|error| says_no(format!("{name}: {error}")))?;
    if !(0..trace.len()).any(|row| trace.prompt(row).is_some()) {
        return Err(says_no(
            "no request of the trace has a prompt, and routers are trained on prompts; record them, or give a trace that has some",
        ));
    }
    // Rates compare only where an answer counts as right as it did in training.
    trace.header_mut().pass_at = reference.pass_at;
    let incoming = Incoming::new(&trace, &router, &reference, console.seed, console.threads);
    let scored = separate(&reference, &incoming, console.seed, console.threads);
    let stage = Stage::new(&trace, catalog, slice::from_ref(&router), None);
    let charged = Charged::new(&stage, None, console.threads);
    let input = DriftInput {
        name: &name,
        router: &router,
        reference: &reference,
        incoming: &incoming,
        scored: &scored,
    };
    let report = drift(&stage, &charged, input, console.threads);
    for warning in &report.warnings {
        console.warn(warning);
    }
    console.result(&report, &drift_document(&report), &args.show)?;
    Ok(ExitCode::from(match report.verdict.is_alarm() {
        true => exit::SAYS_NO,
        false => exit::DONE,
    }))
}
