//! What is asked and what is answered.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weighbridge_router::{Request, Router, Timestamp};

use super::{DRIVER, Running, SPECIALIST, learned, mixture, router, rules};

/// What the router itself says, in the shape of the answer.
pub(super) fn expected(router: &Router, request: &Request) -> Value {
    let decision = router.decide(&request.as_ref());
    let choice: Value = decision
        .masses()
        .iter()
        .map(|(index, share)| (router.endpoint(*index).id.clone(), json!(share.0)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut scratch = weighbridge_router::Scratch::default();
    let predictions: Vec<Value> = router
        .predict(&request.as_ref(), &mut scratch)
        .iter()
        .zip(router.heads())
        .map(|(predicted, heads)| {
            json!({ "model": heads.model, "success": predicted.success.get(), "output_tokens": predicted.output_tokens })
        })
        .collect();
    json!({
        "choice": choice, "unanswered_ppm": decision.unanswered().0,
        "fell_back_ppm": decision.fell_back().0, "predictions": predictions,
    })
}

#[test]
fn every_router_decides_over_http_as_it_decides_itself() {
    let requests = [
        r#"{}"#,
        r#"{"prompt":"prove it","task":"math"}"#,
        r#"{"prompt":"hello","task":"chat","at":"2025-12-02T09:14:03Z","mood":"unknown to policies"}"#,
        r#"{"prompt":"call it","task":"math","needs":["tools"]}"#,
        r#"{"prompt":"h\u00e9llo \"quoted\"","task":"mixed","value_usd":0.5}"#,
        r#"{"prompt":"look","needs":["vision"]}"#,
    ];
    for router in [
        router(r#"{"kind":"always","to":"specialist@x"}"#),
        mixture(),
        rules(),
        learned(),
    ] {
        let server = Running::start(router.clone());
        let mut client = server.client();
        for (i, text) in requests.iter().enumerate() {
            let body = format!(r#"{{"id":"r-{i}","request":{text}}}"#);
            let reply = client.post("/v1/route", body.as_bytes());
            assert_eq!(reply.status, 200, "{text}");
            let expected = expected(&router, &Request::from_json(text).unwrap());
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&reply.body[name], value, "{name} of {text}");
            }
            assert_eq!(reply.body["id"], format!("r-{i}"));
            let share = match reply.body["endpoint"].as_str() {
                Some(endpoint) => expected["choice"][endpoint].as_f64().unwrap(),
                None => expected["unanswered_ppm"].as_f64().unwrap(),
            };
            assert!(share > 0.0, "{text}");
            assert_eq!(reply.body["propensity"], share / 1e6);
        }
    }
}

#[test]
fn a_learned_choice_is_no_constant_and_shows_its_predictions() {
    let server = Running::start(learned());
    let math = server.route(r#"{"request":{"prompt":"x","task":"math"}}"#);
    let chat = server.route(r#"{"request":{"prompt":"x","task":"chat"}}"#);
    assert_eq!(math.body["endpoint"], SPECIALIST);
    assert_eq!(chat.body["endpoint"], DRIVER);
    assert_eq!(math.body["predictions"].as_array().unwrap().len(), 2);
}

#[test]
fn a_mixture_is_drawn_by_the_id_in_its_shares() {
    let server = Running::start(mixture());
    let mut client = server.client();
    let mut draw = |id: usize| {
        let body = format!(r#"{{"id":"r-{id}","request":{{}}}}"#);
        client.post("/v1/route", body.as_bytes()).body
    };
    let first: Vec<Value> = (0..4000).map(&mut draw).collect();
    let specialist = first.iter().filter(|a| a["endpoint"] == SPECIALIST).count();
    // Four standard deviations around a quarter.
    assert!((890..=1110).contains(&specialist), "{specialist}");
    for (id, answer) in first.iter().enumerate().take(50) {
        assert_eq!(&draw(id), answer);
    }
}

#[test]
fn what_no_endpoint_admits_is_answered_without_one() {
    let server = Running::start(mixture());
    let reply = server.route(r#"{"request":{"needs":["vision"]}}"#);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["endpoint"], Value::Null);
    assert_eq!(reply.body["propensity"], 1.0);
    assert_eq!(reply.body["unanswered_ppm"], 1_000_000);
    assert_eq!(reply.body["choice"], json!({}));
}

#[test]
fn a_share_that_nobody_takes_is_drawn_like_any_other() {
    let server = Running::start(mixture());
    let ask = |id: &str| {
        let body = format!(r#"{{"id":"{id}","request":{{"needs":["tools"]}}}}"#);
        let answer = server.route(&body).body;
        assert_eq!(answer["choice"], json!({ DRIVER: 750_000 }));
        assert_eq!(answer["unanswered_ppm"], 250_000);
        (answer["endpoint"].clone(), answer["propensity"].clone())
    };
    // The ids draw 688257 and 938487 of a million.
    assert_eq!(ask("r-0"), (json!(DRIVER), json!(0.75)));
    assert_eq!(ask("r-6"), (Value::Null, json!(0.25)));
}

#[test]
fn a_request_without_a_time_arrives_now() {
    let mut parts = router(r#"{"kind":"always","to":"driver@x"}"#)
        .parts()
        .clone();
    parts.endpoints[0].until = Some(Timestamp::parse("2025-12-15T15:59:00Z").unwrap());
    parts.fallback = vec![SPECIALIST.into()];
    let server = Running::start(Router::try_new(parts).unwrap());
    let now = server.route(r#"{"request":{}}"#);
    assert_eq!(now.body["endpoint"], SPECIALIST);
    assert_eq!(now.body["fell_back_ppm"], 1_000_000);
    let then = server.route(r#"{"request":{"at":"2025-12-02"}}"#);
    assert_eq!(then.body["endpoint"], DRIVER);
}

#[test]
fn requests_without_an_id_get_one_each() {
    let server = Running::start(mixture());
    let mut client = server.client();
    let ids: BTreeSet<String> = (0..20)
        .map(|_| {
            let reply = client.post("/v1/route", br#"{"id":null,"request":{}}"#);
            reply.body["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn what_is_wrong_with_a_body_is_said_with_its_field() {
    let server = Running::start(mixture());
    for (body, field, says) in [
        ("", None, "the body is not valid JSON: EOF while parsing"),
        ("{\"request\":{", None, "the body is not valid JSON: EOF"),
        ("{\"request\":{}} x", None, "trailing characters"),
        ("[1]", None, "expected an object like {\"request\""),
        ("{}", Some("request"), "this field is missing"),
        (
            r#"{"reqest":{}}"#,
            Some("reqest"),
            "unknown field; known here: request, id",
        ),
        (
            r#"{"request":{},"request":{}}"#,
            Some("request"),
            "this field stands twice",
        ),
        (
            r#"{"request":[]}"#,
            Some("request"),
            "must be an object, not []",
        ),
        (r#"{"request":{},"id":7}"#, Some("id"), "must be a text"),
        (
            r#"{"request":{"input_tokens":-1}}"#,
            Some("request.input_tokens"),
            "must be a whole number from 0 to 4294967295, not -1",
        ),
        (
            r#"{"request":{"needs":["tools",1]}}"#,
            Some("request.needs[1]"),
            "must be a text, not 1",
        ),
        (
            r#"{"request":{"value_usd":NaN}}"#,
            None,
            "the body is not valid JSON",
        ),
    ] {
        let reply = server.route(body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.head.contains("content-type: application/json"));
        let error = &reply.body["error"];
        assert_eq!(error["param"].as_str(), field, "{body}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(says), "{body}: {message}");
        if field.is_some() {
            assert!(message.starts_with(says), "{body}: {message}");
        }
    }
    let reply = server.client().post("/v1/route", b"{\"id\":\"\xff\"}");
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.body["error"]["message"],
        "the body is not UTF-8 from byte 7"
    );
    // A body nested without end neither overflows a stack nor ends the server.
    let deep = format!(r#"{{"request":{{"x":{}}}}}"#, "[".repeat(1_000_000));
    assert_eq!(server.route(&deep).status, 400);
    assert_eq!(server.route(r#"{"request":{}}"#).status, 200);
}

#[test]
fn a_prompt_of_five_megabytes_is_decided() {
    let server = Running::start(rules());
    let body = json!({ "request": { "prompt": "word ".repeat(1_000_000), "task": "math" } });
    assert_eq!(server.route(&body.to_string()).body["endpoint"], SPECIALIST);
}

#[test]
fn health_unknown_paths_and_wrong_methods_are_told_apart() {
    let server = Running::start(mixture());
    let mut client = server.client();
    for (ask, status, says) in [
        ("GET /healthz", 200, "{\"status\":\"ok\"}"),
        ("GET /v1/route", 405, "/v1/route does not take GET"),
        ("DELETE /healthz", 405, "/healthz does not take DELETE"),
        ("GET /", 404, "there is nothing at /;"),
        ("POST /v1/rout", 404, "there is nothing at /v1/rout;"),
    ] {
        client.send(
            &format!("{ask} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"),
            b"",
        );
        let reply = client.read();
        assert_eq!(reply.status, status, "{ask}");
        assert!(reply.body.to_string().contains(says), "{}", reply.body);
        assert_eq!(reply.head.contains("\r\nallow: "), status == 405);
    }
}
