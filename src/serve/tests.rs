//! The sidecar over real HTTP on loopback, spoken by hand.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use weighbridge_router::{
    Choose, Endpoint, Heads, LogLinear, Logistic, Parts, PriceRow, Rates, Request, Router, Step,
    Success, Tag, Timestamp, Tokens, Trade, Usd,
};

use super::app::{MAX_BODY_BYTES, app};
use super::decider::Decider;
use super::live::{Active, Explore, Live, Loaded};
use super::record::Recorder;
use super::server::serve_until;
use super::{ServeError, ServeOptions, run};

const DRIVER: &str = "driver@x";
const SPECIALIST: &str = "specialist@x";

fn endpoint(id: &str) -> Endpoint {
    Endpoint {
        recorded_only: false,
        ..Endpoint::recorded_only(id)
    }
}

fn router(choose: &str) -> Router {
    Router::try_new(Parts {
        endpoints: vec![
            Endpoint {
                can: vec!["tools".into()],
                ..endpoint(DRIVER)
            },
            endpoint(SPECIALIST),
        ],
        choose: Some(Choose::from_json(choose).unwrap()),
        ..Parts::default()
    })
    .unwrap()
}

fn mixture() -> Router {
    router(r#"{"kind":"random","weights":{"driver@x":0.75,"specialist@x":0.25}}"#)
}

fn rules() -> Router {
    router(
        r#"{"kind":"rules","else":"driver@x","rule":[{"when":{"task":["math"]},"to":"specialist@x"},
            {"when":{"task":["mixed"]},"to":{"kind":"random","weights":{"driver@x":0.4,"specialist@x":0.6}}}]}"#,
    )
}

/// Two models told apart by the task tag.
fn learned() -> Router {
    let head = |model: &str, weight| Heads {
        model: model.into(),
        success: Success::Logistic(Logistic {
            weights: vec![weight],
            bias: -0.3,
            platt: [1.0, 0.0],
        }),
        output_tokens: LogLinear {
            weights: vec![0.1],
            bias: 5.0,
            smearing: 1.3,
        },
    };
    let priced = |id: &str, model: &str, picos| Endpoint {
        model: model.into(),
        prices: vec![PriceRow {
            from: None,
            until: None,
            rates: Rates {
                input: Usd::from_picos(picos),
                cached: Usd::from_picos(picos),
                output: Usd::from_picos(picos),
            },
            tiers: Vec::new(),
        }],
        ..endpoint(id)
    };
    Router::try_new(Parts {
        endpoints: vec![
            priced(DRIVER, "driver", 280_000),
            priced(SPECIALIST, "specialist", 2_000_000),
        ],
        choose: Some(Choose::Router(Trade {
            value: Usd::from_picos(2_000_000_000_000),
            ..Trade::default()
        })),
        fallback: vec![DRIVER.into()],
        steps: vec![Step::Tag(Tag {
            values: vec!["math".into()],
        })],
        heads: vec![head("driver", -1.0), head("specialist", 1.5)],
        ..Parts::default()
    })
    .unwrap()
}

fn active(router: Router) -> Active {
    Active {
        main: Loaded {
            name: "main".into(),
            router,
        },
        canary: None,
        shadow: None,
        explore: Explore::default(),
    }
}

fn decider(router: Router) -> Decider {
    Decider::new(Live::new(active(router)), Recorder::off())
}

/// A server on a thread of its own, stopped when dropped.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    fn start(router: Router) -> Self {
        Self::with_limits(router, MAX_BODY_BYTES, Duration::from_secs(30))
    }

    fn with_limits(router: Router, max_body_bytes: usize, drain: Duration) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                let routes = app(decider(router), max_body_bytes);
                let stop = async { drop(stopped.await) };
                serve_until(listener, routes, stop, drain).await
            })
        });
        Self {
            address: address.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    fn route(&self, body: &str) -> Reply {
        self.client().post("/v1/route", body.as_bytes())
    }

    fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    fn stop(mut self) {
        self.tell_to_stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}

/// One connection, kept alive.
struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Value,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    fn post(&mut self, path: &str, body: &[u8]) -> Reply {
        self.send(
            &format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
                body.len()
            ),
            body,
        );
        self.read()
    }

    fn send(&mut self, head: &str, body: &[u8]) {
        // One write: two would wait for each other's acknowledgement.
        let bytes = [head.as_bytes(), body].concat();
        self.stream.write_all(&bytes).unwrap();
    }

    fn read(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more();
        };
        let head = String::from_utf8(self.unread.drain(..end).collect())
            .unwrap()
            .to_ascii_lowercase();
        let length: usize = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .unwrap()
            .parse()
            .unwrap();
        while self.unread.len() < length {
            self.read_more();
        }
        let body: Vec<u8> = self.unread.drain(..length).collect();
        Reply {
            status: head[9..12].parse().unwrap(),
            head,
            body: serde_json::from_slice(&body).unwrap(),
        }
    }

    fn read_more(&mut self) {
        let mut chunk = [0; 4096];
        let n = self.stream.read(&mut chunk).unwrap();
        assert!(n > 0, "the server hung up");
        self.unread.extend_from_slice(&chunk[..n]);
    }
}

/// What the router itself says, in the shape of the answer.
fn expected(router: &Router, request: &Request) -> Value {
    let decision = router.decide(&request.as_ref());
    let choice: Value = decision
        .masses()
        .iter()
        .map(|(index, share)| (router.endpoint(*index).id.clone(), json!(share.0)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut scratch = weighbridge_router::Scratch::default();
    let predictions: Vec<Value> = router
        .predict(&request.as_ref(), &mut scratch)
        .iter()
        .zip(router.heads())
        .map(|(predicted, heads)| {
            json!({ "model": heads.model, "success": predicted.success.get(), "output_tokens": predicted.output_tokens })
        })
        .collect();
    json!({
        "choice": choice, "unanswered_ppm": decision.unanswered().0,
        "fell_back_ppm": decision.fell_back().0, "predictions": predictions,
    })
}

#[test]
fn every_router_decides_over_http_as_it_decides_itself() {
    let requests = [
        r#"{}"#,
        r#"{"prompt":"prove it","task":"math"}"#,
        r#"{"prompt":"hello","task":"chat","at":"2025-12-02T09:14:03Z","mood":"unknown to policies"}"#,
        r#"{"prompt":"call it","task":"math","needs":["tools"]}"#,
        r#"{"prompt":"h\u00e9llo \"quoted\"","task":"mixed","value_usd":0.5}"#,
        r#"{"prompt":"look","needs":["vision"]}"#,
    ];
    for router in [
        router(r#"{"kind":"always","to":"specialist@x"}"#),
        mixture(),
        rules(),
        learned(),
    ] {
        let server = Running::start(router.clone());
        let mut client = server.client();
        for (i, text) in requests.iter().enumerate() {
            let body = format!(r#"{{"id":"r-{i}","request":{text}}}"#);
            let reply = client.post("/v1/route", body.as_bytes());
            assert_eq!(reply.status, 200, "{text}");
            let expected = expected(&router, &Request::from_json(text).unwrap());
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&reply.body[name], value, "{name} of {text}");
            }
            assert_eq!(reply.body["id"], format!("r-{i}"));
            let share = match reply.body["endpoint"].as_str() {
                Some(endpoint) => expected["choice"][endpoint].as_f64().unwrap(),
                None => expected["unanswered_ppm"].as_f64().unwrap(),
            };
            assert!(share > 0.0, "{text}");
            assert_eq!(reply.body["propensity"], share / 1e6);
        }
    }
}

#[test]
fn a_learned_choice_is_no_constant_and_shows_its_predictions() {
    let server = Running::start(learned());
    let math = server.route(r#"{"request":{"prompt":"x","task":"math"}}"#);
    let chat = server.route(r#"{"request":{"prompt":"x","task":"chat"}}"#);
    assert_eq!(math.body["endpoint"], SPECIALIST);
    assert_eq!(chat.body["endpoint"], DRIVER);
    assert_eq!(math.body["predictions"].as_array().unwrap().len(), 2);
}

#[test]
fn a_mixture_is_drawn_by_the_id_in_its_shares() {
    let server = Running::start(mixture());
    let mut client = server.client();
    let mut draw = |id: usize| {
        let body = format!(r#"{{"id":"r-{id}","request":{{}}}}"#);
        client.post("/v1/route", body.as_bytes()).body
    };
    let first: Vec<Value> = (0..4000).map(&mut draw).collect();
    let specialist = first.iter().filter(|a| a["endpoint"] == SPECIALIST).count();
    // Four standard deviations around a quarter.
    assert!((890..=1110).contains(&specialist), "{specialist}");
    for (id, answer) in first.iter().enumerate().take(50) {
        assert_eq!(&draw(id), answer);
    }
}

#[test]
fn what_no_endpoint_admits_is_answered_without_one() {
    let server = Running::start(mixture());
    let reply = server.route(r#"{"request":{"needs":["vision"]}}"#);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["endpoint"], Value::Null);
    assert_eq!(reply.body["propensity"], 1.0);
    assert_eq!(reply.body["unanswered_ppm"], 1_000_000);
    assert_eq!(reply.body["choice"], json!({}));
}

#[test]
fn a_share_that_nobody_takes_is_drawn_like_any_other() {
    let server = Running::start(mixture());
    let ask = |id: &str| {
        let body = format!(r#"{{"id":"{id}","request":{{"needs":["tools"]}}}}"#);
        let answer = server.route(&body).body;
        assert_eq!(answer["choice"], json!({ DRIVER: 750_000 }));
        assert_eq!(answer["unanswered_ppm"], 250_000);
        (answer["endpoint"].clone(), answer["propensity"].clone())
    };
    // The ids draw 688257 and 938487 of a million.
    assert_eq!(ask("r-0"), (json!(DRIVER), json!(0.75)));
    assert_eq!(ask("r-6"), (Value::Null, json!(0.25)));
}

#[test]
fn a_request_without_a_time_arrives_now() {
    let mut parts = router(r#"{"kind":"always","to":"driver@x"}"#)
        .parts()
        .clone();
    parts.endpoints[0].until = Some(Timestamp::parse("2025-12-15T15:59:00Z").unwrap());
    parts.fallback = vec![SPECIALIST.into()];
    let server = Running::start(Router::try_new(parts).unwrap());
    let now = server.route(r#"{"request":{}}"#);
    assert_eq!(now.body["endpoint"], SPECIALIST);
    assert_eq!(now.body["fell_back_ppm"], 1_000_000);
    let then = server.route(r#"{"request":{"at":"2025-12-02"}}"#);
    assert_eq!(then.body["endpoint"], DRIVER);
}

#[test]
fn requests_without_an_id_get_one_each() {
    let server = Running::start(mixture());
    let mut client = server.client();
    let ids: BTreeSet<String> = (0..20)
        .map(|_| {
            let reply = client.post("/v1/route", br#"{"id":null,"request":{}}"#);
            reply.body["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn what_is_wrong_with_a_body_is_said_with_its_field() {
    let server = Running::start(mixture());
    for (body, field, says) in [
        ("", None, "the body is not valid JSON: EOF while parsing"),
        ("{\"request\":{", None, "the body is not valid JSON: EOF"),
        ("{\"request\":{}} x", None, "trailing characters"),
        ("[1]", None, "expected an object like {\"request\""),
        ("{}", Some("request"), "this field is missing"),
        (
            r#"{"reqest":{}}"#,
            Some("reqest"),
            "unknown field; known here: request, id",
        ),
        (
            r#"{"request":{},"request":{}}"#,
            Some("request"),
            "this field stands twice",
        ),
        (
            r#"{"request":[]}"#,
            Some("request"),
            "must be an object, not []",
        ),
        (r#"{"request":{},"id":7}"#, Some("id"), "must be a text"),
        (
            r#"{"request":{"input_tokens":-1}}"#,
            Some("request.input_tokens"),
            "must be a whole number from 0 to 4294967295, not -1",
        ),
        (
            r#"{"request":{"needs":["tools",1]}}"#,
            Some("request.needs[1]"),
            "must be a text, not 1",
        ),
        (
            r#"{"request":{"value_usd":NaN}}"#,
            None,
            "the body is not valid JSON",
        ),
    ] {
        let reply = server.route(body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.head.contains("content-type: application/json"));
        let error = &reply.body["error"];
        assert_eq!(error["field"].as_str(), field, "{body}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(says), "{body}: {message}");
        if field.is_some() {
            assert!(message.starts_with(says), "{body}: {message}");
        }
    }
    let reply = server.client().post("/v1/route", b"{\"id\":\"\xff\"}");
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.body["error"]["message"],
        "the body is not UTF-8 from byte 7"
    );
    // A body nested without end neither overflows a stack nor ends the server.
    let deep = format!(r#"{{"request":{{"x":{}}}}}"#, "[".repeat(1_000_000));
    assert_eq!(server.route(&deep).status, 400);
    assert_eq!(server.route(r#"{"request":{}}"#).status, 200);
}

#[test]
fn a_body_above_the_limit_is_refused_declared_or_not() {
    let server = Running::with_limits(mixture(), 100, Duration::from_secs(30));
    let mut declared = server.client();
    declared.send(
        "POST /v1/route HTTP/1.1\r\nhost: x\r\ncontent-length: 101\r\n\r\n",
        b"",
    );
    let chunk = format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(101));
    let mut chunked = server.client();
    chunked.send(
        "POST /v1/route HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
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

#[test]
fn a_prompt_of_five_megabytes_is_decided() {
    let server = Running::start(rules());
    let body = json!({ "request": { "prompt": "word ".repeat(1_000_000), "task": "math" } });
    assert_eq!(server.route(&body.to_string()).body["endpoint"], SPECIALIST);
}

#[test]
fn health_unknown_paths_and_wrong_methods_are_told_apart() {
    let server = Running::start(mixture());
    let mut client = server.client();
    for (ask, status, says) in [
        ("GET /healthz", 200, "{\"status\":\"ok\"}"),
        ("GET /v1/route", 405, "/v1/route does not take GET"),
        ("DELETE /healthz", 405, "/healthz does not take DELETE"),
        ("GET /", 404, "there is nothing at /;"),
        ("POST /v1/rout", 404, "there is nothing at /v1/rout;"),
    ] {
        client.send(
            &format!("{ask} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"),
            b"",
        );
        let reply = client.read();
        assert_eq!(reply.status, status, "{ask}");
        assert!(reply.body.to_string().contains(says), "{}", reply.body);
        assert_eq!(reply.head.contains("\r\nallow: "), status == 405);
    }
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
fn stopping_lets_a_request_under_way_finish_and_closes_idle_connections() {
    let mut server = Running::start(mixture());
    let mut idle = server.client();
    assert_eq!(idle.post("/v1/route", br#"{"request":{}}"#).status, 200);
    let mut slow = server.client();
    let body = br#"{"request":{}}"#;
    let head =
        "POST /v1/route HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 14\r\n\r\n";
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
    let server = Running::with_limits(mixture(), 100, Duration::from_millis(50));
    let mut stuck = server.client();
    stuck.send(
        "POST /v1/route HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n",
        b"{",
    );
    assert_eq!(server.route(r#"{"request":{}}"#).status, 200);
    server.stop();
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_server_and_the_bound_port_is_told() {
    let options = ServeOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..ServeOptions::default()
    };
    // Signals are heeded before `ready` is called, so that this one cannot end the test itself.
    let ended = run(active(mixture()), options, |address| {
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
    let error = run(active(mixture()), options, |_| panic!("it cannot be ready")).unwrap_err();
    let says = format!("cannot listen on {}: ", server.address);
    assert!(error.to_string().starts_with(&says), "{error}");
}
