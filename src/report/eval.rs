//! The evaluation of a router, as a document.

use super::document::{Document, Table};
use super::eval_splits::splits_document;
use super::eval_worth::worth_document;
use super::number::{NONE, count, percent, share, signed, two_lines};
use crate::evaluate::{Calibration, Comparison, CurveMetrics, Figure, RouterEvaluation};

/// Lay an evaluation out.
#[must_use]
pub fn evaluation_document(evaluation: &RouterEvaluation) -> Document {
    let mut document = Document::default();
    document.text(opening(evaluation));
    if let Some(splits) = &evaluation.splits {
        document.heading("Splits side by side");
        document.blocks.extend(splits_document(splits).blocks);
    }
    document.blocks.extend(worth_document(evaluation).blocks);
    if !evaluation.ranking.curve.is_empty() {
        document.heading("Ranking: which requests gain most from the specialist");
        document.table(ranking(evaluation));
        document.notes(whys(evaluation));
        document.table(comparisons(&evaluation.ranking_comparisons));
        document.heading("Deferral curve");
        document.table(curve(&evaluation.ranking));
    }
    document.heading("Calibration: predicted against observed");
    document.table(calibration(evaluation));
    document.notes(vec![format!(
        "slope of the observed gain on the predicted: {}",
        plain(&evaluation.gain_slope)
    )]);
    document.heading("Tokens: predicted against recorded");
    document.table(tokens(evaluation));
    if !evaluation.warnings.is_empty() {
        document.heading("Note");
        document.notes(evaluation.warnings.clone());
    }
    document
}

fn opening(evaluation: &RouterEvaluation) -> String {
    let mut text = format!(
        "{} requests that the router never saw ({} left out as trained on, {} without prompt, {} without both outcomes), {} tasks.",
        count(evaluation.requests as f64),
        count(evaluation.dropped_training_rows as f64),
        count(evaluation.without_prompt as f64),
        count(evaluation.without_outcome as f64),
        count(evaluation.tasks as f64),
    );
    if let (Some(driver), Some(specialist)) = (&evaluation.driver, &evaluation.specialist) {
        let gap = percent(&evaluation.gap);
        text.push_str(&format!(
            " Driver {driver}, specialist {specialist}; the specialist's success less the driver's is {gap}."
        ));
    }
    text
}

fn ranking(evaluation: &RouterEvaluation) -> Table {
    let mut table = Table::new(
        "ranking",
        &[
            "<ranked by",
            "APGR",
            "CPT 50%",
            "CPT 80%",
            "PGR at 5%",
            "PGR at 10%",
            "AUROC",
            "AIQ",
            "gain/1,000 at 5%",
            "at 10%",
        ],
    );
    let floors = &evaluation.floors;
    let rows: [(&str, &CurveMetrics); 5] = [
        ("the router", &evaluation.ranking),
        ("random", &floors.random),
        ("prompt length", &floors.length),
        ("per-task table", &floors.task_table),
        ("hindsight (nobody can reach it)", &floors.hindsight),
    ];
    for (name, metrics) in rows {
        let figures = [
            &metrics.apgr,
            &metrics.cpt50,
            &metrics.cpt80,
            &metrics.pgr05,
            &metrics.pgr10,
            &metrics.auroc,
            &metrics.aiq,
            &metrics.gain_per_1000_at_05,
            &metrics.gain_per_1000_at_10,
        ];
        let mut row = vec![name.to_owned()];
        row.extend(figures.map(|figure| two_lines(plain(figure))));
        table.row(row);
    }
    table
}

/// The router's ranking against its floors.
fn comparisons(comparisons: &[Comparison]) -> Table {
    let mut table = Table::new(
        "ranking_comparisons",
        &["<figure", "<the router against", "difference", "<verdict"],
    );
    let shown = ["apgr", "cpt50", "pgr10"];
    for held in comparisons
        .iter()
        .filter(|held| shown.contains(&held.figure))
    {
        table.row(vec![
            held.figure.to_owned(),
            held.b.clone(),
            signed(&plain(&held.difference)),
            held.verdict.words().to_owned(),
        ]);
    }
    table
}

/// Why figures are missing, each reason once.
fn whys(evaluation: &RouterEvaluation) -> Vec<String> {
    let metrics = &evaluation.ranking;
    let figures = [
        ("APGR", &metrics.apgr),
        ("CPT", &metrics.cpt50),
        ("PGR", &metrics.pgr05),
        ("AUROC", &metrics.auroc),
        ("AIQ", &metrics.aiq),
    ];
    figures
        .into_iter()
        .filter(|(_, figure)| figure.x.is_none())
        .filter_map(|(name, figure)| Some(format!("{name}: {}", figure.why.as_ref()?)))
        .collect()
}

/// Every tenth point.
fn curve(metrics: &CurveMetrics) -> Table {
    let mut table = Table::new(
        "curve",
        &["share to the specialist", "right", "USD / 1,000 requests"],
    );
    let step = (metrics.curve.len() / 10).max(1);
    for point in metrics.curve.iter().step_by(step) {
        table.row(vec![
            share(point.share),
            percent(&point.success),
            super::number::usd_per_1000(&point.cost_usd_per_request),
        ]);
    }
    table
}

fn calibration(evaluation: &RouterEvaluation) -> Table {
    let mut table = Table::new(
        "calibration",
        &[
            "<model",
            "requests",
            "Brier raw",
            "Brier",
            "log loss",
            "ECE raw (15 bins)",
            "ECE",
        ],
    );
    for (model, held) in &evaluation.calibration {
        let raw = |read: fn(&Calibration) -> &Figure| {
            let raw = held.raw.as_ref().map(read);
            raw.map_or_else(|| NONE.to_owned(), plain)
        };
        table.row(vec![
            model.clone(),
            count(held.after.n as f64),
            raw(|raw| &raw.brier),
            plain(&held.after.brier),
            plain(&held.after.log_loss),
            raw(|raw| &raw.ece),
            plain(&held.after.ece),
        ]);
    }
    table
}

fn tokens(evaluation: &RouterEvaluation) -> Table {
    let mut table = Table::new(
        "tokens",
        &["<model", "output tokens predicted", "recorded", "ratio"],
    );
    for (model, totals) in &evaluation.tokens {
        table.row(vec![
            model.clone(),
            count(totals.predicted),
            count(totals.recorded),
            plain(&totals.ratio),
        ]);
    }
    table
}

/// A number without unit, three places.
pub(super) fn plain(figure: &Figure) -> String {
    match (figure.x, figure.ci95) {
        (None, _) => NONE.to_owned(),
        (Some(x), None) => format!("{x:.3}"),
        (Some(x), Some([low, high])) => format!("{x:.3} [{low:.3}, {high:.3}]"),
    }
}
