//! A whole answer as the stream that was asked for: some upstreams know no streams, and an answer
//! that has come is not bought again.
//!
//! One chunk has all that was said, one the usage where that is wished, and `[DONE]` follows; what
//! stands in the answer beside that goes along as it is.

use serde_json::value::RawValue;

use super::fields::Fields;
use super::translate::{DONE, put};

const CHUNK: (&str, Option<&str>) = ("object", Some("\"chat.completion.chunk\""));

/// The events; none where it is no chat completion.
pub(super) fn as_stream(answer: &[u8], shows_usage: bool) -> Option<Vec<u8>> {
    let answer: Fields<'_> = serde_json::from_slice(answer).ok()?;
    let choices = list(answer.get("choices")?)?;
    let choices = (choices.into_iter().enumerate())
        .map(|(place, choice)| as_delta(place, choice))
        .collect::<Option<Vec<String>>>()?;
    let choices = format!("[{}]", choices.join(","));
    let mut out = Vec::new();
    let chunk = answer.written(&[CHUNK, ("choices", Some(&choices)), ("usage", None)]);
    put_json(&mut out, chunk);
    let usage = answer.get("usage").filter(|usage| usage.get() != "null");
    if let (true, Some(usage)) = (shows_usage, usage) {
        let told = ("usage", Some(usage.get()));
        put_json(
            &mut out,
            answer.written(&[CHUNK, ("choices", Some("[]")), told]),
        );
    }
    put(&mut out, b"data: ", DONE);
    Some(out)
}

/// A choice, of which the message is a delta.
fn as_delta(place: usize, choice: &RawValue) -> Option<String> {
    let choice: Fields<'_> = serde_json::from_str(choice.get()).ok()?;
    let message: Fields<'_> = serde_json::from_str(choice.get("message")?.get()).ok()?;
    let calls = message.get("tool_calls").and_then(list);
    let calls = calls.map(|calls| numbered(&calls)).transpose().ok()?;
    let delta = match &calls {
        Some(calls) => message.written(&[("tool_calls", Some(calls))]),
        None => message.written(&[]),
    };
    let index = match choice.get("index") {
        Some(index) => index.get().to_owned(),
        None => place.to_string(),
    };
    let anew = [
        ("index", Some(index.as_str())),
        ("message", None),
        ("delta", Some(&*delta)),
    ];
    Some(choice.written(&anew))
}

/// Calls of tools, each with its place: in streams they have one.
fn numbered(calls: &[&RawValue]) -> serde_json::Result<String> {
    let calls = calls.iter().enumerate().map(|(place, call)| {
        let call: Fields<'_> = serde_json::from_str(call.get())?;
        Ok(call.written(&[("index", Some(&place.to_string()))]))
    });
    let calls = calls.collect::<serde_json::Result<Vec<String>>>()?;
    Ok(format!("[{}]", calls.join(",")))
}

fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Write JSON as one event; line ends, which stand between its tokens alone, would cut it.
fn put_json(out: &mut Vec<u8>, json: String) {
    let line = json.replace(['\r', '\n'], " ");
    put(out, b"data: ", line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_one_chunk_its_usage_and_the_end() {
        let answer = r#"{"id":"c-1","object":"chat.completion","created":1.0,"model":"m",
            "choices":[{"index":0,"message":{"role":"assistant","content":"4\n2","x":1E2},"logprobs":null,"finish_reason":"stop"}],
            "usage":{"completion_tokens":7},"own":[1.10]}"#;
        let chunk = r#"data: {"id":"c-1","object":"chat.completion.chunk","created":1.0,"model":"m","choices":[{"index":0,"logprobs":null,"finish_reason":"stop","delta":{"role":"assistant","content":"4\n2","x":1E2}}],"own":[1.10]}"#;
        let usage = r#"data: {"id":"c-1","object":"chat.completion.chunk","created":1.0,"model":"m","choices":[],"usage":{"completion_tokens":7},"own":[1.10]}"#;
        let stream =
            |shows| String::from_utf8(as_stream(answer.as_bytes(), shows).unwrap()).unwrap();
        assert_eq!(stream(false), format!("{chunk}\n\ndata: [DONE]\n\n"));
        assert_eq!(
            stream(true),
            format!("{chunk}\n\n{usage}\n\ndata: [DONE]\n\n")
        );
    }

    #[test]
    fn calls_of_tools_get_their_places() {
        let answer = r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"a"},{"id":"b"}]}}],"usage":null}"#;
        let chunk = r#"{"choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"id":"a","index":0},{"id":"b","index":1}]}}],"object":"chat.completion.chunk"}"#;
        let stream = as_stream(answer.as_bytes(), true).unwrap();
        assert_eq!(
            String::from_utf8(stream).unwrap(),
            format!("data: {chunk}\n\ndata: [DONE]\n\n")
        );
    }

    #[test]
    fn lines_between_tokens_do_not_cut_an_event() {
        let answer = "{\"choices\":\r[{\"message\":{\"a\":[1,\r\n2]}}]}";
        let stream = String::from_utf8(as_stream(answer.as_bytes(), false).unwrap()).unwrap();
        assert_eq!(
            stream.lines().filter(|line| !line.is_empty()).count(),
            2,
            "{stream}"
        );
    }

    #[test]
    fn what_is_no_completion_is_no_stream() {
        for text in [
            "{}",
            r#"{"choices":7}"#,
            r#"{"choices":[{}]}"#,
            r#"{"choices":[{"message":"m"}]}"#,
            "[]",
        ] {
            assert!(as_stream(text.as_bytes(), true).is_none(), "{text}");
        }
    }
}
