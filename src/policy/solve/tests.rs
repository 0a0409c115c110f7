//! The solver against pen, paper and a walk over many values.

use proptest::prelude::*;
use weighbridge_router::{
    Calibration, CalibrationModel, Choose, Endpoint, Heads, LogLinear, Logistic, Parts, PriceRow,
    Rates, Router, Success, Trade, Usd,
};

use super::*;
use crate::policy::{Expected, Promise};

/// A model of a test: its name, USD a million tokens of output, and per calibration row the
/// probability of a right answer and the tokens.
struct Model {
    name: &'static str,
    per_mtok: i64,
    rows: Vec<(f32, f32)>,
    speed: Option<f64>,
}

fn model(name: &'static str, per_mtok: i64, rows: &[(f32, f32)]) -> Model {
    Model {
        name,
        per_mtok,
        rows: rows.to_vec(),
        speed: None,
    }
}

fn router(models: &[Model]) -> Router {
    let endpoints = models.iter().map(|model| Endpoint {
        prices: vec![PriceRow {
            from: None,
            until: None,
            rates: Rates {
                input: Usd::ZERO,
                cached: Usd::ZERO,
                output: Usd::from_picos(model.per_mtok * 1_000_000),
            },
            tiers: Vec::new(),
        }],
        ttft_ms: model.speed.map(|_| weighbridge_router::Millis(0)),
        tokens_per_second: model.speed,
        ..Endpoint::recorded_only(model.name)
    });
    let heads = models.iter().map(|model| Heads {
        model: model.name.into(),
        success: Success::Logistic(Logistic {
            weights: Vec::new(),
            bias: 0.0,
            platt: [1.0, 0.0],
        }),
        output_tokens: LogLinear {
            weights: Vec::new(),
            bias: 1.0,
            smearing: 1.0,
        },
    });
    let columns = models.iter().map(|model| CalibrationModel {
        model: model.name.into(),
        success: model.rows.iter().map(|row| row.0).collect(),
        log_output_tokens: model.rows.iter().map(|row| row.1.ln()).collect(),
    });
    Router::try_new(Parts {
        endpoints: endpoints.collect(),
        choose: Some(Choose::Router(Trade::default())),
        fallback: vec![models[0].name.into()],
        heads: heads.collect(),
        roles: vec![("driver".into(), models[0].name.into())],
        calibration: Calibration {
            requests_per_day: None,
            input_tokens: vec![10; models[0].rows.len()],
            models: columns.collect(),
        },
        ..Parts::default()
    })
    .unwrap()
}

fn dial(goal: Goal) -> Dial {
    Dial {
        goal,
        wrong: Usd::ZERO,
        second: Usd::ZERO,
    }
}

fn usd(text: &str) -> Usd {
    Usd::parse(text).unwrap()
}

/// Both answers cost a dollar and two; the second is better by .5, .25, .1 and not at all, so that
/// it pays from 2, 4 and 10 dollars on, and never.
fn pair() -> Router {
    router(&[
        model(
            "cheap",
            1_000_000,
            &[(0.5, 1.0), (0.5, 1.0), (0.5, 1.0), (0.5, 1.0)],
        ),
        model(
            "dear",
            2_000_000,
            &[(1.0, 1.0), (0.75, 1.0), (0.6, 1.0), (0.5, 1.0)],
        ),
    ])
}

#[test]
fn a_share_is_solved_to_a_value_between_the_breakpoints() {
    for (share, least, most, found) in [
        (0.0, 0.0, 2.0, 0.0),
        (0.25, 2.0, 4.0, 0.25),
        (0.3, 2.0, 4.0, 0.25),
        (0.5, 4.0, 10.0, 0.5),
        (0.75, 10.0, 20.0, 0.75),
    ] {
        let (trade, promise) =
            solve(&pair(), &dial(Goal::Share(share)), &SolveOptions::default()).unwrap();
        let value = trade.value.to_f64();
        assert!(least < value && value < most, "{share}: {value}");
        assert_eq!(promise.share.unwrap().x, found);
        assert!(promise.share.unwrap().ci95.is_some());
        assert_eq!(promise.cost_usd_per_request.x, 1.0 + found);
    }
}

#[test]
fn the_values_are_numbers_that_people_can_read() {
    let value = |share| {
        let solved = solve(&pair(), &dial(Goal::Share(share)), &SolveOptions::default());
        solved.unwrap().0.value.to_string()
    };
    assert_eq!(value(0.25), "3");
    assert_eq!(value(0.5), "7");
    assert_eq!(value(0.0), "1");
}

#[test]
fn a_least_success_takes_the_lowest_value_and_spending_the_most_answers() {
    let options = SolveOptions {
        requests_per_day: Some(100.0),
        ..SolveOptions::default()
    };
    let solved = |goal| solve(&pair(), &dial(goal), &options).unwrap();
    // Right answers: .5 at first, then .625, .6875 and .7125.
    let (trade, promise) = solved(Goal::MinSuccess(0.65));
    assert!(trade.value > usd("4") && trade.value < usd("10"));
    assert!((promise.success.x - 0.6875).abs() < 1e-7);
    // A day costs 100, then 125, 150 and 175.
    let (trade, promise) = solved(Goal::SpendPerDay(usd("149.99")));
    assert!(trade.value > usd("2") && trade.value < usd("4"));
    let spend = promise.spend_usd_per_day.unwrap();
    assert!((spend.x - 125.0).abs() < 1e-9, "{spend:?}");
    let (_, promise) = solved(Goal::SpendPerDay(usd("5000")));
    assert_eq!(promise.spend_usd_per_day.unwrap().x, 175.0);
}

#[test]
fn what_no_value_attains_is_refused_with_what_could_be() {
    let options = SolveOptions {
        requests_per_day: Some(100.0),
        ..SolveOptions::default()
    };
    let refused = |goal| solve(&pair(), &dial(goal), &options).unwrap_err();
    for (goal, least, most) in [
        (Goal::Share(0.9), 0.0, 0.75),
        (Goal::MinSuccess(0.9), 0.5, 0.7125),
        (Goal::SpendPerDay(usd("99")), 100.0, 175.0),
    ] {
        let DialError::Unattainable {
            least: found_least,
            most: found_most,
            ..
        } = refused(goal)
        else {
            panic!("{goal:?}")
        };
        assert!((found_least - least).abs() < 1e-7, "{found_least}");
        assert!((found_most - most).abs() < 1e-7, "{found_most}");
    }
}

#[test]
fn what_is_missing_is_named_with_its_mend() {
    let options = SolveOptions::default();
    let refused = |router: &Router, goal| solve(router, &dial(goal), &options).unwrap_err();
    assert_eq!(
        refused(&pair(), Goal::SpendPerDay(usd("9"))),
        DialError::NoTraffic
    );
    let mut parts = pair().parts().clone();
    parts.roles.clear();
    let nobody = Router::try_new(parts.clone()).unwrap();
    assert_eq!(refused(&nobody, Goal::Share(0.1)), DialError::NoDriver);
    assert!(solve(&nobody, &dial(Goal::MinSuccess(0.6)), &options).is_ok());
    parts.calibration.models.pop();
    let other = Router::try_new(parts.clone()).unwrap();
    assert_eq!(
        refused(&other, Goal::MinSuccess(0.6)),
        DialError::Unpredicted("dear".into())
    );
    parts.calibration = Calibration::default();
    let bare = Router::try_new(parts).unwrap();
    assert_eq!(refused(&bare, Goal::Value(usd("2"))), DialError::NoSample);
}

#[test]
fn a_second_that_has_a_price_makes_the_slow_model_dearer() {
    let mut models = [
        model("cheap", 0, &[(0.5, 10.0)]),
        model("dear", 0, &[(1.0, 40.0)]),
    ];
    models.iter_mut().for_each(|model| model.speed = Some(10.0));
    let router = router(&models);
    let dial = Dial {
        goal: Goal::Share(1.0),
        wrong: usd("1"),
        second: usd("2"),
    };
    // (v + 1) * .5 > 2 * 3 from 11 dollars on.
    let (trade, promise) = solve(&router, &dial, &SolveOptions::default()).unwrap();
    assert!(trade.value > usd("11") && trade.value < usd("22"));
    let seconds = promise.seconds.unwrap().x;
    assert!((seconds - 4.0).abs() < 1e-6, "{seconds}");
}

#[test]
fn the_promise_has_the_interval_of_its_rows() {
    let rows: Vec<(f32, f32)> = (0..1000).map(|i| (0.5 + 0.0004 * i as f32, 1.0)).collect();
    let router = router(&[
        model("cheap", 1, &[(0.5, 1.0); 1000]),
        model("dear", 2, &rows),
    ]);
    let goal = dial(Goal::Share(0.05));
    let (_, promise) = solve(&router, &goal, &SolveOptions::default()).unwrap();
    let Expected { x, ci95 } = promise.share.unwrap();
    let [low, high] = ci95.unwrap();
    assert!((x - 0.05).abs() < 1e-9);
    // The standard error of a share of 5% of 1,000 rows is .0069.
    assert!(
        (low - 0.0365).abs() < 0.004 && (high - 0.0635).abs() < 0.004,
        "{low} {high}"
    );
    let again = solve(&router, &goal, &SolveOptions::default()).unwrap();
    assert_eq!(again.1, promise);
}

fn arbitrary(names: &'static [&'static str]) -> impl Strategy<Value = Router> {
    let row = (0.0f32..1.0, 1.0f32..9000.0);
    let rows = prop::collection::vec(prop::collection::vec(row, names.len()), 1..40);
    let prices = prop::collection::vec(1i64..5_000, names.len());
    (rows, prices).prop_map(move |(rows, prices)| {
        let models: Vec<Model> = names
            .iter()
            .enumerate()
            .map(|(m, &name)| {
                let rows: Vec<(f32, f32)> = rows.iter().map(|row| row[m]).collect();
                model(name, prices[m], &rows)
            })
            .collect();
        router(&models)
    })
}

#[test]
fn the_most_success_that_there_is_can_be_asked_for() {
    // A probability with more digits than the sums keep.
    let router = router(&[
        model("a", 1, &[(0.3, 1.0)]),
        model("b", 1, &[(0.926_989_5, 1.0)]),
    ]);
    let most = at(&router, usd("1000")).success.x;
    assert!(
        solve(
            &router,
            &dial(Goal::MinSuccess(most)),
            &SolveOptions::default()
        )
        .is_ok()
    );
}

/// What the decider does at a value, told by a promise.
fn at(router: &Router, value: Usd) -> Promise {
    let options = SolveOptions {
        replicates: 0,
        requests_per_day: Some(1.0),
        ..SolveOptions::default()
    };
    solve(router, &dial(Goal::Value(value)), &options)
        .unwrap()
        .1
}

/// Every kind of step that a long walk over values finds: (share, success, cost).
fn walk(router: &Router) -> Vec<(f64, f64, f64)> {
    let values = (-1200..=1200).map(|i| 10f64.powf(f64::from(i) / 200.0));
    let promises = values.map(|value| at(router, Usd::try_from_f64(value).unwrap()));
    promises
        .map(|it| (it.share.unwrap().x, it.success.x, it.cost_usd_per_request.x))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_value_of_a_walk_is_nearer_to_a_share_than_the_one_that_is_solved(
        router in arbitrary(&["a", "b", "c"]), share in 0.0f64..=1.0,
    ) {
        let options = SolveOptions { replicates: 0, ..SolveOptions::default() };
        let walked = walk(&router);
        let nearest = walked.iter().map(|it| (it.0 - share).abs()).fold(1.0, f64::min);
        let rows = router.parts().calibration.input_tokens.len() as f64;
        match solve(&router, &dial(Goal::Share(share)), &options) {
            Ok((trade, promise)) => {
                let found = promise.share.unwrap().x;
                prop_assert!((found - share).abs() <= nearest + 1e-12);
                prop_assert_eq!(at(&router, trade.value).share.unwrap().x, found);
            }
            Err(DialError::Unattainable { least, most, .. }) => {
                prop_assert!(share > most + 0.5 / rows || share < least - 0.5 / rows);
                prop_assert!(walked.iter().all(|it| it.0 >= least - 1e-12 && it.0 <= most + 1e-12));
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn no_value_of_a_walk_is_better_than_the_ones_that_are_solved_for_spending_and_success(
        router in arbitrary(&["a", "b", "c", "d"]), part in 0.0f64..1.0,
    ) {
        let options = SolveOptions { replicates: 0, requests_per_day: Some(1.0), ..SolveOptions::default() };
        let walked = walk(&router);
        let between = |of: fn(&(f64, f64, f64)) -> f64| {
            let all = walked.iter().map(of);
            let (low, high) = (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max));
            low + part * (high - low)
        };
        let least = between(|it| it.1);
        let (_, promise) = solve(&router, &dial(Goal::MinSuccess(least)), &options).unwrap();
        prop_assert!(promise.success.x >= least - 1e-9);
        let cheapest = walked.iter().filter(|it| it.1 >= least).map(|it| it.2).fold(f64::INFINITY, f64::min);
        prop_assert!(promise.cost_usd_per_request.x <= cheapest + 1e-9);

        let budget = Usd::try_from_f64(between(|it| it.2) + 1e-9).unwrap();
        let (_, promise) = solve(&router, &dial(Goal::SpendPerDay(budget)), &options).unwrap();
        prop_assert!(promise.spend_usd_per_day.unwrap().x <= budget.to_f64() + 1e-9);
        let best = walked.iter().filter(|it| it.2 <= budget.to_f64()).map(|it| it.1).fold(0.0, f64::max);
        prop_assert!(promise.success.x >= best - 1e-9);
    }

    #[test]
    fn success_never_falls_with_the_value(router in arbitrary(&["a", "b", "c"])) {
        let walked = walk(&router);
        prop_assert!(walked.windows(2).all(|pair| pair[0].1 <= pair[1].1 + 1e-12));
        let told = |between, most| telling_values(&router, Trade::default(), &SolveOptions::default(), between, most);
        let values = told(None, 8);
        prop_assert!(!values.is_empty() && values.len() <= 8);
        prop_assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
        let ends = (values[0], values[values.len() - 1]);
        prop_assert_eq!(told(Some(ends), 1000), told(None, 1000));
    }
}
