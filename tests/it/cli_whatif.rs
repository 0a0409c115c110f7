//! `whatif`, as its user sees it.

use serde_json::Value;

use super::support::{Folder, Said, run};

const TRACE: &str = "traces/engineering.jsonl";
const LEARNED: &str = "policies/learned.toml";
const DRIVER: &str = "policies/always-driver.toml";

fn whatif(more: &[&str]) -> Said {
    let call = [
        "whatif",
        TRACE,
        "-p",
        DRIVER,
        LEARNED,
        "--replicates",
        "200",
    ];
    run(&[&call[..], more].concat())
}

fn json(more: &[&str]) -> Value {
    whatif(&[more, &["--format", "json"]].concat())
        .done()
        .json()
}

fn x(figure: &Value) -> f64 {
    figure["x"].as_f64().unwrap()
}

/// A figure of the learned policy in a world.
fn learned(world: &Value, figure: &str) -> f64 {
    x(&world["policies"][1][figure])
}

#[test]
fn frozen_and_redecided_are_those_of_replay_with_and_without_redecide() {
    let result = json(&["--set", "value=0.05", "--set", "second=0.0001"]);
    assert_eq!(result["format"], "weighbridge.whatif/1");
    let point = &result["points"][0];
    for (mode, flag) in [("frozen", None), ("redecided", Some("--redecide"))] {
        let mut call = vec![
            "replay",
            TRACE,
            "-p",
            DRIVER,
            LEARNED,
            "--replicates",
            "200",
        ];
        call.extend(["--value", "0.05", "--second", "0.0001", "--format", "json"]);
        call.extend(flag);
        let replayed = run(&call).done().json();
        for policy in 0..2 {
            let (world, replayed) = (
                &point[mode]["policies"][policy],
                &replayed["policies"][policy],
            );
            for figure in ["success", "cost_usd_per_request", "net_usd_per_request"] {
                let (a, b) = (&world[figure], &replayed[figure]);
                assert!((x(a) - x(b)).abs() < 1e-12, "{mode} {figure}: {a} {b}");
                let ends = |figure: &Value, end: usize| figure["ci95"][end].as_f64().unwrap();
                for end in [0, 1] {
                    assert!(
                        (ends(a, end) - ends(b, end)).abs() < 1e-9,
                        "{mode} {figure}: {a} {b}"
                    );
                }
            }
        }
    }
    let worth = x(&point["retuning"][1]["net_usd_per_request"]);
    let difference = learned(&point["redecided"], "net_usd_per_request")
        - learned(&point["frozen"], "net_usd_per_request");
    assert!(
        (worth - difference).abs() < 1e-12 && worth > 0.0,
        "{worth} {difference}"
    );
    assert_eq!(x(&point["retuning"][0]["net_usd_per_request"]), 0.0);
}

#[test]
fn a_grid_has_a_world_for_every_combination_and_each_is_the_one_asked_for_alone() {
    let result = json(&[
        "--set",
        "value=0.01..1:log3",
        "--set",
        "price.specialist.output*=1,4",
    ]);
    let points = result["points"].as_array().unwrap();
    assert_eq!(points.len(), 6);
    assert_eq!(result["axes"][0]["values"].as_array().unwrap().len(), 3);
    let alone = json(&["--set", "value=0.1", "--set", "price.specialist.output*=4"]);
    assert_eq!(points[3]["settings"][0]["value"], 0.1);
    assert_eq!(points[3], alone["points"][0]);
    let nets: Vec<f64> = points
        .iter()
        .map(|point| learned(&point["redecided"], "net_usd_per_request"))
        .collect();
    assert!(nets[0] < nets[2] && nets[2] < nets[4], "{nets:?}");
}

#[test]
fn assumptions_are_marked_and_what_was_clipped_is_counted() {
    let result = json(&[
        "--value",
        "2",
        "--set",
        "success.specialist+=0.05",
        "--set",
        "tokens.specialist*=2.5",
    ]);
    let point = &result["points"][0];
    let assumed = point["frozen"]["assumptions"].to_string();
    assert!(
        assumed.contains("was clipped to [0, 1]") && assumed.contains("2.5 times"),
        "{assumed}"
    );
    let learned_policy = &point["frozen"]["policies"][1];
    let evidence = learned_policy["success"]["evidence"].as_str().unwrap();
    assert!(evidence.contains("under assumptions"), "{evidence}");
    let before = &result["base"]["frozen"];
    assert!(learned(&point["frozen"], "success") > learned(before, "success"));
    assert!(
        learned(&point["frozen"], "cost_usd_per_request") > learned(before, "cost_usd_per_request")
    );
    assert!(learned(&point["frozen"], "latency_ms_mean") > learned(before, "latency_ms_mean"));
    assert!(before["assumptions"].as_array().unwrap().is_empty());
}

#[test]
fn a_closed_endpoint_leaves_the_shipped_file_unanswered_and_the_new_one_falls_back() {
    let result = json(&[
        "--set",
        "available.deepseek-v3.2-speciale@deepseek.until=2025-12-01",
    ]);
    let point = &result["points"][0];
    let before = &result["base"]["frozen"]["policies"][1];
    let to_specialist = x(&before["share"]["deepseek-v3.2-speciale@deepseek"]);
    assert!((learned(&point["frozen"], "unanswered") - to_specialist).abs() < 1e-12);
    assert_eq!(learned(&point["redecided"], "unanswered"), 0.0);
    let driver = &point["redecided"]["policies"][1]["share"]["deepseek-v3.2@deepseek"];
    assert!((x(driver) - 1.0).abs() < 1e-12);
}

#[test]
fn more_of_one_task_weighs_its_figures_more() {
    let result = json(&["--set", "share.task.math=0,1"]);
    let replayed = run(&[
        "replay",
        TRACE,
        "-p",
        DRIVER,
        LEARNED,
        "--by",
        "task",
        "--replicates",
        "0",
        "--format",
        "json",
    ])
    .done()
    .json();
    let segments = replayed["policies"][1]["segments"].as_array().unwrap();
    let math = segments.iter().find(|it| it["segment"] == "math").unwrap();
    let only_math = &result["points"][1]["frozen"];
    assert!((learned(only_math, "success") - x(&math["success"])).abs() < 1e-12);
    let share = math["requests"].as_f64().unwrap() / 3000.0;
    let others = learned(&result["points"][0]["frozen"], "success");
    let both = share * learned(only_math, "success") + (1.0 - share) * others;
    assert!((both - learned(&result["base"]["frozen"], "success")).abs() < 1e-12);
}

#[test]
fn a_scenario_file_adds_an_endpoint_that_only_the_redecided_policy_uses() {
    let folder = Folder::new();
    let file = folder.file(
        "ours.toml",
        r#"
format = "weighbridge.world/1"
value = 2
requests_per_day = 4000
[[endpoint]]
id = "deepseek-v3.2-speciale@ours"
like = "deepseek-v3.2-speciale@deepseek"
fixed_usd_per_month = 1000
[endpoint.self_hosted]
attention = "sparse-70"
usd_per_mtok = { input = 0.01, output = 0.02 }
dense_usd_per_mtok_at_128k = { input = 0.2, output = 0.4 }
typical_output_tokens = 4000
"#,
    );
    let point = &json(&["--scenario", &file])["points"][0];
    let ours = "deepseek-v3.2-speciale@ours";
    assert!(point["frozen"]["policies"][1]["share"][ours].is_null());
    let redecided = &point["redecided"]["policies"][1];
    assert!(x(&redecided["share"][ours]) > 0.1, "{}", redecided["share"]);
    assert_eq!(redecided["fixed_usd_per_month"], 1000.0);
    let a_request = 1000.0 / (4000.0 * 365.25 / 12.0);
    let cost = x(&redecided["cost_usd_per_request"]);
    assert!(cost > a_request && cost < a_request + 0.0025, "{cost}");
}

#[test]
fn what_means_nothing_is_refused_in_one_line() {
    for (setting, code, says) in [
        ("valeu=1", 2, "did you mean `value`?"),
        (
            "price.deepseek-v3.2-special.output=1",
            2,
            "did you mean `deepseek-v3.2-speciale`?",
        ),
        ("price.gpt-4o.output=1", 2, "`gpt-4o`"),
        ("share.task.maths=0.2", 2, "did you mean `math`?"),
        ("share.task.math=2", 2, "must lie in [0, 1]"),
        ("value=3..2", 2, "the range is empty"),
        ("value=1..1", 2, "the range is empty"),
        ("wrong=1", 2, "--value USD"),
        ("value*=2", 2, "there is no value"),
        ("tokens.specialist=3", 2, "*= a number above 0"),
        ("price.specialist.output+=-5", 2, "between 0 and"),
        ("available.specialist.until=5", 2, "`never`"),
        ("value", 2, "NAME=VALUE"),
    ] {
        let said = whatif(&["--set", setting]);
        assert_eq!(said.code, Some(code), "{setting}: {}", said.err);
        assert!(said.err.contains(says), "{setting}: {}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    }
}

#[test]
fn prices_of_recorded_bills_are_refused_and_fixed_costs_need_traffic() {
    let folder = Folder::new();
    let trace = folder.file(
        "bills.jsonl",
        r#"{"format":"weighbridge.trace/1"}
{"id":"a","request":{"prompt":"one"},"outcomes":[{"model":"m","score":1.0,"cost_usd":0.5}]}
{"id":"b","request":{"prompt":"two"},"outcomes":[{"model":"m","score":0.0,"cost_usd":0.7}]}
"#,
    );
    let policy = folder.file(
        "m.toml",
        "format = \"weighbridge.policy/1\"\n[choose]\nkind = \"always\"\nto = \"m\"\n",
    );
    let call = |setting: &str| run(&["whatif", &trace, "-p", &policy, "--set", setting]);
    let refused = call("price.m.output*=2");
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(
        refused.err.contains("only recorded bills of m"),
        "{}",
        refused.err
    );
    let refused = call("fixed.m=100");
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(
        refused.err.contains("requests_per_day=N"),
        "{}",
        refused.err
    );
    let table = call("value=2").done().out;
    assert!(table.contains("Net value"), "{table}");
    for format in ["csv", "markdown"] {
        let call = [
            "whatif",
            &trace,
            "-p",
            &policy,
            "--set",
            "value=1,2",
            "--format",
            format,
        ];
        assert!(run(&call).done().out.contains("net_usd_per_request") || format == "markdown");
    }
}

#[test]
fn a_dial_is_solved_anew_and_a_value_is_not() {
    let folder = Folder::new();
    let router = super::support::root().join("models/engineering.router.json");
    let policy = |name: &str, dial: &str| {
        let text = format!(
            "format = \"weighbridge.policy/1\"\nfallback = [\"driver\"]\n[choose]\nkind = \"router\"\nfile = \"{}\"\ntrade = {{ {dial} }}\n",
            router.display()
        );
        folder.file(name, text)
    };
    let share = policy("share.toml", "share = 0.1");
    let value = policy("value.toml", "value_usd = 0.05");
    let result = run(&[
        "whatif",
        TRACE,
        "-p",
        &share,
        &value,
        "--replicates",
        "0",
        "--set",
        "price.specialist.output*=20",
        "--format",
        "json",
    ])
    .done()
    .json();
    let point = &result["points"][0];
    let to_specialist = |world: &Value, policy: usize| {
        let share = &world["policies"][policy]["share"]["deepseek-v3.2-speciale@deepseek"];
        share["x"].as_f64().unwrap_or_default()
    };
    let [dialled, kept] = [0, 1].map(|policy| {
        let [a, b] = ["frozen", "redecided"].map(|mode| to_specialist(&point[mode], policy));
        (a, b)
    });
    // The sample that a dial is solved on has no needs or channels, so that the trace's share moves.
    assert!(
        dialled.1 > dialled.0 / 3.0,
        "the share is kept: {dialled:?}"
    );
    assert!(kept.1 < kept.0 / 10.0, "the value is kept: {kept:?}");
}
