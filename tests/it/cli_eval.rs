//! `eval`: the bundled router on the bundled trace, and what is too little or too odd to measure.

use std::fmt::Write as _;

use serde_json::Value;

use super::support::{Folder, run};

const BUNDLED: [&str; 3] = [
    "eval",
    "models/engineering.router.json",
    "traces/engineering.jsonl",
];

fn evaluated(args: &[&str]) -> Value {
    let all = [&BUNDLED[..], args, &["--format", "json"]].concat();
    run(&all).done().json()
}

/// Every figure in a result: its number, and the whole.
fn figures<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("unit") {
                found.push(value);
            }
            fields.values().for_each(|value| figures(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| figures(value, found)),
        _ => {}
    }
}

/// JSON has no NaN: one would stand there as a null that gives no reason.
fn no_figure_is_missing_without_a_reason(value: &Value) {
    let mut all = Vec::new();
    figures(value, &mut all);
    assert!(all.len() > 50);
    for figure in all {
        assert!(
            figure["x"].is_number() || figure["why"].is_string(),
            "{figure}"
        );
    }
}

#[test]
fn the_bundled_router_is_priced_beside_its_floors_at_every_value() {
    let rule = [
        "-p",
        "policies/hard-math-and-code.toml",
        "--values",
        "0.2,2",
    ];
    let found = evaluated(&[&rule[..], &["--replicates", "200"]].concat());
    no_figure_is_missing_without_a_reason(&found);
    let values = found["values"].as_array().unwrap();
    let at: Vec<f64> = values
        .iter()
        .map(|at| at["trade"]["value_usd"].as_f64().unwrap())
        .collect();
    assert_eq!(at, [0.2, 2.0]);
    for at in values.iter().chain([&found["net"]]) {
        let policies = at["policies"].as_array().unwrap();
        let net = |kind: &str| {
            let policy = policies
                .iter()
                .find(|policy| policy["kind"] == kind)
                .unwrap();
            policy["net_usd_per_request"]["x"].as_f64().unwrap()
        };
        assert!(net("hindsight") >= net("router"), "{at}");
        assert!(
            policies
                .iter()
                .any(|policy| policy["name"] == "hard-math-and-code")
        );
        for floor in ["random_mixture", "best_single", "rule", "best_rule"] {
            assert!(net(floor) <= net("hindsight"), "{floor}");
        }
        assert!(!at["comparisons"].as_array().unwrap().is_empty());
        let sent = at["sent"].as_object().unwrap().values();
        let all: f64 = sent.map(|share| share.as_f64().unwrap()).sum();
        assert!((all - 1.0).abs() < 1e-9, "{all}");
    }
    // The file's own trade is two dollars, so both ways must come to the same.
    assert_eq!(
        values[1]["policies"][0]["net_usd_per_request"],
        found["net"]["policies"][0]["net_usd_per_request"]
    );
    let verdicts = ["better", "worse", "cannot_tell", "same"];
    assert!(verdicts.contains(&found["net"]["verdict"].as_str().unwrap()));
    assert!(found["net"]["over_fixed"]["se_by_task"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_answer_for_a_portfolio_manager_is_one_sentence_and_a_table() {
    let said = run(&[&BUNDLED[..], &["--replicates", "200", "--by", "task"]].concat()).done();
    let sentence = said
        .out
        .lines()
        .find(|line| line.contains("deserve the specialist at"))
        .unwrap();
    assert!(sentence.contains("% of requests (math)"), "{sentence}");
    assert!(sentence.contains("pays above $"), "{sentence}");
    assert!(!said.out.contains("By tenant"));
    let found = evaluated(&["--replicates", "50"]);
    let segments = found["segments"].as_array().unwrap();
    let of = |by: &str| {
        segments
            .iter()
            .filter(|held| held["by"] == by)
            .collect::<Vec<_>>()
    };
    for by in ["task", "tenant", "length"] {
        let segments = of(by);
        let requests = (segments.iter()).map(|held| held["requests"].as_u64().unwrap());
        assert_eq!(
            Some(requests.sum::<u64>()),
            found["requests"].as_u64(),
            "{by}"
        );
        let even = of(by)
            .into_iter()
            .map(|held| held["break_even_usd"]["x"].as_f64());
        let even: Vec<f64> = even.map(|even| even.unwrap_or(f64::INFINITY)).collect();
        assert!(even.is_sorted(), "{by}: {even:?}");
    }
    let small = of("task").iter().any(|held| held["segment"] == "other");
    assert!(small, "groups with few informative requests are one");
}

#[test]
fn threads_change_no_byte_and_splits_say_why_they_are_missing() {
    let of = |threads| evaluated(&["--replicates", "40", "--threads", threads]);
    let one = of("1");
    assert_eq!(one, of("3"));
    let splits = &one["splits"]["splits"];
    for name in ["group", "time", "task"] {
        let split = &splits[name];
        assert!(
            split["apgr"].is_object() || split["why"].is_string(),
            "{name}: {split}"
        );
    }
}

#[test]
fn a_learned_policy_is_no_rule_and_a_strange_field_groups_nothing() {
    let learned = run(&[&BUNDLED[..], &["-p", "policies/learned.toml"]].concat());
    assert_eq!(learned.code, Some(2));
    assert!(
        learned.err.contains("weighbridge replay"),
        "{}",
        learned.err
    );
    let strange = run(&[&BUNDLED[..], &["--by", "colour"]].concat());
    assert_eq!(strange.code, Some(2));
    assert!(strange.err.contains("length"), "{}", strange.err);
    let negative = run(&[&BUNDLED[..], &["--values", "1,x"]].concat());
    assert_eq!(negative.code, Some(2));
}

/// A trace of so many requests whose answers are right as said, for the bundled router.
fn trace(rows: u64, right: impl Fn(u64) -> [&'static str; 2]) -> String {
    let mut text = r#"{"format":"weighbridge.trace/1","roles":{"driver":"deepseek-v3.2","specialist":"deepseek-v3.2-speciale"}}"#.to_owned();
    for i in 0..rows {
        let [driver, specialist] = right(i);
        write!(text, "\n{{\"id\":\"q{i:04}\",\"request\":{{\"at\":\"2025-12-02\",\"prompt\":\"A wholly other question, number {i}\"}},\"outcomes\":[{{\"model\":\"deepseek-v3.2\",\"score\":{driver},\"output_tokens\":500}},{{\"model\":\"deepseek-v3.2-speciale\",\"score\":{specialist},\"output_tokens\":900}}]}}").unwrap();
    }
    text
}

#[test]
fn thirty_requests_and_answers_of_one_class_are_measured_with_a_warning() {
    let folder = Folder::new();
    let traces = [
        trace(30, |i| if i % 3 == 0 { ["0", "1"] } else { ["1", "1"] }),
        trace(400, |_| ["1", "1"]),
        trace(400, |_| ["0", "0"]),
        trace(1, |_| ["0.5", "1"]),
    ];
    for (text, warning) in traces.iter().zip([
        "are few",
        "either right or wrong",
        "either right",
        "are few",
    ]) {
        let path = folder.file("t.jsonl", text);
        let said = run(&[
            "eval",
            BUNDLED[1],
            &path,
            "--replicates",
            "50",
            "--format",
            "json",
        ])
        .done();
        assert!(said.err.contains(warning), "{warning}: {}", said.err);
        let found = said.json();
        no_figure_is_missing_without_a_reason(&found);
        run(&["eval", BUNDLED[1], &path, "--replicates", "50"]).done();
    }
}
