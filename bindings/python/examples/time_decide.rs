//! What `bench.py` sets the wheel against: the Rust crate on the same requests, in the same run.
//!
//! ```text
//! cargo run --release --example time_decide -- FILE.router.json REQUESTS.jsonl
//! ```
//!
//! Prints one JSON object: nanoseconds of each single decision, predictions included; of each block
//! of 64 of them; and of each block of as many lines of text to decision lines.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark looks at the clock and prints"
)]

use std::error::Error;
use std::hint::black_box;
use std::io::Cursor;
use std::time::Instant;

use tool::trace_io::RequestLines;
use weighbridge_router::{Decision, Prediction, Request, Router, Scratch, decision_line};

/// As in `bench.py`.
const BLOCK: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [router, requests] = &paths[..] else {
        return Err("usage: time_decide FILE.router.json REQUESTS.jsonl".into());
    };
    let router = Router::load(router)?;
    let text = std::fs::read(requests)?;
    let lines = RequestLines::read(requests, Box::new(Cursor::new(text.clone())))?;
    let requests: Vec<Request> = lines
        .map(|line| line.map(|(_, request)| request))
        .collect::<Result<_, _>>()?;
    let mut scratch = Scratch::default();
    let mut decide = |request: &Request| {
        let mut decision = Decision::default();
        router.decide_into(&request.as_ref(), &mut scratch, &mut decision);
        let predictions = router.predictions(&request.as_ref(), &mut scratch);
        (decision, predictions.to_vec())
    };
    requests.iter().for_each(|request| drop(decide(request)));

    let single = requests.iter().map(|request| {
        let start = Instant::now();
        black_box(decide(request));
        start.elapsed().as_nanos()
    });
    let single: Vec<u128> = single.collect();

    let batch = requests.chunks(BLOCK).map(|block| {
        let start = Instant::now();
        let all: Vec<(Decision, Vec<Prediction>)> = block.iter().map(&mut decide).collect();
        let nanos = start.elapsed().as_nanos();
        drop(black_box(all));
        nanos
    });
    let batch: Vec<u128> = batch.collect();

    let mut blocks = Vec::new();
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    for block in lines.chunks(BLOCK) {
        let text = block.concat();
        let start = Instant::now();
        let mut out = Vec::new();
        for line in RequestLines::read("<lines>", Box::new(Cursor::new(text)))? {
            let (id, request) = line?;
            let line = decision_line(&router, &id, &request.as_ref(), &mut scratch);
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        blocks.push(start.elapsed().as_nanos());
        drop(black_box(out));
    }
    println!(r#"{{"single":{single:?},"batch":{batch:?},"lines":{blocks:?}}}"#);
    Ok(())
}
