//! `replay`: policies against recorded requests.

use weighbridge_router::Router;

use super::args::ReplayArgs;
use super::exit::{Failure, Outcome, says_no};
use super::load::{self, Candidate};
use super::output::Console;
use crate::evaluate::{ReplayOptions, drop_training_rows, replay_report};
use crate::policy::SolveOptions;
use crate::replay::{Stage, run as run_all};
use crate::report::{replay_document, replay_page, replay_plot};
use crate::trace::Trace;

pub(super) fn run(args: &ReplayArgs, console: &Console) -> Outcome {
    args.plot.check(args.show.format)?;
    let catalog = load::catalog(&args.basis.catalog)?;
    let trace = load::traces(&args.subject.traces, &args.basis.read, console)?;
    let roles = load::roles(&args.basis.roles, Some(trace.header()));
    let recorded_only = load::recorded_only(&trace, &catalog);
    let options = SolveOptions {
        at: args.basis.as_of.or(trace.header().prices_at),
        seed: console.seed,
        ..SolveOptions::default()
    };
    let mut candidates = load::candidates(
        &args.subject.policies,
        &catalog,
        &roles,
        &recorded_only,
        &options,
    )?;
    if let (true, Some(trade)) = (args.redecide, args.trade.trade()) {
        candidates = candidates
            .into_iter()
            .map(|candidate| Candidate {
                router: candidate.router.with_trade(trade),
                ..candidate
            })
            .collect();
    }
    let (trace, dropped) = unseen(trace, &candidates)?;

    let bar = console.progress("replaying", 2);
    let routers: Vec<Router> = candidates
        .iter()
        .map(|candidate| candidate.router.clone())
        .collect();
    let stage = Stage::new(&trace, &catalog, &routers, args.basis.as_of);
    let named: Vec<(String, &Router)> = candidates
        .iter()
        .map(|candidate| (candidate.name.clone(), &candidate.router))
        .collect();
    let (charged, decisions) = run_all(&stage, &named, args.trade.trade(), console.threads);
    bar.inc(1);
    let options = ReplayOptions {
        trade: args.trade.trade(),
        segments: args.by.clone(),
        roles: load::bound(&roles),
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
        sums: args.page.html.is_some(),
    };
    let mut report = replay_report(&stage, &charged, decisions, &options);
    bar.finish_and_clear();
    report.trace.dropped_training_rows = dropped;
    let files: Vec<(String, String)> = candidates
        .into_iter()
        .filter_map(|candidate| Some((candidate.name, candidate.text?)))
        .collect();
    console.page(&args.page, |command| replay_page(&report, &files, command))?;
    let mut document = replay_document(&report);
    if args.plot.plot {
        document.plot(replay_plot(&report));
    }
    console.result(&report, &document, &args.show)
}

/// The requests that no candidate can have learned from; for all candidates alike, so that they
/// are compared on the same.
pub(super) fn unseen(trace: Trace, candidates: &[Candidate]) -> Result<(Trace, u64), Failure> {
    let routers: Vec<&Router> = candidates
        .iter()
        .map(|candidate| &candidate.router)
        .collect();
    let held_out = drop_training_rows(&trace, &routers);
    match held_out.dropped {
        0 => Ok((trace, 0)),
        _ if held_out.rows.is_empty() => Err(says_no(ALL_SEEN)),
        dropped => Ok((trace.select(&held_out.rows), dropped)),
    }
}

/// What to say where nothing is left to measure on.
pub(super) const ALL_SEEN: &str = "every request belongs to a prompt group that a router was trained on, so nothing honest can be measured; take another trace, or train with a --holdout above 0";
