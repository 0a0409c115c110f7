//! What policies come to under other circumstances, as a document.

use super::document::{Document, Table};
use super::number::{NONE, count, money, percent, signed, usd_per_1000};
use super::whatif_questions::{answers, questions};
use crate::evaluate::Figure;
use crate::whatif::{Differences, Point, SettingText, WhatIf, World, WorldPolicy};

/// Lay a what-if out: one world as a table of policies, many as a table of worlds.
#[must_use]
pub fn whatif_document(result: &WhatIf) -> Document {
    let mut document = Document::default();
    document.text(opening(result));
    questions(&mut document, result);
    match result.points.as_slice() {
        [] => one(&mut document, &result.base, &result.base),
        [point] => {
            document.text(format!("What if {}:", settings(&point.settings)));
            one(&mut document, &result.base, point);
        }
        points => many(&mut document, result, points),
    }
    document.notes(remarks(result));
    document.data(figures(result));
    document
}

fn opening(result: &WhatIf) -> String {
    let left_out = match result.trace.dropped_training_rows {
        0 => String::new(),
        n => format!(
            "; {} left out, on which a router was trained",
            count(n as f64)
        ),
    };
    let worth = result.trade.map_or_else(String::new, |trade| {
        format!(
            " As it is, a right answer is worth ${}, a wrong one costs ${}, a second of waiting ${}.",
            money(trade.value_usd),
            money(trade.wrong_usd),
            money(trade.second_usd)
        )
    });
    format!(
        "{} requests{left_out}.{worth} Frozen: the shipped file; re-decided: compiled for the new circumstances.",
        count(result.trace.requests as f64)
    )
}

/// Settings as the command line takes them.
pub(super) fn settings(settings: &[SettingText]) -> String {
    let texts: Vec<String> = settings
        .iter()
        .map(|setting| format!("{}{}{}", setting.name, setting.op, setting.value))
        .collect();
    texts.join(", ")
}

/// A figure of a policy, and the same of a difference.
type Of = (fn(&WorldPolicy) -> &Figure, fn(&Differences) -> &Figure);

/// One world beside the one that is.
fn one(document: &mut Document, base: &Point, point: &Point) {
    let valued = |world: &World| {
        let mut policies = world.policies.iter();
        policies.any(|policy| policy.net_usd_per_request.x.is_some())
    };
    if valued(&point.frozen) {
        document.heading("Net value, USD / 1,000 requests");
        let of: Of = (|it| &it.net_usd_per_request, |it| &it.net_usd_per_request);
        document.table(side_by_side("net", base, point, of, usd_per_1000));
        document.text(decision(point));
    }
    document.heading("Cost, USD / 1,000 requests");
    let of: Of = (|it| &it.cost_usd_per_request, |it| &it.cost_usd_per_request);
    document.table(side_by_side("cost", base, point, of, usd_per_1000));
    document.heading("Right answers");
    let of: Of = (|it| &it.success, |it| &it.success);
    document.table(side_by_side("success", base, point, of, percent));
    document.heading("Who answers");
    document.table(who(point));
}

fn decision(point: &Point) -> String {
    match (&point.best.frozen, &point.best.redecided) {
        (Some(frozen), Some(redecided)) if frozen == redecided => {
            format!("The greatest net value has `{frozen}`, frozen and re-decided.")
        }
        (Some(frozen), Some(redecided)) => format!(
            "Of the shipped files `{frozen}` has the greatest net value, compiled anew `{redecided}`."
        ),
        _ => String::new(),
    }
}

fn side_by_side(
    name: &str,
    base: &Point,
    point: &Point,
    (of, between): Of,
    show: fn(&Figure) -> String,
) -> Table {
    let mut table = Table::new(
        name,
        &[
            "<Policy",
            "As it is",
            "Frozen",
            "Re-decided",
            "Tuning anew is worth",
        ],
    );
    for (at, policy) in point.frozen.policies.iter().enumerate() {
        table.row(vec![
            policy.name.clone(),
            show(of(&base.frozen.policies[at])),
            show(of(policy)),
            show(of(&point.redecided.policies[at])),
            difference(between(&point.retuning[at]), show),
        ]);
    }
    table
}

/// Nothing where nothing is decided otherwise.
fn difference(figure: &Figure, show: fn(&Figure) -> String) -> String {
    match (figure.x, figure.ci95) {
        (Some(0.0), None | Some([0.0, 0.0])) => NONE.to_owned(),
        _ => signed(&show(figure)),
    }
}

fn who(point: &Point) -> Table {
    let mut table = Table::new("who", &["<Policy", "<Endpoint", "Frozen", "Re-decided"]);
    let share = |policy: &WorldPolicy, endpoint: &str| {
        let share = policy.share.get(endpoint).and_then(|figure| figure.x);
        super::number::share(share.unwrap_or_default())
    };
    for (frozen, redecided) in point.frozen.policies.iter().zip(&point.redecided.policies) {
        let mut ids: Vec<&String> = frozen.share.keys().chain(redecided.share.keys()).collect();
        ids.sort();
        ids.dedup();
        table.line();
        for id in ids {
            table.row(vec![
                frozen.name.clone(),
                id.clone(),
                share(frozen, id),
                share(redecided, id),
            ]);
        }
        let nobody = |policy: &WorldPolicy| policy.unanswered.x.unwrap_or_default();
        let unanswered = [nobody(frozen), nobody(redecided)];
        if unanswered.iter().any(|&share| share > 0.0) {
            let mut row = vec![frozen.name.clone(), "nobody".to_owned()];
            row.extend(unanswered.map(super::number::share));
            table.row(row);
        }
    }
    table
}

/// Many worlds: a row each, a column a policy.
fn many(document: &mut Document, result: &WhatIf, points: &[Point]) {
    let valued = points
        .iter()
        .flat_map(|point| &point.frozen.policies)
        .any(|policy| policy.net_usd_per_request.x.is_some());
    let what = if valued { "Net value" } else { "Cost" };
    document.heading(format!(
        "{what}, USD / 1,000 requests: frozen, and re-decided where that differs"
    ));
    let names = result.base.frozen.policies.iter();
    let names: Vec<&str> = names.map(|policy| policy.name.as_str()).collect();
    let axes: Vec<String> = result
        .axes
        .iter()
        .map(|axis| format!("{}{}", axis.name, axis.op))
        .collect();
    let mut titles: Vec<&str> = axes.iter().map(String::as_str).collect();
    titles.extend(&names);
    if valued {
        titles.extend(["<Best frozen", "<Best re-decided"]);
    }
    let mut table = Table::new("worlds", &titles);
    for point in points {
        let mut row: Vec<String> = result
            .axes
            .iter()
            .map(|axis| {
                let mut settings = point.settings.iter();
                let set = settings.find(|it| it.name == axis.name && it.op == axis.op);
                set.map_or_else(String::new, |setting| setting.value.to_string())
            })
            .collect();
        let pairs = point.frozen.policies.iter().zip(&point.redecided.policies);
        row.extend(pairs.map(|(frozen, redecided)| cell(frozen, redecided, valued)));
        if valued {
            let best = [&point.best.frozen, &point.best.redecided];
            row.extend(best.map(|name| name.clone().unwrap_or_default()));
        }
        table.row(row);
    }
    document.table(table);
}

fn cell(frozen: &WorldPolicy, redecided: &WorldPolicy, valued: bool) -> String {
    let show = |policy: &WorldPolicy| {
        let figure = if valued {
            &policy.net_usd_per_request
        } else {
            &policy.cost_usd_per_request
        };
        figure
            .x
            .map_or_else(|| NONE.to_owned(), |usd| money(usd * 1000.0))
    };
    let (frozen, redecided) = (show(frozen), show(redecided));
    if frozen == redecided {
        frozen
    } else {
        format!("{frozen}; {redecided}")
    }
}

/// What is assumed and what should be known, each once.
pub(super) fn remarks(result: &WhatIf) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    let worlds = std::iter::once(&result.base)
        .chain(&result.points)
        .flat_map(|point| [&point.frozen, &point.redecided]);
    for world in worlds {
        let assumed = world.assumptions.iter().map(|it| format!("Assumed: {it}"));
        for remark in assumed.chain(world.notes.iter().cloned()) {
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
    }
    let more = remarks.len().saturating_sub(MOST_REMARKS);
    remarks.truncate(MOST_REMARKS);
    if more > 0 {
        remarks.push(format!("and {more} more; the JSON result has all"));
    }
    remarks
}

/// A sweep says nearly the same at every point.
const MOST_REMARKS: usize = 12;

/// Every figure as a row of raw numbers.
fn figures(result: &WhatIf) -> Table {
    let mut table = Table::new(
        "figures",
        &[
            "point",
            "<settings",
            "<kind",
            "<policy",
            "<figure",
            "x",
            "low",
            "high",
            "<unit",
            "n",
            "<evidence",
        ],
    );
    let points = std::iter::once(&result.base).chain(&result.points);
    for (at, point) in points.enumerate() {
        let place = at.to_string();
        let texts = settings(&point.settings);
        for (kind, world) in [("frozen", &point.frozen), ("redecided", &point.redecided)] {
            for policy in &world.policies {
                let of = [&place, &texts, kind, &policy.name];
                for (name, figure) in policy.figures() {
                    table.row(row(of, name, figure));
                }
                for (endpoint, share) in &policy.share {
                    table.row(row(of, &format!("share {endpoint}"), share));
                }
            }
        }
        for (kind, differences) in [("retuning", &point.retuning), ("change", &point.change)] {
            for difference in differences {
                let of = [&place, &texts, kind, &difference.policy];
                for (name, figure) in difference.figures() {
                    table.row(row(of, name, figure));
                }
            }
        }
    }
    answers(result, &mut |row| table.row(row));
    table
}

pub(super) fn row(of: [&str; 4], name: &str, figure: &Figure) -> Vec<String> {
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    let [low, high] = [0, 1].map(|end| number(figure.ci95.map(|ends| ends[end])));
    let mut cells = of.map(str::to_owned).to_vec();
    cells.extend([
        name.to_owned(),
        number(figure.x),
        low,
        high,
        figure.unit.to_owned(),
        figure.n.to_string(),
        figure.evidence.clone(),
    ]);
    cells
}
