//! `whatif`: policies under other circumstances.

use std::path::PathBuf;

use clap::Args;
use weighbridge_router::Router;

use super::args::{BasisArgs, PageArgs, ShowArgs, SubjectArgs, TradeArgs, above_zero};
use super::exit::{Failure, Outcome, says_no, wrong_call};
use super::load;
use super::output::Console;
use super::replay::unseen;
use super::whatif_questions::Questions;
use crate::policy::SolveOptions;
use crate::report::{whatif_document, whatif_page};
use crate::whatif::{Base, BaseOptions, Scenario, ScenarioError, Sweep};

#[derive(Debug, Args)]
pub(super) struct WhatIfArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// What is other than it is, for example price.ENDPOINT.output*=2 or value=0.1..10:log20; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A file of such settings, and of endpoints that nobody offers yet; --set comes after it
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    trade: TradeArgs,
    /// Requests a day, for figures a month [default: what trace or router file say]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    requests_per_day: Option<f64>,
    /// Bootstrap replicates behind each interval; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    replicates: u32,
    #[command(flatten)]
    questions: Questions,
    #[command(flatten)]
    basis: BasisArgs,
    #[command(flatten)]
    show: ShowArgs,
    #[command(flatten)]
    page: PageArgs,
}

pub(super) fn run(args: &WhatIfArgs, console: &Console) -> Outcome {
    let scenario = match &args.scenario {
        None => Scenario::default(),
        Some(path) => {
            Scenario::parse(&path.display().to_string(), &load::text(path)?).map_err(refused)?
        }
    };
    let mut sweeps = scenario.settings.clone();
    for text in &args.set {
        sweeps.push(text.parse::<Sweep>().map_err(refused)?);
    }
    let shipped = load::catalog(&args.basis.catalog)?;
    let catalog = scenario.catalog(&shipped).map_err(refused)?;
    let trace = load::traces(&args.subject.traces, &args.basis.read, console)?;
    let roles = load::roles(&args.basis.roles, Some(trace.header()));
    let at = args.basis.as_of.or(trace.header().prices_at);
    let solve = SolveOptions {
        at,
        seed: console.seed,
        ..SolveOptions::default()
    };
    let recorded_only = load::recorded_only(&trace, &catalog);
    // Shipped policies do not know the endpoints that a scenario adds.
    let candidates = load::candidates(
        &args.subject.policies,
        &shipped,
        &roles,
        &recorded_only,
        &solve,
    )?;
    let (trace, dropped) = unseen(trace, &candidates)?;
    let policies: Vec<(String, Router)> = candidates
        .into_iter()
        .map(|candidate| (candidate.name, candidate.router))
        .collect();
    let mut routers = policies.iter();
    let known = routers.find_map(|(_, router)| router.parts().calibration.requests_per_day);
    let per_day = args.requests_per_day.or(trace.header().requests_per_day);
    let options = BaseOptions {
        trade: args.trade.trade(),
        roles: load::bound(&roles),
        as_of: args.basis.as_of,
        at,
        requests_per_day: per_day.or(known),
        added: scenario.added(),
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
    };
    let bar = console.progress("working out", 1);
    let base = Base::new(&trace, &catalog, &policies, options);
    let mut result = args.questions.answered(&base, &sweeps).map_err(refused)?;
    let sums = args.page.html.as_ref().map(|_| base.sums());
    bar.finish_and_clear();
    result.trace.dropped_training_rows = dropped;
    console.page(&args.page, |command| {
        whatif_page(&result, sums.as_ref(), command)
    })?;
    console.result(&result, &whatif_document(&result), &args.show)
}

fn refused(error: ScenarioError) -> Failure {
    if error.is_of_data() {
        says_no(error)
    } else {
        wrong_call(error)
    }
}
