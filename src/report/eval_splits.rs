//! Splits side by side, as a document.

use serde_json::Value;

use super::document::{Document, Table};
use super::eval::plain;
use super::number::{NONE, count, signed, two_lines, usd_per_1000};
use crate::evaluate::{SplitFigures, Splits};

/// Lay splits out: the split by task, which says most of new traffic, first.
#[must_use]
pub fn splits_document(splits: &Splits) -> Document {
    let mut document = Document::default();
    let mut table = Table::new(
        "splits",
        &[
            "<held out by",
            "requests",
            "tasks",
            "APGR",
            "CPT 50%",
            "PGR at 10%",
            "gain/1,000 at 10%",
            "gain slope",
            "net over best simple / 1,000",
            "<best simple policy",
            "<verdict",
        ],
    );
    let mut notes = Vec::new();
    for name in ["task", "time", "group"] {
        let Some(split) = splits.splits.get(name) else {
            continue;
        };
        match (&split.figures, &split.why) {
            (Some(figures), _) => table.row(row(&shown(name, splits), figures)),
            (None, Some(why)) => notes.push(format!("{name}: {why}")),
            (None, None) => {}
        }
    }
    for (name, figures) in splits
        .recorded
        .iter()
        .filter_map(Value::as_object)
        .flatten()
    {
        if figures["requests"].is_number() {
            table.row(recorded(name, figures));
        }
    }
    document.table(table);
    notes.extend(splits.warnings.iter().cloned());
    document.notes(notes);
    document
}

fn shown(name: &str, splits: &Splits) -> String {
    let words = match name {
        "task" => "task: tasks never seen",
        "time" => "time: later requests",
        _ => "prompt group",
    };
    let headline = splits.headline == name && splits.splits.len() > 1;
    let mark = if headline { " (headline)" } else { "" };
    format!("{words}{mark}")
}

fn row(name: &str, figures: &SplitFigures) -> Vec<String> {
    vec![
        name.to_owned(),
        count(figures.requests as f64),
        count(figures.tasks as f64),
        two_lines(plain(&figures.apgr)),
        two_lines(plain(&figures.cpt50)),
        two_lines(plain(&figures.pgr10)),
        two_lines(plain(&figures.gain_per_1000_at_10)),
        two_lines(plain(&figures.gain_slope)),
        two_lines(signed(&usd_per_1000(&figures.difference))),
        figures
            .best_simple
            .clone()
            .unwrap_or_else(|| NONE.to_owned()),
        figures.verdict.words().to_owned(),
    ]
}

/// What a file's training said of itself; whatever it lacks is a dash.
fn recorded(name: &str, figures: &Value) -> Vec<String> {
    let whole = |field: &str| {
        let number = figures[field].as_f64();
        number.map_or_else(|| NONE.to_owned(), count)
    };
    let number = |field: &str, scale: f64| {
        let figure = &figures[field];
        let end = |place: usize| figure["ci95"][place].as_f64();
        let show = |x: f64| format!("{:.3}", x * scale);
        match (figure["x"].as_f64(), end(0).zip(end(1))) {
            (None, _) => NONE.to_owned(),
            (Some(x), None) => show(x),
            (Some(x), Some((low, high))) => {
                two_lines(format!("{} [{}, {}]", show(x), show(low), show(high)))
            }
        }
    };
    let text = |field: &str| figures[field].as_str().unwrap_or(NONE).replace('_', " ");
    vec![
        format!("{name}, recorded in training"),
        whole("requests"),
        whole("tasks"),
        number("apgr", 1.0),
        number("cpt50", 1.0),
        number("pgr10", 1.0),
        number("gain_per_1000_at_10", 1.0),
        number("gain_slope", 1.0),
        number("difference", 1000.0),
        text("best_simple"),
        text("verdict"),
    ]
}
