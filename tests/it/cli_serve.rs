//! `serve`: the real binary on a free port gives the decisions of `decide`.

use serde_json::Value;

use super::cli_router::compiled;
use super::server::Server;
use super::support::{Folder, generated, run, trained};

#[test]
fn the_server_decides_like_decide_and_ends_when_asked_to() {
    let folder = Folder::new();
    let router = trained();
    let trace = generated(&folder, "t.jsonl", 300, 8);
    let decided = run(&["decide", router, &trace]).done();
    let server = Server::start(&[router]);
    assert_eq!(server.ask("GET", "/healthz", "").0, 200);
    let text = folder.read("t.jsonl");
    let mut specialist = 0;
    for (line, decision) in text.lines().skip(1).zip(decided.out.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        let expected: Value = serde_json::from_str(decision).unwrap();
        let body = serde_json::json!({"id": line["id"], "request": line["request"]}).to_string();
        let (status, answer) = server.ask("POST", "/v1/route", &body);
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        for field in [
            "id",
            "choice",
            "unanswered_ppm",
            "fell_back_ppm",
            "predictions",
        ] {
            assert_eq!(answer[field], expected[field], "{field} of {body}");
        }
        let endpoint = answer["endpoint"].as_str().expect("somebody answers");
        assert!(expected["choice"][endpoint].is_u64());
        specialist += u32::from(endpoint.contains("speciale"));
    }
    assert!(specialist > 5, "{specialist}");
    let (status, answer) = server.ask("POST", "/v1/route", r#"{"request":{"input_tokens":-1}}"#);
    assert_eq!(status, 400);
    assert!(answer.contains("request.input_tokens"), "{answer}");
    server.end("-TERM");
}

#[test]
fn an_address_that_is_taken_says_no() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let server = Server::start(&[&router]);
    let said = run(&["serve", &router, "--listen", &server.address]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.starts_with("error: ") && said.err.contains(&server.address),
        "{}",
        said.err
    );
}
