//! A canary key in every place that an upstream controls: it sings nowhere that a client hears it.

use super::fake::{Act, Fake, LAST, WORD, chunk, chunked, completion, data, end, head, respond};
use super::*;

/// How an upstream may spell a key: its own, another one's, with its scheme, in JSON's escapes.
fn spellings() -> Vec<String> {
    let escaped = |key: &str| -> String {
        let all = key.chars().map(|c| format!("\\u{:04x}", u32::from(c)));
        all.collect()
    };
    let own = format!("key-of-{SPECIALIST}");
    let other = format!("key-of-{DRIVER}");
    vec![
        own.clone(),
        other,
        format!("Bearer {own}"),
        format!("{}{}", escaped(&own[..5]), &own[5..]),
        escaped(&own),
    ]
}

/// Bodies that say it everywhere.
fn bodies(key: &str) -> Vec<String> {
    let error = |inner: &str| format!(r#"{{"error":{inner}}}"#);
    let mut bodies = vec![
        key.to_owned(),
        format!("<html>{key}</html>"),
        format!("\"{key}\""),
        format!("{{\"{key}\":1}}"),
        format!("{{{key}}}"),
        error(&format!("\"{key}\"")),
        error(&format!(
            r#"{{"message":"bad key {key}","code":"{key}","type":"{key}","param":"{key}"}}"#
        )),
        completion(key),
        completion("w")
            .replace("c-1", key)
            .replace("m-1", key)
            .replace("stop", key),
        completion("w").replace("\"index\":0", &format!("\"index\":\"{key}\"")),
        completion("w").replace(
            "\"prompt_tokens\":12",
            &format!("\"prompt_tokens\":\"{key}\""),
        ),
        format!(r#"{{"choices":"{key}","usage":"{key}","id":["{key}"]}}"#),
        format!("{}{key}", "é".repeat(490)),
        error(&format!("\"{}{key}\"", "é".repeat(490))),
    ];
    for code in [
        "401",
        "402",
        "403",
        "429",
        "500",
        "400",
        "\"invalid_api_key\"",
    ] {
        bodies.push(error(&format!(
            r#"{{"message":"bad key {key}","code":{code}}}"#
        )));
    }
    bodies
}

fn answers(key: &str) -> Vec<Vec<Act>> {
    let mut all = Vec::new();
    for status in [
        101, 200, 201, 204, 302, 400, 401, 402, 403, 404, 407, 408, 409, 422, 429, 451, 500, 503,
        529, 600,
    ] {
        for body in bodies(key) {
            all.push(vec![respond(status, "", &body), Act::Close]);
        }
        // What no JSON is, is spelled as it stands.
        for header in [
            "content-type",
            "x-key",
            "retry-after",
            "www-authenticate",
            "location",
        ] {
            let says = format!(
                "HTTP/1.1 {status} {key}\r\n{header}: {key}\r\ncontent-length: 2\r\n\r\n{{}}"
            );
            all.push(vec![Act::Say(says), Act::Close]);
        }
    }
    all
}

fn streams(key: &str) -> Vec<Vec<Act>> {
    let mut said: Vec<String> = bodies(key)
        .iter()
        .map(|body| format!("data: {body}\n\n"))
        .collect();
    let word = WORD.replace("\"w\"", &format!("\"{key}\""));
    let (half, rest) = word.split_at(word.find(key).unwrap() + key.len() / 2);
    said.extend([
        format!(": {key}\n\n"),
        format!("event: {key}\ndata: {WORD}\n\n"),
        format!("id: {key}\nretry: {key}\n{key}: {key}\ndata: {WORD}\n\n"),
        format!("event: error\ndata: {key}\n\n"),
        format!("event: error\ndata: {{\"error\":{{\"message\":\"{key}\",\"code\":403}}}}\n\n"),
        format!("data: {word}\n\n"),
        format!(
            "data: {}\n\n",
            word.replace(r#""usage":null"#, r#""usage":{}"#)
        ),
        format!("data: {{\ndata: \"id\":\"{key}\"\n\n"),
        format!("data: {{\"id\":\ndata: \"{key}\"}}\n\n"),
        format!("data: [DONE] {key}\n\n"),
    ]);
    let mut all = Vec::new();
    for said in &said {
        let rest = || [data(LAST), data("[DONE]"), end(), Act::Close];
        all.push([head(), chunk(said)].into_iter().chain(rest()).collect());
        all.push(
            [head(), data(WORD), chunk(said)]
                .into_iter()
                .chain(rest())
                .collect(),
        );
        all.push(vec![
            head(),
            data(WORD),
            Act::Spell(chunked(said)),
            Act::Close,
        ]);
        // The last event of all, of which the blank line is missing.
        all.push(vec![
            head(),
            data(WORD),
            chunk(said.trim_end()),
            end(),
            Act::Close,
        ]);
    }
    all.push(vec![
        head(),
        chunk(&format!("data: {half}")),
        chunk(&format!("{rest}\n\n")),
        data("[DONE]"),
        end(),
    ]);
    all
}

/// All texts of an answer as a client reads them.
fn heard(reply: &Reply) -> Vec<String> {
    fn texts(value: Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text),
            Value::Array(items) => items.into_iter().for_each(|item| texts(item, into)),
            Value::Object(fields) => fields.into_iter().for_each(|(name, value)| {
                into.push(name);
                texts(value, into);
            }),
            _ => {}
        }
    }
    let mut all = vec![reply.head.clone(), reply.body.clone()];
    let joined = reply.body.replace("\ndata: ", "\n");
    for text in [joined.as_str()].into_iter().chain(joined.split("\n\n")) {
        let text = text.strip_prefix("data: ").unwrap_or(text);
        if let Ok(value) = serde_json::from_str(text) {
            texts(value, &mut all);
        }
    }
    all
}

#[tokio::test]
async fn no_key_reaches_a_client_whatever_an_upstream_says() {
    let mut cases: Vec<(bool, Vec<Act>)> = Vec::new();
    for key in spellings() {
        for script in answers(&key) {
            cases.push((false, script.clone()));
            cases.push((true, script));
        }
        cases.extend(streams(&key).into_iter().map(|script| (true, script)));
    }
    assert!(cases.len() > 4000, "{}", cases.len());
    let specialist = Fake::start(cases.iter().map(|(_, script)| script.clone())).await;
    let driver = Fake::unused().await;
    let world = World::start(&driver, &specialist).await;
    for (place, (streams, script)) in cases.iter().enumerate() {
        let mut body = ask("math", *streams);
        body["model"] = json!(SPECIALIST);
        body["stream_options"] = match streams {
            true => json!({ "include_usage": place % 2 == 0 }),
            false => Value::Null,
        };
        let reply = world.chat(&format!("canary-{place}"), &body).await;
        assert_ne!(reply.status, 0, "{script:?}");
        for text in heard(&reply) {
            assert!(!text.contains("key-of-"), "{script:?}: {text}");
        }
    }
    assert_eq!((specialist.count(), driver.count()), (cases.len(), 0));
}

#[tokio::test]
async fn the_rest_of_an_answer_stays_as_it_is() {
    let said = completion(&format!("it is key-of-{DRIVER}, 1E2"));
    let specialist = Fake::always([respond(200, "", &said)]).await;
    let driver = Fake::unused().await;
    let world = World::start(&driver, &specialist).await;
    let reply = world.chat("canary-rest", &ask("math", false)).await;
    assert_eq!(reply.body, said.replace("key-of-driver@x", "[hidden]"));
}
