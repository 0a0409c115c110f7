//! Many worlds over a long trace. See `BENCHMARKS.md`.
//!
//!     cargo bench --bench whatif [-- --requests N] [--replicates R]
//!
//! Ten policies, three of them learned; a hundred settings of a price and of the value of a right
//! answer, frozen and re-decided, with intervals. Scoring the heads is timed apart.

#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]

use std::io::Write;
use std::time::Instant;

use rand::RngCore;
use weighbridge::catalog::Catalog;
use weighbridge::policy::{Policy, Roles, compile};
use weighbridge::stats::Keyed;
use weighbridge::trace::{Header, OutcomeRef, Row, Trace, TraceBuilder};
use weighbridge::whatif::{Base, BaseOptions, Sweep, WhatIf};
use weighbridge_router::{
    Choose, Endpoint, Heads, LogLinear, Logistic, Millis, Parts, RequestRef, Router, Scaling, Step,
    Success, Surface, Timestamp, Tokens, surface,
};

const CATALOG: &str = r#"
format = "weighbridge.catalog/1"
[[model]]
id = "cheap"
[[model]]
id = "dear"
[[endpoint]]
id = "cheap@p"
model = "cheap"
ttft_ms = 1500
tokens_per_second = 20.0
[[endpoint.price]]
from = "2025-12-01"
usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }
source = "bench"
[[endpoint]]
id = "dear@p"
model = "dear"
ttft_ms = 2000
tokens_per_second = 25.0
[[endpoint.price]]
from = "2025-12-01"
usd_per_mtok = { input = 0.40, cached = 0.04, output = 1.20 }
source = "bench"
"#;
const SETTINGS: [&str; 2] = ["value=0.001..1:log25", "price.dear@p.output*=0.5,1,2,4"];

fn main() {
    let requests = number("--requests", 1_000_000);
    let replicates = number("--replicates", 1000);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let catalog = Catalog::parse("bench", CATALOG).expect("the catalog is well formed");
    let trace = trace(requests);
    let policies = policies(&catalog);
    say(&format!(
        "{requests} requests, {} policies, {replicates} replicates, {threads} threads",
        policies.len()
    ));
    let options = BaseOptions {
        replicates,
        seed: 1,
        threads,
        ..BaseOptions::default()
    };
    let base = timed("heads scored and decided", || {
        Base::new(&trace, &catalog, &policies, options)
    });
    let sweeps: Vec<Sweep> = SETTINGS
        .iter()
        .map(|text| text.parse().expect("the setting is well formed"))
        .collect();
    let work = || WhatIf::new(&base, &sweeps).expect("its names are in the catalog");
    let first = timed("100 worlds, frozen and re-decided, with intervals", work);
    let again = timed("again, with the sums at hand", work);
    assert_eq!(first.points.len(), 100);
    assert!(first == again, "the same from the same sums");
}

/// Say how long a work takes, by the clock and in processor seconds.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, used) = (Instant::now(), processor_seconds());
    let result = work();
    say(&format!(
        "{what}: {:.2} s, {:.2} processor seconds",
        start.elapsed().as_secs_f64(),
        processor_seconds() - used
    ));
    result
}

/// What the process has used, where the system tells it: ticks of a hundredth.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// Two fixed policies, five thresholds, three learned ones.
fn policies(catalog: &Catalog) -> Vec<(String, Router)> {
    let mut policies: Vec<(String, Router)> = ["cheap", "dear"]
        .iter()
        .map(|name| {
            let choose = format!("kind = \"always\"\nto = \"{name}\"\n");
            (format!("always {name}"), compiled(catalog, &choose, None))
        })
        .collect();
    for above in [30, 50, 70, 90, 110] {
        let choose = format!(
            "kind = \"threshold\"\nfeature = \"prompt_bytes\"\nabove = {above}\nto = \"dear\"\nelse = \"cheap\"\n"
        );
        policies.push((
            format!("longer than {above}"),
            compiled(catalog, &choose, None),
        ));
    }
    let trained = trained();
    for value in ["0.01", "0.1", "1"] {
        let choose =
            format!("kind = \"router\"\nfile = \"trained\"\n[choose.trade]\nvalue_usd = {value}\n");
        policies.push((
            format!("learned at {value}"),
            compiled(catalog, &choose, Some(&trained)),
        ));
    }
    policies
}

fn compiled(catalog: &Catalog, choose: &str, trained: Option<&Router>) -> Router {
    let text =
        format!("format = \"weighbridge.policy/1\"\nfallback = [\"cheap\"]\n[choose]\n{choose}");
    let policy = Policy::parse("bench", &text).expect("the policy is well formed");
    compile(&policy, catalog, &Roles::default(), &[], trained)
        .expect("its names are in the catalog")
}

/// Heads over the surface of a prompt.
fn trained() -> Router {
    let columns = surface::COUNT;
    let weights = |size: f64, seed: u64| -> Vec<f32> {
        let mut draws = Keyed::new(seed, "bench weights", b"");
        let mut next = || (draws.next_u64() >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        (0..columns).map(|_| (size * next()) as f32).collect()
    };
    let heads = |model: &str, bias: f64, seed: u64| Heads {
        model: model.to_owned(),
        success: Success::Logistic(Logistic {
            bias,
            weights: weights(1.0, seed),
            platt: [1.0, 0.0],
        }),
        output_tokens: LogLinear {
            bias: 7.0,
            weights: weights(0.5, seed + 1),
            smearing: 1.2,
        },
    };
    let endpoint = |model: &str| Endpoint {
        id: format!("{model}@p"),
        model: model.to_owned(),
        prices: Vec::new(),
        ..Endpoint::recorded_only(model)
    };
    Router::try_new(Parts {
        endpoints: vec![endpoint("cheap"), endpoint("dear")],
        choose: Some(Choose::Always("cheap".to_owned())),
        steps: vec![Step::Surface(Surface(Scaling {
            mean: vec![0.0; columns],
            scale: vec![10.0; columns],
            weight: 1.0,
        }))],
        heads: vec![heads("cheap", 0.8, 3), heads("dear", 2.0, 5)],
        ..Parts::default()
    })
    .expect("the router is well formed")
}

fn trace(requests: usize) -> Trace {
    const TEXT: &str = "Prove that every bounded sequence has a convergent subsequence, and then write \
        the 12 lines of code that find one; explain each step, please.";
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
            latency_ms: Some(Millis(1000 + output)),
            ..OutcomeRef::default()
        };
        let outcomes = [
            outcome("cheap", easy < 7, 50 + below(4000)),
            outcome("dear", hard < 9, 100 + below(9000)),
        ];
        let prompt = format!("{i} {}", &TEXT[..below(128) as usize]);
        let request = RequestRef {
            at: Some(Timestamp::from_millis(start + i as i64)),
            prompt: Some(&prompt),
            input_tokens: Some(Tokens(input)),
            ..RequestRef::default()
        };
        let id = format!("r{i:07}");
        let row = Row {
            id: &id,
            request,
            outcomes: &outcomes,
            logged: None,
            extra: None,
        };
        builder.push(&row).expect("the row is well formed");
    }
    builder.finish().expect("ids are unique").0
}

fn number(name: &str, otherwise: usize) -> usize {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    let given = at.and_then(|at| arguments.get(at + 1)?.parse().ok());
    given.unwrap_or(otherwise)
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
