//! Settings of a what-if are refused, or what is read says itself as what it is; a file of them is refused with
//! an error that names it, or applies to the catalog that ships with the tool, or says why not.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use weighbridge::catalog::Catalog;
use weighbridge::whatif::{Scenario, Setting, Sweep};

fuzz_target!(|input: &[u8]| {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    let catalog = CATALOG.get_or_init(Catalog::builtin);
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    for line in text.lines() {
        let Ok(sweep) = line.parse::<Sweep>() else {
            continue;
        };
        assert!((1..=1000).contains(&sweep.values.len()), "{line}");
        for setting in sweep.settings() {
            let shown = setting.to_string();
            assert_eq!(shown.parse::<Setting>().as_ref(), Ok(&setting), "{line:?}: {shown:?}");
        }
    }
    match Scenario::parse("fuzz.toml", text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(scenario) => {
            if let Ok(more) = scenario.catalog(catalog) {
                assert_eq!(more.cards().len(), catalog.cards().len() + scenario.added().len());
            }
        }
    }
});
