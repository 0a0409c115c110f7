//! The target `onnx`: a router's heads as an ONNX model, from the row of features to each model's
//! probability and output tokens.
//!
//! Reading a request into that row, and deciding on what comes out, stay with the one-file loader,
//! which the folder ships with what joins the two. Start at `bundle`; `heads` says how each kind of
//! head is written, `graph` and `wire` own the format.

mod graph;
mod heads;
mod wire;

use weighbridge_router::{Router, Success};

use super::bundle::{Bundle, POLICY, held};
use super::error::Unfit;

const DOC: &str = "Weighbridge heads. Input: `features`, a row of 32-bit floats a request, as the \
feature step of policy.router.json makes them, each rounded up. Outputs: `success`, the probability \
of a right answer, and `output_tokens`, a column a model in the order of `weighbridge.models`.";

/// The folder for onnxruntime; `file` is the router file as it is shipped.
pub(super) fn bundle(router: &Router, file: &[u8]) -> Result<Bundle, Unfit> {
    if router.heads().is_empty() {
        return Err(Unfit::because(
            "it has no trained heads, and heads are all that an ONNX model can hold; rules run in the one-file loader or in another target",
        ));
    }
    let mut bundle = Bundle::default();
    bundle.add("heads.onnx", model(router, file));
    for (path, content) in [
        ("check.py", include_str!("../../../gateways/onnx/check.py")),
        ("route.py", include_str!("../../../gateways/onnx/route.py")),
        (
            "weighbridge_router.py",
            include_str!("../../../gateways/python/weighbridge_router.py"),
        ),
    ] {
        bundle.add(path, content);
    }
    let readme = include_str!("../../../gateways/onnx/README.md");
    bundle.add("README.md", readme.replace("{TABLE}", &table(router)));
    Ok(bundle)
}

/// The heads as an ONNX file.
fn model(router: &Router, file: &[u8]) -> Vec<u8> {
    let models: Vec<&str> = router.heads().iter().map(|it| it.model.as_str()).collect();
    let said = [
        ("weighbridge.router_sha256", held(POLICY, file).sha256),
        ("weighbridge.models", serde_json::json!(models).to_string()),
    ];
    heads::graph(router).into_file(router.recipe().columns(), DOC, &said)
}

/// Which column of the outputs is which model, for the README.
fn table(router: &Router) -> String {
    let heads = router.heads().iter().enumerate();
    heads
        .map(|(column, heads)| {
            format!(
                "| {column} | `{}` | {} |\n",
                heads.model,
                kind(&heads.success)
            )
        })
        .collect()
}

fn kind(head: &Success) -> &'static str {
    match head {
        Success::Logistic(_) => "`logistic/1`",
        Success::Trees(_) => "`trees/1`",
        Success::Mean(_) => "`mean/1`",
    }
}
