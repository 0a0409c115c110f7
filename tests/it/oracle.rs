//! The product's replay against a naive one, on random traces, to the last unit.

use std::fmt::Write as _;

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use weighbridge::catalog::Catalog;
use weighbridge::policy::{Policy, Roles, compile};
use weighbridge::replay::{SegmentKey, Segments};
use weighbridge::replay::{Stage, Tally, TallyInput, TallySpec, run, unit_keys};
use weighbridge::trace::Trace;
use weighbridge::trace_io::{ReadOptions, read};
use weighbridge_router::{Router, Trade, Usd};

use super::naive::{Card, Row, Sample, Sums, Worth, replay};
use super::support::Folder;

/// Two models, three endpoints: windows, a gap between price rows, tiers, abilities and contexts
/// that all matter within the few times and sizes that rows have.
pub(super) const CATALOG: &str = r#"
format = "weighbridge.catalog/1"
[[model]]
id = "cheap"
aliases = ["cheap-alias"]
[[model]]
id = "dear"
[[endpoint]]
id = "cheap@a"
model = "cheap"
can = ["tools"]
ttft_ms = 900
tokens_per_second = 50
until = 2026-03-01
[[endpoint.price]]
from = 2026-01-01
until = 2026-01-20
usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }
tiers = [{ above_input_tokens = 500, usd_per_mtok = { input = 0.56, output = 0.84 } }]
source = "test"
[[endpoint.price]]
from = 2026-02-01
usd_per_mtok = { input = 0.5, output = 0.7 }
source = "test"
[[endpoint]]
id = "cheap@b"
model = "cheap"
[[endpoint.price]]
usd_per_mtok = { input = 1.000001, cached = 0.1, output = 3 }
source = "test"
[[endpoint]]
id = "dear@a"
model = "dear"
context_tokens = 2000
ttft_ms = 2000
tokens_per_second = 20
[[endpoint.price]]
from = 2026-01-10
usd_per_mtok = { input = 3, output = 15 }
source = "test"
"#;

const CARDS: [Card; 4] = [
    ("cheap@a", "cheap", Some((900, 20))),
    ("cheap@b", "cheap", None),
    ("dear@a", "dear", Some((2000, 50))),
    ("house", "house", None),
];

/// The body of each policy, under its first line.
const POLICIES: [&str; 8] = [
    "fallback = []\n[choose]\nkind = \"always\"\nto = \"cheap\"",
    "fallback = [\"cheap@a\"]\n[choose]\nkind = \"always\"\nto = \"dear\"",
    "[choose]\nkind = \"always\"\nto = \"house\"",
    "[choose]\nkind = \"always\"\nto = \"cheap@b\"",
    "fallback = [\"house\"]\n[choose]\nkind = \"random\"\nweights = { \"cheap@a\" = 0.333333, dear = 0.5, house = 0.166667 }",
    "fallback = [\"cheap\"]\n[choose]\nkind = \"threshold\"\nfeature = \"prompt_bytes\"\nabove = 12\nto = \"dear\"\nelse = \"cheap@a\"",
    "fallback = [\"house\"]\n[choose]\nkind = \"rules\"\nelse = \"cheap\"\n[[choose.rule]]\nwhen = { all = [{ task = [\"math\"] }, { not = { needs = [\"tools\"] } }] }\nto = \"dear\"\n[[choose.rule]]\nwhen = { value_usd = { min = 1.0 } }\nto = \"house\"",
    "[choose]\nkind = \"rules\"\nelse = \"house\"\n[[choose.rule]]\nwhen = { prompt_any = [\"prove\"] }\n[choose.rule.to]\nkind = \"random\"\nweights = { \"cheap@b\" = 0.25, dear = 0.75 }",
];

pub(super) fn catalog() -> Catalog {
    Catalog::parse("test.toml", CATALOG).expect("the test's catalog is sound")
}

/// Each policy whose bit is set.
fn routers(catalog: &Catalog, which: u8) -> Vec<(String, Router)> {
    let picked = POLICIES
        .iter()
        .enumerate()
        .filter(|(i, _)| which >> i & 1 == 1);
    let compiled = picked.map(|(i, body)| {
        let text = format!("format = \"weighbridge.policy/1\"\n{body}\n");
        let policy = Policy::parse(&format!("p{i}.toml"), &text).expect("a sound policy");
        let router = compile(
            &policy,
            catalog,
            &Roles::default(),
            &["house".to_owned()],
            None,
        );
        (format!("p{i}"), router.expect("it compiles"))
    });
    compiled.collect()
}

/// Any price that a number of USD with twelve decimals can be.
fn money() -> impl Strategy<Value = i64> {
    prop_oneof![
        (0..10_000i64).prop_map(|millis| millis * 1_000_000_000),
        0..9_999_999_999_999i64,
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let who = select(vec![
        ("cheap", None),
        ("cheap", Some("cheap@a")),
        ("cheap", Some("cheap@b")),
        ("dear", Some("dear@a")),
        ("dear", None),
        ("dear", Some("dear@elsewhere")),
        ("house", None),
    ]);
    let score = of(prop_oneof![Just(0), Just(1_000_000), 0..=1_000_000i64]);
    let tokens = (of(0..3000u32), of(0..800u32), of(0..4000u32));
    (
        who,
        any::<bool>(),
        score,
        tokens,
        of(0..90_000u32),
        of(money()),
    )
        .prop_map(
            |((model, endpoint), failed, score, (input, cached, output), latency_ms, bill)| {
                Sample {
                    model,
                    endpoint,
                    sample: 0,
                    failed,
                    score,
                    input,
                    cached: cached.filter(|&cached| input.is_some_and(|input| cached <= input)),
                    output,
                    latency_ms,
                    bill,
                }
            },
        )
}

fn row() -> impl Strategy<Value = Row> {
    let at = of(select(vec![
        "2025-12-31T23:59:59.999Z",
        "2026-01-05T00:00:00Z",
        "2026-01-10T00:00:00Z",
        "2026-01-20T00:00:00Z",
        "2026-02-01T12:00:00Z",
        "2026-03-01T00:00:00Z",
    ]));
    let prompt = of(select(vec![
        "",
        "prove it",
        "please prove that it is",
        "say hello",
        "Grüße an alle",
    ]));
    let worth = (
        of(money()),
        of(money()),
        of(prop_oneof![Just(0), 0..1_000_000_000i64]),
    );
    let sizes = (of(0..2500u32), of(0..1500u32));
    (
        at,
        prompt,
        of(select(vec!["math", "chat"])),
        any::<bool>(),
        sizes,
        worth,
        prop::collection::vec(sample(), 0..6),
    )
        .prop_map(
            |(at, prompt, task, tools, (input, max_output), (value, wrong, second), samples)| Row {
                id: String::new(),
                at,
                prompt,
                task,
                tools,
                input,
                max_output,
                value,
                wrong,
                second,
                samples,
            },
        )
}

/// Some of the policies: few of them often know all that they are compared on, all of them rarely.
pub(super) fn which() -> impl Strategy<Value = u8> {
    prop_oneof![
        (0..8u32).prop_map(|i| 1 << i),
        (0..8u32, 0..8u32).prop_map(|(i, j)| 1 << i | 1 << j),
        Just(u8::MAX),
    ]
}

/// Rows with ids, and outcomes whose samples are numbered.
pub(super) fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(), 1..60).prop_map(|mut rows| {
        for (i, row) in rows.iter_mut().enumerate() {
            row.id = format!("r{i:03}");
            for k in 0..row.samples.len() {
                let (earlier, rest) = row.samples.split_at_mut(k);
                let same = earlier
                    .iter()
                    .filter(|s| (s.model, s.endpoint) == (rest[0].model, rest[0].endpoint));
                rest[0].sample = u32::try_from(same.count()).expect("few");
            }
        }
        rows
    })
}

fn usd(picos: i64) -> String {
    format!(
        "{}.{:012}",
        picos / 1_000_000_000_000,
        picos % 1_000_000_000_000
    )
}

/// The rows as a trace's lines; the first is the header.
pub(super) fn lines(rows: &[Row], prices_at: Option<&str>) -> Vec<String> {
    let header = match prices_at {
        Some(at) => format!(r#"{{"format":"weighbridge.trace/1","prices_at":"{at}"}}"#),
        None => r#"{"format":"weighbridge.trace/1"}"#.to_owned(),
    };
    std::iter::once(header)
        .chain(rows.iter().map(line))
        .collect()
}

fn line(row: &Row) -> String {
    let mut fields = Vec::new();
    let mut put = |name: &str, value: Option<String>| {
        fields.extend(value.map(|value| format!("\"{name}\":{value}")));
    };
    let text = |text: &str| serde_json::to_string(text).expect("a text");
    put("at", row.at.map(text));
    put("prompt", row.prompt.map(text));
    put("task", row.task.map(text));
    put("needs", row.tools.then(|| r#"["tools"]"#.to_owned()));
    put("input_tokens", row.input.map(|n| n.to_string()));
    put("max_output_tokens", row.max_output.map(|n| n.to_string()));
    put("value_usd", row.value.map(usd));
    put("wrong_usd", row.wrong.map(usd));
    put("second_usd", row.second.map(usd));
    let outcomes: Vec<String> = row.samples.iter().map(outcome).collect();
    format!(
        r#"{{"id":"{}","request":{{{}}},"outcomes":[{}]}}"#,
        row.id,
        fields.join(","),
        outcomes.join(",")
    )
}

fn outcome(sample: &Sample) -> String {
    let mut text = format!(r#"{{"model":"{}","sample":{}"#, sample.model, sample.sample);
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(text, ",\"{name}\":{value}").expect("into memory");
        }
    };
    put("endpoint", sample.endpoint.map(|id| format!("\"{id}\"")));
    put(
        "status",
        Some(if sample.failed { "\"error\"" } else { "\"ok\"" }.to_owned()),
    );
    put(
        "score",
        sample
            .score
            .map(|s| format!("{}.{:06}", s / 1_000_000, s % 1_000_000)),
    );
    put("input_tokens", sample.input.map(|n| n.to_string()));
    put("cached_tokens", sample.cached.map(|n| n.to_string()));
    put("output_tokens", sample.output.map(|n| n.to_string()));
    put("latency_ms", sample.latency_ms.map(|n| n.to_string()));
    put("cost_usd", sample.bill.map(usd));
    text + "}"
}

pub(super) fn trace(lines: &[String]) -> Trace {
    let folder = Folder::new();
    let path = folder.file("trace.jsonl", lines.join("\n"));
    read(&[path.into()], &ReadOptions::default(), &mut |_| {})
        .expect("a sound trace")
        .0
}

pub(super) fn trade((value, wrong, second): Worth) -> Trade {
    let [value, wrong, second] = [value, wrong, second].map(Usd::from_picos);
    Trade {
        value,
        wrong,
        second,
    }
}

/// The tally of the test's policies on a trace, by task.
pub(super) fn tally(trace: &Trace, which: u8, worth: Option<Worth>, replicates: usize) -> Tally {
    let catalog = catalog();
    let named = routers(&catalog, which);
    let routers: Vec<Router> = named.iter().map(|(_, router)| router.clone()).collect();
    let stage = Stage::new(trace, &catalog, &routers, None);
    let borrowed: Vec<(String, &Router)> = named
        .iter()
        .map(|(name, router)| (name.clone(), router))
        .collect();
    let (charged, decisions) = run(&stage, &borrowed, worth.map(trade), 1);
    let segments = [Segments::by(trace, SegmentKey::Task)];
    let spec = TallySpec {
        policies: named.iter().map(|(name, _)| name.clone()).collect(),
        endpoints: stage
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.id.clone())
            .collect(),
        segments: vec![segments[0].labels().to_vec()],
        trade: worth.map(trade),
        seed: 1,
        replicates,
    };
    let units = unit_keys(trace, 1, 1);
    let input = TallyInput {
        charged: &charged,
        decisions: &decisions,
        units: &units,
        segments: &segments,
    };
    Tally::measure(&spec, input, 1)
}

/// The product's sums of each policy, in the form of the naive ones.
fn product(tally: &Tally) -> (Vec<Sums>, [u64; 3]) {
    let places = CARDS.map(|card| tally.spec().endpoints.iter().position(|id| id == card.0));
    let total = tally.total();
    let sums = total.policies.iter().map(|cell| Sums {
        share: places
            .iter()
            .map(|place| place.map_or(0, |place| cell.share[place]))
            .collect(),
        unanswered: cell.unanswered,
        unobserved: cell.unobserved,
        uncosted: cell.uncosted,
        own_success: cell.own_success,
        success: cell.success,
        cost: cell.cost,
        net: cell.net,
    });
    (
        sums.collect(),
        [total.support.success, total.support.cost, total.support.net],
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_naive_replay_comes_to_the_same_sums(
        rows in rows(),
        which in which(),
        prices_at in of(select(vec!["2026-01-15", "2026-01-25", "2026-02-10"])),
        worth in of((money(), money(), prop_oneof![Just(0), 0..1_000_000_000i64])),
    ) {
        let catalog = catalog();
        let routers: Vec<Router> = routers(&catalog, which).into_iter().map(|(_, router)| router).collect();
        let trace = trace(&lines(&rows, prices_at));
        let found = product(&tally(&trace, which, worth, 0));
        prop_assert_eq!(found, replay(&rows, &CARDS, &catalog, &routers, prices_at, worth));
    }
}
