//! The target `onnx`: a router's heads as an ONNX model, from the row of features to each model's
//! probability and output tokens.
//!
//! Reading a request into that row, and deciding on what comes out, stay with the one-file loader,
//! which the folder ships with what joins the two. Start at [`model`]; `heads` says how each kind of
//! head is written, `graph` and `wire` own the format.

mod graph;
mod heads;
mod wire;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use weighbridge_router::Router;

/// The heads of a router as an ONNX file; `file` is the router file that it belongs to.
fn model(router: &Router, file: &[u8]) -> Vec<u8> {
    let models: Vec<&str> = router
        .heads()
        .iter()
        .map(|heads| heads.model.as_str())
        .collect();
    let said = [
        ("weighbridge.router_sha256", hex(file)),
        ("weighbridge.models", serde_json::json!(models).to_string()),
    ];
    heads::graph(router).into_file(router.recipe().columns(), DOC, &said)
}

const DOC: &str = "Weighbridge heads. Input: `features`, a row of 32-bit floats a request, as the \
feature step of policy.router.json makes them, each rounded up. Outputs: `success`, the probability \
of a right answer, and `output_tokens`, a column a model in the order of `weighbridge.models`.";

/// The SHA-256 of a file, in hexadecimal.
fn hex(file: &[u8]) -> String {
    Sha256::digest(file)
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a text does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dump() {
        let file = std::fs::read(std::env::var("R").unwrap()).unwrap();
        let router = Router::from_bytes(&file).unwrap();
        std::fs::write(std::env::var("O").unwrap(), model(&router, &file)).unwrap();
    }
}
