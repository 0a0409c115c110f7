//! A router from what was learned: endpoints, heads, calibration sample, provenance.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weighbridge_router::{
    Calibration, CalibrationModel, Choose, Endpoint, Heads, LogLinear, Logistic, Parts, Success,
    Trade,
};

use super::fit::{FittedModel, TrainingSet};
use super::heads::HeadKind;
use super::labels::{Labels, Target};
use super::options::TrainOptions;
use crate::catalog::Catalog;
use crate::stats;
use crate::trace::Trace;

/// The version of the fitting library that is built in; a test compares it with the lock file.
pub(super) const LINFA_LOGISTIC: &str = "0.8.1";

/// The endpoints of a model as the catalog sells it, else its name alone.
pub(super) fn endpoints_of(target: &Target, catalog: &Catalog) -> Vec<Endpoint> {
    let cards = catalog.cards().iter().map(|card| &card.endpoint);
    let mine: Vec<Endpoint> = cards
        .filter(|endpoint| endpoint.model == target.model)
        .cloned()
        .collect();
    match mine.is_empty() {
        true => vec![Endpoint::recorded_only(&target.model)],
        false => mine,
    }
}

/// All but what is learned.
pub(super) fn bare_parts(targets: &[Target], catalog: &Catalog, trade: Trade) -> Parts {
    // In the order of the catalog, by which ties go; what it does not have, last.
    let place = |endpoint: &Endpoint| {
        let cards = catalog.cards();
        let at = cards
            .iter()
            .position(|card| card.endpoint.id == endpoint.id);
        at.unwrap_or(cards.len())
    };
    let mut endpoints: Vec<Endpoint> = (targets.iter())
        .flat_map(|target| endpoints_of(target, catalog))
        .collect();
    endpoints.sort_by_key(place);
    let role = |target: &Target| Some((target.role?.to_owned(), target.bound.clone()));
    Parts {
        endpoints,
        choose: Some(Choose::Router(trade)),
        fallback: vec![targets[0].bound.clone()],
        roles: targets.iter().filter_map(role).collect(),
        ..Parts::default()
    }
}

/// Heads that fit no features, to try the other parts with.
pub(super) fn with_empty_heads(parts: Parts, targets: &[Target]) -> Parts {
    let heads = targets.iter().map(|target| Heads {
        model: target.model.clone(),
        success: Success::Logistic(Logistic {
            weights: Vec::new(),
            bias: 0.0,
            platt: [1.0, 0.0],
        }),
        output_tokens: LogLinear {
            weights: Vec::new(),
            bias: 0.0,
            smearing: 1.0,
        },
    });
    Parts {
        heads: heads.collect(),
        ..parts
    }
}

/// The pairs of heads of a fit that was asked for token heads.
pub(super) fn heads(targets: &[Target], models: &[FittedModel]) -> Vec<Heads> {
    let pairs = targets.iter().zip(models);
    pairs
        .filter_map(|(target, fitted)| {
            Some(Heads {
                model: target.model.clone(),
                success: fitted.success.clone(),
                output_tokens: fitted.output_tokens.clone()?,
            })
        })
        .collect()
}

/// Mean cost of a request by model, USD, at its first endpoint with a price; empty where one has
/// none.
pub(super) fn mean_costs(parts: &Parts, labels: &[Labels], trace: &Trace) -> Vec<f64> {
    let mean_cost = |labels: &Labels| {
        let endpoint = (parts.endpoints.iter())
            .find(|endpoint| endpoint.model == labels.model && !endpoint.prices.is_empty())?;
        let (mut sum, mut rows) = (0.0, 0.0);
        for (row, tokens) in labels.tokens.iter().enumerate() {
            let cost = (*tokens).and_then(|t| endpoint.predicted_cost(&trace.request(row), t));
            if let Some(cost) = cost {
                sum += cost;
                rows += 1.0;
            }
        }
        (rows > 0.0).then(|| sum / rows)
    };
    let costs: Option<Vec<f64>> = labels.iter().map(mean_cost).collect();
    costs.unwrap_or_default()
}

/// A sample of the training rows by keyed hash of their ids, in the order of the trace: their
/// places among the rows.
pub(super) fn sample(set: &TrainingSet<'_>, seed: u64) -> Vec<usize> {
    let key = |row: usize| stats::unit_hash(seed, "calibration", set.trace.id(row).as_bytes());
    let mut drawn: Vec<(u64, usize)> = (set.rows.iter().enumerate())
        .map(|(at, &row)| (key(row), at))
        .collect();
    drawn.sort_unstable();
    drawn.truncate(Calibration::MAX_ROWS);
    let mut places: Vec<usize> = drawn.into_iter().map(|(_, at)| at).collect();
    places.sort_unstable();
    places
}

/// The calibration sample at these places.
pub(super) fn calibration(
    set: &TrainingSet<'_>,
    places: &[usize],
    models: Vec<CalibrationModel>,
) -> Calibration {
    let input = |&at: &usize| {
        let tokens = set.trace.request(set.rows[at]).input_tokens_or_estimate();
        tokens.map_or(0, |tokens| tokens.0)
    };
    Calibration {
        requests_per_day: set.trace.header().requests_per_day,
        input_tokens: places.iter().map(input).collect(),
        models,
    }
}

/// What a fit says of the places, out of fold.
pub(super) fn calibration_model(
    model: &str,
    fitted: &FittedModel,
    places: &[usize],
) -> CalibrationModel {
    let pick = |values: &[f64]| places.iter().map(|&at| values[at] as f32).collect();
    CalibrationModel {
        model: model.to_owned(),
        success: pick(&fitted.success_out_of_fold),
        log_output_tokens: pick(&fitted.log_tokens_out_of_fold),
    }
}

/// The sources of each endpoint's prices.
pub(super) fn price_sources(parts: &Parts, catalog: &Catalog) -> Value {
    let sources = parts.endpoints.iter().filter_map(|endpoint| {
        let rows = &catalog.endpoint(&endpoint.id)?.price_sources;
        let sources: Vec<&str> = rows.iter().map(|row| row.source.as_str()).collect();
        Some((endpoint.id.clone(), json!(sources)))
    });
    Value::Object(sources.collect())
}

/// Where the router came from; whoever has measured it adds to it.
pub(super) fn provenance(
    set: &TrainingSet<'_>,
    options: &TrainOptions,
    kind: HeadKind,
    counts: &Value,
    prices: &Value,
) -> Value {
    let header = set.trace.header();
    let assumed: BTreeMap<&str, &str> = (header.assumed.iter())
        .map(|it| (it.field.as_str(), it.what.as_str()))
        .collect();
    json!({
        "trace": {
            "fingerprint": set.trace.fingerprint().to_string(), "requests": set.trace.len(), "source": header.source,
            "licence": header.licence, "synthetic": header.synthetic, "assumed": assumed,
        },
        "trained_on": trained_on(set),
        "split": {
            "salt": options.salt, "holdout": options.holdout, "seed": options.seed, "folds": options.folds,
        },
        "rows": counts,
        "options": {
            "features": options.features.on(), "model": options.model.name(), "head": kind.name(),
            "pass_at": options.pass_at.or(header.pass_at),
        },
        "versions": {"weighbridge": env!("CARGO_PKG_VERSION"), "linfa-logistic": LINFA_LOGISTIC},
        "price_sources": prices,
    })
}

/// The window of time and the tasks of the training rows.
fn trained_on(set: &TrainingSet<'_>) -> Value {
    let times = || set.rows.iter().filter_map(|&row| set.trace.request(row).at);
    let mut tasks: Vec<&str> = (set.rows.iter())
        .filter_map(|&row| set.trace.request(row).task)
        .collect();
    tasks.sort_unstable();
    tasks.dedup();
    json!({
        "from": times().min().map(|at| at.to_string()),
        "until": times().max().map(|at| at.to_string()),
        "tasks": tasks,
    })
}
