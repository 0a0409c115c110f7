//! `diff` as its user sees it.

use serde_json::Value;

use super::support::{Folder, SMALL_TRACE, always, generated, run, trained};

const DRIVER: &str = "deepseek-v3.2@deepseek";
const SPECIALIST: &str = "deepseek-v3.2-speciale@deepseek";
const TRACE: &str = "traces/engineering.jsonl";
const ROLES: [&str; 4] = [
    "--driver",
    "deepseek-v3.2",
    "--specialist",
    "deepseek-v3.2-speciale",
];

#[track_caller]
fn close(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{found}"));
    assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
}

/// A difference by its figure's name.
#[track_caller]
fn figure<'r>(report: &'r Value, name: &str) -> &'r Value {
    let figures = report["traffic"]["figures"].as_array().unwrap();
    figures.iter().find(|it| it["figure"] == name).unwrap()
}

#[track_caller]
fn diff(args: &[&str]) -> Value {
    run(&[&["diff", "--format", "json"], args].concat())
        .done()
        .json()
}

#[test]
fn a_file_and_itself_are_the_same() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let policy = "policies/hard-math-and-code.toml";
    let report = diff(&[policy, policy, &trace, "--exit-code"]);
    assert_eq!(report["format"], "weighbridge.diff/1");
    assert_eq!(report["decide_alike"], true);
    assert_eq!(report["files"]["same_decisions"], true);
    for list in [
        &report["files"]["changes"],
        &report["files"]["figures"],
        &report["traffic"]["routes"],
    ] {
        assert!(list.as_array().unwrap().is_empty(), "{list}");
    }
    close(&figure(&report, "success")["difference"]["x"], 0.0);
    assert_eq!(figure(&report, "success")["verdict"], "same");
    let table = run(&["diff", policy, policy, &trace]).done().out;
    assert!(table.contains("The two say the same."), "{table}");
    assert!(table.contains("none moves"), "{table}");
}

#[test]
fn moves_and_what_they_come_to_are_those_that_pen_and_paper_give() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let policies = [
        "policies/always-driver.toml",
        "policies/always-specialist.toml",
    ];
    let report = diff(&[policies[0], policies[1], &trace, "--value", "1"]);
    assert_eq!(report["decide_alike"], false);
    let traffic = &report["traffic"];
    close(&traffic["moved"]["x"], 2.0 / 3.0);
    // `c` needs tools, which the specialist has not.
    let route = &traffic["routes"][0];
    assert_eq!(traffic["routes"].as_array().unwrap().len(), 1);
    assert_eq!(route["from"], DRIVER);
    assert_eq!(route["to"], SPECIALIST);
    close(&route["requests"], 2.0);
    assert_eq!(
        route["tasks"],
        serde_json::json!({"chat": 1.0, "math": 1.0})
    );
    // 8,000 and 680 tokens more at 0.42 USD a million.
    let (a, b) = (1.0 - 0.003_36, -0.000_285_6);
    close(&route["recorded"]["net_usd"]["x"], (a + b) / 2.0);
    let net = figure(&report, "net_usd_per_request");
    close(&net["difference"]["x"], (a + b) / 3.0);
    close(&net["per_moved"]["x"], (a + b) / 2.0);
    close(&figure(&report, "success")["a"]["x"], 2.0 / 3.0);
    close(&figure(&report, "success")["b"]["x"], 1.0);
    let cost = &figure(&report, "cost_usd_per_request")["difference"];
    close(&cost["x"], (0.003_36 + 0.000_285_6) / 3.0);
    let tops = &traffic["tops"];
    assert_eq!(tops["ranked_by"], "recorded_net");
    assert_eq!(tops["gains"][0]["id"], "a");
    assert_eq!(tops["costs"][0]["id"], "b");
    close(&tops["costs"][0]["recorded"]["net_usd"], b);
    let chat = &traffic["tasks"][0];
    assert_eq!(chat["task"], "chat");
    close(&chat["moved"]["x"], 0.5);
    close(&chat["recorded"]["net_usd"]["x"], b / 2.0);
}

#[test]
fn differences_and_their_intervals_are_those_of_replay() {
    let policies = [
        "policies/hard-math-and-code.toml",
        "policies/rules-then-learned.toml",
    ];
    let report = diff(&[policies[0], policies[1], TRACE, "--value", "2"]);
    let replay = [
        "replay",
        TRACE,
        "-p",
        policies[0],
        policies[1],
        "--value",
        "2",
        "--format",
        "json",
    ];
    let replayed = run(&replay).done().json();
    let comparisons = replayed["comparisons"].as_array().unwrap();
    for name in ["net_usd_per_request", "success", "cost_usd_per_request"] {
        let found = figure(&report, name);
        let expected = comparisons
            .iter()
            .find(|it| {
                it["figure"] == name
                    && it["a"] == "rules-then-learned"
                    && it["b"] == "hard-math-and-code"
            })
            .unwrap_or_else(|| panic!("{name} is compared"));
        // Requests whose cost is unknown are left out there of both, here of the moves alone.
        close(
            &found["difference"]["x"],
            expected["difference"]["x"].as_f64().unwrap(),
        );
        for end in 0..2 {
            let expected = expected["difference"]["ci95"][end].as_f64().unwrap();
            close(&found["difference"]["ci95"][end], expected);
        }
        for (policy, side) in [(0, "a"), (1, "b")] {
            let expected = replayed["policies"][policy][name]["x"].as_f64().unwrap();
            close(&found[side]["x"], expected);
        }
    }
    // What moves and what stays add up.
    let routes = report["traffic"]["routes"].as_array().unwrap();
    let moved: f64 = routes
        .iter()
        .map(|it| it["requests"].as_f64().unwrap())
        .sum();
    let requests = report["traffic"]["trace"]["requests"].as_f64().unwrap();
    close(&report["traffic"]["moved"]["x"], moved / requests);
}

#[test]
fn a_mixture_moves_its_share() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let policies = ["policies/always-driver.toml", "policies/random-95-5.toml"];
    let report = diff(&[policies[0], policies[1], &trace, "--value", "1"]);
    close(&report["traffic"]["moved"]["x"], 0.05 * 2.0 / 3.0);
    let net = &figure(&report, "net_usd_per_request")["difference"];
    close(&net["x"], 0.05 * (1.0 - 0.003_36 - 0.000_285_6) / 3.0);
}

#[test]
fn prices_limits_and_branches_that_change_are_told_with_their_units() {
    let folder = Folder::new();
    let catalog = |output: &str, context: u32, second: &str| {
        format!(
            "format = \"weighbridge.catalog/1\"\n[[model]]\nid = \"m\"\n[[model]]\nid = \"{second}\"\n[[endpoint]]\nid = \"m@p\"\nmodel = \"m\"\ncontext_tokens = {context}\n[[endpoint.price]]\nusd_per_mtok = {{ input = 0.28, cached = 0.028, output = {output} }}\nsource = \"test\"\n[[endpoint]]\nid = \"{second}@p\"\nmodel = \"{second}\"\n[[endpoint.price]]\nusd_per_mtok = {{ input = 1, cached = 1, output = 2 }}\nsource = \"test\"\n"
        )
    };
    let rules = |words: &str, second: &str| {
        format!(
            "format = \"weighbridge.policy/1\"\nfallback = [\"m\"]\n[choose]\nkind = \"rules\"\nelse = \"m\"\n[[choose.rule]]\nwhen = {{ prompt_any = [{words}] }}\nto = \"{second}\"\n"
        )
    };
    let compiled = |name: &str, catalog: String, policy: String| {
        let catalog = folder.file(&format!("{name}.catalog.toml"), catalog);
        let policy = folder.file(&format!("{name}.toml"), policy);
        let file = folder.at(&format!("{name}.router.json"));
        run(&["compile", &policy, "-o", &file, "--catalog", &catalog]).done();
        file
    };
    let a = compiled("a", catalog("0.42", 1000, "x"), rules("\"prove\"", "x"));
    let b = compiled(
        "b",
        catalog("0.84", 2000, "y"),
        rules("\"prove\", \"show\"", "y"),
    );
    let report = diff(&[&a, &b]);
    assert_eq!(report["decide_alike"], false);
    assert!(report["traffic"].is_null());
    let changes = report["files"]["changes"].as_array().unwrap();
    let find = |part: &str, of: &str, field: &str| -> &Value {
        changes
            .iter()
            .find(|it| it["part"] == part && it["of"] == of && it["field"] == field)
            .unwrap_or_else(|| panic!("{part} {of} {field} in {changes:?}"))
    };
    let price = find("price", "m@p", "output, always");
    assert_eq!((&price["a"], &price["b"]), (&0.42.into(), &0.84.into()));
    assert_eq!(price["unit"], "USD / million tokens");
    let context = find("endpoint", "m@p", "context_tokens");
    assert_eq!((&context["a"], &context["b"]), (&1000.into(), &2000.into()));
    assert!(find("model", "x", "")["b"].is_null());
    assert!(find("model", "y", "")["a"].is_null());
    assert!(find("endpoint", "y@p", "")["b"].is_string());
    let when = find("choose", "rule[0]", "when");
    assert_eq!(
        when["b"]["prompt_any"],
        serde_json::json!(["prove", "show"])
    );
    find("choose", "rule[0].to", "");
    let said = run(&["diff", &a, &b, "--exit-code"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(
        said.out.contains("0.42") && said.out.contains("0.84"),
        "{}",
        said.out
    );
    // Nothing was asked for: what differs is an answer and no failure.
    run(&["diff", &a, &b]).done();
}

#[test]
fn trainings_are_compared_by_what_their_files_record() {
    let learned = "models/engineering.router.json";
    let report = diff(&[learned, trained()]);
    let files = &report["files"];
    assert_eq!(files["same_decisions"], false);
    let changes = files["changes"].as_array().unwrap();
    let rows = changes
        .iter()
        .find(|it| it["part"] == "training" && it["field"] == "rows.training")
        .unwrap();
    assert_eq!(rows["a"], 60_000);
    let weights = changes
        .iter()
        .find(|it| it["of"] == "deepseek-v3.2 output_tokens" && it["field"] == "weights");
    let text = weights.unwrap()["b"].as_str().unwrap();
    assert!(text.contains("numbers"), "{text}");
    let net = files["figures"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["split"] == "group" && it["figure"] == "net_usd_per_request")
        .unwrap();
    assert!(
        net["a"]["ci95"].is_array() && net["b"]["x"].is_number(),
        "{net}"
    );
}

#[test]
fn requests_that_nobody_answers_any_more_are_named() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let [before, after] =
        ["driver", "specialist"].map(|role| folder.file(&format!("{role}.toml"), always(role)));
    let report = diff(&[&before, &after, &trace]);
    let unanswered = &report["traffic"]["unanswered"];
    close(&unanswered["b"], 1.0);
    close(&unanswered["lost"], 1.0);
    assert_eq!(unanswered["lost_ids"], serde_json::json!(["c"]));
    let route = report["traffic"]["routes"].as_array().unwrap();
    assert!(route.iter().any(|it| it["to"].is_null()));
    let table = run(&["diff", &before, &after, &trace]).done().out;
    assert!(table.contains("1 requests become unanswered: c"), "{table}");
    // Without a value there is no net value, and the ranking says by what it ranks.
    assert!(figure(&report, "net_usd_per_request")["difference"]["x"].is_null());
    assert_eq!(report["traffic"]["tops"]["ranked_by"], "recorded_cost");
}

#[test]
fn a_trace_with_the_chosen_outcome_alone_is_ranked_by_what_the_heads_predict() {
    let folder = Folder::new();
    let logged: String = std::fs::read_to_string(TRACE)
        .unwrap()
        .lines()
        .take(300)
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            if let Some(outcomes) = line.get_mut("outcomes") {
                let all = outcomes.as_array().unwrap().clone();
                let driver = all.into_iter().filter(|it| it["model"] == "deepseek-v3.2");
                *outcomes = Value::Array(driver.collect());
            }
            format!("{line}\n")
        })
        .collect();
    let trace = folder.file("logged.jsonl", logged);
    let report = diff(&["policies/always-driver.toml", trained(), &trace]);
    let net = figure(&report, "net_usd_per_request");
    // Not zero: nothing tells what the specialist would have made of any moved request.
    assert!(net["difference"]["x"].is_null(), "{net}");
    assert!(net["difference"]["why"].is_string());
    assert!(net["predicted"]["x"].as_f64().unwrap() > 0.0, "{net}");
    assert!(net["predicted"]["ci95"].is_null());
    assert_eq!(report["traffic"]["tops"]["ranked_by"], "predicted_net");
    let gains = report["traffic"]["tops"]["gains"].as_array().unwrap();
    assert!(!gains.is_empty() && gains[0]["recorded"]["net_usd"].is_null());
    let warnings = report["traffic"]["warnings"].to_string();
    assert!(warnings.contains("no recorded outcome"), "{warnings}");
}

#[test]
fn requests_that_a_router_learned_from_are_left_out_and_counted() {
    let folder = Folder::new();
    let trace = generated(&folder, "t.jsonl", 1200, 21);
    let report = diff(&["policies/always-driver.toml", trained(), &trace]);
    let told = &report["traffic"]["trace"];
    let dropped = told["dropped_training_rows"].as_u64().unwrap();
    assert!(dropped > 0);
    assert_eq!(dropped + told["requests"].as_u64().unwrap(), 1200);
}

#[test]
fn wrong_calls_and_broken_files_are_told_apart() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let missing = run(&["diff", "policies/always-driver.toml", "no.router.json"]);
    assert_eq!(missing.code, Some(2), "{}", missing.err);
    let broken = folder.file("broken.router.json", "{}");
    let said = run(&["diff", &broken, "policies/always-driver.toml", &trace]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let unbound = run(&[
        "diff",
        "policies/always-driver.toml",
        "policies/always-driver.toml",
    ]);
    assert_eq!(unbound.code, Some(2), "{}", unbound.err);
    assert!(unbound.err.contains("--driver"), "{}", unbound.err);
}

#[test]
fn every_format_shows_what_differs() {
    let pair = [
        "diff",
        "policies/always-driver.toml",
        "policies/always-specialist.toml",
    ];
    let args = [&pair[..], &ROLES[..]].concat();
    for format in ["table", "markdown", "csv"] {
        let said = run(&[&args[..], &["--format", format]].concat()).done();
        assert!(
            said.out.contains("deepseek-v3.2-speciale"),
            "{format}: {}",
            said.out
        );
        assert_eq!(said.err, "");
    }
}
