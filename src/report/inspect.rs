//! What is in a trace, as a document.

use super::document::{Document, Table};
use super::number::{NONE, count, money, share};
use crate::evaluate::{Inspection, Spread};

/// Lay an inspection out.
#[must_use]
pub fn inspection_document(inspection: &Inspection) -> Document {
    let mut document = Document::default();
    document.text(opening(inspection));
    document.notes(header(inspection));
    document.heading("Outcomes");
    document.table(coverage(inspection));
    document.heading("Distributions (recorded; USD charged at the catalog's prices where tokens and a price are known)");
    document.table(spreads(inspection));
    if !inspection.pairs.is_empty() {
        document.heading("Who is right");
        document.table(pairs(inspection));
    }
    if !inspection.tasks.is_empty() {
        document.heading("Tasks");
        document.table(tasks(inspection));
    }
    document.notes(remarks(inspection));
    document.heading("What it can answer");
    document.table(answers(inspection));
    document
}

fn opening(inspection: &Inspection) -> String {
    let mut text = format!(
        "{} requests, {} outcomes",
        count(inspection.requests as f64),
        count(inspection.outcomes as f64)
    );
    if let Some([from, until]) = &inspection.span {
        text.push_str(&format!(", from {from} to {until}"));
    }
    if inspection.sessions > 0 {
        text.push_str(&format!(", {} sessions", count(inspection.sessions as f64)));
    }
    text.push('.');
    text
}

fn header(inspection: &Inspection) -> Vec<String> {
    let mut notes = Vec::new();
    let optional = [
        ("source", &inspection.source),
        ("licence", &inspection.licence),
        ("synthetic", &inspection.synthetic),
    ];
    notes.extend(
        optional
            .into_iter()
            .filter_map(|(name, text)| Some(format!("{name}: {}", text.as_ref()?))),
    );
    notes.extend(
        inspection
            .roles
            .iter()
            .map(|(role, name)| format!("{role}: {name}")),
    );
    notes.extend(
        inspection
            .assumed
            .iter()
            .map(|what| format!("assumed, not recorded: {what}")),
    );
    notes.push(format!("fingerprint: {}", inspection.fingerprint));
    notes
}

fn coverage(inspection: &Inspection) -> Table {
    let mut table = Table::new(
        "coverage",
        &[
            "<model",
            "<endpoint",
            "outcomes",
            "of requests",
            "score",
            "in tokens",
            "out tokens",
            "bill",
            "latency",
            "mean score",
        ],
    );
    for row in &inspection.coverage {
        table.row(vec![
            row.model.clone(),
            row.endpoint.clone().unwrap_or_else(|| NONE.to_owned()),
            count(row.outcomes as f64),
            share(row.outcome),
            share(row.score),
            share(row.input_tokens),
            share(row.output_tokens),
            share(row.bill),
            share(row.latency),
            row.mean_score.map_or_else(|| NONE.to_owned(), share),
        ]);
    }
    table
}

fn spreads(inspection: &Inspection) -> Table {
    let mut table = Table::new(
        "distributions",
        &["<figure", "<of", "n", "p50", "p90", "p99", "mean", "sum"],
    );
    let mut push = |figure: &str, of: &str, spread: Option<Spread>, show: fn(f64) -> String| {
        if let Some(spread) = spread {
            let numbers = [spread.p50, spread.p90, spread.p99, spread.mean, spread.sum].map(show);
            let mut row = vec![figure.to_owned(), of.to_owned(), count(spread.n as f64)];
            row.extend(numbers);
            table.row(row);
        }
    };
    for row in &inspection.coverage {
        let of = row.endpoint.as_ref().unwrap_or(&row.model);
        push("input tokens", of, row.input_tokens_spread, count);
        push("output tokens", of, row.output_tokens_spread, count);
        push("bill, USD", of, row.bill_usd_spread, money);
        push("latency, ms", of, row.latency_ms_spread, count);
    }
    for (endpoint, spread) in &inspection.charged_usd {
        push("charged, USD", endpoint, *spread, money);
    }
    table
}

fn pairs(inspection: &Inspection) -> Table {
    let mut table = Table::new(
        "pairs",
        &[
            "<driver",
            "<specialist",
            "requests",
            "both right",
            "only driver",
            "only specialist",
            "neither",
            "unknown",
        ],
    );
    for pair in &inspection.pairs {
        let shown = |x: Option<f64>| x.map_or_else(|| NONE.to_owned(), share);
        table.row(vec![
            pair.driver.clone(),
            pair.specialist.clone(),
            count(pair.n as f64),
            shown(pair.both),
            shown(pair.only_driver),
            shown(pair.only_specialist),
            shown(pair.neither),
            count(pair.unknown as f64),
        ]);
    }
    table
}

/// The most frequent tasks.
fn tasks(inspection: &Inspection) -> Table {
    let mut tasks: Vec<(&String, u64)> = inspection
        .tasks
        .iter()
        .map(|(task, &n)| (task, n))
        .collect();
    tasks.sort_by_key(|&(task, n)| (std::cmp::Reverse(n), task));
    let mut table = Table::new("tasks", &["<task", "requests", "share"]);
    for (task, n) in tasks.iter().take(20) {
        table.row(vec![
            (*task).clone(),
            count(*n as f64),
            share(*n as f64 / inspection.requests as f64),
        ]);
    }
    if let Some(rest) = tasks.get(20..).filter(|rest| !rest.is_empty()) {
        let n: u64 = rest.iter().map(|(_, n)| n).sum();
        table.row(vec![
            format!("{} others", rest.len()),
            count(n as f64),
            share(n as f64 / inspection.requests as f64),
        ]);
    }
    table
}

fn remarks(inspection: &Inspection) -> Vec<String> {
    let missing: Vec<String> = inspection
        .missing
        .iter()
        .filter(|&(_, &n)| n > 0)
        .map(|(field, &n)| format!("{field} {}", count(n as f64)))
        .collect();
    let mut notes = Vec::new();
    if !missing.is_empty() {
        notes.push(format!(
            "requests that lack a field: {}",
            missing.join(", ")
        ));
    }
    let groups = &inspection.groups;
    notes.push(format!(
        "{} prompt groups; {} of them repeat ({} requests, the largest {})",
        count(groups.groups as f64),
        count(groups.repeated as f64),
        count(groups.requests_in_repeated as f64),
        count(groups.largest as f64)
    ));
    let logging = &inspection.logging;
    notes.push(format!(
        "{} requests have an outcome of every model; {} tell what was really chosen, {} of them with its probability",
        count(logging.full_information as f64),
        count(logging.logged as f64),
        count(logging.with_propensity as f64)
    ));
    notes
}

fn answers(inspection: &Inspection) -> Table {
    let mut table = Table::new("answers", &["<question", "<answer", "<because"]);
    for answer in &inspection.answers {
        let yes = if answer.yes { "yes" } else { "no" };
        table.row(vec![
            answer.question.to_owned(),
            yes.to_owned(),
            answer.because.clone(),
        ]);
    }
    table
}
