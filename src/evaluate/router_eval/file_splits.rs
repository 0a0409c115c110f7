//! One router file on the requests that it never saw, and on those of them that new traffic is like:
//! later than its training, or of tasks that it was not trained on.
//!
//! The file is fixed, so nothing is fitted here; what its training window and tasks were stands in
//! its provenance (`trained_on` with `from`, `until` and `tasks`).

use std::collections::BTreeSet;

use serde_json::Value;
use weighbridge_router::{Router, Timestamp};

use super::{EvalError, EvalOptions, RouterEvaluation, evaluate_router, side_by_side};
use crate::evaluate::heldout::HeldOut;
use crate::replay::{Charged, Stage};
use crate::trace::Trace;

/// Evaluate a router file on the requests of `held_out`, with the splits by time and by task that
/// its provenance allows beside it.
///
/// # Errors
/// Where the router has no heads for the model of either role.
pub fn evaluate_file(
    stage: &Stage<'_>,
    charged: &Charged,
    router: &Router,
    pair: Option<[u16; 2]>,
    held_out: &HeldOut,
    options: &EvalOptions,
) -> Result<RouterEvaluation, EvalError> {
    let mut all = evaluate_router(stage, charged, router, pair, held_out, options)?;
    let provenance: Value = serde_json::from_str(&router.parts().provenance).unwrap_or(Value::Null);
    let light = EvalOptions {
        values: Some(Vec::new()),
        by: Vec::new(),
        ..options.clone()
    };
    let measure =
        |rows: Result<Vec<usize>, String>, options: &EvalOptions| -> Result<_, EvalError> {
            Ok(match rows {
                Err(why) => Err(why),
                Ok(rows) => {
                    let rows = HeldOut { rows, dropped: 0 };
                    Ok(evaluate_router(
                        stage, charged, router, pair, &rows, options,
                    )?)
                }
            })
        };
    let by_task = EvalOptions {
        resample_tasks: true,
        ..light.clone()
    };
    let trained_on = &provenance["trained_on"];
    let time = measure(later(stage.trace(), held_out, trained_on), &light)?;
    let task = measure(of_new_tasks(stage.trace(), held_out, trained_on), &by_task)?;
    let named = [
        ("group", Ok(&all)),
        ("time", time.as_ref().map_err(Clone::clone)),
        ("task", task.as_ref().map_err(Clone::clone)),
    ];
    let recorded = provenance.get("splits").filter(|held| held.is_object());
    let splits = side_by_side(&named, recorded.cloned());
    all.warnings.extend(splits.warnings.iter().cloned());
    all.splits = Some(splits);
    Ok(all)
}

/// The requests after the training window.
fn later(trace: &Trace, held_out: &HeldOut, trained_on: &Value) -> Result<Vec<usize>, String> {
    let until = trained_on["until"].as_str();
    let until = until.and_then(|text| Timestamp::parse(text).ok());
    let until =
        until.ok_or("the file does not say until when the requests of its training were")?;
    let later = |&&row: &&usize| trace.at(row).is_some_and(|at| at > until);
    let rows: Vec<usize> = held_out.rows.iter().filter(later).copied().collect();
    if rows.is_empty() {
        return Err(format!(
            "no request is later than the training, which ends at {until}"
        ));
    }
    Ok(rows)
}

/// The requests of tasks that are none of the training's.
fn of_new_tasks(
    trace: &Trace,
    held_out: &HeldOut,
    trained_on: &Value,
) -> Result<Vec<usize>, String> {
    let tasks = trained_on["tasks"].as_array();
    let tasks = tasks.ok_or("the file does not say on which tasks it was trained")?;
    let known: BTreeSet<&str> = tasks.iter().filter_map(Value::as_str).collect();
    let name = |row: usize| trace.task(row).and_then(|task| trace.names().get(task));
    let new = |&&row: &&usize| name(row).is_some_and(|task| !known.contains(task));
    let rows: Vec<usize> = held_out.rows.iter().filter(new).copied().collect();
    if rows.is_empty() {
        return Err("no request is of a task that the training did not have".to_owned());
    }
    Ok(rows)
}
