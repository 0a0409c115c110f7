//! What the proxy of `serve` adds, beside LiteLLM's proxy on the same upstream. See `BENCHMARKS.md`.
//!
//!     cargo bench --bench proxy [-- --litellm PATH/TO/bin/litellm] [--seconds N]
//!
//! The upstream answers at once, on loopback, and so shares the cores with the proxy and with the
//! load. Latency: one connection, direct and proxied requests by turns; added is the difference of
//! the medians. Throughput: 8 connections. LiteLLM's proxy gets a configuration without hooks and
//! one worker; it is started only where its path is given.

#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 8;
const CATALOG: &str = r#"format = "weighbridge.catalog/1"
[[model]]
id = "cheap"
[[model]]
id = "strong"
[[endpoint]]
id = "cheap@here"
model = "cheap"
[[endpoint]]
id = "strong@here"
model = "strong"
"#;
const POLICY: &str = r#"format = "weighbridge.policy/1"
fallback = ["cheap"]
[choose]
kind = "rules"
else = "cheap"
[[choose.rule]]
when = { prompt_any = ["prove", "closed form", "show that"] }
to = "strong"
"#;
const KEY: &str = "sk-of-this-benchmark-alone-8d1f";

fn main() {
    let seconds = argument("--seconds").and_then(|it| it.parse().ok());
    let span = Duration::from_secs(seconds.unwrap_or(8));
    let upstream = upstream();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (plain, streamed) = (request(upstream, false), request(upstream, true));
    let alone = throughput(upstream, &plain, span / 2);
    say(&format!(
        "upstream alone: {alone:.0} requests/s over {CONNECTIONS} connections"
    ));

    let ours = Server::weighbridge(folder.path(), upstream);
    let before = ours.resident_kb();
    let direct = ("upstream", upstream);
    measure(&ours, direct, &plain, "plain", 4000);
    measure(&ours, direct, &streamed, "stream of 20 chunks", 2000);
    let speed = throughput(ours.address, &plain, span);
    say(&format!(
        "serve: {speed:.0} requests/s over {CONNECTIONS} connections"
    ));
    let chunks = throughput(ours.address, &streamed, span / 2);
    say(&format!(
        "serve: {chunks:.0} streams of 20 chunks/s over {CONNECTIONS} connections"
    ));
    let many = crowd(ours.address, &plain, 64, span / 2);
    say(&format!("serve: {many:.0} requests/s over 64 connections"));
    say(&format!(
        "serve: {before} kB resident before, {} kB after",
        ours.resident_kb()
    ));

    let Some(litellm) = argument("--litellm") else {
        say("LiteLLM's proxy is left out: --litellm PATH/TO/bin/litellm");
        return;
    };
    let theirs = Server::litellm(Path::new(&litellm), folder.path(), upstream);
    measure(&theirs, direct, &plain, "plain", 300);
    measure(&theirs, direct, &streamed, "stream of 20 chunks", 150);
    throughput(theirs.address, &plain, span / 2);
    let other = throughput(theirs.address, &plain, span);
    say(&format!(
        "LiteLLM: {other:.0} requests/s over {CONNECTIONS} connections"
    ));
    say(&format!(
        "LiteLLM: {} kB resident after",
        theirs.resident_kb()
    ));
    say(&format!(
        "ratio: {:.1} times its requests a second",
        speed / other
    ));
}

/// Latency of a server and of the upstream itself, by turns.
fn measure(server: &Server, direct: (&str, SocketAddr), body: &[u8], what: &str, count: usize) {
    let mut ways = [connect(direct.1), connect(server.address)];
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..count + count / 10 {
        for (way, took) in ways.iter_mut().zip(&mut took) {
            let start = Instant::now();
            ask(way, body);
            // The first ones warm up.
            if round >= count / 10 {
                took.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let [direct, proxied] = took.map(|mut took| {
        took.sort_unstable_by(f64::total_cmp);
        [took[took.len() / 2], took[took.len() * 99 / 100]]
    });
    say(&format!(
        "{}, {what}: median {:.0} us, p99 {:.0} us; direct {:.0} and {:.0} us; added at the median {:.0} us",
        server.name,
        proxied[0],
        proxied[1],
        direct[0],
        direct[1],
        proxied[0] - direct[0]
    ));
}

fn throughput(address: SocketAddr, body: &[u8], span: Duration) -> f64 {
    crowd(address, body, CONNECTIONS, span)
}

/// Requests a second over so many connections.
fn crowd(address: SocketAddr, body: &[u8], connections: usize, span: Duration) -> f64 {
    let start = Instant::now();
    let total: usize = thread::scope(|scope| {
        let asking = (0..connections).map(|_| {
            scope.spawn(|| {
                let mut stream = connect(address);
                let mut count = 0;
                while start.elapsed() < span {
                    ask(&mut stream, body);
                    count += 1;
                }
                count
            })
        });
        let asking: Vec<_> = asking.collect();
        asking
            .into_iter()
            .map(|it| it.join().expect("it asks"))
            .sum()
    });
    total as f64 / start.elapsed().as_secs_f64()
}

/// A prompt of 1 KB for `auto`.
fn request(address: SocketAddr, stream: bool) -> Vec<u8> {
    let words = "we integrate the pressure between two readings and look at the valve again ";
    let prompt: String = words.chars().cycle().take(1024).collect();
    let body = format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"{prompt}"}}],"stream":{stream}}}"#
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// One request and the whole of its answer, which must be 200.
fn ask(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).expect("it reads");
    let mut got = Vec::with_capacity(8192);
    let mut piece = [0; 16384];
    loop {
        let count = stream.read(&mut piece).expect("it answers");
        assert_ne!(count, 0, "it hung up: {}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&piece[..count]);
        let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
        assert!(
            head.starts_with("http/1.1 200"),
            "{}",
            String::from_utf8_lossy(&got)
        );
        let length = head.split("content-length: ").nth(1);
        let whole = match length.and_then(|it| it.lines().next()?.parse::<usize>().ok()) {
            Some(length) => got.len() == end + 4 + length,
            None => got.ends_with(b"\r\n0\r\n\r\n"),
        };
        if whole {
            return;
        }
    }
}

/// Answers whatever is asked at once; a thread a connection.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let head = r#"{"id":"c-1","object":"chat.completion","created":1,"model":"cheap","choices":[{"index":0,"message":{"role":"assistant","content":"It is 42."},"finish_reason":"stop"}],"usage":{"prompt_tokens":230,"completion_tokens":5,"total_tokens":235}}"#;
    let plain = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{head}",
        head.len()
    );
    let mut streamed = String::from(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    let mut event = |data: &str| {
        let text = format!("data: {data}\n\n");
        write!(streamed, "{:x}\r\n{text}\r\n", text.len()).expect("a text");
    };
    let chunk = |delta: &str, end: &str, rest: &str| {
        format!(
            r#"{{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"cheap","choices":[{{"index":0,"delta":{{{delta}}},"finish_reason":{end}}}]{rest}}}"#
        )
    };
    for _ in 0..19 {
        event(&chunk(r#""content":" word""#, "null", ""));
    }
    event(&chunk("", r#""stop""#, ""));
    event(
        r#"{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"cheap","choices":[],"usage":{"prompt_tokens":230,"completion_tokens":19,"total_tokens":249}}"#,
    );
    event("[DONE]");
    streamed.push_str("0\r\n\r\n");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (plain, streamed) = (plain.clone(), streamed.clone());
            thread::spawn(move || answer(stream, plain.as_bytes(), streamed.as_bytes()));
        }
    });
    address
}

fn answer(mut stream: TcpStream, plain: &[u8], streamed: &[u8]) {
    stream.set_nodelay(true).expect("a socket");
    let mut got = Vec::new();
    let mut piece = [0; 16384];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        got.extend_from_slice(&piece[..count]);
        let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|it| it.lines().next()?.parse().ok());
        if got.len() < end + 4 + length.unwrap_or(0) {
            continue;
        }
        let body = String::from_utf8_lossy(&got[end + 4..]);
        let wants_stream = body.contains(r#""stream":true"#) || body.contains(r#""stream": true"#);
        let said = if wants_stream { streamed } else { plain };
        if stream.write_all(said).is_err() {
            return;
        }
        got.clear();
    }
}

/// A proxy under test; it ends when dropped.
struct Server {
    name: &'static str,
    address: SocketAddr,
    child: Child,
}

impl Server {
    fn weighbridge(folder: &Path, upstream: SocketAddr) -> Self {
        fs::write(folder.join("own.toml"), CATALOG).expect("a file");
        fs::write(folder.join("policy.toml"), POLICY).expect("a file");
        let address = free();
        let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
        command.args(["serve", "policy.toml", "--catalog", "own.toml"]);
        command.args(["--listen", &address.to_string()]);
        for name in ["cheap", "strong"] {
            command.args(["--upstream", &format!("{name}=http://{upstream}/v1")]);
        }
        Self::start("serve", command, folder, address)
    }

    fn litellm(binary: &Path, folder: &Path, upstream: SocketAddr) -> Self {
        let mut config = String::from("model_list:\n");
        let base = format!("http://{upstream}/v1");
        writeln!(config, "  - {{model_name: auto, litellm_params: {{model: openai/cheap, api_base: \"{base}\", api_key: x}}}}").expect("a text");
        config.push_str(
            "litellm_settings: {num_retries: 0}\nrouter_settings: {disable_cooldowns: true}\n",
        );
        fs::write(folder.join("config.yaml"), config).expect("a file");
        let address = free();
        let mut command = Command::new(binary);
        command.args(["--config", "config.yaml", "--host", "127.0.0.1"]);
        command.args(["--port", &address.port().to_string()]);
        command.env("LITELLM_MASTER_KEY", KEY);
        command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
        Self::start("LiteLLM", command, folder, address)
    }

    fn start(name: &'static str, mut command: Command, folder: &Path, address: SocketAddr) -> Self {
        let log = fs::File::create(folder.join(format!("{name}.log"))).expect("a file");
        let other = log.try_clone().expect("a file");
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(other);
        let child = command.spawn().expect("it starts");
        let server = Self {
            name,
            address,
            child,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let log = || fs::read_to_string(folder.join(format!("{name}.log")));
            assert!(start.elapsed() < Duration::from_secs(120), "{:?}", log());
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Resident memory, where Linux tells it.
    fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        line.and_then(|it| it.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|it| it != name);
    arguments.next().and(arguments.next())
}

#[expect(clippy::print_stdout, reason = "a benchmark reports")]
fn say(text: &str) {
    println!("{text}");
}
