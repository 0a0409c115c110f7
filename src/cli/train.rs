//! `train`: a trace to a router file, or predictions on given splits.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use weighbridge_router::{Parts, Router, Trade, Usd};

use super::args_train::TrainArgs;
use super::decide::write_router;
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::learning_curve::learning_curve;
use super::load;
use super::output::Console;
use super::train_measure::{Measured, REPLICATES, measure};
use crate::catalog::Catalog;
use crate::evaluate::Verdict;
use crate::learn::{
    Guard, Progress, TrainOptions, Trained, add_model, predict_splits, read_splits, train,
    write_predictions,
};
use crate::policy::{Dial, Goal, Promise, Roles, SolveOptions, solve};
use crate::report::{AddingResult, TrainingResult, adding_document, training_document};
use crate::trace::Trace;
use crate::trace_io::write_file;
use crate::whatif::PromiseFigures;

pub(super) fn run(args: &TrainArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let trace = load::traces(&args.traces, &args.read, console)?;
    let roles = load::roles(&args.roles, Some(trace.header()));
    if let (Some(model), Some(file)) = (&args.add, &args.to) {
        return add(model, file, args, &trace, &catalog, console);
    }
    let options = options(args, &roles, console)?;
    if let (Some(split), Some(predictions)) = (&args.split, &args.predictions) {
        return predict(split, predictions, &trace, &catalog, &options, console);
    }
    let Some(output) = &args.output else {
        return Err(wrong_call("-o FILE says where the router goes"));
    };
    let dial = args.dial.dial().unwrap_or(Dial {
        goal: Goal::Value(ONE_USD),
        wrong: args.dial.wrong.unwrap_or_default(),
        second: args.dial.second.unwrap_or_default(),
    });
    let trained = fitted(&trace, &catalog, &options, &dial, console)?;
    let (router, promise) = dialled(&trained, &dial, args, console)?;
    let measured = measure(
        &trained,
        &router,
        &trace,
        &catalog,
        &options,
        !args.no_guard,
        console,
    )?;
    let guard = measured.guard(&trained, &router, args.no_guard);
    let router = noted(
        guard.applied(router).map_err(says_no)?,
        &measured,
        &guard,
        &promise,
    )?;
    let refusal = refusal(&measured, &guard).filter(|_| !args.allow_no_gain);
    if refusal.is_none() {
        write_router(&router, output, console)?;
    }
    // With the kind of head that ships, on the rows that the router was measured on.
    let curve = args.learning_curve.then(|| {
        let options = TrainOptions {
            model: trained.head,
            ..options.clone()
        };
        learning_curve(
            (&trace, &catalog),
            &load::bound(&roles),
            &options,
            promise.trade,
            (&trained.held_out[..], REPLICATES),
            console,
        )
    });
    let file = refusal.is_none().then(|| output.display().to_string());
    let result = TrainingResult::new(
        file,
        &trained,
        PromiseFigures::from(&promise),
        guard,
        measured.into_parts(),
    )
    .with_learning_curve(curve.transpose()?);
    let code = console.show(&result, &training_document(&result), args.format)?;
    match refusal {
        None => Ok(code),
        Some(why) => Err(says_no(why)),
    }
}

/// What a right answer is worth in a file that nobody gave a value for: policies and `--redecide`
/// set another without training.
const ONE_USD: Usd = Usd::from_picos(1_000_000_000_000);

fn options(args: &TrainArgs, roles: &Roles, console: &Console) -> Result<TrainOptions, Failure> {
    let bound = load::bound(roles);
    let role = |role: &str| {
        bound.get(role).cloned().ok_or_else(|| {
            wrong_call(format!(
                "nobody has the role `{role}`; bind it with --{role}, or in the trace's header, or name the models with --models"
            ))
        })
    };
    let models = match args.models.is_empty() {
        true => vec![role("driver")?, role("specialist")?],
        false => args.models.clone(),
    };
    // A role that the header binds to a model that is not asked for is nobody's here.
    let named = |name: &String| args.models.is_empty() || args.models.contains(name);
    Ok(TrainOptions {
        specialist: match &args.roles.specialist {
            Some(name) => Some(name.clone()),
            None => bound.get("specialist").filter(|name| named(name)).cloned(),
        },
        models,
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

fn fitted(
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    dial: &Dial,
    console: &Console,
) -> Result<Trained, Failure> {
    let value = match dial.goal {
        Goal::Value(value) => value,
        _ => ONE_USD,
    };
    let trade = Trade {
        value,
        wrong: dial.wrong,
        second: dial.second,
    };
    let bar = console.progress("training", 1);
    let trained = train(trace, catalog, options, trade, &|progress: Progress| {
        advance(&bar, progress);
    })
    .map_err(says_no)?;
    bar.finish_and_clear();
    Ok(trained)
}

/// The router with its dial solved on its calibration sample, and what that promises.
fn dialled(
    trained: &Trained,
    dial: &Dial,
    args: &TrainArgs,
    console: &Console,
) -> Result<(Router, Promise), Failure> {
    let options = SolveOptions {
        requests_per_day: args.dial.requests_per_day,
        seed: console.seed,
        ..SolveOptions::default()
    };
    let (trade, promise) = solve(&trained.router, dial, &options).map_err(says_no)?;
    Ok((trained.router.clone().with_trade(trade), promise))
}

pub(super) fn advance(bar: &indicatif::ProgressBar, progress: Progress) {
    bar.set_length(progress.total as u64);
    bar.set_position(progress.done as u64);
}

/// What was measured, noted in the file's provenance.
fn noted(
    router: Router,
    measured: &Measured,
    guard: &Guard,
    promise: &Promise,
) -> Result<Router, Failure> {
    let mut parts: Parts = router.parts().clone();
    let mut provenance: Value = serde_json::from_str(&parts.provenance).unwrap_or_default();
    if let Some(object) = provenance.as_object_mut() {
        object.insert("dial".into(), promise.to_json());
        object.insert(
            "guard".into(),
            json!({ "regime": guard.regime, "ships": guard.ships, "other_tasks": guard.other_tasks }),
        );
        object.extend(measured.provenance().map_err(says_no)?);
    }
    parts.provenance = provenance.to_string();
    Router::try_new(parts).map_err(says_no)
}

/// Why the router is not worth having, if it is not shown to be.
fn refusal(measured: &Measured, guard: &Guard) -> Option<String> {
    let over = "; --allow-no-gain writes the file all the same";
    if let Some(ships) = &guard.ships {
        return Some(format!(
            "{} A fixed policy says as much: `{ships}` for all{over}",
            guard.sentence
        ));
    }
    let Some(net) = measured.net() else {
        return Some(format!(
            "no net value could be measured on rows that the router did not learn from{over}"
        ));
    };
    if net.verdict == Verdict::Better {
        return None;
    }
    let cheaper = net.cheaper.as_ref().map_or(String::new(), |policy| {
        format!(
            ", and {} costs less at a success that is not clearly lower",
            policy.name
        )
    });
    let shown = match net.verdict {
        Verdict::Worse => "the router is worse than",
        _ => "the router is not shown to beat",
    };
    Some(format!(
        "{shown} {}, the best simple policy, on rows that it did not learn from{cheaper}{over}",
        net.best_simple
    ))
}

/// One more model for a router file.
fn add(
    model: &str,
    file: &Path,
    args: &TrainArgs,
    trace: &Trace,
    catalog: &Catalog,
    console: &Console,
) -> Outcome {
    let router = load::router(file)?;
    let options = TrainOptions {
        models: vec![model.to_owned()],
        salt: args.salt.clone(),
        seed: console.seed,
        holdout: args.holdout,
        model: args.model,
        pass_at: args.pass_at,
        threads: console.threads,
        ..TrainOptions::default()
    };
    let bar = console.progress("training", 1);
    let added = add_model(&router, trace, catalog, &options, &|progress: Progress| {
        advance(&bar, progress);
    })
    .map_err(says_no)?;
    bar.finish_and_clear();
    for warning in &added.warnings {
        console.warn(warning);
    }
    let output = args.output.as_deref().unwrap_or(file);
    write_router(&added.router, output, console)?;
    let result = AddingResult::new(&output.display().to_string(), &added);
    console.show(&result, &adding_document(&result), args.format)
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
        advance(&bar, progress);
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
