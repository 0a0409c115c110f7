//! The two implementations of deciding, Rust and the one-file Python loader, on many requests.

use std::fs::{self, File};

use serde_json::Value;

use super::support::{Folder, python, root, run, shared, trained};

/// Both decide the trace: the same choices, predictions to 1e-9.
fn agree(name: &str, router: &str, trace: &str) {
    let Some(mut python) = python() else { return };
    let rust = run(&["decide", router, trace]).done();
    let output = python
        .args(["gateways/python/weighbridge_router.py", router])
        .stdin(File::open(trace).unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let other = String::from_utf8(output.stdout).unwrap();
    assert_eq!(rust.out.lines().count(), other.lines().count(), "{name}");
    for (a, b) in rust.out.lines().zip(other.lines()) {
        let [a, b]: [Value; 2] = [a, b].map(|line| serde_json::from_str(line).unwrap());
        for field in ["id", "choice", "unanswered_ppm", "fell_back_ppm"] {
            assert_eq!(a[field], b[field], "{name}: {field} of {}", a["id"]);
        }
        let [p, q] = [&a, &b].map(|line| line["predictions"].as_array().unwrap());
        assert_eq!(p.len(), q.len(), "{name}: {}", a["id"]);
        for (p, q) in p.iter().zip(q) {
            let [x, y] = [p, q].map(|prediction| prediction["success"].as_f64().unwrap());
            assert!((x - y).abs() <= 1e-9, "{name}: {}: {x} {y}", a["id"]);
            let [x, y] = [p, q].map(|prediction| prediction["output_tokens"].as_f64().unwrap());
            assert!(
                (x - y).abs() <= 1e-9 * x.max(1.0),
                "{name}: {}: {x} {y}",
                a["id"]
            );
            assert_eq!(p["model"], q["model"], "{name}");
        }
    }
}

/// Every policy of the repository that compiles here, and a trained router.
fn routers(folder: &Folder) -> Vec<String> {
    let mut routers = vec![trained().to_owned()];
    let learned = root().join("models/engineering.router.json").exists();
    for entry in fs::read_dir(root().join("policies")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("engineering.router.json") && !learned {
            continue;
        }
        let router = folder.at(&format!(
            "{}.router.json",
            path.file_stem().unwrap().to_string_lossy()
        ));
        run(&[
            "compile",
            path.to_str().unwrap(),
            "-o",
            &router,
            "--driver",
            "deepseek-v3.2",
            "--specialist",
            "deepseek-v3.2-speciale",
        ])
        .done();
        routers.push(router);
    }
    assert!(routers.len() >= 6, "{routers:?}");
    routers
}

#[test]
fn rust_and_python_decide_a_generated_trace_alike() {
    let folder = Folder::new();
    let trace = folder.at("t.jsonl");
    run(&[
        "generate",
        "-o",
        &trace,
        "--requests",
        "700",
        "--seed",
        "31",
    ])
    .done();
    for router in routers(&folder) {
        agree(&router, &router, &trace);
    }
}

#[test]
fn rust_and_python_decide_two_thousand_real_prompts_alike() {
    let Some(data) = shared("data/routellm-mmlu") else {
        return;
    };
    let folder = Folder::new();
    let all = folder.at("mmlu.jsonl");
    run(&[
        "import",
        "--from",
        "routellm",
        data.to_str().unwrap(),
        "-o",
        &all,
    ])
    .done();
    let text = folder.read("mmlu.jsonl");
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let rows: Vec<&str> = lines.collect();
    assert!(rows.len() > 4000, "{}", rows.len());
    // Spread over all subjects.
    let picked = (0..2000).map(|i| rows[i * rows.len() / 2000]);
    let trace = folder.file(
        "t.jsonl",
        std::iter::once(header)
            .chain(picked)
            .collect::<Vec<_>>()
            .join("\n"),
    );
    for router in routers(&folder) {
        agree(&router, &router, &trace);
    }
}
