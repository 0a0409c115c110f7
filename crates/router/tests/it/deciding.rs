//! What every decision holds to.

use proptest::prelude::*;
use weighbridge_router::{
    Decision, Ineligible, Millis, Ppm, Request, RequestRef, Router, Scratch, Step, Success, Tokens,
    Usd, decision_line,
};

use crate::sample::{LEARNED, MIXED, every_kind, parts};

/// Every kind of step and head for odd seeds.
fn router(choose: &str, seed: u64) -> Router {
    let parts = if seed.is_multiple_of(2) {
        parts
    } else {
        every_kind
    };
    Router::try_new(parts(choose, 6, seed)).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\n]{0,80}",
        "\\PC{0,30}",
        Just("Prove that 2 + 2 = 4".to_owned()),
        Just("Which?\nA. one\nB. two\n".to_owned()),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let word = |words: &'static [&'static str]| {
        prop::option::of(prop::sample::select(words).prop_map(str::to_owned))
    };
    (
        (
            prop::option::of(text()),
            word(&["math", "code", "other"]),
            word(&["api", "app"]),
            word(&["eu", "mars"]),
        ),
        prop::collection::vec(
            prop::sample::select(&["tools", "vision", "audio"][..]).prop_map(str::to_owned),
            0..3,
        ),
        prop::option::of(0u32..300_000),
        prop::option::of(0i64..10_000_000),
        prop::option::of(0u32..100_000),
        prop::option::of(1_764_000_000_000i64..1_767_000_000_000),
        prop::option::of(prop::collection::vec(-3_f32..3.0, 2..5)),
    )
        .prop_map(
            |((prompt, task, channel, region), needs, tokens, value, deadline, at, embedding)| {
                Request {
                    at: at.map(weighbridge_router::Timestamp::from_millis),
                    prompt,
                    task,
                    channel,
                    region,
                    needs,
                    input_tokens: tokens.map(Tokens),
                    value_usd: value.map(|micros| Usd::from_picos(micros * 1_000_000)),
                    deadline_ms: deadline.map(Millis),
                    embedding,
                    ..Request::default()
                }
            },
        )
}

fn ids(router: &Router, decision: &Decision) -> Vec<String> {
    let masses = decision.masses().iter();
    masses
        .map(|(index, _)| router.endpoint(*index).id.clone())
        .collect()
}

proptest! {
    #[test]
    fn shares_are_whole_and_every_endpoint_is_eligible(request in request(), seed in 0u64..4) {
        let router = router(MIXED, seed);
        let decision = router.decide(&request.as_ref());
        let total: u32 = decision.masses().iter().map(|(_, Ppm(share))| share).sum();
        prop_assert_eq!(total + decision.unanswered().0, 1_000_000);
        prop_assert!(decision.unanswered() <= decision.fell_back());
        for (index, _) in decision.masses() {
            prop_assert_eq!(router.endpoint(*index).admits(&request.as_ref()), Ok(()));
        }
    }

    #[test]
    fn who_needs_tools_never_reaches_an_endpoint_without_them(request in request(), seed in 0u64..4) {
        for choose in [MIXED, LEARNED, r#"{"kind":"always","to":"strong"}"#] {
            let router = router(choose, seed);
            let request = Request { needs: vec!["tools".into()], ..request.clone() };
            for id in ids(&router, &router.decide(&request.as_ref())) {
                prop_assert!(id == "plain@maker" || id == "seen", "{}", id);
            }
        }
    }

    #[test]
    fn without_a_stake_the_cheapest_eligible_is_chosen(request in request(), seed in 0u64..4) {
        let router = router(LEARNED, seed);
        let request = Request {
            value_usd: Some(Usd::ZERO), prompt: Some(request.prompt.clone().unwrap_or_default()), ..request
        };
        let explained = router.explain(&request.as_ref());
        let costs = explained.endpoints.iter().filter(|one| one.net_usd.is_some());
        let cheapest = costs.min_by(|a, b| a.cost_usd.partial_cmp(&b.cost_usd).unwrap());
        if let Some(cheapest) = cheapest {
            prop_assert_eq!(explained.decision.masses(), [(cheapest.endpoint, Ppm::ONE)]);
        }
    }

    #[test]
    fn an_explanation_agrees_with_the_decision(request in request(), seed in 0u64..4) {
        let router = router(LEARNED, seed);
        let explained = router.explain(&request.as_ref());
        prop_assert_eq!(&explained.decision, &router.decide(&request.as_ref()));
        let net = |one: &weighbridge_router::EndpointExplanation| one.net_usd;
        let best = explained.endpoints.iter().filter_map(net).fold(f64::NEG_INFINITY, f64::max);
        if let (Some(margin), [(index, _)]) = (explained.margin_usd, explained.decision.masses()) {
            prop_assert!(margin >= 0.0);
            prop_assert_eq!(explained.endpoints[usize::from(index.0)].net_usd, Some(best));
        }
    }
}

#[test]
fn with_equal_predictions_the_cheaper_is_chosen() {
    let mut parts = parts(LEARNED, 4, 3);
    let first = parts.heads[0].clone();
    parts.heads[1].success = first.success;
    parts.heads[1].output_tokens = first.output_tokens;
    parts.endpoints[0].prices[0].rates.output = Usd::from_picos(1_300_000);
    let router = Router::try_new(parts).unwrap();
    let request = Request {
        prompt: Some("Prove it.".into()),
        ..Request::default()
    };
    let decision = router.decide(&request.as_ref());
    // The maker's own endpoint is the cheapest of the three in output.
    assert_eq!(ids(&router, &decision), ["strong@maker"]);
}

#[test]
fn without_a_prompt_a_learned_choice_takes_the_fallback() {
    let router = router(LEARNED, 1);
    let request = RequestRef::default();
    let decision = router.decide(&request);
    assert_eq!(ids(&router, &decision), ["plain@maker"]);
    assert_eq!(decision.fell_back(), Ppm::ONE);
    let explained = router.explain(&request);
    assert_eq!(
        explained.endpoints[0].ineligible,
        Some(Ineligible::Unpredictable)
    );
    assert_eq!(explained.features, []);
}

#[test]
fn an_explanation_names_the_branch_and_the_strongest_features() {
    let mut parts = parts(MIXED, 6, 1);
    let Success::Logistic(head) = &mut parts.heads[0].success else {
        panic!("a linear head");
    };
    let columns = head.weights.len();
    head.weights[columns - 2] = 50.0;
    let router = Router::try_new(parts).unwrap();
    let rule = Request {
        prompt: Some("Prove that it holds".into()),
        task: Some("math".into()),
        ..Request::default()
    };
    let path = router.explain(&rule.as_ref()).path;
    assert!(path[0].starts_with("rule 2 holds: {\"all\""), "{path:?}");
    assert_eq!(path[1], "always strong@maker, else strong@reseller");

    let learned = Request {
        prompt: Some("a unicorn in a garden".into()),
        task: Some("code".into()),
        ..Request::default()
    };
    let explained = router.explain(&learned.as_ref());
    assert_eq!(
        explained.path,
        ["no rule holds", "the greatest predicted net value"]
    );
    let names: Vec<&str> = explained
        .features
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert!(names[0] == "task=code", "{names:?}");
    assert!(names.iter().any(|name| name.starts_with('"')), "{names:?}");
    let sizes: Vec<f64> = explained
        .features
        .iter()
        .map(|one| one.difference.unwrap().abs())
        .collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b));
    for one in &explained.features {
        let (a, b) = explained.compared.unwrap();
        assert_eq!(one.difference, Some(one.logits[a] - one.logits[b]));
    }
}

#[test]
fn an_explanation_tells_which_words_moved_a_score() {
    let mut parts = every_kind(LEARNED, 14, 2);
    let Step::WordScores(scores) = &mut parts.steps[2] else {
        panic!("word scores");
    };
    assert_eq!(scores.scores[1].model, "plain");
    scores.scores[1].scale = 3.0;
    let Success::Logistic(head) = &mut parts.heads[0].success else {
        panic!("a linear head");
    };
    // Surface features and the embedding stand before it, and one score.
    head.weights[40 + 3 + 1] = 90.0;
    let router = Router::try_new(parts).unwrap();
    let request = Request {
        prompt: Some("a unicorn".into()),
        needs: vec!["tools".into()],
        ..Request::default()
    };
    let explained = router.explain(&request.as_ref());
    let (best, _) = explained.compared.unwrap();
    assert_eq!(router.heads()[best].model, "plain", "it alone has tools");
    let name = &explained.features[0].name;
    let words = name.strip_prefix("words for plain: ").unwrap();
    let mut words: Vec<&str> = words.split(", ").collect();
    words.sort_unstable();
    assert_eq!(words, ["\"a unicorn\"", "\"a\"", "\"unicorn\""]);
    assert_eq!(explained.features[0].logits.len(), 3);
    for feature in &explained.features {
        assert!(
            feature.logits.iter().all(|logit| logit.is_finite()),
            "{feature:?}"
        );
    }
}

#[test]
fn a_decision_line_has_the_documented_shape() {
    let choose = r#"{"kind":"random","weights":{"seen":0.25,"plain":0.75}}"#;
    let router = router(choose, 1);
    let mut scratch = Scratch::default();
    assert_eq!(
        decision_line(&router, "r \"1\"", &RequestRef::default(), &mut scratch),
        r#"{"id":"r \"1\"","choice":{"plain@maker":750000,"seen":250000},"unanswered_ppm":0,"fell_back_ppm":0,"predictions":[]}"#
    );
    let request = Request {
        prompt: Some("hi".into()),
        ..Request::default()
    };
    let line = decision_line(&router, "2", &request.as_ref(), &mut scratch);
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["predictions"][1]["model"], "strong");
    let predicted = router.predict(&request.as_ref(), &mut scratch)[1];
    assert_eq!(value["predictions"][1]["success"], predicted.success.get());
}
