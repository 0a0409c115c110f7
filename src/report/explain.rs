//! Why a request goes where it goes, as a document and as JSON.

use serde::Serialize;
use weighbridge_router::{Explanation, Router};

use super::document::{Document, Table};
use super::number::{NONE, count, money, share};

/// An explanation for JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplanationResult {
    /// Endpoint and share.
    choice: Vec<(String, f64)>,
    unanswered: f64,
    path: Vec<String>,
    endpoints: Vec<EndpointResult>,
    margin_usd: Option<f64>,
    /// The models whose log-odds are told apart.
    compared: Option<[String; 2]>,
    features: Vec<FeatureResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct EndpointResult {
    endpoint: String,
    ineligible: Option<&'static str>,
    success: Option<f64>,
    output_tokens: Option<f64>,
    cost_usd: Option<f64>,
    seconds: Option<f64>,
    net_usd: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct FeatureResult {
    name: String,
    logits: Vec<f64>,
    difference: Option<f64>,
}

/// The explanation for JSON.
#[must_use]
pub fn explanation_result(router: &Router, explanation: &Explanation) -> ExplanationResult {
    let id = |index| router.endpoint(index).id.clone();
    let model = |place: usize| router.heads()[place].model.clone();
    ExplanationResult {
        choice: explanation
            .decision
            .masses()
            .iter()
            .map(|&(index, ppm)| (id(index), f64::from(ppm.0) / 1e6))
            .collect(),
        unanswered: f64::from(explanation.decision.unanswered().0) / 1e6,
        path: explanation.path.clone(),
        endpoints: explanation
            .endpoints
            .iter()
            .map(|endpoint| EndpointResult {
                endpoint: id(endpoint.endpoint),
                ineligible: endpoint.ineligible.map(|reason| reason.reason()),
                success: endpoint
                    .prediction
                    .map(|prediction| prediction.success.get()),
                output_tokens: endpoint
                    .prediction
                    .map(|prediction| prediction.output_tokens),
                cost_usd: endpoint.cost_usd,
                seconds: endpoint.seconds,
                net_usd: endpoint.net_usd,
            })
            .collect(),
        margin_usd: explanation.margin_usd,
        compared: explanation.compared.map(|(a, b)| [model(a), model(b)]),
        features: explanation
            .features
            .iter()
            .map(|feature| FeatureResult {
                name: feature.name.clone(),
                logits: feature.logits.clone(),
                difference: feature.difference,
            })
            .collect(),
    }
}

/// The explanation for people.
#[must_use]
pub fn explanation_document(router: &Router, explanation: &Explanation) -> Document {
    let result = explanation_result(router, explanation);
    let mut document = Document::default();
    let mut goes: Vec<String> = result
        .choice
        .iter()
        .map(|(id, x)| {
            if *x == 1.0 {
                id.clone()
            } else {
                format!("{} to {id}", share(*x))
            }
        })
        .collect();
    if result.unanswered > 0.0 {
        goes.push(format!("{} unanswered", share(result.unanswered)));
    }
    document.text(format!("Goes to {}.", goes.join(", ")));
    document.notes(result.path.clone());
    let mut table = Table::new(
        "endpoints",
        &[
            "<endpoint",
            "right",
            "output tokens",
            "USD",
            "seconds",
            "net USD",
            "<not eligible",
        ],
    );
    for endpoint in &result.endpoints {
        let shown =
            |x: Option<f64>, show: fn(f64) -> String| x.map_or_else(|| NONE.to_owned(), show);
        table.row(vec![
            endpoint.endpoint.clone(),
            shown(endpoint.success, |x| format!("{:.1}%", x * 100.0)),
            shown(endpoint.output_tokens, count),
            shown(endpoint.cost_usd, money),
            shown(endpoint.seconds, |x| format!("{x:.1}")),
            shown(endpoint.net_usd, money),
            endpoint.ineligible.unwrap_or("").to_owned(),
        ]);
    }
    document.table(table);
    if let Some(margin) = result.margin_usd {
        document.text(format!(
            "The best is worth ${} more than the second.",
            money(margin)
        ));
    }
    document.table(features(&result, router));
    document
}

fn features(result: &ExplanationResult, router: &Router) -> Table {
    let mut titles = vec!["<strongest features".to_owned()];
    titles.extend(
        router
            .heads()
            .iter()
            .map(|heads| format!("log-odds of {}", heads.model)),
    );
    if let Some([a, b]) = &result.compared {
        titles.push(format!("{a} less {b}"));
    }
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new("features", &titles);
    for feature in result.features.iter().take(12) {
        let mut row = vec![feature.name.clone()];
        row.extend(feature.logits.iter().map(|x| format!("{x:+.3}")));
        if result.compared.is_some() {
            row.push(
                feature
                    .difference
                    .map_or_else(|| NONE.to_owned(), |x| format!("{x:+.3}")),
            );
        }
        table.row(row);
    }
    table
}
