//! A folder that is ready to mount, as bytes: its files and the manifest that they are held to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use weighbridge_router::Router;

use super::endpoints::driver;
use super::target::Target;

/// The format of a manifest. Version 1: the first.
const FORMAT: &str = "weighbridge.export/1";
/// The name of the manifest in every folder.
pub const MANIFEST: &str = "manifest.json";
/// The name of the router file in every folder.
pub const POLICY: &str = "policy.router.json";

/// The files of a folder: paths with `/`, in order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Path and content.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What a folder was shipped with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What this file is.
    pub format: String,
    /// The target.
    pub target: String,
    /// The version of Weighbridge that wrote it.
    pub weighbridge: String,
    /// The endpoint that answers where nothing can be decided.
    pub driver: String,
    /// Every endpoint that a decision may name.
    pub endpoints: Vec<String>,
    /// Every file but this one, in order of the paths.
    pub files: Vec<Held>,
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its path below the folder, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content.
    pub sha256: String,
}

impl Bundle {
    /// Add a file; one of that path that is there already stays.
    pub fn add(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        if let Err(place) = self.files.binary_search_by(|(held, _)| (**held).cmp(path)) {
            self.files.insert(place, (path.to_owned(), content.into()));
        }
    }

    /// The same with its manifest.
    pub(super) fn sealed(mut self, router: &Router, target: Target) -> Self {
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            target: target.name().to_owned(),
            weighbridge: env!("CARGO_PKG_VERSION").to_owned(),
            driver: driver(router).id.clone(),
            endpoints: router.endpoints().iter().map(|e| e.id.clone()).collect(),
            files: self
                .files
                .iter()
                .map(|(path, held_)| held(path, held_))
                .collect(),
        };
        // Texts and whole numbers have a JSON form.
        let text = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
        self.add(MANIFEST, text);
        self
    }
}

/// A file as a manifest has it.
#[must_use]
pub fn held(path: &str, content: &[u8]) -> Held {
    let mut sha256 = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        // Writing to a text does not fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Held {
        path: path.to_owned(),
        bytes: content.len() as u64,
        sha256,
    }
}

impl Manifest {
    /// Read a manifest.
    ///
    /// # Errors
    /// Where it is none, is of another version, or names a file outside its folder.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let start: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(text).map_err(|error| format!("not valid JSON: {error}"))?;
        match start.get("format").and_then(|format| format.as_str()) {
            Some(FORMAT) => {}
            Some(other) if other.starts_with("weighbridge.export/") => {
                return Err(format!(
                    "`{other}` was written by another version; this one reads `{FORMAT}`: upgrade weighbridge, or export again"
                ));
            }
            _ => {
                return Err(format!(
                    "not the manifest of an export: it has no \"format\":\"{FORMAT}\""
                ));
            }
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        for (i, file) in manifest.files.iter().enumerate() {
            let inside =
                |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':']);
            if !file.path.split('/').all(inside) || file.path == MANIFEST {
                return Err(format!(
                    "files[{i}].path: `{}` is no path below the folder",
                    file.path
                ));
            }
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::{Choose, Endpoint, Parts};

    fn sealed() -> Bundle {
        let router = Router::try_new(Parts {
            endpoints: vec![Endpoint::recorded_only("m@p")],
            choose: Some(Choose::Always("m@p".into())),
            ..Parts::default()
        })
        .unwrap();
        let mut bundle = Bundle::default();
        bundle.add("b.txt", "b");
        bundle.add("a/c.txt", "c");
        bundle.add("b.txt", "again");
        bundle.sealed(&router, Target::Litellm)
    }

    #[test]
    fn the_manifest_names_every_file_in_order_and_reads_back() {
        let bundle = sealed();
        let paths: Vec<_> = bundle.files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["a/c.txt", "b.txt", MANIFEST]);
        let manifest = Manifest::parse(&bundle.files[2].1).unwrap();
        assert_eq!(manifest.driver, "m@p");
        assert_eq!(manifest.files, [held("a/c.txt", b"c"), held("b.txt", b"b")]);
        assert_eq!(
            manifest.files[1].sha256,
            "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
        );
    }

    #[test]
    fn a_manifest_names_nothing_outside_its_folder() {
        let text = String::from_utf8(sealed().files.remove(2).1).unwrap();
        for path in [
            "../b.txt",
            "/b.txt",
            "a//c.txt",
            "a/../../b",
            "",
            "manifest.json",
            "c:b",
        ] {
            let text = text.replace("\"b.txt\"", &format!("{path:?}"));
            let fault = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(fault.starts_with("files[1].path"), "{path}: {fault}");
        }
        let newer = text.replace("export/1", "export/2");
        assert!(
            Manifest::parse(newer.as_bytes())
                .unwrap_err()
                .contains("upgrade")
        );
        assert!(
            Manifest::parse(b"{}")
                .unwrap_err()
                .contains("not the manifest")
        );
        assert!(
            Manifest::parse(b"[")
                .unwrap_err()
                .contains("not valid JSON")
        );
    }
}
