//! The proxy's reader of server-sent events: however the bytes are split, the same events come out, in
//! bounded memory.
//!
//! The first byte says how the rest is split.
#![no_main]

use axum::body::Bytes;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unreachable_pub)]
#[path = "../../src/serve/proxy/sse.rs"]
mod sse;

use sse::{Event, Events};

const LIMIT: usize = 512;

fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else {
        return;
    };
    let whole = read(rest, rest.len().max(1));
    let pieces = read(rest, usize::from(first % 17) + 1);
    assert_eq!(whole, pieces);
});

/// What a stream says when it comes in pieces of this size; `None` at the end where an event is too
/// long.
fn read(bytes: &[u8], size: usize) -> Vec<Option<(u8, Vec<u8>)>> {
    let (mut events, mut said) = (Events::new(LIMIT), Vec::new());
    for piece in bytes.chunks(size) {
        events.push(Bytes::copy_from_slice(piece));
        loop {
            match events.next() {
                Ok(Some(event)) => said.push(Some(kept(&event))),
                Ok(None) => break,
                Err(_) => {
                    said.push(None);
                    return said;
                }
            }
        }
    }
    match events.rest() {
        Ok(last) => said.extend(last.map(|event| Some(kept(&event)))),
        Err(_) => said.push(None),
    }
    said
}

fn kept(event: &Event<'_>) -> (u8, Vec<u8>) {
    let (kind, bytes) = match event {
        Event::Data(bytes) => (0, bytes),
        Event::Error(bytes) => (1, bytes),
        Event::Comment(bytes) => (2, bytes),
    };
    assert!(bytes.len() <= LIMIT, "{} bytes", bytes.len());
    (kind, bytes.to_vec())
}
