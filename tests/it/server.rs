//! The real binary as a server on a free port of this machine, and a client that keeps its
//! connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::binary;

/// A server, stopped when dropped, and what it says on standard error.
pub(super) struct Server {
    child: Child,
    pub(super) address: String,
    said: Arc<Mutex<String>>,
    listener: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// `weighbridge serve` with these arguments beside `--listen`.
    pub(super) fn start(args: &[&str]) -> Self {
        let mut command = binary();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args);
        Self::of(command)
    }

    /// A command that starts one.
    pub(super) fn of(mut command: Command) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        let mut errors = BufReader::new(child.stderr.take().expect("it is piped"));
        let (mut first, mut line) = (String::new(), String::new());
        while !line.contains("http://") {
            line.clear();
            let read = errors.read_line(&mut line).expect("it says something");
            assert!(read > 0, "it ended: {first}");
            first.push_str(&line);
        }
        let rest = line.split_once("http://").expect("an address").1;
        let address = rest.split_once('/').expect("a path").0.to_owned();
        let said = Arc::new(Mutex::new(first));
        let heard = Arc::clone(&said);
        let listener = thread::spawn(move || {
            for line in errors.lines() {
                let line = line.expect("it is UTF-8") + "\n";
                heard.lock().unwrap().push_str(&line);
            }
        });
        Self {
            child,
            address,
            said,
            listener: Some(listener),
        }
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far, in whole lines.
    pub(super) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Wait until what it has said is so.
    pub(super) fn until(&self, is_so: impl Fn(&str) -> bool) -> String {
        for _ in 0..3000 {
            let said = self.said();
            if is_so(&said) {
                return said;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it never says what it should: {}", self.said());
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.process().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// End it with a signal; what it had said. One that is asked to end ends well.
    pub(super) fn end(mut self, signal: &str) -> String {
        self.signal(signal);
        let code = self.child.wait().expect("it ends").code();
        assert_eq!(code, if signal == "-TERM" { Some(0) } else { None });
        let listener = self.listener.take().expect("it is there once");
        listener.join().expect("no panic");
        self.said()
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        stream
    }

    /// Ask once, over a connection of its own: the status and body of the answer.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    pub(super) fn client(&self) -> Client {
        Client(BufReader::new(self.connect()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that stays open.
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    /// The status and body of the answer; none where the server has gone.
    pub(super) fn post(&mut self, path: &str, body: &str) -> Option<(u16, Value)> {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
        let asked = [head.as_bytes(), body.as_bytes()].concat();
        self.0.get_mut().write_all(&asked).ok()?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().ok();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        Some((status?, serde_json::from_slice(&body).ok()?))
    }

    #[track_caller]
    pub(super) fn route(&mut self, id: &str, request: &Value) -> Value {
        let body = json!({"id": id, "request": request}).to_string();
        let (status, answer) = self.post("/v1/route", &body).expect("it answers");
        assert_eq!(status, 200, "{answer}");
        answer
    }
}
