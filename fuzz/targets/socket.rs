//! Whatever bytes come over a connection, the server answers in HTTP or closes: it never hangs, never says that
//! it is at fault, goes on answering others, and what it recorded is read.
//!
//! The server is the real one, on loopback, with a recording and no upstream.
#![no_main]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use weighbridge::serve::{
    Active, Files, Limits, Loaded, LogFormat, LogOptions, Prompts, RecordOptions, ServeOptions, run,
};
use weighbridge::trace_io::{ReadOptions, read};
use weighbridge_router::{Ppm, Router};

static FILE: &[u8] = include_bytes!("../../tests/corpus/router/1/every-kind.router.json");

/// After so many inputs the recording is read.
const OFTEN: u64 = 2_000;

fuzz_target!(|input: &[u8]| {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let address = server();
    let answer = said(address, input);
    if !answer.is_empty() {
        let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status.and_then(|code| std::str::from_utf8(code).ok()?.parse::<u16>().ok());
        let status = status.unwrap_or_else(|| panic!("no HTTP: {:?}", String::from_utf8_lossy(&answer)));
        // 501 and 503 say what there is not, and what there is no room for.
        assert!((200..600).contains(&status) && ![500, 502, 504].contains(&status), "{status}");
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    if count % 64 == 0 {
        let health = said(address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        assert!(health.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&health));
    }
    if count % OFTEN == OFTEN - 1 {
        let route = b"POST /v1/route HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 14\r\n\r\n{\"request\":{}}";
        assert!(said(address, route).starts_with(b"HTTP/1.1 200"));
        thread::sleep(Duration::from_millis(500));
        let paths = [place().join("rec")];
        let read = read(&paths, &ReadOptions::default(), &mut |_| {});
        read.expect("what was recorded is read");
    }
});

/// All that the server says to this; a hang is a fault.
fn said(address: SocketAddr, input: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let limit = Some(Duration::from_secs(15));
    stream.set_read_timeout(limit).expect("a socket");
    stream.set_write_timeout(limit).expect("a socket");
    // It may have closed before all was sent.
    let _ = stream.write_all(input).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let hangs = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
        assert!(!hangs.contains(&error.kind()), "it hangs: {error}");
    }
    answer
}

fn server() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let router = Router::from_bytes(FILE).expect("the corpus is read");
        let main = Loaded { name: "fuzzed".to_owned(), router };
        let active = Active { main, canary: None, shadow: None, explore: Ppm(300_000) };
        let options = ServeOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            limits: Limits { head: Duration::from_secs(2), body: Duration::from_secs(2), ..Limits::default() },
            log: LogOptions { format: LogFormat::Off, ..LogOptions::default() },
            record: Some(RecordOptions {
                folder: place().join("rec"),
                prompts: Prompts::Keep,
                segment_bytes: 1 << 20,
                segment_age: Duration::from_secs(3600),
            }),
            ..ServeOptions::default()
        };
        let (ready, address) = mpsc::channel();
        thread::spawn(move || {
            let ended = run(Files::fixed(active), options, move |address| {
                let _ = ready.send(address);
            });
            panic!("the server ended: {ended:?}");
        });
        address.recv().expect("it listens")
    })
}

/// A folder of this process, in memory where there is such a place.
fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = base.join(format!("weighbridge-fuzz-socket-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room");
    folder
}
