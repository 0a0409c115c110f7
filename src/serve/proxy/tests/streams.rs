//! Streams that run, and that break once they have begun.

use super::fake::{Act, Fake, LAST, SHOWN, USAGE, WORD, chunk, chunked, data, end, head, stream};
use super::*;

async fn through(script: Vec<Act>, body: &Value, id: &str) -> (Reply, Vec<Attempt>) {
    let (specialist, driver) = (Fake::start([script]).await, Fake::unused().await);
    let world = World::with(driver.address, specialist.address, |options| {
        options.silence = Duration::from_millis(300);
    })
    .await;
    let reply = world.chat(id, body).await;
    let attempts = recorded(id).await;
    assert_eq!((specialist.count(), driver.count()), (1, 0), "{id}");
    assert_eq!(attempts.len(), 1, "{id}");
    (reply, attempts)
}

#[tokio::test]
async fn usage_is_always_asked_for_and_shown_only_to_who_asked() {
    for wants in [false, true] {
        let (specialist, driver) = (Fake::start([stream()]).await, Fake::unused().await);
        let world = World::start(&driver, &specialist).await;
        let mut body = ask("math", true);
        if wants {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let id = format!("u-{wants}");
        let reply = world.chat(&id, &body).await;
        assert_eq!(
            specialist.asked()[0].body["stream_options"],
            json!({ "include_usage": true })
        );
        let events: &[&str] = if wants {
            &[WORD, WORD, LAST, USAGE, "[DONE]"]
        } else {
            &[SHOWN, SHOWN, LAST, "[DONE]"]
        };
        assert_eq!(reply.events(), events);
        assert!(reply.is_whole);
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        assert_eq!(reply.header("x-weighbridge-served"), Some(SPECIALIST));
        let attempts = recorded(&id).await;
        assert_eq!(outline(&attempts), [(SPECIALIST, "ok")]);
        let got = &attempts[0];
        assert_eq!((got.input_tokens, got.cached_tokens), (Some(12), Some(4)));
        assert_eq!((got.output_tokens, got.reasoning_tokens), (Some(7), None));
        assert!(got.ttft_ms.is_some() && got.ttft_ms <= got.latency_ms);
    }
}

#[tokio::test]
async fn events_may_be_split_anywhere_and_end_in_any_way() {
    let text = format!(
        ": hello\r\n\r\ndata:{WORD}\r\n\r\n: ping\r\n\r\nid: 7\r\nevent: x\r\ndata: {LAST}\r\n\r\ndata:[DONE]\r\n\r\n"
    );
    let (reply, attempts) = through(
        vec![head(), Act::Spell(chunked(&text)), end()],
        &ask("math", true),
        "e-1",
    )
    .await;
    assert_eq!(
        reply.body,
        format!("data: {SHOWN}\n\n: ping\n\ndata: {LAST}\n\ndata: [DONE]\n\n")
    );
    assert_eq!(outline(&attempts), [(SPECIALIST, "ok")]);
    // Nobody said how many tokens it took.
    assert_eq!(
        (attempts[0].input_tokens, attempts[0].output_tokens),
        (None, None)
    );
}

#[tokio::test]
async fn a_fault_after_the_first_chunk_is_told_and_never_a_silent_end() {
    let word = || vec![head(), data(WORD)];
    let endless = format!("data: {}", "x".repeat(5 << 20));
    for (place, (then, status, code)) in [
        (vec![Act::Reset], "error", "upstream_broken"),
        (vec![Act::Close], "error", "upstream_broken"),
        (vec![end()], "error", "upstream_broken"),
        (vec![Act::Hang], "timeout", "upstream_timeout"),
        (
            vec![data("{bad"), data("[DONE]"), end()],
            "error",
            "upstream_broken",
        ),
        (
            vec![data("[]"), data("[DONE]"), end()],
            "error",
            "upstream_broken",
        ),
        (vec![chunk(&endless), end()], "error", "upstream_broken"),
        (
            vec![
                data(r#"{"error":{"message":"full","code":503}}"#),
                data("[DONE]"),
                end(),
            ],
            "error",
            "upstream_error",
        ),
        (
            vec![data(r#"{"error":{"message":"slow","code":429}}"#)],
            "refused",
            "rate_limit_exceeded",
        ),
        // The last event is cut in its middle.
        (
            vec![chunk(&format!("data: {}", &LAST[..30])), end()],
            "error",
            "upstream_broken",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let script = word().into_iter().chain(then).collect();
        let id = format!("m-{place}");
        let (reply, attempts) = through(script, &ask("math", true), &id).await;
        let events = reply.events();
        assert_eq!(
            (reply.status, events.len(), events[0]),
            (200, 2, SHOWN),
            "{id}: {reply:?}"
        );
        assert_eq!(reply.code(), code, "{id}");
        assert!(reply.is_whole && !reply.body.contains("[DONE]"));
        assert_eq!(outline(&attempts), [(SPECIALIST, status)], "{id}");
        // Chunks are not tokens: what nobody counted is unknown.
        assert_eq!(attempts[0].output_tokens, None);
    }
}

#[tokio::test]
async fn an_answer_whose_choices_have_ended_is_whole_without_done() {
    let script = vec![head(), data(WORD), data(LAST), data(USAGE), end()];
    let (reply, attempts) = through(script, &ask("math", true), "o-1").await;
    assert_eq!(reply.events(), [SHOWN, LAST]);
    assert!(reply.is_whole);
    assert_eq!(outline(&attempts), [(SPECIALIST, "ok")]);
    assert_eq!(attempts[0].output_tokens, Some(7));
}

#[tokio::test]
async fn an_answer_cut_by_its_limit_of_tokens_is_written_down_as_truncated() {
    let last = LAST.replace("stop", "length");
    let script = vec![head(), data(WORD), data(&last), data("[DONE]"), end()];
    let (_, attempts) = through(script, &ask("math", true), "l-1").await;
    assert_eq!(outline(&attempts), [(SPECIALIST, "truncated")]);
}

#[tokio::test]
async fn what_comes_after_done_is_not_passed_on() {
    let tail = format!("data: [DONE]\n\ndata: {WORD}\n\n");
    let script = vec![head(), data(WORD), data(LAST), chunk(&tail), Act::Hang];
    let (reply, attempts) = through(script, &ask("math", true), "t-done").await;
    assert_eq!(reply.events(), [SHOWN, LAST, "[DONE]"]);
    assert_eq!(outline(&attempts), [(SPECIALIST, "ok")]);
}
