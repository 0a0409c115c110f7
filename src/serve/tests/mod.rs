//! The sidecar over real HTTP on loopback, spoken by hand.

mod access;
mod deciding;
mod edge;
mod living;
mod reloading;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use weighbridge_router::{
    Choose, Endpoint, Heads, LogLinear, Logistic, Parts, Ppm, PriceRow, Rates, Router, Step,
    Success, Tag, Trade, Usd,
};

use super::accept::serve_until;
use super::app::{App, routes};
use super::live::{Active, Loaded};
use super::options::{Limits, ServeOptions};
use super::record::Recorder;

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
        explore: Ppm(0),
    }
}

/// The default limits, but for stopping at once.
fn quick() -> Limits {
    Limits {
        linger: Duration::ZERO,
        ..Limits::default()
    }
}

/// A server on a thread of its own, stopped when dropped.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    fn start(router: Router) -> Self {
        Self::with_limits(router, quick())
    }

    fn with_limits(router: Router, limits: Limits) -> Self {
        let options = ServeOptions {
            limits,
            ..ServeOptions::default()
        };
        Self::of(App::new(active(router), Recorder::off(), &options))
    }

    fn of(app: App) -> Self {
        Self::of_shared(Arc::new(app), async {})
    }

    /// With something beside it that goes on until the end.
    fn of_shared(app: Arc<App>, beside: impl Future<Output = ()> + Send + 'static) -> Self {
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
                tokio::spawn(beside);
                let stop = async { drop(stopped.await) };
                serve_until(listener, Arc::clone(&app), routes(app), stop).await;
            });
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
        self.thread.take().unwrap().join().unwrap();
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
                "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
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
        let (head, body) = self.read_raw();
        Reply {
            status: head[9..12].parse().unwrap(),
            head,
            // Answers of other kinds have no shape.
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    fn read_raw(&mut self) -> (String, Vec<u8>) {
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
        (head, self.unread.drain(..length).collect())
    }

    fn read_more(&mut self) {
        let mut chunk = [0; 4096];
        let n = self.stream.read(&mut chunk).unwrap();
        assert!(n > 0, "the server hung up");
        self.unread.extend_from_slice(&chunk[..n]);
    }
}
