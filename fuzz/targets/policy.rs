//! A policy is refused with an error that names a line, or it compiles to a router that can be shipped.
//! Catalogs are read by the same reader of TOML.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use weighbridge::catalog::{Catalog, SourceFile};
use weighbridge::policy::{Policy, Roles, compile};
use weighbridge_router::Router;

static TRAINED: &[u8] = include_bytes!("../../tests/corpus/router/1/rules-then-learned.router.json");

fuzz_target!(|input: &[u8]| {
    static GROUND: OnceLock<(Catalog, Router, Roles)> = OnceLock::new();
    let (catalog, trained, roles) = GROUND.get_or_init(|| {
        let named = [("driver", "deepseek-v3.2"), ("specialist", "deepseek-v3.2-speciale")];
        let named = named.map(|(role, name)| (role.to_owned(), name.to_owned()));
        let roles = Roles {
            flags: BTreeMap::from(named),
            ..Roles::default()
        };
        let trained = Router::from_bytes(TRAINED).expect("the corpus is read");
        (Catalog::builtin(), trained, roles)
    });
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match Policy::parse("fuzz.toml", text) {
        Err(error) => assert!(error.to_string().contains("fuzz.toml"), "{error}"),
        Ok(policy) => {
            if let Ok(router) = compile(&policy, catalog, roles, &[], Some(trained)) {
                let file = router.to_bytes().expect("what compiles can be shipped");
                Router::from_bytes(&file).expect("what is shipped is read");
            }
        }
    }
    let own = SourceFile { name: "own.toml", text };
    if let Ok(overlaid) = catalog.clone().overlaid(&[own]) {
        assert!(overlaid.models().len() >= catalog.models().len());
    }
});
