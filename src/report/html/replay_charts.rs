//! The charts of a replay.

use super::axis::Spread;
use super::palette::Look;
use super::plot::{Drawn, Plot, Point, Scale, Series};
use super::replay::{called, looks};
use super::rows::{Content, Row, Rows};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{Figure, HINDSIGHT, PolicyFigures, ReplayReport, SegmentGain};
use crate::report::number::share;

/// Cost against success.
pub(super) fn front(report: &ReplayReport) -> String {
    let mut table = Grid::new(
        "front-numbers",
        "Cost and success",
        &[
            "<policy",
            "USD / 1,000",
            "low",
            "high",
            "right",
            "low",
            "high",
        ],
    );
    let mut series = Vec::new();
    for (policy, look) in looks(report) {
        let (cost, right) = (&policy.cost_usd_per_request, &policy.success);
        let Some((x, y)) = cost.x.zip(right.x) else {
            continue;
        };
        table.row(row_of(
            &called(policy),
            [
                (cost, words::usd_1000 as words::Show),
                (right, words::percent),
            ],
        ));
        let point = Point {
            x: 1000.0 * x,
            y,
            x95: cost.ci95.map(|ends| ends.map(|end| 1000.0 * end)),
            y95: right.ci95,
            tip: format!(
                "{}\nright {}\ncost {} for 1,000",
                called(policy),
                words::figure(right, words::percent),
                words::figure(cost, words::usd_1000)
            ),
        };
        series.push(Series {
            name: called(policy),
            look,
            points: vec![point],
            drawn: Drawn::Marks,
        });
    }
    let costs = || series.iter().map(|it| it.points[0].x);
    let (least, most) = (
        costs().fold(f64::INFINITY, f64::min),
        costs().fold(0.0, f64::max),
    );
    let at = |name: &String| {
        let held = report
            .policies
            .iter()
            .chain(&report.floors)
            .find(|it| it.name == *name)?;
        Some((1000.0 * held.cost_usd_per_request.x?, held.success.x?))
    };
    Plot {
        key: "front",
        title: "Cost against success".to_owned(),
        about: "Up is better, left is cheaper. The thin line joins what nothing else beats at no more cost; bars are 95% intervals, and marks whose bars overlap may still differ, since they saw the same requests.".to_owned(),
        x: Scale {
            title: "USD for 1,000 requests",
            spread: if most > 12.0 * least { Spread::Log } else { Spread::FromZero },
            show: words::usd,
        },
        y: Scale { title: "right answers", spread: Spread::Even, show: words::percent },
        path: report.front.iter().filter_map(at).collect(),
        series,
        uprights: Vec::new(),
        level: None,
        table,
    }
    .html()
}

/// A name, and each figure with both ends of its interval.
fn row_of(named: &str, figures: [(&Figure, words::Show); 2]) -> Vec<Cell> {
    let mut row = vec![Cell::name(named)];
    for (figure, show) in figures {
        let end = |end: usize| figure.ci95.map(|ends| ends[end]);
        row.extend([figure.x, end(0), end(1)].map(|x| Cell::number(x, show)));
    }
    row
}

/// Net value over the fixed choice by the worth of a right answer.
pub(super) fn gains(report: &ReplayReport) -> String {
    let fixed = report
        .decision
        .fixed
        .as_deref()
        .unwrap_or("the fixed choice");
    let names = report.policies.iter().map(|it| it.name.as_str());
    let mut titles = vec!["USD a right answer"];
    let named: Vec<String> = names.map(|name| name.to_owned()).collect();
    titles.extend(named.iter().map(String::as_str));
    let mut table = Grid::new(
        "gain-numbers",
        "Net value over the fixed choice, USD for 1,000 requests",
        &titles,
    );
    for at in &report.gains {
        let mut row = vec![Cell::number(Some(at.value_usd), words::usd)];
        row.extend(
            at.policies
                .iter()
                .map(|figure| Cell::figure(figure, words::usd_1000)),
        );
        table.row(row);
    }
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
        about: format!("Net value over {fixed}, which is the level line; where a line crosses it, that policy begins to pay. The band is the 95% interval of the policy in question. Policies as they are shipped, not decided anew."),
        x: Scale { title: "worth of a right answer, USD", spread: Spread::Log, show: words::usd },
        y: Scale { title: "net gain, USD for 1,000 requests", spread: Spread::FromZero, show: words::usd },
        path: Vec::new(),
        series,
        uprights: now.into_iter().collect(),
        level: Some(0.0),
        table,
    }
    .html()
}

/// Where routing gains: a pair of charts for each grouping.
pub(super) fn segments(report: &ReplayReport) -> Vec<String> {
    let mut families: Vec<&str> = report.segment_gains.iter().map(|it| it.by).collect();
    families.dedup();
    let of = |by: &str| {
        let held: Vec<&SegmentGain> = report
            .segment_gains
            .iter()
            .filter(|it| it.by == by)
            .collect();
        // One group says nothing that the whole does not.
        if held.len() < 2 {
            return Vec::new();
        }
        vec![segment_gains(report, by, &held), segment_shares(by, &held)]
    };
    families.into_iter().flat_map(of).collect()
}

fn segment_gains(report: &ReplayReport, by: &str, held: &[&SegmentGain]) -> String {
    let routing = report.decision.routing.as_deref().unwrap_or("");
    let fixed = report.decision.fixed.as_deref().unwrap_or("");
    let place = report
        .policies
        .iter()
        .position(|it| it.name == routing)
        .unwrap_or(0);
    let mut table = Grid::new(
        &format!("gain-by-{by}"),
        &format!("What routing gains, by {by}"),
        &[
            "<segment",
            "requests",
            "net / 1,000",
            "low",
            "high",
            "right",
            "cost / 1,000",
        ],
    );
    let mut rows = Vec::new();
    for it in held {
        let net = &it.net_usd_per_request;
        let end = |end: usize| net.ci95.map(|ends| ends[end]);
        let mut row = vec![
            Cell::name(&it.segment),
            Cell::number(Some(it.requests as f64), words::whole),
        ];
        row.extend([net.x, end(0), end(1)].map(|x| Cell::number(x, words::signed_usd_1000)));
        row.push(Cell::number(it.success.x, words::points));
        row.push(Cell::number(
            it.cost_usd_per_request.x,
            words::signed_usd_1000,
        ));
        table.row(row);
        if let Some(x) = net.x {
            rows.push(Row {
                name: it.segment.clone(),
                says: words::signed_usd_1000(x),
                tip: format!(
                    "{}\nnet {} for 1,000\nright {}\ncost {} for 1,000\n{} requests",
                    it.segment,
                    words::figure(net, words::signed_usd_1000),
                    words::figure(&it.success, words::points),
                    words::figure(&it.cost_usd_per_request, words::signed_usd_1000),
                    words::whole(it.requests as f64)
                ),
                content: Content::Dot {
                    x: 1000.0 * x,
                    ci95: net.ci95.map(|ends| ends.map(|end| 1000.0 * end)),
                    look: Look::of(place),
                },
            });
        }
    }
    Rows {
        key: format!("segment-gains-{by}"),
        title: format!("What routing gains, by {by}"),
        about: format!("{routing} less {fixed}, for 1,000 requests of each {by}, with 95% intervals; the greatest gain first. An interval that holds zero tells nothing yet."),
        axis: "net gain, USD for 1,000 requests",
        spread: Spread::FromZero,
        show: words::usd,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

fn segment_shares(by: &str, held: &[&SegmentGain]) -> String {
    let mut table = Grid::new(
        &format!("share-by-{by}"),
        &format!("Requests and bill, by {by}"),
        &["<segment", "of requests", "of the bill"],
    );
    let looks = [Look::of(0), Look::of(1)];
    let mut rows = Vec::new();
    for it in held {
        let bill = it.share_of_bill;
        table.row(vec![
            Cell::name(&it.segment),
            Cell::number(Some(it.share_of_requests), share),
            Cell::number(bill, share),
        ]);
        let bars = [
            (Some(it.share_of_requests), looks[0], "of requests"),
            (bill, looks[1], "of the bill"),
        ];
        let known = bars
            .into_iter()
            .filter_map(|(x, look, name)| Some((x?, look, name.to_owned())));
        rows.push(Row {
            name: it.segment.clone(),
            says: format!(
                "{} · {}",
                share(it.share_of_requests),
                bill.map_or_else(|| "–".to_owned(), share)
            ),
            tip: format!(
                "{}\n{} of requests\n{} of the bill",
                it.segment,
                share(it.share_of_requests),
                bill.map_or_else(|| "an unknown part".to_owned(), share)
            ),
            content: Content::Bars(known.collect()),
        });
    }
    Rows {
        key: format!("segment-shares-{by}"),
        title: format!("Traffic and bill, by {by}"),
        about: "How many of the requests each is, and how much of the routing policy's bill; in the same order.".to_owned(),
        axis: "share",
        spread: Spread::FromZero,
        show: words::percent,
        rows,
        legend: vec![(looks[0], "of requests".to_owned()), (looks[1], "of the bill".to_owned())],
        table,
    }
    .html()
}

/// What was spent through time.
pub(super) fn spend(report: &ReplayReport) -> String {
    let Some((sums, spend)) = report
        .sums
        .as_ref()
        .and_then(|sums| Some((sums, sums.spend.as_ref()?)))
    else {
        return String::new();
    };
    let shown: Vec<(usize, Look)> = (0..report.policies.len())
        .map(|place| (place, Look::of(place)))
        .collect();
    let mut titles = vec!["<from", "requests"];
    titles.extend(
        shown
            .iter()
            .map(|(place, _)| sums.policies[*place].name.as_str()),
    );
    let mut table = Grid::new("spend-numbers", "Spend through time, USD", &titles);
    for period in &spend.periods {
        let mut row = vec![
            Cell::words(&moment(&period.from)),
            Cell::number(Some(period.requests as f64), words::whole),
        ];
        row.extend(
            shown
                .iter()
                .map(|(place, _)| Cell::number(period.cost_usd.get(*place).copied(), words::usd)),
        );
        table.row(row);
    }
    let series = shown.into_iter().map(|(place, look)| {
        let name = &sums.policies[place].name;
        let points = spend.periods.iter().enumerate().filter_map(|(i, period)| {
            let y = *period.cost_usd.get(place)?;
            Some(Point {
                x: i as f64,
                y,
                x95: None,
                y95: None,
                tip: format!(
                    "{name}\nfrom {}\n{} for {} requests",
                    moment(&period.from),
                    words::usd(y),
                    words::whole(period.requests as f64)
                ),
            })
        });
        Series {
            name: name.clone(),
            look,
            points: points.collect(),
            drawn: Drawn::Steps,
        }
    });
    let from = spend
        .periods
        .first()
        .map_or_else(String::new, |period| moment(&period.from));
    Plot {
        key: "spend",
        title: "Spend through time".to_owned(),
        about: format!("What each policy would have spent {}, as recorded, from {from} on. The last stretch may be cut short by the end of the trace.", every(spend.hours)),
        x: Scale { title: unit(spend.hours), spread: Spread::Even, show: words::whole },
        y: Scale { title: "USD", spread: Spread::FromZero, show: words::usd },
        path: Vec::new(),
        series: series.collect(),
        uprights: Vec::new(),
        level: None,
        table,
    }
    .html()
}

/// A moment without what is the same for all.
fn moment(at: &str) -> String {
    let short = at
        .strip_suffix(":00Z")
        .or(at.strip_suffix('Z'))
        .unwrap_or(at);
    short
        .strip_suffix("T00:00")
        .unwrap_or(short)
        .replace('T', " ")
}

fn every(hours: u64) -> String {
    match hours {
        1 => "each hour".to_owned(),
        24 => "each day".to_owned(),
        168 => "each week".to_owned(),
        hours if hours % 168 == 0 => format!("every {} weeks", hours / 168),
        hours => format!("every {hours} hours"),
    }
}

fn unit(hours: u64) -> &'static str {
    match hours {
        1 => "hours since the first",
        24 => "days since the first",
        168 => "weeks since the first",
        _ => "stretches since the first",
    }
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
                content: Content::Bars(vec![(x, look, String::new())]),
            });
        }
    }
    Rows {
        key: "bill".to_owned(),
        title: "How much of the bill is a few answers".to_owned(),
        about: "The share of the bill that the dearest hundredth of the answers makes up. The more it is, the less a total says of the next one.".to_owned(),
        axis: "share of the bill",
        spread: Spread::FromZero,
        show: words::percent,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

/// Which endpoints the requests go to.
pub(super) fn shares(report: &ReplayReport) -> String {
    let mut endpoints: Vec<&String> = looks(report).flat_map(|(it, _)| it.share.keys()).collect();
    endpoints.sort();
    endpoints.dedup();
    let mut titles = vec!["<policy"];
    titles.extend(endpoints.iter().map(|id| id.as_str()));
    titles.push("unanswered");
    let mut table = Grid::new("share-numbers", "Where requests go", &titles);
    let look = |id: &String| Look::of(endpoints.iter().position(|known| *known == id).unwrap_or(0));
    let mut rows = Vec::new();
    for (policy, _) in looks(report) {
        let total = policy.answered + policy.unanswered + policy.unobserved;
        let unanswered = if total > 0.0 {
            policy.unanswered / total
        } else {
            0.0
        };
        let mut row = vec![Cell::name(&policy.name)];
        row.extend(
            endpoints
                .iter()
                .map(|id| Cell::number(policy.share.get(*id).copied().or(Some(0.0)), share)),
        );
        row.push(Cell::number(Some(unanswered), share));
        table.row(row);
        let mut parts: Vec<(f64, Look, String)> = policy
            .share
            .iter()
            .map(|(id, x)| (*x, look(id), id.clone()))
            .collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut tip = policy.name.clone();
        for (x, _, id) in &parts {
            tip.push_str(&format!("\n{} {id}", share(*x)));
        }
        if unanswered > 0.0 {
            tip.push_str(&format!("\n{} unanswered", share(unanswered)));
        }
        let says = parts.first().map_or_else(
            || "nowhere".to_owned(),
            |(x, _, id)| format!("{} {}", share(*x), short(id)),
        );
        rows.push(Row {
            name: policy.name.clone(),
            says,
            tip,
            content: Content::Stack(parts),
        });
    }
    Rows {
        key: "shares".to_owned(),
        title: "Where requests go".to_owned(),
        about: "The share of requests that each policy sends to each endpoint; a gap at the end is unanswered.".to_owned(),
        axis: "share of requests",
        spread: Spread::FromZero,
        show: words::percent,
        rows,
        legend: endpoints.iter().map(|id| (look(id), (*id).clone())).collect(),
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
        axis: "seconds, each step the same factor",
        spread: Spread::Log,
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
