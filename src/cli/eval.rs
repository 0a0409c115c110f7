//! `eval`: a trained router on requests that it never saw.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::slice;

use weighbridge_router::Router;

use super::args::EvalArgs;
use super::exit::{Failure, Outcome, says_no, wrong_call};
use super::load::{self, Candidate};
use super::output::Console;
use super::replay::ALL_SEEN;
use crate::catalog::Catalog;
use crate::evaluate::{EvalOptions, drop_training_rows, evaluate_file};
use crate::policy::{Roles, SolveOptions};
use crate::replay::{Stage, run as run_all};
use crate::report::{evaluation_document, evaluation_page, evaluation_plot};
use crate::trace::Trace;

pub(super) fn run(args: &EvalArgs, console: &Console) -> Outcome {
    args.plot.check(args.show.format)?;
    let catalog = load::catalog(&args.basis.catalog)?;
    let router = load::router(&args.router)?;
    let trace = load::traces(&args.traces, &args.basis.read, console)?;
    let roles = load::roles(&args.basis.roles, Some(trace.header()));
    // What the caller says, else what the trace says, else what the router was trained for.
    let mut bound: BTreeMap<String, String> = router.parts().roles.iter().cloned().collect();
    bound.extend(load::bound(&roles));
    let roles = Roles {
        trace: bound.clone(),
        ..roles
    };
    let rules = rules(&args.policies, &trace, &catalog, &roles)?;
    let routers: Vec<Router> = slice::from_ref(&router)
        .iter()
        .chain(rules.iter().map(|rule| &rule.router))
        .cloned()
        .collect();
    let stage = Stage::new(&trace, &catalog, &routers, args.basis.as_of);
    let named: Vec<(String, &Router)> = rules
        .iter()
        .map(|rule| (rule.name.clone(), &rule.router))
        .collect();
    let (charged, decisions) = run_all(&stage, &named, None, console.threads);
    let options = EvalOptions {
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
        values: args.values.clone(),
        by: args.by.clone(),
        rules: decisions,
        resample_tasks: false,
    };
    let pair = pair(&stage, &catalog, &bound)?;
    let held_out = drop_training_rows(&trace, &[&router]);
    if held_out.rows.is_empty() {
        return Err(says_no(ALL_SEEN));
    }
    let evaluation =
        evaluate_file(&stage, &charged, &router, pair, &held_out, &options).map_err(wrong_call)?;
    for warning in &evaluation.warnings {
        console.warn(warning);
    }
    console.page(&args.page, |command| evaluation_page(&evaluation, command))?;
    let mut document = evaluation_document(&evaluation);
    if args.plot.plot {
        document.plot(evaluation_plot(&evaluation));
    }
    console.result(&evaluation, &document, &args.show)
}

/// The policies of `-p`, none of which may be learned: its training rows would have to be dropped
/// for all, and its trade is not the router's.
fn rules(
    paths: &[PathBuf],
    trace: &Trace,
    catalog: &Catalog,
    roles: &Roles,
) -> Result<Vec<Candidate>, Failure> {
    let recorded_only = load::recorded_only(trace, catalog);
    let candidates = load::candidates(
        paths,
        catalog,
        roles,
        &recorded_only,
        &SolveOptions::default(),
    )?;
    let learned = |candidate: &&Candidate| {
        let choose = candidate.router.parts().choose.as_ref();
        choose.is_some_and(|choose| choose.is_learned())
    };
    if let Some(candidate) = candidates.iter().find(learned) {
        return Err(wrong_call(format!(
            "`{}` chooses by learned heads, and -p of `eval` takes rules; compare learned policies with `weighbridge replay`",
            candidate.name
        )));
    }
    Ok(candidates)
}

/// The places in the stage of driver and specialist, where both are bound.
pub(super) fn pair(
    stage: &Stage<'_>,
    catalog: &Catalog,
    bound: &BTreeMap<String, String>,
) -> Result<Option<[u16; 2]>, Failure> {
    let place = |role: &str| {
        let name = bound.get(role);
        name.map(|name| place(stage, catalog, name, role))
            .transpose()
    };
    let pair = place("driver")?.zip(place("specialist")?);
    Ok(pair.map(<[u16; 2]>::from))
}

/// The place in the stage of the endpoint that has a role.
fn place(stage: &Stage<'_>, catalog: &Catalog, name: &str, role: &str) -> Result<u16, Failure> {
    let model = catalog.model(name).map_or(name, |model| model.id.as_str());
    let found = stage
        .endpoints()
        .iter()
        .find(|endpoint| endpoint.id == *name || endpoint.model == model);
    found
        .and_then(|endpoint| stage.find(&endpoint.id))
        .ok_or_else(|| {
            wrong_call(format!(
                "`{name}`, the {role}, is neither in the router file nor in the trace"
            ))
        })
}
