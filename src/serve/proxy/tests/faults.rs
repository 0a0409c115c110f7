//! Upstreams that fail before they answer: who stands in, who is asked how often, what is told.

use super::fake::{Act, Fake, answer, chunk, completion, data, end, head, respond, stream};
use super::*;

/// Limits short enough to be waited for.
fn short(options: &mut ProxyOptions) {
    options.silence = Duration::from_millis(150);
}

#[tokio::test]
async fn the_driver_stands_in_for_a_specialist_that_fails() {
    let hangs = || vec![Act::Hang];
    let rate = r#"{"error":{"message":"slow down"}}"#;
    for (place, (script, status)) in [
        (hangs(), "timeout"),
        (vec![Act::Reset], "error"),
        (vec![Act::Close], "error"),
        (vec![respond(429, "retry-after: 100\r\n", rate)], "refused"),
        (vec![respond(429, "", rate)], "refused"),
        (vec![respond(500, "", "{}")], "error"),
        (vec![respond(503, "", "<html>")], "error"),
        (vec![respond(408, "", "")], "timeout"),
        (vec![respond(401, "", rate)], "error"),
        (
            vec![respond(307, "location: http://127.0.0.1:1/\r\n", "")],
            "error",
        ),
        (
            vec![respond(200, "content-encoding: gzip\r\n", "x")],
            "error",
        ),
        (
            vec![respond(200, "", r#"{"error":{"message":"x","code":429}}"#)],
            "refused",
        ),
        (
            vec![
                Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n".into()),
                Act::Hang,
            ],
            "timeout",
        ),
        // Blank lines keep a connection alive and begin no answer.
        (
            vec![
                Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n\n\n\n".into()),
                Act::Reset,
            ],
            "error",
        ),
        (
            vec![Act::Say("SSH-2.0-OpenSSH\r\n".into()), Act::Close],
            "error",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (specialist, driver) = (
            Fake::start([script]).await,
            Fake::always([answer("d")]).await,
        );
        let world = World::with(driver.address, specialist.address, short).await;
        let id = format!("f-{place}");
        let reply = world.chat(&id, &ask("math", false)).await;
        assert_eq!((reply.status, reply.body), (200, completion("d")), "{id}");
        let attempts = recorded(&id).await;
        assert_eq!(
            outline(&attempts),
            [(SPECIALIST, status), (DRIVER, "ok")],
            "{id}"
        );
        assert_eq!((specialist.count(), driver.count()), (1, 1), "{id}");
    }
}

#[tokio::test]
async fn the_headers_tell_who_was_chosen_and_who_served() {
    let driver = Fake::always([answer("d")]).await;
    let world = World::with(driver.address, nobody().await, |_| {}).await;
    let reply = world.chat("h-1", &ask("math", false)).await;
    assert_eq!(reply.header("x-weighbridge-endpoint"), Some(SPECIALIST));
    assert_eq!(reply.header("x-weighbridge-served"), Some(DRIVER));
    let outlined = recorded("h-1").await;
    assert_eq!(
        outline(&outlined),
        [(SPECIALIST, "refused"), (DRIVER, "ok")]
    );
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_chunk_is_another_ones_to_answer() {
    for (place, (script, status)) in [
        (vec![Act::Hang], "timeout"),
        (vec![head(), Act::Hang], "timeout"),
        (vec![head(), chunk(": ping\n\n"), Act::Hang], "timeout"),
        (vec![head(), Act::Reset], "error"),
        (vec![head(), end()], "error"),
        (vec![head(), data("[DONE]"), end()], "error"),
        (vec![head(), data("{not json"), end()], "error"),
        (
            vec![
                head(),
                data(r#"{"error":{"message":"full","code":503}}"#),
                end(),
            ],
            "error",
        ),
        (
            vec![
                head(),
                chunk("event: error\ndata: {\"error\":{\"code\":\"429\"}}\n\n"),
                end(),
            ],
            "refused",
        ),
        (vec![respond(429, "", "{}")], "refused"),
    ]
    .into_iter()
    .enumerate()
    {
        let (specialist, driver) = (Fake::start([script]).await, Fake::start([stream()]).await);
        let world = World::with(driver.address, specialist.address, short).await;
        let id = format!("s-{place}");
        let reply = world.chat(&id, &ask("math", true)).await;
        assert_eq!(reply.events().last(), Some(&"[DONE]"), "{id}: {reply:?}");
        assert_eq!(reply.header("x-weighbridge-served"), Some(DRIVER), "{id}");
        assert!(
            !reply.body.contains("error") && !reply.body.contains("ping"),
            "{reply:?}"
        );
        let attempts = recorded(&id).await;
        assert_eq!(
            outline(&attempts),
            [(SPECIALIST, status), (DRIVER, "ok")],
            "{id}"
        );
        assert_eq!((specialist.count(), driver.count()), (1, 1), "{id}");
    }
}

#[tokio::test]
async fn an_answer_that_had_begun_is_never_asked_for_again() {
    let begun = r#"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id":"#.replace("\\r\\n", "\r\n");
    for (place, (script, status, code)) in [
        (
            vec![Act::Say(begun.clone()), Act::Reset],
            "error",
            "upstream_broken",
        ),
        (
            vec![Act::Say(begun.clone()), Act::Close],
            "error",
            "upstream_broken",
        ),
        (
            vec![Act::Say(begun), Act::Hang],
            "timeout",
            "upstream_timeout",
        ),
        (vec![respond(200, "", "<html>")], "error", "upstream_broken"),
        (
            vec![
                Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".into()),
                Act::Hang,
            ],
            "error",
            "upstream_broken",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (specialist, driver) = (Fake::start([script]).await, Fake::unused().await);
        let world = World::with(driver.address, specialist.address, short).await;
        let id = format!("b-{place}");
        let reply = world.chat(&id, &ask("math", false)).await;
        assert_eq!(reply.code(), code, "{id}");
        assert_eq!(reply.status, if status == "timeout" { 504 } else { 502 });
        assert_eq!(
            outline(&recorded(&id).await),
            [(SPECIALIST, status)],
            "{id}"
        );
        assert_eq!((specialist.count(), driver.count()), (1, 0), "{id}");
    }
}

#[tokio::test]
async fn where_all_fail_the_last_is_told_and_each_was_asked_once() {
    for (place, (script, status, code, wait)) in [
        (
            vec![respond(429, "retry-after: 100\r\n", "{}")],
            429,
            "rate_limit_exceeded",
            Some("30"),
        ),
        (
            vec![respond(429, "retry-after-ms: 1200\r\n", "{}")],
            429,
            "rate_limit_exceeded",
            Some("2"),
        ),
        (
            vec![respond(429, "", "{}")],
            429,
            "rate_limit_exceeded",
            None,
        ),
        (vec![respond(500, "", "{}")], 502, "upstream_error", None),
        (
            vec![respond(503, "retry-after: 3\r\n", "{}")],
            503,
            "upstream_error",
            Some("3"),
        ),
        (vec![respond(401, "", "{}")], 502, "upstream_denied", None),
        (vec![Act::Hang], 504, "upstream_timeout", None),
        (vec![Act::Reset], 502, "upstream_broken", None),
    ]
    .into_iter()
    .enumerate()
    {
        for streams in [false, true] {
            let (specialist, driver) = (
                Fake::always([respond(500, "retry-after: 9\r\n", "{}")]).await,
                Fake::start([script.clone()]).await,
            );
            let world = World::with(driver.address, specialist.address, short).await;
            let id = format!("a-{place}-{streams}");
            let reply = world.chat(&id, &ask("math", streams)).await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (status, code),
                "{id}"
            );
            assert_eq!(reply.header("retry-after"), wait, "{id}");
            assert_eq!(reply.header("x-weighbridge-served"), None);
            assert_eq!(reply.header("x-weighbridge-endpoint"), Some(SPECIALIST));
            let message = reply.json()["error"]["message"].to_string();
            assert!(
                message.contains("driver@x") && message.contains("2 endpoints"),
                "{message}"
            );
            assert_eq!((specialist.count(), driver.count()), (1, 1), "{id}");
            assert_eq!(recorded(&id).await.len(), 2);
        }
    }
    let (one, other) = (nobody().await, nobody().await);
    let world = World::with(one, other, |_| {}).await;
    let reply = world.chat("a-nobody", &ask("math", true)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "upstream_refused")
    );
}

#[tokio::test]
async fn nobody_else_is_asked_once_the_deadline_is_over() {
    let (specialist, driver) = (Fake::always([Act::Hang]).await, Fake::unused().await);
    let world = World::with(driver.address, specialist.address, |options| {
        options.deadline = Duration::from_millis(150);
    })
    .await;
    for streams in [false, true] {
        let id = format!("d-{streams}");
        let reply = world.chat(&id, &ask("math", streams)).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (504, "upstream_timeout")
        );
        assert_eq!(outline(&recorded(&id).await), [(SPECIALIST, "timeout")]);
    }
    specialist.left(2).await;
    assert_eq!(driver.count(), 0);
}

#[tokio::test]
async fn a_request_that_only_the_specialist_may_take_has_nobody_to_stand_in() {
    // The driver alone has tools: a request with tools never reaches the specialist, and one that
    // fails at the driver has no other endpoint.
    let (specialist, driver) = (
        Fake::unused().await,
        Fake::always([respond(500, "", "{}")]).await,
    );
    let world = World::start(&driver, &specialist).await;
    let mut body = ask("math", false);
    body["tools"] = json!([{ "type": "function", "function": { "name": "f" } }]);
    let reply = world.chat("t-1", &body).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "upstream_error")
    );
    assert_eq!(outline(&recorded("t-1").await), [(DRIVER, "error")]);
    assert_eq!((specialist.count(), driver.count()), (0, 1));
    body["messages"][0]["content"] =
        json!([{ "type": "image_url", "image_url": { "url": "data:" } }]);
    let reply = world.chat("t-2", &body).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "unanswered"));
    assert_eq!(reply.header("x-weighbridge-unanswered"), Some("1"));
    assert!(recorded("t-2").await.is_empty());
    assert_eq!((specialist.count(), driver.count()), (0, 1));
}

/// Every fault at once, many clients at a time: nothing is lost, nothing is asked for twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_mixed_faults_the_accounts_of_both_sides_agree() {
    let scripts = [
        stream(),
        vec![respond(429, "retry-after: 1\r\n", "{}")],
        stream(),
        vec![head(), data(fake::WORD), Act::Reset],
        vec![Act::Reset],
        vec![head(), data(fake::WORD), data("{bad"), end()],
        vec![respond(500, "", "{}")],
        vec![head(), data(fake::WORD), end()],
        vec![Act::Hang],
        vec![head(), Act::Hang],
    ];
    let cycle = |from: usize| {
        let many = scripts.iter().cycle().skip(from).take(400).cloned();
        many.collect::<Vec<_>>()
    };
    let (specialist, driver) = (Fake::start(cycle(1)).await, Fake::start(cycle(4)).await);
    let world = World::with(driver.address, specialist.address, short).await;
    let world = Arc::new(world);
    let clients = (0..8).map(|client| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let mut outcomes = Vec::new();
            for turn in 0..20 {
                let id = format!("mix-{client}-{turn}");
                let reply = world.chat(&id, &ask("math", true)).await;
                outcomes.push((id, reply));
            }
            outcomes
        })
    });
    let (mut asked, mut fine) = (0, 0);
    for client in clients.collect::<Vec<_>>() {
        for (id, reply) in client.await.unwrap() {
            let attempts = recorded(&id).await;
            asked += attempts.len();
            assert!((1..=2).contains(&attempts.len()));
            let last = attempts.last().unwrap();
            // The client was told of exactly what was written down.
            assert!(reply.is_whole, "{id}: {reply:?}");
            if reply.events().last() == Some(&"[DONE]") {
                fine += 1;
                assert_eq!(last.status, "ok", "{id}");
            } else {
                assert!(
                    matches!(last.status, "error" | "timeout" | "refused"),
                    "{id}"
                );
                assert!(
                    reply.code().starts_with("upstream") || reply.status == 429,
                    "{reply:?}"
                );
            }
            // Whoever began to answer was the last to be asked.
            let begun = attempts.iter().position(|it| it.ttft_ms.is_some());
            assert!(begun.is_none_or(|place| place + 1 == attempts.len()));
        }
    }
    assert_eq!(asked, specialist.count() + driver.count());
    assert!(fine > 30, "{fine}");
}
