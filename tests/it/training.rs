//! `train` and `eval`: the loop from a trace to held-out figures, and what chance alone gives.

use std::fmt::Write as _;

use serde_json::Value;

use super::support::{FEW_ROWS, Folder, generated, run, trained};

#[test]
fn training_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    let trace = generated(&folder, "t.jsonl", 900, 3);
    let router = |name: &str, threads: &str| {
        let out = folder.at(name);
        let call = ["train", &trace, "-o", &out, "--threads", threads, "--quiet"];
        run(&[&call[..], FEW_ROWS].concat()).done();
        folder.read(name)
    };
    let one = router("a.router.json", "1");
    assert!(one == router("b.router.json", "3"));
    assert!(one == router("c.router.json", "1"));
}

#[test]
fn what_a_router_learned_from_is_dropped_and_counted_whatever_the_trace_is_called() {
    let folder = Folder::new();
    let trace = generated(&folder, "renamed.jsonl", 1200, 21);
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
    run(&[&["train", &trace, "-o", &router, "--quiet"], FEW_ROWS].concat()).done();
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

#[test]
fn a_router_without_a_gain_is_not_written_and_the_guard_says_what_it_rests_on() {
    let folder = Folder::new();
    let trace = generated(&folder, "t.jsonl", 500, 8);
    let out = folder.at("r.router.json");
    let call = ["train", &trace, "-o", &out, "--value", "2", "--quiet"];
    let said = run(&call);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("fewer than 500"), "{}", said.err);
    assert!(said.err.contains("--allow-no-gain"), "{}", said.err);
    assert!(said.out.contains("Guard: "), "{}", said.out);
    assert_eq!(folder.names(), ["t.jsonl"]);
    // Overridden, the file is written, and what the guard says is in it.
    run(&[&call[..], &["--allow-no-gain"]].concat()).done();
    let file = folder.json("r.router.json");
    assert_eq!(file["body"]["choose"]["kind"], "always");
    assert_eq!(file["body"]["provenance"]["guard"]["regime"], "driver");
    run(&[&call[..], FEW_ROWS].concat()).done();
    let file = folder.json("r.router.json");
    assert_eq!(file["body"]["choose"]["kind"], "router");
    let recorded = &file["body"]["provenance"];
    for name in ["trained_on", "splits", "dial", "held_out"] {
        assert!(recorded[name].is_object(), "{name}: {recorded}");
    }
}

#[test]
fn a_share_is_solved_for_and_every_kind_of_head_and_group_of_features_trains() {
    let folder = Folder::new();
    let trace = generated(&folder, "t.jsonl", 700, 5);
    for (model, features) in [
        ("logistic", "all"),
        ("mean", "-words"),
        ("trees", "options,shape,words,task"),
    ] {
        let out = folder.at("r.router.json");
        let call = [
            "train", &trace, "-o", &out, "--share", "0.1", "--model", model,
        ];
        let said = run(&[
            &call[..],
            &["--features", features, "--format", "json", "--quiet"],
            FEW_ROWS,
        ]
        .concat())
        .done()
        .json();
        assert_eq!(said["head"], model);
        let share = said["promise"]["share"]["x"].as_f64().unwrap();
        assert!((share - 0.1).abs() < 0.01, "{share}");
        let file = folder.json("r.router.json");
        let words = file["body"]["features"].as_array().unwrap().iter();
        let words = words.filter(|step| step["step"] == "word_score/1").count();
        assert_eq!(words == 1, features != "-words");
        let kind = format!("{model}/1");
        assert_eq!(file["body"]["heads"][0]["kind"], kind.as_str());
        run(&["verify", &out]).done();
    }
    let beyond = ["train", &trace, "-o", &trace, "--min-success", "0.9999"];
    let said = run(&[&beyond[..], FEW_ROWS].concat());
    assert_eq!(said.code, Some(1), "{}", said.err);
}

/// A trace of three models, `a`, `b` and `c`, and a catalog for them.
fn three(folder: &Folder) -> (String, String) {
    let mut text = r#"{"format":"weighbridge.trace/1"}"#.to_owned();
    for i in 0..700 {
        let hard = draw(1, i) < 0.4;
        let kind = if hard { "theorem" } else { "recipe" };
        let outcome = |model: &str, k: u64, p: f64| {
            // Graded by halves.
            let score = f64::from(u8::from(draw(k, i) < p)) * 0.5 + 0.5;
            format!(
                "{{\"model\":\"{model}\",\"score\":{score},\"output_tokens\":{}}}",
                100 + i % 50
            )
        };
        let outcomes = [
            outcome("a", 2, if hard { 0.1 } else { 0.9 }),
            outcome("b", 3, 0.6),
            outcome("c", 4, if hard { 0.95 } else { 0.5 }),
        ];
        let task = ["x", "y", "z"][(i % 3) as usize];
        write!(text, "\n{{\"id\":\"r{i}\",\"request\":{{\"prompt\":\"the {kind} of case {i}\",\"task\":\"{task}\"}},\"outcomes\":[{}]}}", outcomes.join(",")).unwrap();
    }
    let mut catalog = "format = \"weighbridge.catalog/1\"\n".to_owned();
    for (model, price) in [("a", 1), ("b", 2), ("c", 5)] {
        write!(catalog, "[[model]]\nid = \"{model}\"\n[[endpoint]]\nid = \"{model}@p\"\nmodel = \"{model}\"\n[[endpoint.price]]\nusd_per_mtok = {{ input = {price}, output = {price} }}\nsource = \"invented\"\n").unwrap();
    }
    (
        folder.file("three.jsonl", text),
        folder.file("own.toml", catalog),
    )
}

#[test]
fn a_model_joins_later_and_nothing_of_the_others_changes() {
    let folder = Folder::new();
    let (trace, catalog) = three(&folder);
    let (two, all) = (folder.at("two.router.json"), folder.at("three.router.json"));
    let common = ["--catalog", &catalog, "--quiet"];
    let call = [
        "train", &trace, "--models", "a,b", "-o", &two, "--value", "0.01",
    ];
    run(&[&call[..], &common, FEW_ROWS].concat()).done();
    let add = ["train", &trace, "--add", "c", "--to", &two, "-o", &all];
    let said = run(&[&add[..], &common].concat()).done();
    assert!(said.out.contains("`c` joins on"), "{}", said.out);
    let [before, after] = ["two.router.json", "three.router.json"].map(|name| folder.json(name));
    let models = |file: &Value| -> Vec<String> {
        let heads = file["body"]["heads"].as_array().unwrap().iter();
        let names = heads.filter(|head| head["predicts"] == "success");
        names
            .map(|head| head["model"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(models(&before), ["a", "b"]);
    assert_eq!(models(&after), ["a", "b", "c"]);
    // Drift is told for the new model as well.
    let rated = |file: &Value| -> Vec<String> {
        let reference = &file["body"]["provenance"]["reference"];
        let rates = reference["models"].as_array().unwrap().iter();
        rates
            .map(|rate| rate["model"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (rated(&before), rated(&after)),
        (models(&before), models(&after))
    );
    let golden = ["verify", &all];
    run(&golden).done();
    // The old heads say of a prompt what they said: their difference, since a new model shifts
    // what all share.
    let explained = |file: &str| {
        let call = [
            "explain",
            file,
            "--prompt",
            "the theorem of case 9",
            "--format",
            "json",
        ];
        run(&call).done().json()
    };
    let (old, new) = (explained(&two), explained(&all));
    let success = |said: &Value, endpoint: usize| {
        let success = &said["endpoints"][endpoint]["success"];
        success.as_f64().unwrap()
    };
    let gain = |said: &Value| success(said, 1) - success(said, 0);
    assert!((gain(&old) - gain(&new)).abs() < 1e-12);
    assert!(success(&new, 2) > success(&new, 0));
    let again = run(&[
        "train",
        &trace,
        "--add",
        "c",
        "--to",
        &all,
        "--catalog",
        &catalog,
    ]);
    assert_eq!(again.code, Some(1));
    assert!(
        again.err.contains("has heads for `c` already"),
        "{}",
        again.err
    );
}

#[test]
fn three_models_are_weighed_and_measured_together() {
    let folder = Folder::new();
    let (trace, catalog) = three(&folder);
    let out = folder.at("r.router.json");
    let call = [
        "train", &trace, "--models", "a,b,c", "-o", &out, "--value", "0.01",
    ];
    let more = ["--catalog", &catalog, "--quiet", "--format", "json"];
    let said = run(&[&call[..], &more, FEW_ROWS].concat()).done().json();
    assert_eq!(said["models"].as_array().unwrap().len(), 3);
    let splits = &said["splits_side_by_side"]["splits"];
    assert!(
        splits["task"]["net_usd_per_request"]["x"].is_number(),
        "{splits}"
    );
    assert!(splits["time"]["why"].is_string(), "{splits}");
    // A plan says what each of them is worth.
    let goal = ["--value", "0.05", "--driver", "a", "--format", "json"];
    let planned = ["plan", &trace, "-p", &out, "--catalog", &catalog];
    let planned = run(&[&planned[..], &goal].concat()).done().json();
    let models = planned["models"].as_array().unwrap();
    assert_eq!(models.len(), 3);
    for name in ["a", "c"] {
        let model = models.iter().find(|it| it["model"] == name).unwrap();
        assert_eq!(model["advice"], "pays", "{planned}");
    }
}
