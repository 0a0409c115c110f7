//! What clients send: a request object, a chat body. Read or refused; what is read is decided.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use weighbridge_router::{Request, Router};

static FILE: &[u8] = include_bytes!("../../tests/corpus/router/1/every-kind.router.json");

fuzz_target!(|input: &[u8]| {
    static ROUTER: OnceLock<Router> = OnceLock::new();
    let router = ROUTER.get_or_init(|| Router::from_bytes(FILE).expect("the corpus is read"));
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    for request in [Request::from_json(text), Request::from_chat(text)].into_iter().flatten() {
        let decision = router.decide(&request.as_ref());
        assert_eq!(router.explain(&request.as_ref()).decision, decision);
    }
});
