//! `train` and `eval`: the loop from a trace to held-out figures, and what chance alone gives.

use std::fmt::Write as _;

use serde_json::Value;

use super::support::{Folder, run, trained};

#[test]
fn training_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    let trace = folder.at("t.jsonl");
    run(&["generate", "-o", &trace, "--requests", "900", "--seed", "3"]).done();
    let router = |name: &str, threads: &str| {
        run(&[
            "train",
            &trace,
            "-o",
            &folder.at(name),
            "--threads",
            threads,
            "--quiet",
        ])
        .done();
        folder.read(name)
    };
    let one = router("a.router.json", "1");
    assert!(one == router("b.router.json", "3"));
    assert!(one == router("c.router.json", "1"));
}

#[test]
fn what_a_router_learned_from_is_dropped_and_counted_whatever_the_trace_is_called() {
    let folder = Folder::new();
    let trace = folder.at("renamed.jsonl");
    run(&[
        "generate",
        "-o",
        &trace,
        "--requests",
        "1200",
        "--seed",
        "21",
    ])
    .done();
    let replayed = run(&[
        "replay",
        &trace,
        "-p",
        trained(),
        "policies/always-driver.toml",
        "--value",
        "2",
        "--replicates",
        "0",
        "--format",
        "json",
    ])
    .done()
    .json();
    let (kept, dropped) = (
        replayed["trace"]["requests"].as_u64().unwrap(),
        replayed["trace"]["dropped_training_rows"].as_u64().unwrap(),
    );
    assert_eq!(kept + dropped, 1200);
    assert!((0.5..0.7).contains(&(dropped as f64 / 1200.0)), "{dropped}");
    let evaluated = run(&[
        "eval",
        trained(),
        &trace,
        "--replicates",
        "0",
        "--format",
        "json",
    ])
    .done()
    .json();
    assert_eq!(evaluated["dropped_training_rows"].as_u64(), Some(dropped));
}

#[test]
fn an_evaluation_has_the_fields_that_scripts_read() {
    let folder = Folder::new();
    let (trace, out) = (folder.at("t.jsonl"), folder.at("e.json"));
    run(&[
        "generate",
        "-o",
        &trace,
        "--requests",
        "400",
        "--seed",
        "77",
    ])
    .done();
    run(&["eval", trained(), &trace, "--replicates", "20", "-o", &out]).done();
    let found = folder.json("e.json");
    for name in [
        "apgr",
        "cpt50",
        "cpt80",
        "pgr05",
        "pgr10",
        "auroc",
        "aiq",
        "gain_slope",
    ] {
        assert!(found[name]["unit"].is_string(), "{name}: {}", found[name]);
    }
    for (model, held) in found["calibration"].as_object().unwrap() {
        assert!(
            held["brier"]["x"].is_number() && held["ece"]["x"].is_number(),
            "{model}"
        );
        assert!(held["bins"].is_array(), "{model}");
    }
    for step in found["curve"].as_array().unwrap() {
        assert!(
            step["share"].is_number() && step["success"]["x"].is_number(),
            "{step}"
        );
    }
    for floor in ["random", "length", "task_table", "hindsight"] {
        assert!(found["floors"][floor].is_object(), "{floor}");
    }
}

/// A number in [0, 1) that depends on nothing but these.
fn draw(seed: u64, i: u64) -> f64 {
    let mut x = (seed << 32 ^ i).wrapping_add(0x9E37_79B9_7F4A_7C15);
    for factor in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        x = (x ^ x >> 30).wrapping_mul(factor);
    }
    ((x ^ x >> 31) >> 11) as f64 / (1u64 << 53) as f64
}

/// APGR of a router that was trained on these prompts and labels, on rows that it never saw. The
/// driver's answers are right as `right` says, the specialist's in nine of ten.
fn apgr(right: impl Fn(u64, bool) -> bool) -> Value {
    let words = [
        "invoice", "meeting", "report", "theorem", "parser", "weather", "recipe", "deadlock",
        "garden", "holiday",
    ];
    let mut text = r#"{"format":"weighbridge.trace/1","roles":{"driver":"deepseek-v3.2","specialist":"deepseek-v3.2-speciale"}}"#.to_owned();
    for i in 0..2000 {
        let pick = |k: u64| words[(draw(k, i) * 10.0) as usize];
        let prompt = format!(
            "About the {} and the {} of number {i}, then the {}.",
            pick(1),
            pick(2),
            pick(3)
        );
        let hard = prompt.contains("theorem") || prompt.contains("deadlock");
        let scores = [u8::from(right(i, hard)), u8::from(draw(4, i) < 0.9)];
        write!(text, "\n{{\"id\":\"r{i:04}\",\"request\":{{\"at\":\"2025-12-02\",\"prompt\":\"{prompt}\"}},\"outcomes\":[{{\"model\":\"deepseek-v3.2\",\"score\":{},\"output_tokens\":500}},{{\"model\":\"deepseek-v3.2-speciale\",\"score\":{},\"output_tokens\":900}}]}}", scores[0], scores[1]).unwrap();
    }
    let folder = Folder::new();
    let (trace, router) = (folder.file("t.jsonl", text), folder.at("r.router.json"));
    run(&["train", &trace, "-o", &router, "--quiet"]).done();
    let found = run(&[
        "eval",
        &router,
        &trace,
        "--replicates",
        "200",
        "--format",
        "json",
    ])
    .done()
    .json();
    assert!(found["n"].as_u64().unwrap() > 600);
    found["apgr"].clone()
}

#[test]
fn labels_shuffled_at_random_give_half_an_apgr() {
    let found = apgr(|i, _| draw(5, i) < 0.5);
    let interval = [0, 1].map(|end| found["ci95"][end].as_f64().unwrap());
    assert!(interval[0] <= 0.5 && 0.5 <= interval[1], "{found}");
    assert!(interval[1] - interval[0] < 0.3, "{found}");
    // Labels that the words tell are found out, or the above would say nothing.
    let found = apgr(|i, hard| draw(5, i) < if hard { 0.05 } else { 0.9 });
    assert!(found["ci95"][0].as_f64().unwrap() > 0.6, "{found}");
}
