//! The sidecar's speed: decisions over HTTP by the real binary. See `BENCHMARKS.md`.
//!
//!     cargo bench --bench serve [-- --seconds N] [--connections N] [--rate N] [--record DIR]
//!
//! Starts `weighbridge serve` with the router that is shipped, and asks `/v1/route` about a prompt of
//! 1 KB: first as fast as the connections go (requests a second, processor time of server and
//! generator by request), then at half the bar at fixed times (how long an answer takes from the
//! moment at which it was due, so that a server that stalls is not flattered). Prints what the server
//! holds resident.

#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Requests a second that must be reached; half of it is the load under which answers are timed.
const BAR: u64 = 20_000;

/// Bytes of the prompt.
const PROMPT: usize = 1024;

fn main() {
    let number = |name, otherwise| {
        argument(name)
            .and_then(|n| n.parse().ok())
            .unwrap_or(otherwise)
    };
    let seconds = number("--seconds", 10);
    let connections = number("--connections", 32);
    let rate = number("--rate", BAR / 2);
    let server = Server::start();
    let request = request();
    println!(
        "{} bytes a request, {connections} connections, {seconds} s each",
        request.len()
    );

    flood(&server, &request, connections, Duration::from_secs(1));
    let (ours, theirs) = (cpu_us("self"), server.cpu_us());
    let start = Instant::now();
    let answered = flood(&server, &request, connections, Duration::from_secs(seconds));
    let took = start.elapsed();
    let a_request = |us: u64| us as f64 / answered as f64;
    println!(
        "as fast as it goes: {:.0} requests a second (bar {BAR}); processor time a request: server {:.1} us, \
         generator {:.1} us",
        answered as f64 / took.as_secs_f64(),
        a_request(server.cpu_us() - theirs),
        a_request(cpu_us("self") - ours),
    );

    let mut took = pace(&server, &request, rate, Duration::from_secs(seconds));
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "at {rate} a second: {} requests, p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms (bar 2), p99.9 {:.2} ms",
        took.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999)
    );
    println!(
        "resident: {:.1} MB, at most {:.1} MB (bar 60)",
        server.status_kb("VmRSS") as f64 / 1e3,
        server.status_kb("VmHWM") as f64 / 1e3
    );
}

/// The server in a process of its own.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let router = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/models/engineering.router.json"
        );
        let recording = argument("--record").map(|folder| ["--record".to_owned(), folder]);
        let mut child = Command::new(env!("CARGO_BIN_EXE_weighbridge"))
            .args(["serve", router, "--listen", "127.0.0.1:0"])
            .args(recording.into_iter().flatten())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut said = String::new();
        BufReader::new(child.stderr.take().expect("it is piped"))
            .read_line(&mut said)
            .expect("it says where it listens");
        let rest = said.split_once("http://").expect("an address").1;
        let address = rest.split_once('/').expect("a path").0.to_owned();
        Self { child, address }
    }

    fn cpu_us(&self) -> u64 {
        cpu_us(&self.child.id().to_string())
    }

    fn status_kb(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("Linux tells");
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.and_then(|n| n.parse().ok()).expect("a number of kB")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of a process so far.
fn cpu_us(process: &str) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux tells");
    // The name, which may hold anything, stands in brackets.
    let rest = stat.rsplit_once(')').expect("a name").1;
    let ticks: Vec<u64> = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().expect("a number"))
        .collect();
    // A tick is a hundredth of a second wherever this runs.
    ticks.iter().sum::<u64>() * 10_000
}

/// A request about an invented prompt of 1 KB.
fn request() -> Vec<u8> {
    let words = "Prove that the pressure in the second vessel never exceeds its limit when both valves \
                 open between two readings, and say which assumption that needs. ";
    let mut prompt = words.repeat(PROMPT / words.len() + 1);
    prompt.truncate(PROMPT);
    let body = format!(r#"{{"request":{{"prompt":"{prompt}","task":"math"}}}}"#);
    format!(
        "POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Ask on all connections as fast as answers come; how many there were.
fn flood(server: &Server, request: &[u8], connections: u64, span: Duration) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let end = Instant::now() + span;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut asking = Vec::new();
        for _ in 0..connections {
            let (address, request) = (server.address.clone(), request.to_vec());
            asking.push(tokio::task::spawn_local(async move {
                let mut stream = tokio::net::TcpStream::connect(address)
                    .await
                    .expect("it listens");
                stream.set_nodelay(true).expect("a socket");
                let mut buffer = vec![0; 16 << 10];
                let mut answered = 0;
                while Instant::now() < end {
                    stream
                        .write_all(&request)
                        .await
                        .expect("it takes the request");
                    let mut filled = 0;
                    loop {
                        let n = stream
                            .read(&mut buffer[filled..])
                            .await
                            .expect("it answers");
                        assert!(n > 0, "the server hung up");
                        filled += n;
                        if is_whole(&buffer[..filled]) {
                            break;
                        }
                    }
                    answered += 1;
                }
                answered
            }));
        }
        let mut answered = 0;
        for task in asking {
            answered += task.await.expect("no connection fails");
        }
        answered
    })
}

/// Ask at fixed times; how long each answer took from the time at which its question was due.
fn pace(server: &Server, request: &[u8], rate: u64, span: Duration) -> Vec<Duration> {
    const CLIENTS: u32 = 16;
    let start = Instant::now() + Duration::from_millis(50);
    let every = Duration::from_secs(1) * CLIENTS / u32::try_from(rate).expect("a rate");
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let first = start + every / CLIENTS * client;
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(&server.address).expect("it listens");
                    stream.set_nodelay(true).expect("a socket");
                    let mut buffer = vec![0; 16 << 10];
                    let mut took = Vec::new();
                    let mut due = first;
                    while due < start + span {
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        stream.write_all(request).expect("it takes the request");
                        let mut filled = 0;
                        while !is_whole(&buffer[..filled]) {
                            let n = stream.read(&mut buffer[filled..]).expect("it answers");
                            assert!(n > 0, "the server hung up");
                            filled += n;
                        }
                        took.push(due.elapsed());
                        due += every;
                    }
                    took
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().expect("no client fails"))
            .collect()
    })
}

/// Whether an answer has come to its end; any other than 200 is a fault of the run.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    assert!(answer.starts_with(b"HTTP/1.1 200"), "not 200");
    let text = std::str::from_utf8(&answer[..head]).expect("ASCII");
    let length = text
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next())
        .and_then(|n| n.parse::<usize>().ok())
        .expect("a length");
    answer.len() >= head + 4 + length
}

/// The value of an argument.
fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}
