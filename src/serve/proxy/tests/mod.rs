//! The proxy over real sockets on loopback, in front of upstreams that do as they are told.
//!
//! Every test counts: what upstreams were asked, what the client saw, and what was written down.

mod binding;
mod canary;
mod fake;
mod faults;
mod leaving;
mod streams;
mod table;
mod whole;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use weighbridge_router::{Choose, Endpoint, Parts, Ppm, Router};

use super::{Proxy, ProxyOptions, Upstream, ledger};
use crate::serve::accept::serve_until;
use crate::serve::app::{App, routes};
use crate::serve::live::{Active, Loaded};
use crate::serve::options::ServeOptions;
use crate::serve::record::{Attempt, Recorder};
use fake::Fake;

const DRIVER: &str = "driver@x";
const SPECIALIST: &str = "specialist@y";

/// Tasks called `math` belong to the specialist, the others to the driver, which stands in.
fn router() -> Router {
    let endpoint = |id: &str, can: &[&str]| Endpoint {
        model: id.split('@').next().unwrap().into(),
        can: can.iter().map(|&it| it.into()).collect(),
        recorded_only: false,
        ..Endpoint::recorded_only(id)
    };
    Router::try_new(Parts {
        endpoints: vec![endpoint(DRIVER, &["tools"]), endpoint(SPECIALIST, &[])],
        choose: Some(
            Choose::from_json(
                r#"{"kind":"rules","else":"driver","rule":[{"when":{"task":["math"]},"to":"specialist"}]}"#,
            )
            .unwrap(),
        ),
        fallback: vec!["driver".into()],
        roles: vec![("strong".into(), "specialist".into())],
        ..Parts::default()
    })
    .unwrap()
}

/// A proxy on a port of its own; it stops when dropped.
struct World {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl World {
    /// In front of these two, each called with its key.
    async fn start(driver: &Fake, specialist: &Fake) -> Self {
        Self::with(driver.address, specialist.address, |_| {}).await
    }

    async fn with(
        driver: SocketAddr,
        specialist: SocketAddr,
        change: impl FnOnce(&mut ProxyOptions),
    ) -> Self {
        let upstream = |name: &str, address: SocketAddr| {
            let upstream = Upstream::try_new(name, &format!("http://{address}/v1")).unwrap();
            upstream.with_key(&format!("key-of-{name}")).unwrap()
        };
        let mut proxy = ProxyOptions {
            upstreams: vec![
                upstream(DRIVER, driver),
                upstream(SPECIALIST, specialist).with_model("spec-1"),
            ],
            ..ProxyOptions::default()
        };
        change(&mut proxy);
        Self::over(router(), proxy).await
    }

    /// By another router.
    async fn over(router: Router, proxy: ProxyOptions) -> Self {
        let options = ServeOptions {
            proxy,
            ..ServeOptions::default()
        };
        Self::of(router, &options).await
    }

    async fn of(router: Router, options: &ServeOptions) -> Self {
        let proxy = Proxy::try_new(options.proxy.clone()).unwrap();
        let loaded = Loaded {
            name: "rules".into(),
            router,
        };
        let active = Active {
            main: loaded,
            canary: None,
            shadow: None,
            explore: Ppm(0),
        };
        let app = Arc::new(App::new(active, Recorder::off(), options).with_proxy(proxy));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            let routes = routes(Arc::clone(&app));
            serve_until(listener, app, routes, async { drop(stopped.await) }).await;
        });
        Self {
            address,
            _stop: stop,
        }
    }

    /// Ask for a chat completion.
    async fn chat(&self, id: &str, body: &Value) -> Reply {
        self.ask(&post(id, &body.to_string())).await
    }

    async fn ask(&self, request: &str) -> Reply {
        let mut stream = self.send(request).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        Reply::read(&bytes)
    }

    /// Send a request and read nothing.
    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

fn post(id: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-request-id: {id}\r\nauthorization: Bearer clients-own\r\nx-weighbridge-endpoint: {DRIVER}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A body for `auto`.
fn ask(task: &str, stream: bool) -> Value {
    json!({
        "model": "auto",
        "messages": [{ "role": "user", "content": "Prove it." }],
        "metadata": { "task": task },
        "stream": stream,
    })
}

/// What a client got.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
    /// The body came to its end as announced.
    is_whole: bool,
}

impl Reply {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&*text, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        let head = head.to_lowercase();
        let (body, is_whole) = if head.contains("transfer-encoding: chunked") {
            unchunked(body)
        } else {
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|it| it.lines().next()?.parse().ok());
            (body.to_owned(), length == Some(body.len()))
        };
        Self {
            status: status.unwrap_or(0),
            head,
            body,
            is_whole,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The data of the events.
    fn events(&self) -> Vec<&str> {
        let events = self.body.split("\n\n").filter(|event| !event.is_empty());
        events
            .map(|it| it.strip_prefix("data: ").unwrap_or(it))
            .collect()
    }

    /// The code of the error: of the body, or of the last event.
    fn code(&self) -> String {
        let last = self.events().last().copied().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{self:?}"));
        error["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

fn unchunked(mut body: &str) -> (String, bool) {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(usize::MAX);
        if size == 0 {
            return (whole, true);
        }
        let Some(chunk) = rest.get(..size) else { break };
        whole.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or("");
    }
    (whole, false)
}

/// What was written down of a request, once it is.
async fn recorded(id: &str) -> Vec<Attempt> {
    for _ in 0..2000 {
        if let Some(mut entries) = ledger::seen(id) {
            assert_eq!(
                entries.len(),
                1,
                "`{id}` was written down {} times",
                entries.len()
            );
            return entries.remove(0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("`{id}` was never written down");
}

/// Endpoints and statuses of attempts.
fn outline(attempts: &[Attempt]) -> Vec<(&str, &str)> {
    let outline = attempts.iter().map(|it| (it.endpoint.as_str(), it.status));
    outline.collect()
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
