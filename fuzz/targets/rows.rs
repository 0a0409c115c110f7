//! What `serve` records, the reader of folders reads, whatever clients, upstreams and graders say: every line
//! is taken, none is lost, and what was written comes back equal.
//!
//! The input is lines, three by three: a request or a chat body, what an upstream answered, a report.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::process;

use libfuzzer_sys::fuzz_target;
use weighbridge::serve::{Prompts, Said, record_and_read};

fuzz_target!(|input: &[u8]| {
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    let ids: Vec<String> = (0..lines.len()).map(|place| format!("r-{place}")).collect();
    let said: Vec<Said<'_>> = lines
        .chunks(3)
        .zip(&ids)
        .map(|(lines, id)| Said {
            id,
            request: lines.first().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default(),
            answers: lines.get(1).copied().into_iter().collect(),
            reports: lines.get(2).copied().unwrap_or_default(),
        })
        .collect();
    let prompts = [Prompts::Keep, Prompts::Hash, Prompts::Drop][input.len() % 3];
    let folder = place();
    // What a former input left that broke the promise.
    let _ = fs::remove_dir_all(&folder);
    let _ = record_and_read(&said, prompts, &folder);
});

/// A folder of this process, in memory where there is such a place.
fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    base.join(format!("weighbridge-fuzz-rows-{}", process::id()))
}
