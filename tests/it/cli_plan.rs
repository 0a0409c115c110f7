//! `plan`, and the dials of `compile`, as their user sees them.

use serde_json::Value;
use weighbridge::catalog::Catalog;
use weighbridge::replay::{Stage, decide_family, run as replay};
use weighbridge::trace_io::{OnError, ReadOptions, read};
use weighbridge_router::{Router, Trade, Usd};

use super::support::{Folder, SMALL_TRACE, Said, root, run};

const TRACE: &str = "traces/engineering.jsonl";
const ROUTER: &str = "models/engineering.router.json";
const ROLES: [&str; 4] = [
    "--driver",
    "deepseek-v3.2",
    "--specialist",
    "deepseek-v3.2-speciale",
];

fn plan(goal: &[&str], more: &[&str]) -> Said {
    run(&[&["plan", TRACE], goal, more].concat())
}

fn json(goal: &[&str], more: &[&str]) -> Value {
    plan(goal, &[more, &["--format", "json"]].concat()).json()
}

fn x(figure: &Value) -> f64 {
    figure["x"].as_f64().unwrap()
}

/// A policy that chooses by the bundled router, with this trade.
fn learned(folder: &Folder, name: &str, trade: &str) -> String {
    let router = root().join(ROUTER);
    folder.file(
        name,
        format!(
            "format = \"weighbridge.policy/1\"\nfallback = [\"driver\"]\n[choose]\nkind = \"router\"\nfile = \"{}\"\ntrade = {{ {trade} }}\n",
            router.display()
        ),
    )
}

fn compile(policy: &str, router: &str, more: &[&str]) -> Said {
    run(&[
        &["compile", policy, "-o", router, "--format", "json"][..],
        &ROLES,
        more,
    ]
    .concat())
}

#[test]
fn every_goal_gives_a_plan_whose_figures_are_of_the_other_half() {
    for (goal, dial) in [
        (["--value", "2"], "value_usd"),
        (["--budget", "9"], "spend_usd_per_day"),
        (["--share", "0.1"], "share"),
        (["--min-success", "0.88"], "min_success"),
    ] {
        let plan = json(&goal, &["-p", ROUTER, "policies/hard-math-and-code.toml"]);
        assert_eq!(plan["format"], "weighbridge.plan/1");
        assert_eq!(plan["goal"]["dial"], dial);
        assert_eq!(plan["goal"]["requests_per_day"], 4000.0);
        let requests = &plan["requests"];
        let [chosen, promised] =
            ["chosen_on", "promised_on"].map(|part| requests[part].as_u64().unwrap());
        assert_eq!(chosen + promised, 3000);
        assert!(chosen > 1300 && promised > 1300, "{requests}");
        let ship = &plan["recommended"];
        for figure in [
            "share",
            "success",
            "cost_usd_per_request",
            "cost_usd_per_day",
        ] {
            assert!(ship[figure]["ci95"].is_array(), "{goal:?}: {figure}");
            assert!(ship[figure]["n"].as_u64().unwrap() <= promised);
        }
        assert!(
            (x(&ship["cost_usd_per_request"]) * 4000.0 - x(&ship["cost_usd_per_day"])).abs() < 1e-9
        );
        let front = plan["front"].as_array().unwrap();
        assert!((2..=10).contains(&front.len()), "{goal:?}: {}", front.len());
        assert!(plan["tried"].as_u64().unwrap() > 20);
    }
}

#[test]
fn no_routing_that_the_requests_cannot_tell_from_a_fixed_choice_is_recommended() {
    let plan = json(&["--value", "2"], &["-p", ROUTER]);
    let low = plan["difference"]["difference"]["ci95"][0]
        .as_f64()
        .unwrap();
    let expected = if low > 0.0 { "route" } else { "do_not_route" };
    assert_eq!(plan["verdict"], expected);
    let kind = &plan["recommended"]["kind"];
    assert_eq!(kind, if low > 0.0 { "learned" } else { "fixed" });
    // Fixed choices alone leave nothing else to say.
    let plan = json(&["--value", "2"], &[]);
    assert_eq!(plan["verdict"], "do_not_route");
    assert_eq!(plan["recommended"]["name"], "always deepseek-v3.2@deepseek");
    assert!(plan["routing"].is_null() && plan["next_percent"].is_null());
}

#[test]
fn the_recommended_policy_is_written_and_replays_to_its_promise() {
    let folder = Folder::new();
    let (router, report) = (folder.at("ship.router.json"), folder.at("plan.json"));
    let goal = ["--min-success", "0.88"];
    plan(&goal, &["-p", ROUTER, "-o", &router, "-o", &report]).done();
    let written = folder.json("plan.json");
    run(&["verify", &router, "--as-of", "2025-12-02"]).done();
    let body = &folder.json("ship.router.json")["body"];
    assert_eq!(body["provenance"]["plan"]["verdict"], written["verdict"]);
    assert_eq!(
        body["provenance"]["plan"]["promise"]["name"],
        written["recommended"]["name"]
    );
    let value = &written["recommended"]["value_usd"];
    if value.is_number() {
        assert_eq!(&body["choose"]["value_usd"], value);
    }
    // Half of the replayed requests are those that the promise is of.
    let replayed = run(&[
        "replay",
        TRACE,
        "-p",
        &router,
        "--replicates",
        "0",
        "--format",
        "json",
    ]);
    let success = x(&replayed.done().json()["policies"][0]["success"]);
    let [low, high] = [0, 1].map(|end| {
        written["recommended"]["success"]["ci95"][end]
            .as_f64()
            .unwrap()
    });
    assert!(low <= success && success <= high, "{low} {success} {high}");
}

#[test]
fn routers_that_differ_in_their_trade_alone_decide_as_each_does_by_itself() {
    let options = ReadOptions {
        on_error: OnError::Fail,
        threads: 1,
    };
    let paths = [root().join(TRACE)];
    let (trace, _) = read(&paths, &options, &mut |_| {}).unwrap();
    let trace = trace.select(&(0..600).collect::<Vec<usize>>());
    let router = Router::load(root().join(ROUTER)).unwrap();
    let routers: Vec<Router> = ["0.01", "0.3", "20"]
        .map(|value| {
            let value = Usd::parse(value).unwrap();
            let second = Usd::parse("0.00001").unwrap();
            router.clone().with_trade(Trade {
                value,
                second,
                ..Trade::default()
            })
        })
        .into();
    let named: Vec<(String, &Router)> = routers
        .iter()
        .map(|router| (router.trade().unwrap().value.to_string(), router))
        .collect();
    let stage = Stage::new(&trace, &Catalog::builtin(), &routers, None);
    let (_, each) = replay(&stage, &named, None, 1);
    assert_eq!(decide_family(&stage, &named, 2), each);
    assert!(!each[0].same_choices(&each[2]));
}

#[test]
fn a_second_of_waiting_keeps_requests_at_the_fast_model() {
    let share = |second: &str| {
        let goal = ["--value", "2", "--second", second];
        let plan = json(&goal, &["-p", ROUTER]);
        x(&plan["routing"]["share"])
    };
    let (free, dear) = (share("0"), share("0.002"));
    assert!(dear < free, "{dear} {free}");
}

#[test]
fn a_goal_beyond_reach_is_no_and_names_what_is_nearest() {
    let folder = Folder::new();
    let router = folder.at("ship.router.json");
    for goal in [["--min-success", "0.99"], ["--budget", "2"]] {
        let said = plan(&goal, &["-p", ROUTER, "-o", &router, "--format", "json"]);
        assert_eq!(said.code, Some(1), "{goal:?}: {}", said.err);
        let plan = said.json();
        assert_eq!(plan["verdict"], "unattainable");
        assert!(plan["recommended"]["success"]["ci95"].is_array());
        assert!(said.err.contains("not written"), "{}", said.err);
        assert!(folder.names().is_empty());
    }
}

#[test]
fn the_same_seed_gives_the_same_plan_on_any_number_of_threads() {
    let of = |threads| {
        let more = ["-p", ROUTER, "--threads", threads, "--format", "json"];
        plan(&["--share", "0.05"], &more).out
    };
    assert_eq!(of("1"), of("3"));
}

#[test]
fn other_formats_show_the_same_plan() {
    let goal = ["--value", "2"];
    let table = plan(&goal, &["-p", ROUTER]).done().out;
    assert!(
        table.contains("ROUTE") && table.contains("The next 1% of the traffic"),
        "{table}"
    );
    let csv = plan(&goal, &["-p", ROUTER, "--format", "csv"]).done().out;
    assert!(
        csv.starts_with("role,policy,kind,value_usd,figure,x,low,high"),
        "{csv}"
    );
    assert!(csv.contains("next_percent,"), "{csv}");
    let markdown = plan(&goal, &["-p", ROUTER, "--format", "markdown"])
        .done()
        .out;
    assert!(markdown.contains("| ship |"), "{markdown}");
}

#[test]
fn wrong_calls_of_plan_say_what_mends_them() {
    let folder = Folder::new();
    let trace = folder.file("t.jsonl", SMALL_TRACE);
    let bare = folder.file(
        "bare.jsonl",
        SMALL_TRACE.replacen(
            r#","roles":{"driver":"deepseek-v3.2","specialist":"deepseek-v3.2-speciale"}"#,
            "",
            1,
        ),
    );
    for (args, says) in [
        (vec![trace.as_str()], "--budget USD a day"),
        (vec![&trace, "--budget", "5"], "--requests-per-day N"),
        (vec![&trace, "--share", "1.5"], "a share from 0 to 1"),
        (
            vec![&trace, "--share", "0.5", "--value", "2"],
            "cannot be used with",
        ),
        (
            vec![&trace, "--requests-per-day", "0", "--budget", "5"],
            "a number above 0",
        ),
        (
            vec![&trace, "--value", "2", "-p", "nowhere.toml"],
            "nowhere.toml",
        ),
        (vec![&bare, "--share", "0.5"], "nobody has that role"),
    ] {
        let said = run(&[vec!["plan"], args.clone()].concat());
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
    }
    let one = SMALL_TRACE.lines().take(2).collect::<Vec<_>>().join("\n");
    let said = run(&["plan", &folder.file("one.jsonl", one), "--value", "2"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("too few prompt groups"), "{}", said.err);
}

#[test]
fn a_share_is_compiled_to_a_value_that_the_promise_names() {
    let folder = Folder::new();
    let router = folder.at("share.router.json");
    let policy = learned(&folder, "share.toml", "share = 0.1, wrong_usd = 0.01");
    let said = compile(&policy, &router, &["--as-of", "2025-12-02"]).done();
    let dial = &said.json()["dials"][0];
    assert_eq!(dial["dial"], "share");
    assert_eq!(dial["asked"], 0.1);
    assert_eq!(dial["prices_at"], "2025-12-02T00:00:00Z");
    assert!((x(&dial["share"]) - 0.1).abs() <= 0.001, "{dial}");
    assert_eq!(dial["success"]["n"], 1000);
    let body = &folder.json("share.router.json")["body"];
    assert_eq!(body["choose"]["value_usd"], dial["value_usd"]);
    assert_eq!(body["choose"]["wrong_usd"], 0.01);
    assert_eq!(body["provenance"]["dial"]["value_usd"], dial["value_usd"]);
    run(&["verify", &router, "--as-of", "2025-12-02"]).done();
    // The same number written by hand decides alike, and `replay` takes the dial as it is.
    let value = dial["value_usd"].to_string();
    let by_hand = learned(
        &folder,
        "hand.toml",
        &format!("value_usd = {value}, wrong_usd = 0.01"),
    );
    let args = [
        "replay",
        TRACE,
        "-p",
        &router,
        &by_hand,
        &policy,
        "--as-of",
        "2025-12-02",
    ];
    let replayed = run(&[&args[..], &["--replicates", "0", "--format", "json"]].concat()).done();
    let policies = replayed.json()["policies"].clone();
    assert_eq!(policies[0]["share"], policies[1]["share"]);
    assert_eq!(policies[0]["share"], policies[2]["share"]);
}

#[test]
fn spending_and_success_are_compiled_within_what_is_asked() {
    let folder = Folder::new();
    let router = folder.at("r.router.json");
    let day = ["--as-of", "2025-12-02"];
    let budget = learned(&folder, "budget.toml", "spend_usd_per_day = 11");
    let dial = compile(&budget, &router, &day).done().json()["dials"][0].clone();
    assert!(x(&dial["spend_usd_per_day"]) <= 11.0 && x(&dial["spend_usd_per_day"]) > 10.9);
    // Twice the traffic at the same money is less a request.
    let twice = [&day[..], &["--requests-per-day", "4400"]].concat();
    let more = compile(&budget, &router, &twice).done().json()["dials"][0].clone();
    assert!(x(&more["cost_usd_per_request"]) < x(&dial["cost_usd_per_request"]));
    let success = learned(&folder, "success.toml", "min_success = 0.89");
    let dial = compile(&success, &router, &day).done().json()["dials"][0].clone();
    assert!(x(&dial["success"]) >= 0.89 && x(&dial["success"]) < 0.8905);
    let table = run(&[&["compile", &success, "-o", &router][..], &ROLES].concat()).done();
    assert!(
        table
            .out
            .contains("89.0% right at least: a right answer is worth $"),
        "{}",
        table.out
    );
}

#[test]
fn a_dial_that_cannot_be_met_is_refused_at_its_line() {
    let folder = Folder::new();
    let router = folder.at("r.router.json");
    for (trade, code, says) in [
        (
            "share = 0.99",
            1,
            "6: choose.trade.share: share = 0.99 cannot be attained",
        ),
        (
            "min_success = 0.999",
            1,
            "6: choose.trade.min_success: min_success = 0.999 cannot be attained",
        ),
        (
            "spend_usd_per_day = 1",
            1,
            "6: choose.trade.spend_usd_per_day: spend_usd_per_day = 1 cannot be attained",
        ),
        (
            "share = 1.5",
            1,
            "6: choose.trade.share: must be a share from 0 to 1",
        ),
        ("share = 0.1, value_usd = 2", 1, "keep one"),
    ] {
        let policy = learned(&folder, "p.toml", trade);
        let said = compile(&policy, &router, &[]);
        assert_eq!(said.code, Some(code), "{trade}: {}", said.err);
        assert!(said.err.contains(says), "{trade}: {}", said.err);
    }
    assert_eq!(folder.names(), ["p.toml"]);
}

#[test]
fn a_dial_within_rules_promises_for_the_requests_that_come_to_it() {
    let folder = Folder::new();
    let router = folder.at("r.router.json");
    let nested = |trade: &str| {
        folder.file(
            "nested.toml",
            format!(
                "format = \"weighbridge.policy/1\"\nfallback = [\"driver\"]\n[choose]\nkind = \"rules\"\n[[choose.rule]]\nwhen = {{ task = [\"chat\"] }}\nto = \"driver\"\n[choose.else]\nkind = \"router\"\nfile = \"{}\"\ntrade = {{ {trade} }}\n",
                root().join(ROUTER).display()
            ),
        )
    };
    let said = compile(&nested("spend_usd_per_day = 11"), &router, &[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    let says = "11: choose.else.trade.spend_usd_per_day: ";
    assert!(said.err.contains(says), "{}", said.err);
    assert_eq!(folder.names(), ["nested.toml"]);
    let said = compile(&nested("share = 0.05"), &router, &[]).done();
    let dial = &said.json()["dials"][0];
    assert_eq!(dial["nested"], true);
    assert!((x(&dial["share"]) - 0.05).abs() <= 0.001, "{dial}");
    assert!(dial["spend_usd_per_day"]["x"].is_null());
    assert!(dial["spend_usd_per_day"]["why"].is_string());
}

#[test]
fn what_to_ship_before_and_after_an_endpoint_closes() {
    let folder = Folder::new();
    let report = folder.at("dates.json");
    let learned = ["-p", "policies/learned.toml"];
    let goal = ["--value", "2"];
    let dates = ["--dates", "2026-02-01,2025-12-10", "-o", &report];
    let said = plan(&goal, &[&learned[..], &dates].concat()).done();
    assert!(said.out.contains("On 2025-12-10T00:00:00Z"), "{}", said.out);
    let dated = folder.json("dates.json");
    assert_eq!(dated["format"], "weighbridge.dated-plans/1");
    let plans = dated["plans"].as_array().unwrap();
    assert_eq!(plans[0]["date"], "2025-12-10T00:00:00Z");
    // The official endpoint of the specialist is cheaper than the resellers that follow it.
    let dearest = |plan: &Value| {
        let front = plan["front"].as_array().unwrap();
        x(&front[front.len() - 1]["cost_usd_per_request"])
    };
    assert!(dearest(&plans[1]) > 1.2 * dearest(&plans[0]));
    let csv = plan(&goal, &[&dates[..2], &["--format", "csv"]].concat())
        .done()
        .out;
    assert!(csv.starts_with("date,role,policy,kind"), "{csv}");
}

#[test]
fn dates_are_found_in_the_catalog_and_one_router_file_holds_one_of_them() {
    let folder = Folder::new();
    let router = folder.at("ship.router.json");
    let goal = ["--value", "2"];
    let said = plan(&goal, &["--dates", "changes", "--format", "json"])
        .done()
        .json();
    let plans = said["plans"].as_array().unwrap();
    let dates: Vec<&str> = plans
        .iter()
        .map(|it| it["date"].as_str().unwrap())
        .collect();
    assert_eq!(dates[1..], ["2025-12-15T15:59:00Z", "2026-01-01T00:00:00Z"]);
    // Between the two nobody sells the specialist.
    let models = plans
        .iter()
        .map(|it| it["models"].as_array().unwrap().len());
    assert_eq!(models.collect::<Vec<_>>(), [2, 1, 2]);
    for (more, says) in [
        (
            vec!["--dates", "changes", "-o", &router],
            "write it for one of them",
        ),
        (vec!["--dates", "soon"], "or `changes`"),
        (
            vec!["--dates", "2026-02-01", "--as-of", "2026-02-01"],
            "cannot be used with",
        ),
    ] {
        let said = plan(&goal, &more);
        assert_eq!(said.code, Some(2), "{more:?}: {}", said.err);
        assert!(said.err.contains(says), "{more:?}: {}", said.err);
    }
    plan(&goal, &["--dates", "2026-02-01", "-o", &router]).done();
    run(&["verify", &router, "--as-of", "2026-02-01"]).done();
}
