//! `train`: a trace to a router file, or predictions on given splits.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use weighbridge_router::{Parts, Router, Trade, Usd};

use super::args::TrainArgs;
use super::decide::write_router;
use super::eval::evaluate;
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::load;
use super::output::Console;
use crate::catalog::Catalog;
use crate::evaluate::{EvalOptions, RouterEvaluation};
use crate::learn::{
    Progress, TrainOptions, Trained, predict_splits, read_splits, train, write_predictions,
};
use crate::policy::Roles;
use crate::report::{TrainingResult, training_document};
use crate::trace::Trace;
use crate::trace_io::write_file;

/// Bootstrap replicates behind the intervals of a training's own evaluation.
const REPLICATES: usize = 500;

pub(super) fn run(args: &TrainArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let trace = load::traces(&args.traces, &args.read, console)?;
    let roles = load::roles(&args.roles, Some(trace.header()));
    let options = options(args, &roles, console)?;
    if let (Some(split), Some(predictions)) = (&args.split, &args.predictions) {
        return predict(split, predictions, &trace, &catalog, &options, console);
    }
    let Some(output) = &args.output else {
        return Err(wrong_call("-o FILE says where the router goes"));
    };
    let trade = args.trade.trade().unwrap_or(Trade {
        value: ONE_USD,
        ..Trade::default()
    });
    let bar = console.progress("training", 1);
    let trained = train(&trace, &catalog, &options, trade, &|progress: Progress| {
        advance(&bar, progress)
    })
    .map_err(says_no)?;
    bar.finish_and_clear();
    let evaluation = measured(&trained, &trace, &catalog, &roles, console)?;
    let router = with_metrics(trained.router.clone(), evaluation.as_ref())?;
    write_router(&router, output, console)?;
    let result = TrainingResult::new(&output.display().to_string(), &trained, evaluation);
    console.show(&result, &training_document(&result), args.format)
}

/// What a right answer is worth in a file that nobody gave a value for: policies and `--redecide`
/// set another without training.
const ONE_USD: Usd = Usd::from_picos(1_000_000_000_000);

fn options(args: &TrainArgs, roles: &Roles, console: &Console) -> Result<TrainOptions, Failure> {
    let bound = load::bound(roles);
    let role = |role: &str| {
        bound.get(role).cloned().ok_or_else(|| {
            wrong_call(format!(
                "nobody has the role `{role}`; bind it with --{role}, or in the trace's header"
            ))
        })
    };
    let models = match args.models.is_empty() {
        true => vec![role("driver")?, role("specialist")?],
        false => args.models.clone(),
    };
    Ok(TrainOptions {
        models,
        specialist: bound.get("specialist").cloned(),
        salt: args.salt.clone(),
        seed: console.seed,
        holdout: args.holdout,
        features: args.features.clone(),
        model: args.model,
        pass_at: args.pass_at,
        threads: console.threads,
        ..TrainOptions::default()
    })
}

fn advance(bar: &indicatif::ProgressBar, progress: Progress) {
    bar.set_length(progress.total as u64);
    bar.set_position(progress.done as u64);
}

/// The router on the rows that were kept from training; `None` where none were.
fn measured(
    trained: &Trained,
    trace: &Trace,
    catalog: &Catalog,
    roles: &Roles,
    console: &Console,
) -> Result<Option<RouterEvaluation>, Failure> {
    if trained.held_out.is_empty() {
        console.warn("nothing was kept from training, so nothing is measured here; `weighbridge eval` measures on another trace");
        return Ok(None);
    }
    let options = EvalOptions {
        seed: console.seed,
        replicates: REPLICATES,
        threads: console.threads,
        ..EvalOptions::default()
    };
    evaluate(
        &trained.router,
        trace,
        catalog,
        &load::bound(roles),
        None,
        &options,
    )
    .map(Some)
}

/// The held-out metrics, noted in the file's provenance.
fn with_metrics(router: Router, evaluation: Option<&RouterEvaluation>) -> Result<Router, Failure> {
    let Some(evaluation) = evaluation else {
        return Ok(router);
    };
    let mut parts: Parts = router.parts().clone();
    let mut provenance: serde_json::Value =
        serde_json::from_str(&parts.provenance).unwrap_or_default();
    let all = serde_json::to_value(evaluation).map_err(says_no)?;
    let kept = [
        "n",
        "apgr",
        "cpt50",
        "cpt80",
        "pgr05",
        "pgr10",
        "auroc",
        "gain_slope",
        "gap",
    ];
    if let Some(object) = provenance.as_object_mut() {
        let metrics = kept
            .iter()
            .filter_map(|&name| Some((name.to_owned(), all.get(name)?.clone())))
            .collect();
        object.insert("held_out".to_owned(), serde_json::Value::Object(metrics));
    }
    parts.provenance = provenance.to_string();
    Router::try_new(parts).map_err(says_no)
}

fn predict(
    split: &Path,
    predictions: &Path,
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    console: &Console,
) -> Outcome {
    let name = split.display().to_string();
    let file = File::open(split).map_err(|error| wrong_call(format!("{name}: {error}")))?;
    let splits = read_splits(&name, file, trace).map_err(says_no)?;
    let bar = console.progress("training", 1);
    let predicted = predict_splits(trace, catalog, options, &splits, &|progress: Progress| {
        advance(&bar, progress)
    })
    .map_err(says_no)?;
    bar.finish_and_clear();
    let write =
        |out: &mut dyn Write| -> io::Result<()> { write_predictions(&predicted, trace, out) };
    write_file(predictions, write).map_err(says_no)?;
    console.say(&format!(
        "{}: {} splits",
        predictions.display(),
        predicted.len()
    ));
    Ok(ExitCode::from(exit::DONE))
}
