//! `serve`: the real binary on a free port gives the decisions of `decide`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::cli_router::compiled;
use super::support::{Folder, binary, run, trained};

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(router: &str) -> Self {
        let mut child = binary()
            .args(["serve", router, "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut errors = BufReader::new(child.stderr.take().expect("it is piped"));
        errors
            .read_line(&mut line)
            .expect("it says where it listens");
        let rest = line.split_once("http://").expect("an address").1;
        let address = rest.split_once('/').expect("a path").0.to_owned();
        Self { child, address }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.expect("a status"), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_server_decides_like_decide_and_ends_when_asked_to() {
    let folder = Folder::new();
    let router = trained();
    let trace = folder.at("t.jsonl");
    run(&["generate", "-o", &trace, "--requests", "300", "--seed", "8"]).done();
    let decided = run(&["decide", router, &trace]).done();
    let mut server = Server::start(router);
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
    let killed = Command::new("kill")
        .args(["-TERM", &server.child.id().to_string()])
        .status();
    assert!(killed.expect("there is a kill").success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_that_is_taken_says_no() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let server = Server::start(&router);
    let said = run(&["serve", &router, "--listen", &server.address]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.starts_with("error: ") && said.err.contains(&server.address),
        "{}",
        said.err
    );
}
