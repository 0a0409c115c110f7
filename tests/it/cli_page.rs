//! The page of `--html` as bytes: safe, self-contained, and with the command line's figures. What a
//! browser makes of it is checked elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::support::{Folder, SMALL_TRACE, always, run, trained};

/// What stands between two texts, the first time.
#[track_caller]
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before}"))
        .1;
    rest.split_once(after)
        .unwrap_or_else(|| panic!("no {after}"))
        .0
}

/// The markup of a command's page, style and script left out, checked as every page is.
#[track_caller]
fn page(arguments: &[&str]) -> String {
    let folder = Folder::new();
    let path = folder.at("page.html");
    let said = run(&[arguments, &["--html", &path]].concat());
    assert!(matches!(said.code, Some(0 | 1)), "{}", said.err);
    let page = folder.read("page.html");
    let policy = between(
        &page,
        "http-equiv=\"Content-Security-Policy\" content=\"",
        "\"",
    );
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let parts = [
        ("style-src", between(&page, "<style>", "</style>")),
        ("script-src", between(&page, "<script>", "</script>")),
    ];
    for (part, content) in parts {
        let hash = STANDARD.encode(Sha256::digest(content));
        assert!(
            policy.contains(&format!("{part} 'sha256-{hash}'")),
            "{part}: {policy}"
        );
    }
    let markup = page.replace(parts[0].1, "").replace(parts[1].1, "");
    for tag in markup
        .split('<')
        .skip(1)
        .filter_map(|tag| tag.split('>').next())
    {
        // Names of attributes, without their values.
        let bare: String = tag.split('"').step_by(2).collect();
        assert!(
            !bare.contains(" on") && !bare.contains(" style=") && !bare.contains(" src="),
            "<{tag}"
        );
        assert!(
            !tag.starts_with("link") || tag.ends_with("href=\"data:,\""),
            "<{tag}"
        );
        let element = tag.split([' ', '/']).next().unwrap();
        assert!(
            !["iframe", "object", "embed", "form", "base", "img"].contains(&element),
            "<{tag}"
        );
        assert!(!tag.contains("href=\"http"), "<{tag}");
    }
    assert!(
        !parts[0].1.contains("url(") && !parts[0].1.contains("@import"),
        "the style loads nothing"
    );
    let mut ids: Vec<&str> = markup
        .split(" id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "every id is on the page once");
    assert!(page.len() < 1_000_000, "{}", page.len());
    markup
}

#[test]
fn a_replay_leads_with_its_decision_and_draws_its_charts() {
    let page = page(&[
        "replay",
        "traces/engineering.jsonl",
        "-p",
        "policies/always-driver.toml",
        "policies/hard-math-and-code.toml",
        "policies/random-95-5.toml",
        "--value",
        "2",
        "--by",
        "task",
    ]);
    assert!(
        page.contains("Ship <strong><bdi>hard-math-and-code</bdi></strong>"),
        "the decision"
    );
    for key in [
        "front",
        "gains",
        "spend",
        "bill",
        "shares",
        "latency",
        "segment-gains-task",
        "segment-shares-task",
    ] {
        let chart = format!("<figure class=\"chart\" id=\"chart-{key}\">");
        let drawing = between(&page, &chart, "</figure>");
        for part in [
            "<svg ",
            "<title ",
            "<desc ",
            "data-tip=",
            "<table ",
            "class=\"csv\"",
        ] {
            assert!(drawing.contains(part), "{key}: {part}");
        }
        assert!(
            !drawing.contains("NaN") && !drawing.contains("inf"),
            "{key}"
        );
    }
}

#[test]
fn the_same_command_makes_the_same_bytes_and_changes_no_figure() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let path = folder.at("page.html");
    let command = [
        "replay",
        &trace,
        "-p",
        "policies/always-driver.toml",
        "--value",
        "2",
        "--format",
        "json",
    ];
    let plain = run(&command).done().json();
    let with_page = [&command[..], &["--html", &path]].concat();
    let mut report = run(&with_page).done().json();
    let first = folder.read("page.html");
    run(&[&with_page[..], &["--threads", "3"]].concat()).done();
    let second = folder.read("page.html").replace(" --threads 3", "");
    assert!(first == second, "threads change no byte");
    report
        .as_object_mut()
        .unwrap()
        .remove("sums")
        .expect("sums for the sliders");
    assert_eq!(report, plain);
}

#[test]
fn sums_of_the_sliders_give_the_figures_of_the_command_line() {
    let own = SMALL_TRACE.replace(
        "\"input_tokens\":10}",
        "\"input_tokens\":10,\"value_usd\":0.7,\"second_usd\":0.01}",
    );
    let folder = Folder::new();
    let own = folder.file("own.jsonl", own);
    let policies = [
        "-p",
        "policies/random-95-5.toml",
        "policies/hard-math-and-code.toml",
        "--replicates",
        "0",
    ];
    for trace in ["traces/engineering.jsonl", &own] {
        let page = page(&[&["replay", trace], &policies[..], &["--value", "2"]].concat());
        let block = between(&page, "id=\"sliders\">", "</script>");
        let data: Value = serde_json::from_str(block).expect("the sliders' data are JSON");
        for (value, wrong, second) in [("2", "0", "0"), ("0.05", "0.3", "0"), ("7", "0.1", "0.002")]
        {
            let flags = [
                "--value", value, "--wrong", wrong, "--second", second, "--format", "json",
            ];
            let said = run(&[&["replay", trace], &policies[..], &flags].concat()).done();
            let told = said.json();
            let set = [value, wrong, second].map(|x| x.parse::<f64>().unwrap());
            for (place, policy) in told["policies"].as_array().unwrap().iter().enumerate() {
                let held = &data["policies"][place];
                assert_eq!(held["name"], policy["name"]);
                let net = net(held, set);
                let exact = policy["net_usd_per_request"]["x"].as_f64().unwrap();
                assert!(
                    (net - exact).abs() < 1e-9,
                    "{}: {net} and {exact}",
                    policy["name"]
                );
                let cost = policy["cost_usd_per_request"]["x"].as_f64().unwrap();
                let sum: f64 = parts(held)
                    .map(|part| part["cost_usd"].as_f64().unwrap())
                    .sum();
                assert!((sum / held["n"].as_f64().unwrap() - cost).abs() < 1e-12);
            }
        }
    }
}

fn parts(policy: &Value) -> impl Iterator<Item = &Value> {
    policy["per_endpoint"].as_array().unwrap().iter()
}

fn net(policy: &Value, [value, wrong, second]: [f64; 3]) -> f64 {
    let of = |part: &Value, name: &str| part[name].as_f64().unwrap();
    let sum: f64 = parts(policy)
        .map(|part| {
            value * of(part, "score")
                - wrong * of(part, "wrong")
                - of(part, "cost_usd")
                - second * of(part, "seconds")
                + of(part, "own_usd")
        })
        .sum();
    sum / policy["n"].as_f64().unwrap()
}

#[test]
fn names_that_are_markup_stay_names() {
    let evil = "</script><img src=x onerror=alert(1)>";
    let folder = Folder::new();
    let trace = SMALL_TRACE
        .replace("\"task\":\"math\"", &format!("\"task\":\"{evil}\""))
        .replace("\"task\":\"chat\"", "\"task\":\"数学 עברית\"");
    let trace = folder.file("t.jsonl", trace);
    let policy = folder.file("<b>&'bold'.toml", always("driver"));
    let page = page(&[
        "replay",
        &trace,
        "-p",
        "policies/always-specialist.toml",
        &policy,
        "--value",
        "2",
        "--by",
        "task",
    ]);
    assert!(
        !page.contains("<img") && !page.contains("<b>&'bold'"),
        "nothing became markup"
    );
    assert!(
        page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"),
        "the task is shown"
    );
    assert!(page.contains("数学 עברית") && page.contains("&lt;b&gt;&amp;&#39;bold&#39;"));
    assert_eq!(
        page.matches("<script").count(),
        2,
        "the data and the script"
    );
    let data: Value = serde_json::from_str(between(&page, "id=\"sliders\">", "</script>")).unwrap();
    assert_eq!(data["policies"][1]["name"], "<b>&'bold'");
}

#[test]
fn a_single_request_and_a_policy_that_answers_nothing_make_a_page() {
    let folder = Folder::new();
    let lines: Vec<&str> = SMALL_TRACE.lines().take(2).collect();
    let trace = folder.file("one.jsonl", lines.join("\n") + "\n");
    for value in [&["--value", "2"][..], &[]] {
        let command = [
            "replay",
            &trace,
            "-p",
            "policies/always-driver.toml",
            "--by",
            "task",
        ];
        let page = page(&[&command[..], value].concat());
        assert!(!page.contains("NaN") && !page.contains("$inf"));
    }
    // Agents need tools, which the specialist does not have, and nothing is left to fall back on.
    let nobody = folder.file("nobody.toml", always("deepseek-v3.2-speciale@deepseek"));
    let lines: Vec<&str> = SMALL_TRACE
        .lines()
        .filter(|line| !line.contains("\"id\":\"a\"") && !line.contains("\"id\":\"b\""))
        .collect();
    let trace = folder.file("tools.jsonl", lines.join("\n") + "\n");
    let page = page(&["replay", &trace, "-p", &nobody, "--value", "2"]);
    assert!(page.contains("unanswered") && !page.contains("NaN"));
}

#[test]
fn without_a_value_the_page_says_that_nobody_wins_yet() {
    let page = page(&[
        "replay",
        "traces/engineering.jsonl",
        "-p",
        "policies/always-driver.toml",
        "policies/hard-math-and-code.toml",
        "--replicates",
        "100",
    ]);
    assert!(page.contains("Nobody wins yet") && page.contains("--value USD"));
    assert!(
        page.contains("The worth of a right answer: below"),
        "break-evens need no value"
    );
}

#[test]
fn evaluations_and_plans_have_pages_too() {
    let evaluation = page(&[
        "eval",
        trained(),
        "traces/engineering.jsonl",
        "--replicates",
        "50",
    ]);
    for key in [
        "front",
        "values",
        "deferral",
        "gain",
        "reliability",
        "returns-task",
    ] {
        assert!(evaluation.contains(&format!("id=\"chart-{key}\"")), "{key}");
    }
    let plan = page(&[
        "plan",
        "traces/engineering.jsonl",
        "-p",
        "policies/hard-math-and-code.toml",
        "--value",
        "2",
        "--replicates",
        "100",
    ]);
    assert!(plan.contains("id=\"chart-front\"") && plan.contains("not chosen on"));
    let policies = [
        "-p",
        "policies/always-driver.toml",
        "policies/hard-math-and-code.toml",
    ];
    let whatif = [
        &["whatif", "traces/engineering.jsonl"],
        &policies[..],
        &["--value", "2", "--replicates", "50"],
    ]
    .concat();
    let one = page(
        &[
            &whatif[..],
            &["--set", "price.deepseek-v3.2-speciale@deepseek.output*=4"],
        ]
        .concat(),
    );
    assert!(one.contains("id=\"chart-change\"") && one.contains("id=\"chart-retuning\""));
    let range = page(&[&whatif[..], &["--set", "value=0.05..5:log5"]].concat());
    assert!(
        range.contains("id=\"chart-sweep-frozen\"") && range.contains("earns most up to <em>$")
    );
    assert!(range.contains("value, USD</text>"), "the axis is named");
    let grid = page(
        &[
            &whatif[..],
            &["--set", "value=0.05,5", "--set", "second=0,0.001,0.01"],
        ]
        .concat(),
    );
    assert!(grid.contains("id=\"winners\""));
    let nowhere = run(&[
        "replay",
        "traces/engineering.jsonl",
        "-p",
        "policies/always-driver.toml",
        "--html",
        "/nowhere/page.html",
    ]);
    assert_eq!(nowhere.code, Some(1), "{}", nowhere.err);
    assert!(
        nowhere.err.contains("/nowhere/page.html"),
        "{}",
        nowhere.err
    );
}

#[test]
fn a_sweep_through_the_worth_of_an_answer_has_sliders_and_what_is_decided_anew() {
    let folder = Folder::new();
    let result = folder.at("whatif.json");
    let page = page(&[
        "whatif",
        "traces/engineering.jsonl",
        "-p",
        "policies/always-driver.toml",
        "policies/learned.toml",
        "--set",
        "value=0.05..5:log5",
        "--replicates",
        "0",
        "-o",
        &result,
    ]);
    let data: Value = serde_json::from_str(between(&page, "id=\"sliders\">", "</script>")).unwrap();
    let rest = data["rest"].as_str().unwrap();
    assert!(
        !rest.contains("--set") && rest.contains("policies/learned.toml"),
        "{rest}"
    );
    let whatif = folder.json("whatif.json");
    let points = whatif["points"].as_array().unwrap();
    let (values, nets) = (&data["anew"]["values"], &data["anew"]["net"]);
    let mut differ = false;
    for (at, point) in points.iter().enumerate() {
        let value = values[at].as_f64().unwrap();
        assert_eq!(values[at], point["settings"][0]["value"]);
        assert!(
            data["stops"]["value"]
                .as_array()
                .unwrap()
                .contains(&values[at])
        );
        for place in 0..2 {
            let of = |mode: &str| {
                let policy = &point[mode]["policies"][place];
                policy["net_usd_per_request"]["x"].as_f64().unwrap()
            };
            assert_eq!(nets[at][place].as_f64().unwrap(), of("redecided"));
            let slid = net(&data["policies"][place], [value, 0.0, 0.0]);
            assert!(
                (slid - of("frozen")).abs() < 1e-9,
                "{slid} and {}",
                of("frozen")
            );
            differ |= (of("frozen") - of("redecided")).abs() > 1e-6;
        }
    }
    assert!(differ, "a router that is compiled anew does otherwise");
}

#[test]
fn prices_cannot_be_slid_where_only_bills_were_recorded() {
    let folder = Folder::new();
    let trace = "{\"format\":\"weighbridge.trace/1\"}\n".to_owned()
        + &(0..8)
            .map(|i| {
                format!(
                    "{{\"id\":\"{i}\",\"request\":{{\"prompt\":\"p{i}\"}},\"outcomes\":[{{\"model\":\"m\",\"score\":1,\"cost_usd\":0.5}}]}}\n"
                )
            })
            .collect::<String>();
    let trace = folder.file("t.jsonl", trace);
    let policy = folder.file("m.toml", always("m"));
    let billed = page(&["replay", &trace, "-p", &policy, "--value", "2"]);
    let data: Value =
        serde_json::from_str(between(&billed, "id=\"sliders\">", "</script>")).unwrap();
    assert_eq!(data["priced"], serde_json::json!([false]));
    assert_eq!(data["policies"][0]["per_endpoint"][0]["billed_usd"], 4.0);
    let slider = between(&billed, "id=\"s-price\"", ">");
    assert!(slider.contains(" disabled"), "{slider}");
    assert!(billed.contains("only bills were recorded"));
    let priced = page(&[
        "replay",
        "traces/engineering.jsonl",
        "-p",
        "policies/always-driver.toml",
        "--value",
        "2",
        "--replicates",
        "0",
    ]);
    let slider = between(&priced, "id=\"s-price\"", ">");
    assert!(!slider.contains(" disabled"), "{slider}");
}

#[test]
fn plans_of_several_dates_are_one_page() {
    let page = page(&[
        "plan",
        "traces/engineering.jsonl",
        "--value",
        "2",
        "--dates",
        "2025-12-10,2026-02-01",
        "--replicates",
        "100",
    ]);
    assert!(page.contains("id=\"chart-earned\"") && page.contains("Date by date"));
    assert!(page.contains("2025-12-10") && page.contains("2026-02-01"));
    assert!(!page.contains('`'), "names stand plain on a page");
}

#[test]
fn worlds_of_odd_names_and_of_one_request_have_safe_pages() {
    let evil = "</script><img src=x onerror=alert(1)>";
    let folder = Folder::new();
    let trace = SMALL_TRACE.replace("\"task\":\"math\"", &format!("\"task\":\"{evil}\""));
    let whole = folder.file("t.jsonl", &trace);
    let lines: Vec<&str> = trace.lines().take(2).collect();
    let one = folder.file("one.jsonl", lines.join("\n") + "\n");
    let named = folder.file("<b>学習 אב.toml", always("driver"));
    // Nothing that needs tools is answered, and nothing is left to fall back on.
    let nobody = folder.file("nobody.toml", always("deepseek-v3.2-speciale@deepseek"));
    for trace in [&whole, &one] {
        for more in [
            &["--set", "value=0.1..5:log3"][..],
            &["--value", "2", "--tornado"],
            &[
                "--value",
                "2",
                "--solve",
                "success(nobody)=2",
                "--for",
                "value",
            ],
        ] {
            let call = [&["whatif", trace, "-p", &named, &nobody], more].concat();
            let page = page(&call);
            assert!(!page.contains("<img") && !page.contains("NaN") && !page.contains("$inf"));
            assert!(page.contains("&lt;b&gt;学習 אב"), "{more:?}");
        }
    }
}
