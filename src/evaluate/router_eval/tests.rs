use super::*;
use crate::evaluate::drop_training_rows;
use crate::stats::uniform;
use crate::trace::{OutcomeRef, Row, Trace, TraceBuilder};
use weighbridge_router::{
    Choose, Endpoint, GroupFilter, Heads, LogLinear, Logistic, Parts, RequestRef, Step, Tag,
    Tokens, prompt_group,
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
        success: Logistic {
            weights: weights.to_vec(),
            bias: 0.0,
            platt: [1.0, 0.0],
        },
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
