//! `train --learning-curve`: are more rows worth recording?

use serde_json::{Value, json};

use super::support::{FEW_ROWS, Folder, run};

/// Requests of which half are hard; the driver is right on one in four of those, and on nearly all
/// others, the specialist on nearly all.
fn trace(folder: &Folder, rows: usize) -> String {
    let mut text = String::from(
        "{\"format\":\"weighbridge.trace/1\",\"roles\":{\"driver\":\"deepseek-v3.2\",\"specialist\":\"deepseek-v3.2-speciale\"}}\n",
    );
    for i in 0..rows {
        let hard = i * 7 % 13 < 6;
        let lead = if hard {
            "Prove the lemma on"
        } else {
            "Say a word on"
        };
        let driver = if hard { i % 4 == 0 } else { i % 17 > 0 };
        let outcome = |model: &str, right: bool| {
            let tokens = if hard { 900 + i } else { 90 + i };
            json!({"model": model, "score": f64::from(u8::from(right)), "output_tokens": tokens})
        };
        let line = json!({
            "id": format!("r{i:04}"),
            "request": {
                "prompt": format!("{lead} case {i}, of {} parts", i * 31 % 23),
                "at": "2025-12-03T00:00:00Z",
                "input_tokens": 20,
            },
            "outcomes": [
                outcome("deepseek-v3.2", driver),
                outcome("deepseek-v3.2-speciale", i % 19 > 0),
            ],
        });
        text += &format!("{line}\n");
    }
    folder.file(&format!("t{rows}.jsonl"), text)
}

fn curve(folder: &Folder, rows: usize, more: &[&str]) -> Value {
    let (trace, router) = (trace(folder, rows), folder.at("r.router.json"));
    let args = [
        "train", &trace, "-o", &router, "--model", "logistic", "--format", "json",
    ];
    run(&[&args[..], &["--learning-curve"], FEW_ROWS, more].concat())
        .done()
        .json()
}

fn numbers(found: &Value, field: &str) -> Vec<u64> {
    let steps = found["learning_curve"]["steps"].as_array().unwrap().iter();
    steps.map(|step| step[field].as_u64().unwrap()).collect()
}

#[test]
fn each_step_has_about_twice_the_rows_and_the_last_is_the_router_itself() {
    let folder = Folder::new();
    let found = curve(&folder, 400, &[]);
    let rows = numbers(&found, "training_rows");
    assert_eq!(rows.len(), 4);
    assert!(
        rows.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2),
        "{rows:?}"
    );
    assert_eq!(found["training_rows"].as_u64(), rows.last().copied());
    let held_out = found["held_out_rows"].as_u64().unwrap();
    assert_eq!(numbers(&found, "requests"), [held_out; 4]);
    let steps = &found["learning_curve"]["steps"];
    let (last, whole) = (&steps[3], &found["evaluation"]);
    assert_eq!(last["apgr"], whole["apgr"]);
    let net = |held: &Value| held["net_usd_per_request"]["x"].as_f64().unwrap();
    assert!((net(last) - net(&whole["net"]["policies"][0])).abs() < 1e-9);
    // Steps are compared in pairs with the one before.
    assert!(steps[0]["apgr_gain"].is_null() && steps[0]["net_gain"].is_null());
    for pair in 1..4 {
        let x = |step: &Value, figure: &str| step[figure]["x"].as_f64().unwrap();
        let gain = &steps[pair]["apgr_gain"]["difference"];
        let wanted = x(&steps[pair], "apgr") - x(&steps[pair - 1], "apgr");
        assert!((gain["x"].as_f64().unwrap() - wanted).abs() < 1e-12);
        assert!(steps[pair]["net_gain"]["difference"]["ci95"].is_array());
    }
    let sentence = found["learning_curve"]["sentence"].as_str().unwrap();
    let start = format!("from {} to {} training rows", rows[2], rows[3]);
    assert!(
        sentence.starts_with(&start) && sentence.contains("APGR"),
        "{sentence}"
    );
}

#[test]
fn without_held_out_rows_it_is_measured_by_cross_validation() {
    let folder = Folder::new();
    let found = curve(&folder, 300, &["--holdout", "0"]);
    let rows = numbers(&found, "training_rows");
    assert_eq!(rows.last(), Some(&240), "four fifths");
    assert_eq!(numbers(&found, "requests"), vec![300; rows.len()]);
    assert!(rows.len() >= 3 && rows.is_sorted(), "{rows:?}");
    assert!(found["evaluation"].is_null());
}

#[test]
fn shares_that_are_too_small_to_train_on_are_left_out() {
    let folder = Folder::new();
    let found = curve(&folder, 90, &[]);
    let rows = numbers(&found, "training_rows");
    assert!(rows.len() < 3 && rows[0] >= 20, "{rows:?}");
    assert_eq!(found["learning_curve"]["verdict"], "cannot_tell");
    let (trace, router) = (trace(&folder, 90), folder.at("s.router.json"));
    let args = ["train", &trace, "-o", &router, "--learning-curve"];
    let said = run(&[&args[..], FEW_ROWS].concat()).done();
    assert!(
        said.out.contains("Learning curve: too few rows"),
        "{}",
        said.out
    );
}
