//! What must hold of every replay, whatever the trace.

use std::path::PathBuf;

use proptest::option::of;
use proptest::prelude::*;
use weighbridge::catalog::Catalog;
use weighbridge::evaluate::{HINDSIGHT, PolicyFigures, ReplayOptions, ReplayReport, replay_report};
use weighbridge::generate::{Scenario, generate};
use weighbridge::policy::{Policy, Roles, compile};
use weighbridge::replay::{
    Cell, Ledger, SegmentKey, Segments, Stage, Tally, TallyInput, TallySpec, run, unit_keys,
};
use weighbridge::trace::Trace;
use weighbridge::trace_io::write;
use weighbridge_router::{Router, Trade, Usd};

use super::oracle::{lines, rows, tally, trace, which};
use super::support::{Folder, root, trained};

/// The policies that the repository ships, bound to the roles of a trace, and a trained router.
fn shipped(catalog: &Catalog, trace: &Trace) -> Vec<(String, Router)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("policies"))
        .expect("the repository has policies")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    let roles = Roles {
        trace: trace.header().roles.clone(),
        ..Roles::default()
    };
    let mut shipped = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a policy can be read");
        let policy = Policy::parse(&file.display().to_string(), &text).expect("it is sound");
        let trained = policy
            .router_file
            .as_ref()
            .map(|router| root().join("policies").join(&router.path));
        // The trained router is large; a fresh checkout may be without it.
        let trained = match trained {
            Some(path) if !path.exists() => continue,
            Some(path) => Some(Router::load(path).expect("the shipped router is sound")),
            None => None,
        };
        let router = compile(&policy, catalog, &roles, &[], trained.as_ref()).expect("it compiles");
        shipped.push((policy.name, router));
    }
    let learned = Router::load(trained()).expect("the test's router is sound");
    shipped.push(("small".to_owned(), learned));
    assert!(shipped.len() >= 6, "{} policies", shipped.len());
    shipped
}

fn scenario(requests: usize, seed: u64) -> Trace {
    let scenario = Scenario::builtin("engineering").expect("it is built in");
    generate(&scenario.expect("it is sound"), requests, seed)
}

struct Replayed<'a> {
    trace: &'a Trace,
    trade: Option<Trade>,
    threads: usize,
    replicates: usize,
}

impl Replayed<'_> {
    /// The report of the shipped policies.
    fn report(&self) -> ReplayReport {
        let catalog = Catalog::builtin();
        let named = shipped(&catalog, self.trace);
        let routers: Vec<Router> = named.iter().map(|(_, router)| router.clone()).collect();
        let stage = Stage::new(self.trace, &catalog, &routers, None);
        let borrowed: Vec<(String, &Router)> = named
            .iter()
            .map(|(name, router)| (name.clone(), router))
            .collect();
        let (charged, decisions) = run(&stage, &borrowed, self.trade, self.threads);
        let options = ReplayOptions {
            trade: self.trade,
            segments: SegmentKey::NAMES.iter().map(|&(_, key)| key).collect(),
            roles: self.trace.header().roles.clone(),
            seed: 7,
            replicates: self.replicates,
            threads: self.threads,
            sums: true,
        };
        replay_report(&stage, &charged, decisions, &options)
    }

    fn bytes(&self) -> String {
        serde_json::to_string(&self.report()).expect("a report is JSON")
    }
}

const TRADE: Trade = Trade {
    value: Usd::from_picos(500_000_000_000),
    wrong: Usd::from_picos(20_000_000_000),
    second: Usd::from_picos(100_000_000),
};

#[test]
fn threads_change_no_byte_of_a_report() {
    let trace = scenario(2600, 3);
    let report = |threads| {
        Replayed {
            trace: &trace,
            trade: Some(TRADE),
            threads,
            replicates: 24,
        }
        .bytes()
    };
    let one = report(1);
    assert!(one == report(2), "two threads");
    assert!(one == report(5), "five threads");
}

/// The rows of a trace file in an order that depends on `key` alone.
fn shuffled(lines: &[String], key: u64) -> Vec<String> {
    let mut rest: Vec<(u64, &String)> = lines[1..]
        .iter()
        .enumerate()
        .map(|(i, line)| {
            (
                (i as u64 + 1)
                    .wrapping_mul(key | 1)
                    .rotate_left(29)
                    .wrapping_mul(key | 1),
                line,
            )
        })
        .collect();
    rest.sort();
    std::iter::once(&lines[0])
        .chain(rest.into_iter().map(|(_, line)| line))
        .cloned()
        .collect()
}

fn file_lines(trace: &Trace) -> Vec<String> {
    let folder = Folder::new();
    let path = folder.at("t.jsonl");
    write(trace, path.as_ref()).expect("it can be written");
    folder.read("t.jsonl").lines().map(str::to_owned).collect()
}

#[test]
fn the_order_of_the_rows_changes_no_byte_of_a_report() {
    let made = scenario(1500, 11);
    let lines = file_lines(&made);
    let report = |trace: &Trace| {
        Replayed {
            trace,
            trade: Some(TRADE),
            threads: 2,
            replicates: 16,
        }
        .bytes()
    };
    let expected = report(&trace(&lines));
    for key in [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03] {
        let mixed = shuffled(&lines, key);
        assert!(mixed != lines);
        assert!(report(&trace(&mixed)) == expected, "key {key:x}");
    }
}

/// A tally's sums of a policy in a cell, every one of them.
fn sums(cell: &Cell, policy: usize) -> Vec<i128> {
    let of = &cell.policies[policy];
    let mut sums = vec![
        of.unanswered.into(),
        of.fell_back.into(),
        of.unobserved.into(),
        of.uncosted.into(),
    ];
    sums.extend([of.own_success, of.success, of.cost, of.net]);
    sums.extend(of.share.iter().map(|&mass| i128::from(mass)));
    sums.extend((0..cell.policies.len()).map(|other| cell.cost_product(policy, other)));
    sums.extend(cell.replicate_sums(policy).into_iter().flatten());
    sums
}

fn supports(cell: &Cell) -> Vec<i128> {
    let support = cell.support;
    let mut sums: Vec<i128> = [cell.requests, support.success, support.cost, support.net]
        .map(i128::from)
        .to_vec();
    sums.extend(cell.replicate_support().into_iter().flatten());
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn totals_are_the_sums_over_segments(rows in rows(), which in which(), value in of(0..2_000_000_000_000i64)) {
        let tally = tally(&trace(&lines(&rows, Some("2026-01-15"))), which, value.map(|value| (value, 0, 0)), 5);
        let cells = tally.segments(0);
        let added = |of: &dyn Fn(&Cell) -> Vec<i128>| {
            cells.iter().map(of).reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect())
        };
        prop_assert_eq!(added(&supports), Some(supports(tally.total())));
        for policy in 0..tally.spec().policies.len() {
            prop_assert_eq!(added(&|cell| sums(cell, policy)), Some(sums(tally.total(), policy)));
        }
    }

    #[test]
    fn the_order_of_small_traces_changes_nothing(mut rows in rows(), which in which(), key in any::<u64>(), timed in any::<bool>()) {
        rows.iter_mut().for_each(|row| row.at = row.at.filter(|_| timed));
        let lines = lines(&rows, Some("2026-01-15"));
        let worth = Some((300_000_000_000, 0, 0));
        let (a, b) = (trace(&lines), trace(&shuffled(&lines, key)));
        prop_assert_eq!(a.fingerprint(), b.fingerprint());
        let (a, b) = (tally(&a, which, worth, 5), tally(&b, which, worth, 5));
        prop_assert!(a == b);
    }

    #[test]
    fn a_trace_survives_a_round_trip(rows in rows(), prices_at in of(Just("2026-01-15"))) {
        let before = trace(&lines(&rows, prices_at));
        let once = file_lines(&before);
        let after = trace(&once);
        prop_assert_eq!(before.fingerprint(), after.fingerprint());
        prop_assert_eq!(before.header(), after.header());
        for i in 0..before.len() {
            prop_assert_eq!(before.id(i), after.id(i));
            prop_assert_eq!(before.request(i), after.request(i));
            let outcomes = |trace: &Trace| -> Vec<String> {
                trace.outcomes(i).map(|k| format!("{:?}", trace.outcome(k))).collect()
            };
            prop_assert_eq!(outcomes(&before), outcomes(&after));
        }
        prop_assert_eq!(once, file_lines(&after));
    }
}

/// A trace with what its tally is made from.
fn with_input<T>(trace: &Trace, then: impl FnOnce(&TallySpec, TallyInput<'_>) -> T) -> T {
    let catalog = Catalog::builtin();
    let named = shipped(&catalog, trace);
    let routers: Vec<Router> = named.iter().map(|(_, router)| router.clone()).collect();
    let stage = Stage::new(trace, &catalog, &routers, None);
    let borrowed: Vec<(String, &Router)> = named
        .iter()
        .map(|(name, router)| (name.clone(), router))
        .collect();
    let (charged, decisions) = run(&stage, &borrowed, Some(TRADE), 2);
    let segments = [
        Segments::by(trace, SegmentKey::Task),
        Segments::by(trace, SegmentKey::Channel),
    ];
    let units = unit_keys(trace, 7, 2);
    let spec = TallySpec {
        policies: named.iter().map(|(name, _)| name.clone()).collect(),
        endpoints: stage
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.id.clone())
            .collect(),
        segments: segments
            .iter()
            .map(|segments| segments.labels().to_vec())
            .collect(),
        trade: Some(TRADE),
        seed: 7,
        replicates: 20,
    };
    then(
        &spec,
        TallyInput {
            charged: &charged,
            decisions: &decisions,
            units: &units,
            segments: &segments,
        },
    )
}

#[test]
fn the_rows_of_the_ledger_add_up_to_the_tally() {
    let trace = scenario(700, 3);
    with_input(&trace, |spec, input| {
        let tally = Tally::measure(spec, input, 2);
        let ledger = Ledger {
            charged: input.charged,
            decisions: input.decisions,
        };
        for (policy, cell) in tally.total().policies.iter().enumerate() {
            let (mut mass, mut cost, mut success) = (0u64, 0i128, 0i128);
            for row in ledger.rows(policy) {
                mass += u64::from(row.propensity.0);
                cost += i128::from(row.cost.map_or(0, |usd| usd.picos()))
                    * i128::from(row.propensity.0);
                success += i128::from(row.score.unwrap_or(0)) * i128::from(row.propensity.0);
            }
            assert_eq!(mass, 700 * 1_000_000);
            assert_eq!(
                (cost, success),
                (cell.cost, cell.success),
                "{}",
                spec.policies[policy]
            );
        }
    });
}

#[test]
fn shards_merge_to_the_whole_in_any_order_and_grouping() {
    let trace = scenario(1400, 5);
    with_input(&trace, |spec, input| {
        let shard = |range| {
            let mut tally = Tally::new(spec.clone());
            tally.update(input, range);
            tally
        };
        let parts = [
            shard(0..1),
            shard(1..613),
            shard(613..613),
            shard(613..1400),
        ];
        let joined = |order: &[usize]| {
            let mut whole = Tally::new(spec.clone());
            order
                .iter()
                .for_each(|&i| whole.merge(&parts[i]).expect("they are about the same"));
            whole
        };
        let whole = Tally::measure(spec, input, 1);
        assert!(joined(&[0, 1, 2, 3]) == whole);
        assert!(joined(&[3, 1, 0, 2]) == whole);
        let (mut left, mut right) = (parts[1].clone(), parts[3].clone());
        left.merge(&parts[0]).expect("they are about the same");
        right.merge(&parts[2]).expect("they are about the same");
        right.merge(&left).expect("they are about the same");
        assert!(right == whole);
    });
}

#[test]
fn tallies_of_different_specifications_do_not_merge() {
    let spec = TallySpec {
        policies: vec!["a".to_owned()],
        endpoints: vec!["x".to_owned()],
        segments: vec![vec!["math".to_owned()]],
        trade: Some(TRADE),
        seed: 1,
        replicates: 4,
    };
    let changes: [fn(&mut TallySpec); 6] = [
        |spec| spec.policies[0].push('b'),
        |spec| spec.endpoints[0].push('y'),
        |spec| spec.segments[0][0].push('s'),
        |spec| spec.trade = None,
        |spec| spec.seed += 1,
        |spec| spec.replicates += 1,
    ];
    let before = Tally::new(spec.clone());
    for (i, change) in changes.iter().enumerate() {
        let mut other = spec.clone();
        change(&mut other);
        let other = Tally::new(other);
        let mut merged = before.clone();
        assert!(merged.merge(&other).is_err(), "change {i}");
        assert!(merged == before, "change {i}");
        assert_ne!(before.spec_hash(), other.spec_hash(), "change {i}");
    }
    assert!(before.clone().merge(&before).is_ok());
}

#[test]
fn hindsight_is_beaten_by_nobody() {
    for seed in [1, 2, 3] {
        let trace = scenario(900, seed);
        for trade in [None, Some(TRADE)] {
            let report = Replayed {
                trace: &trace,
                trade,
                threads: 2,
                replicates: 0,
            }
            .report();
            let hindsight = report
                .floors
                .iter()
                .find(|floor| floor.name == HINDSIGHT)
                .expect("it is a floor");
            let figure = |policy: &PolicyFigures| match trade {
                None => policy.success.x,
                Some(_) => policy.net_usd_per_request.x,
            };
            let best = figure(hindsight).expect("it is known");
            for policy in report.policies.iter().chain(&report.floors) {
                let own = figure(policy).expect("it is known");
                assert!(
                    own <= best,
                    "seed {seed}: {}: {own} beats {best}",
                    policy.name
                );
            }
        }
    }
}

#[test]
fn what_needs_tools_never_reaches_an_endpoint_without_them() {
    let trace = scenario(3000, 9);
    let catalog = Catalog::builtin();
    let with_tools =
        (0..trace.len()).filter(|&i| trace.request(i).needs.iter().any(|need| need == "tools"));
    let with_tools: Vec<usize> = with_tools.collect();
    assert!(with_tools.len() > 100, "{}", with_tools.len());
    let routers = shipped(&catalog, &trace);
    let mut met = 0;
    for (name, router) in &routers {
        for &i in &with_tools {
            let decision = router.decide(&trace.request(i));
            for &(index, _) in decision.masses() {
                let endpoint = router.endpoint(index);
                assert!(
                    endpoint.can.iter().any(|can| can == "tools"),
                    "{name}: {} to {}",
                    trace.id(i),
                    endpoint.id
                );
                met += 1;
            }
        }
    }
    assert!(met > 0);
    // Without the need, some do go there.
    let free = (0..trace.len()).filter(|&i| trace.request(i).needs.is_empty());
    let bare = |i: usize| {
        let mut endpoints = routers.iter().flat_map(|(_, router)| {
            let decision = router.decide(&trace.request(i));
            let chosen: Vec<_> = decision
                .masses()
                .iter()
                .map(|&(index, _)| router.endpoint(index))
                .collect();
            chosen
        });
        endpoints.any(|endpoint| endpoint.can.is_empty())
    };
    assert!(free.filter(|&i| bare(i)).count() > 100);
}
