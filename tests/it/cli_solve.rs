//! Black box: break-evens, tornado and volumes of `whatif`.

use serde_json::Value;

use super::support::{Said, run};

const TRACE: &str = "traces/engineering.jsonl";

fn whatif(more: &[&str]) -> Said {
    let mut args = vec![
        "whatif",
        TRACE,
        "-p",
        "policies/always-driver.toml",
        "policies/always-specialist.toml",
        "policies/hard-math-and-code.toml",
        "policies/learned.toml",
        "--value",
        "2",
        "--replicates",
        "200",
        "--format",
        "json",
    ];
    args.extend(more);
    run(&args)
}

fn policy<'j>(result: &'j Value, at: usize, mode: &str, name: &str) -> &'j Value {
    let policies = result["points"][at][mode]["policies"].as_array().unwrap();
    policies.iter().find(|it| it["name"] == name).unwrap()
}

fn x(figure: &Value) -> f64 {
    figure["x"].as_f64().unwrap()
}

#[test]
fn at_a_break_even_both_sides_are_worth_the_same_frozen_and_re_decided() {
    let equation = "net(hard-math-and-code) = net(always-driver)";
    for name in ["value", "price.specialist.output", "second"] {
        let result = whatif(&["--solve", equation, "--for", name]).done().json();
        let solved = &result["solved"][0];
        assert_eq!(solved["left"], "net(hard-math-and-code)");
        for mode in ["frozen", "redecided"] {
            let roots = solved[mode]["roots"].as_array().unwrap();
            let [root] = &roots[..] else {
                panic!("{name}, {mode}: {roots:?}");
            };
            let at = x(&root["at"]);
            let interval = root["at"]["ci95"].as_array().unwrap();
            assert!(interval[0].as_f64().unwrap() < at && at < interval[1].as_f64().unwrap());
            let set = format!("{name}={at}");
            let there = whatif(&["--set", &set]).done().json();
            let net =
                |policy_name: &str| x(&policy(&there, 0, mode, policy_name)["net_usd_per_request"]);
            let difference = net("hard-math-and-code") - net("always-driver");
            assert!(difference.abs() < 1e-9, "{name}, {mode}: {difference}");
        }
    }
}

#[test]
fn a_break_even_that_is_nowhere_is_never_and_says_which_side_is_better() {
    let args = [
        "--solve",
        "cost(always-driver)=cost(learned)",
        "--for",
        "value",
    ];
    let result = whatif(&args).done().json();
    let frozen = &result["solved"][0]["frozen"];
    assert_eq!(frozen["roots"].as_array().unwrap().len(), 0);
    assert_eq!(frozen["stretches"][0]["greater"], "right");
    assert_eq!(frozen["resamples_with_root"], 0.0);
    let out = table(&args);
    assert!(
        out.contains("never") && out.contains("cost(always-driver) is better throughout"),
        "{out}"
    );
}

fn table(more: &[&str]) -> String {
    let mut args = vec![
        "whatif",
        TRACE,
        "-p",
        "policies",
        "--value",
        "2",
        "--replicates",
        "50",
    ];
    args.extend(more);
    run(&args).done().out
}

#[test]
fn a_share_of_tasks_and_a_bounded_price_can_be_sought() {
    let args = [
        "--solve",
        "success(always-specialist) - 0.01 = success(always-driver)",
        "--for",
        "share.task.math",
        "--for",
        "success.specialist+=-0.1..0.1:lin5",
    ];
    let result = whatif(&args).done().json();
    let solved = result["solved"].as_array().unwrap();
    assert_eq!(
        (&solved[0]["unit"], &solved[1]["op"]),
        (&"share".into(), &"+=".into())
    );
    assert_eq!(solved[1]["range"], serde_json::json!([-0.1, 0.1]));
    for solved in solved {
        assert_eq!(
            solved["frozen"]["roots"].as_array().unwrap().len(),
            1,
            "{solved}"
        );
    }
}

#[test]
fn a_break_even_is_sought_in_each_world_of_a_range() {
    let equation = "net(hard-math-and-code)=net(always-driver)";
    let args = [
        "--set",
        "price.specialist.output*=1,2,4",
        "--solve",
        equation,
        "--for",
        "value",
    ];
    let result = whatif(&args).done().json();
    let solved = result["solved"].as_array().unwrap();
    let at: Vec<f64> = solved
        .iter()
        .map(|it| x(&it["frozen"]["roots"][0]["at"]))
        .collect();
    assert!(at.len() == 3 && at.is_sorted_by(|a, b| a < b), "{at:?}");
}

#[test]
fn a_tornado_is_sorted_and_its_ends_are_worlds() {
    let result = whatif(&["--tornado", "--set", "value=0.02,20"])
        .done()
        .json();
    assert_eq!(result["points"].as_array().unwrap().len(), 0);
    let frozen = &result["tornado"]["frozen"];
    let bars = frozen["bars"].as_array().unwrap();
    let swings: Vec<f64> = bars.iter().map(|bar| x(&bar["swing"]).abs()).collect();
    assert!(swings.is_sorted_by(|a, b| a >= b), "{swings:?}");
    let bar = bars.iter().find(|bar| bar["name"] == "value").unwrap();
    assert_eq!(
        (&bar["op"], &bar["low"], &bar["high"]),
        (&"=".into(), &0.02.into(), &20.0.into())
    );
    assert_eq!(bar["flips"], true);
    let ends = whatif(&["--set", "value=0.02,20"]).done().json();
    let [best, second] = ["best", "second"].map(|key| frozen[key].as_str().unwrap());
    for (point, at) in ["at_low", "at_high"].iter().enumerate() {
        let net = |name: &str| x(&policy(&ends, point, "frozen", name)["net_usd_per_request"]);
        assert!((net(best) - net(second) - x(&bar[at])).abs() < 1e-12);
    }
    let left_out = result["tornado"]["left_out"].as_array().unwrap();
    let fixed = left_out
        .iter()
        .find(|out| out["name"] == "requests_per_day")
        .unwrap();
    assert!(!fixed["why"].as_str().unwrap().is_empty());
}

#[test]
fn the_volume_from_which_a_second_model_pays_gains_its_costs_back() {
    let costs = [
        "--fixed-usd-per-month",
        "500",
        "--engineering-usd-per-month",
        "2000",
    ];
    let result = whatif(&costs).done().json();
    let tco = &result["tco"];
    assert_eq!(tco["against"], "always-driver");
    let of = |name: &str| {
        let all = tco["frozen"].as_array().unwrap();
        all.iter().find(|it| it["policy"] == name).unwrap().clone()
    };
    let pays = of("hard-math-and-code");
    let volume = x(&pays["from_requests_per_day"]);
    let gained = volume * 365.25 / 12.0 * x(&pays["gain_usd_per_request"]);
    assert!((gained - 2500.0).abs() < 1e-6, "{gained}");
    assert_eq!(pays["gain_usd_per_month"]["x"], Value::Null);
    let never = of("always-specialist");
    assert_eq!(never["from_requests_per_day"]["x"], Value::Null);
    assert!(never["never"].as_f64().unwrap() > 0.5);
    let day = volume.to_string();
    let there = whatif(&[&costs[..], &["--requests-per-day", &day]].concat())
        .done()
        .json();
    let all = there["tco"]["frozen"].as_array().unwrap();
    let pays = all
        .iter()
        .find(|it| it["policy"] == "hard-math-and-code")
        .unwrap();
    assert!(x(&pays["gain_usd_per_month"]).abs() < 1e-6);
}

#[test]
fn what_cannot_be_asked_says_why_and_is_a_wrong_call() {
    let solve = "net(learned)=net(always-driver)";
    for (args, says) in [
        (
            &["--solve", "net(lerned)=1", "--for", "value"][..],
            "did you mean `learned`?",
        ),
        (
            &["--solve", solve, "--for", "valeu"][..],
            "did you mean `value`?",
        ),
        (&["--solve", solve][..], "--for"),
        (&["--for", "value"][..], "--solve"),
        (
            &["--solve", solve, "--for", "price.nobody.output"][..],
            "nobody",
        ),
        (
            &["--solve", solve, "--for", "available.specialist.until"][..],
            "date",
        ),
        (&["--against", "nobody"][..], "no policy is named `nobody`"),
        (
            &["--engineering-usd-per-month", "9", "--set", "value=1,2"][..],
            "one world",
        ),
        (&["--tornado", "--set", "tokens.nobody*=1..2"][..], "nobody"),
    ] {
        let said = whatif(args);
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
    }
}

#[test]
fn without_a_value_there_is_no_net_to_solve_for_a_price() {
    let args = [
        "whatif",
        TRACE,
        "-p",
        "policies/always-driver.toml",
        "policies/always-specialist.toml",
        "--replicates",
        "0",
        "--solve",
        "net(always-driver)=net(always-specialist)",
        "--for",
        "price.driver.output",
    ];
    let said = run(&args);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(
        said.err.contains("no value of a right answer is given"),
        "{}",
        said.err
    );
    let said = run(&[&args[..8], &["--tornado"]].concat());
    assert_eq!(said.code, Some(1), "{}", said.err);
}
