//! Answers that are not streamed, and what goes upstream.

use serde_json::json;

use super::fake::{Fake, answer, completion, respond};
use super::*;

#[tokio::test]
async fn auto_is_routed_and_the_answer_comes_back_as_it_is() {
    let (driver, specialist) = (Fake::unused().await, Fake::always([answer("42")]).await);
    let world = World::start(&driver, &specialist).await;
    let mut body = ask("math", false);
    body["seed"] = json!(12_345_678_901_234_567_u64);
    let reply = world.chat("w-1", &body).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, completion("42").as_str())
    );
    for (name, value) in [
        ("x-request-id", "w-1"),
        ("x-weighbridge-endpoint", SPECIALIST),
        ("x-weighbridge-model", "specialist"),
        ("x-weighbridge-served", SPECIALIST),
        ("x-weighbridge-policy", "rules"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    let asked = &specialist.asked()[0];
    assert!(
        asked
            .head
            .starts_with("post /v1/chat/completions http/1.1\r\n")
    );
    assert!(
        asked
            .head
            .contains("authorization: bearer key-of-specialist@y\r\n")
    );
    assert!(asked.head.contains("x-request-id: w-1\r\n"));
    for hidden in ["clients-own", "x-weighbridge", "accept-encoding: gzip"] {
        assert!(!asked.head.contains(hidden), "{}", asked.head);
    }
    body["model"] = json!("spec-1");
    body.as_object_mut().unwrap().remove("metadata");
    assert_eq!(asked.body, body);
    let attempts = recorded("w-1").await;
    assert_eq!(outline(&attempts), [(SPECIALIST, "ok")]);
    let got = &attempts[0];
    assert_eq!(got.model, "specialist");
    assert_eq!((got.input_tokens, got.cached_tokens), (Some(12), Some(4)));
    assert_eq!(
        (got.output_tokens, got.reasoning_tokens),
        (Some(7), Some(3))
    );
    assert!(got.ttft_ms.is_none() && got.latency_ms.is_some());
    assert_eq!(driver.count(), 0);
}

#[tokio::test]
async fn a_named_model_passes_through_and_nobody_stands_in_for_it() {
    let driver = Fake::always([answer("d")]).await;
    let specialist = Fake::start([
        vec![answer("s")],
        vec![answer("s")],
        vec![answer("s")],
        vec![respond(500, "", "{}")],
    ])
    .await;
    let world = World::start(&driver, &specialist).await;
    for (place, name) in ["specialist", SPECIALIST, "strong"].into_iter().enumerate() {
        let mut body = ask("chat", false);
        body["model"] = json!(name);
        let reply = world.chat(&format!("n-{place}"), &body).await;
        assert_eq!(reply.status, 200, "{name}");
        assert_eq!(reply.header("x-weighbridge-served"), Some(SPECIALIST));
        assert_eq!(reply.header("x-weighbridge-endpoint"), None);
    }
    let mut body = ask("chat", false);
    body["model"] = json!("specialist");
    let reply = world.chat("n-failed", &body).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "upstream_error")
    );
    assert_eq!(
        outline(&recorded("n-failed").await),
        [(SPECIALIST, "error")]
    );
    body["model"] = json!("gpt-unknown");
    let reply = world.chat("n-unknown", &body).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (404, "model_not_found")
    );
    assert_eq!(reply.json()["error"]["param"], "model");
    assert_eq!((driver.count(), specialist.count()), (0, 4));
}

#[tokio::test]
async fn what_the_client_did_wrong_is_the_upstreams_answer_and_sent_once() {
    let said = r#"{"error":{"message":"too hot","type":"invalid_request_error","param":"temperature","code":null}}"#;
    let specialist = Fake::always([respond(400, "", said)]).await;
    let driver = Fake::unused().await;
    let world = World::start(&driver, &specialist).await;
    let reply = world.chat("c-400", &ask("math", false)).await;
    assert_eq!((reply.status, reply.body.as_str()), (400, said));
    assert_eq!(reply.header("x-weighbridge-served"), Some(SPECIALIST));
    assert_eq!(
        outline(&recorded("c-400").await),
        [(SPECIALIST, "rejected")]
    );
    assert_eq!((driver.count(), specialist.count()), (0, 1));
}

#[tokio::test]
async fn what_cannot_be_passed_on_is_refused_before_anybody_is_asked() {
    let (driver, specialist) = (Fake::unused().await, Fake::unused().await);
    let world = World::start(&driver, &specialist).await;
    for (body, param) in [
        ("", Value::Null),
        ("[]", Value::Null),
        (r#"{"messages":[]}"#, json!("model")),
        (r#"{"model":"auto"}"#, json!("messages")),
        (
            r#"{"model":"auto","messages":[],"stream":1}"#,
            json!("stream"),
        ),
        (
            r#"{"model":"auto","messages":[],"metadata":{"value_usd":"-1"}}"#,
            json!("metadata.value_usd"),
        ),
        (
            r#"{"model":"auto","model":"driver","messages":[]}"#,
            Value::Null,
        ),
    ] {
        let reply = world.ask(&post("bad", body)).await;
        assert_eq!(reply.status, 400, "{body}");
        let error = &reply.json()["error"];
        assert_eq!(error["param"], param, "{body}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!((driver.count(), specialist.count()), (0, 0));
}

#[tokio::test]
async fn models_are_those_that_can_be_asked() {
    let (driver, specialist) = (Fake::unused().await, Fake::unused().await);
    let world = World::start(&driver, &specialist).await;
    let request = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let names = |reply: &Reply| -> Vec<String> {
        let list = reply.json();
        let data = list["data"].as_array().unwrap();
        data.iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&world.ask(request).await),
        ["auto", "driver", DRIVER, "specialist", SPECIALIST]
    );
    let one = World::with(driver.address, specialist.address, |options| {
        options.upstreams.truncate(1);
    })
    .await;
    assert_eq!(names(&one.ask(request).await), ["auto", "driver", DRIVER]);
    // A draw without an upstream goes down the chain; a name without one is told so.
    let mut body = ask("chat", false);
    body["model"] = json!("specialist");
    let reply = one.chat("m-none", &body).await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "no_upstream"));
    let none = World::with(driver.address, specialist.address, |options| {
        options.upstreams.clear();
    })
    .await;
    assert_eq!(none.ask(request).await.status, 404);
    assert_eq!(none.chat("m-off", &body).await.code(), "no_upstreams");
}

#[tokio::test]
async fn connections_are_used_again() {
    let driver = Fake::always([answer("d")]).await;
    let world = World::start(&driver, &driver).await;
    let request =
        post("again", &ask("chat", false).to_string()).replace("connection: close\r\n", "");
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    for _ in 0..5 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        while !Reply::read(&got).is_whole {
            assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0);
        }
        assert_eq!(Reply::read(&got).status, 200);
    }
    assert_eq!((driver.count(), driver.connections()), (5, 1));
}
