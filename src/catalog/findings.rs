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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rest: &str, now: Option<&str>) -> Vec<String> {
        let text = format!(
            "format = \"weighbridge.catalog/1\"\n[[model]]\nid = \"m\"\n[[endpoint]]\nid = \"m@p\"\nmodel = \"m\"\nttft_ms = 1\ntokens_per_second = 1\n{rest}"
        );
        let catalog = Catalog::parse("own.toml", &text).unwrap();
        check(&catalog, now.map(|now| Timestamp::parse(now).unwrap()))
            .into_iter()
            .map(|finding| {
                format!(
                    "{} {}: {}",
                    finding.severity, finding.subject, finding.message
                )
            })
            .collect()
    }

    fn price(window: &str) -> String {
        format!(
            "[[endpoint.price]]\nsource = \"s\"\nusd_per_mtok = {{ input = 1, output = 2 }}\n{window}\n"
        )
    }

    #[test]
    fn a_whole_card_gives_no_finding() {
        assert_eq!(found(&price(""), Some("2026-01-01")), [""; 0]);
    }

    #[test]
    fn gaps_are_errors_between_rows_and_at_both_ends_of_a_life() {
        let rows = price("from = 2026-01-02\nuntil = 2026-02-01")
            + &price("from = 2026-03-01\nuntil = 2026-04-01");
        assert_eq!(
            found(&rows, None),
            [
                "error m@p: no price row from 2026-02-01T00:00:00Z to 2026-03-01T00:00:00Z; add one, or join its neighbours"
            ]
        );
        let life = format!("from = 2026-01-01\nuntil = 2026-04-02\n{rows}");
        assert_eq!(found(&life, None).len(), 3);
    }

    #[test]
    fn ends_are_told_before_and_after() {
        let life = format!("until = 2026-04-02\n{}", price(""));
        assert_eq!(found(&life, Some("2026-03-02")), [""; 0]);
        assert_eq!(
            found(&life, Some("2026-03-03")),
            ["warning m@p: ends at 2026-04-02T00:00:00Z, within 30 days"]
        );
        assert_eq!(
            found(&life, Some("2026-04-02")),
            ["info m@p: ended at 2026-04-02T00:00:00Z; kept for traffic of its time"]
        );
        let row = price("until = 2026-04-02");
        assert_eq!(
            found(&row, Some("2026-04-03")),
            [
                "warning m@p: its last price row ended at 2026-04-02T00:00:00Z; add the one that followed"
            ]
        );
    }

    #[test]
    fn what_is_missing_is_told() {
        assert!(found("", None)[0].starts_with("warning m@p: no price row:"));
        let rest = price("")
            + "[[model]]\nid = \"n\"\n[[endpoint]]\nid = \"m@q\"\nmodel = \"m\"\n"
            + &price("");
        let all = found(&rest, None);
        assert!(
            all[0].starts_with("warning n: no endpoint sells this model"),
            "{all:?}"
        );
        assert!(all[1].starts_with("info m@q: speed unknown"), "{all:?}");
    }

    #[test]
    fn the_shipped_catalog_has_no_error() {
        let now = Timestamp::parse("2025-12-10").unwrap();
        let findings = check(&Catalog::builtin(), Some(now));
        assert!(
            findings
                .iter()
                .all(|finding| finding.severity != Severity::Error),
            "{findings:?}"
        );
        let speciale = findings.iter().find(|finding| {
            finding.severity == Severity::Warning
                && finding.subject == "deepseek-v3.2-speciale@deepseek"
        });
        assert!(
            speciale
                .is_some_and(|finding| finding.message.starts_with("ends at 2025-12-15T15:59:00Z"))
        );
    }
}
