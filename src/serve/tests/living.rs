//! Connections, limits, the end.

use std::io::Read;
use std::thread;
use std::time::Duration;

use weighbridge_router::{Request, Tokens};

use super::deciding::expected;
use super::{Client, Running, active, mixture, quick, rules};
use crate::serve::{Files, Limits, ServeOptions, run};

#[test]
fn stopping_lets_a_request_under_way_finish_and_closes_idle_connections() {
    let mut server = Running::start(mixture());
    let mut idle = server.client();
    assert_eq!(idle.post("/v1/route", br#"{"request":{}}"#).status, 200);
    let mut slow = server.client();
    let body = br#"{"request":{}}"#;
    let head = "POST /v1/route HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 14\r\n\r\n";
    slow.send(head, b"");
    // The interim answer tells that the server waits for the body.
    let mut interim = [0; 25];
    slow.stream.read_exact(&mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100"));
    server.tell_to_stop();
    let mut nothing = [0; 1];
    assert_eq!(idle.stream.read(&mut nothing).unwrap(), 0);
    slow.send("", body);
    assert_eq!(slow.read().status, 200);
    server.stop();
}

#[test]
fn a_client_that_never_finishes_does_not_keep_the_server_alive() {
    let server = Running::with_limits(
        mixture(),
        Limits {
            drain: Duration::from_millis(50),
            ..quick()
        },
    );
    let mut stuck = server.client();
    stuck.send(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 14\r\n\r\n",
        b"{",
    );
    assert_eq!(server.route(r#"{"request":{}}"#).status, 200);
    server.stop();
}

#[test]
#[cfg(unix)]
fn a_signal_ends_the_server_and_the_bound_port_is_told() {
    let options = ServeOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..ServeOptions::default()
    };
    // Signals are heeded before `ready` is called, so that this one cannot end the test itself.
    let ended = run(Files::fixed(active(mixture())), options, |address| {
        assert_ne!(address.port(), 0);
        thread::spawn(move || {
            let reply = Client::connect(address).post("/v1/route", br#"{"request":{}}"#);
            assert_eq!(reply.status, 200);
            let kill = format!("kill -TERM {}", std::process::id());
            std::process::Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap();
        });
    });
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = Running::start(mixture());
    let options = ServeOptions {
        listen: server.address,
        ..ServeOptions::default()
    };
    let error = run(Files::fixed(active(mixture())), options, |_| {
        panic!("it cannot be ready")
    })
    .unwrap_err();
    let says = format!("cannot listen on {}: ", server.address);
    assert!(error.to_string().starts_with(&says), "{error}");
}

#[test]
fn many_connections_at_once_each_get_their_own_answer() {
    let (router, server) = (rules(), Running::start(rules()));
    thread::scope(|scope| {
        for worker in 0..32 {
            let (router, server) = (&router, &server);
            scope.spawn(move || {
                let mut client = server.client();
                for i in 0..50 {
                    let task = ["math", "chat", "mixed"][(worker + i) % 3];
                    let request = Request {
                        task: Some(task.into()),
                        input_tokens: Some(Tokens(9)),
                        ..Request::default()
                    };
                    let body = format!(
                        r#"{{"id":"{worker}/{i}","request":{{"task":"{task}","input_tokens":9}}}}"#
                    );
                    let reply = client.post("/v1/route", body.as_bytes()).body;
                    assert_eq!(reply["id"], format!("{worker}/{i}"));
                    assert_eq!(reply["choice"], expected(router, &request)["choice"]);
                }
            });
        }
    });
}

#[test]
fn a_body_above_the_limit_is_refused_declared_or_not() {
    let server = Running::with_limits(
        mixture(),
        Limits {
            body_bytes: 100,
            ..quick()
        },
    );
    let mut declared = server.client();
    declared.send(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 101\r\n\r\n",
        b"",
    );
    let chunk = format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(101));
    let mut chunked = server.client();
    chunked.send(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
        chunk.as_bytes(),
    );
    for mut client in [declared, chunked] {
        let reply = client.read();
        assert_eq!(reply.status, 413);
        assert_eq!(
            reply.body["error"]["message"],
            "the body is longer than 100 bytes; shorten the prompt"
        );
    }
    let full = format!(r#"{{"request":{{"prompt":"{}"}}}}"#, "x".repeat(75));
    assert_eq!(full.len(), 100);
    assert_eq!(server.route(&full).status, 200);
}

/// What the server sends until it hangs up.
fn until_closed(client: &mut Client) -> Vec<u8> {
    let mut rest = Vec::new();
    // A connection that is cut off while bytes are unread is reset.
    let _ = client.stream.read_to_end(&mut rest);
    rest
}

#[test]
fn slow_headers_and_idle_connections_are_cut_off() {
    let limits = Limits {
        head: Duration::from_millis(100),
        idle: Duration::from_millis(400),
        ..quick()
    };
    let server = Running::with_limits(mixture(), limits);
    let mut silent = server.client();
    assert!(until_closed(&mut silent).is_empty());
    // A header that never ends, a byte at a time: each byte alone would keep an idle clock going.
    let mut slow = server.client();
    slow.send(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
        b"",
    );
    let mut sent = 0;
    while std::io::Write::write_all(&mut slow.stream, b"x").is_ok() {
        thread::sleep(Duration::from_millis(20));
        sent += 1;
        assert!(sent < 1000, "nothing ended it");
    }
    let mut kept = server.client();
    for _ in 0..3 {
        assert_eq!(kept.post("/v1/route", br#"{"request":{}}"#).status, 200);
        thread::sleep(Duration::from_millis(150));
    }
    assert!(until_closed(&mut kept).is_empty());
}

#[test]
fn a_body_that_does_not_come_is_answered_with_408() {
    let limits = Limits {
        body: Duration::from_millis(50),
        ..quick()
    };
    let server = Running::with_limits(mixture(), limits);
    let mut client = server.client();
    client.send(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 14\r\n\r\n",
        b"{",
    );
    let reply = client.read();
    assert_eq!(reply.status, 408);
    assert_eq!(reply.body["error"]["code"], "slow_body");
}

#[test]
fn headers_above_the_limit_are_refused() {
    let server = Running::with_limits(
        mixture(),
        Limits {
            head_bytes: 8192,
            ..quick()
        },
    );
    let mut client = server.client();
    let head = format!(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n",
        "x".repeat(9000)
    );
    client.send(&head, b"");
    let said = until_closed(&mut client);
    assert!(
        said.starts_with(b"HTTP/1.1 431 "),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn a_connection_above_the_limit_is_told_so_and_a_place_is_given_back() {
    let server = Running::with_limits(
        mixture(),
        Limits {
            connections: 2,
            ..quick()
        },
    );
    let [mut one, mut two] = [server.client(), server.client()];
    for client in [&mut one, &mut two] {
        assert_eq!(client.post("/v1/route", br#"{"request":{}}"#).status, 200);
    }
    let said = until_closed(&mut server.client());
    assert!(
        said.starts_with(b"HTTP/1.1 503 "),
        "{}",
        String::from_utf8_lossy(&said)
    );
    drop(one);
    let mut tries = 0;
    while !until_answered(&server) {
        tries += 1;
        assert!(tries < 1000, "the place is not given back");
        thread::sleep(Duration::from_millis(5));
    }
}

fn until_answered(server: &Running) -> bool {
    let mut client = server.client();
    client.send(
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"",
    );
    until_closed(&mut client).starts_with(b"HTTP/1.1 200")
}

#[test]
fn who_is_told_to_stop_says_so_before_he_goes() {
    let mut server = Running::with_limits(
        mixture(),
        Limits {
            linger: Duration::from_secs(30),
            ..quick()
        },
    );
    let mut kept = server.client();
    kept.send("GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n", b"");
    assert_eq!(kept.read().body["status"], "ready");
    server.tell_to_stop();
    let mut tries = 0;
    // New connections are still served, and told that it is their last request.
    loop {
        let mut client = server.client();
        client.send("GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n", b"");
        let reply = client.read();
        if reply.status == 503 {
            assert_eq!(reply.body["status"], "draining");
            assert!(reply.head.contains("connection: close"));
            break;
        }
        tries += 1;
        assert!(tries < 1000, "it never says so");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(kept.post("/v1/route", br#"{"request":{}}"#).status, 200);
    assert!(until_closed(&mut kept).is_empty());
}

#[test]
fn the_id_of_a_request_comes_from_its_header_its_body_or_the_server() {
    let server = Running::start(mixture());
    let mut client = server.client();
    let mut ask = |header: &str, body: &str| {
        let length = body.len();
        let head = format!(
            "POST /v1/route HTTP/1.1\r\nhost: localhost\r\n{header}content-length: {length}\r\n\r\n"
        );
        client.send(&head, body.as_bytes());
        client.read()
    };
    for (header, body, id) in [
        (
            "x-request-id: from-header\r\n",
            r#"{"id":"from-body","request":{}}"#,
            "from-header",
        ),
        ("", r#"{"id":"from-body","request":{}}"#, "from-body"),
    ] {
        let reply = ask(header, body);
        assert_eq!(reply.body["id"], id);
        assert!(reply.head.contains(&format!("x-request-id: {id}\r\n")));
    }
    let made_up = ask("", r#"{"request":{}}"#);
    let id = made_up.body["id"].as_str().unwrap();
    assert!(made_up.head.contains(&format!("x-request-id: {id}\r\n")));
    let long = format!("x-request-id: {}\r\n", "x".repeat(129));
    for (header, body, field) in [
        (long.as_str(), r#"{"request":{}}"#, "x-request-id"),
        ("x-request-id: a b\r\n", r#"{"request":{}}"#, "x-request-id"),
        ("x-request-id: \r\n", r#"{"request":{}}"#, "x-request-id"),
        ("", r#"{"id":"","request":{}}"#, "id"),
        ("", r#"{"id":"a\nb","request":{}}"#, "id"),
    ] {
        let reply = ask(header, body);
        assert_eq!(reply.status, 400, "{header}{body}");
        assert_eq!(reply.body["error"]["param"], field);
    }
}
