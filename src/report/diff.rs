//! What a rollout changes as a document.

use serde::Serialize;
use serde_json::Value;

use super::document::{Document, Table};
use super::number::{NONE, count, money, percent, share, signed};
use crate::evaluate::Figure;
use crate::export::{Change, FigurePair, FileDiff, Part, Recorded};
use crate::whatif::{DiffFigure, MovedRequest, Moves, Route, TaskMoves, TrafficDiff};

/// Two routers, and what differs; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffResult {
    /// `weighbridge.diff/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// What runs today.
    pub a: String,
    /// What is to run.
    pub b: String,
    /// Whether they decide alike: on every request of the trace, or without one in all parts of the
    /// files that bear on a decision.
    pub decide_alike: bool,
    /// What differs in the files.
    pub files: FileDiff,
    /// Which requests move; null without a trace.
    pub traffic: Option<TrafficDiff>,
}

impl DiffResult {
    /// Put together.
    #[must_use]
    pub fn new([a, b]: [String; 2], files: FileDiff, traffic: Option<TrafficDiff>) -> Self {
        let moves_none = |it: &TrafficDiff| it.routes.is_empty();
        Self {
            format: "weighbridge.diff/1",
            version: env!("CARGO_PKG_VERSION"),
            a,
            b,
            decide_alike: traffic.as_ref().map_or(files.same_decisions, moves_none),
            files,
            traffic,
        }
    }
}

/// Lay a comparison out.
#[must_use]
pub fn diff_document(result: &DiffResult) -> Document {
    let mut document = Document::default();
    document.text(format!(
        "A is {}, B is {}. {}",
        result.a,
        result.b,
        opening(result)
    ));
    files(&mut document, &result.files);
    if let Some(traffic) = &result.traffic {
        self::traffic(&mut document, traffic);
    }
    document
}

fn opening(result: &DiffResult) -> String {
    let files = match (result.files.same_decisions, result.files.changes.is_empty()) {
        (true, true) => "The two say the same.",
        (true, false) => "All that bears on a decision is the same.",
        (false, _) => "They differ in what bears on a decision.",
    };
    let Some(traffic) = &result.traffic else {
        let ask = match result.files.same_decisions {
            true => "",
            false => " With a trace, diff says which requests move and at what cost.",
        };
        return format!("{files}{ask}");
    };
    let dropped = match traffic.trace.dropped_training_rows {
        0 => String::new(),
        n => format!(
            "; {} more are left out, on which one of them may have been trained",
            count(n as f64)
        ),
    };
    let moved = match traffic.routes.is_empty() {
        true => "none moves".to_owned(),
        false => format!("{} go elsewhere", percent(&traffic.moved)),
    };
    let requests = count(traffic.trace.requests as f64);
    format!("{files} Of {requests} requests {moved}{dropped}.")
}

fn files(document: &mut Document, files: &FileDiff) {
    let rows = |decides: bool| {
        let changes = files.changes.iter();
        changes.filter(move |it| it.part.decides() == decides)
    };
    let titles = ["<part", "<of", "<field", "<A", "<B", "<unit"];
    let mut table = Table::new("decisions", &titles);
    rows(true).for_each(|it| table.row(change(it)));
    heading(document, "What bears on a decision", &table);
    let mut table = Table::new("training", &titles);
    rows(false).for_each(|it| table.row(change(it)));
    heading(document, "Training and roles", &table);
    let mut table = Table::new("figures", &["<measured by", "<figure", "A", "B", "<unit"]);
    files.figures.iter().for_each(|it| table.row(pair(it)));
    heading(
        document,
        "What the trainings recorded of themselves, cross-validated, and what the dials promise",
        &table,
    );
}

fn heading(document: &mut Document, text: &str, table: &Table) {
    if !table.rows.is_empty() {
        document.heading(text);
        document.table(table.clone());
    }
}

fn change(it: &Change) -> Vec<String> {
    let gone = it.a.is_null() || it.b.is_null();
    let field = match (it.field.is_empty(), gone) {
        (false, _) => it.field.clone(),
        (true, false) => NONE.to_owned(),
        (true, true) if it.a.is_null() => "new".to_owned(),
        (true, true) => "gone".to_owned(),
    };
    vec![
        it.part.words().to_owned(),
        it.of.clone(),
        field,
        value(it.part, &it.a),
        value(it.part, &it.b),
        it.unit.unwrap_or_default().to_owned(),
    ]
}

fn value(part: Part, value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        // A model or an endpoint list reads as one.
        Value::Array(items) if items.iter().all(Value::is_string) && part != Part::Choose => {
            let texts = items.iter().filter_map(Value::as_str);
            texts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn pair(it: &FigurePair) -> Vec<String> {
    let shown = |of: &Option<Recorded>| match of {
        None => NONE.to_owned(),
        Some(of) => {
            let x = significant(of.x);
            of.ci95.map_or(x.clone(), |[low, high]| {
                format!("{x} [{}, {}]", significant(low), significant(high))
            })
        }
    };
    vec![
        it.split.clone(),
        it.figure.clone(),
        shown(&it.a),
        shown(&it.b),
        it.unit.clone(),
    ]
}

fn traffic(document: &mut Document, traffic: &TrafficDiff) {
    document.heading("What it comes to");
    let mut table = Table::new(
        "totals",
        &[
            "<figure",
            "A",
            "B",
            "B less A",
            "<verdict",
            "B less A, predicted",
            "requests to tell",
        ],
    );
    traffic.figures.iter().for_each(|it| table.row(total(it)));
    document.table(table);
    document.notes(notes(traffic));
    let mut table = Table::new(
        "moves",
        &[
            "<from",
            "<to",
            "requests",
            "share",
            "net USD / 1,000",
            "right",
            "USD / 1,000",
            "seconds",
            "<tasks",
        ],
    );
    traffic.routes.iter().for_each(|it| table.row(route(it)));
    heading(
        document,
        "Which requests move, and what each of them differs by",
        &table,
    );
    let mut table = Table::new(
        "tasks",
        &[
            "<task",
            "requests",
            "moved",
            "net USD / 1,000",
            "right",
            "USD / 1,000",
            "seconds",
        ],
    );
    traffic.tasks.iter().for_each(|it| table.row(task(it)));
    if !traffic.routes.is_empty() {
        heading(document, "Task by task, moved or not", &table);
    }
    tops(document, traffic);
}

fn notes(traffic: &TrafficDiff) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(trade) = &traffic.trade {
        notes.push(format!(
            "charged at ${} a right answer, ${} a wrong one, ${} a second, where requests bring no value",
            trade.value_usd, trade.wrong_usd, trade.second_usd
        ));
    }
    let it = &traffic.unanswered;
    if it.lost > 0.0 {
        let ids = it.lost_ids.join(", ");
        notes.push(format!(
            "{} requests become unanswered: {ids}",
            count(it.lost)
        ));
    }
    if it.won > 0.0 {
        notes.push(format!(
            "{} requests that nobody answered are answered",
            count(it.won)
        ));
    }
    if it.a > 0.0 || it.b > 0.0 {
        let (a, b) = (count(it.a), count(it.b));
        notes.push(format!("unanswered: {a} under A, {b} under B"));
    }
    notes.extend(traffic.warnings.iter().cloned());
    notes
}

fn total(it: &DiffFigure) -> Vec<String> {
    let show = |figure: &Figure| shown(it.figure, figure);
    let difference = match &it.difference.why {
        Some(why) if it.difference.x.is_none() => why.clone(),
        _ => signed(&show(&it.difference)),
    };
    let to_tell = it.requests_to_tell.map(|n| count(n as f64));
    vec![
        label(it.figure).to_owned(),
        show(&it.a),
        show(&it.b),
        difference,
        it.verdict.words().to_owned(),
        it.predicted
            .as_ref()
            .map_or(NONE.to_owned(), |it_| signed(&show(it_))),
        to_tell.unwrap_or_else(|| NONE.to_owned()),
    ]
}

fn label(figure: &str) -> &'static str {
    match figure {
        "net_usd_per_request" => "net USD / 1,000",
        "success" => "right",
        "cost_usd_per_request" => "USD / 1,000",
        _ => "mean latency, seconds",
    }
}

/// A figure by the name that it has in the result.
fn shown(name: &str, figure: &Figure) -> String {
    let Some(x) = figure.x else {
        return NONE.to_owned();
    };
    let one = |x: f64| match name {
        "net_usd_per_request" | "cost_usd_per_request" => money(x * 1000.0),
        "success" => format!("{:.1}", x * 100.0),
        _ => format!("{:.1}", x / 1000.0),
    };
    let unit = match name {
        "success" => "%",
        _ => "",
    };
    match figure.ci95 {
        None => format!("{}{unit}", one(x)),
        Some([low, high]) => format!("{}{unit} [{}, {}]", one(x), one(low), one(high)),
    }
}

const COLUMNS: [&str; 4] = [
    "net_usd_per_request",
    "success",
    "cost_usd_per_request",
    "latency_ms_mean",
];

fn columns<T>(of: &Moves<T>) -> [&T; 4] {
    [&of.net_usd, &of.success, &of.cost_usd, &of.latency_ms]
}

/// What is recorded; where nothing is, what is predicted, marked so.
fn differences(recorded: &Moves<Figure>, predicted: &Moves<Option<f64>>) -> Vec<String> {
    let pairs = columns(recorded).into_iter().zip(columns(predicted));
    pairs
        .zip(COLUMNS)
        .map(
            |((recorded, predicted), name)| match (recorded.x, predicted) {
                (None, Some(x)) => {
                    let figure = Figure::known(*x, "", 0);
                    format!("{} predicted", signed(&shown(name, &figure)))
                }
                _ => signed(&shown(name, recorded)),
            },
        )
        .collect()
}

fn route(it: &Route) -> Vec<String> {
    let mut tasks: Vec<(&String, &f64)> = it.tasks.iter().collect();
    tasks.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    let tasks = tasks
        .iter()
        .map(|(task, n)| format!("{task} {}", count(**n)));
    let mut row = vec![
        endpoint(it.from.as_ref()),
        endpoint(it.to.as_ref()),
        count(it.requests),
        percent(&it.share),
    ];
    row.extend(differences(&it.recorded, &it.predicted));
    row.push(tasks.collect::<Vec<_>>().join(", "));
    row
}

fn task(it: &TaskMoves) -> Vec<String> {
    let moved = it.moved.x.map_or(NONE.to_owned(), share);
    let mut row = vec![it.task.clone(), count(it.requests as f64), moved];
    row.extend(differences(&it.recorded, &it.predicted));
    row
}

fn tops(document: &mut Document, traffic: &TrafficDiff) {
    let Some(by) = traffic.tops.ranked_by else {
        return;
    };
    let titles = [
        "<request",
        "<task",
        "<from",
        "<to",
        "net USD",
        "right",
        "USD",
        "seconds",
        "net USD, predicted",
        "right, predicted",
    ];
    for (name, what, requests) in [
        ("costs", "loses", &traffic.tops.costs),
        ("gains", "gains", &traffic.tops.gains),
    ] {
        let mut table = Table::new(name, &titles);
        requests.iter().for_each(|it| table.row(request(it)));
        let title = format!("The requests whose move {what} most, by {}", by.words());
        heading(document, &title, &table);
    }
    if traffic.tops.left_out > 0 {
        document.notes(vec![format!(
            "{} moves are not ranked: their {} is not known",
            count(traffic.tops.left_out as f64),
            by.words()
        )]);
    }
}

fn request(it: &MovedRequest) -> Vec<String> {
    let dollars = |x: Option<f64>| x.map_or(NONE.to_owned(), |x| signed(&money(x)));
    let right = |x: Option<f64>| x.map_or(NONE.to_owned(), |x| signed(&format!("{x:.2}")));
    let seconds = it
        .recorded
        .latency_ms
        .map(|ms| format!("{:.1}", ms / 1000.0));
    vec![
        it.id.clone(),
        it.task.clone(),
        endpoint(it.from.as_ref()),
        endpoint(it.to.as_ref()),
        dollars(it.recorded.net_usd),
        right(it.recorded.success),
        dollars(it.recorded.cost_usd),
        seconds.map_or(NONE.to_owned(), |it| signed(&it)),
        dollars(it.predicted.net_usd),
        right(it.predicted.success),
    ]
}

fn endpoint(id: Option<&String>) -> String {
    id.cloned().unwrap_or_else(|| "nobody".to_owned())
}

/// Four significant digits.
fn significant(x: f64) -> String {
    let places = match x.abs() {
        0.0 => 0,
        x => (3.0 - x.log10().floor()).clamp(0.0, 9.0) as usize,
    };
    let text = format!("{x:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
