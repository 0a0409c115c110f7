//! `diff`: what changes where one router or policy takes another's place.

use std::path::Path;
use std::process::ExitCode;

use weighbridge_router::Trade;

use super::args_diff::DiffArgs;
use super::exit::{self, Failure, Outcome, says_no};
use super::load::{self, Candidate};
use super::output::Console;
use super::replay::unseen;
use crate::catalog::Catalog;
use crate::export;
use crate::policy::SolveOptions;
use crate::report::{DiffResult, diff_document};
use crate::trace::Trace;
use crate::whatif::{self, DiffOptions, TrafficDiff};

pub(super) fn run(args: &DiffArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.basis.catalog)?;
    let trace = match args.traces.is_empty() {
        true => None,
        false => Some(load::traces(&args.traces, &args.basis.read, console)?),
    };
    let header = trace.as_ref().map(Trace::header);
    let roles = load::roles(&args.basis.roles, header);
    let recorded_only = trace
        .as_ref()
        .map(|trace| load::recorded_only(trace, &catalog))
        .unwrap_or_default();
    let options = SolveOptions {
        at: args
            .basis
            .as_of
            .or(header.and_then(|header| header.prices_at)),
        seed: console.seed,
        ..SolveOptions::default()
    };
    let loaded = |path: &Path| load::candidate(path, &catalog, &roles, &recorded_only, &options);
    let both = [loaded(&args.a)?, loaded(&args.b)?];
    let files = export::diff(&both[0].router, &both[1].router).map_err(says_no)?;
    let traffic = trace
        .map(|trace| traffic(trace, &both, &catalog, args, console))
        .transpose()?;
    let names = [&args.a, &args.b].map(|path| path.display().to_string());
    let result = DiffResult::new(names, files, traffic);
    console.result(&result, &diff_document(&result), &args.show)?;
    let otherwise = args.exit_code && !result.decide_alike;
    Ok(ExitCode::from(if otherwise {
        exit::SAYS_NO
    } else {
        exit::DONE
    }))
}

/// Both on the requests that neither was trained on.
fn traffic(
    trace: Trace,
    both: &[Candidate; 2],
    catalog: &Catalog,
    args: &DiffArgs,
    console: &Console,
) -> Result<TrafficDiff, Failure> {
    let (trace, dropped) = unseen(trace, both)?;
    let options = DiffOptions {
        trade: args.trade.trade().or_else(|| shared_trade(both, console)),
        as_of: args.basis.as_of,
        top: args.top as usize,
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
    };
    let routers = [&both[0].router, &both[1].router];
    let bar = console.progress("replaying", 1);
    let found = whatif::diff(&trace, dropped, catalog, routers, &options);
    bar.finish_and_clear();
    Ok(found)
}

/// The trade that the learned choices of both decide by, where they agree.
fn shared_trade(both: &[Candidate; 2], console: &Console) -> Option<Trade> {
    match both.each_ref().map(|candidate| candidate.router.trade()) {
        [Some(a), Some(b)] if a != b => {
            console.warn("the two decide by different trades, so nothing says what an answer is worth; net value needs --value USD");
            None
        }
        [a, b] => a.or(b),
    }
}
