//! What is asked and what is answered.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weighbridge_router::{Choose, Endpoint, Parts, Request, Router, Timestamp};

use super::{DRIVER, Running, SPECIALIST, endpoint, learned, mixture, router, rules};

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
        ("", None, "the body is empty; send {\"request\": {...}}"),
        ("{\"request\":{", None, "the body is not valid JSON: EOF"),
        ("{\"request\":{}} x", None, "trailing characters"),
        ("[1]", None, "expected an object like {\"request\""),
        (
            "{}",
            Some("request"),
            "this field is missing; a chat body has",
        ),
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
            "must be a whole number from 0 to 4294967294, not -1",
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
        ("POST /readyz", 405, "/readyz does not take POST"),
        ("DELETE /healthz", 405, "/healthz does not take DELETE"),
        ("GET /", 404, "there is nothing at /;"),
        ("POST /v1/rout", 404, "there is nothing at /v1/rout;"),
    ] {
        client.send(
            &format!("{ask} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"),
            b"",
        );
        let reply = client.read();
        assert_eq!(reply.status, status, "{ask}");
        assert!(reply.body.to_string().contains(says), "{}", reply.body);
        assert_eq!(reply.head.contains("\r\nallow: "), status == 405);
    }
}

#[test]
fn a_chat_body_is_decided_as_the_request_that_it_is() {
    let router = rules();
    let server = Running::start(router.clone());
    let mut client = server.client();
    for (metadata, tools) in [
        ("{}", "[]"),
        (r#"{"task":"math"}"#, "[]"),
        (r#"{"task":"math"}"#, "[{}]"),
    ] {
        let body = format!(
            r#"{{"model":"auto","stream":true,"messages":[{{"role":"user","content":"Prove it"}}],"metadata":{metadata},"tools":{tools}}}"#
        );
        let expected = expected(&router, &Request::from_chat(&body).unwrap());
        // As Envoy's ext_authz calls it, and as a script does.
        for path in ["/v1/route/v1/chat/completions", "/v1/route"] {
            let reply = client.post(path, body.as_bytes());
            assert_eq!(reply.status, 200, "{}", reply.body);
            assert_eq!(reply.body["choice"], expected["choice"], "{body}");
        }
    }
    let wrong = client.post(
        "/v1/route",
        br#"{"messages":[{"role":"user","content":7}]}"#,
    );
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.body["error"]["param"], "messages[0].content");
}

#[test]
fn a_gateway_is_told_where_the_proxy_would_send_a_named_model() {
    const CHAT: &str = "/v1/route/v1/chat/completions";
    let of_model = |id: &str, can: &[&str]| Endpoint {
        model: "m".into(),
        can: can.iter().map(|&ability| ability.into()).collect(),
        ..endpoint(id)
    };
    let router = Router::try_new(Parts {
        endpoints: vec![
            of_model("m@x", &[]),
            of_model("m@y", &["tools"]),
            endpoint(SPECIALIST),
        ],
        roles: [("specialist".to_owned(), SPECIALIST.to_owned())].into(),
        choose: Some(Choose::Always("m".into())),
        ..Parts::default()
    });
    let server = Running::start(router.unwrap());
    let mut client = server.client();
    let mut ask = |path: &str, model: &str, more: &str| {
        let body =
            format!(r#"{{"model":{model},"messages":[{{"role":"user","content":"Hi"}}]{more}}}"#);
        client.post(path, body.as_bytes())
    };
    const TOOLS: &str = r#","tools":[{}]"#;
    for (model, more, to) in [
        (r#""m""#, "", "m@x"),
        (r#""m""#, TOOLS, "m@y"),
        (r#""m@x""#, TOOLS, "m@x"),
        (r#""specialist""#, "", SPECIALIST),
        (r#""specialist@x""#, "", SPECIALIST),
        (r#""auto""#, TOOLS, "m@y"),
    ] {
        let reply = ask(CHAT, model, more);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["endpoint"], to, "{model} {more}");
        let line = format!("\r\nx-weighbridge-endpoint: {to}\r\n");
        assert!(reply.head.contains(&line), "{}", reply.head);
        let decided = reply.head.contains("x-weighbridge-propensity");
        assert_eq!(decided, model == r#""auto""#, "{}", reply.head);
        // Whoever asks where a request goes is told, whatever model it names.
        let asked = ask("/v1/route", model, more);
        assert!(asked.head.contains("x-weighbridge-propensity"), "{model}");
    }
    for (model, more, status, param) in [
        (r#""other""#, "", 404, "model"),
        ("7", "", 400, "model"),
        (r#""m""#, r#","max_tokens":-1"#, 400, "max_tokens"),
        (
            r#""m""#,
            r#","metadata":{"value_usd":-1}"#,
            400,
            "metadata.value_usd",
        ),
        (r#""auto""#, r#","stream":"yes""#, 400, "stream"),
    ] {
        let reply = ask(CHAT, model, more);
        assert_eq!(reply.status, status, "{}", reply.body);
        assert_eq!(reply.body["error"]["param"], param, "{}", reply.body);
    }
}

#[test]
fn the_answer_stands_in_its_headers_too() {
    let server = Running::start(mixture());
    let mut client = server.client();
    for id in ["r-0", "r-1", "r-2", "r-3"] {
        let reply = client.post(
            "/v1/route",
            format!(r#"{{"id":"{id}","request":{{}}}}"#).as_bytes(),
        );
        let text = |name: &str| reply.body[name].as_str().unwrap().to_owned();
        for (header, value) in [
            ("x-request-id", id.to_owned()),
            ("x-weighbridge-endpoint", text("endpoint")),
            ("x-weighbridge-model", text("model")),
            ("x-weighbridge-policy", "main".to_owned()),
            (
                "x-weighbridge-propensity",
                reply.body["propensity"].to_string(),
            ),
        ] {
            let line = format!("\r\n{header}: {value}\r\n");
            assert!(reply.head.contains(&line), "{line} in {}", reply.head);
        }
        assert!(!reply.head.contains("unanswered"));
    }
    let nobody = client.post("/v1/route", br#"{"request":{"needs":["vision"]}}"#);
    assert!(nobody.head.contains("\r\nx-weighbridge-unanswered: 1\r\n"));
    assert!(!nobody.head.contains("x-weighbridge-endpoint"));
    assert_eq!(nobody.body["model"], Value::Null);
}

#[test]
fn every_method_and_suffix_is_decided() {
    let server = Running::start(mixture());
    let mut client = server.client();
    let mut ask = |line: &str, header: &str, body: &str| {
        let head = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\n{header}content-length: {}\r\n\r\n",
            body.len()
        );
        client.send(&head, body.as_bytes());
        client.read()
    };
    let body = r#"{"id":"r-0","request":{}}"#;
    for line in [
        "PUT /v1/route",
        "POST /v1/route/",
        "PATCH /v1/route/v1/chat/completions?x=1",
        "POST /v1/route//x",
    ] {
        for header in [
            "",
            "content-type: text/plain\r\n",
            "content-type: application/x-www-form-urlencoded\r\n",
        ] {
            let reply = ask(line, header, body);
            assert_eq!(reply.body["endpoint"], DRIVER, "{line} {header}");
        }
    }
    // A gateway asks about a request without a body: nothing is known of it.
    assert_eq!(ask("GET /v1/route/v1/models", "", "").status, 200);
    assert_eq!(ask("GET /v1/route", "", "").status, 400);
    assert_eq!(ask("POST /v1/router", "", body).status, 404);
}

#[test]
fn the_header_of_an_id_draws() {
    let server = Running::start(mixture());
    let mut client = server.client();
    let mut seen = BTreeSet::new();
    for i in 0..40 {
        let head = format!(
            "POST /v1/route HTTP/1.1\r\nhost: localhost\r\nx-request-id: r-{i}\r\ncontent-length: 14\r\n\r\n"
        );
        client.send(&head, br#"{"request":{}}"#);
        let by_header = client.read().body;
        let by_body = client.post(
            "/v1/route",
            format!(r#"{{"id":"r-{i}","request":{{}}}}"#).as_bytes(),
        );
        assert_eq!(by_header, by_body.body);
        seen.insert(by_header["endpoint"].to_string());
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_batch_is_decided_as_its_requests_alone() {
    let server = Running::start(rules());
    let mut client = server.client();
    let items = [
        r#"{"id":"a","request":{"task":"math"}}"#,
        r#"{"id":"b","request":{"task":"mixed"}}"#,
        r#"{"id":"c","request":{}}"#,
    ];
    let alone: Vec<Value> = items
        .iter()
        .map(|item| client.post("/v1/route", item.as_bytes()).body)
        .collect();
    let batch = client.post(
        "/v1/route",
        format!(r#"{{"requests":[{}]}}"#, items.join(",")).as_bytes(),
    );
    assert_eq!(batch.body, json!({ "decisions": alone }));
    assert!(!batch.head.contains("x-weighbridge-endpoint"));
    assert_eq!(
        client.post("/v1/route", br#"{"requests":[]}"#).body,
        json!({ "decisions": [] })
    );
    // Items that bring no name are called after the batch, and chat bodies go too.
    let body = r#"{"requests":[{"request":{}},{"messages":[]}]}"#;
    let head = format!(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\nx-request-id: all\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send(&head, body.as_bytes());
    let named = client.read();
    assert_eq!(named.body["decisions"][0]["id"], "all-0");
    assert_eq!(named.body["decisions"][1]["id"], "all-1");
    assert!(named.head.contains("x-request-id: all\r\n"));
}

#[test]
fn a_batch_with_a_fault_is_refused_whole() {
    let server = Running::start(rules());
    let many = format!(r#"{{"requests":[{}]}}"#, vec!["{}"; 1001].join(","));
    for (body, field, says) in [
        (r#"{"requests":{}}"#, "requests", "must be a list"),
        (
            many.as_str(),
            "requests",
            "has 1001 requests; at most 1000 at once",
        ),
        (
            r#"{"requests":[],"id":"a"}"#,
            "id",
            "does not go with `requests`",
        ),
        (
            r#"{"requests":[],"request":{}}"#,
            "request",
            "does not go with",
        ),
        (r#"{"requests":[],"more":1}"#, "more", "unknown field"),
        (
            r#"{"requests":[{"request":{}},7]}"#,
            "requests[1]",
            "must be an object",
        ),
        (
            r#"{"requests":[{"request":{"turn":-1}}]}"#,
            "requests[0].request.turn",
            "must be a whole",
        ),
        (
            r#"{"requests":[{"messages":7}]}"#,
            "requests[0].messages",
            "must be a list, not 7",
        ),
        (
            r#"{"requests":[{"id":"","request":{}}]}"#,
            "requests[0].id",
            "must be 1 to 128",
        ),
        (
            r#"{"requests":[{"requests":[]}]}"#,
            "requests[0].request",
            "this field is missing",
        ),
    ] {
        let reply = server.route(body);
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.body["error"]["param"], field, "{body}");
        let message = reply.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(says), "{body}: {message}");
    }
}
