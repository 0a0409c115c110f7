//! An upstream that does as it is told, well or badly, over real sockets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What it does once a request has come whole.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Write these bytes.
    Say(String),
    /// Write them one by one.
    Spell(String),
    /// Write these without an end, until the other side leaves.
    Forever(String),
    /// Say nothing more until the other side leaves.
    Hang,
    /// Break off with a reset.
    Reset,
    /// Close.
    Close,
}
use Act::Say;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) head: String,
    pub(super) body: Value,
}

#[derive(Debug, Default)]
struct State {
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    left: AtomicUsize,
    written: AtomicU64,
}

/// A running upstream; it goes when dropped.
#[derive(Debug)]
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Fake {
    /// The first request gets the first script, the next the next; the last one repeats.
    pub(super) async fn start(scripts: impl IntoIterator<Item = Vec<Act>>) -> Self {
        let scripts: Arc<[Vec<Act>]> = scripts.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&scripts), Arc::clone(&shared)));
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// The same to every request.
    pub(super) async fn always(script: impl IntoIterator<Item = Act>) -> Self {
        Self::start([script.into_iter().collect()]).await
    }

    /// Nobody is to ask it.
    pub(super) async fn unused() -> Self {
        Self::always([answer("must not be asked")]).await
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }

    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Bytes that the other side has taken so far.
    pub(super) fn written(&self) -> u64 {
        self.state.written.load(Ordering::SeqCst)
    }

    /// Wait until so many clients have left in the middle.
    pub(super) async fn left(&self, count: usize) {
        for _ in 0..2000 {
            if self.state.left.load(Ordering::SeqCst) == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?} left, not {count}", self.state.left);
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, scripts: Arc<[Vec<Act>]>, state: Arc<State>) {
    stream.set_nodelay(true).unwrap();
    let mut unread = Vec::new();
    while let Some(asked) = read(&mut stream, &mut unread).await {
        let number = {
            let mut all = state.asked.lock().unwrap();
            all.push(asked);
            all.len() - 1
        };
        let script = &scripts[number.min(scripts.len() - 1)];
        for act in script {
            let left = match act {
                Say(text) => stream.write_all(text.as_bytes()).await.is_err(),
                Act::Spell(text) => spell(&mut stream, text).await,
                Act::Forever(text) => loop {
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        break true;
                    }
                    let bytes = text.len() as u64;
                    state.written.fetch_add(bytes, Ordering::SeqCst);
                },
                Act::Hang => {
                    let _ = stream.read(&mut [0; 64]).await;
                    true
                }
                Act::Reset => {
                    stream.set_zero_linger().unwrap();
                    return;
                }
                Act::Close => return,
            };
            if left {
                state.left.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
}

async fn spell(stream: &mut TcpStream, text: &str) -> bool {
    for byte in text.bytes() {
        if stream.write_all(&[byte]).await.is_err() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

async fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Asked> {
    let mut more = async |unread: &mut Vec<u8>| {
        let read = stream.read_buf(unread).await;
        read.ok().filter(|&bytes| bytes > 0)
    };
    let end = loop {
        match unread.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(unread).await?,
        };
    };
    let head = String::from_utf8_lossy(&unread[..end]).to_lowercase();
    let length: usize = (head.split("content-length: ").nth(1))
        .map_or(0, |it| it.lines().next().unwrap().parse().unwrap());
    while unread.len() < end + length {
        more(unread).await?;
    }
    let body = serde_json::from_slice(&unread[end..end + length]).unwrap();
    unread.drain(..end + length);
    Some(Asked { head, body })
}

/// A whole answer with usage.
pub(super) fn answer(says: &str) -> Act {
    respond(200, "", &completion(says))
}

/// The body of a whole answer.
pub(super) fn completion(says: &str) -> String {
    format!(
        r#"{{"id":"c-1","model":"m-1","choices":[{{"index":0,"message":{{"role":"assistant","content":"{says}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":12,"completion_tokens":7,"prompt_tokens_details":{{"cached_tokens":4}},"completion_tokens_details":{{"reasoning_tokens":3}}}}}}"#
    )
}

/// Any answer of known length.
pub(super) fn respond(status: u16, headers: &str, body: &str) -> Act {
    Say(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// The head of a stream.
pub(super) fn head() -> Act {
    Say(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .into(),
    )
}

/// Bytes of a stream.
pub(super) fn chunk(text: &str) -> Act {
    Say(chunked(text))
}

pub(super) fn chunked(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The end of a stream.
pub(super) fn end() -> Act {
    Say("0\r\n\r\n".into())
}

pub(super) const WORD: &str = r#"{"id":"c-1","choices":[{"index":0,"delta":{"content":"w"},"finish_reason":null}],"usage":null}"#;
/// The same without `usage`.
pub(super) const SHOWN: &str =
    r#"{"id":"c-1","choices":[{"index":0,"delta":{"content":"w"},"finish_reason":null}]}"#;
pub(super) const LAST: &str =
    r#"{"id":"c-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub(super) const USAGE: &str = r#"{"id":"c-1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":7,"prompt_cache_hit_tokens":4}}"#;

pub(super) fn data(text: &str) -> Act {
    chunk(&format!("data: {text}\n\n"))
}

/// A stream as it should be.
pub(super) fn stream() -> Vec<Act> {
    vec![
        head(),
        data(WORD),
        data(WORD),
        data(LAST),
        data(USAGE),
        data("[DONE]"),
        end(),
    ]
}
