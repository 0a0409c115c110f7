//! Worlds against replays of the same circumstances: another catalog, another trade.

use std::collections::BTreeMap;
use std::path::Path;

use weighbridge::catalog::{Catalog, SourceFile};
use weighbridge::evaluate::{Figure, PolicyFigures, ReplayOptions, replay_report};
use weighbridge::policy::{Policy, Roles, compile};
use weighbridge::replay::{Stage, run as replay};
use weighbridge::trace::{Header, OutcomeRef, Row, Trace, TraceBuilder};
use weighbridge::trace_io::{OnError, ReadOptions, read};
use weighbridge::whatif::{Base, BaseOptions, Mode, Setting, World, WorldPolicy, paired};
use weighbridge_router::{Millis, RequestRef, Router, Timestamp, Tokens, Trade, Usd};

use super::support::root;

const REPLICATES: usize = 200;

/// The bundled trace, the catalog and the bundled policies.
struct Bundled {
    trace: Trace,
    catalog: Catalog,
    policies: Vec<(String, Router)>,
}

fn bundled() -> Bundled {
    let options = ReadOptions {
        on_error: OnError::Fail,
        threads: 2,
    };
    let file = root().join("traces/engineering.jsonl");
    let (trace, _) = read(&[file], &options, &mut |_| {}).unwrap();
    let catalog = Catalog::builtin();
    let policies = compiled(&trace, &catalog);
    Bundled {
        trace,
        catalog,
        policies,
    }
}

fn compiled(trace: &Trace, catalog: &Catalog) -> Vec<(String, Router)> {
    let roles = Roles {
        trace: trace.header().roles.clone(),
        ..Roles::default()
    };
    let mut files: Vec<_> = std::fs::read_dir(root().join("policies"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let trained = Router::load(root().join("models/engineering.router.json")).unwrap();
    let policy = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let policy = Policy::parse(&path.display().to_string(), &text).unwrap();
        let router = compile(&policy, catalog, &roles, &[], Some(&trained)).unwrap();
        (policy.name.clone(), router)
    };
    files.iter().map(|path| policy(path)).collect()
}

fn trade(value: &str, second: &str) -> Trade {
    Trade {
        value: Usd::parse(value).unwrap(),
        wrong: Usd::parse("0.1").unwrap(),
        second: Usd::parse(second).unwrap(),
    }
}

impl Bundled {
    fn base(&self, trade: Option<Trade>, threads: usize) -> Base<'_> {
        let options = BaseOptions {
            trade,
            roles: self.trace.header().roles.clone(),
            seed: 1,
            replicates: REPLICATES,
            threads,
            ..BaseOptions::default()
        };
        Base::new(&self.trace, &self.catalog, &self.policies, options)
    }

    fn world(&self, trade: Option<Trade>, settings: &[&str], mode: Mode) -> World {
        self.base(trade, 2).at(&parsed(settings), mode).unwrap()
    }

    /// The policies replayed under a catalog.
    fn replayed(
        &self,
        catalog: &Catalog,
        policies: &[(String, Router)],
        trade: Option<Trade>,
    ) -> Vec<PolicyFigures> {
        let routers: Vec<Router> = policies.iter().map(|(_, router)| router.clone()).collect();
        let stage = Stage::new(&self.trace, catalog, &routers, None);
        let named: Vec<(String, &Router)> = policies
            .iter()
            .map(|(name, router)| (name.clone(), router))
            .collect();
        let (charged, decisions) = replay(&stage, &named, trade, 2);
        let options = ReplayOptions {
            trade,
            segments: Vec::new(),
            roles: BTreeMap::new(),
            seed: 1,
            replicates: REPLICATES,
            sums: false,
            threads: 2,
        };
        replay_report(&stage, &charged, decisions, &options).policies
    }
}

fn parsed(settings: &[&str]) -> Vec<Setting> {
    settings.iter().map(|text| text.parse().unwrap()).collect()
}

/// Equal but for the order in which doubles were added.
#[track_caller]
fn same(world: &Figure, replayed: &Figure, what: &str) {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
    assert!(
        near(world.x.unwrap(), replayed.x.unwrap()),
        "{what}: {world:?} {replayed:?}"
    );
    let (a, b) = (world.ci95.unwrap(), replayed.ci95.unwrap());
    assert!(near(a[0], b[0]) && near(a[1], b[1]), "{what}: {a:?} {b:?}");
    assert_eq!(world.n, replayed.n, "{what}");
}

#[track_caller]
fn same_policies(world: &World, replayed: &[PolicyFigures]) {
    assert_eq!(world.policies.len(), replayed.len());
    for (policy, figures) in world.policies.iter().zip(replayed) {
        let name = &policy.name;
        same(&policy.success, &figures.success, name);
        same(
            &policy.cost_usd_per_request,
            &figures.cost_usd_per_request,
            name,
        );
        if figures.net_usd_per_request.x.is_some() {
            same(
                &policy.net_usd_per_request,
                &figures.net_usd_per_request,
                name,
            );
        }
        for (endpoint, share) in &figures.share {
            let x = policy.share[endpoint].x.unwrap();
            assert!((x - share).abs() < 1e-12, "{name} {endpoint}: {x} {share}");
        }
    }
}

/// The built-in catalog with some lines of its text replaced.
fn catalog_with(changes: &[(&str, &str)]) -> Catalog {
    let text = std::fs::read_to_string(root().join("models/catalog/deepseek.toml")).unwrap();
    let text = changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let file = SourceFile {
        name: "changed",
        text: &text,
    };
    Catalog::builtin().overlaid(&[file]).unwrap()
}

#[test]
fn a_world_without_settings_is_the_replay() {
    let bundled = bundled();
    for trade in [None, Some(trade("2", "0")), Some(trade("0.5", "0.001"))] {
        let world = bundled.world(trade, &[], Mode::Frozen);
        let replayed = bundled.replayed(&bundled.catalog, &bundled.policies, trade);
        same_policies(&world, &replayed);
    }
}

#[test]
fn set_prices_and_worths_are_those_of_a_replay_under_them() {
    let bundled = bundled();
    let catalog = catalog_with(&[(
        "usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }",
        "usd_per_mtok = { input = 0.5, cached = 0.028, output = 0.84 }",
    )]);
    let settings = [
        "value=1",
        "wrong=0.1",
        "second=0.001",
        "price.driver.output*=2",
        "price.deepseek-v3.2-speciale@deepseek.output*=2",
        "price.deepseek-v3.2@deepseek.input=0.5",
        "price.deepseek-v3.2-speciale.input+=0.22",
    ];
    let now = trade("1", "0.001");
    let frozen = bundled.world(None, &settings, Mode::Frozen);
    same_policies(
        &frozen,
        &bundled.replayed(&catalog, &bundled.policies, Some(now)),
    );

    let anew: Vec<(String, Router)> = compiled(&bundled.trace, &catalog)
        .into_iter()
        .map(|(name, router)| (name, router.with_trade(now)))
        .collect();
    let redecided = bundled.world(None, &settings, Mode::Redecided);
    same_policies(&redecided, &bundled.replayed(&catalog, &anew, Some(now)));
    assert_ne!(
        frozen.policy("learned").unwrap().share,
        redecided.policy("learned").unwrap().share,
        "the learned policy chooses otherwise"
    );
}

#[test]
fn threads_change_no_byte_and_a_policy_that_learned_nothing_is_the_same_in_both_modes() {
    let bundled = bundled();
    let settings = parsed(&["value=0.3", "tokens.specialist*=2", "share.task.math=0.3"]);
    let base = [bundled.base(None, 1), bundled.base(None, 2)];
    for mode in [Mode::Frozen, Mode::Redecided] {
        let [one, two] = [0, 1].map(|at| base[at].at(&settings, mode).unwrap());
        assert_eq!(one, two);
    }
    let worlds = [Mode::Frozen, Mode::Redecided].map(|mode| base[0].at(&settings, mode).unwrap());
    for name in ["always-driver", "random-95-5", "hard-math-and-code"] {
        let [frozen, redecided] = [0, 1].map(|at| worlds[at].policy(name).unwrap());
        assert_eq!(frozen, redecided, "{name}");
    }
    let net = |policy: &WorldPolicy| policy.net_usd_per_request.clone();
    let [frozen, redecided] = [0, 1].map(|at| worlds[at].policy("learned").unwrap());
    let gain = paired(
        [&net(redecided), &net(frozen)],
        [&redecided.draws.net, &frozen.draws.net],
    );
    let (x, interval) = (gain.x.unwrap(), gain.ci95.unwrap());
    assert!(x > 0.0 && interval[0] > 0.0, "tuning anew pays: {gain:?}");
}

/// Requests of every sort: own worths, graded scores, several samples, bills, costs and times that
/// nobody knows, and cached input.
fn motley() -> Trace {
    let mut builder = TraceBuilder::new(Header::default());
    for i in 0..400i64 {
        let usd = |n: i64| Usd::from_picos(n * 1_000_003);
        let outcome = |model, sample: u32, score: f64, output: i64| OutcomeRef {
            model,
            sample,
            score: (i % 37 != 0).then_some(score),
            input_tokens: Some(Tokens(100 + (i % 700) as u32)),
            cached_tokens: Some(Tokens((i % 50) as u32)),
            output_tokens: (i % 41 != 0).then_some(Tokens(output as u32)),
            ttft_ms: (i % 3 == 0).then_some(Millis(400)),
            latency_ms: (i % 29 != 0).then_some(Millis((500 + output) as u32)),
            ..OutcomeRef::default()
        };
        let graded = f64::from(i32::try_from(i % 5).unwrap()) / 4.0;
        let mut outcomes = vec![
            outcome("deepseek-v3.2", 0, f64::from(u8::from(i % 3 > 0)), 200 + i),
            outcome("deepseek-v3.2-speciale", 0, graded, 900 + 3 * i),
            OutcomeRef {
                model: "billed",
                score: Some(1.0),
                cost_usd: Some(usd(3_000 + i)),
                latency_ms: Some(Millis(100)),
                ..OutcomeRef::default()
            },
        ];
        if i % 7 == 0 {
            outcomes.push(outcome("deepseek-v3.2-speciale", 1, 1.0, 400 + i));
        }
        let prompt = format!("{i} {}", "word ".repeat((i % 90) as usize));
        let request = RequestRef {
            at: Some(Timestamp::parse("2025-12-03").unwrap()),
            prompt: Some(&prompt),
            value_usd: (i % 4 == 0).then_some(usd(500_000 + i)),
            wrong_usd: (i % 6 == 0).then_some(usd(20_000)),
            second_usd: (i % 9 == 0).then_some(usd(700)),
            ..RequestRef::default()
        };
        let id = format!("r{i:03}");
        let row = Row {
            id: &id,
            request,
            outcomes: &outcomes,
            logged: None,
            extra: None,
        };
        builder.push(&row).unwrap();
    }
    builder.finish().unwrap().0
}

fn from_texts(catalog: &Catalog, texts: &[(&str, &str)]) -> Vec<(String, Router)> {
    let compiled = |(name, choose): &(&str, &str)| {
        let text = format!("format = \"weighbridge.policy/1\"\n[choose]\n{choose}\n");
        let policy = Policy::parse(name, &text).unwrap();
        let recorded = ["billed".to_owned()];
        let router = compile(&policy, catalog, &Roles::default(), &recorded, None).unwrap();
        ((*name).to_owned(), router)
    };
    texts.iter().map(compiled).collect()
}

#[test]
fn requests_of_every_sort_come_to_what_a_replay_says() {
    let catalog = Catalog::builtin();
    let policies = from_texts(
        &catalog,
        &[
            (
                "mixed",
                "kind = \"random\"\nweights = { \"deepseek-v3.2\" = 0.7, \"deepseek-v3.2-speciale\" = 0.2, billed = 0.1 }",
            ),
            (
                "long",
                "kind = \"threshold\"\nfeature = \"prompt_bytes\"\nabove = 200\nto = \"deepseek-v3.2-speciale\"\nelse = \"billed\"",
            ),
        ],
    );
    let bundled = Bundled {
        trace: motley(),
        catalog,
        policies,
    };
    for trade in [None, Some(trade("0.3", "0")), Some(trade("0.3", "0.002"))] {
        let world = bundled.world(trade, &[], Mode::Frozen);
        let replayed = bundled.replayed(&bundled.catalog, &bundled.policies, trade);
        same_policies(&world, &replayed);
        assert!(
            world.policies[0].net_usd_per_request.n < 400,
            "something is unknown"
        );
    }
    let dearer = catalog_with(&[(
        "usd_per_mtok = { input = 0.28, cached = 0.028, output = 0.42 }",
        "usd_per_mtok = { input = 0.28, cached = 0.014, output = 1.26 }",
    )]);
    let settings = [
        "price.deepseek-v3.2.output*=3",
        "price.deepseek-v3.2-speciale.output*=3",
        "price.deepseek-v3.2@deepseek.cached*=0.5",
        "price.deepseek-v3.2-speciale@deepseek.cached*=0.5",
        "value+=0.1",
        "second=0.002",
    ];
    let world = bundled.world(Some(trade("0.2", "0")), &settings, Mode::Redecided);
    let now = Some(trade("0.3", "0.002"));
    same_policies(&world, &bundled.replayed(&dearer, &bundled.policies, now));
    assert!(
        world
            .notes
            .iter()
            .any(|note| note.contains("of their own, which stays"))
    );
}

#[test]
fn graded_scores_shift_by_what_is_assumed_until_a_task_is_at_its_end() {
    let catalog = Catalog::builtin();
    let policies = from_texts(
        &catalog,
        &[("s", "kind = \"always\"\nto = \"deepseek-v3.2-speciale\"")],
    );
    let bundled = Bundled {
        trace: motley(),
        catalog,
        policies,
    };
    let success = |settings: &[&str]| {
        let world = bundled.world(None, settings, Mode::Frozen);
        (world.policies[0].success.x.unwrap(), world.assumptions)
    };
    let (before, none) = success(&[]);
    assert!(none.is_empty());
    let (after, assumed) = success(&["success.deepseek-v3.2-speciale+=0.1"]);
    assert!((after - before - 0.1).abs() < 1e-9, "{before} {after}");
    assert!(assumed[0].contains("0 of 389 answers"), "{assumed:?}");
    let (after, assumed) = success(&["success.deepseek-v3.2-speciale+=0.9"]);
    assert_eq!(after, 1.0);
    assert!(assumed[0].contains("389 of 389 answers"), "{assumed:?}");
    let (after, _) = success(&["success.deepseek-v3.2-speciale=0.25"]);
    assert!((after - 0.25).abs() < 1e-9);
}
