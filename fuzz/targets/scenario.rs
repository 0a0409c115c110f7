//! A scenario of traffic is refused with an error that names file, line and field, or a trace can be drawn from
//! it, which is written and read again as the same.
#![no_main]

use std::fs;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use weighbridge::generate::{Scenario, generate};
use weighbridge::trace_io::{ReadOptions, read, write};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let scenario = match Scenario::parse("fuzz.toml", text) {
        Ok(scenario) => scenario,
        Err(error) => {
            assert!(error.to_string().starts_with("fuzz.toml:"), "{error}");
            return;
        }
    };
    let trace = generate(&scenario, 20, 7);
    assert_eq!(trace.len(), 20);
    assert_eq!(generate(&scenario, 20, 7).fingerprint(), trace.fingerprint());
    let path = place();
    write(&trace, &path).expect("there is room");
    let read = read(&[path], &ReadOptions::default(), &mut |_| {});
    let (again, _) = read.expect("what was drawn is read");
    assert_eq!(again.fingerprint(), trace.fingerprint());
});

/// A file of this process, in memory where there is such a place.
fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = base.join(format!("weighbridge-fuzz-scenario-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room");
    folder.join("drawn.jsonl")
}
