//! `inspect --against`: does new traffic look like what a router was trained on?

use std::fs;

use serde_json::{Value, json};

use super::support::{Folder, SMALL_TRACE, generated, root, run, trained};

/// A trace of the scenario that the router was trained on, by seed.
fn fresh(folder: &Folder, seed: u32) -> String {
    generated(folder, &format!("n{seed}.jsonl"), 500, seed)
}

/// The same trace with each request's line changed.
fn changed(folder: &Folder, trace: &str, change: impl Fn(usize, &mut Value)) -> String {
    let text = fs::read_to_string(trace).unwrap();
    let mut lines = text.lines();
    let mut out = lines.next().unwrap().to_owned() + "\n";
    for (i, line) in lines.enumerate() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        change(i, &mut line);
        out += &format!("{line}\n");
    }
    folder.file("changed.jsonl", out)
}

/// The comparison, and the kinds of its alarms.
fn compared(trace: &str, code: i32) -> (Value, Vec<String>) {
    let said = run(&["inspect", trace, "--against", trained(), "--format", "json"]);
    assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
    let found = said.json();
    assert_eq!(found["format"], "weighbridge.drift/1");
    let alarms = found["alarms"].as_array().unwrap().iter();
    let kinds = alarms.map(|alarm| alarm["kind"].as_str().unwrap().to_owned());
    let kinds: Vec<String> = kinds.collect();
    assert_eq!(kinds.is_empty(), code == 0);
    (found, kinds)
}

#[test]
fn more_of_the_same_traffic_raises_no_alarm() {
    let folder = Folder::new();
    for seed in 300..308 {
        let (found, _) = compared(&fresh(&folder, seed), 0);
        assert_eq!(found["verdict"], "same");
        let area = &found["separability"];
        assert!((0.4..0.6).contains(&area["x"].as_f64().unwrap()), "{area}");
        assert!(found["prompts"].as_u64().unwrap() > 400);
        assert_eq!(found["rates"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn longer_prompts_are_told_apart_and_the_features_that_moved_are_named() {
    let folder = Folder::new();
    let trace = fresh(&folder, 310);
    let trace = changed(&folder, &trace, |_, line| {
        let prompt = line["request"]["prompt"].as_str().unwrap();
        line["request"]["prompt"] = json!(format!(
            "{prompt} Give the reason for every step, and list what could go wrong."
        ));
    });
    let (found, kinds) = compared(&trace, 1);
    assert!(found["separability"]["ci95"][0].as_f64().unwrap() > 0.9);
    assert!(
        kinds.contains(&"separability".into()) && kinds.contains(&"psi".into()),
        "{kinds:?}"
    );
    let shifts = found["shifts"].as_array().unwrap();
    let of = |name: &str| shifts.iter().find(|shift| shift["name"] == name).unwrap();
    assert_eq!(of("words_log")["state"], "alarm");
    assert_eq!(of("task")["state"], "same");
    assert_eq!(of("input_tokens")["state"], "same");
}

#[test]
fn a_scenario_of_other_classes_of_work_is_an_alarm() {
    let folder = Folder::new();
    let scenario = fs::read_to_string(root().join("traces/scenarios/engineering.toml")).unwrap();
    // The two most frequent classes change places with rarer ones.
    let scenario = scenario
        .replacen("share = 0.341", "share = 0.05", 1)
        .replacen("\nshare = 0.05\n", "\nshare = 0.341\n", 2)
        .replacen("share = 0.341", "share = 0.05", 1);
    let scenario = folder.file("other.toml", scenario);
    let trace = folder.at("other.jsonl");
    run(&[
        "generate",
        "-o",
        &trace,
        "--scenario",
        &scenario,
        "--requests",
        "600",
    ])
    .done();
    let (found, kinds) = compared(&trace, 1);
    assert!(
        kinds.iter().any(|kind| kind == "psi"),
        "{kinds:?} {}",
        found["separability"]
    );
}

#[test]
fn new_tasks_and_requests_without_a_task_are_alarms() {
    let folder = Folder::new();
    let fresh = fresh(&folder, 312);
    let named = changed(&folder, &fresh, |i, line| {
        if i % 5 == 0 {
            line["request"]["task"] = json!("poetry");
        }
    });
    let (found, kinds) = compared(&named, 1);
    assert!(kinds.contains(&"new_tasks".into()), "{kinds:?}");
    assert_eq!(found["new_tasks"][0]["task"], "poetry");
    assert_eq!(found["verdict"], "inputs_held");
    let bare = changed(&folder, &fresh, |_, line| {
        line["request"].as_object_mut().unwrap().remove("task");
    });
    let (found, _) = compared(&bare, 1);
    assert_eq!(found["alarms"][0]["of"], "task");
}

#[test]
fn a_model_that_got_worse_on_the_same_requests_is_an_alarm_of_its_own() {
    let folder = Folder::new();
    let fresh = fresh(&folder, 313);
    let worse = changed(&folder, &fresh, |i, line| {
        for outcome in line["outcomes"].as_array_mut().unwrap() {
            if i % 4 == 0 && outcome["model"] == "deepseek-v3.2" {
                outcome["score"] = json!(0);
            }
        }
    });
    let (found, kinds) = compared(&worse, 1);
    assert_eq!(kinds, ["base_rate", "surprise"]);
    assert_eq!(found["verdict"], "outcomes");
    assert!(found["alarms"][0]["x"].as_f64().unwrap() < -0.05);
    assert!(
        found["advice"]
            .as_str()
            .unwrap()
            .contains("keep to the driver")
    );
    let table = run(&["inspect", &worse, "--against", trained()]);
    assert_eq!(table.code, Some(1));
    assert!(
        table.out.contains("alarm: `deepseek-v3.2` is right on"),
        "{}",
        table.out
    );
    // Without outcomes the requests alone are compared.
    let unknown = changed(&folder, &fresh, |_, line| line["outcomes"] = json!([]));
    let (found, _) = compared(&unknown, 0);
    assert_eq!(found["rates"][0]["shift"]["state"], "cannot_tell");
}

#[test]
fn too_few_new_prompts_are_said_to_tell_nothing() {
    let folder = Folder::new();
    let fresh = fresh(&folder, 314);
    let text = fs::read_to_string(&fresh).unwrap();
    let first: Vec<&str> = text.lines().take(60).collect();
    let few = folder.file("few.jsonl", first.join("\n"));
    let said = run(&["inspect", &few, "--against", trained(), "--format", "json"]).done();
    assert_eq!(said.json()["verdict"], "too_few");
    assert!(said.err.contains("too few to tell"), "{}", said.err);
    // The very requests that it was trained on are counted and left out.
    let own = generated(&folder, "own.jsonl", 1200, 21);
    let (found, _) = compared(&own, 0);
    let count = |field: &str| found[field].as_u64().unwrap();
    assert_eq!(count("trained_on") + count("compared"), 1200);
    assert!(count("trained_on") > 600 && !found["warnings"][0].is_null());
}

#[test]
fn what_cannot_be_compared_is_refused_in_one_line() {
    let folder = Folder::new();
    let small = folder.file("s.jsonl", SMALL_TRACE);
    let refused = |trace: &str, router: &str, code: i32, wanted: &str| {
        let said = run(&["inspect", trace, "--against", router]);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(code), ""),
            "{}",
            said.err
        );
        assert!(
            said.err.contains(wanted) && said.err.trim().lines().count() == 1,
            "{}",
            said.err
        );
    };
    let policy = super::cli_router::compiled(&folder, "policies/hard-math-and-code.toml");
    refused(&small, &policy, 1, "train it again");
    let silent = folder.file(
        "p.jsonl",
        "{\"format\":\"weighbridge.trace/1\"}\n{\"id\":\"a\",\"request\":{\"task\":\"x\"}}\n",
    );
    refused(
        &silent,
        trained(),
        1,
        "no request of the trace has a prompt",
    );
    let empty = folder.file("e.jsonl", "{\"format\":\"weighbridge.trace/1\"}\n");
    refused(&empty, trained(), 1, "");
    refused(
        &small,
        &folder.at("none.router.json"),
        2,
        "there is no such file",
    );
}
