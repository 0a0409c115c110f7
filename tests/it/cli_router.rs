//! `compile`, `verify`, `decide` and `explain`: the life of one router file.

use serde_json::Value;

use super::support::{Folder, SMALL_TRACE, run, run_with_input};

const ROLES: [&str; 4] = [
    "--driver",
    "deepseek-v3.2",
    "--specialist",
    "deepseek-v3.2-speciale",
];

/// Compile a policy into the folder.
pub(super) fn compiled(folder: &Folder, policy: &str) -> String {
    let router = folder.at("p.router.json");
    run(&[&["compile", policy, "-o", &router][..], &ROLES].concat()).done();
    router
}

#[test]
fn a_policy_compiles_to_the_same_bytes_and_they_verify() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/hard-math-and-code.toml");
    let first = folder.read("p.router.json");
    compiled(&folder, "policies/hard-math-and-code.toml");
    assert!(first == folder.read("p.router.json"));
    assert!(first.starts_with("{\"format\":\"weighbridge.router/1\",\"bytes\":"));
    assert!(
        serde_json::from_str::<Value>(&first).is_ok(),
        "valid JSON as a whole"
    );
    let said = run(&[
        "verify",
        &router,
        "--as-of",
        "2025-12-05",
        "--format",
        "json",
    ])
    .done();
    assert_eq!(said.json()["fit"], true);
}

#[test]
fn a_role_that_nobody_has_is_a_wrong_call_and_writes_nothing() {
    let folder = Folder::new();
    let said = run(&[
        "compile",
        "policies/always-specialist.toml",
        "-o",
        &folder.at("r.router.json"),
    ]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(
        said.err.contains("specialist") && said.err.contains("--specialist"),
        "{}",
        said.err
    );
    assert!(folder.names().is_empty());
}

#[test]
fn a_router_of_endpoints_that_have_all_ended_does_not_verify() {
    let folder = Folder::new();
    let policy = folder.file(
        "p.toml",
        super::support::always("deepseek-v3.2-speciale@deepseek"),
    );
    let router = compiled(&folder, &policy);
    run(&["verify", &router, "--as-of", "2025-12-10"]).done();
    let said = run(&[
        "verify",
        &router,
        "--as-of",
        "2026-06-01",
        "--format",
        "json",
    ]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert_eq!(said.json()["fit"], false);
}

#[test]
fn decisions_come_a_line_a_request_in_the_order_of_the_input() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/hard-math-and-code.toml");
    let mut lines: Vec<&str> = SMALL_TRACE.lines().collect();
    lines[1..].reverse();
    let trace = folder.file("t.jsonl", lines.join("\n"));
    let said = run(&["decide", &router, &trace]).done();
    let decided: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<&str> = decided
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["c", "b", "a"]);
    assert_eq!(
        decided[2]["choice"]["deepseek-v3.2-speciale@deepseek"],
        1_000_000
    );
    assert_eq!(decided[0]["choice"]["deepseek-v3.2@deepseek"], 1_000_000);
    // Request objects alone, by standard input.
    let bare = run_with_input(
        &["decide", &router, "-"],
        b"{\"prompt\":\"prove it\"}\n{\"prompt\":\"hello\"}\n",
    )
    .done();
    assert_eq!(bare.out.lines().count(), 2);
}

#[test]
fn explain_agrees_with_decide() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/hard-math-and-code.toml");
    for request in [
        r#"{"prompt":"Prove it."}"#,
        r#"{"prompt":"Prove it.","needs":["tools"]}"#,
        r#"{"prompt":"hi","task":"math"}"#,
        r#"{"prompt":"hi","at":"2026-05-01"}"#,
    ] {
        let line = run_with_input(&["decide", &router, "-"], request.as_bytes()).done();
        let line: Value = serde_json::from_str(&line.out).unwrap();
        let said = run(&["explain", &router, "--request", request, "--format", "json"]).done();
        let choice = said.json()["choice"].clone();
        let decided: Vec<Value> = line["choice"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, ppm)| serde_json::json!([id, ppm.as_f64().unwrap() / 1e6]))
            .collect();
        assert_eq!(choice, Value::Array(decided), "{request}");
    }
    let prompt = run_with_input(&["explain", &router, "--prompt", "-"], b"Prove it.").done();
    assert!(
        prompt.out.contains("deepseek-v3.2-speciale@deepseek"),
        "{}",
        prompt.out
    );
}
