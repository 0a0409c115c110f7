//! `claims` as its user sees it: the article's statements, and a vendor's.

use std::fs;

use serde_json::Value;

use super::support::{Folder, SMALL_TRACE, Said, root, run, shared, skip};

const ENGINEERING: [&str; 6] = [
    "--trace",
    "engineering=traces/engineering.jsonl",
    "-p",
    "hand_rules=policies/hard-math-and-code.toml",
    "-p",
    "learned=policies/learned.toml",
];

fn claims(more: &[&str]) -> Said {
    run(&[&["claims"], more].concat())
}

/// The reading of a claim, both by the beginning of their names.
fn reading<'a>(report: &'a Value, claim: &str, reading: &str) -> &'a Value {
    let begins = |value: &Value, text: &str| value.as_str().unwrap().starts_with(text);
    let all = report["claims"].as_array().unwrap();
    let held = all.iter().find(|it| begins(&it["name"], claim)).unwrap();
    let mut readings = held["readings"].as_array().unwrap().iter();
    readings.find(|it| begins(&it["reading"], reading)).unwrap()
}

fn x(reading: &Value, place: usize) -> f64 {
    reading["found"][place]["figure"]["x"].as_f64().unwrap()
}

#[test]
fn the_article_s_statements_come_to_what_a_pocket_calculator_says() {
    let report = claims(&["--format", "json"]).done().json();
    assert_eq!(report["claims"].as_array().unwrap().len(), 7);
    let tokens = reading(&report, "Two to three", "cost: tokens");
    assert_eq!(tokens["verdict"], "partly");
    assert_eq!(tokens["found"][5]["of"], "GPQA Diamond");
    assert_eq!(tokens["found"][5]["verdict"], "holds");
    assert_eq!(x(tokens, 0), 23.0 / 16.0);
    // 7,000 tokens more at 0.42 USD a million, for 2.9 points, against 20 USD.
    let pays = reading(&report, "Two to three", "pays: worth");
    assert!((x(pays, 0) - 0.00294 / 0.029 / 20.0).abs() < 1e-12);
    assert_eq!(pays["verdict"], "holds");
    let solved = reading(&report, "30% more", "a solved task comes cheaper");
    assert!((x(solved, 0) - 3.5 / 1.3).abs() < 1e-12 && solved["verdict"] == "fails");
    let shares = reading(&report, "5 to 10%", "both at once");
    assert_eq!(shares["found"][0]["verdict"], "holds");
    assert_eq!(shares["found"][1]["verdict"], "fails");
    let output = reading(&report, "10 to 25", "list prices of output");
    assert!((x(output, 0) - 10.0 / 0.42).abs() < 1e-9);
    let needed = reading(&report, "93.1", "30 problems can tell Speciale");
    assert_eq!(
        (x(needed, 0), &needed["verdict"]),
        (958.0, &Value::from("fails"))
    );
    let best = reading(
        &report,
        "93.1",
        "30 problems can tell them at the very best",
    );
    assert_eq!(x(best, 0), 263.0);
    let machines = reading(&report, "50 to 70%", "on your own machines");
    assert_eq!(machines["verdict"], "not_testable");
    let slower = reading(&report, "Up to three", "than V3.2, by tokens");
    assert!((x(slower, 0) - 16.0 / 7.0).abs() < 1e-12 && slower["verdict"] == "holds");
}

#[test]
fn thirty_problems_cannot_tell_93_from_96_and_some_thousand_would() {
    let report = claims(&["--format", "json", "--replicates", "5000"])
        .done()
        .json();
    let better = reading(&report, "93.1", "Speciale is better than V3.2");
    assert_eq!(better["verdict"], "cannot_tell");
    let found = &better["found"][0];
    let [low, high] = [0, 1].map(|end| found["figure"]["ci95"][end].as_f64().unwrap());
    assert!(low < -0.05 && high > 0.08, "{found}");
    let n = found["n_to_tell"].as_u64().unwrap();
    // 958 by the normal approximation.
    assert!((900..1020).contains(&n), "{n}");
}

#[test]
fn what_rests_on_a_trace_that_is_not_given_is_said_to_be_untested_and_how_to_test_it() {
    let report = claims(&["--format", "json"]).done().json();
    let share = reading(&report, "5 to 10%", "what goes");
    assert_eq!(share["verdict"], "not_testable");
    assert_eq!(
        share["found"][0]["figure"]["why"],
        "give --trace engineering=FILE"
    );
    // The trace without the policies: fixed choices are told, the others asked for.
    let report = claims(&[&ENGINEERING[..2], &["--format", "json"]].concat());
    let report = report.done().json();
    let share = reading(&report, "5 to 10%", "what goes");
    assert_eq!(share["found"][1]["figure"]["why"], "give -p learned=FILE");
    let slower = reading(&report, "Up to three", "than V3.2, on the bundled trace");
    assert_eq!(slower["verdict"], "holds");
}

#[test]
fn figures_of_policies_are_those_of_replay() {
    let report = claims(&[&ENGINEERING[..], &["--format", "json"]].concat());
    let report = report.done().json();
    let share = reading(&report, "5 to 10%", "what goes");
    let replayed = run(&[
        "replay",
        "traces/engineering.jsonl",
        "-p",
        "policies/hard-math-and-code.toml",
        "policies/learned.toml",
        "--format",
        "json",
    ])
    .done()
    .json();
    for place in 0..2 {
        let shares = &replayed["policies"][place]["share"];
        let taken = shares["deepseek-v3.2-speciale@deepseek"].as_f64().unwrap();
        assert!((x(share, place) - taken).abs() < 1e-9);
        assert!(share["found"][place]["figure"]["ci95"].is_array());
    }
}

#[test]
fn the_written_verdicts_are_those_that_the_command_gives() {
    let folder = Folder::new();
    let (Some(agents), Some(mmlu)) = (
        shared("data/swebench-agents/outcomes.csv"),
        shared("data/routellm-mmlu"),
    ) else {
        return;
    };
    let (at, out) = (folder.at("agents.jsonl"), folder.at("claims.md"));
    run(&[
        "import",
        "--from",
        "csv",
        agents.to_str().unwrap(),
        "-o",
        &at,
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
    let mut subjects: Vec<String> = fs::read_dir(mmlu)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .filter(|path| path.ends_with(".csv"))
        .collect();
    subjects.sort();
    if subjects.is_empty() {
        skip("data/routellm-mmlu", "there is no subject in it");
        return;
    }
    let answers = folder.at("mmlu.jsonl");
    let mut import = vec!["import", "--from", "routellm", "-o", &answers];
    import.extend(subjects.iter().map(String::as_str));
    run(&import).done();
    let traces = [format!("agents={at}"), format!("mmlu={answers}")];
    let more = ["--trace", &traces[0], "--trace", &traces[1], "-o", &out];
    claims(&[&ENGINEERING[..], &more].concat()).done();
    let held = fs::read_to_string(root().join("docs/claims.md")).unwrap();
    assert!(
        folder.read("claims.md") == held,
        "docs/claims.md is not what the command writes; write it anew"
    );
}

/// A vendor's claims about the small trace.
fn vendor(fact: &str, check: &str, bounds: &str) -> String {
    format!(
        "format = \"weighbridge.claims/1\"\ntitle = \"A vendor's\"\n[trace.own]\nwhat = \"my requests\"\n[fact.cheap]\nfigure = \"cost_usd\"\ntrace = \"own\"\npolicy = \"deepseek-v3.2\"\n{fact}\n[[claim]]\nname = \"dearer\"\nstatement = \"ours is dearer\"\nsource = \"the vendor\"\n[[claim.reading]]\nreading = \"a request\"\ncheck = \"{check}\"\nunit = \"times\"\n{bounds}\n"
    )
}

const DEAR: &str =
    "[fact.dear]\nfigure = \"cost_usd\"\ntrace = \"own\"\npolicy = \"deepseek-v3.2-speciale\"";

#[test]
fn a_user_tests_a_vendor_s_claim_on_his_own_trace() {
    let folder = Folder::new();
    let own = "own=traces/engineering.jsonl";
    let check = |bounds: &str| {
        let file = folder.file("v.toml", vendor(DEAR, "dear / cheap", bounds));
        let said = claims(&[&file, "--trace", own, "--format", "json"]).done();
        let report = said.json();
        assert_eq!(report["traces"][0]["requests"], 3000);
        reading(&report, "dearer", "a request").clone()
    };
    let ratio = x(&check("at_least = 0"), 0);
    for (bound, verdict) in [(0.8, "holds"), (1.0, "cannot_tell"), (1.2, "fails")] {
        let found = check(&format!("at_least = {}", ratio * bound));
        assert_eq!(found["verdict"], verdict, "{bound}: {found}");
    }
}

#[test]
fn what_is_wrong_in_a_file_of_claims_is_named_with_line_field_and_mend() {
    let folder = Folder::new();
    for (fact, check, bounds, says) in [
        (
            DEAR,
            "dear / chep",
            "at_least = 1",
            "there is no [fact.NAME] `chep`; did you mean `cheap`?",
        ),
        (
            DEAR,
            "dear /",
            "at_least = 1",
            "a number, a fact or a parenthesis is expected",
        ),
        (
            DEAR,
            "dear",
            "",
            "what is claimed? give `at_least`, `at_most` or both",
        ),
        (
            DEAR,
            "dear",
            "at_least = 2\nat_most = 1",
            "nothing is at least 2 and at most 1",
        ),
        (
            DEAR,
            "dear",
            "at_leest = 2",
            "unknown field; did you mean `at_least`?",
        ),
        (
            "[fact.a]\nx = [1, 2]\nsource = \"me\"",
            "a",
            "at_least = 1",
            "a list needs `of`",
        ),
        (
            "[fact.a]\nx = []\nsource = \"me\"",
            "a",
            "at_least = 1",
            "the list is empty",
        ),
        (
            "[fact.a]\nx = 1",
            "a",
            "at_least = 1",
            "`source` is missing",
        ),
        (
            "[fact.a]\nx = 1.5\ngraded = 30\nsource = \"me\"",
            "a",
            "at_least = 1",
            "a share of graded answers is from 0 to 1",
        ),
        (
            "[fact.a]\nx = 0.5\ngraded = 0\nsource = \"me\"",
            "a",
            "at_least = 1",
            "must be from 1 to 100000",
        ),
        (
            "[fact.A-b]\nx = 1\nsource = \"me\"",
            "a",
            "at_least = 1",
            "a fact's name is of small letters",
        ),
        (
            "[fact.a]\nx = 1\nunknown = \"?\"\nsource = \"me\"",
            "a",
            "at_least = 1",
            "a fact is one of `x`",
        ),
        (
            "[fact.a]\nfigure = \"cost\"\ntrace = \"own\"\npolicy = \"p\"",
            "a",
            "at_least = 1",
            "there is no figure `cost`",
        ),
        (
            "[fact.a]\nfigure = \"share\"\ntrace = \"own\"\npolicy = \"p\"",
            "a",
            "at_least = 1",
            "a share needs `to`",
        ),
        (
            "[fact.a]\nfigure = \"success\"\ntrace = \"owm\"\npolicy = \"p\"",
            "a",
            "at_least = 1",
            "there is no [trace.NAME] `owm`; did you mean `own`?",
        ),
        (
            "[fact.a]\nx = [1, 2]\nof = [\"p\", \"q\"]\nsource = \"me\"\n[fact.b]\nx = [1, 2, 3]\nof = [\"p\", \"q\", \"r\"]\nsource = \"me\"",
            "a + b",
            "at_least = 1",
            "a list of 2 does not go with a list of 3",
        ),
    ] {
        let file = folder.file("v.toml", vendor(fact, check, bounds));
        let said = claims(&[&file]);
        assert_eq!(said.code, Some(1), "{says}: {}", said.err);
        assert!(said.err.contains(says), "{says}: {}", said.err);
        assert!(
            said.err.contains("v.toml:") && said.err.lines().count() == 1,
            "{}",
            said.err
        );
    }
}

#[test]
fn a_model_that_nobody_knows_and_a_trace_that_nobody_asked_for_are_wrong_calls() {
    let folder = Folder::new();
    let own = folder.file("own.jsonl", SMALL_TRACE);
    let given = format!("own={own}");
    let price = "[fact.a]\nprice = \"output\"\nendpoint = \"deepseek-v3.2@deepsek\"";
    let file = folder.file("price.toml", vendor(price, "a", "at_least = 1"));
    let said = claims(&[&file]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("did you mean `deepseek-v3.2@deepseek`?"),
        "{}",
        said.err
    );
    let lacks = "[fact.a]\nfigure = \"success\"\ntrace = \"own\"\npolicy = \"gpt-99\"";
    let file = folder.file("lacks.toml", vendor(lacks, "a", "at_least = 1"));
    let said = claims(&[&file, "--trace", &given]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err
            .contains("`gpt-99` is no policy of the file of claims"),
        "{}",
        said.err
    );
    let role = "[fact.a]\nfigure = \"success\"\ntrace = \"own\"\npolicy = \"driver\"";
    let file = folder.file("role.toml", vendor(role, "a", "at_least = 1"));
    let bare = SMALL_TRACE.replacen("\"driver\":\"deepseek-v3.2\",", "", 1);
    let bare = format!("own={}", folder.file("bare.jsonl", bare));
    let said = claims(&[&file, "--trace", &bare]);
    assert!(
        said.code == Some(2) && said.err.contains("bind the role by --driver"),
        "{}",
        said.err
    );
    let file = folder.file("v.toml", vendor(DEAR, "dear", "at_least = 1"));
    for (flags, says) in [
        (
            vec!["--trace", "mine=x"],
            "--trace mine: the file of claims does not ask for it; it asks for own",
        ),
        (vec!["-p", "p=x"], "it asks for none"),
        (vec!["--trace", "own"], "must be NAME=FILE"),
        (
            vec!["--trace", &given, "--trace", &given],
            "--trace own: is given twice",
        ),
    ] {
        let said = claims(&[&[file.as_str()][..], &flags].concat());
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains(says), "{}", said.err);
    }
}
