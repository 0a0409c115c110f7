//! `inspect`: what is in a trace, and what it can and cannot answer.

use super::support::{Folder, SMALL_TRACE, run};

#[test]
fn a_trace_is_summed_up() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let out = folder.at("i.json");
    let said = run(&["inspect", &trace, "--format", "json", "-o", &out]).done();
    let found = said.json();
    assert_eq!(found, folder.json("i.json"));
    assert_eq!(found["format"], "weighbridge.inspect/1");
    assert_eq!(
        (found["requests"].as_u64(), found["outcomes"].as_u64()),
        (Some(3), Some(6))
    );
    assert_eq!(found["span"][0], "2025-12-02T00:00:00Z");
    assert_eq!(found["tasks"]["chat"], 2);
    let coverage = found["coverage"].as_array().unwrap();
    assert_eq!(coverage.len(), 2);
    assert_eq!(coverage[0]["output_tokens"].as_f64(), Some(1.0));
    assert_eq!(coverage[0]["bill"].as_f64(), Some(0.0));
}

#[test]
fn what_cannot_be_answered_is_said() {
    let folder = Folder::new();
    let trace = folder.file(
        "t.jsonl",
        "{\"format\":\"weighbridge.trace/1\"}\n{\"id\":\"a\",\"outcomes\":[{\"model\":\"m\"}]}\n",
    );
    let said = run(&["inspect", &trace]).done();
    assert!(said.out.to_lowercase().contains("no"), "{}", said.out);
    let other = folder.file("u.jsonl", SMALL_TRACE);
    assert!(run(&["inspect", &other]).done().out != said.out);
}

#[test]
fn nothing_can_be_compared_where_nobody_answered() {
    let folder = Folder::new();
    let trace = folder.file(
        "t.jsonl",
        "{\"format\":\"weighbridge.trace/1\"}\n{\"id\":\"a\",\"logged\":{\"endpoint\":\"m@p\",\"propensity\":1}}\n",
    );
    let found = run(&["inspect", &trace, "--format", "json"]).done().json();
    let answers = found["answers"].as_array().unwrap();
    let compare = answers.iter().find(|answer| answer["about"] == "compare");
    assert_eq!(compare.expect("it is asked")["yes"], false);
}
