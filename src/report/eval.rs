//! The evaluation of a router, as a document.

use super::document::{Document, Table};
use super::number::{NONE, count, percent, share};
use crate::evaluate::{CurveMetrics, Figure, RouterEvaluation};

/// Lay an evaluation out.
#[must_use]
pub fn evaluation_document(evaluation: &RouterEvaluation) -> Document {
    let mut document = Document::default();
    document.text(format!(
        "{} requests that the router never saw ({} left out as trained on, {} without prompt, {} without both outcomes). Driver {}, specialist {}; the specialist's success less the driver's is {}.",
        count(evaluation.n as f64),
        count(evaluation.dropped_training_rows as f64),
        count(evaluation.without_prompt as f64),
        count(evaluation.without_outcome as f64),
        evaluation.driver,
        evaluation.specialist,
        percent(&evaluation.gap),
    ));
    document.heading("Ranking: which requests gain most from the specialist");
    document.table(ranking(evaluation));
    document.notes(whys(evaluation));
    document.heading("Deferral curve");
    document.table(curve(&evaluation.ranking));
    document.heading("Calibration: predicted against observed");
    document.table(calibration(evaluation));
    document.notes(vec![format!(
        "slope of the observed gain on the predicted: {}",
        plain(&evaluation.gain_slope)
    )]);
    document.table(tokens(evaluation));
    document
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
        row.extend(figures.map(|figure| plain(figure).replacen(" [", "\n[", 1)));
        table.row(row);
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
        &["<model", "requests", "Brier", "log loss", "ECE (15 bins)"],
    );
    for (model, calibration) in &evaluation.calibration {
        table.row(vec![
            model.clone(),
            count(calibration.n as f64),
            plain(&calibration.brier),
            plain(&calibration.log_loss),
            plain(&calibration.ece),
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
fn plain(figure: &Figure) -> String {
    match (figure.x, figure.ci95) {
        (None, _) => NONE.to_owned(),
        (Some(x), None) => format!("{x:.3}"),
        (Some(x), Some([low, high])) => format!("{x:.3} [{low:.3}, {high:.3}]"),
    }
}
