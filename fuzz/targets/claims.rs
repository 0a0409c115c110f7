//! A file of claims is refused with an error that names the file, or every claim gets a verdict, which can be
//! written down.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use weighbridge::catalog::Catalog;
use weighbridge::whatif::{ClaimOptions, Claims, check_claims};

fuzz_target!(|input: &[u8]| {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    let catalog = CATALOG.get_or_init(Catalog::builtin);
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let claims = match Claims::parse("fuzz.toml", text) {
        Ok(claims) => claims,
        Err(error) => {
            assert!(error.to_string().contains("fuzz.toml"), "{error}");
            return;
        }
    };
    let options = ClaimOptions {
        as_of: None,
        seed: 7,
        replicates: 100,
        threads: 1,
    };
    // No trace is at hand: what rests on one stays untested.
    if let Ok(report) = check_claims(&claims, catalog, &[], &options) {
        let written = serde_json::to_string(&report).expect("verdicts are JSON");
        assert!(!written.is_empty());
    }
});
