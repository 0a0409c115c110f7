//! `plan`: the policy to ship under a budget, a share, a success or a value.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};
use weighbridge_router::{Router, Timestamp};

use super::args::{BasisArgs, PageArgs, PlotArgs, Shown, time};
use super::decide::write_router;
use super::dial::DialArgs;
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::load;
use super::output::{Console, write_json};
use super::replay::unseen;
use crate::catalog::Catalog;
use crate::policy::SolveOptions;
use crate::report::{dated_plans_document, dated_plans_page, plan_document, plan_page, plan_plot};
use crate::trace::Trace;
use crate::whatif::{
    DatedPlans, Kept, Plan, PlanError, PlanOptions, PlanVerdict, Planned, changes, plan,
};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Traces, read as one; `-` is standard input
    #[arg(required = true, value_name = "TRACE")]
    pub(super) traces: Vec<PathBuf>,
    /// Policies, router files, or folders of policies, beside the fixed choices; repeatable
    #[arg(short, long = "policy", num_args = 1.., value_name = "POLICY")]
    pub(super) policies: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) dial: DialArgs,
    /// Plan for these dates, as if every request arrived then; or `changes`: for each date at which
    /// something that is sold begins, ends or changes its price
    #[arg(long, value_name = "DATE,...|changes", value_parser = when, value_delimiter = ',', conflicts_with = "as_of")]
    pub(super) dates: Vec<When>,
    /// Bootstrap replicates behind each interval
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub(super) replicates: u32,
    #[command(flatten)]
    pub(super) basis: BasisArgs,
    /// How the plan is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Shown,
    #[command(flatten)]
    pub(super) plot: PlotArgs,
    /// Write the recommended policy (a name that ends in .router.json) or the plan as JSON (any
    /// other); repeatable
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) page: PageArgs,
}

/// When every request is to have arrived.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// At that moment.
    At(Timestamp),
    /// At each moment at which what is sold changes.
    Changes,
}

pub(super) fn run(args: &PlanArgs, console: &Console) -> Outcome {
    let Some(dial) = args.dial.dial() else {
        return Err(wrong_call(
            "say what is to be attained: --budget USD a day, --share S, --min-success P, or --value USD an answer",
        ));
    };
    args.plot.check(args.format)?;
    let catalog = load::catalog(&args.basis.catalog)?;
    let trace = load::traces(&args.traces, &args.basis.read, console)?;
    let dates = dates(&args.dates, &trace, &catalog);
    one_date(args, dates.len())?;
    let options = PlanOptions {
        goal: dial.goal,
        wrong: args.dial.wrong,
        second: args.dial.second,
        requests_per_day: args
            .dial
            .requests_per_day
            .or(trace.header().requests_per_day),
        roles: load::roles(&args.basis.roles, Some(trace.header())),
        as_of: args.basis.as_of,
        date: None,
        at: args.basis.as_of.or_else(|| moment(&trace)),
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
    };
    let bar = console.progress("planning", dates.len() as u64);
    let planned = plans(args, trace, &catalog, &options, &dates)?;
    bar.finish_and_clear();
    for path in &args.output {
        write(path, &planned, console)?;
    }
    show(&planned, args, console)?;
    let attained = planned.iter().all(|it| {
        let missed = it.plan.goal.kept == Some(Kept::Missed);
        it.plan.verdict != PlanVerdict::Unattainable && !missed
    });
    Ok(ExitCode::from(if attained {
        exit::DONE
    } else {
        exit::SAYS_NO
    }))
}

/// What shows one plan, or holds one, takes one date.
fn one_date(args: &PlanArgs, dates: usize) -> Result<(), Failure> {
    let what = if args.output.iter().any(|path| is_router(path)) {
        "a router file holds the policy"
    } else if args.plot.plot {
        "a plot shows the plan"
    } else {
        return Ok(());
    };
    if dates < 2 {
        return Ok(());
    }
    Err(wrong_call(format!(
        "{what} of one date, and --dates has {dates}; write it for one of them"
    )))
}

/// The dates that are asked for, in order; none for the requests' own times.
fn dates(asked: &[When], trace: &Trace, catalog: &Catalog) -> Vec<Option<Timestamp>> {
    let moments = asked.iter().flat_map(|when| match when {
        When::At(at) => vec![*at],
        When::Changes => changes(trace, catalog),
    });
    let mut dates: Vec<Timestamp> = moments.collect();
    dates.sort_unstable();
    dates.dedup();
    if dates.is_empty() {
        return vec![None];
    }
    dates.into_iter().map(Some).collect()
}

/// A plan for each date. Dials of policies are solved at its prices.
fn plans(
    args: &PlanArgs,
    trace: Trace,
    catalog: &Catalog,
    options: &PlanOptions,
    dates: &[Option<Timestamp>],
) -> Result<Vec<Planned>, Failure> {
    let recorded_only = load::recorded_only(&trace, catalog);
    let (mut left, mut dropped) = (trace, 0);
    let mut all = Vec::new();
    for &date in dates {
        let at = date.or(options.at);
        let solve = SolveOptions {
            at,
            seed: options.seed,
            ..SolveOptions::default()
        };
        let candidates = load::candidates(
            &args.policies,
            catalog,
            &options.roles,
            &recorded_only,
            &solve,
        )?;
        // The same for every date, so that the first leaves nothing for the others to drop.
        let (unseen, more) = unseen(left, &candidates)?;
        (left, dropped) = (unseen, dropped + more);
        let policies: Vec<(String, Router)> = candidates
            .into_iter()
            .map(|candidate| (candidate.name, candidate.router))
            .collect();
        let known = policies
            .iter()
            .find_map(|(_, router)| router.parts().calibration.requests_per_day);
        let options = PlanOptions {
            requests_per_day: options.requests_per_day.or(known),
            date,
            at,
            ..options.clone()
        };
        all.push(plan(&left, dropped, catalog, &policies, &options).map_err(refused)?);
    }
    Ok(all)
}

/// The recommended policy or the plans, by the file's name.
fn write(path: &Path, planned: &[Planned], console: &Console) -> Result<(), Failure> {
    let [only] = planned else {
        return write_json(path, &dated(planned));
    };
    match &only.router {
        _ if !is_router(path) => write_json(path, &only.plan)?,
        Some(router) => {
            write_router(&noted(router, &only.plan)?, path, console)?;
        }
        None => console.warn(&format!(
            "{}: not written, since no policy attains the goal",
            path.display()
        )),
    }
    Ok(())
}

fn show(planned: &[Planned], args: &PlanArgs, console: &Console) -> Outcome {
    let [only] = planned else {
        let dated = dated(planned);
        console.page(&args.page, |command| dated_plans_page(&dated, command))?;
        return console.show(&dated, &dated_plans_document(&dated), args.format);
    };
    console.page(&args.page, |command| plan_page(&only.plan, command))?;
    let mut document = plan_document(&only.plan);
    if args.plot.plot {
        document.plot(plan_plot(&only.plan));
    }
    console.show(&only.plan, &document, args.format)
}

fn dated(planned: &[Planned]) -> DatedPlans {
    DatedPlans::new(planned.iter().map(|it| it.plan.clone()).collect())
}

fn when(text: &str) -> Result<When, String> {
    if text == "changes" {
        return Ok(When::Changes);
    }
    time(text)
        .map(When::At)
        .map_err(|error| format!("{error}; or `changes`"))
}

fn refused(error: PlanError) -> Failure {
    match error {
        PlanError::NoTraffic | PlanError::NoDriver => wrong_call(error),
        PlanError::TooFew | PlanError::NothingTold => says_no(error),
    }
}

/// The moment in the middle of the trace, whose prices are typical of it.
fn moment(trace: &Trace) -> Option<Timestamp> {
    trace.header().prices_at.or_else(|| {
        let timed: Vec<Timestamp> = (0..trace.len()).filter_map(|row| trace.at(row)).collect();
        timed.get(timed.len() / 2).copied()
    })
}

fn is_router(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".router.json")
}

/// The router with the plan that it comes from in its provenance.
fn noted(router: &Router, plan: &Plan) -> Result<Router, Failure> {
    let mut parts = router.parts().clone();
    let mut map: Map<String, Value> = serde_json::from_str(&parts.provenance).unwrap_or_default();
    map.insert(
        "plan".to_owned(),
        json!({
            "goal": plan.goal, "verdict": plan.verdict, "requests": plan.requests,
            "promise": plan.recommended,
        }),
    );
    parts.provenance = Value::Object(map).to_string();
    Router::try_new(parts).map_err(says_no)
}
