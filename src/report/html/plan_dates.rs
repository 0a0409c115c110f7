//! The page of the plans of several dates: what to ship from when on.

use super::axis::Spread;
use super::lead::{Lead, Lean};
use super::markup::text;
use super::output::{grid, list, tables};
use super::page::{Page, Reader};
use super::palette::Look;
use super::plan::bold;
use super::rows::{Content, Row, Rows};
use super::tables::{Cell, Grid};
use super::words;
use crate::report::number::{NONE, count};
use crate::report::plan::{dated_plans_document, goal, word};
use crate::whatif::{DatedPlans, Plan};

/// The plans as a page; `command` is what made it.
#[must_use]
pub fn dated_plans_page(dated: &DatedPlans, command: &str) -> String {
    let mut page = Page::new(
        "What to ship when",
        "plans by date, promised on requests that they were not chosen on",
    );
    page.raw(&lead(&dated.plans).html());
    page.section(
        Reader::Everybody,
        "Date by date",
        "The same requests, all of them at each date: prices that hold and endpoints that live then.",
        &dates(&dated.plans).html(),
    );
    page.section(
        Reader::Manager,
        "What it earns",
        "",
        &grid([earned(&dated.plans)]),
    );
    page.section(
        Reader::Architect,
        "Every table",
        "As the command prints them, date by date.",
        &tables(&dated_plans_document(dated), "The dates", &["dates"]),
    );
    page.section(
        Reader::Everybody,
        "What to know before believing it",
        "",
        &list(&caveats(&dated.plans)),
    );
    page.finish(command)
}

fn lead(plans: &[Plan]) -> Lead {
    let changes = changes(plans);
    let (lean, verdict) = match changes.len() {
        0 | 1 => (Lean::Yes, "The plan stands"),
        _ => (Lean::No, "The plan changes"),
    };
    Lead {
        lean,
        verdict,
        sentence: sentence(&changes, plans.len()),
        sure: String::new(),
        of: String::new(),
        tiles: Vec::new(),
        rests: rests(plans),
        changes: changes.iter().skip(1).map(told).collect(),
    }
}

/// The plans whose advice is another than that of the date before; the first is one.
fn changes(plans: &[Plan]) -> Vec<&Plan> {
    let mut changes: Vec<&Plan> = Vec::new();
    for plan in plans {
        let same = |held: &&Plan| advice(held) == advice(plan);
        if !changes.last().is_some_and(same) {
            changes.push(plan);
        }
    }
    changes
}

/// What is shipped. A router at another setting is the same router.
fn advice(plan: &Plan) -> (&'static str, &str) {
    let ship = plan.recommended.name.as_str();
    (
        word(plan.verdict),
        ship.split(" at $").next().unwrap_or(ship),
    )
}

fn sentence(changes: &[&Plan], dates: usize) -> String {
    match changes {
        [] => "No date was asked for.".to_owned(),
        [only] => format!(
            "Ship {} at each of the <em>{}</em> dates.",
            bold(advice(only).1),
            count(dates as f64)
        ),
        [first, second, ..] => format!(
            "Ship {} from {}, and {} from <em>{}</em> on{}.",
            bold(advice(first).1),
            text(&day(first)),
            bold(advice(second).1),
            text(&day(second)),
            match changes.len() - 2 {
                0 => String::new(),
                1 => "; then it changes once more".to_owned(),
                more => format!("; then it changes {} times more", count(more as f64)),
            }
        ),
    }
}

fn told(plan: &&Plan) -> String {
    format!(
        "<b>{}</b>: {}, {}.",
        text(&day(plan)),
        text(word(plan.verdict)),
        bold(&plan.recommended.name)
    )
}

/// The date, and the minute where it is not midnight.
fn day(plan: &Plan) -> String {
    let at = plan.date.as_deref().unwrap_or(NONE);
    match at.split_once('T') {
        Some((date, time)) if !time.starts_with("00:00") => {
            let minute: String = time.chars().take(5).collect();
            format!("{date} {minute}")
        }
        Some((date, _)) => date.to_owned(),
        None => at.to_owned(),
    }
}

fn rests(plans: &[Plan]) -> Vec<String> {
    let Some(first) = plans.first() else {
        return Vec::new();
    };
    vec![
        format!("{}.", text(&goal(&first.goal))),
        format!(
            "At each date, chosen among about <b>{}</b> policies on {} requests; every figure is of <b>{}</b> others.",
            count(first.tried as f64),
            count(first.requests.chosen_on as f64),
            count(first.requests.promised_on as f64)
        ),
    ]
}

fn dates(plans: &[Plan]) -> Grid {
    let titles = [
        "<from",
        "<",
        "<policy",
        "not on the driver",
        "right",
        "cost / 1,000",
        "net / 1,000",
    ];
    let mut table = Grid::new("plans", "What to ship when", &titles);
    for plan in plans {
        let ship = &plan.recommended;
        table.row(vec![
            Cell::words(&day(plan)),
            Cell::words(word(plan.verdict)),
            Cell::name(&ship.name),
            Cell::figure(&ship.share, words::percent),
            Cell::figure(&ship.success, words::percent),
            Cell::figure(&ship.cost_usd_per_request, words::usd_1000),
            Cell::figure(&ship.net_usd_per_request, words::usd_1000),
        ]);
    }
    table
}

/// The net value of what is shipped, date by date; the cost where no value was given.
fn earned(plans: &[Plan]) -> String {
    let valued = plans
        .iter()
        .any(|it| it.recommended.net_usd_per_request.x.is_some());
    let (title, axis) = if valued {
        (
            "Net value of the policy to ship",
            "net value, USD for 1,000 requests",
        )
    } else {
        ("Cost of the policy to ship", "cost, USD for 1,000 requests")
    };
    let titles = ["<from", "<policy", "USD / 1,000", "low", "high"];
    let mut table = Grid::new("earned-numbers", title, &titles);
    let mut rows = Vec::new();
    for (place, plan) in plans.iter().enumerate() {
        let ship = &plan.recommended;
        let figure = if valued {
            &ship.net_usd_per_request
        } else {
            &ship.cost_usd_per_request
        };
        let end = |end: usize| figure.ci95.map(|ends| ends[end]);
        let mut row = vec![Cell::words(&day(plan)), Cell::name(&ship.name)];
        row.extend([figure.x, end(0), end(1)].map(|x| Cell::number(x, words::usd_1000)));
        table.row(row);
        let Some(x) = figure.x else {
            continue;
        };
        rows.push(Row {
            name: format!("{} {}", day(plan), ship.name),
            says: words::usd_1000(x),
            tip: format!(
                "{}\n{}\n{} for 1,000",
                day(plan),
                ship.name,
                words::figure(figure, words::usd_1000)
            ),
            content: Content::Dot {
                x: 1000.0 * x,
                ci95: figure.ci95.map(|ends| ends.map(|end| 1000.0 * end)),
                look: Look::of(place),
            },
        });
    }
    Rows {
        key: "earned".to_owned(),
        title: title.to_owned(),
        about: "What is shipped at each date, with 95% intervals, on the same requests.".to_owned(),
        axis,
        spread: Spread::Even,
        show: words::usd_round,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

fn caveats(plans: &[Plan]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for warning in plans.iter().flat_map(|plan| &plan.warnings) {
        if !items.contains(warning) {
            items.push(warning.clone());
        }
    }
    if let Some(plan) = plans.first() {
        items.push(format!(
            "Intervals: 95%, {} bootstrap resamples of sessions or prompt groups.",
            count(plan.replicates as f64)
        ));
    }
    items
}
