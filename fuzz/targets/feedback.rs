//! A file of feedback beside a recording is read, in whole or with lines skipped, or refused; it adds and takes
//! no request. A report that is read is written, and read again as the same.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use weighbridge::trace::Trace;
use weighbridge::trace_io::{FEEDBACK_FORMAT, Feedback, OnError, ReadOptions, read};

const ROWS: &str = r#"{"format":"weighbridge.trace/1"}
{"id":"r-1","request":{},"outcomes":[{"model":"m","endpoint":"m@x","status":"error"},{"model":"n","endpoint":"n@y","status":"ok","input_tokens":9,"cached_tokens":4}],"logged":{"endpoint":"m@x","propensity":0.5}}
{"id":"r-2","request":{},"outcomes":[],"logged":{"endpoint":"deep/m@2@x","propensity":1}}
{"id":"r-3","request":{},"outcomes":[]}
"#;

fuzz_target!(|input: &[u8]| {
    for line in input.split(|&byte| byte == b'\n') {
        let Ok(text) = std::str::from_utf8(line) else { continue };
        let strict = Feedback::from_json(text, true);
        let Ok(report) = Feedback::from_json(text, false) else {
            assert!(strict.is_err(), "what is read strictly is read");
            continue;
        };
        let mut written = Vec::new();
        report.write_line(&mut written).expect("memory takes all");
        let again = std::str::from_utf8(&written).expect("UTF-8");
        assert_eq!(Feedback::from_json(again, true).as_ref(), Ok(&report));
    }
    let folder = place();
    // As it came, and behind a header, which few inputs find.
    let headed = [format!("{{\"format\":\"{FEEDBACK_FORMAT}\"}}\n").as_bytes(), input].concat();
    for content in [input, &headed] {
        fs::write(folder.join("feedback-1.jsonl"), content).expect("there is room");
        let strict = read_one(folder, OnError::Fail);
        let lenient = read_one(folder, OnError::Skip);
        if let Some(strict) = strict {
            let lenient = lenient.as_ref().expect("what is read strictly is read");
            assert_eq!(strict.fingerprint(), lenient.fingerprint());
        }
        if let Some(trace) = lenient {
            assert_eq!(trace.len(), 3);
        }
    }
});

fn read_one(folder: &PathBuf, on_error: OnError) -> Option<Trace> {
    let options = ReadOptions { on_error, threads: 1 };
    read(std::slice::from_ref(folder), &options, &mut |_| {}).ok().map(|(trace, _)| trace)
}

/// A recording of this process, in memory where there is such a place.
fn place() -> &'static PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = base.join(format!("weighbridge-fuzz-feedback-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("there is room");
        fs::write(folder.join("weighbridge-1.jsonl"), ROWS).expect("there is room");
        folder
    })
}
