//! Router files of every released version load for ever, in Rust and by their golden requests.

use std::fs;
use std::path::Path;

use weighbridge_router::{Router, Timestamp};

#[test]
fn router_files_of_every_version_still_load() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/router");
    let mut loaded = 0;
    for version in fs::read_dir(corpus).unwrap() {
        for file in fs::read_dir(version.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            Router::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            loaded += 1;
        }
    }
    assert!(
        loaded >= 3,
        "the corpus holds a file with rules, one with heads and one with every kind of them"
    );
}

#[test]
fn the_shipped_router_was_trained_on_none_of_the_bundled_requests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let router = Router::load(root.join("models/engineering.router.json")).unwrap();
    let lines = fs::read_to_string(root.join("traces/engineering.jsonl")).unwrap();
    let mut requests = 0;
    for line in lines.lines().skip(1) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(prompt) = row["request"]["prompt"].as_str() {
            assert!(
                !router.trained_on(&weighbridge_router::prompt_group(prompt)),
                "{prompt}"
            );
        }
        assert!(Timestamp::parse(row["request"]["at"].as_str().unwrap()).is_ok());
        requests += 1;
    }
    assert_eq!(requests, 3000);
}
