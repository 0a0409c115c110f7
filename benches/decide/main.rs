//! One decision on real prompts, and loading a router file. See `BENCHMARKS.md`.
//!
//!     cargo bench --bench decide [-- --router FILE]
//!
//! Decides MMLU prompts of `../shared/data/routellm-mmlu` on one thread, features and heads
//! included, with memory that is already warm: by `--router FILE`, else by
//! `models/engineering.router.json` where that is there; then by an invented router of the shape that
//! training gives.

#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]

mod invented;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use weighbridge::trace::Trace;
use weighbridge::trace_io::{ImportFormat, ImportOptions, import};
use weighbridge_router::{Decision, Router, Scratch};

/// How often the prompts are decided; all but the first are timed.
const PASSES: usize = 4;
const LOADS: usize = 21;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = root.join("../shared/data/routellm-mmlu");
    let trace = data.exists().then(|| mmlu(data));
    let shipped = root.join("models/engineering.router.json");
    let path = argument("--router").map(PathBuf::from);
    if let Some(path) = path.or_else(|| shipped.exists().then_some(shipped)) {
        let file = fs::read(&path).expect("the router file can be read");
        measure(&path.display().to_string(), &file, trace.as_ref());
    }
    let invented = invented::router(trace.as_ref())
        .to_bytes()
        .expect("the router can be written");
    measure("invented weights", &invented, trace.as_ref());
}

fn measure(name: &str, file: &[u8], trace: Option<&Trace>) {
    let mut loads: Vec<f64> = (0..LOADS)
        .map(|_| {
            let start = Instant::now();
            let router = Router::from_bytes(file).expect("the router file is sound");
            let seconds = start.elapsed().as_secs_f64();
            drop(router);
            seconds
        })
        .collect();
    let router = Router::from_bytes(file).expect("the router file is sound");
    say(&format!(
        "router: {name}, {} pairs of heads, {} columns",
        router.heads().len(),
        router.recipe().columns()
    ));
    say(&format!(
        "file: {:.3} MB; loading and verifying: {:.2} ms (median of {LOADS})",
        file.len() as f64 / 1e6,
        quantile(&mut loads, 0.5) * 1e3
    ));
    match trace {
        Some(trace) => decisions(&router, trace),
        None => say("decisions: skipped, ../shared/data/routellm-mmlu is not there"),
    }
}

fn decisions(router: &Router, trace: &Trace) {
    let (mut scratch, mut decision) = (Scratch::default(), Decision::default());
    let mut micros = Vec::with_capacity(PASSES * trace.len());
    let mut first = 0_u64;
    for pass in 0..PASSES {
        for i in 0..trace.len() {
            let request = trace.request(i);
            let start = Instant::now();
            router.decide_into(&request, &mut scratch, &mut decision);
            let nanos = start.elapsed().as_nanos();
            if pass > 0 {
                micros.push(nanos as f64 / 1e3);
                // What is decided must be wanted, or it need not be worked out.
                let chosen = decision.sole().map(|endpoint| endpoint.0);
                first += u64::from(chosen == Some(0));
            }
        }
    }
    let bytes: usize = (0..trace.len())
        .filter_map(|i| trace.prompt(i))
        .map(str::len)
        .sum();
    let n = micros.len();
    say(&format!(
        "decisions: median {:.1} us, p95 {:.1} us, p99 {:.1} us over {n} ({} prompts of {} bytes on average, {:.0}% to the first endpoint)",
        quantile(&mut micros, 0.5),
        quantile(&mut micros, 0.95),
        quantile(&mut micros, 0.99),
        trace.len(),
        bytes / trace.len().max(1),
        100.0 * first as f64 / n.max(1) as f64
    ));
}

fn mmlu(data: PathBuf) -> Trace {
    let options = ImportOptions {
        assume_output_tokens: Some(1),
        ..ImportOptions::default()
    };
    let (trace, _) =
        import(ImportFormat::RouteLlm, &[data], &options).expect("the data can be imported");
    trace
}

/// The value below which that share lies; sorts.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = (share * values.len() as f64) as usize;
    values
        .get(place.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
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
