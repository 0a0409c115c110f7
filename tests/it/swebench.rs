//! Real bills: the replay of recorded agents against a separate count in decimal arithmetic.

use serde_json::Value;

use super::support::{Folder, always, python, run, shared};

const DRIVER: &str = "DeepSeek V3.2 Reasoner";
const OPUS: &str = "Claude 4.5 Opus medium (20251101)";

#[test]
fn success_and_bill_equal_a_separate_count_to_the_last_digit() {
    let Some(data) = shared("data/swebench-agents/outcomes.csv") else {
        return;
    };
    let Some(mut python) = python() else { return };
    let folder = Folder::new();
    let (data, trace) = (data.to_str().unwrap(), folder.at("t.jsonl"));
    run(&[
        "import",
        "--from",
        "csv",
        data,
        "-o",
        &trace,
        "--map",
        "id=instance_id",
        "--map",
        "task=repo",
        "--map",
        "model=model",
        "--map",
        "score=resolved",
        "--map",
        "cost_usd=cost_usd",
    ])
    .done();
    let driver = folder.file("1-driver.toml", always(DRIVER));
    let opus = folder.file("2-opus.toml", always(OPUS));
    let mixed = folder.file("3-mixed.toml", format!("format = \"weighbridge.policy/1\"\n[choose]\nkind = \"random\"\nweights = {{ \"{DRIVER}\" = 0.858585, \"{OPUS}\" = 0.141415 }}\n"));
    let said = run(&[
        "replay",
        &trace,
        "-p",
        &driver,
        &opus,
        &mixed,
        "--by",
        "task",
        "--replicates",
        "0",
        "--format",
        "json",
    ])
    .done();
    let report = said.json();
    let output = python
        .args(["tests/cross/swebench.py", data, DRIVER, OPUS, "0.141415"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let counted: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hindsight = report["floors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|floor| floor["name"] == "hindsight")
        .unwrap();
    let policies = report["policies"].as_array().unwrap();
    for (name, figures) in [
        ("driver", &policies[0]),
        ("opus", &policies[1]),
        ("mixed", &policies[2]),
        ("hindsight", hindsight),
    ] {
        compare(name, figures, &counted[name]["all"], 269);
        let segments = figures["segments"].as_array().unwrap();
        assert_eq!(segments.len(), 11, "{name}");
        for segment in segments {
            let task = segment["segment"].as_str().unwrap();
            compare(
                &format!("{name}, {task}"),
                segment,
                &counted[name][task],
                segment["requests"].as_u64().unwrap(),
            );
        }
    }
}

fn compare(name: &str, figures: &Value, counted: &Value, n: u64) {
    assert_eq!(
        figures["cost_usd_total"]["exact"], counted["bill"],
        "{name}"
    );
    assert_eq!(figures["cost_usd_total"]["n"].as_u64(), Some(n), "{name}");
    assert_eq!(counted["n"].as_u64(), Some(n), "{name}");
    let success = figures["success"]["x"].as_f64().unwrap();
    let expected = counted["success"].as_f64().unwrap();
    assert!(
        (success - expected).abs() < 1e-15,
        "{name}: {success} {expected}"
    );
}
