//! What was asked beside the worlds, on the page: break-evens, what the decision hangs on, and the
//! volume from which a second model pays.

use super::axis::Spread;
use super::markup::text;
use super::output::list;
use super::palette::Look;
use super::rows::{Content, Row, Rows};
use super::tables::{Cell, Grid};
use super::words;
use crate::report::number::money;
use crate::report::whatif_questions::{brief, decision, from, place, side};
use crate::whatif::{Bar, BreakEven, Hanging, Pays, Solved, Tco, Tornado, WhatIf};

/// The answers to `--solve`.
pub(super) fn break_evens(result: &WhatIf) -> Vec<String> {
    let lines = result.solved.iter().flat_map(|solved| {
        let modes = if solved.frozen == solved.redecided {
            vec![("as shipped and compiled anew", &solved.frozen)]
        } else {
            vec![
                ("as shipped", &solved.frozen),
                ("compiled anew", &solved.redecided),
            ]
        };
        modes
            .into_iter()
            .map(move |(mode, found)| (solved, mode, found))
    });
    let lines = lines.flat_map(|(solved, mode, found)| told(solved, mode, found));
    lines.collect()
}

/// The first break-even of the first equation, or that there is none, as the end of a sentence; markup.
pub(super) fn first(result: &WhatIf) -> String {
    let Some(solved) = result.solved.first() else {
        return String::new();
    };
    let (equation, name) = (text(&solved.equation), text(&solved.name));
    match &solved.frozen.roots[..] {
        [] => format!("; no {name} within its range makes {equation} true"),
        [root, ..] => format!(
            "; {equation} where {name} {} <em>{}</em> {}",
            text(solved.op),
            text(&place(root, solved)),
            unit(solved)
        ),
    }
}

fn unit(solved: &Solved) -> &'static str {
    match solved.unit {
        "share" => "%",
        unit => unit,
    }
}

fn told(solved: &Solved, mode: &str, found: &BreakEven) -> Vec<String> {
    let asked = format!("{}, {mode}", solved.equation);
    if found.roots.is_empty() {
        let side = found.stretches.first().map(|it| side(solved, it.greater));
        let side = side.unwrap_or_else(|| "unknown".to_owned());
        return vec![format!(
            "{asked}: never by {}; {side} throughout.",
            solved.name
        )];
    }
    let unit = unit(solved);
    let of = |root| {
        let before = side(solved, root_sides(root)[0]);
        let after = side(solved, root_sides(root)[1]);
        format!(
            "{asked}: {} {} {} {unit}; below it {before}, above it {after}.",
            solved.name,
            solved.op,
            place(root, solved)
        )
    };
    found.roots.iter().map(of).collect()
}

fn root_sides(root: &crate::whatif::Root) -> [crate::whatif::Greater; 2] {
    [root.greater_before, root.greater_after]
}

/// The charts of a tornado.
pub(super) fn tornado(tornado: &Tornado) -> [String; 2] {
    [
        hanging(
            "tornado",
            "What the decision hangs on, as shipped",
            &tornado.frozen,
        ),
        hanging(
            "tornado-redecided",
            "What it hangs on, compiled anew",
            &tornado.redecided,
        ),
    ]
}

fn hanging(key: &str, title: &str, held: &Hanging) -> String {
    let titles = [
        "<input",
        "<from",
        "<to",
        "at the first",
        "at the second",
        "swing",
        "<decision",
    ];
    let mut table = Grid::new(&format!("{key}-numbers"), title, &titles);
    let now = held.difference.x.unwrap_or(0.0);
    let mut rows = Vec::new();
    for bar in &held.bars {
        let says = if bar.flips { "changes" } else { "stands" };
        let [low, high] = [bar.low, bar.high].map(|end| reads(bar.op, &brief(end)));
        table.row(vec![
            Cell::name(&bar.name),
            Cell::words(&low),
            Cell::words(&high),
            Cell::figure(&bar.at_low, words::signed_usd_1000),
            Cell::figure(&bar.at_high, words::signed_usd_1000),
            Cell::figure(&bar.swing, words::signed_usd_1000),
            Cell::words(says),
        ]);
        rows.extend(row(bar, now, [&low, &high], says));
    }
    Rows {
        key: key.to_owned(),
        title: title.to_owned(),
        about: format!(
            "Net value of {} less that of {}, for each input over its plausible range, the one that moves it most first; the upright mark is as things are. {}",
            held.best,
            held.second,
            decision(held)
        ),
        axis: "net gain, USD for 1,000 requests",
        spread: Spread::FromZero,
        show: words::usd_round,
        rows,
        legend: vec![
            (Look::of(0), "the decision stands".to_owned()),
            (Look::of(1), "it changes within the range".to_owned()),
        ],
        table,
    }
    .html()
}

fn row(bar: &Bar, now: f64, [low, high]: [&str; 2], says: &str) -> Option<Row> {
    let ends = [bar.at_low.x? * 1000.0, bar.at_high.x? * 1000.0];
    Some(Row {
        name: bar.name.clone(),
        says: format!("{low} to {high}"),
        tip: format!(
            "{}\n{low}: {} for 1,000\n{high}: {} for 1,000\nthe decision {says}",
            bar.name,
            words::figure(&bar.at_low, words::signed_usd_1000),
            words::figure(&bar.at_high, words::signed_usd_1000)
        ),
        content: Content::Between {
            ends,
            now: 1000.0 * now,
            look: Look::of(usize::from(bar.flips)),
        },
    })
}

/// An end of a range as people read it.
fn reads(op: &str, end: &str) -> String {
    let end = end.replace('-', "\u{2212}");
    match op {
        "*=" => format!("×{end}"),
        "+=" if !end.starts_with('\u{2212}') => format!("+{end}"),
        _ => end,
    }
}

/// From which volume on each policy pays, in sentences.
pub(super) fn volumes(tco: &Tco) -> String {
    let mut lines = vec![format!(
        "Against {}; a model more costs ${} a month to keep and ${} of engineering.",
        tco.against,
        money(tco.fixed_usd_per_month),
        money(tco.engineering_usd_per_month)
    )];
    let modes = [
        ("as shipped", &tco.frozen),
        ("compiled anew", &tco.redecided),
    ];
    for (mode, held) in modes {
        lines.extend(held.iter().map(|pays| volume(mode, pays)));
    }
    list(&lines)
}

fn volume(mode: &str, pays: &Pays) -> String {
    let now = words::figure(&pays.gain_usd_per_month, |x| words::signed(x, words::usd));
    let at = match from(pays) {
        at if at.starts_with("never") => at,
        at => format!("from {at} requests a day"),
    };
    format!("{}, {mode}: pays {at}; now {now} a month.", pays.policy)
}
