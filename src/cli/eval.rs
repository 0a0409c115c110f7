//! `eval`: a trained router on requests that it never saw.

use std::collections::BTreeMap;
use std::slice;

use weighbridge_router::{Router, Timestamp};

use super::args::EvalArgs;
use super::exit::{Failure, Outcome, says_no, wrong_call};
use super::load;
use super::output::Console;
use super::replay::ALL_SEEN;
use crate::catalog::Catalog;
use crate::evaluate::{EvalOptions, RouterEvaluation, drop_training_rows, evaluate_router};
use crate::replay::{Charged, Stage};
use crate::report::evaluation_document;
use crate::trace::Trace;

pub(super) fn run(args: &EvalArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let router = load::router(&args.router)?;
    let trace = load::traces(&args.traces, &args.read, console)?;
    // What the caller says, else what the trace says, else what the router was trained for.
    let mut bound: BTreeMap<String, String> = router.parts().roles.iter().cloned().collect();
    bound.extend(load::bound(&load::roles(&args.roles, Some(trace.header()))));
    let options = EvalOptions {
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
    };
    let evaluation = evaluate(&router, &trace, &catalog, &bound, args.as_of, options)?;
    console.result(&evaluation, &evaluation_document(&evaluation), &args.show)
}

/// Evaluate a router for the bound roles on the rows that it never saw.
pub(super) fn evaluate(
    router: &Router,
    trace: &Trace,
    catalog: &Catalog,
    bound: &BTreeMap<String, String>,
    as_of: Option<Timestamp>,
    options: EvalOptions,
) -> Result<RouterEvaluation, Failure> {
    let stage = Stage::new(trace, catalog, slice::from_ref(router), as_of);
    let charged = Charged::new(&stage, None, options.threads);
    let pair = [
        place(&stage, catalog, bound, "driver")?,
        place(&stage, catalog, bound, "specialist")?,
    ];
    let held_out = drop_training_rows(trace, &[router]);
    if held_out.rows.is_empty() {
        return Err(says_no(ALL_SEEN));
    }
    evaluate_router(&stage, &charged, router, pair, &held_out, options).map_err(wrong_call)
}

/// The place in the stage of the endpoint that has a role.
fn place(
    stage: &Stage<'_>,
    catalog: &Catalog,
    bound: &BTreeMap<String, String>,
    role: &str,
) -> Result<u16, Failure> {
    let name = bound.get(role).ok_or_else(|| {
        wrong_call(format!(
            "nobody has the role `{role}`; bind it with --{role}, or in the trace's header"
        ))
    })?;
    let model = catalog
        .model(name)
        .map_or(name.as_str(), |model| model.id.as_str());
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
