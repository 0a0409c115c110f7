//! The charts of a replay.

use std::collections::BTreeMap;

use super::axis::Spread;
use super::front::Placed;
use super::palette::Look;
use super::plot::{Drawn, Plot, Point, Scale, Series};
use super::replay::{called, looks};
use super::rows::{Content, Row, Rows};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{HINDSIGHT, PolicyFigures, ReplayReport};
use crate::report::number::share;

/// Cost against success.
pub(super) fn front(report: &ReplayReport) -> String {
    let placed: Vec<Placed<'_>> = looks(report)
        .map(|(policy, look)| Placed {
            name: called(policy),
            look,
            cost: &policy.cost_usd_per_request,
            success: &policy.success,
            on_front: report.front.contains(&policy.name),
        })
        .collect();
    super::front::front(&placed)
}

/// Net value over the fixed choice by the worth of a right answer.
pub(super) fn gains(report: &ReplayReport) -> String {
    let fixed = report
        .decision
        .fixed
        .as_deref()
        .unwrap_or("the fixed choice");
    let table = gains_table(report);
    let mut series = Vec::new();
    for (place, policy) in report
        .policies
        .iter()
        .enumerate()
        .filter(|(_, it)| it.name != fixed)
    {
        let points = report.gains.iter().filter_map(|at| {
            let figure = at.policies.get(place)?;
            Some(Point {
                x: at.value_usd,
                y: 1000.0 * figure.x?,
                x95: None,
                // One band: more would cover each other.
                y95: figure
                    .ci95
                    .filter(|_| Some(&policy.name) == report.decision.routing.as_ref())
                    .map(|ends| ends.map(|end| 1000.0 * end)),
                tip: format!(
                    "{}\nat {} a right answer\n{} for 1,000",
                    policy.name,
                    words::usd(at.value_usd),
                    words::figure(figure, words::signed_usd_1000)
                ),
            })
        });
        let points: Vec<Point> = points.collect();
        // The same as the fixed choice: no line but the level one.
        if points.iter().any(|point| point.y != 0.0) {
            series.push(Series {
                name: policy.name.clone(),
                look: Look::of(place),
                points,
                drawn: Drawn::Line,
            });
        }
    }
    let now = report
        .trade
        .map(|trade| (trade.value_usd, "as charged".to_owned()));
    Plot {
        key: "gains",
        title: "What a right answer must be worth".to_owned(),
        about: format!("Net value over {fixed}, which is the level line; where a line crosses it, that policy begins to pay. The band is the 95% interval of the policy in question. Near zero the scale is even, further away each step is the same factor. Policies as they are shipped, not decided anew."),
        x: Scale::new("worth of a right answer, USD", Spread::Log, words::usd_round),
        y: Scale::new("net gain, USD for 1,000 requests", Spread::Signed, words::usd_round),
        path: Vec::new(),
        series,
        uprights: now.into_iter().collect(),
        level: Some((0.0, fixed.to_owned())),
        table,
    }
    .html()
}

/// How much of the bill few answers are.
pub(super) fn bill(report: &ReplayReport) -> String {
    let mut table = Grid::new(
        "bill-numbers",
        "The dearest answers",
        &["<policy", "USD in all", "the dearest 1% of answers"],
    );
    let mut rows = Vec::new();
    for (policy, look) in looks(report).filter(|(it, _)| it.name != HINDSIGHT) {
        let top = &policy.cost_top1pct_share;
        table.row(vec![
            Cell::name(&policy.name),
            Cell::figure(&policy.cost_usd_total, words::usd),
            Cell::number(top.x, share),
        ]);
        if let Some(x) = top.x {
            rows.push(Row {
                name: policy.name.clone(),
                says: share(x),
                tip: format!(
                    "{}\nthe dearest 1% of answers: {} of the bill\n{} in all",
                    policy.name,
                    share(x),
                    words::figure(&policy.cost_usd_total, words::usd)
                ),
                content: Content::Bars(vec![(x, look)]),
            });
        }
    }
    Rows {
        key: "bill".to_owned(),
        title: "How much of the bill is a few answers".to_owned(),
        about: "The share of the bill that the dearest hundredth of the answers makes up. The more it is, the less a total says of the next one.".to_owned(),
        axis: "share of the bill",
        spread: Spread::FromZero,
        show: words::percent_round,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

/// The same as numbers.
fn gains_table(report: &ReplayReport) -> Grid {
    let mut titles = vec!["USD a right answer"];
    titles.extend(report.policies.iter().map(|it| it.name.as_str()));
    let caption = "Net value over the fixed choice, USD for 1,000 requests";
    let mut table = Grid::new("gain-numbers", caption, &titles);
    for at in &report.gains {
        let mut row = vec![Cell::number(Some(at.value_usd), words::usd)];
        row.extend(
            at.policies
                .iter()
                .map(|figure| Cell::figure(figure, words::usd_1000)),
        );
        table.row(row);
    }
    table
}

/// Which endpoints the requests go to; those that get most come first, in every bar.
pub(super) fn shares(report: &ReplayReport) -> String {
    let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
    for (id, x) in looks(report).flat_map(|(it, _)| &it.share) {
        *totals.entry(id).or_default() += x;
    }
    let mut endpoints: Vec<&str> = totals.keys().copied().collect();
    endpoints.sort_by(|a, b| totals[b].total_cmp(&totals[a]));
    let mut titles = vec!["<policy"];
    titles.extend(&endpoints);
    titles.push("unanswered");
    let mut table = Grid::new("share-numbers", "Where requests go", &titles);
    let mut rows = Vec::new();
    for (policy, _) in looks(report) {
        let total = policy.answered + policy.unanswered + policy.unobserved;
        let unanswered = if total > 0.0 {
            policy.unanswered / total
        } else {
            0.0
        };
        let part = |id: &str| policy.share.get(id).copied().unwrap_or(0.0);
        let mut row = vec![Cell::name(&policy.name)];
        row.extend(
            endpoints
                .iter()
                .map(|id| Cell::number(Some(part(id)), share)),
        );
        row.push(Cell::number(Some(unanswered), share));
        table.row(row);
        let mut tip = policy.name.clone();
        for id in endpoints.iter().filter(|id| part(id) > 0.0) {
            tip.push_str(&format!("\n{} {id}", share(part(id))));
        }
        if unanswered > 0.0 {
            tip.push_str(&format!("\n{} unanswered", share(unanswered)));
        }
        let parts = endpoints.iter().enumerate();
        let parts = parts.map(|(place, id)| (part(id), Look::of(place)));
        let most = policy.share.iter().max_by(|a, b| a.1.total_cmp(b.1));
        rows.push(Row {
            name: policy.name.clone(),
            says: most.map_or_else(
                || "nowhere".to_owned(),
                |(id, x)| format!("{} {}", share(*x), short(id)),
            ),
            tip,
            content: Content::Stack(parts.filter(|part| part.0 > 0.0).collect()),
        });
    }
    let legend = endpoints.iter().enumerate();
    Rows {
        key: "shares".to_owned(),
        title: "Where requests go".to_owned(),
        about: "The share of requests that each policy sends to each endpoint; a gap at the end is unanswered.".to_owned(),
        axis: "share of requests",
        spread: Spread::FromZero,
        show: words::percent_round,
        rows,
        legend: legend.map(|(place, id)| (Look::of(place), (*id).to_owned())).collect(),
        table,
    }
    .html()
}

/// An endpoint without the provider, where that is part of the id.
fn short(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(model, _)| model)
}

/// How long answers take.
pub(super) fn latency(report: &ReplayReport) -> String {
    let mut table = Grid::new(
        "latency-numbers",
        "Latency",
        &["<policy", "p50", "p95", "p99", "<rests on"],
    );
    let mut rows = Vec::new();
    for (policy, look) in looks(report).filter(|(it, _)| it.name != HINDSIGHT) {
        let figures = [
            &policy.latency_ms_p50,
            &policy.latency_ms_p95,
            &policy.latency_ms_p99,
        ];
        let mut row = vec![Cell::name(&policy.name)];
        row.extend(figures.map(|figure| Cell::figure(figure, words::seconds_of_ms)));
        row.push(Cell::words(&figures[0].evidence));
        table.row(row);
        let numbers: Vec<f64> = figures
            .iter()
            .filter_map(|figure| figure.x)
            .map(|ms| ms / 1000.0)
            .collect();
        if numbers.len() == 3 {
            rows.push(latency_row(policy, look, numbers));
        }
    }
    Rows {
        key: "latency".to_owned(),
        title: "How long answers take".to_owned(),
        about:
            "From the median (the large mark) over the slowest twentieth to the slowest hundredth."
                .to_owned(),
        axis: "latency",
        spread: Spread::Time,
        show: words::seconds,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

fn latency_row(policy: &PolicyFigures, look: Look, numbers: Vec<f64>) -> Row {
    let shown: Vec<String> = numbers.iter().map(|s| words::seconds(*s)).collect();
    Row {
        name: policy.name.clone(),
        says: format!("{} · {}", shown[0], shown[1]),
        tip: format!(
            "{}\nmedian {}\np95 {}\np99 {}\n{}",
            policy.name, shown[0], shown[1], shown[2], policy.latency_ms_p50.evidence
        ),
        content: Content::Span { numbers, look },
    }
}
