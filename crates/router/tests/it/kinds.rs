//! The kinds of steps and heads in the router file: each survives it, and everything that can be
//! wrong in one is named with its place.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use weighbridge_router::{Error, ErrorKind, Parts, Router, Success};

use crate::file::{body_of, bytes_of, framed};
use crate::sample::{LEARNED, MIXED, every_kind};

fn floats(values: &[f32]) -> Value {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    STANDARD.encode(bytes).into()
}

/// The body of a file with every kind of step and head.
fn body() -> Value {
    serde_json::from_str(&body_of(&bytes_of(every_kind(LEARNED, 4, 3)))).unwrap()
}

/// What is said of a file whose body was changed at one place.
fn refused(pointer: &str, value: Value) -> Error {
    let mut body = body();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(items) => items[name.parse::<usize>().unwrap()] = value,
        None => parent[name] = value,
    }
    Router::from_bytes(&framed(&format!("{body}\n"))).unwrap_err()
}

#[track_caller]
fn check(kind: ErrorKind, cases: &[(&str, Value, &str)]) {
    for (pointer, value, says) in cases {
        let error = refused(pointer, value.clone());
        assert!(
            error.to_string().contains(says),
            "{pointer}: {error}\n{says}"
        );
        assert_eq!(error.kind(), kind, "{pointer}: {error}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn steps_and_heads_are_written_in_their_order_each_on_a_line() {
    let body = body();
    let kinds = |list: &str, name: &str| -> Vec<String> {
        let items = body[list].as_array().unwrap().iter();
        items
            .map(|item| item[name].as_str().unwrap().into())
            .collect()
    };
    let steps = [
        "surface/1",
        "embedding/1",
        "word_score/1",
        "words/1",
        "tag/1",
    ];
    assert_eq!(kinds("features", "step"), steps);
    let tokens = "log_linear/1";
    let heads = ["logistic/1", tokens, "trees/1", tokens, "mean/1", tokens];
    assert_eq!(kinds("heads", "kind"), heads);
    assert_eq!(body["heads"][4]["of"][1]["kind"], "trees/1");
    let text = body_of(&bytes_of(every_kind(LEARNED, 4, 3)));
    assert!(text.lines().any(|line| line.starts_with(
        r#"{"step":"word_score/1","ngrams":[1,2],"bits":4,"weight":0.8999999761581421,"idf":""#
    )));
    assert!(text.lines().any(|line| {
        line.starts_with(r#"{"model":"strong","predicts":"success","kind":"trees/1","bias":"#)
    }));
}

#[test]
fn golden_requests_have_embeddings_that_fit_and_one_that_does_not() {
    let body = body();
    let lengths: Vec<usize> = (body["golden"].as_array().unwrap().iter())
        .filter_map(|golden| golden["request"]["embedding"].as_array().map(Vec::len))
        .collect();
    assert!(lengths.contains(&3) && lengths.contains(&4), "{lengths:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_kind_survives_the_file(seed in any::<u64>(), bits in 4_u8..7, learned in any::<bool>()) {
        let parts = every_kind(if learned { LEARNED } else { MIXED }, bits, seed);
        let bytes = bytes_of(parts.clone());
        let router = Router::from_bytes(&bytes).unwrap();
        prop_assert_eq!(router.parts(), &parts);
        prop_assert_eq!(router.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn any_numbers_in_a_tree_are_refused_or_decide(
        numbers in prop::collection::vec(prop_oneof![-9_i64..9, any::<i64>()], 4),
        which in any::<prop::sample::Index>(),
        field in prop::sample::select(&["splits", "column", "low", "high"][..]),
    ) {
        let mut body = body();
        let list = body["heads"][2][field].as_array_mut().unwrap();
        for (i, number) in numbers.into_iter().enumerate() {
            let at = (which.index(list.len()) + i) % list.len();
            list[at] = number.into();
        }
        // The golden requests of a file that is accepted were walked through its trees.
        drop(Router::from_bytes(&framed(&format!("{body}\n"))));
    }
}

#[test]
fn extreme_coefficients_decide_without_a_number_that_is_none() {
    let mut parts = every_kind(LEARNED, 4, 5);
    for heads in &mut parts.heads {
        if let Success::Mean(mean) = &mut heads.success {
            mean.platt = [-1e6, 1e6];
            for head in &mut mean.of {
                *head = head.clone().with_platt([1e6, -1e6]);
            }
        }
    }
    let router = Router::from_bytes(&bytes_of(parts)).unwrap();
    let explained = router.explain(&weighbridge_router::RequestRef {
        prompt: Some("Prove it"),
        embedding: Some(&[f32::MAX, f32::MIN, 0.0]),
        ..Default::default()
    });
    for endpoint in explained.endpoints {
        let known = [endpoint.cost_usd, endpoint.net_usd];
        assert!(known.into_iter().flatten().all(f64::is_finite));
    }
    for feature in explained.features {
        assert!(feature.logits.iter().all(|logit| logit.is_finite()));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_wrong_in_a_step_is_named_with_its_place() {
    let (small, nan) = (floats(&[0.0; 15]), floats(&[f32::NAN; 16]));
    let negative = floats(&[-1.0; 16]);
    check(
        ErrorKind::Value,
        &[
            (
                "/features/1/mean",
                floats(&[0.0; 4]),
                "features[1].scale: 3 values where embedding/1 has 4",
            ),
            (
                "/features/1/mean",
                floats(&[]),
                "features[1].mean: an embedding of 0 numbers",
            ),
            (
                "/features/1/scale",
                floats(&[-1.0; 3]),
                "features[1].scale: value 0 is -1",
            ),
            (
                "/features/1/weight",
                json!(1e7),
                "features[1].weight: 10000000 is not",
            ),
            (
                "/features/1/weight",
                Value::Null,
                "features[1].weight: this field is missing",
            ),
            (
                "/features/2/ngrams",
                json!([1]),
                "features[2].ngrams: must be [1,2], not [1]",
            ),
            (
                "/features/2/bits",
                json!(3),
                "features[2].bits: 3 is not from 4 to 18",
            ),
            (
                "/features/2/bits",
                json!(300),
                "features[2].bits: must be at most 255",
            ),
            (
                "/features/2/bits",
                json!(5),
                "features[2].idf: 16 values where 5 bits make 32",
            ),
            (
                "/features/2/idf",
                small.clone(),
                "features[2].idf: 15 values",
            ),
            (
                "/features/2/idf",
                negative,
                "features[2].idf: value 0 is -1",
            ),
            (
                "/features/2/weight",
                json!(-0.5),
                "features[2].weight: -0.5 is not",
            ),
            (
                "/features/2/scores",
                json!([]),
                "features[2].scores: 0 scores; there are 1 to 256",
            ),
            (
                "/features/2/scores",
                Value::Null,
                "features[2].scores: 0 scores",
            ),
            (
                "/features/2/scores/1/model",
                json!("strong"),
                "features[2].scores[1]: `strong` stands twice",
            ),
            (
                "/features/2/scores/1/model",
                json!(1),
                "features[2].scores[1].model: must be a text",
            ),
            (
                "/features/2/scores/0/bias",
                json!(1e7),
                "features[2].scores[0].bias: 10000000 is not",
            ),
            (
                "/features/2/scores/0/mean",
                json!(1e39),
                "features[2].scores[0].mean: must be a finite 32-bit",
            ),
            (
                "/features/2/scores/0/mean",
                json!(-1e7),
                "features[2].scores[0].mean: -10000000 is not",
            ),
            (
                "/features/2/scores/0/scale",
                json!(-1),
                "features[2].scores[0].scale: -1 is not",
            ),
            (
                "/features/2/scores/0/weights",
                small,
                "features[2].scores[0].weights: 15 values where there are 16",
            ),
            (
                "/features/2/scores/2/weights",
                nan,
                "features[2].scores[2].weights: number 0 of 16 is not finite",
            ),
            (
                "/features/2/scores/2/weights",
                floats(&[2e6; 16]),
                "features[2].scores[2].weights[0]: 2000000 is not",
            ),
        ],
    );
    check(
        ErrorKind::Version,
        &[
            (
                "/features/1/step",
                json!("embedding/2"),
                "features[1].step: `embedding/2` is not known here",
            ),
            (
                "/features/1/model",
                json!("bge"),
                "features[1].model: unknown field",
            ),
            (
                "/features/2/step",
                json!("word_score/2"),
                "features[2].step: `word_score/2` is not known",
            ),
            (
                "/features/2/sign",
                json!(true),
                "features[2].sign: unknown field",
            ),
            (
                "/features/2/scores/1/platt",
                json!([1, 0]),
                "features[2].scores[1].platt: unknown field",
            ),
        ],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_wrong_in_trees_is_named_with_its_place() {
    check(
        ErrorKind::Value,
        &[
            (
                "/heads/2/bias",
                json!(1e7),
                "heads.strong.success.bias: 10000000 is not",
            ),
            (
                "/heads/2/platt",
                json!([1]),
                "heads[2].platt: must be 2 numbers, not 1",
            ),
            (
                "/heads/2/platt",
                json!([1, 2e6]),
                "heads.strong.success.platt: 2000000 is not",
            ),
            (
                "/heads/2/splits/0",
                json!(-1),
                "heads[2].splits[0]: must be a whole number from 0",
            ),
            (
                "/heads/2/splits/0",
                json!(4_294_967_294_u32),
                "heads[2].column: 84 values where the trees have 4294967378",
            ),
            (
                "/heads/2/splits",
                json!(vec![0; 1001]),
                "heads[2].column: 84 values where the trees have 0",
            ),
            (
                "/heads/2/column/0",
                json!(65),
                "heads.strong.success.tree[1].split[0]: column 65 where the features have 65",
            ),
            (
                "/heads/2/column/0",
                json!(-1),
                "heads[2].column[0]: must be a whole number from 0",
            ),
            (
                "/heads/2/at_most",
                floats(&[0.0; 83]),
                "heads[2].at_most: 83 values where the trees have 84",
            ),
            (
                "/heads/2/at_most",
                floats(&[f32::INFINITY; 84]),
                "heads[2].at_most: number 0 of 84 is not finite",
            ),
            (
                "/heads/2/leaves",
                floats(&[0.0; 84]),
                "heads[2].leaves: 84 values where the trees have 108",
            ),
            (
                "/heads/2/leaves",
                floats(&[2e6; 108]),
                "heads.strong.success.tree[0].leaves[0]: 2000000 is not",
            ),
            (
                "/heads/2/low",
                json!([]),
                "heads[2].low: 0 values where the trees have 84",
            ),
            (
                "/heads/2/low/0",
                json!(1.5),
                "heads[2].low[0]: must be a whole number of 32 bits, not 1.5",
            ),
            (
                "/heads/2/low/0",
                json!(3_000_000_000_u32),
                "heads[2].low[0]: must be a whole number of 32 bits",
            ),
            (
                "/heads/2/low/0",
                json!(0),
                "heads.strong.success.tree[1].split[0]: 0 is neither",
            ),
            (
                "/heads/2/high/0",
                json!(-3),
                "heads.strong.success.tree[1].split[0]: -3 is neither",
            ),
            (
                "/heads/2/high/0",
                json!(i32::MIN),
                "heads.strong.success.tree[1].split[0]: -2147483648 is neither",
            ),
        ],
    );
    check(
        ErrorKind::Version,
        &[
            (
                "/heads/2/kind",
                json!("trees/2"),
                "heads[2].kind: `trees/2` is not known here",
            ),
            (
                "/heads/2/default_low",
                json!([]),
                "heads[2].default_low: unknown field",
            ),
            (
                "/heads/2/weights",
                floats(&[]),
                "heads[2].weights: unknown field",
            ),
            (
                "/heads/3/kind",
                json!("trees/1"),
                "heads[3].kind: `trees/1` is not known here",
            ),
        ],
    );
}

#[test]
fn what_is_wrong_in_a_mean_is_named_with_its_place() {
    let of = "/heads/4/of";
    let member = |at: usize| body().pointer(&format!("{of}/{at}")).unwrap().clone();
    let nested = json!({"kind": "mean/1", "platt": [1, 0], "of": [member(0)]});
    check(
        ErrorKind::Value,
        &[
            (
                of,
                json!([]),
                "heads.third.success.of: a mean is taken of 1 to 8 heads, not 0",
            ),
            (
                of,
                json!(vec![member(0); 9]),
                "heads.third.success.of: a mean is taken of 1 to 8 heads, not 9",
            ),
            (of, json!([nested]), "heads[4].of[0].kind: a mean of means"),
            (
                "/heads/4/platt",
                Value::Null,
                "heads[4].platt: this field is missing",
            ),
            (
                "/heads/4/of/0/weights",
                floats(&[0.0; 64]),
                "heads.third.success.of[0].weights: 64 weights where the features have 65",
            ),
            (
                "/heads/4/of/1/high/0",
                json!(7),
                "heads.third.success.of[1].tree[1].split[0]: 7 is neither",
            ),
            (
                "/heads/4/of/1/kind",
                Value::Null,
                "heads[4].of[1].kind: this field is missing",
            ),
        ],
    );
    check(
        ErrorKind::Version,
        &[
            (
                "/heads/4/weights",
                floats(&[]),
                "heads[4].weights: unknown field",
            ),
            (
                "/heads/4/of/1/model",
                json!("third"),
                "heads[4].of[1].model: unknown field",
            ),
            (
                "/heads/4/of/1/kind",
                json!("forest/1"),
                "heads[4].of[1].kind: `forest/1` is not known here",
            ),
        ],
    );
}

#[test]
fn another_prediction_of_any_kind_of_head_is_noticed() {
    for pointer in [
        "/heads/0/bias",
        "/heads/2/bias",
        "/heads/4/of/0/bias",
        "/heads/4/of/1/bias",
        "/features/2/scores/0/bias",
    ] {
        let bias = body().pointer(pointer).unwrap().as_f64().unwrap();
        let error = refused(pointer, json!(bias + 1e-3));
        assert_eq!(error.kind(), ErrorKind::Golden, "{pointer}: {error}");
    }
}

#[test]
fn a_router_without_the_columns_that_a_tree_asks_for_is_refused() {
    let mut parts: Parts = every_kind(LEARNED, 4, 3);
    parts.steps.truncate(1);
    let error = Router::try_new(parts).unwrap_err();
    assert!(error.path().starts_with("heads."), "{error}");
}
