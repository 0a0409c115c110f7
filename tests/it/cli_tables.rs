//! `import` of RouterArena's results and of CSV with a row a request, small ones made on the spot
//! and the real ones where they are.

use serde_json::Value;

use super::support::{Folder, Said, run, run_with_input, shared};

/// One line of RouterArena's results.
fn answer(index: &str, model: &str, rest: &str) -> String {
    format!(
        "{{\"global_index\":\"{index}\",\"question\":\"Q {index}?\",\"llm_selected\":\"{model}\",\
         \"generated_answer\":\"long\",{rest}}}\n"
    )
}

const GRADED: &str = "\"token_usage\":{\"input_tokens\":349,\"output_tokens\":120,\"total_tokens\":469},\
    \"success\":true,\"error\":null,\
    \"evaluation_result\":{\"score\":0.25,\"inference_cost\":0.00023725000000000002}";

/// The trace that was written, header and rows.
fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// One line that begins with `error:`, the exit code, nothing written beside `inputs`.
#[track_caller]
fn refused(said: &Said, code: i32, needles: &[&str], folder: &Folder, inputs: usize) {
    assert_eq!(said.code, Some(code), "{} {}", said.err, said.out);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(said.err.starts_with("error: "), "{}", said.err);
    for needle in needles {
        assert!(said.err.contains(needle), "no `{needle}` in {}", said.err);
    }
    assert_eq!(folder.names().len(), inputs, "{:?}", folder.names());
}

#[test]
fn results_of_several_models_are_joined_by_their_index() {
    let folder = Folder::new();
    let below = GRADED.replace("0.25", "-0.03");
    let above = GRADED.replace("0.25", "1.5");
    let failed = "\"token_usage\":{\"input_tokens\":0,\"output_tokens\":0},\"success\":false,\
        \"error\":\"429 Too Many Requests\",\"evaluation_result\":null";
    let a = answer("MMLUPro_computer science_7", "model-a", GRADED)
        + &answer("AIME_112", "model-a", &below)
        + "\n"
        + &answer("alone", "model-a", "\"success\":null");
    let b = answer("AIME_112", "model-b", failed)
        + &answer("MMLUPro_computer science_7", "model-b", &above)
        + &answer("Only_1", "model-b", GRADED);
    let (a, b) = (folder.file("a.jsonl", a), folder.file("b.jsonl", b));
    let out = folder.at("t.jsonl.out");
    let said = run(&["import", "--from", "routerarena", &a, &b, "-o", &out]).done();
    assert!(
        said.err
            .contains("scores outside [0, 1] that were clamped to it: 2"),
        "{}",
        said.err
    );
    let text = folder.read("t.jsonl.out");
    let rows = lines(&text);
    let source = rows[0]["source"].as_str().unwrap();
    assert!(
        source.ends_with("2 scores outside [0, 1] were clamped"),
        "{source}"
    );
    let ids: Vec<&str> = rows[1..]
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["MMLUPro_computer science_7", "AIME_112", "alone", "Only_1"]
    );
    let request = &rows[1]["request"];
    assert_eq!(request["task"], "MMLUPro_computer science");
    assert_eq!(request["prompt"], "Q MMLUPro_computer science_7?");
    let outcomes = &rows[1]["outcomes"];
    assert_eq!(outcomes[0]["model"], "model-a");
    assert_eq!(outcomes[0]["status"], "ok");
    assert_eq!(outcomes[0]["score"], 0.25);
    assert_eq!(outcomes[0]["input_tokens"], 349);
    assert_eq!(outcomes[0]["output_tokens"], 120);
    assert!(text.contains("\"cost_usd\":0.00023725}"), "{text}");
    assert_eq!(outcomes[1]["score"], 1.0);
    assert_eq!(rows[2]["outcomes"][0]["score"], 0.0);
    let failed = &rows[2]["outcomes"][1];
    assert_eq!(
        (&failed["status"], &failed["score"]),
        (&"error".into(), &Value::Null)
    );
    // Unknown is neither success nor failure, and a name without a set has no task.
    let alone = &rows[3];
    assert_eq!(alone["outcomes"], serde_json::json!([{"model": "model-a"}]));
    assert_eq!(alone["request"]["task"], Value::Null);
    let both = run(&[
        "import",
        "--from",
        "routerarena",
        &folder.at(""),
        "-o",
        "-",
        "-q",
    ])
    .done();
    assert_eq!(both.out, text, "a folder is its .jsonl files by name");
}

#[test]
fn results_that_cannot_be_joined_are_named_with_both_places() {
    let first = answer("AIME_112", "model-a", GRADED);
    let other = |index, model, from, to| answer(index, model, GRADED).replace(from, to);
    let cases: [(&str, String, &[&str]); 10] = [
        (
            "another question",
            other("AIME_112", "model-b", "Q AIME", "Why AIME"),
            &["b.jsonl:1: question: ", "another question", "a.jsonl:1"],
        ),
        (
            "a second answer",
            first.clone(),
            &["b.jsonl:1: global_index: ", "`model-a`", "a.jsonl:1"],
        ),
        (
            "broken JSON",
            "{\"global_index\":\"x_1\"".into(),
            &["b.jsonl:1: not valid JSON"],
        ),
        (
            "NaN",
            "\n".to_owned() + &other("x_1", "model-b", "0.25", "NaN"),
            &["b.jsonl:2: not valid JSON"],
        ),
        (
            "a score that is a text",
            other("x_1", "model-b", "0.25", "\"good\""),
            &["b.jsonl:1: evaluation_result.score: must be a number, not \"good\""],
        ),
        (
            "tokens with a fraction",
            other("x_1", "model-b", "120", "1.5"),
            &["b.jsonl:1: token_usage.output_tokens: must be a whole number"],
        ),
        (
            "a negative bill",
            other("x_1", "model-b", "0.00023725000000000002", "-1"),
            &["b.jsonl:1: evaluation_result.inference_cost: -1 must not be negative"],
        ),
        (
            "no index",
            "{\"llm_selected\":\"model-b\"}".into(),
            &["b.jsonl:1: global_index: this field is missing"],
        ),
        (
            "no model",
            other("x_1", "model-b", "llm_selected", "llm"),
            &["b.jsonl:1: llm_selected: this field is missing"],
        ),
        ("an empty file", String::new(), &["b.jsonl: empty"]),
    ];
    for (name, second, needles) in cases {
        let folder = Folder::new();
        let (a, b) = (
            folder.file("a.jsonl", &first),
            folder.file("b.jsonl", &second),
        );
        let args = [
            "import",
            "--from",
            "routerarena",
            &a,
            &b,
            "-o",
            &folder.at("t"),
        ];
        let said = run(&args);
        println!("{name}");
        refused(&said, 1, needles, &folder, 2);
        if !second.is_empty() {
            let skipped = run(&[&args[..], &["--on-error", "skip"]].concat()).done();
            assert!(
                skipped.err.contains("1 lines were skipped"),
                "{}",
                skipped.err
            );
            assert_eq!(folder.read("t").lines().count(), 2, "{name}");
        }
    }
    let folder = Folder::new();
    let said = run(&[
        "import",
        "--from",
        "routerarena",
        &folder.at(""),
        "-o",
        &folder.at("t"),
    ]);
    refused(&said, 1, &["holds no .jsonl"], &folder, 0);
}

#[test]
fn routerarenas_two_models_are_read_whole() {
    let Some(data) = shared("data/routerarena") else {
        return;
    };
    let folder = Folder::new();
    let (out, data) = (folder.at("t.jsonl"), data.to_str().unwrap());
    let said = run(&["import", "--from", "routerarena", data, "-o", &out]).done();
    assert!(said.err.contains("clamped to it: 1\n"), "{}", said.err);
    let rows = lines(&folder.read("t.jsonl"));
    assert_eq!(rows.len(), 1 + 809);
    let mut tasks: Vec<&str> = rows[1..]
        .iter()
        .map(|row| row["request"]["task"].as_str().unwrap())
        .collect();
    tasks.sort_unstable();
    tasks.dedup();
    assert_eq!(tasks.len(), 78);
    // Mean score, and the USD per million tokens that the bills were made from.
    for (model, mean, input, output) in [
        ("claude-3-haiku-20240307", 0.523, 0.25, 1.25),
        ("gemini-2.0-flash-001", 0.690, 0.1, 0.4),
    ] {
        let outcomes: Vec<&Value> = rows[1..]
            .iter()
            .flat_map(|row| row["outcomes"].as_array().unwrap())
            .filter(|outcome| outcome["model"] == model)
            .collect();
        assert_eq!(outcomes.len(), 809, "{model}");
        let scores = outcomes
            .iter()
            .map(|outcome| outcome["score"].as_f64().unwrap());
        let found = scores.sum::<f64>() / 809.0;
        assert!((found - mean).abs() < 5e-4, "{model}: {found}");
        for outcome in outcomes {
            let number = |field: &str| outcome[field].as_f64().unwrap();
            let bill = number("input_tokens") * input + number("output_tokens") * output;
            let recorded = number("cost_usd") * 1e6;
            assert!((recorded - bill).abs() < 1e-5, "{outcome}: {bill}");
        }
    }
}

const WIDE: &str = "task,metric,question,small,large\n\
    logic,em,\"Who, \"\"exactly\"\",\nlives there?\",0,1\n\
    maths,f1,2 + 2,0.25,\n\
    maths,f1,,true,False\n";

#[test]
fn a_row_a_request_has_an_outcome_for_each_score() {
    let folder = Folder::new();
    let wide = folder.file("wide.csv", WIDE);
    let scores = [
        "--score-columns",
        "small,large",
        "--assume-output-tokens",
        "300",
    ];
    let args = ["import", "--from", "csv", &wide, "-o", "-", "-q"];
    let said = run(&[&args[..], &scores].concat()).done();
    let rows = lines(&said.out);
    assert_eq!(rows[0]["source"], "imported from CSV: wide.csv");
    assert_eq!(
        rows[0]["assumed"],
        serde_json::json!([{"field": "output_tokens", "what": "300 by --assume-output-tokens"}])
    );
    let row = |id: &str, request: Value, outcomes: &[(&str, f64)]| {
        let outcome = |(model, score): &(&str, f64)| serde_json::json!({"model": model, "score": score, "output_tokens": 300});
        let outcomes: Vec<Value> = outcomes.iter().map(outcome).collect();
        serde_json::json!({"id": id, "request": request, "outcomes": outcomes})
    };
    let prompt = "Who, \"exactly\",\nlives there?";
    assert_eq!(
        rows[1..],
        [
            row(
                "wide/0",
                serde_json::json!({"prompt": prompt, "task": "logic"}),
                &[("small", 0.0), ("large", 1.0)]
            ),
            // What was not graded is unknown: no outcome, and no tokens are made up for it.
            row(
                "wide/1",
                serde_json::json!({"prompt": "2 + 2", "task": "maths"}),
                &[("small", 0.25)]
            ),
            row(
                "wide/2",
                serde_json::json!({"task": "maths"}),
                &[("small", 1.0), ("large", 0.0)]
            ),
        ]
    );
    let piped = run_with_input(
        &[
            "import",
            "--from",
            "csv",
            "-",
            "-o",
            "-",
            "-q",
            "--score-columns",
            "large",
        ],
        WIDE.as_bytes(),
    )
    .done();
    let rows = lines(&piped.out);
    assert_eq!((rows.len(), &rows[1]["id"]), (4, &"row/0".into()));
    assert_eq!(rows[0].get("assumed"), None);
}

#[test]
fn columns_of_other_names_are_mapped() {
    let folder = Folder::new();
    let text = "nr\twords\tprompt\tkind\tm\nx1\tHello\tnot this\tgreeting\t1\n";
    let wide = folder.file("wide.tsv", text);
    let said = run(&[
        "import",
        "--from",
        "csv",
        &wide,
        "-o",
        "-",
        "-q",
        "--score-columns",
        "m",
        "--map",
        "id=nr",
        "--map",
        "prompt=words",
        "--map",
        "tenant=kind",
    ])
    .done();
    assert_eq!(
        lines(&said.out)[1],
        serde_json::json!({"id": "x1", "request": {"prompt": "Hello", "tenant": "greeting"},
            "outcomes": [{"model": "m", "score": 1.0}]})
    );
}

#[test]
fn wide_tables_that_cannot_be_taken_are_named_with_line_and_column() {
    let score = ["--score-columns", "small,large"];
    let none: [&str; 0] = [];
    let cases: [(&str, String, &[&str], &[&str]); 10] = [
        (
            "a score outside its scale",
            WIDE.replace("0.25", "1.5"),
            &score,
            &["wide.csv:4: small: must be true, false or a number in [0, 1], not `1.5`"],
        ),
        (
            "a score that is no number",
            WIDE.replace("0.25", "n/a"),
            &score,
            &["wide.csv:4: small: ", "empty is unknown"],
        ),
        (
            "a column that is not there",
            WIDE.to_owned(),
            &["--score-columns", "small,huge"],
            &[
                "wide.csv: has no column `huge` for --score-columns; columns are: task, metric, question, small, large",
            ],
        ),
        (
            "a column named twice",
            WIDE.to_owned(),
            &["--score-columns", "small,large,small"],
            &["--score-columns: `small` is named twice"],
        ),
        (
            "a field of an outcome",
            WIDE.to_owned(),
            &["--score-columns", "small", "--map", "score=large"],
            &[
                "--map: `score` is no field of a trace",
                "a row is a request",
            ],
        ),
        (
            "a mapped column that is not there",
            WIDE.to_owned(),
            &["--score-columns", "small", "--map", "prompt=text"],
            &["wide.csv: has no column `text` for prompt"],
        ),
        (
            "the long form without its columns",
            WIDE.to_owned(),
            &none,
            &["--map: `id` is not mapped", "--score-columns"],
        ),
        (
            "cells that are missing",
            WIDE.replace("0.25,", "0.25"),
            &score,
            &["wide.csv:4: 4 cells where the first row has 5"],
        ),
        (
            "an id that stands twice",
            WIDE.replace("task,", "id,"),
            &score,
            &["wide.csv:5: id: `maths` stands on", "wide.csv:4"],
        ),
        ("an empty file", String::new(), &score, &["wide.csv: empty"]),
    ];
    for (name, text, flags, needles) in cases {
        let folder = Folder::new();
        let (wide, out) = (folder.file("wide.csv", text), folder.at("t"));
        println!("{name}");
        let args = ["import", "--from", "csv", &wide, "-o", &out];
        refused(&run(&[&args[..], flags].concat()), 1, needles, &folder, 1);
    }
    let folder = Folder::new();
    let out = folder.at("t");
    let (one, twin) = (folder.file("a.csv", WIDE), folder.file("a.tsv", WIDE));
    let said = run(&[
        "import",
        "--from",
        "csv",
        &one,
        &twin,
        "-o",
        &out,
        "--separator",
        ",",
        "--score-columns",
        "small",
    ]);
    refused(
        &said,
        1,
        &["a.tsv: has no ids", "a.csv", "map `id`"],
        &folder,
        2,
    );
    let flags = [
        "import",
        "--from",
        "routellm",
        &one,
        "-o",
        &out,
        "--score-columns",
        "small",
    ];
    refused(
        &run(&flags),
        2,
        &["--score-columns", "--from csv"],
        &folder,
        2,
    );
    let unknown = run(&["import", "--from", "csv-wide", &one, "-o", &out]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.err.contains("routellm, routerarena, csv"),
        "{}",
        unknown.err
    );
}
