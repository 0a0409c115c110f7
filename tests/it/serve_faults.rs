//! `serve` under faults, the real binary: what is lost is counted, and it is nothing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::cli_router::compiled;
use super::server::Server;
use super::support::{Folder, skip};

const ASK: &[u8] =
    b"POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 27\r\n\r\n{\"request\":{\"task\":\"math\"}}";

/// Kilobytes that it holds resident.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Ask once; the whole answer, or how much of it came before the connection ended.
fn ask(stream: &mut TcpStream) -> Result<String, usize> {
    if stream.write_all(ASK).is_err() {
        return Err(0);
    }
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&answer).into_owned();
            let length = text.split("content-length: ").nth(1).unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if answer.len() >= head + 4 + length {
                return Ok(text);
            }
        }
        match stream.read(&mut chunk) {
            Ok(n) if n > 0 => answer.extend_from_slice(&chunk[..n]),
            _ => return Err(answer.len()),
        }
    }
}

/// Four clients that ask on and on while `meanwhile` runs; how many were answered with 200, and
/// how many were lost.
fn under_load(server: &Server, meanwhile: impl FnOnce()) -> (u64, u64) {
    /// The clients end even where `meanwhile` fails.
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (done, answered, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut stream = server.connect();
                while !done.load(Ordering::SeqCst) {
                    match ask(&mut stream) {
                        Ok(answer) if answer.starts_with("HTTP/1.1 200") => {
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => {
                            lost.fetch_add(1, Ordering::SeqCst);
                            stream = server.connect();
                        }
                    }
                }
            });
        }
        let end = End(&done);
        meanwhile();
        drop(end);
    });
    (answered.into_inner(), lost.into_inner())
}

#[test]
fn a_file_that_is_replaced_under_load_decides_and_garbage_does_not() {
    let folder = Folder::new();
    let [driver, other] = ["driver", "specialist"].map(|role| {
        let policy = format!("policies/always-{role}.toml");
        fs::read(compiled(&folder, &policy)).unwrap()
    });
    let served = folder.file("served.router.json", driver);
    let server = Server::start(&[&served]);
    let (answered, lost) = under_load(&server, || {
        // In place, not renamed: the worst that an operator does. Seen at the next look.
        fs::write(&served, &other[..other.len() / 2]).unwrap();
        let said = server.until(|said| said.contains("error: not reloaded"));
        assert!(said.contains("served goes on deciding: "), "{said}");
        assert!(
            said.contains("served.router.json: the file is cut off"),
            "{said}"
        );
        let answer = ask(&mut server.connect()).unwrap();
        assert!(answer.contains("deepseek-v3.2@"), "{answer}");
        fs::write(&served, &other).unwrap();
        server.until(|said| said.contains("reloaded: served decides from here on"));
        let answer = ask(&mut server.connect()).unwrap();
        assert!(answer.contains("deepseek-v3.2-speciale@"), "{answer}");
        // And on order, whether or not it changed.
        server.signal("-HUP");
        server.until(|said| said.matches("reloaded: served").count() == 2);
    });
    assert!(answered > 100, "{answered}");
    assert_eq!(lost, 0, "of {answered}");
}

#[test]
fn a_server_that_is_told_to_stop_answers_what_it_has_taken() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let server = Server::start(&[&router, "--drain-delay", "0.3"]);
    let address = server.address.clone();
    let (answered, cut) = (AtomicU64::new(0), AtomicU64::new(0));
    let said = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Until nobody listens any longer.
                while let Ok(mut stream) = TcpStream::connect(&address) {
                    loop {
                        match ask(&mut stream) {
                            Ok(answer) => {
                                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                                answered.fetch_add(1, Ordering::SeqCst);
                                // The last of this connection, as the server says.
                                if answer.contains("connection: close") {
                                    break;
                                }
                            }
                            Err(came) => {
                                cut.fetch_add(u64::from(came > 0), Ordering::SeqCst);
                                break;
                            }
                        }
                    }
                }
            });
        }
        thread::sleep(Duration::from_millis(200));
        server.end("-TERM")
    });
    assert!(answered.into_inner() > 10);
    assert_eq!(cut.into_inner(), 0);
    assert!(said.contains("stopped;"), "{said}");
}

#[test]
fn ten_thousand_idle_connections_are_held_and_others_are_answered() {
    const IDLE: usize = 10_000;
    let need = IDLE as u64 + 500;
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < need) {
        return skip(
            "10,000 idle connections",
            "the limit on open files is too low",
        );
    }
    if limit.current.is_some_and(|now| now < need) {
        let raised = Rlimit {
            current: Some(need),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let server = Server::start(&[&router]);
    let before = resident(&server);
    let idle: Vec<TcpStream> = (0..IDLE).map(|_| server.connect()).collect();
    // A place in the queue of the system is not yet one in the server.
    let mut asking = server.connect();
    for _ in 0..50 {
        assert!(ask(&mut asking).is_ok());
    }
    let held = resident(&server).saturating_sub(before);
    assert!(
        held < 60_000,
        "{held} kB for {IDLE} connections that say nothing"
    );
    // Each of them is alive.
    for mut stream in idle.into_iter().step_by(97) {
        assert!(ask(&mut stream).is_ok());
    }
}

/// Longer where `WEIGHBRIDGE_SOAK_SECONDS` says so.
#[test]
fn memory_stays_flat_under_requests_of_all_kinds() {
    #[expect(clippy::disallowed_methods, reason = "the test's own setting")]
    let seconds = std::env::var("WEIGHBRIDGE_SOAK_SECONDS");
    let seconds = seconds.ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let server = Server::start(&[&router]);
    let kinds: [&[u8]; 5] = [
        ASK,
        b"POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n{",
        b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"POST /v1/route HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{",
        b"no http at all\r\n\r\n",
    ];
    let round = || {
        for (i, bytes) in kinds.iter().cycle().take(250).enumerate() {
            let mut stream = server.connect();
            stream.write_all(bytes).unwrap();
            // Some leave before their answer.
            if i % 3 > 0 && i % 5 != 3 {
                let _ = stream.read(&mut [0; 4096]);
            }
        }
        under_load(&server, || thread::sleep(Duration::from_millis(500)))
    };
    round();
    let warm = resident(&server);
    for _ in 0..seconds {
        let (answered, lost) = round();
        assert!(answered > 0);
        assert_eq!(lost, 0);
    }
    let after = resident(&server);
    assert!(after < warm + 8_000, "from {warm} to {after} kB");
}
