//! `replay` as its user sees it.

use serde_json::Value;

use super::support::{Folder, SMALL_TRACE, always, run, run_with_input};

/// Every number of a report with what it rests on.
fn check_figure(figure: &Value, name: &str) {
    let object = figure
        .as_object()
        .unwrap_or_else(|| panic!("{name} is a figure: {figure}"));
    assert!(
        object["unit"].is_string() && object["evidence"].is_string(),
        "{name}: {figure}"
    );
    assert!(
        object["n"].is_u64() && object.contains_key("ci95"),
        "{name}: {figure}"
    );
    if object["x"].is_null() {
        assert!(object["why"].is_string(), "{name}: {figure}");
    }
}

const FIGURES: [&str; 9] = [
    "success",
    "cost_usd_total",
    "cost_usd_per_request",
    "cost_usd_per_success",
    "net_usd_per_request",
    "regret_usd_per_request",
    "latency_ms_p50",
    "latency_ms_p95",
    "latency_ms_p99",
];

#[test]
fn a_report_has_the_fields_that_scripts_read() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let report = folder.at("report.json");
    let args = [
        "replay",
        &trace,
        "-p",
        "policies/always-driver.toml",
        "policies/random-95-5.toml",
        "--value",
        "2",
        "--by",
        "task",
        "-o",
        &report,
        "--format",
        "json",
    ];
    let said = run(&args).done();
    let report = folder.json("report.json");
    assert_eq!(said.json(), report, "standard output and file are the same");
    assert_eq!(report["format"], "weighbridge.replay/1");
    assert_eq!(report["trace"]["requests"], 3);
    assert_eq!(
        report["trace"]["fingerprint"].as_str().map(str::len),
        Some(64)
    );
    let names: Vec<&str> = report["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["always-driver", "random-95-5"]);
    let floors = report["floors"].as_array().unwrap();
    assert!(floors.iter().any(|floor| floor["name"] == "hindsight"));
    for policy in report["policies"].as_array().unwrap().iter().chain(floors) {
        for field in ["answered", "unanswered", "unobserved"] {
            assert!(policy[field].is_number(), "{field}");
        }
        let share: f64 = policy["share"]
            .as_object()
            .unwrap()
            .values()
            .map(|x| x.as_f64().unwrap())
            .sum();
        assert!((share - 1.0).abs() < 1e-12, "{share}");
        FIGURES
            .iter()
            .for_each(|name| check_figure(&policy[*name], name));
        assert_eq!(policy["segments"].as_array().unwrap().len(), 2);
    }
    for comparison in report["comparisons"].as_array().unwrap() {
        assert!(comparison["a"].is_string() && comparison["b"].is_string());
        check_figure(&comparison["difference"], "difference");
        let verdict = comparison["verdict"].as_str().unwrap();
        assert!(
            ["better", "worse", "cannot_tell", "same"].contains(&verdict),
            "{verdict}"
        );
    }
    assert!(report["warnings"].is_array());
}

#[test]
fn the_figures_are_those_that_pen_and_paper_give() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let mixed = folder.file("half.toml", "format = \"weighbridge.policy/1\"\nfallback = [\"driver\"]\n[choose]\nkind = \"random\"\nweights = { driver = 0.5, specialist = 0.5 }\n");
    let said = run(&[
        "replay",
        &trace,
        "-p",
        "policies/always-driver.toml",
        &mixed,
        "--value",
        "1",
        "--format",
        "json",
    ])
    .done();
    let report = said.json();
    let driver = &report["policies"][0];
    // 160 tokens of input at 0.28, 1,100 of output at 0.42 USD a million.
    assert_eq!(driver["cost_usd_total"]["exact"], "0.0005068");
    assert!((driver["success"]["x"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-15);
    // Half of a and b at the specialist's same prices; c needs tools, which it has not.
    let half = &report["policies"][1];
    assert_eq!(half["cost_usd_total"]["exact"], "0.0023296");
    assert_eq!(
        half["share"]["deepseek-v3.2-speciale@deepseek"].as_f64(),
        Some(1.0 / 3.0)
    );
    let net = half["net_usd_per_request"]["x"].as_f64().unwrap();
    assert!((net - (2.5 - 0.0023296) / 3.0).abs() < 1e-12, "{net}");
}

#[test]
fn every_format_goes_to_standard_output_and_remarks_do_not() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let base = [
        "replay",
        &trace,
        "-p",
        "policies",
        "--replicates",
        "0",
        "--quiet",
        "--format",
    ];
    let shown = |format: &str| {
        let mut args = base.to_vec();
        args.push(format);
        // The trained router is not part of every checkout.
        args[3] = "policies/always-driver.toml";
        let said = run(&args).done();
        assert_eq!(said.err, "", "--quiet with {format}");
        said.out
    };
    assert!(shown("table").contains("always-driver"));
    assert!(
        shown("markdown")
            .lines()
            .any(|line| line.starts_with("| always-driver")),
        "{}",
        shown("markdown")
    );
    assert!(serde_json::from_str::<Value>(&shown("json")).is_ok());
    let text = shown("csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let width = reader.headers().unwrap().len();
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
    assert!(
        width > 4 && records.iter().any(|record| &record[1] == "always-driver"),
        "{text}"
    );
}

#[test]
fn two_runs_and_any_number_of_threads_give_the_same_bytes() {
    let folder = Folder::new();
    let trace = folder.at("t.jsonl");
    run(&["generate", "-o", &trace, "--requests", "2100"]).done();
    let report = |threads: &str| {
        let args = [
            "replay",
            &trace,
            "-p",
            "policies/always-driver.toml",
            "policies/hard-math-and-code.toml",
            "--value",
            "0.5",
            "--by",
            "task",
            "--replicates",
            "50",
            "--threads",
            threads,
            "--format",
            "json",
        ];
        run(&args).done().out
    };
    let one = report("1");
    assert!(one == report("4"), "four threads");
    assert!(one == report("1"), "a second run");
}

#[test]
fn a_trace_may_come_by_standard_input_and_in_parts() {
    let folder = Folder::new();
    let lines: Vec<&str> = SMALL_TRACE.lines().collect();
    let parts = [
        folder.file("1.jsonl", lines[..2].join("\n")),
        folder.file("2.jsonl", [lines[0], lines[2], lines[3]].join("\n")),
    ];
    let tail = ["-p", "policies/always-driver.toml", "--format", "json"];
    let whole = run_with_input(
        &[&["replay", "-"], &tail[..]].concat(),
        SMALL_TRACE.as_bytes(),
    )
    .done();
    let joined = run(&[&["replay", &parts[1], &parts[0]], &tail[..]].concat()).done();
    assert_eq!(whole.json(), joined.json());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    use std::io::Read;
    use std::process::Stdio;
    let folder = Folder::new();
    let trace = folder.at("t.jsonl");
    run(&["generate", "-o", &trace, "--requests", "3000"]).done();
    let router = folder.at("r.router.json");
    run(&[
        "compile",
        "policies/long-prompts.toml",
        "-o",
        &router,
        "--driver",
        "deepseek-v3.2",
        "--specialist",
        "deepseek-v3.2-speciale",
    ])
    .done();
    let mut child = super::support::binary()
        .args(["decide", &router, &trace])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_call_that_cannot_be_is_exit_code_two() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let nobody = folder.file("nobody.toml", always("nobody"));
    let driver = "policies/always-driver.toml";
    let calls: [&[&str]; 9] = [
        &[],
        &["weigh"],
        &["replay", &trace],
        &["replay", "-p", driver],
        &["replay", &trace, "-p", driver, "--by", "mood"],
        &["replay", &trace, "-p", driver, "--value", "-1"],
        &["replay", &trace, "-p", driver, "--redecide"],
        &["replay", &trace, "-p", &nobody],
        &["replay", &trace, "-p", "policies/no-such.toml"],
    ];
    for call in calls {
        let said = run(call);
        assert_eq!(said.code, Some(2), "{call:?}: {}", said.err);
        assert_eq!(said.out, "", "{call:?}");
        assert!(
            !said.err.is_empty() && !said.err.contains("panicked"),
            "{call:?}: {}",
            said.err
        );
    }
    assert_eq!(run(&["--help"]).done().err, "");
    assert!(run(&["--version"]).done().out.starts_with("weighbridge "));
}

#[test]
fn a_failure_leaves_the_former_file_and_no_other() {
    let folder = Folder::new();
    let broken = folder.file("t.jsonl", SMALL_TRACE.replace("\"score\":0", "\"score\":7"));
    let before = folder.file("report.json", "what stood before");
    let said = run(&[
        "replay",
        &broken,
        "-p",
        "policies/always-driver.toml",
        "-o",
        &before,
    ]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert_eq!(folder.read("report.json"), "what stood before");
    assert_eq!(folder.names(), ["report.json", "t.jsonl"]);
    // A place that cannot be written to.
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let said = run(&[
        "replay",
        &trace,
        "-p",
        "policies/always-driver.toml",
        "-o",
        &folder.at("none/report.json"),
    ]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert_eq!(folder.names(), ["report.json", "t.jsonl"]);
}

#[test]
fn lines_that_cannot_be_read_are_skipped_counted_and_listed() {
    let folder = Folder::new();
    let text = format!("{SMALL_TRACE}{{\"id\":\"d\"\n{{\"id\":\"a\"}}\n");
    let trace = folder.file("t.jsonl", text);
    let said = run(&[
        "replay",
        &trace,
        "-p",
        "policies/always-driver.toml",
        "--on-error",
        "skip",
        "--format",
        "json",
    ])
    .done();
    assert_eq!(said.json()["trace"]["requests"], 3);
    assert!(said.err.contains("2 lines were skipped"), "{}", said.err);
    for line in ["t.jsonl:5", "t.jsonl:6"] {
        assert!(said.err.contains(line), "{}", said.err);
    }
}

#[test]
fn times_out_of_order_are_sorted_with_a_warning() {
    let folder = Folder::new();
    let lines: Vec<&str> = SMALL_TRACE.lines().collect();
    let trace = folder.file(
        "t.jsonl",
        [lines[0], lines[3], lines[2], lines[1]].join("\n"),
    );
    let said = run(&["inspect", &trace]).done();
    assert!(
        said.err.starts_with("warning: ") && said.err.contains("out of order"),
        "{}",
        said.err
    );
}
