//! A new model joins a router file: heads of its own, and nothing of the others is fitted again.

use serde_json::{Value, json};
use weighbridge_router::{
    CalibrationModel, GroupFilter, Heads, Parts, Recipe, Router, Scratch, Step, Success,
};

use super::assemble;
use super::error::LearnError;
use super::fit::{self, Frozen, TrainingSet};
use super::heads::HeadKind;
use super::jobs::Progress;
use super::labels::Target;
use super::options::TrainOptions;
use super::reference;
use super::shrink;
use super::split;
use super::train::{ModelRows, check_labels, model_rows, training_set};
use crate::catalog::Catalog;
use crate::trace::Trace;

/// Fewer rows than this that no head of the file learned from make no calibration sample; then the
/// sample has rows that they did learn from, and says so.
const MIN_UNSEEN: usize = 100;

/// A router with one model more.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// The router.
    pub router: Router,
    /// What the new heads rest on.
    pub model: ModelRows,
    /// The kind of head that was chosen.
    pub head: HeadKind,
    /// Training rows: those outside the file's hold-out with a prompt and a known outcome.
    pub training_rows: usize,
    /// What a reader of the file should know.
    pub warnings: Vec<String>,
}

/// Trains heads for one model on the features of a router file, and adds them to it. The hold-out
/// is the file's; of `options` the model's name is the only one of `models`.
///
/// # Errors
/// As [`super::train`]; a file that has the model already, or whose features are of an older kind.
pub fn add_model(
    router: &Router,
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Added, LearnError> {
    options.check()?;
    let options = of_file(router, options);
    let target = Target::named(None, &options.models[0], catalog);
    let frozen = frozen(router, &target)?;
    let targets = [target];
    let labels = options.labels(&targets, trace, catalog)?;
    let (set, _) = training_set(trace, &labels, &options);
    check_labels(&set, &labels[0])?;
    let fitted = fit::fit(&set, Some(&frozen), &options.fit_options(&[]), progress)?;
    let model = model_rows(&set, &fitted).swap_remove(0);

    let mut warnings = Vec::new();
    let places = sample_places(router, &set, options.seed, &mut warnings);
    let mut sampled = of_others(&unshrunk(router)?, &set, &places);
    sampled.push(assemble::calibration_model(
        &targets[0].model,
        &fitted.models[0],
        &places,
    ));
    let shrink = shrink::widened(router.parts().shrink.as_ref(), &labels[0], &set.rows);
    shrink::apply(shrink.as_ref(), &mut sampled);
    let old = router.parts().clone();
    let mut heads = widened(old.heads, &fitted.steps)?;
    heads.extend(assemble::heads(&targets, &fitted.models));
    let mut endpoints = old.endpoints;
    for endpoint in assemble::endpoints_of(&targets[0], catalog) {
        if !endpoints.iter().any(|held| held.id == endpoint.id) {
            endpoints.push(endpoint);
        }
    }
    let groups = split::distinct(set.groups.iter().copied());
    let training = match old.training {
        Some(filter) => filter.with(&groups),
        None => GroupFilter::of(&groups),
    };
    let provenance = noted(&old.provenance, &set, &model);
    let router = Router::try_new(Parts {
        endpoints,
        heads,
        steps: fitted.steps,
        shrink,
        calibration: assemble::calibration(&set, &places, sampled),
        training: Some(training),
        provenance,
        ..router.parts().clone()
    })?;
    Ok(Added {
        router,
        model,
        head: fitted.kind,
        training_rows: set.rows.len(),
        warnings,
    })
}

/// The options with the hold-out that the file was trained with, so that what it never saw stays
/// unseen.
fn of_file(router: &Router, options: &TrainOptions) -> TrainOptions {
    let provenance: Value = serde_json::from_str(&router.parts().provenance).unwrap_or(Value::Null);
    let split = &provenance["split"];
    let salt = split["salt"].as_str().map(str::to_owned);
    let holdout = split["holdout"]
        .as_f64()
        .filter(|share| (0.0..1.0).contains(share));
    TrainOptions {
        salt: salt.unwrap_or_else(|| options.salt.clone()),
        holdout: holdout.unwrap_or(options.holdout),
        ..options.clone()
    }
}

/// The steps of the file, if a new model's heads can stand beside the old ones on them.
fn frozen(router: &Router, target: &Target) -> Result<Frozen, LearnError> {
    let fault = |message: String| {
        Err(LearnError::Option {
            option: "add",
            message,
        })
    };
    if router
        .heads()
        .iter()
        .any(|heads| heads.model == target.model)
    {
        return fault(format!("the file has heads for `{}` already", target.model));
    }
    if router.heads().is_empty() {
        return fault("the file has no heads; name all models with --models and train anew".into());
    }
    let mut steps = router.recipe().steps().to_vec();
    let words = match steps.last() {
        Some(Step::WordScores(_)) => steps.pop().and_then(|step| match step {
            Step::WordScores(words) => Some(words),
            _ => None,
        }),
        _ => None,
    };
    let older = |step: &Step| matches!(step, Step::Words(_) | Step::WordScores(_));
    if steps.iter().any(older) {
        return fault("the file's features are of an older kind; train all models anew".into());
    }
    Ok(Frozen {
        shared: steps,
        words,
    })
}

/// The old heads on the columns of the new recipe: one word score more, which they do not look at.
fn widened(heads: Vec<Heads>, steps: &[Step]) -> Result<Vec<Heads>, LearnError> {
    let columns = Recipe::try_new(steps.to_vec())?.columns();
    let wide = |heads: Heads| {
        let mut heads = heads;
        widen(&mut heads.success, columns);
        heads.output_tokens.weights.resize(columns, 0.0);
        heads
    };
    Ok(heads.into_iter().map(wide).collect())
}

fn widen(head: &mut Success, columns: usize) {
    match head {
        Success::Logistic(head) => head.weights.resize(columns, 0.0),
        Success::Trees(_) => {}
        Success::Mean(mean) => mean.of.iter_mut().for_each(|head| widen(head, columns)),
    }
}

/// Rows for the calibration sample: those that the file's heads never saw, where they are enough.
fn sample_places(
    router: &Router,
    set: &TrainingSet<'_>,
    seed: u64,
    warnings: &mut Vec<String>,
) -> Vec<usize> {
    let places = assemble::sample(set, seed);
    let unseen: Vec<usize> = (places.iter().copied())
        .filter(|&at| !router.trained_on(&set.groups[at]))
        .collect();
    if unseen.len() >= MIN_UNSEEN {
        return unseen;
    }
    warnings.push(format!(
        "{} of the {} rows of the new calibration sample were trained on by the other models' heads, whose predictions there are too sure; dials solved on it are a little off",
        places.len() - unseen.len(),
        places.len()
    ));
    places
}

/// The router with what its heads say, and no more.
fn unshrunk(router: &Router) -> Result<Router, LearnError> {
    Ok(Router::try_new(Parts {
        shrink: None,
        ..router.parts().clone()
    })?)
}

/// What the heads of the file say of the rows.
fn of_others(router: &Router, set: &TrainingSet<'_>, places: &[usize]) -> Vec<CalibrationModel> {
    let mut models: Vec<CalibrationModel> = (router.heads().iter())
        .map(|heads| CalibrationModel {
            model: heads.model.clone(),
            success: Vec::with_capacity(places.len()),
            log_output_tokens: Vec::with_capacity(places.len()),
        })
        .collect();
    let mut scratch = Scratch::default();
    for &at in places {
        let request = set.trace.request(set.rows[at]);
        let said = router.predict(&request, &mut scratch);
        for ((model, said), heads) in models.iter_mut().zip(said).zip(router.heads()) {
            let tokens = said.output_tokens / heads.output_tokens.smearing;
            model.success.push(said.success.get() as f32);
            model
                .log_output_tokens
                .push(libm::log(tokens.max(1e-6)) as f32);
        }
    }
    models
}

/// The provenance with what was added.
fn noted(provenance: &str, set: &TrainingSet<'_>, model: &ModelRows) -> String {
    let mut all: Value = serde_json::from_str(provenance).unwrap_or_else(|_| json!({}));
    let entry = json!({
        "model": model.model, "rows": model.to_json(),
        "trace": set.trace.fingerprint().to_string(), "source": set.trace.header().source,
    });
    if let Some(object) = all.as_object_mut() {
        let added = object.entry("added").or_insert_with(|| json!([]));
        if let Some(list) = added.as_array_mut() {
            list.push(entry);
        }
    }
    reference::join(&mut all, set);
    all.to_string()
}
