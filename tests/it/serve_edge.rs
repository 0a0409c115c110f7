//! The edge of `serve`, the real binary: the memory of its own unit, files that hang, web pages.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::cli_router::compiled;
use super::server::Server;
use super::support::{Folder, binary, generated, run, skip};

/// What a request that stalls declares.
const DECLARED: usize = 8 << 20;

/// Kilobytes that the unit gives the server.
fn given_kb() -> u64 {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/weighbridge.service");
    let unit = fs::read_to_string(unit).unwrap();
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("MemoryMax="))
        .unwrap();
    line.strip_suffix('M').unwrap().parse::<u64>().unwrap() << 10
}

/// A command under a hard limit on its memory, in kilobytes; a shell sets it.
fn limited(kb: u64, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -d {kb}; exec \"$0\" \"$@\"")])
        .arg(binary().get_program())
        .args(args);
    command
}

/// Megabytes that it holds resident.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kb = line.unwrap().split_whitespace().nth(1).unwrap();
    kb.parse::<u64>().unwrap() >> 10
}

/// Clients that send so much of a body, and then nothing. The server may cut them off meanwhile.
fn stalled(server: &Server, path: &str, clients: usize, bytes: usize) -> Vec<TcpStream> {
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {DECLARED}\r\n\r\n");
    let asked = [head.into_bytes(), vec![b' '; bytes]].concat();
    thread::scope(|scope| {
        let sending: Vec<_> = (0..20)
            .map(|worker| {
                let asked = &asked;
                let mine = clients / 20 + usize::from(worker < clients % 20);
                scope.spawn(move || {
                    let send = |_| {
                        let mut stream = server.connect();
                        let _ = stream.write_all(asked);
                        stream
                    };
                    (0..mine).map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        sending
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

/// It lives, decides, and holds no more than that many megabytes.
#[track_caller]
fn lives(server: &Server, most_mb: u64) {
    assert_eq!(server.ask("GET", "/healthz", "").0, 200);
    let (status, answer) = server.ask("POST", "/v1/route", r#"{"request":{}}"#);
    assert_eq!(status, 200, "{answer}");
    let held = resident(server);
    assert!(held < most_mb, "{held} MB are held");
}

#[test]
fn stalled_clients_leave_the_server_alive_under_the_memory_of_its_unit() {
    const SMALL: usize = 3_000;
    let need = SMALL as u64 + 500;
    let files = getrlimit(Resource::Nofile);
    if files.maximum.is_some_and(|most| most < need) {
        return skip(
            "3,000 stalled clients",
            "the limit on open files is too low",
        );
    }
    let raised = Rlimit {
        current: Some(files.current.unwrap_or(need).max(need)),
        maximum: files.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let args = ["serve", &router, "--listen", "127.0.0.1:0", "--upstream"];
    // Nobody listens there: what is sent on fails, and is held to its end all the same.
    let upstream = "deepseek-v3.2@deepseek=http://127.0.0.1:1/v1";
    let server = Server::of(limited(given_kb(), &[&args[..], &[upstream]].concat()));
    for path in ["/v1/route", "/v1/chat/completions", "/v1/feedback"] {
        let large = stalled(&server, path, 100, DECLARED - 1);
        lives(&server, 300);
        drop(large);
    }
    let small = stalled(&server, "/v1/route", SMALL, 1_000);
    lives(&server, 400);
    // And with the large ones that may be held beside them.
    let large = stalled(&server, "/v1/route", 100, DECLARED - 1);
    lives(&server, 400);
    drop((small, large));
    // Whole bodies are decided again, however large.
    let body = format!(
        r#"{{"request":{{"prompt":"{}"}}}}"#,
        "word ".repeat(1 << 20)
    );
    let mut tries = 0;
    while server.ask("POST", "/v1/route", &body).0 != 200 {
        tries += 1;
        assert!(tries < 600, "the budget is not given back");
        thread::sleep(Duration::from_millis(100));
    }
    lives(&server, 400);
    server.end("-TERM");
}

#[test]
fn bodies_that_would_unfold_are_read_within_the_memory_of_the_unit() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let args = ["serve", &router, "--listen", "127.0.0.1:0"];
    let server = Server::of(limited(given_kb(), &args));
    let many = |item: &str| vec![item; 7_900_000 / (item.len() + 1)].join(",");
    // Each of these takes hundreds of megabytes once it is a tree.
    let bodies = [
        format!(r#"{{"messages":[{}]}}"#, many(r#"{"":0}"#)),
        format!(r#"{{"messages":[],"tools":[{}]}}"#, many("[]")),
        format!(r#"{{"request":{{"x":[{}]}}}}"#, many(r#"{"":0}"#)),
        format!(r#"{{"request":{{"embedding":[{}]}}}}"#, many("0")),
        format!(r#"{{"requests":[{}]}}"#, many("0")),
        format!(r#"[{}]"#, many("0")),
    ];
    thread::scope(|scope| {
        for body in bodies.iter().chain(&bodies) {
            let server = &server;
            scope.spawn(move || {
                for path in ["/v1/route", "/v1/feedback"] {
                    let (status, answer) = server.ask("POST", path, body);
                    assert!([400, 503].contains(&status), "{status}: {answer}");
                }
            });
        }
    });
    lives(&server, 400);
    server.end("-TERM");
}

#[test]
fn a_file_that_is_a_pipe_is_refused_and_nothing_waits_for_it() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let other = fs::read(compiled(&folder, "policies/always-specialist.toml")).unwrap();
    let served = folder.file("served.router.json", fs::read(&router).unwrap());
    let token = "a-token-for-administration";
    let tokens = folder.file("tokens", token.as_bytes());
    let server = Server::start(&[&served, "--admin-token-file", &tokens]);
    let pipe = || {
        fs::remove_file(&served).unwrap();
        let made = Command::new("mkfifo").arg(&served).status();
        assert!(made.unwrap().success());
    };
    pipe();
    // Seen by looking, and on order.
    server.until(|said| said.contains("served.router.json: is not a regular file"));
    let order = || {
        let mut stream = server.connect();
        let head = format!(
            "POST /admin/reload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(order().starts_with("HTTP/1.1 422"));
    fs::remove_file(&served).unwrap();
    fs::write(&served, &other).unwrap();
    server.until(|said| said.contains("reloaded: served decides from here on"));
    pipe();
    server.signal("-HUP");
    server.until(|said| said.matches("is not a regular file").count() >= 3);
    server.end("-TERM");
    // Nor is one taken at the start.
    let said = run(&["serve", &served]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("is not a regular file"), "{}", said.err);
}

#[test]
fn a_web_page_is_not_answered_and_a_gateway_that_was_told_of_is() {
    let folder = Folder::new();
    let router = compiled(&folder, "policies/always-driver.toml");
    let server = Server::start(&[&router, "--allow-host", "gateway.example"]);
    let status = |head: &str| {
        let mut stream = server.connect();
        let body = r#"{"request":{}}"#;
        write!(
            stream,
            "POST /v1/route HTTP/1.1\r\n{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer[9..12].to_owned()
    };
    assert_eq!(status("host: localhost\r\n"), "200");
    assert_eq!(status("host: gateway.example\r\n"), "200");
    assert_eq!(status("host: evil.example\r\n"), "403");
    assert_eq!(
        status("host: localhost\r\norigin: https://evil.example\r\n"),
        "403"
    );
    let wrong = run(&["serve", &router, "--allow-host", "http://x"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("--allow-host: `http://x` is no host"));
    let wrong = run(&["serve", &router, "--body-budget-mb", "10"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("--body-budget-mb 10"), "{}", wrong.err);
}

#[test]
fn out_of_memory_is_a_line_and_exit_code_1() {
    let folder = Folder::new();
    let trace = generated(&folder, "t.jsonl", 6_000, 8);
    let (mut done, mut out) = (0, 0);
    for mb in [4, 8, 16, 512] {
        for args in [
            &["inspect", &trace, "--threads", "1"][..],
            &["replay", &trace, "-p", "policies", "--threads", "1"],
        ] {
            let mut command = limited(mb << 10, args);
            command.current_dir(env!("CARGO_MANIFEST_DIR"));
            let said = command.output().unwrap();
            let errors = String::from_utf8(said.stderr).unwrap();
            match said.status.code() {
                Some(0) => done += 1,
                Some(1) => {
                    assert!(
                        errors.starts_with("error: out of memory: "),
                        "{mb}: {errors}"
                    );
                    assert_eq!(errors.lines().count(), 1, "{mb}: {errors}");
                    out += 1;
                }
                code => panic!("{mb} MB: {code:?}, {errors}"),
            }
        }
    }
    assert!(done > 0 && out > 0, "{done}, {out}");
}
