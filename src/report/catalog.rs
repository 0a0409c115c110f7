//! The catalog as documents and JSON.

use serde::Serialize;
use weighbridge_router::{Rates, Timestamp};

use super::document::{Document, Table};
use super::number::{NONE, count};
use crate::catalog::{Card, Catalog, Finding, Severity};

/// One endpoint, as `catalog show --format json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointResult {
    id: String,
    model: String,
    channels: Vec<String>,
    can: Vec<String>,
    context_tokens: Option<u32>,
    max_output_tokens: Option<u32>,
    ttft_ms: Option<u32>,
    tokens_per_second: Option<f64>,
    source: Option<String>,
    prices: Vec<PriceResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct PriceResult {
    from: Option<String>,
    until: Option<String>,
    input_usd_per_mtok: f64,
    cached_usd_per_mtok: f64,
    output_usd_per_mtok: f64,
    source: String,
}

/// USD for a million tokens of a price of one.
fn per_mtok(picos: i64) -> f64 {
    picos as f64 / 1e6
}

fn moment(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// The endpoints for JSON.
#[must_use]
pub fn catalog_result(cards: &[&Card]) -> Vec<EndpointResult> {
    cards
        .iter()
        .map(|card| {
            let endpoint = &card.endpoint;
            EndpointResult {
                id: endpoint.id.clone(),
                model: endpoint.model.clone(),
                channels: endpoint.channels.clone(),
                can: endpoint.can.clone(),
                context_tokens: endpoint.context_tokens.map(|tokens| tokens.0),
                max_output_tokens: card.max_output_tokens.map(|tokens| tokens.0),
                ttft_ms: endpoint.ttft_ms.map(|ms| ms.0),
                tokens_per_second: endpoint.tokens_per_second,
                source: card.source.clone(),
                prices: prices(card),
            }
        })
        .collect()
}

fn prices(card: &Card) -> Vec<PriceResult> {
    let rows = card.endpoint.prices.iter().zip(&card.price_sources);
    rows.map(|(row, source)| PriceResult {
        from: moment(row.from),
        until: moment(row.until),
        input_usd_per_mtok: per_mtok(row.rates.input.picos()),
        cached_usd_per_mtok: per_mtok(row.rates.cached.picos()),
        output_usd_per_mtok: per_mtok(row.rates.output.picos()),
        source: source.source.clone(),
    })
    .collect()
}

/// The endpoints for people: a line a price row.
#[must_use]
pub fn catalog_document(cards: &[&Card]) -> Document {
    let mut table = Table::new(
        "endpoints",
        &[
            "<endpoint",
            "<from",
            "<until",
            "in",
            "cached",
            "out",
            "context",
            "tok/s",
            "<can",
            "<source of the price",
        ],
    );
    for card in cards {
        let endpoint = &card.endpoint;
        if endpoint.prices.is_empty() {
            table.row(price_row(card, [endpoint.from, endpoint.until], None, ""));
        }
        for (row, source) in endpoint.prices.iter().zip(&card.price_sources) {
            let span = [row.from.or(endpoint.from), row.until.or(endpoint.until)];
            table.row(price_row(card, span, Some(&row.rates), &source.source));
        }
    }
    let mut document = Document::default();
    document.text("Prices in USD for a million tokens; input above a tier's limit is dearer where a row has tiers.").table(table);
    document
}

fn price_row(
    card: &Card,
    span: [Option<Timestamp>; 2],
    rates: Option<&Rates>,
    source: &str,
) -> Vec<String> {
    let endpoint = &card.endpoint;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let [from, until] = span.map(|at| or_dash(moment(at).map(|at| at.replace("T00:00:00Z", ""))));
    let price =
        |pick: fn(&Rates) -> i64| or_dash(rates.map(|rates| per_mtok(pick(rates)).to_string()));
    vec![
        endpoint.id.clone(),
        from,
        until,
        price(|rates| rates.input.picos()),
        price(|rates| rates.cached.picos()),
        price(|rates| rates.output.picos()),
        or_dash(
            endpoint
                .context_tokens
                .map(|tokens| count(f64::from(tokens.0))),
        ),
        or_dash(endpoint.tokens_per_second.map(|speed| speed.to_string())),
        or_dash(Some(endpoint.can.join(", ")).filter(|can| !can.is_empty())),
        source.to_owned(),
    ]
}

/// What a check found, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FindingsResult {
    as_of: String,
    findings: Vec<FindingResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct FindingResult {
    severity: &'static str,
    subject: String,
    message: String,
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// What a check found, for JSON.
#[must_use]
pub fn findings_result(findings: &[Finding], at: Timestamp) -> FindingsResult {
    let result = |finding: &Finding| FindingResult {
        severity: severity(finding.severity),
        subject: finding.subject.clone(),
        message: finding.message.clone(),
    };
    FindingsResult {
        as_of: at.to_string(),
        findings: findings.iter().map(result).collect(),
    }
}

/// What a check found, for people.
#[must_use]
pub fn findings_document(findings: &[Finding], catalog: &Catalog, at: Timestamp) -> Document {
    let mut table = Table::new("findings", &["<severity", "<where", "<what"]);
    for finding in findings {
        table.row(vec![
            severity(finding.severity).to_owned(),
            finding.subject.clone(),
            finding.message.clone(),
        ]);
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let mut document = Document::default();
    document
        .text(format!(
            "{} models, {} endpoints, as of {at}: {errors} errors, {} remarks.",
            catalog.models().len(),
            catalog.cards().len(),
            findings.len() - errors
        ))
        .table(table);
    document
}
