//! `import`: other recorders' files, small ones made on the spot.

use super::support::{Folder, run, run_with_input};

const LONG: &str = "task,who,right,bill,words\nt1,m,1,0.25,\"Say \"\"hi\"\",\nplease.\"\nt1,n,0,1e-3,\"Say \"\"hi\"\",\nplease.\"\nt2,m,0,,Other\nt2,n,1,2,Other\n";
const MAP: [&str; 10] = [
    "--map",
    "id=task",
    "--map",
    "model=who",
    "--map",
    "score=right",
    "--map",
    "cost_usd=bill",
    "--map",
    "prompt=words",
];

#[test]
fn a_row_an_outcome_becomes_a_line_a_request() {
    let folder = Folder::new();
    let (csv, out) = (folder.file("long.csv", LONG), folder.at("t.jsonl"));
    let said = run(&[&["import", "--from", "csv", &csv, "-o", &out][..], &MAP].concat()).done();
    assert_eq!(said.out, "");
    let text = folder.read("t.jsonl");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["request"]["prompt"], "Say \"hi\",\nplease.");
    assert_eq!(lines[1]["outcomes"][1]["cost_usd"].as_f64(), Some(0.001));
    assert!(
        lines[2]["outcomes"][0]["cost_usd"].is_null(),
        "unknown is not zero"
    );
    let piped = run_with_input(
        &[
            &["import", "--from", "csv", "-", "-o", "-", "--quiet"][..],
            &MAP,
        ]
        .concat(),
        LONG.as_bytes(),
    )
    .done();
    // The headers differ: they name the source.
    assert!(piped.out.lines().skip(1).eq(text.lines().skip(1)));
}

#[test]
fn what_is_assumed_is_marked_in_every_figure_that_rests_on_it() {
    let folder = Folder::new();
    let csv = folder.file("mmlu_anatomy.csv", "prompt,mistralai/Mixtral-8x7B-Instruct-v0.1,gpt-4-1106-preview\nWhich bone?,False,True\nWhich nerve?,True,True\n");
    let out = folder.at("t.jsonl");
    run(&[
        "import",
        "--from",
        "routellm",
        &csv,
        "-o",
        &out,
        "--assume-output-tokens",
        "1",
        "--driver",
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "--specialist",
        "gpt-4-1106-preview",
    ])
    .done();
    let text = folder.read("t.jsonl");
    let row: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&row["id"], &row["request"]["task"]),
        (&"anatomy/0".into(), &"anatomy".into())
    );
    let said = run(&[
        "replay",
        &out,
        "-p",
        "policies/always-driver.toml",
        "--format",
        "json",
    ])
    .done();
    let cost = said.json()["policies"][0]["cost_usd_total"].clone();
    assert!(
        cost["evidence"]
            .as_str()
            .unwrap()
            .contains("assumed output_tokens"),
        "{cost}"
    );
}

#[test]
fn rows_that_cannot_be_taken_are_named_with_their_line_and_column() {
    let folder = Folder::new();
    let cases: [(&str, String, i32, &[&str]); 4] = [
        (
            "a score outside its scale",
            LONG.replace("t2,n,1", "t2,n,7"),
            1,
            &["long.csv:7", "right"],
        ),
        (
            "a bill that is no number",
            LONG.replace("1e-3", "cheap"),
            1,
            &["long.csv:4", "bill"],
        ),
        (
            "a column that is not there",
            LONG.replace("who", "whom"),
            1,
            &["long.csv", "who"],
        ),
        ("an empty file", String::new(), 1, &["long.csv"]),
    ];
    for (name, text, code, needles) in cases {
        let csv = folder.file("long.csv", text);
        let said = run(&[
            &["import", "--from", "csv", &csv, "-o", &folder.at("t.jsonl")][..],
            &MAP,
        ]
        .concat());
        assert_eq!(said.code, Some(code), "{name}: {}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{name}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{name}: {}", said.err);
        needles
            .iter()
            .for_each(|needle| assert!(said.err.contains(needle), "{name}: {}", said.err));
        assert_eq!(folder.names(), ["long.csv"], "{name}");
    }
    let csv = folder.file("long.csv", LONG.replace("1e-3", "cheap"));
    let out = folder.at("t.jsonl");
    let said = run(&[
        &[
            "import",
            "--from",
            "csv",
            &csv,
            "-o",
            &out,
            "--on-error",
            "skip",
        ][..],
        &MAP,
    ]
    .concat())
    .done();
    assert!(
        said.err.contains("1 lines were skipped") && said.err.contains("long.csv:4"),
        "{}",
        said.err
    );
}
