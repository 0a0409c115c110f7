//! A trace is read, in whole or with lines skipped, or refused; what is read is written and read again
//! as the same trace. Request lines and feedback, which come from other processes, are tried too.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use weighbridge::trace::Trace;
use weighbridge::trace_io::{Feedback, OnError, ReadOptions, RequestLines, read, write};

fuzz_target!(|input: &[u8]| {
    let path = place("in.jsonl");
    fs::write(path, input).expect("there is room");
    let strict = read_one(path, OnError::Fail);
    let lenient = read_one(path, OnError::Skip);
    if let Some(trace) = &strict {
        let lenient = lenient.as_ref().expect("what is read strictly is read");
        assert_eq!(trace.fingerprint(), lenient.fingerprint());
    }
    if let Some(trace) = lenient {
        let copy = place("out.jsonl");
        write(&trace, copy).expect("there is room");
        let again = read_one(copy, OnError::Fail).expect("what was written is read");
        assert_eq!(again.fingerprint(), trace.fingerprint());
        assert_eq!(again.header(), trace.header());
    }
    let lines = RequestLines::read("input", Box::new(std::io::Cursor::new(input.to_vec())));
    // An error may end them or not; there are not more of them than lines.
    lines.into_iter().flatten().take(input.len() + 1).for_each(drop);
    if let Ok(text) = std::str::from_utf8(input) {
        for line in text.lines() {
            let _ = Feedback::from_json(line, true);
            let _ = Feedback::from_json(line, false);
        }
    }
});

fn read_one(path: &'static PathBuf, on_error: OnError) -> Option<Trace> {
    let options = ReadOptions { on_error, threads: 1 };
    read(std::slice::from_ref(path), &options, &mut |_| {}).ok().map(|(trace, _)| trace)
}

/// A file of this process, in memory where there is such a place.
fn place(name: &'static str) -> &'static PathBuf {
    static PLACES: OnceLock<[PathBuf; 2]> = OnceLock::new();
    let places = PLACES.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = base.join(format!("weighbridge-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("there is room");
        [folder.join("in.jsonl"), folder.join("out.jsonl")]
    });
    &places[usize::from(name == "out.jsonl")]
}
