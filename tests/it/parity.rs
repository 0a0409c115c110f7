//! The two implementations of deciding, Rust and the one-file Python loader, on many requests.

use std::fs::{self, File};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use weighbridge_router::Router;

use super::sample::{LEARNED, MIXED, every_kind};
use super::support::{Folder, generated, python, root, run, shared, trained};

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
    let trace = generated(&folder, "t.jsonl", 700, 31);
    for router in routers(&folder) {
        agree(&router, &router, &trace);
    }
}

/// The generated trace with tasks, embeddings and gaps that the sample routers turn on.
fn varied(folder: &Folder) -> String {
    generated(folder, "plain.jsonl", 250, 5);
    let text = folder.read("plain.jsonl");
    let lines = text.lines().enumerate().skip(1).map(|(i, line)| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let request = &mut line["request"];
        let tasks = [
            json!("math"),
            json!("code"),
            json!("Übersetzung \"de\""),
            json!("law"),
            Value::Null,
        ];
        request["task"] = tasks[i % tasks.len()].clone();
        let numbers = (0..[0, 3, 3, 3, 4][i / 5 % 5]).map(|k| ((i * 7 + k * 3) % 41) as f64 / 8.0);
        request["embedding"] = numbers.map(|x| json!(x - 2.5)).collect();
        let prompts = [
            json!("Докажи, что сумма чётна: 天空是蓝色的?"),
            json!(""),
            Value::Null,
        ];
        if let Some(prompt) = prompts.get(i % 20) {
            request["prompt"] = prompt.clone();
        }
        line.to_string()
    });
    folder.file("varied.jsonl", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn rust_and_python_decide_alike_by_every_kind_of_step_and_head() {
    let folder = Folder::new();
    let trace = varied(&folder);
    for (seed, choose, bits) in [(2, LEARNED, 4), (3, MIXED, 6), (4, LEARNED, 12)] {
        let router = Router::try_new(every_kind(choose, bits, seed)).unwrap();
        let name = format!("{seed}.router.json");
        let file = folder.file(&name, router.to_bytes().unwrap());
        agree(&name, &file, &trace);
    }
}

/// The file is refused by both, and at the same place.
fn refuse(folder: &Folder, body: &Value, place: &str) {
    let Some(mut python) = python() else { return };
    let body = format!("{body}\n");
    let hash = Sha256::digest(body.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = body.len();
    let file = format!(
        "{{\"format\":\"weighbridge.router/1\",\"bytes\":{bytes},\"sha256\":\"{hash}\",\"body\":\n{body}}}\n"
    );
    let error = Router::from_bytes(file.as_bytes()).unwrap_err();
    assert!(error.path().starts_with(place), "{place}: {error}");
    let path = folder.file("broken.router.json", file);
    let output = python
        .args(["gateways/python/weighbridge_router.py", &path])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{place}: {said}");
    assert!(
        said.contains(&format!(": {place}")) && said.lines().count() == 1,
        "{place}: {said}"
    );
}

#[test]
fn rust_and_python_refuse_what_is_wrong_in_the_kinds_of_steps_and_heads() {
    let folder = Folder::new();
    let router = Router::try_new(every_kind(LEARNED, 4, 3)).unwrap();
    let file: Value = serde_json::from_slice(&router.to_bytes().unwrap()).unwrap();
    let sixteen = &file["body"]["features"][2]["idf"];
    for (pointer, value, place) in [
        ("/features/1/mean", sixteen.clone(), "features[1].scale"),
        ("/features/1/scale", sixteen.clone(), "features[1].scale"),
        ("/features/1/mean", json!(""), "features[1].mean"),
        ("/features/2/bits", json!(19), "features[2].bits"),
        ("/features/2/bits", json!(5), "features[2].idf"),
        ("/features/2/scores", json!([]), "features[2].scores"),
        (
            "/features/2/scores/1/model",
            json!("strong"),
            "features[2].scores[1]",
        ),
        (
            "/features/2/scores/1/bias",
            json!(1e7),
            "features[2].scores[1].bias",
        ),
        (
            "/features/2/scores/1/scale",
            json!(-1),
            "features[2].scores[1].scale",
        ),
        (
            "/features/2/scores/1/weights",
            json!(""),
            "features[2].scores[1].weights",
        ),
        (
            "/features/2/scores/1/more",
            json!(1),
            "features[2].scores[1].more",
        ),
        ("/heads/2/splits/1", json!(7), "heads[2].column"),
        ("/heads/2/splits", json!(vec![0; 1001]), "heads[2].column"),
        (
            "/heads/2/column/0",
            json!(65),
            "heads.strong.success.tree[1].split[0]",
        ),
        (
            "/heads/2/low/0",
            json!(0),
            "heads.strong.success.tree[1].split[0]",
        ),
        (
            "/heads/2/high/0",
            json!(-3),
            "heads.strong.success.tree[1].split[0]",
        ),
        ("/heads/2/high/0", json!(1.5), "heads[2].high[0]"),
        ("/heads/2/leaves", json!("AAAA"), "heads[2].leaves"),
        ("/heads/2/more", json!(1), "heads[2].more"),
        ("/heads/2/kind", json!("trees/2"), "heads[2].kind"),
        ("/heads/4/of/0/kind", json!("mean/1"), "heads[4].of[0].kind"),
        (
            "/heads/4/of/0/weights",
            sixteen.clone(),
            "heads.third.success.of[0].weights",
        ),
        (
            "/heads/4/of/1/high/0",
            json!(9),
            "heads.third.success.of[1].tree[1].split[0]",
        ),
        ("/heads/4/of/1/more", json!(1), "heads[4].of[1].more"),
        ("/heads/2/bias", json!(0.5), "golden[0]"),
    ] {
        let mut body = file["body"].clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        match parent.as_array_mut() {
            Some(items) => items[name.parse::<usize>().unwrap()] = value,
            None => parent[name] = value,
        }
        refuse(&folder, &body, place);
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
