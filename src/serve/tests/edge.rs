//! What is taken of whom: web pages, heads, bodies that are not read, the budget, ids.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::{Arc, Mutex, mpsc};

use super::{Client, Reply, Running, active, mixture, quick};
use crate::serve::app::App;
use crate::serve::record::Recorder;
use crate::serve::{AccessTokens, AllowedHosts, Limits, ServeOptions};

const TOKEN: &str = "a-token-for-decisions";

fn app(options: &ServeOptions) -> App {
    App::new(active(mixture()), Recorder::off(), options)
}

fn options() -> ServeOptions {
    ServeOptions {
        limits: quick(),
        ..ServeOptions::default()
    }
}

/// Ask over a connection of its own, with these lines of the head.
fn ask(server: &Running, line: &str, head: &str, body: &str) -> Reply {
    let mut client = server.client();
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\n{head}content-length: {length}\r\n\r\n");
    client.send(&head, body.as_bytes());
    client.read()
}

const DECIDES: [&str; 7] = [
    "POST /v1/route",
    "GET /v1/route/x",
    "OPTIONS /v1/route/x",
    "POST /v1/chat/completions",
    "GET /v1/models",
    "POST /v1/feedback",
    "GET /metrics",
];

/// What a browser sends for a page of somewhere else, and how it is refused.
const PAGES: [(&str, &str); 5] = [
    (
        "host: localhost:8787\r\norigin: https://evil.example\r\n",
        "foreign_origin",
    ),
    (
        "host: 127.0.0.1\r\norigin: null\r\ncontent-type: text/plain\r\n",
        "foreign_origin",
    ),
    (
        "host: localhost\r\nsec-fetch-site: cross-site\r\n",
        "foreign_origin",
    ),
    (
        "host: localhost:8787\r\norigin: http://localhost:3000\r\nsec-fetch-site: same-site\r\n",
        "foreign_origin",
    ),
    (
        "host: evil.example:8787\r\norigin: http://evil.example:8787\r\nsec-fetch-site: same-origin\r\n",
        "foreign_host",
    ),
];

#[test]
fn no_web_page_is_answered_by_a_server_without_tokens() {
    let server = Running::of(app(&options()));
    for line in DECIDES {
        for (head, code) in PAGES {
            let reply = ask(&server, line, head, r#"{"request":{}}"#);
            assert_eq!(reply.status, 403, "{line} {head}");
            assert_eq!(reply.body["error"]["code"], code, "{line} {head}");
            assert!(!reply.head.contains("access-control"), "{}", reply.head);
        }
    }
    // Whoever looks whether the server lives names it as he likes.
    for (head, _) in PAGES {
        assert_eq!(ask(&server, "GET /healthz", head, "").status, 200);
    }
    let own =
        "host: localhost:8787\r\norigin: http://localhost:8787\r\nsec-fetch-site: same-origin\r\n";
    assert_eq!(
        ask(&server, "POST /v1/route", own, r#"{"request":{}}"#).status,
        200
    );
}

#[test]
fn tokens_or_another_address_let_in_as_before() {
    let with_tokens = ServeOptions {
        tokens: Some(AccessTokens::parse(TOKEN).unwrap()),
        admin_tokens: Some(AccessTokens::parse(TOKEN).unwrap()),
        ..options()
    };
    let elsewhere = ServeOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..options()
    };
    let named = ServeOptions {
        allowed_hosts: AllowedHosts::try_new(&["evil.example".into()]).unwrap(),
        ..options()
    };
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    for (options, head) in [
        (with_tokens, format!("{bearer}{}", PAGES[0].0)),
        (elsewhere, PAGES[4].0.to_owned()),
        (named, PAGES[4].0.to_owned()),
    ] {
        let server = Running::of(app(&options));
        let reply = ask(&server, "POST /v1/route", &head, r#"{"request":{}}"#);
        assert_eq!(reply.status, 200, "{head}");
        assert_eq!(ask(&server, "GET /metrics", &head, "").status, 200);
    }
}

#[test]
fn a_request_without_a_host_or_with_two_is_refused_and_the_last_of_its_connection() {
    let server = Running::of(app(&options()));
    for hosts in [
        "",
        "host: localhost\r\nhost: localhost\r\n",
        "host: a b\r\n",
    ] {
        for path in ["/v1/route", "/healthz", "/nowhere"] {
            let reply = ask(&server, &format!("POST {path}"), hosts, r#"{"request":{}}"#);
            assert_eq!(reply.status, 400, "{hosts}");
            assert_eq!(reply.body["error"]["code"], "bad_host");
            assert!(reply.head.contains("\r\nconnection: close\r\n"));
        }
    }
    let mut old = server.client();
    old.send("GET /healthz HTTP/1.0\r\n\r\n", b"");
    assert_eq!(old.read().status, 200);
}

#[test]
fn the_limit_of_a_head_holds_to_the_byte() {
    let server = Running::with_limits(mixture(), quick());
    let most = quick().head_bytes;
    let fixed = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: \r\n\r\n".len();
    for (bytes, status) in [(most, 200), (most + 1, 431), (100_000, 431)] {
        let mut client = server.client();
        let long = "x".repeat(bytes - fixed);
        client.send(
            &format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n"),
            b"",
        );
        let reply = client.read();
        assert_eq!(reply.status, status, "{bytes}");
        assert_eq!(
            reply.head.contains("\r\nconnection: close\r\n"),
            status == 431
        );
    }
}

/// The reply, and that the server says and does close.
fn closed(client: &mut Client) -> Reply {
    let reply = client.read();
    assert!(
        reply.head.contains("\r\nconnection: close\r\n"),
        "{}",
        reply.head
    );
    assert!(client.unread.is_empty());
    assert_eq!(client.stream.read(&mut [0; 1]).unwrap(), 0);
    reply
}

#[test]
fn an_answer_to_a_body_that_is_not_read_says_that_the_connection_closes() {
    let limits = Limits {
        body_bytes: 100_000,
        ..quick()
    };
    let server = Running::with_limits(mixture(), limits);
    let page = PAGES[0].0;
    for (line, head, status) in [
        ("POST /nowhere", "host: localhost\r\n", 404),
        ("POST /metrics", "host: localhost\r\n", 405),
        ("POST /v1/route", "host: localhost\r\n", 413),
        ("POST /v1/route", page, 403),
        ("POST /admin/reload", "host: localhost\r\n", 403),
    ] {
        let mut client = server.client();
        // The client is told even while it sends.
        client.send(
            &format!("{line} HTTP/1.1\r\n{head}content-length: 3000000\r\n\r\n"),
            b"",
        );
        let body = vec![b'x'; 3_000_000];
        let mut stream = client.stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || std::io::Write::write_all(&mut stream, &body));
        let reply = closed(&mut client);
        assert_eq!(reply.status, status, "{line}");
        drop(client);
        let _ = sending.join().unwrap();
    }
    // One that was read keeps its connection, whatever is wrong with it.
    let mut client = server.client();
    assert_eq!(client.post("/v1/route", b"{").status, 400);
    assert_eq!(client.post("/nowhere", b"").status, 404);
    assert_eq!(client.post("/v1/route", br#"{"request":{}}"#).status, 200);
}

/// A client that sends so much of a body, and then nothing.
fn stalled(server: &Running, bytes: usize) -> Client {
    let mut client = server.client();
    let body = vec![b' '; bytes];
    client.send(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8388608\r\n\r\n",
        &body,
    );
    client
}

#[test]
fn bodies_share_a_budget_and_beyond_it_are_told_to_come_again() {
    let limits = Limits {
        bodies_bytes: 8 << 20,
        ..quick()
    };
    let app = Arc::new(app(&ServeOptions {
        limits,
        ..options()
    }));
    let bodies = app.bodies.clone();
    let server = Running::of_shared(app, async {});
    let until = |is_so: &dyn Fn(usize) -> bool| {
        for _ in 0..3000 {
            if is_so(bodies.held()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{} bytes are held", bodies.held());
    };
    // Little is held of those who say much and send little.
    let few: Vec<Client> = (0..100).map(|_| stalled(&server, 1_000)).collect();
    until(&|held| held >= 100_000);
    assert!(bodies.held() < 300_000, "{}", bodies.held());
    drop(few);
    until(&|held| held == 0);
    let held = stalled(&server, 4 << 20);
    until(&|held| held >= 4 << 20);
    let mut second = stalled(&server, 4 << 20);
    let reply = closed(&mut second);
    assert_eq!(reply.status, 503);
    assert_eq!(reply.body["error"]["code"], "overloaded");
    assert!(
        reply.head.contains("\r\nretry-after: 1\r\n"),
        "{}",
        reply.head
    );
    // Small ones still are answered.
    let small = format!(r#"{{"request":{{"prompt":"{}"}}}}"#, "x".repeat(40_000));
    assert_eq!(server.route(&small).status, 200);
    drop(held);
    until(&|held| held == 0);
    let large = format!(r#"{{"request":{{"prompt":"{}"}}}}"#, "x".repeat(3 << 20));
    assert_eq!(server.route(&large).status, 200);
    until(&|held| held == 0);
}

#[test]
fn heads_that_do_not_end_share_the_budget() {
    let limits = Limits {
        bodies_bytes: 1 << 20,
        ..quick()
    };
    let app = Arc::new(app(&ServeOptions {
        limits,
        ..options()
    }));
    let bodies = app.bodies.clone();
    let server = Running::of_shared(app, async {});
    let head = format!(
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}",
        "x".repeat(60_000)
    );
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..30 {
        let mut client = server.client();
        // Those for whom there is no room are cut off, some while they send.
        let _ = std::io::Write::write_all(&mut client.stream, head.as_bytes());
        clients.push(client);
        assert!(bodies.held() <= 1 << 20);
    }
    drop(clients);
    for _ in 0..3000 {
        if bodies.held() == 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(bodies.held(), 0);
    assert_eq!(server.route(r#"{"request":{}}"#).status, 200);
}

#[test]
fn work_on_large_bodies_holds_nobody_else_up() {
    let app = Arc::new(app(&options()));
    let (begun, running) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let heavy = Arc::clone(&app);
    let server = Running::of_shared(app, async move {
        // As many as there are threads.
        let work = |begun: mpsc::Sender<()>, held: Arc<Mutex<mpsc::Receiver<()>>>| {
            let app = Arc::clone(&heavy);
            tokio::spawn(async move {
                let wait = || {
                    begun.send(()).unwrap();
                    let _ = held.lock().unwrap().recv();
                };
                app.heavy(1 << 20, wait).await;
            })
        };
        let works = [(); 2].map(|()| work(begun.clone(), Arc::clone(&held)));
        for work in works {
            work.await.unwrap();
        }
    });
    running.recv().unwrap();
    running.recv().unwrap();
    for _ in 0..20 {
        assert_eq!(server.route(r#"{"request":{}}"#).status, 200);
    }
    release.send(()).unwrap();
    release.send(()).unwrap();
}

#[test]
fn too_many_keys_are_refused_on_every_route() {
    let app = app(&options());
    let server = Running::of(app);
    let keys: Vec<String> = (0..600_000).map(|i| format!("\"{i}\":1")).collect();
    let keys = keys.join(",");
    for body in [
        format!("{{{keys}}}"),
        format!(r#"{{"request":{{{keys}}}}}"#),
    ] {
        for path in ["/v1/route", "/v1/feedback"] {
            let reply = server.client().post(path, body.as_bytes());
            assert_eq!(reply.status, 400);
            let message = reply.body["error"]["message"].as_str().unwrap();
            assert!(message.contains("has more than 1000 keys"), "{message}");
        }
    }
    let name = "x".repeat(257);
    let reply = server.route(&format!(r#"{{"request":{{"tenant":"{name}"}}}}"#));
    assert_eq!(
        (reply.status, &reply.body["error"]["param"]),
        (400, &"request.tenant".into())
    );
}

#[test]
fn what_clients_call_their_requests_can_be_left_out_of_account() {
    let server = Running::of(app(&ServeOptions {
        own_ids: true,
        ..options()
    }));
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let head = "host: localhost\r\nx-request-id: chosen\r\n";
        let reply = ask(
            &server,
            "POST /v1/route",
            head,
            r#"{"id":"chosen","request":{}}"#,
        );
        let id = reply.body["id"].as_str().unwrap().to_owned();
        assert!(reply.head.contains(&format!("\r\nx-request-id: {id}\r\n")));
        assert!(id.len() == 32 && seen.insert(id));
        let batch = r#"{"requests":[{"id":"chosen","request":{}},{"id":"bad id","request":{}}]}"#;
        let reply = ask(&server, "POST /v1/route", head, batch);
        for place in [0, 1] {
            let id = reply.body["decisions"][place]["id"].as_str().unwrap();
            assert!(id.ends_with(&format!("-{place}")) && seen.insert(id.to_owned()));
        }
    }
}
