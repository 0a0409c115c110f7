//! Chat bodies become the same request in Rust and in the one-file Python loader.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};
use weighbridge_router::Request;

use super::support::python;

/// A request object a line, or `!` and the place of the fault.
const TWIN: &str = "
import json, sys
sys.path.insert(0, 'gateways/python')
import weighbridge_router as wb
for line in sys.stdin:
    try:
        print(json.dumps(wb.request_of_chat(json.loads(line))))
    except wb.RouterError as error:
        print('!' + error.path)
";

/// Every message, tool list, limit and metadata with every other.
fn bodies() -> Vec<Value> {
    let part = |text: &str| json!({ "type": "text", "text": text });
    let user = |content: Value| json!({ "role": "user", "content": content });
    let messages = [
        json!([]),
        json!([user(json!("Hello"))]),
        json!([{"role": "system", "content": "é".repeat(9)}, user(json!("")), {"role": "assistant"}]),
        json!([
            user(json!("first")),
            user(json!([part("a"), part("天"), part("")]))
        ]),
        json!([user(
            json!([{"type": "input_image"}, {"type": "input_text", "text": "b"}])
        )]),
        json!([user(json!("lost")), user(json!([{"type": "image_url"}]))]),
        json!([user(json!([{"type": "file"}])), {"role": "assistant", "content": null, "tool_calls": []}]),
        json!([user(json!(7))]),
        json!([user(json!([part("a"), {"type": "text"}]))]),
        json!([user(json!([part("a"), "b"]))]),
        json!([{"content": "no role"}]),
        json!([{"role": 1}]),
        json!({}),
        Value::Null,
    ];
    let others = [
        json!({}),
        json!({"tools": [{}], "user": "u", "max_tokens": 5}),
        json!({"tools": [], "functions": [1], "max_completion_tokens": 0, "max_tokens": 5}),
        json!({"tools": "all", "temperature": {}, "user": null, "metadata": null}),
        json!({"max_tokens": 4.5}),
        json!({"user": 7}),
    ];
    let metadata = [
        json!({}),
        json!({"task": "math", "tenant": "t", "session": "s", "channel": "c", "region": "r", "more": [1]}),
        json!({"value_usd": 0.1, "deadline_ms": 4_000_000_000_u32}),
        json!({"value_usd": " 2.5e-3 ", "deadline_ms": "250", "task": ""}),
        json!({"value_usd": "2,5"}),
        json!({"value_usd": "-1"}),
        json!({"value_usd": "NaN"}),
        json!({"value_usd": true}),
        json!({"value_usd": "\"1\""}),
        json!({"deadline_ms": "1e3"}),
        json!({"deadline_ms": "1_000"}),
        json!({"task": 3}),
        json!("math"),
    ];
    let mut bodies = vec![json!([]), json!({}), json!("chat")];
    for messages in &messages {
        for other in &others {
            for metadata in &metadata {
                let mut body = json!({ "messages": messages, "metadata": metadata });
                for (name, value) in other.as_object().unwrap() {
                    body[name] = value.clone();
                }
                bodies.push(body);
            }
        }
    }
    bodies
}

#[test]
fn rust_and_python_make_the_same_request_of_a_chat_body() {
    let Some(mut python) = python() else { return };
    let bodies = bodies();
    let mut child = python
        .args(["-c", TWIN])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = bodies.iter().map(|body| format!("{body}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    // Written beside reading: the answers are longer than a pipe holds.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), bodies.len());
    let mut read = 0;
    for (body, answer) in bodies.iter().zip(answers.lines()) {
        match (
            Request::from_chat(&body.to_string()),
            answer.strip_prefix('!'),
        ) {
            (Ok(request), None) => {
                assert_eq!(Request::from_json(answer).unwrap(), request, "{body}");
                read += 1;
            }
            (Err(error), Some(place)) => assert_eq!(error.path(), place, "{body}: {error}"),
            (rust, _) => panic!("{body}: Rust {rust:?}, Python {answer}"),
        }
    }
    assert!(read > 100, "{read}");
}
