//! Replay from memory against a vectorised numpy script that works out the same figures, and the
//! bootstrap. See `BENCHMARKS.md`.
//!
//!     cargo bench --bench replay [-- --requests N] [--python PYTHON]
//!
//! Prints request-policy evaluations a second, the ratio to the peer where PYTHON has numpy, and
//! whether the results are equal.

#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rand::RngCore;
use weighbridge::catalog::Catalog;
use weighbridge::policy::{Policy, Roles, compile};
use weighbridge::replay::{Decisions, Fact, Stage, Tally, TallyInput, TallySpec, run, unit_keys};
use weighbridge::stats::Keyed;
use weighbridge::trace::{Header, OutcomeRef, Row, Trace, TraceBuilder};
use weighbridge_router::{RequestRef, Router, Timestamp, Tokens, Trade, Usd};

const CATALOG: &str = r#"
format = "weighbridge.catalog/1"
[[model]]
id = "cheap"
[[model]]
id = "dear"
[[endpoint]]
id = "cheap@p"
model = "cheap"
context_tokens = 131072
ttft_ms = 1500
tokens_per_second = 20.0
[[endpoint.price]]
from = "2025-12-01"
usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }
source = "bench"
[[endpoint]]
id = "dear@p"
model = "dear"
context_tokens = 8192
ttft_ms = 2000
tokens_per_second = 25.0
[[endpoint.price]]
from = "2025-12-01"
usd_per_mtok = { input = 0.40, cached = 0.04, output = 1.20 }
source = "bench"
"#;

fn main() {
    let requests = argument("--requests")
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let python = argument("--python").unwrap_or_else(|| "python3".into());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let catalog = Catalog::parse("bench", CATALOG).expect("the catalog is well formed");
    let trace = trace(requests);
    let policies = policies(&catalog);

    let per_outcome = trace.bytes_without_prompts() as f64 / trace.outcome_count() as f64;
    say(&format!(
        "{requests} requests, {per_outcome:.0} bytes a request-outcome pair without prompts, {threads} threads"
    ));

    let mut best = f64::INFINITY;
    let mut tally = None;
    for _ in 0..5 {
        let start = Instant::now();
        tally = Some(measure(&trace, &catalog, &policies, 0, threads));
        best = best.min(start.elapsed().as_secs_f64());
    }
    let evaluations = requests as f64 * policies.len() as f64;
    say(&format!(
        "replay: {best:.3} s, {:.1} million request-policy evaluations a second (best of 5)",
        evaluations / best / 1e6
    ));
    if let Some(tally) = &tally {
        against_numpy(&python, &trace, tally, best);
    }

    let small = self::trace(100_000);
    let start = Instant::now();
    let _ = measure(&small, &catalog, &policies, 1000, threads);
    let with = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let _ = measure(&small, &catalog, &policies, 0, threads);
    say(&format!(
        "bootstrap: 1,000 replicates, 10 policies, 100,000 requests: {:.2} s on top of {:.2} s",
        with - start.elapsed().as_secs_f64(),
        start.elapsed().as_secs_f64()
    ));
}

fn measure(
    trace: &Trace,
    catalog: &Catalog,
    policies: &[(String, Router)],
    replicates: usize,
    threads: usize,
) -> Tally {
    let routers: Vec<Router> = policies.iter().map(|(_, router)| router.clone()).collect();
    let stage = Stage::new(trace, catalog, &routers, None);
    let trade = Trade {
        value: Usd::from_picos(500_000_000_000),
        ..Trade::default()
    };
    let named: Vec<(String, &Router)> = policies
        .iter()
        .map(|(name, router)| (name.clone(), router))
        .collect();
    let (charged, decisions) = run(&stage, &named, Some(trade), threads);
    let units = if replicates > 0 {
        unit_keys(trace, 1, threads)
    } else {
        Vec::new()
    };
    let spec = TallySpec {
        policies: decisions
            .iter()
            .map(|decisions: &Decisions| decisions.name().to_owned())
            .collect(),
        endpoints: stage
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.id.clone())
            .collect(),
        segments: Vec::new(),
        trade: Some(trade),
        seed: 1,
        replicates,
    };
    Tally::measure(
        &spec,
        TallyInput {
            charged: &charged,
            decisions: &decisions,
            units: &units,
            segments: &[],
        },
        threads,
    )
}

/// Two fixed policies and eight thresholds.
fn policies(catalog: &Catalog) -> Vec<(String, Router)> {
    let limits = [
        ("prompt_bytes", 30),
        ("prompt_bytes", 60),
        ("prompt_bytes", 90),
        ("prompt_bytes", 110),
    ];
    let tokens = [
        ("input_tokens", 500),
        ("input_tokens", 2000),
        ("input_tokens", 6000),
        ("input_tokens", 9000),
    ];
    let mut texts = vec![
        (
            "cheap".to_owned(),
            "kind = \"always\"\nto = \"cheap\"\n".to_owned(),
        ),
        (
            "dear".to_owned(),
            "kind = \"always\"\nto = \"dear\"\n".to_owned(),
        ),
    ];
    for (feature, above) in limits.into_iter().chain(tokens) {
        let choose = format!(
            "kind = \"threshold\"\nfeature = \"{feature}\"\nabove = {above}\nto = \"dear\"\nelse = \"cheap\"\n"
        );
        texts.push((format!("{feature}>{above}"), choose));
    }
    let compiled = |(name, choose): (String, String)| {
        let text = format!(
            "format = \"weighbridge.policy/1\"\nfallback = [\"cheap\"]\n[choose]\n{choose}"
        );
        let policy = Policy::parse("bench", &text).expect("the policy is well formed");
        let router = compile(&policy, catalog, &Roles::default(), &[], None)
            .expect("its names are in the catalog");
        (name, router)
    };
    texts.into_iter().map(compiled).collect()
}

fn trace(requests: usize) -> Trace {
    let filler = "x".repeat(128);
    let start = Timestamp::parse("2025-12-02").expect("a date").millis();
    let mut builder = TraceBuilder::new(Header::default());
    for i in 0..requests {
        let mut draws = Keyed::new(7, "bench", &(i as u64).to_le_bytes());
        let mut below = |n: u64| u32::try_from(draws.next_u64() % n).unwrap_or(0);
        let input = 1 + below(200) * below(60);
        let (easy, hard) = (below(10), below(10));
        let outcome = |model, right: bool, output: u32| OutcomeRef {
            model,
            score: Some(f64::from(u8::from(right))),
            input_tokens: Some(Tokens(input)),
            cached_tokens: Some(Tokens(input / 3)),
            output_tokens: Some(Tokens(output)),
            ..OutcomeRef::default()
        };
        let outcomes = [
            outcome("cheap", easy < 7, 50 + below(4000)),
            outcome("dear", hard < 9, 100 + below(9000)),
        ];
        let request = RequestRef {
            at: Some(Timestamp::from_millis(start + i as i64)),
            prompt: Some(&filler[..below(128) as usize]),
            input_tokens: Some(Tokens(input)),
            ..RequestRef::default()
        };
        let id = format!("r{i:07}");
        builder
            .push(&Row {
                id: &id,
                request,
                outcomes: &outcomes,
                logged: None,
                extra: None,
            })
            .expect("the row is well formed");
    }
    builder.finish().expect("ids are unique").0
}

/// Hand the same columns to the peer, let it time itself, and compare its figures.
fn against_numpy(python: &str, trace: &Trace, tally: &Tally, ours: f64) {
    let folder = std::env::temp_dir().join(format!("weighbridge-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    write_columns(trace, &folder);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/replay_numpy.py");
    let output = Command::new(python).arg(script).arg(&folder).output();
    let _ = fs::remove_dir_all(&folder);
    let Ok(output) = output else {
        return say("numpy: no such Python");
    };
    if !output.status.success() {
        return say(&format!(
            "numpy: not measured: {}",
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .last()
                .unwrap_or("")
        ));
    }
    let result: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("the peer prints JSON");
    let theirs = result["seconds"].as_f64().expect("seconds");
    let equal = result["policies"]
        .as_array()
        .expect("policies")
        .iter()
        .zip(&tally.total().policies)
        .all(|(theirs, ours)| {
            let same = |name: &str, ours: String| theirs[name].as_str() == Some(&ours);
            same("success", (ours.success / 1_000_000).to_string())
                && same("cost", (ours.cost / 1_000_000).to_string())
                && same("net", (ours.net / 1_000_000).to_string())
                && same("p50", ours.latency.quantile(0.5).unwrap_or(0).to_string())
                && same("p95", ours.latency.quantile(0.95).unwrap_or(0).to_string())
                && same("own_success", (ours.own_success / 1_000_000).to_string())
                && same("unobserved", (ours.unobserved / 1_000_000).to_string())
                && same("uncosted", (ours.uncosted / 1_000_000).to_string())
                && same(
                    "priced",
                    (ours.resting_on(Fact::Priced) / 1_000_000).to_string(),
                )
                && same("fell_back", (ours.fell_back / 1_000_000).to_string())
        });
    say(&format!(
        "numpy: {theirs:.3} s (best of 5, one process); ours takes {:.2} of its time; results {}",
        ours / theirs,
        if equal { "equal" } else { "DIFFER" }
    ));
}

fn write_columns(trace: &Trace, folder: &Path) {
    let column = |name: &str, values: &mut dyn Iterator<Item = i64>| {
        let bytes: Vec<u8> = values.flat_map(i64::to_le_bytes).collect();
        fs::File::create(folder.join(name))
            .and_then(|mut file| file.write_all(&bytes))
            .expect("a column");
    };
    let rows = 0..trace.len();
    let tokens = |tokens: Option<Tokens>| i64::from(tokens.unwrap_or_default().0);
    column(
        "prompt_bytes",
        &mut rows
            .clone()
            .map(|i| trace.prompt(i).map_or(0, str::len) as i64),
    );
    column(
        "at",
        &mut rows
            .clone()
            .map(|i| trace.at(i).map_or(0, Timestamp::millis)),
    );
    column(
        "input_tokens",
        &mut rows.clone().map(|i| tokens(trace.request(i).input_tokens)),
    );
    for place in 0..2 {
        let outcome = |i: usize| trace.outcome(trace.outcomes(i).start + place);
        column(
            &format!("score{place}"),
            &mut rows
                .clone()
                .map(|i| (outcome(i).score.unwrap_or(0.0) * 1e6) as i64),
        );
        column(
            &format!("cached{place}"),
            &mut rows.clone().map(|i| tokens(outcome(i).cached_tokens)),
        );
        column(
            &format!("output{place}"),
            &mut rows.clone().map(|i| tokens(outcome(i).output_tokens)),
        );
    }
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
