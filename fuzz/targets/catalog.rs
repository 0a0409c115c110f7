//! A catalog is refused with an error that names file and line, or every name in it means what it says. A price
//! sheet is refused, or becomes a catalog file that can be laid over the one that ships with the tool.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use weighbridge::catalog::{Catalog, Pick, SHEET_FORMATS, SourceFile, check, import_sheet};
use weighbridge_router::{Timestamp, Tokens, Usage};

fuzz_target!(|input: &[u8]| {
    static BUILTIN: OnceLock<Catalog> = OnceLock::new();
    let builtin = BUILTIN.get_or_init(Catalog::builtin);
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match Catalog::parse("fuzz.toml", text) {
        Err(error) => assert!(error.to_string().starts_with("fuzz.toml:"), "{error}"),
        Ok(catalog) => look_over(&catalog),
    }
    for &(_, format) in SHEET_FORMATS {
        let Ok(sheet) = import_sheet(format, "sheet", text, &Pick::default()) else {
            continue;
        };
        let file = SourceFile { name: "sheet.toml", text: &sheet.text };
        let laid = builtin.clone().overlaid(&[file]);
        let laid = laid.unwrap_or_else(|error| panic!("{error}\n{}", sheet.text));
        look_over(&laid);
    }
});

fn look_over(catalog: &Catalog) {
    let at = Timestamp::from_millis(1_764_633_600_000);
    for at in [None, Some(at)] {
        for finding in check(catalog, at) {
            assert!(!finding.message.is_empty());
        }
    }
    let most = Tokens(u32::MAX - 1);
    let usage = Usage { input: most, cached: Tokens(1), output: most };
    for card in catalog.cards() {
        let endpoint = &card.endpoint;
        assert!(catalog.model(&endpoint.model).is_some(), "{}", endpoint.model);
        assert!(catalog.endpoint(&endpoint.id).is_some(), "{}", endpoint.id);
        let _ = catalog.price(&endpoint.id, usage, Some(at));
    }
}
