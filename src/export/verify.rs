//! Whether a router file is still fit to decide: what has expired, and where the catalog has moved
//! on. Checksum and golden requests are checked by loading it. And whether an exported folder is
//! still as it was shipped.

use serde::Serialize;
use weighbridge_router::{Endpoint, Router, Timestamp};

use super::bundle::{Held, MANIFEST, Manifest};
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
    /// The exported folder that it lies in, if it lies in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderCheck>,
}

impl Verification {
    /// The same for a file within an exported folder, which must be as it was shipped.
    #[must_use]
    pub fn within(self, folder: Option<FolderCheck>) -> Self {
        Self {
            fit: self.fit && folder.as_ref().is_none_or(FolderCheck::holds),
            folder,
            ..self
        }
    }
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

/// The result of a check of an exported folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FolderCheck {
    /// What it was exported for.
    pub target: String,
    /// The version that wrote it.
    pub weighbridge: String,
    /// Files in its manifest.
    pub files: usize,
    /// Files that are not as they were shipped.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub missing: Vec<String>,
    /// Files that the manifest does not name.
    pub unknown: Vec<String>,
}

impl FolderCheck {
    /// Whether every file is there as it was shipped; files beside them do not matter.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.changed.is_empty() && self.missing.is_empty()
    }
}

/// Hold the files of a folder to its manifest. What Python leaves beside a module is no file of
/// the folder.
#[must_use]
pub fn verify_folder(manifest: &Manifest, found: &[Held]) -> FolderCheck {
    let now = |path: &str| found.iter().find(|held| held.path == path);
    let paths = |keep: &dyn Fn(&Held) -> bool| {
        let kept = manifest.files.iter().filter(|shipped| keep(shipped));
        kept.map(|shipped| shipped.path.clone()).collect()
    };
    let named = |path: &str| manifest.files.iter().any(|shipped| shipped.path == path);
    let unknown = found.iter().map(|held| held.path.as_str()).filter(|path| {
        *path != MANIFEST && !named(path) && !path.split('/').any(|part| part == "__pycache__")
    });
    FolderCheck {
        target: manifest.target.clone(),
        weighbridge: manifest.weighbridge.clone(),
        files: manifest.files.len(),
        changed: paths(&|shipped| now(&shipped.path).is_some_and(|held| held != shipped)),
        missing: paths(&|shipped| now(&shipped.path).is_none()),
        unknown: unknown.map(str::to_owned).collect(),
    }
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
        folder: None,
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
