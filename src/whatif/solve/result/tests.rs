use std::collections::BTreeMap;

use super::*;
use crate::whatif::setting::{Amount, Op};
use crate::whatif::world::{Draws, WorldPolicy};

/// A policy with that net value, whatever is drawn varied by `spread`.
fn policy(name: &str, net: Option<f64>, draws: Vec<f64>) -> WorldPolicy {
    let unknown = || Figure::unknown("USD", "not here");
    WorldPolicy {
        name: name.to_owned(),
        success: Figure::unknown("share", "not here"),
        cost_usd_per_request: unknown(),
        net_usd_per_request: net.map_or_else(unknown, |net| Figure::known(net, "USD", 100)),
        latency_ms_mean: Figure::unknown("ms", "not here"),
        unanswered: Figure::known(0.0, "share", 100),
        share: BTreeMap::new(),
        fixed_usd_per_month: 0.0,
        cost_usd_per_month: unknown(),
        net_usd_per_month: unknown(),
        draws: Draws {
            net: draws.into_iter().map(Some).collect(),
            ..Draws::default()
        },
    }
}

/// Two policies: one nets what `y` says of the unknown and of a replicate (0: the whole), the other
/// nothing.
fn solved(text: &str, y: &dyn Fn(f64, Mode, f64) -> Option<f64>) -> Result<Solved, ScenarioError> {
    let asked = Asked {
        equation: Equation::parse("net(a) = net(b)", &["a", "b"]).unwrap(),
        unknown: text.parse().unwrap(),
        settings: Vec::new(),
    };
    solve(&asked, &Told(y))
}

/// Worlds as a function tells them.
struct Told<'y>(&'y dyn Fn(f64, Mode, f64) -> Option<f64>);

impl Worlds for Told<'_> {
    fn at(&self, settings: &[Setting], mode: Mode) -> Result<World, ScenarioError> {
        let Told(y) = self;
        let Some(Setting {
            value: Amount::Number(x),
            op: Op::Set,
            ..
        }) = settings.last()
        else {
            panic!("the unknown is set last");
        };
        // Draws from -1 to 1.
        let draws = (0..201).map(|i| f64::from(i - 100) / 100.0);
        let a = draws.clone().filter_map(|z| y(*x, mode, z)).collect();
        Ok(World {
            mode,
            policies: vec![
                policy("a", y(*x, mode, 0.0), a),
                policy("b", Some(0.0), vec![0.0; 201]),
            ],
            assumptions: Vec::new(),
            notes: Vec::new(),
        })
    }
}

#[test]
fn a_break_even_has_its_interval_and_says_who_is_greater_on_which_side() {
    // A gain of 0.2 and a cost of 0.1 +- 0.05: it pays from 0.5 on.
    let solved = solved("value", &|x, _, z| Some(0.2 * x - 0.1 - 0.05 * z)).unwrap();
    let [root] = &solved.frozen.roots[..] else {
        panic!("{solved:?}");
    };
    assert!((root.at.x.unwrap() - 0.5).abs() < 1e-9);
    assert_eq!(
        (root.greater_before, root.greater_after),
        (Greater::Right, Greater::Left)
    );
    let [low, high] = root.at.ci95.unwrap();
    assert!(
        (low - 0.2625).abs() < 1e-9 && (high - 0.7375).abs() < 1e-9,
        "{low} {high}"
    );
    assert_eq!(solved.frozen.stretches.len(), 2);
    assert_eq!(solved.range, [0.0, 1e6]);
}

#[test]
fn never_says_which_side_is_greater_throughout() {
    let solved = solved("value", &|x, _, z| Some(-0.2 * x - 0.1 + 0.2 * z)).unwrap();
    let frozen = &solved.frozen;
    assert_eq!(frozen.roots, []);
    let [Stretch { greater, from, to }] = frozen.stretches[..] else {
        panic!("{frozen:?}");
    };
    assert_eq!((greater, from, to), (Greater::Right, 0.0, 1e6));
    let with = frozen.resamples_with_root.unwrap();
    assert!((with - 50.0 / 201.0).abs() < 0.01, "{with}");
}

#[test]
fn an_interval_is_open_where_resamples_never_break_even() {
    let solved = solved("value", &|x, _, z| Some((0.2 - 0.25 * z) * x - 0.1)).unwrap();
    let root = &solved.frozen.roots[0];
    assert!((root.at.x.unwrap() - 0.5).abs() < 1e-9);
    assert_eq!((root.at.ci95, root.high), (None, None));
    assert!(root.low.unwrap() < 0.24 && root.above > 0.09);
    assert!(root.at.why.as_ref().unwrap().contains("lie above"));
}

#[test]
fn curves_have_exact_ends_too_and_all_roots_are_shown() {
    let wave = |x: f64, _, z: f64| Some((x - 1.0) * (x - 2.0) * (x - 3.0) + 0.1 * z);
    let solved = solved("value=0..4:lin9", &wave).unwrap();
    let at: Vec<f64> = solved
        .frozen
        .roots
        .iter()
        .filter_map(|root| root.at.x)
        .collect();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-4;
    assert!(near(at[0], 1.0) && near(at[1], 2.0) && near(at[2], 3.0));
    // (x - 1)(x - 2)(x - 3) = 0.095 at 1.0514 and = -0.095 at 0.9555.
    let [low, high] = solved.frozen.roots[0].at.ci95.unwrap();
    assert!(
        (low - 0.9555).abs() < 2e-4 && (high - 1.0514).abs() < 2e-4,
        "{low} {high}"
    );
}

#[test]
fn a_tie_has_its_end_without_an_interval() {
    let solved = solved("value=0..10:lin11", &|x, mode, z| {
        Some(match mode {
            Mode::Frozen => x - 3.0,
            Mode::Redecided if x < 4.5 => 0.0,
            Mode::Redecided => x + z,
        })
    })
    .unwrap();
    let [root] = &solved.redecided.roots[..] else {
        panic!("{:?}", solved.redecided);
    };
    assert!((root.at.x.unwrap() - 4.5).abs() < 1e-4);
    assert_eq!(root.greater_before, Greater::Neither);
    assert!(
        root.at
            .why
            .as_ref()
            .unwrap()
            .contains("whatever is resampled")
    );
    assert_eq!(solved.frozen.roots.len(), 1);
}

#[test]
fn sides_that_are_always_equal_have_no_root() {
    let solved = solved("value", &|_, _, _| Some(0.0)).unwrap();
    assert_eq!(solved.frozen.roots, []);
    assert_eq!(solved.frozen.stretches[0].greater, Greater::Neither);
}

#[test]
fn unknown_figures_are_an_error_only_where_nothing_is_known() {
    let error = solved("value", &|_, _, _| None).unwrap_err();
    assert!(error.to_string().contains("not here") && error.is_of_data());
    let solved = solved("value=0..9:lin10", &|x, _, _| (x > 2.0).then_some(x - 5.0)).unwrap();
    assert_eq!(solved.frozen.stretches[0].greater, Greater::Unknown);
    assert_eq!(solved.frozen.roots.len(), 1);
}
