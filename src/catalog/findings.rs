//! What is worth knowing about a catalog that is readable: gaps, ends, and what is missing.

use std::fmt;

use weighbridge_router::{Endpoint, Timestamp};

use super::lookup::Catalog;

/// How long before its end something is reported.
const SOON_MS: i64 = 30 * 86_400_000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Some requests may be decided or charged otherwise than expected.
    Warning,
    /// The catalog must be mended.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The endpoint, or the model where it has none.
    pub subject: String,
    /// What was found, in one line.
    pub message: String,
}

/// Look a catalog over, in its order. Without `now` nothing is said about ends. Overlapping
/// price rows are not looked for: reading refuses them.
#[must_use]
pub fn check(catalog: &Catalog, now: Option<Timestamp>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for model in catalog.models() {
        if catalog.endpoints_of(&model.id).next().is_none() {
            let message = "no endpoint sells this model; policies cannot choose it".to_owned();
            findings.push(Finding {
                severity: Severity::Warning,
                subject: model.id.clone(),
                message,
            });
        }
    }
    for card in catalog.cards() {
        let endpoint = &card.endpoint;
        let found = missing(endpoint)
            .into_iter()
            .chain(gaps(endpoint))
            .chain(now.and_then(|now| end(endpoint, now)));
        findings.extend(found.map(|(severity, message)| Finding {
            severity,
            subject: endpoint.id.clone(),
            message,
        }));
    }
    findings
}

fn missing(endpoint: &Endpoint) -> Vec<(Severity, String)> {
    let mut found = Vec::new();
    if endpoint.prices.is_empty() {
        let message = "no price row: its cost is unknown unless the trace has the bill";
        found.push((Severity::Warning, message.to_owned()));
    }
    if endpoint.ttft_ms.is_none() || endpoint.tokens_per_second.is_none() {
        let message = "speed unknown: where a second has a price, a learned choice passes it over";
        found.push((Severity::Info, message.to_owned()));
    }
    found
}

/// Spans of the endpoint's life between two price rows, or at either end, that no row covers.
fn gaps(endpoint: &Endpoint) -> Vec<(Severity, String)> {
    let (Some(first), Some(last)) = (endpoint.prices.first(), endpoint.prices.last()) else {
        return Vec::new();
    };
    let between = endpoint
        .prices
        .windows(2)
        .map(|pair| (pair[0].until, pair[1].from));
    // A life without a stated beginning or end is no promise that there was a price.
    let spans = std::iter::once((
        endpoint.from,
        first.from.filter(|_| endpoint.from.is_some()),
    ))
    .chain(between)
    .chain([(
        last.until.filter(|_| endpoint.until.is_some()),
        endpoint.until,
    )]);
    spans
        .filter_map(|(from, until)| Some((from?, until?)))
        .filter(|(from, until)| from < until)
        .map(|(from, until)| {
            let message =
                format!("no price row from {from} to {until}; add one, or join its neighbours");
            (Severity::Error, message)
        })
        .collect()
}

/// That the endpoint, or its last price row, has ended or will soon.
fn end(endpoint: &Endpoint, now: Timestamp) -> Option<(Severity, String)> {
    let soon = Timestamp::from_millis(now.millis().saturating_add(SOON_MS));
    if let Some(until) = endpoint.until.filter(|until| *until <= soon) {
        return Some(if until <= now {
            let message = format!("ended at {until}; kept for traffic of its time");
            (Severity::Info, message)
        } else {
            (
                Severity::Warning,
                format!("ends at {until}, within 30 days"),
            )
        });
    }
    let until = endpoint
        .prices
        .last()?
        .until
        .filter(|until| *until <= soon)?;
    let message = if until <= now {
        format!("its last price row ended at {until}; add the one that followed")
    } else {
        format!("its last price row ends at {until}, within 30 days; add the one that follows")
    };
    Some((Severity::Warning, message))
}
