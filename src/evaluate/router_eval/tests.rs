use super::*;
use crate::evaluate::{Verdict, drop_training_rows};
use crate::stats::uniform;
use crate::trace::{OutcomeRef, Row, Trace, TraceBuilder};
use serde_json::Value;
use weighbridge_router::{
    Choose, Endpoint, GroupFilter, Heads, LogLinear, Logistic, Parts, PriceRow, Rates, RequestRef,
    Step, Success, Tag, Tokens, prompt_group,
};

const DRAWN_BELOW: f64 = 0.880_797_077_977_882_4; // 1 / (1 + exp(-2))

/// The small model fails what is hard; or, where `fair`, tasks do not matter.
fn trace(rows: usize, fair: bool) -> Trace {
    let mut builder = TraceBuilder::default();
    for i in 0..rows {
        let (id, hard) = (format!("r{i:05}"), i % 3 == 0);
        let wins = |purpose| uniform(5, purpose, id.as_bytes()) < DRAWN_BELOW;
        let small = if fair {
            uniform(5, "fair", id.as_bytes()) < 0.5
        } else {
            wins("small") != hard
        };
        let outcome = |model, right: bool, tokens, cents: i64| OutcomeRef {
            model,
            score: Some(f64::from(u8::from(right))),
            output_tokens: Some(Tokens(tokens)),
            cost_usd: Some(Usd::from_picos(cents * 10_000_000_000)),
            ..OutcomeRef::default()
        };
        builder
            .push(&Row {
                id: &id,
                request: RequestRef {
                    prompt: Some(&format!("question {i}")),
                    task: Some(if hard { "hard" } else { "easy" }),
                    ..RequestRef::default()
                },
                outcomes: &[
                    outcome("small", small, 100, 1),
                    outcome("large", wins("large"), 200, 4),
                ],
                logged: None,
                extra: None,
            })
            .unwrap();
    }
    builder.finish().unwrap().0
}

/// Knows the tasks, and learned from the first `trained` requests.
fn router(trained: usize) -> Router {
    let heads = |model: &str, weights: [f32; 2]| Heads {
        model: model.into(),
        success: Success::Logistic(Logistic {
            weights: weights.to_vec(),
            bias: 0.0,
            platt: [1.0, 0.0],
        }),
        output_tokens: LogLinear {
            weights: vec![0.0; 2],
            bias: libm::log(100.0),
            smearing: 1.0,
        },
    };
    let endpoint = |model: &str| Endpoint {
        id: model.into(),
        model: model.into(),
        channels: Vec::new(),
        regions: Vec::new(),
        can: Vec::new(),
        context_tokens: None,
        from: None,
        until: None,
        prices: Vec::new(),
        ttft_ms: None,
        tokens_per_second: None,
        recorded_only: true,
    };
    let groups: Vec<_> = (0..trained)
        .map(|i| prompt_group(&format!("Question {i}")))
        .collect();
    Router::try_new(Parts {
        endpoints: vec![endpoint("small"), endpoint("large"), endpoint("other")],
        choose: Some(Choose::Always("small".into())),
        steps: vec![Step::Tag(Tag {
            values: vec!["easy".into(), "hard".into()],
        })],
        heads: vec![heads("large", [2.0, 2.0]), heads("small", [2.0, -2.0])],
        training: Some(GroupFilter::of(&groups)),
        ..Parts::default()
    })
    .unwrap()
}

fn evaluated(
    trace: &Trace,
    router: &Router,
    pair: [u16; 2],
    threads: usize,
) -> Result<RouterEvaluation, EvalError> {
    let catalog = Default::default();
    let stage = Stage::new(trace, &catalog, std::slice::from_ref(router), None);
    let charged = Charged::new(&stage, None, threads);
    let held_out = drop_training_rows(trace, &[router]);
    let options = EvalOptions {
        seed: 1,
        replicates: 100,
        threads,
        by: vec![SegmentKey::Task],
        ..EvalOptions::default()
    };
    evaluate_router(&stage, &charged, router, Some(pair), &held_out, &options)
}

#[test]
fn a_router_that_knows_the_tasks_is_seen_to() {
    let (trace, router) = (trace(1_600, false), router(100));
    let found = evaluated(&trace, &router, [0, 1], 2).unwrap();
    assert_eq!(found.n + found.dropped_training_rows, 1_600);
    assert!((100..110).contains(&found.dropped_training_rows));
    let x = |figure: &Figure| figure.x.unwrap();
    let ranking = &found.ranking;
    assert!(x(&ranking.apgr) > 0.75 && x(&ranking.auroc) > 0.75);
    assert!(x(&ranking.apgr) <= x(&found.floors.hindsight.apgr));
    assert_eq!(x(&found.floors.random.apgr), 0.5);
    assert!((x(&found.floors.task_table.apgr) - x(&ranking.apgr)).abs() < 0.03);
    assert!(x(&ranking.aiq) > x(&found.floors.random.aiq));
    assert_eq!(ranking.curve.len(), 101);
    assert!((x(&ranking.curve[100].cost_usd_per_request) - 0.04).abs() < 1e-12);
    assert!(ranking.aiq.evidence.ends_with("recorded bills"));
    let [low, high] = found.gain_slope.ci95.unwrap();
    assert!(low < 1.0 && 1.0 < high, "{:?}", found.gain_slope);
    assert!(x(&found.calibration["small"].after.ece) < 0.05);
    assert!((x(&found.tokens["large"].ratio) - 0.5).abs() < 1e-9);
    assert_eq!(found, evaluated(&trace, &router, [0, 1], 1).unwrap());
    assert!(found.net.is_none() && found.values.len() == 9);
    let warning = &found.warnings[0];
    assert!(warning.contains("what an answer is worth"), "{warning}");
    let json = serde_json::to_value(&found).unwrap();
    assert!(json["apgr"]["x"].is_f64() && json["floors"]["length"]["cpt50"].is_object());
}

#[test]
fn outcomes_that_do_not_follow_the_tasks_leave_a_router_at_chance() {
    let found = evaluated(&trace(1_500, true), &router(0), [0, 1], 1).unwrap();
    let [low, high] = found.ranking.apgr.ci95.unwrap();
    assert!(low < 0.5 && 0.5 < high, "{:?}", found.ranking.apgr);
    assert_eq!(found.dropped_training_rows, 0);
}

#[test]
fn a_role_without_heads_is_refused_and_nothing_held_out_is_null() {
    let (trace, router) = (trace(30, false), router(30));
    let refused = evaluated(&trace, &router, [0, 2], 1).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("no heads for `other`, the specialist's model")
    );
    let found = evaluated(&trace, &router, [0, 1], 1).unwrap();
    assert_eq!((found.n, found.dropped_training_rows), (0, 30));
    assert!(found.ranking.apgr.why.is_some() && found.gain_slope.why.is_some());
}

const ONE_USD: Usd = Usd::from_picos(1_000_000_000_000);
/// Three cents more are well spent on a hard question, and in vain on an easy one.
const TEN_CENTS: Usd = Usd::from_picos(100_000_000_000);

/// The router that knows the tasks, deciding by predicted net value: a cent or four an answer, as
/// the outcomes are charged. `sign` -1 makes it take hard for easy.
fn learned(value: Usd, sign: f32) -> Router {
    let mut parts = router(0).parts().clone();
    parts.endpoints.truncate(2);
    for (endpoint, cents) in parts.endpoints.iter_mut().zip([1, 2]) {
        // 100 tokens are predicted of the one, and of the other as well.
        let rates = Rates {
            input: Usd::ZERO,
            cached: Usd::ZERO,
            output: Usd::from_picos(cents * 100_000_000),
        };
        endpoint.prices = vec![PriceRow {
            from: None,
            until: None,
            rates,
            tiers: Vec::new(),
        }];
    }
    for heads in &mut parts.heads {
        if let Success::Logistic(head) = &mut heads.success {
            head.weights.iter_mut().for_each(|weight| *weight *= sign);
        }
    }
    parts.choose = Some(Choose::Router(Trade {
        value,
        ..Trade::default()
    }));
    Router::try_new(parts).unwrap()
}

/// Evaluated in folds, each on the rows that it has.
fn folded(trace: &Trace, folds: &[Fold<'_>], options: &EvalOptions) -> RouterEvaluation {
    let catalog = Default::default();
    let routers: Vec<Router> = folds.iter().map(|fold| fold.router.clone()).collect();
    let stage = Stage::new(trace, &catalog, &routers, None);
    let charged = Charged::new(&stage, None, 1);
    let pair = [stage.find("small").unwrap(), stage.find("large").unwrap()];
    let found = evaluate_folds(&stage, &charged, folds, Some(pair), options).unwrap();
    every_figure_is_a_number_or_says_why(&serde_json::to_value(&found).unwrap());
    found
}

fn options() -> EvalOptions {
    EvalOptions {
        seed: 1,
        replicates: 100,
        threads: 1,
        by: vec![SegmentKey::Task],
        values: Some(Vec::new()),
        ..EvalOptions::default()
    }
}

/// JSON has no NaN: one would stand there as a null without a reason.
fn every_figure_is_a_number_or_says_why(value: &Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("unit") {
                let known = fields["x"].is_number() || fields.contains_key("why");
                assert!(known, "{value}");
                if let Some(ends) = fields["ci95"].as_array() {
                    assert!(ends.iter().all(Value::is_number), "{value}");
                }
            }
            fields
                .values()
                .for_each(every_figure_is_a_number_or_says_why);
        }
        Value::Array(items) => items.iter().for_each(every_figure_is_a_number_or_says_why),
        _ => {}
    }
}

fn net_of(at: &NetAtValue, kind: PolicyKind) -> f64 {
    let policy = at
        .policies
        .iter()
        .find(|policy| policy.kind == kind)
        .unwrap();
    policy.net_usd_per_request.x.unwrap()
}

#[test]
fn net_value_is_what_the_routers_own_decisions_come_to_at_every_value() {
    let (trace, router) = (trace(600, false), learned(TEN_CENTS, 1.0));
    let cents = |cents: i64| Usd::from_picos(cents * 10_000_000_000);
    let options = EvalOptions {
        values: Some(vec![cents(1), cents(5), cents(100)]),
        ..options()
    };
    let rows: Vec<usize> = (0..trace.len()).collect();
    let found = folded(
        &trace,
        &[Fold {
            router: &router,
            rows,
        }],
        &options,
    );
    for at in &found.values {
        let value = at.trade.value_usd;
        let decided = router.clone().with_trade(Trade {
            value: Usd::try_from_f64(value).unwrap(),
            ..Trade::default()
        });
        let mut sum = 0.0;
        for row in 0..trace.len() {
            let choice = usize::from(decided.decide(&trace.request(row)).sole().unwrap().0);
            let outcome = trace.outcomes(row).nth(choice).unwrap();
            let outcome = trace.outcome(outcome);
            sum += value * outcome.score.unwrap() - outcome.cost_usd.unwrap().to_f64();
        }
        let net = net_of(at, PolicyKind::Router);
        assert!((net - sum / 600.0).abs() < 1e-9, "{value}: {net}");
        for policy in &at.policies {
            let best = net_of(at, PolicyKind::Hindsight);
            assert!(
                policy.net_usd_per_request.x.unwrap() <= best + 1e-12,
                "{}",
                policy.name
            );
        }
        assert_eq!((at.n, at.unobserved), (600, 0));
    }
    // A cent buys no answer for three more; a dollar does where the question is hard.
    assert_eq!(found.values[0].sent["small"], 1.0);
    assert!((found.values[2].sent["large"] - 1.0 / 3.0).abs() < 0.01);
    let net = found.net.unwrap();
    assert_eq!(net.at.trade.value_usd, 0.1);
    // The table by task learns from the other folds what the router knows.
    assert_eq!(net.best_simple, "best rule: per-task table");
    assert_eq!(net.verdict, Verdict::Same);
    let single = net
        .at
        .comparisons
        .iter()
        .find(|held| held.b.starts_with("always"));
    assert_eq!(single.unwrap().verdict, Verdict::Better);
    assert!(net.over_fixed.mean > 3.0 * net.over_fixed.se_by_unit.unwrap());
    assert_eq!((net.over_fixed.units, net.over_fixed.tasks), (600, 2));
}

#[test]
fn the_grid_lies_around_the_value_at_which_the_specialist_pays() {
    let (trace, router) = (trace(900, false), learned(ONE_USD, 1.0));
    let options = EvalOptions {
        values: None,
        ..options()
    };
    let rows: Vec<usize> = (0..trace.len()).collect();
    let found = folded(
        &trace,
        &[Fold {
            router: &router,
            rows,
        }],
        &options,
    );
    assert_eq!(found.values.len(), 9);
    let middle = found.values[4].trade.value_usd;
    let even = 0.03 / found.gap.x.unwrap();
    assert!((middle / even - 1.0).abs() < 0.06, "{middle} {even}");
    let at = |point: usize| found.values[point].trade.value_usd;
    assert!((at(8) / at(0) / 256.0 - 1.0).abs() < 0.1);
}

#[test]
fn each_row_is_measured_on_the_router_of_its_own_fold() {
    let trace = trace(800, false);
    let (knows, mistakes) = (learned(ONE_USD, 1.0), learned(ONE_USD, -1.0));
    let rows = |part: usize| {
        (0..800)
            .filter(|row| row % 2 == part)
            .collect::<Vec<usize>>()
    };
    let fold = |router, part| Fold {
        router,
        rows: rows(part),
    };
    let x = |found: &RouterEvaluation| found.ranking.apgr.x.unwrap();
    let whole = Fold {
        router: &knows,
        rows: (0..800).collect(),
    };
    let one = folded(&trace, &[whole], &options());
    let two = folded(&trace, &[fold(&knows, 0), fold(&knows, 1)], &options());
    assert_eq!(two.ranking, one.ranking);
    let router = |found: &RouterEvaluation| found.net.as_ref().unwrap().at.policies[0].clone();
    assert_eq!(router(&two), router(&one));
    assert_eq!((two.folds, two.requests, two.tasks), (2, 800, 2));
    // Half of the rows are ranked the wrong way round, and the order of the folds is nothing.
    let mixed = folded(&trace, &[fold(&knows, 0), fold(&mistakes, 1)], &options());
    assert!(x(&mixed) < x(&one) - 0.1);
    let swapped = folded(&trace, &[fold(&mistakes, 1), fold(&knows, 0)], &options());
    assert_eq!(mixed.ranking, swapped.ranking);
}

#[test]
fn where_tasks_are_held_out_a_table_by_task_knows_nothing() {
    let (trace, router) = (trace(600, false), learned(TEN_CENTS, 1.0));
    let of = |hard: bool| (0..600).filter(|row| (row % 3 == 0) == hard).collect();
    let folds = [true, false].map(|hard| Fold {
        router: &router,
        rows: of(hard),
    });
    let found = folded(&trace, &folds, &options());
    assert_eq!(found.floors.task_table.apgr.x, Some(0.5));
    let net = found.net.unwrap();
    let kinds = |kind| net_of(&net.at, kind);
    assert!(kinds(PolicyKind::Router) > kinds(PolicyKind::BestRule) + 0.03);
    let table = net
        .at
        .comparisons
        .iter()
        .find(|held| held.b == "per-task table");
    assert_eq!(table.unwrap().verdict, Verdict::Better);
}

#[test]
fn labels_that_follow_nothing_make_no_router_better_than_a_fixed_choice() {
    let (trace, router) = (trace(1_500, true), learned(ONE_USD, 1.0));
    let rows: Vec<usize> = (0..trace.len()).collect();
    let found = folded(
        &trace,
        &[Fold {
            router: &router,
            rows,
        }],
        &options(),
    );
    let [low, high] = found.ranking.apgr.ci95.unwrap();
    assert!(low < 0.5 && 0.5 < high);
    assert_ne!(found.net.unwrap().verdict, Verdict::Better);
    let random = found
        .ranking_comparisons
        .iter()
        .find(|held| held.b == "random");
    assert_eq!(random.unwrap().verdict, Verdict::CannotTell);
}

#[test]
fn segments_say_from_which_value_on_the_specialist_pays() {
    let (trace, router) = (trace(900, false), learned(ONE_USD, 1.0));
    let rows: Vec<usize> = (0..trace.len()).collect();
    let found = folded(
        &trace,
        &[Fold {
            router: &router,
            rows,
        }],
        &options(),
    );
    let [hard, easy] = &found.segments[..] else {
        panic!("two segments: {:?}", found.segments);
    };
    assert_eq!(
        (hard.segment.as_str(), easy.segment.as_str()),
        ("hard", "easy")
    );
    assert_eq!((hard.requests, hard.informative), (300, 300));
    let x = |figure: &Figure| figure.x.unwrap();
    assert!((x(&hard.share_of_requests) - 1.0 / 3.0).abs() < 1e-12);
    // 300 at four cents among 600 at one.
    assert!((x(&hard.share_of_bill) - 1_200.0 / 1_800.0).abs() < 1e-12);
    assert!((x(&hard.break_even_usd) - 0.03 / x(&hard.gain)).abs() < 1e-12);
    let [low, high] = hard.break_even_usd.ci95.unwrap();
    assert!(low < x(&hard.break_even_usd) && x(&hard.break_even_usd) < high);
    assert_eq!((hard.pays, hard.sent["large"]), (Pays::Yes, 1.0));
    assert_ne!(easy.pays, Pays::Yes);
    assert!(hard.added_seconds.why.is_some());
    let summary = &found.segment_summaries[0];
    assert_eq!(summary.segments, ["hard"]);
    assert!(
        summary
            .sentence
            .starts_with("By task, 33.3% of requests (hard) deserve"),
        "{}",
        summary.sentence
    );
}

#[test]
fn thirty_rows_one_class_and_equal_predictions_are_measured_without_a_nan() {
    let router = learned(ONE_USD, 1.0);
    let flat = learned(ONE_USD, 0.0);
    for (rows, router) in [(30, &router), (30, &flat), (1, &router), (0, &router)] {
        let trace = trace(30, false);
        let rows: Vec<usize> = (0..rows).collect();
        let found = folded(&trace, &[Fold { router, rows }], &options());
        assert!(
            found.warnings[0].contains("are few"),
            "{:?}",
            found.warnings
        );
    }
    // The first request of every three is hard, and all of these the large model answers.
    let trace = trace(90, false);
    let right = |row: &usize| trace.outcomes(*row).nth(1).map(|k| trace.outcome(k).score);
    let rows: Vec<usize> = (0..90)
        .filter(|row| right(row) == Some(Some(1.0)))
        .collect();
    let found = folded(
        &trace,
        &[Fold {
            router: &router,
            rows,
        }],
        &options(),
    );
    let warned = |text: &str| found.warnings.iter().any(|held| held.contains(text));
    assert!(
        warned("`large` is either right or wrong on all"),
        "{:?}",
        found.warnings
    );
    assert!(folded(&trace, &[], &options()).net.is_none());
}

#[test]
fn calibration_is_shown_before_and_after_platts_sigmoid() {
    let trace = trace(900, false);
    let plain = learned(ONE_USD, 1.0);
    let mut parts = plain.parts().clone();
    for heads in &mut parts.heads {
        heads.success = heads.success.clone().with_platt([0.5, 0.2]);
    }
    let bent = Router::try_new(parts).unwrap();
    let rows: Vec<usize> = (0..trace.len()).collect();
    let of = |router| {
        folded(
            &trace,
            &[Fold {
                router,
                rows: rows.clone(),
            }],
            &options(),
        )
    };
    let (plain, bent) = (of(&plain), of(&bent));
    let x = |figure: &Figure| figure.x.unwrap();
    let (plain, bent) = (&plain.calibration["small"], &bent.calibration["small"]);
    assert_eq!(plain.raw.as_ref(), Some(&plain.after));
    let raw = bent.raw.as_ref().unwrap();
    assert!((x(&raw.brier) - x(&plain.after.brier)).abs() < 1e-9);
    assert!(x(&bent.after.ece) > x(&raw.ece) + 0.02);
}

#[test]
fn a_split_that_flatters_is_named_and_the_task_split_is_the_headline() {
    let trace = trace(900, false);
    let (knows, mistakes) = (learned(ONE_USD, 1.0), learned(ONE_USD, -1.0));
    let rows: Vec<usize> = (0..trace.len()).collect();
    let of = |router| {
        folded(
            &trace,
            &[Fold {
                router,
                rows: rows.clone(),
            }],
            &options(),
        )
    };
    let (good, bad) = (of(&knows), of(&mistakes));
    let named = |group, task| {
        [
            ("group", Ok(group)),
            ("task", Ok(task)),
            ("time", Err("no times".to_owned())),
        ]
    };
    let found = side_by_side(&named(&good, &bad), None);
    assert_eq!(
        (found.headline.as_str(), found.warnings.len()),
        ("task", 2),
        "{:?}",
        found.warnings
    );
    assert_eq!(found.splits["time"].why.as_deref(), Some("no times"));
    assert!(side_by_side(&named(&good, &good), None).warnings.is_empty());
    let json = serde_json::to_value(&found).unwrap();
    assert!(json["splits"]["group"]["apgr"]["x"].is_f64());
    assert!(json["splits"]["time"].get("apgr").is_none());
}

#[test]
fn a_file_is_measured_on_later_requests_and_on_new_tasks_where_it_says_what_it_knows() {
    let trace = trace(600, false);
    let mut parts = learned(ONE_USD, 1.0).parts().clone();
    parts.provenance = r#"{"trained_on":{"tasks":["easy"],"until":"2020-01-01T00:00:00Z"}}"#.into();
    let router = Router::try_new(parts).unwrap();
    let catalog = Default::default();
    let stage = Stage::new(&trace, &catalog, std::slice::from_ref(&router), None);
    let charged = Charged::new(&stage, None, 1);
    let held_out = drop_training_rows(&trace, &[&router]);
    let found = evaluate_file(
        &stage,
        &charged,
        &router,
        Some([0, 1]),
        &held_out,
        &options(),
    );
    let splits = found.unwrap().splits.unwrap();
    assert_eq!(
        splits.splits["task"].figures.as_ref().unwrap().requests,
        200
    );
    assert_eq!(
        splits.splits["group"].figures.as_ref().unwrap().requests,
        600
    );
    let why = splits.splits["time"].why.as_deref().unwrap();
    assert!(why.contains("later than the training"), "{why}");
}

#[test]
fn without_roles_there_is_no_ranking_but_net_value_and_what_deserves_the_best() {
    let (trace, router) = (trace(600, false), learned(ONE_USD, 1.0));
    let catalog = Default::default();
    let stage = Stage::new(&trace, &catalog, std::slice::from_ref(&router), None);
    let charged = Charged::new(&stage, None, 1);
    let rows = (0..600).collect();
    let folds = [Fold {
        router: &router,
        rows,
    }];
    let found = evaluate_folds(&stage, &charged, &folds, None, &options()).unwrap();
    every_figure_is_a_number_or_says_why(&serde_json::to_value(&found).unwrap());
    assert_eq!((found.n, found.driver, found.requests), (0, None, 600));
    let why = found.ranking.apgr.why.unwrap();
    assert!(why.contains("two roles"), "{why}");
    assert_eq!(found.calibration.len(), 2);
    assert!(found.net.is_some());
    let first = &found.segments[0];
    assert_eq!(
        (first.driver.as_str(), first.specialist.as_str()),
        ("small", "large")
    );
}

#[test]
fn standard_errors_allow_for_requests_of_one_task() {
    let (trace, router) = (trace(300, false), learned(TEN_CENTS, 1.0));
    let rows: Vec<usize> = (0..300).collect();
    let folds = [Fold {
        router: &router,
        rows,
    }];
    let found = folded(&trace, &folds, &options()).net.unwrap().over_fixed;
    assert_eq!(found.against, "small");
    // The router takes the large model for one of three, three cents more, at ten an answer.
    let score = |row: usize, model: usize| {
        let outcome = trace.outcomes(row).nth(model).unwrap();
        trace.outcome(outcome).score.unwrap()
    };
    let difference = |row: usize| match row % 3 {
        0 => 0.1 * (score(row, 1) - score(row, 0)) - 0.03,
        _ => 0.0,
    };
    let mean = (0..300).map(difference).sum::<f64>() / 300.0;
    assert!((found.mean - mean).abs() < 1e-12);
    let of = |hard: bool| -> f64 {
        let rows = (0..300).filter(|row| (row % 3 == 0) == hard);
        rows.map(|row| difference(row) - mean).sum()
    };
    let by_task = (2.0 * (of(true).powi(2) + of(false).powi(2))).sqrt() / 300.0;
    assert!((found.se_by_task.unwrap() - by_task).abs() < 1e-12);
    let squares: f64 = (0..300).map(|row| (difference(row) - mean).powi(2)).sum();
    let by_unit = (squares * 300.0 / 299.0).sqrt() / 300.0;
    assert!((found.se_by_unit.unwrap() - by_unit).abs() < 1e-12);
}
