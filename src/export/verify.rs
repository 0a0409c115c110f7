//! Whether a router file is still fit to decide: what has expired, and where the catalog has moved
//! on. Checksum and golden requests are checked by loading it.

use serde::Serialize;
use weighbridge_router::{Endpoint, Router, Timestamp};

use crate::catalog::Catalog;

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The day that it was checked for.
    pub as_of: String,
    /// Endpoints in the file.
    pub endpoints: usize,
    /// Models with trained heads.
    pub models: usize,
    /// Whether some endpoint can still take requests.
    pub fit: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `error`: the file cannot do its work; `warning`: it does, but look at it.
    pub severity: &'static str,
    /// The endpoint.
    pub endpoint: String,
    /// What is the matter and what to do.
    pub message: String,
}

/// Within so many days an end is near.
const SOON_MS: i64 = 30 * 86_400_000;

/// Check a loaded router for a day, against the catalog.
#[must_use]
pub fn verify(router: &Router, catalog: &Catalog, as_of: Timestamp) -> Verification {
    let mut findings = Vec::new();
    let mut alive = 0;
    for endpoint in router.endpoints() {
        let mut find = |severity, message: String| {
            findings.push(Finding {
                severity,
                endpoint: endpoint.id.clone(),
                message,
            })
        };
        match end(endpoint) {
            Some(end) if end <= as_of => find(
                "warning",
                format!("ended at {end}; requests go down the fallback chain"),
            ),
            Some(end) if end.millis() - as_of.millis() <= SOON_MS => {
                alive += 1;
                find("warning", format!("ends at {end}, within 30 days"));
            }
            _ => alive += 1,
        }
        match catalog.endpoint(&endpoint.id) {
            None if endpoint.recorded_only => {}
            None => find(
                "warning",
                "the catalog no longer has this endpoint".to_owned(),
            ),
            Some(card) if card.endpoint != *endpoint => {
                find("warning", "the catalog has changed since the file was compiled; compile it again to decide on the new figures".to_owned());
            }
            Some(_) => {}
        }
    }
    if alive == 0 {
        findings.push(Finding {
            severity: "error",
            endpoint: String::new(),
            message: format!("no endpoint of the file is available at {as_of}; compile it again against a catalog that has some"),
        });
    }
    Verification {
        as_of: as_of.to_string(),
        endpoints: router.endpoints().len(),
        models: router.heads().len(),
        fit: alive > 0,
        findings,
    }
}

/// When an endpoint stops taking requests: its own end, or that of its last price.
fn end(endpoint: &Endpoint) -> Option<Timestamp> {
    let price = endpoint.prices.last().and_then(|row| row.until);
    match (endpoint.until, price) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::{Choose, Parts};

    fn router(until: Option<&str>) -> Router {
        let until = until.map(|text| Timestamp::parse(text).unwrap());
        let endpoint = Endpoint {
            until,
            ..Endpoint::recorded_only("m@p")
        };
        Router::try_new(Parts {
            endpoints: vec![endpoint],
            choose: Some(Choose::Always("m@p".into())),
            ..Parts::default()
        })
        .unwrap()
    }

    #[test]
    fn an_ended_endpoint_makes_a_file_unfit_and_a_near_end_is_said() {
        let at = Timestamp::parse("2025-12-10").unwrap();
        let check = |until| verify(&router(until), &Catalog::default(), at);
        assert!(check(None).fit && check(None).findings.is_empty());
        let near = check(Some("2025-12-15"));
        assert!(near.fit && near.findings[0].message.contains("within 30 days"));
        let ended = check(Some("2025-12-10"));
        assert!(!ended.fit);
        assert_eq!(ended.findings.last().unwrap().severity, "error");
    }
}
