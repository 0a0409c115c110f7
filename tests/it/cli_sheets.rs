//! `catalog import`: price sheets, small ones made on the spot and the real ones where they are.

use serde_json::Value;

use super::support::{Folder, always, python, run, run_with_input, shared};

const PRICES: &str = "model,size,input_usd_per_mtok,output_usd_per_mtok,cached_usd_per_mtok\n\
    small-8b,8B,0.2,0.2,\n\
    \"odd \"\"name\"\"\",?,1e-1,12.3456785,0.0123456\n";

const SHEET: &str = r#"{
    "sample_spec": {"mode": "one of: chat, embedding", "input_cost_per_token": 0.0},
    "plain": {"mode": "chat", "litellm_provider": "house", "input_cost_per_token": 2.8e-07,
        "output_cost_per_token": 0.00000042, "cache_read_input_token_cost": 2.8e-08,
        "max_input_tokens": 131072, "max_output_tokens": 8192, "max_tokens": 8192,
        "supports_function_calling": true, "supports_vision": false, "deprecation_date": "2026-07-24"},
    "route/steps": {"mode": "chat", "litellm_provider": "route", "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1e-07, "supports_vision": true,
        "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
        "input_cost_per_token_above_200k_tokens_batches": 9, "input_cost_per_token_above_128k_tokens": 2e-06},
    "route/ranges": {"mode": "responses", "litellm_provider": "route", "tiered_pricing": [
        {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06},
        {"range": [32000.0, 1e6], "input_cost_per_token": 2e-06, "output_cost_per_token": 8.0000000000000001e-06}]},
    "other/plain": {"mode": "completion", "litellm_provider": "other", "input_cost_per_token": 1e-07, "output_cost_per_token": 1e-07},
    "pictures": {"mode": "image_generation", "litellm_provider": "house", "output_cost_per_image": 0.04},
    "vectors": {"mode": "embedding", "litellm_provider": "house", "input_cost_per_token": 1e-07},
    "by-second": {"mode": "chat", "litellm_provider": "house", "input_cost_per_second": 0.01},
    "by-request": {"mode": "chat", "litellm_provider": "house", "input_cost_per_token": 1e-07, "output_cost_per_token": 1e-07, "input_cost_per_request": 0.005},
    "speech": {"mode": "chat", "litellm_provider": "house", "input_cost_per_token": 1e-07, "output_cost_per_token": 1e-07, "supported_output_modalities": ["audio"]},
    "absurd": {"mode": "chat", "litellm_provider": "house", "input_cost_per_token": 1e-07, "output_cost_per_token": 0.00971},
    "local/free": {"mode": "chat", "litellm_provider": "local", "input_cost_per_token": 0.0, "output_cost_per_token": 0},
    "o3": {"mode": "chat", "litellm_provider": "openai", "input_cost_per_token": 7e-06, "output_cost_per_token": 8e-06, "max_input_tokens": 5},
    "rules": {"rules": []}
}"#;

/// The endpoints of a catalog file over the shipped one, those of the file alone.
fn shown(catalog: &str, names: &[&str]) -> Value {
    let args = [
        &["catalog", "show"][..],
        names,
        &["--catalog", catalog, "--format", "json"],
    ];
    run(&args.concat()).done().json()
}

#[test]
fn a_table_of_prices_becomes_a_catalog_that_passes_its_check() {
    let folder = Folder::new();
    let (sheet, out) = (folder.file("prices.csv", PRICES), folder.at("own.toml"));
    let said = run(&["catalog", "import", "--from", "csv", &sheet, "-o", &out]).done();
    assert_eq!(said.out, "");
    for needle in [
        "own.toml: 2 endpoints, 2 new models",
        "columns not read: size",
        "rounded half-even: 2",
    ] {
        assert!(said.err.contains(needle), "no `{needle}` in {}", said.err);
    }
    assert_eq!(
        folder.read("own.toml"),
        r#"# Prices of prices.csv, by `weighbridge catalog import`.
# Prices that were no whole number of picodollars a token, rounded half-even: 2.
format = "weighbridge.catalog/1"

[[model]]
id = "small-8b"

[[endpoint]]
id = "small-8b@prices"
model = "small-8b"

[[endpoint.price]]
usd_per_mtok = { input = 0.2, output = 0.2 }
source = "prices.csv, row small-8b"

[[model]]
id = 'odd "name"'

[[endpoint]]
id = 'odd "name"@prices'
model = 'odd "name"'

[[endpoint.price]]
usd_per_mtok = { input = 0.1, cached = 0.012346, output = 12.345678 }
source = 'prices.csv, row odd "name"'
"#
    );
    let check = run(&[
        "catalog",
        "check",
        "--catalog",
        &out,
        "--as-of",
        "2025-12-05",
        "--format",
        "json",
    ])
    .done();
    let bad = |finding: &&Value| {
        finding["severity"] != "info" && finding["subject"].as_str().unwrap().ends_with("@prices")
    };
    assert_eq!(
        check.json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(bad),
        None
    );
    let piped = run_with_input(
        &[
            "catalog", "import", "--from", "csv", "-", "-o", "-", "-q", "--model", "small*",
        ],
        PRICES.as_bytes(),
    )
    .done();
    assert!(
        piped.out.contains("id = \"small-8b@sheet\""),
        "{}",
        piped.out
    );
    assert!(!piped.out.contains("odd"), "{}", piped.out);
}

#[test]
fn litellms_sheet_becomes_a_catalog_and_what_is_left_out_is_counted() {
    let folder = Folder::new();
    let (sheet, out) = (folder.file("sheet.json", SHEET), folder.at("own.toml"));
    let said = run(&["catalog", "import", "--from", "litellm", &sheet, "-o", &out]).done();
    for needle in [
        "own.toml: 4 endpoints, 4 new models",
        "left out: 1, mode image_generation",
        "left out: 1, mode embedding",
        "left out: 1, no mode given",
        "left out: 1, no price by the token",
        "left out: 1, priced by the request too",
        "left out: 1, puts out no text",
        "left out: 1, dearer than a price can be, 1073.741824 USD per million tokens",
        "left out: 1, price 0: free, local, by subscription, or not known",
        "left out: 1, the shipped catalog has this endpoint",
        "rounded half-even: 1",
    ] {
        assert!(said.err.contains(needle), "no `{needle}` in {}", said.err);
    }
    let text = folder.read("own.toml");
    let parts: Vec<&str> = text.split("\n[[model]]\n").skip(1).collect();
    assert_eq!(
        parts[0].trim_end(),
        r#"id = "plain"

[[endpoint]]
id = "plain@house"
model = "plain"
can = ["tools"]
context_tokens = 131072
max_output_tokens = 8192
source = "sheet.json, LiteLLM price sheet, row plain"

[[endpoint.price]]
usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }
source = "sheet.json, LiteLLM price sheet, row plain"
note = "the sheet lists it as retired on 2026-07-24""#
    );
    assert_eq!(
        parts[1].trim_end(),
        r#"id = "route/steps"
aliases = ["steps"]

[[endpoint]]
id = "route/steps@route"
model = "route/steps"
can = ["vision"]
source = "sheet.json, LiteLLM price sheet, row route/steps"

[[endpoint.price]]
usd_per_mtok = { input = 1.25, cached = 0.1, output = 10 }
tiers = [
  { above_input_tokens = 128000, usd_per_mtok = { input = 2, output = 10 } },
  { above_input_tokens = 200000, usd_per_mtok = { input = 2.5, output = 15 } },
]
source = "sheet.json, LiteLLM price sheet, row route/steps""#
    );
    assert!(
        parts[2].contains("tiers = [\n  { above_input_tokens = 32000, usd_per_mtok = { input = 2, output = 8 } },\n]"),
        "{}",
        parts[2]
    );
    // `plain` is a row of its own, so that it cannot be another name of this one.
    assert!(
        parts[3].starts_with("id = \"other/plain\"\n\n"),
        "{}",
        parts[3]
    );
    run(&[
        "catalog",
        "check",
        "--catalog",
        &out,
        "--as-of",
        "2025-12-05",
    ])
    .done();
    assert_eq!(shown(&out, &["steps"])[0]["id"], "route/steps@route");
}

#[test]
fn models_and_providers_of_a_sheet_can_be_picked() {
    let folder = Folder::new();
    let (sheet, out) = (folder.file("sheet.json", SHEET), folder.at("own.toml"));
    let picked = |flags: &[&str]| {
        let args = ["catalog", "import", "--from", "litellm", &sheet, "-o", &out];
        let said = run(&[&args[..], flags].concat()).done();
        let text = folder.read("own.toml");
        let ids = text
            .lines()
            .filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
        let ids = ids.filter(|id| id.contains('@')).map(str::to_owned);
        (ids.collect::<Vec<String>>(), said.err)
    };
    assert_eq!(picked(&["--model", "plain"]).0, ["plain@house"]);
    assert_eq!(
        picked(&["--model", "plain", "--provider", "other"]).0,
        ["other/plain@other"]
    );
    assert_eq!(
        picked(&["--model", "steps", "--model", "plain"]).0,
        ["plain@house", "route/steps@route"]
    );
    assert_eq!(
        picked(&["--model", "route/*"]).0,
        ["route/steps@route", "route/ranges@route"]
    );
    assert_eq!(
        picked(&["--provider", "route"]).0,
        ["route/steps@route", "route/ranges@route"]
    );
    // What is wanted by its name is taken, free or not, in the shipped catalog or not.
    assert_eq!(picked(&["--model", "free"]).0, ["local/free@local"]);
    let (ids, said) = picked(&["--model", "o3"]);
    assert_eq!(ids, ["o3@openai"]);
    assert!(
        said.contains("are replaced, dates and speeds too: o3@openai"),
        "{said}"
    );
    let card = &shown(&out, &["o3"])[0];
    assert_eq!(
        card["prices"][0]["input_usd_per_mtok"].as_f64(),
        Some(7.0),
        "{card}"
    );
    // The shipped model keeps its names and its limits.
    assert_eq!(card["context_tokens"], 200_000, "{card}");
    assert_eq!(shown(&out, &["o3 (2025-04-16)"])[0]["id"], "o3@openai");
}

#[test]
fn prices_of_a_shipped_model_stand_behind_its_own_unless_the_provider_is_named() {
    let folder = Folder::new();
    let table = "model,provider,input_usd_per_mtok,output_usd_per_mtok\no3,,3,3\no3,openai,4,4\n";
    let (sheet, out) = (folder.file("deal.csv", table), folder.at("own.toml"));
    let said = run(&["catalog", "import", "--from", "csv", &sheet, "-o", &out]).done();
    assert!(said.err.contains("0 new models"), "{}", said.err);
    assert!(said.err.contains("name them whole"), "{}", said.err);
    assert!(
        said.err
            .contains("replaced, dates and speeds too: o3@openai"),
        "{}",
        said.err
    );
    let cards = shown(&out, &["o3"]);
    let ids: Vec<&str> = cards
        .as_array()
        .unwrap()
        .iter()
        .map(|card| card["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["o3@openai", "o3@deal"]);
}

#[test]
fn sheets_that_are_broken_say_where() {
    let row = |from: &str, to: &str| PRICES.replacen(from, to, 1);
    let json = |from: &str, to: &str| SHEET.replacen(from, to, 1);
    let cases: [(&str, &str, String, &[&str]); 18] = [
        (
            "csv",
            "an empty file",
            String::new(),
            &["sheet: empty", "input_usd_per_mtok"],
        ),
        (
            "csv",
            "a column that is missing",
            row("output_usd", "output_eur"),
            &["sheet:1: output_usd_per_mtok: this column is missing"],
        ),
        (
            "csv",
            "a price that is no number",
            row("1e-1", "cheap"),
            &["sheet:3: input_usd_per_mtok: `cheap` is no price"],
        ),
        (
            "csv",
            "a price below zero",
            row("1e-1", "-1"),
            &["sheet:3: input_usd_per_mtok: `-1` is no price"],
        ),
        (
            "csv",
            "a price beyond counting",
            row("1e-1", "1e9"),
            &["sheet:3: input_usd_per_mtok: "],
        ),
        (
            "csv",
            "a price that is not there",
            row("1e-1", ""),
            &["sheet:3: input_usd_per_mtok: must not be empty"],
        ),
        (
            "csv",
            "a model that stands twice",
            row("\"odd \"\"name\"\"\"", "small-8b"),
            &["sheet:3: model: `small-8b` stands on line 2 already"],
        ),
        (
            "csv",
            "a model without a name",
            row("small-8b", ""),
            &["sheet:2: model: must not be empty"],
        ),
        (
            "csv",
            "cells that are missing",
            row("8B,", ""),
            &["sheet:2: 4 cells where the first row has 5"],
        ),
        (
            "csv",
            "no rows",
            "model,input_usd_per_mtok,output_usd_per_mtok\n".into(),
            &["sheet: no row can be an endpoint"],
        ),
        ("litellm", "an empty file", " \n".into(), &["sheet: empty"]),
        (
            "litellm",
            "broken JSON",
            json("\"plain\": {", "\"plain\": {{"),
            &["sheet:3: not a LiteLLM price sheet, at column"],
        ),
        (
            "litellm",
            "a list",
            "[1]".into(),
            &["sheet:1: not a LiteLLM price sheet", "object"],
        ),
        (
            "litellm",
            "a name that stands twice",
            json("\"other/plain\"", "\"plain\""),
            &["sheet:14: ", "`plain` stands twice"],
        ),
        (
            "litellm",
            "a row that is no object",
            json("\"rules\": {\"rules\": []}", "\n\"rules\": 5"),
            &["sheet:24: rules: must be an object"],
        ),
        (
            "litellm",
            "a price in quotes",
            json("2.8e-07", "\"2.8e-07\""),
            &["sheet:3: plain.input_cost_per_token: must be a price"],
        ),
        (
            "litellm",
            "a price below zero",
            json("0.00000042", "-0.00000042"),
            &["sheet:4: plain.output_cost_per_token: must be a price"],
        ),
        (
            "litellm",
            "half a token",
            json("131072", "0.5"),
            &["sheet:5: plain.max_input_tokens: must be a whole number"],
        ),
    ];
    let folder = Folder::new();
    for (format, name, text, needles) in cases {
        let sheet = folder.file("sheet", text);
        let said = run(&[
            "catalog",
            "import",
            "--from",
            format,
            &sheet,
            "-o",
            &folder.at("own.toml"),
        ]);
        assert_eq!(said.code, Some(1), "{name}: {}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{name}: {}", said.err);
        for needle in needles {
            assert!(
                said.err.contains(needle),
                "{name}: no `{needle}` in {}",
                said.err
            );
        }
        assert_eq!(folder.names(), ["sheet"], "{name}");
    }
    let sheet = folder.file("sheet", SHEET);
    let base = [
        "catalog",
        "import",
        "--from",
        "litellm",
        &sheet,
        "-o",
        &folder.at("own.toml"),
    ];
    for (flags, code, needles) in [
        (
            ["--model", "plein"],
            2,
            ["--model plein: ", "did you mean `plain`?"],
        ),
        (
            ["--model", "step"],
            2,
            ["--model step: ", "some have it inside: route/steps"],
        ),
        (
            ["--provider", "nobody"],
            2,
            ["--provider nobody: ", "no row has this name"],
        ),
        (
            ["--model", "vectors"],
            1,
            ["no row can be an endpoint", "mode embedding (1)"],
        ),
    ] {
        let said = run(&[&base[..], &flags].concat());
        assert_eq!(said.code, Some(code), "{}", said.err);
        for needle in needles {
            assert!(said.err.contains(needle), "no `{needle}` in {}", said.err);
        }
        assert_eq!(folder.names(), ["sheet"]);
    }
    let absent = run(&[
        "catalog",
        "import",
        "--from",
        "csv",
        &folder.at("none.csv"),
        "-o",
        "-",
    ]);
    assert_eq!(absent.code, Some(2), "{}", absent.err);
    let unknown = run(&["catalog", "import", "--from", "xlsx", &sheet, "-o", "-"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("csv, litellm"), "{}", unknown.err);
    std::fs::write(&sheet, b"\xff\xfe{}").unwrap();
    let bytes = run(&base);
    assert_eq!(bytes.code, Some(1));
    assert!(bytes.err.contains("not UTF-8"), "{}", bytes.err);
}

#[test]
fn every_price_of_litellms_sheet_equals_decimal_arithmetic() {
    let Some(sheet) = shared("data/litellm-prices/model_prices_and_context_window.json") else {
        return;
    };
    let folder = Folder::new();
    let (sheet, out) = (sheet.to_str().unwrap(), folder.at("own.toml"));
    let said = run(&["catalog", "import", "--from", "litellm", sheet, "-o", &out]).done();
    let endpoints: u64 = said
        .err
        .split_once(".toml: ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap();
    assert!(endpoints > 2900, "{}", said.err);
    run(&[
        "catalog",
        "check",
        "--catalog",
        &out,
        "--as-of",
        "2025-12-05",
    ])
    .done();
    let Some(mut python) = python() else { return };
    let counted = python
        .args(["tests/cross/litellm.py", sheet, &out])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&counted.stderr);
    assert!(counted.status.success(), "{said}");
    let counted: Value = serde_json::from_slice(&counted.stdout).unwrap();
    assert_eq!(counted["endpoints"].as_u64(), Some(endpoints));
}

/// From two tables, one of scores and one of prices, to bills.
#[test]
fn nine_models_without_tokens_are_replayed_on_assumed_ones_and_say_so() {
    let Some(data) = shared("data/llmrouter-pool9") else {
        return;
    };
    let folder = Folder::new();
    let at = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let (trace, catalog) = (folder.at("t.jsonl"), folder.at("own.toml"));
    let mut table = csv::Reader::from_path(at("prices.csv")).unwrap();
    let models: Vec<String> = table
        .records()
        .map(|row| row.unwrap()[0].to_owned())
        .collect();
    assert_eq!(models.len(), 9);
    run(&[
        "import",
        "--from",
        "csv",
        &at("outcomes.csv"),
        "-o",
        &trace,
        "--score-columns",
        &models.join(","),
        "--assume-output-tokens",
        "300",
    ])
    .done();
    run(&[
        "catalog",
        "import",
        "--from",
        "csv",
        &at("prices.csv"),
        "-o",
        &catalog,
    ])
    .done();
    let policy = folder.file("p.toml", always("gemma-2-9b-it"));
    let said = run(&[
        "replay",
        &trace,
        "--catalog",
        &catalog,
        "-p",
        &policy,
        "--replicates",
        "0",
        "--format",
        "json",
    ])
    .done();
    let report = said.json();
    let figures = &report["policies"][0];
    // 0.1 USD per million tokens of input, by a quarter of the bytes, and of 300 tokens of output.
    let mut table = csv::Reader::from_path(at("outcomes.csv")).unwrap();
    let input: usize = table
        .records()
        .map(|row| row.unwrap()[2].len().div_ceil(4))
        .sum();
    let picos = (input + 3662 * 300) * 100_000;
    let whole = format!("0.{:012}", picos);
    assert_eq!(
        figures["cost_usd_total"]["exact"],
        whole.trim_end_matches('0')
    );
    let evidence = figures["cost_usd_total"]["evidence"].as_str().unwrap();
    for part in [
        "tokens x price",
        "input tokens estimated",
        "assumed output_tokens: 300",
    ] {
        assert!(evidence.contains(part), "{evidence}");
    }
    let success = figures["success"]["x"].as_f64().unwrap();
    assert!((success - 0.597).abs() < 1e-3, "{success}");
}
