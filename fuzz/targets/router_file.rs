//! A router file is refused with an error or it decides, explains itself and survives being written.
//!
//! The checksum guards the body, so no changed body would get past it: the input is the body, and the
//! frame is made around it. The input as a whole file is tried too.
#![no_main]

use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use weighbridge_router::{Request, Router};

fuzz_target!(|input: &[u8]| {
    let _ = Router::from_bytes(input);
    let Ok(router) = Router::from_bytes(&framed(input)) else {
        return;
    };
    for request in requests() {
        let decision = router.decide(&request.as_ref());
        let masses = decision.masses().iter().map(|(_, share)| u64::from(share.0));
        let answered: u64 = masses.sum();
        assert_eq!(answered + u64::from(decision.unanswered().0), 1_000_000);
        assert_eq!(router.explain(&request.as_ref()).decision, decision);
    }
    // What cannot be written (golden requests are invented anew for it) must say so and no more.
    if let Ok(written) = router.to_bytes() {
        let again = Router::from_bytes(&written).expect("what was written is read");
        for request in requests() {
            assert_eq!(again.decide(&request.as_ref()), router.decide(&request.as_ref()));
        }
    }
});

/// A router file with this body.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    if body.last() != Some(&b'\n') {
        body.push(b'\n');
    }
    let hash = Sha256::digest(&body).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let bytes = body.len();
    let mut file = format!("{{\"format\":\"weighbridge.router/1\",\"bytes\":{bytes},\"sha256\":\"{hash}\",\"body\":\n").into_bytes();
    file.extend(body);
    file.extend(b"}\n");
    file
}

fn requests() -> Vec<Request> {
    let texts = [
        "{}",
        r#"{"at":"2025-12-02","prompt":"Prove that it is optimal: A) yes B) no, 3 + 4 = 7?","task":"math","needs":["tools"],"channel":"api","region":"eu"}"#,
        r#"{"at":"2026-02-01","prompt":"Say hello.","input_tokens":4000000000,"max_output_tokens":4000000000,"value_usd":9000000,"deadline_ms":1,"embedding":[0.5,-1e30]}"#,
    ];
    texts.iter().map(|text| Request::from_json(text).expect("it is a request")).collect()
}
