//! `plan`: the policy to ship under a budget, a share, a success or a value.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};
use weighbridge_router::{Router, Timestamp};

use super::args::{CatalogArgs, PageArgs, PlotArgs, ReadArgs, RoleArgs, Shown, time};
use super::decide::write_router;
use super::dial::DialArgs;
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::load;
use super::output::{Console, write_json};
use super::replay::unseen;
use crate::policy::SolveOptions;
use crate::report::{plan_document, plan_page, plan_plot};
use crate::trace::Trace;
use crate::whatif::{Kept, Plan, PlanError, PlanOptions, PlanVerdict, plan};

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
    /// The date whose prices hold for requests without a time
    #[arg(long, value_name = "DATE", value_parser = time)]
    pub(super) as_of: Option<Timestamp>,
    /// Bootstrap replicates behind each interval
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub(super) replicates: u32,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
    #[command(flatten)]
    pub(super) read: ReadArgs,
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

pub(super) fn run(args: &PlanArgs, console: &Console) -> Outcome {
    let Some(dial) = args.dial.dial() else {
        return Err(wrong_call(
            "say what is to be attained: --budget USD a day, --share S, --min-success P, or --value USD an answer",
        ));
    };
    args.plot.check(args.format)?;
    let catalog = load::catalog(&args.catalog)?;
    let trace = load::traces(&args.traces, &args.read, console)?;
    let roles = load::roles(&args.roles, Some(trace.header()));
    let recorded_only = load::recorded_only(&trace, &catalog);
    let at = args.as_of.or_else(|| moment(&trace));
    let solve = SolveOptions {
        at,
        seed: console.seed,
        ..SolveOptions::default()
    };
    let candidates = load::candidates(&args.policies, &catalog, &roles, &recorded_only, &solve)?;
    let (trace, dropped) = unseen(trace, &candidates)?;
    let policies: Vec<(String, Router)> = candidates
        .into_iter()
        .map(|candidate| (candidate.name, candidate.router))
        .collect();
    let known = policies
        .iter()
        .find_map(|(_, router)| router.parts().calibration.requests_per_day);
    let options = PlanOptions {
        goal: dial.goal,
        wrong: args.dial.wrong,
        second: args.dial.second,
        requests_per_day: args
            .dial
            .requests_per_day
            .or(trace.header().requests_per_day)
            .or(known),
        roles,
        as_of: args.as_of,
        at,
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
    };
    let bar = console.progress("planning", 1);
    let planned = plan(&trace, dropped, &catalog, &policies, &options).map_err(refused)?;
    bar.finish_and_clear();
    for path in &args.output {
        if !is_router(path) {
            write_json(path, &planned.plan)?;
        } else if let Some(router) = &planned.router {
            write_router(&noted(router, &planned.plan)?, path, console)?;
        } else {
            console.warn(&format!(
                "{}: not written, since no policy attains the goal",
                path.display()
            ));
        }
    }
    console.page(&args.page, |command| plan_page(&planned.plan, command))?;
    let mut document = plan_document(&planned.plan);
    if args.plot.plot {
        document.plot(plan_plot(&planned.plan));
    }
    console.show(&planned.plan, &document, args.format)?;
    let missed = planned.plan.goal.kept == Some(Kept::Missed);
    let attained = planned.plan.verdict != PlanVerdict::Unattainable && !missed;
    Ok(ExitCode::from(if attained {
        exit::DONE
    } else {
        exit::SAYS_NO
    }))
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
