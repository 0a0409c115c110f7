//! Reading a trace of JSON lines. See `BENCHMARKS.md`.
//!
//!     cargo bench --bench read [-- --megabytes N] [--threads N]
//!
//! Writes an invented trace of about 300 MB to a temporary file and reads it five times with two
//! threads, from the page cache: prints MB/s, rows/s, and bytes in memory a request-outcome pair.

#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::RngCore;
use serde_json::json;
use weighbridge::stats::Keyed;
use weighbridge::trace::Trace;
use weighbridge::trace_io::{FORMAT, ReadOptions, read};
use weighbridge_router::Timestamp;

const READS: usize = 5;
/// About as long as a line of prose with its punctuation.
const WORDS: [&str; 16] = [
    "the",
    "valve",
    "of",
    "a",
    "pressure",
    "vessel",
    "opens",
    "when",
    "between",
    "two",
    "readings,",
    "which",
    "(as",
    "above)",
    "we",
    "integrate.",
];

fn main() {
    let number = |name, otherwise| {
        argument(name)
            .and_then(|n| n.parse().ok())
            .unwrap_or(otherwise)
    };
    let (megabytes, threads) = (number("--megabytes", 300), number("--threads", 2));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("trace.jsonl");
    let (bytes, rows) = write_trace(&path, megabytes * 1_000_000);
    let paths = [path];

    let mut seconds = Vec::new();
    let mut kept = None;
    let busy = processor_seconds();
    for _ in 0..READS {
        // Freeing the last one is no part of reading the next.
        drop(kept.take());
        let start = Instant::now();
        kept = Some(read_trace(&paths, threads));
        seconds.push(start.elapsed().as_secs_f64());
    }
    if let (Some(before), Some(after)) = (busy, processor_seconds()) {
        let each = (after - before) / READS as f64;
        say(&format!(
            "{each:.2} processor seconds a read, freeing included"
        ));
    }
    seconds.sort_unstable_by(f64::total_cmp);
    let (best, median) = (seconds[0], seconds[READS / 2]);
    let speed = |seconds: f64| bytes as f64 / 1e6 / seconds;
    say(&format!(
        "{:.0} MB, {rows} rows, {threads} threads: best {:.0} MB/s, median {:.0} MB/s of {READS}; {:.0} thousand rows/s at best",
        bytes as f64 / 1e6,
        speed(best),
        speed(median),
        rows as f64 / best / 1e3
    ));
    if let Some(trace) = kept {
        assert_eq!(trace.len(), rows, "every row is read");
        let per_pair = trace.bytes_without_prompts() as f64 / trace.outcome_count() as f64;
        say(&format!(
            "{per_pair:.0} bytes a request-outcome pair without prompts"
        ));
    }
}

/// What this process has used so far; it tells the cost of a read where the machine is shared.
/// Linux alone says it, in hundredths.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let behind_name = stat.rsplit_once(')')?.1;
    let mut fields = behind_name.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

fn read_trace(paths: &[PathBuf], threads: usize) -> Trace {
    let options = ReadOptions {
        threads,
        ..ReadOptions::default()
    };
    let (trace, _) = read(paths, &options, &mut |_| ()).expect("the trace is well formed");
    trace
}

/// Write rows until the file has so many bytes; how many it has, and how many rows.
fn write_trace(path: &Path, limit: usize) -> (usize, usize) {
    let file = std::fs::File::create(path).expect("a temporary file");
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut text = format!("{{\"format\":\"{FORMAT}\",\"synthetic\":\"benches/read.rs\"}}\n");
    let (mut bytes, mut rows) = (0, 0);
    loop {
        file.write_all(text.as_bytes()).expect("room on the disk");
        bytes += text.len();
        if bytes >= limit {
            break;
        }
        text = line(rows);
        rows += 1;
    }
    file.flush().expect("room on the disk");
    (bytes, rows)
}

/// A row of two outcomes with a prompt of about 500 bytes in several lines.
fn line(row: usize) -> String {
    let start = Timestamp::parse("2025-12-02").expect("a date").millis();
    let mut draws = Keyed::new(7, "bench", &(row as u64).to_le_bytes());
    let mut below = |n: u64| draws.next_u64() % n;
    let bytes = 300 + below(400) as usize;
    let mut prompt = format!("Request {row}:");
    while prompt.len() < bytes {
        let between = if below(16) == 0 { '\n' } else { ' ' };
        prompt.push(between);
        prompt.push_str(WORDS[below(WORDS.len() as u64) as usize]);
    }
    let input = 1 + prompt.len() / 4;
    let mut outcome = |model: &str, output: u64| {
        json!({
            "model": model, "score": below(2), "input_tokens": input, "output_tokens": 20 + below(output),
            "latency_ms": 1500 + below(90_000), "status": "ok",
        })
    };
    let outcomes = [
        outcome("deepseek-v3.2", 4000),
        outcome("deepseek-v3.2-speciale", 20_000),
    ];
    let request = json!({
        "at": Timestamp::from_millis(start + row as i64).to_string(), "prompt": prompt,
        "task": (["chat", "code", "math"][below(3) as usize]), "input_tokens": input,
    });
    let id = format!("r-{row:07}");
    format!(
        "{}\n",
        json!({ "id": id, "request": request, "outcomes": outcomes })
    )
}

fn argument(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    arguments
        .iter()
        .position(|argument| argument == name)
        .and_then(|at| arguments.get(at + 1).cloned())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
