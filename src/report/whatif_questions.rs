//! Break-evens, tornado and volumes of a what-if, as a document.

use super::document::{Document, Table};
use super::number::{NONE, count, money, share, signed, usd, usd_per_1000};
use super::whatif::{row, settings};
use crate::evaluate::Figure;
use crate::whatif::{
    Amount, Bar, BreakEven, Greater, Hanging, Pays, Root, Solved, Tco, Tornado, WhatIf,
};

/// Bars of a tornado that are shown.
const MOST_BARS: usize = 12;

/// Lay out what was asked beside the worlds.
pub(super) fn questions(document: &mut Document, result: &WhatIf) {
    result
        .solved
        .iter()
        .for_each(|solved| break_evens(document, solved));
    if let Some(tornado) = &result.tornado {
        hanging(document, tornado);
    }
    if let Some(tco) = &result.tco {
        volumes(document, tco);
    }
}

fn break_evens(document: &mut Document, solved: &Solved) {
    let [from, to] = solved.range.map(|x| amount(x, solved.unit));
    let beside = if solved.settings.is_empty() {
        String::new()
    } else {
        format!(", with {}", settings(&solved.settings))
    };
    document.heading(format!(
        "Where {}: {}{} from {from} to {to}{beside}",
        solved.equation, solved.name, solved.op
    ));
    let unit = if solved.unit == "share" {
        "%"
    } else {
        solved.unit
    };
    let title = format!("Break-even, {unit}");
    let titles = ["<Files", title.as_str(), "<Below it", "<Above it"];
    let mut table = Table::new("break_even", &titles);
    let modes = [
        ("frozen", &solved.frozen),
        ("re-decided", &solved.redecided),
    ];
    for (mode, found) in modes {
        table.line();
        if found.roots.is_empty() {
            table.row(never(mode, solved, found));
        }
        for root in &found.roots {
            table.row(vec![
                mode.to_owned(),
                place(root, solved),
                side(solved, root.greater_before),
                side(solved, root.greater_after),
            ]);
        }
    }
    document.table(table);
    let remarks = modes.into_iter().flat_map(|(mode, found)| {
        let whys = found.roots.iter().filter_map(|root| {
            let why = root.at.why.as_ref()?;
            let at = amount(root.at.x.unwrap_or_default(), solved.unit);
            Some(format!("{mode}, at {at}: {why}"))
        });
        let notes = found
            .notes
            .iter()
            .map(move |note| format!("{mode}: {note}"));
        whys.chain(notes).collect::<Vec<String>>()
    });
    document.notes(remarks.collect());
}

fn never(mode: &str, solved: &Solved, found: &BreakEven) -> Vec<String> {
    let greater = found.stretches.iter().map(|it| it.greater);
    let mut known = greater.filter(|it| *it != Greater::Unknown);
    let side = side(solved, known.next().unwrap_or(Greater::Unknown));
    let beside = match found.resamples_with_root {
        Some(with) if with > 0.0 => format!("never ({} of resamples have one)", share(with)),
        _ => "never".to_owned(),
    };
    vec![
        mode.to_owned(),
        beside,
        format!("{side} throughout"),
        String::new(),
    ]
}

/// A break-even with its interval, open where it lies outside of what was tried.
pub(super) fn place(root: &Root, solved: &Solved) -> String {
    let show = |x: f64| amount(x, solved.unit);
    let at = show(root.at.x.unwrap_or_default());
    if root.low.is_none() && root.high.is_none() && root.below + root.above == 0.0 {
        return at;
    }
    let [least, most] = solved.range.map(show);
    let low = root.low.map_or_else(|| format!("<{least}"), show);
    let high = root.high.map_or_else(|| format!(">{most}"), show);
    format!("{at} [{low}, {high}]")
}

/// Which side is better, in words.
pub(super) fn side(solved: &Solved, greater: Greater) -> String {
    let (of, other) = match greater {
        Greater::Left => (&solved.left, &solved.right),
        Greater::Right => (&solved.right, &solved.left),
        Greater::Neither => return "both alike".to_owned(),
        Greater::Unknown => return "unknown".to_owned(),
    };
    match solved.greater_is_better {
        Some(true) => format!("{of} is better"),
        Some(false) => format!("{other} is better"),
        None => format!("{of} is greater"),
    }
}

/// A value of an unknown, as a person reads it.
fn amount(x: f64, unit: &str) -> String {
    match unit {
        "share" => format!("{:.1}", 100.0 * x),
        "requests / day" => count(x),
        _ => money(x),
    }
}

fn hanging(document: &mut Document, tornado: &Tornado) {
    let modes = [
        ("shipped files", "tornado", &tornado.frozen),
        ("compiled anew", "tornado_redecided", &tornado.redecided),
    ];
    for (mode, name, hanging) in modes {
        document.heading(format!(
            "What the decision hangs on, {mode}: net value of {} less that of {}, USD / 1,000 requests",
            hanging.best, hanging.second
        ));
        document.text(decision(hanging));
        document.table(bars(name, hanging));
    }
    let left_out = tornado.left_out.iter();
    document.notes(
        left_out
            .map(|out| format!("left out: {}: {}", out.name, out.why))
            .collect(),
    );
}

/// Whether any input changes the decision, in words.
pub(super) fn decision(hanging: &Hanging) -> String {
    let flips = hanging.bars.iter().filter(|bar| bar.flips);
    let names: Vec<&str> = flips.map(|bar| bar.name.as_str()).collect();
    let difference = signed(&usd_per_1000(&hanging.difference));
    if names.is_empty() {
        format!("As things are: {difference}. No input changes the decision within its range.")
    } else {
        format!(
            "As things are: {difference}. The decision changes within the range of {}.",
            names.join(", ")
        )
    }
}

fn bars(name: &str, hanging: &Hanging) -> Table {
    let titles = [
        "<Input",
        "<From",
        "<To",
        "At the first",
        "At the second",
        "Swing",
        "Alike at",
        "<Best there",
    ];
    let mut table = Table::new(name, &titles);
    for bar in hanging.bars.iter().take(MOST_BARS) {
        let end = |end: Amount| format!("{}{}", bar.op, brief(end));
        table.row(vec![
            bar.name.clone(),
            end(bar.low),
            end(bar.high),
            signed(&usd_per_1000(&bar.at_low)),
            signed(&usd_per_1000(&bar.at_high)),
            signed(&usd_per_1000(&bar.swing)),
            bar.break_even.map_or_else(String::new, |x| {
                format!("{}{}", bar.op, brief(Amount::Number(x)))
            }),
            flipped(bar),
        ]);
    }
    table
}

/// Few digits: an end of a range is no measurement.
pub(super) fn brief(amount: Amount) -> String {
    match amount {
        Amount::Number(x) => {
            let text = format!("{x:.3}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            if x != 0.0 && x.abs() < 0.01 {
                money(x)
            } else {
                text.to_owned()
            }
        }
        other => other.to_string(),
    }
}

fn flipped(bar: &Bar) -> String {
    let name = |best: &Option<String>| best.clone().unwrap_or_else(|| NONE.to_owned());
    match (bar.flips, &bar.best_at_low, &bar.best_at_high) {
        (false, ..) => "the same".to_owned(),
        (true, low, high) if low == high => name(low),
        (true, low, high) => format!("{}; {}", name(low), name(high)),
    }
}

fn volumes(document: &mut Document, tco: &Tco) {
    document.heading(format!(
        "The volume from which a second model pays, against {}",
        tco.against
    ));
    let today = tco.requests_per_day.map_or_else(
        || "Nobody knows how many requests a day there are.".to_owned(),
        |n| format!("There are {} requests a day.", count(n)),
    );
    document.text(format!(
        "A second model costs ${} a month to keep, and ${} of engineering. {today}",
        money(tco.fixed_usd_per_month),
        money(tco.engineering_usd_per_month)
    ));
    let titles = [
        "<Policy",
        "<Files",
        "<Adds",
        "Gain, USD / 1,000 requests",
        "Costs more, USD / month",
        "Pays from, requests / day",
        "Never, of resamples",
        "Brings now, USD / month",
    ];
    let mut table = Table::new("tco", &titles);
    for (frozen, redecided) in tco.frozen.iter().zip(&tco.redecided) {
        table.line();
        let rows = if frozen == redecided {
            vec![("both", frozen)]
        } else {
            vec![("frozen", frozen), ("re-decided", redecided)]
        };
        for (mode, pays) in rows {
            table.row(vec![
                pays.policy.clone(),
                mode.to_owned(),
                pays.adds.join(", "),
                signed(&usd_per_1000(&pays.gain_usd_per_request)),
                money(pays.extra_usd_per_month),
                from(pays),
                share(pays.never),
                signed(&usd(&pays.gain_usd_per_month)),
            ]);
        }
    }
    document.table(table);
}

/// From which volume on, with its interval.
pub(super) fn from(pays: &Pays) -> String {
    let figure = &pays.from_requests_per_day;
    let at = match (figure.x, &figure.why) {
        (Some(x), _) => count(x.ceil()),
        (None, Some(why)) if why.starts_with("never") => "never".to_owned(),
        _ => NONE.to_owned(),
    };
    let end = |end: Option<f64>| end.map_or_else(|| "never".to_owned(), |x| count(x.ceil()));
    match (pays.low, pays.high) {
        (None, None) => at,
        (low, high) => format!("{at} [{}, {}]", end(low), end(high)),
    }
}

/// The answers as rows of raw numbers.
pub(super) fn answers(result: &WhatIf, add: &mut dyn FnMut(Vec<String>)) {
    for solved in &result.solved {
        let texts = settings(&solved.settings);
        let name = format!("{}{}", solved.name, solved.op);
        let modes = [("frozen", &solved.frozen), ("redecided", &solved.redecided)];
        for (mode, found) in modes {
            let of = ["break-even", &texts, mode, &solved.equation];
            for root in &found.roots {
                add(row(of, &name, &root.at));
            }
        }
    }
    if let Some(tornado) = &result.tornado {
        for (mode, hanging) in [
            ("frozen", &tornado.frozen),
            ("redecided", &tornado.redecided),
        ] {
            let two = format!("{} - {}", hanging.best, hanging.second);
            for bar in &hanging.bars {
                for (end, figure) in [(bar.low, &bar.at_low), (bar.high, &bar.at_high)] {
                    let set = format!("{}{}{end}", bar.name, bar.op);
                    add(row(
                        ["tornado", &set, mode, &two],
                        "net_usd_per_request",
                        figure,
                    ));
                }
            }
        }
    }
    if let Some(tco) = &result.tco {
        for (mode, all) in [("frozen", &tco.frozen), ("redecided", &tco.redecided)] {
            for pays in all {
                let of = ["tco", "", mode, &pays.policy];
                let figures: [(&str, &Figure); 3] = [
                    ("gain_usd_per_request", &pays.gain_usd_per_request),
                    ("from_requests_per_day", &pays.from_requests_per_day),
                    ("gain_usd_per_month", &pays.gain_usd_per_month),
                ];
                figures
                    .into_iter()
                    .for_each(|(name, figure)| add(row(of, name, figure)));
            }
        }
    }
}
