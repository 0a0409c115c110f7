//! `serve --upstream`: what is said of a wrong call, before anything listens. What the proxy does is
//! tested beside it, and with the official client in `tests/cross/openai_client.py`.

use super::cli_router::compiled;
use super::server::Server;
use super::support::{Folder, run};

/// What is said of these arguments beside an upstream; they must be wrong.
fn refused(args: &[&str], says: &str) {
    let mut call = vec![
        "serve",
        "models/engineering.router.json",
        "--listen",
        "127.0.0.1:0",
    ];
    if args[0] != "--upstream" {
        call.extend(["--upstream", "deepseek-v3.2@deepseek=http://127.0.0.1:9/v1"]);
    }
    call.extend(args);
    let said = run(&call);
    assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
    assert!(said.err.contains(says), "{args:?}: {}", said.err);
    assert!(!said.err.contains("secret"), "{args:?}: {}", said.err);
}

#[test]
fn a_wrong_upstream_is_named_with_its_mend() {
    for (args, says) in [
        (
            vec!["--upstream", "nonsense"],
            "must be a name, `=` and a value",
        ),
        (
            vec!["--upstream", "deepseek-v3.2@azure=example.com"],
            "--upstream deepseek-v3.2@azure: `example.com` begins with neither http:// nor https://",
        ),
        (
            vec![
                "--upstream",
                "deepseek-v3.2@azure=https://me:sk-secret@example.com",
            ],
            "give keys by --upstream-key",
        ),
        (
            vec![
                "--upstream",
                "deepseek-v3.2@azure=http://a",
                "--upstream",
                "deepseek-v3.2@azure=http://b",
            ],
            "--upstream deepseek-v3.2@azure: stands twice",
        ),
        (
            vec!["--upstream", "deepseek-v3.2@azur=http://a"],
            "did you mean `deepseek-v3.2@azure`?",
        ),
        (
            vec!["--upstream", "gpt=http://a"],
            "no file has an endpoint or a model of that name; there are deepseek-v3.2@deepseek, ",
        ),
        (
            vec!["--upstream", "deepseek-v3.2=http://a"],
            "--upstream deepseek-v3.2: there are 8 endpoints of this model, each with prices of its own; say which \
             one the address is, like --upstream deepseek-v3.2@deepseek=http://a: deepseek-v3.2@deepseek, deepseek-v3.2@openrouter, ",
        ),
    ] {
        refused(&args, says);
    }
}

#[test]
fn a_wrong_key_is_named_with_its_mend_and_not_shown() {
    let folder = Folder::new();
    let empty = folder.file("empty", " \n");
    let key = |source: &str| format!("deepseek-v3.2@deepseek={source}");
    let from_nowhere = key("ENV:WEIGHBRIDGE_NO_SUCH_VARIABLE");
    let (from_empty, absent) = (key(&format!("FILE:{empty}")), key("FILE:/no/such/file"));
    let bare = key("sk-secret");
    for (args, says) in [
        (
            vec!["--upstream-key", "m=ENV:HOME"],
            "--upstream-key m: there is no --upstream m=URL",
        ),
        (
            vec!["--upstream-key", "sk-secret"],
            "must be a name, `=` and a value",
        ),
        (
            vec!["--upstream-key", &bare],
            "write ENV:VARIABLE or FILE:PATH",
        ),
        (
            vec!["--upstream-key", &from_nowhere],
            "`WEIGHBRIDGE_NO_SUCH_VARIABLE`",
        ),
        (vec!["--upstream-key", &from_empty], "the key is empty"),
        (vec!["--upstream-key", &absent], "cannot read /no/such/file"),
        (
            vec!["--upstream-silence", "x"],
            "must be a number of seconds",
        ),
    ] {
        refused(&args, says);
    }
}

#[test]
fn a_proxy_decides_among_what_it_can_reach_and_says_what_it_cannot() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/hard-math-and-code.toml");
    let upstream = |id: &str| format!("{id}=http://127.0.0.1:9/v1");
    let server = Server::start(&[&router, "--upstream", &upstream("deepseek-v3.2@novita")]);
    let said = server.said();
    assert!(
        said.contains("not decided among, for want of an --upstream: deepseek-v3.2@deepseek, "),
        "{said}"
    );
    assert_eq!(server.ask("GET", "/readyz", "").0, 200);
    let request = r#"{"request":{"task":"math"}}"#;
    let (_, answer) = server.ask("POST", "/v1/route", request);
    assert!(
        answer.contains(r#""choice":{"deepseek-v3.2@novita":1000000}"#),
        "{answer}"
    );
    server.end("-TERM");
    // Its time was over in December 2025.
    let ended = upstream("deepseek-v3.2-speciale@deepseek");
    let server = Server::start(&[&router, "--upstream", &ended]);
    let (status, answer) = server.ask("GET", "/readyz", "");
    assert_eq!(status, 503);
    assert!(answer.contains("is in service at this time"), "{answer}");
    server.end("-TERM");
}
