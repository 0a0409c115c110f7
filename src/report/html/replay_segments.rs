//! Where routing gains, in charts: what it gains on each segment, and how much traffic and bill that is.

use super::axis::Spread;
use super::palette::Look;
use super::rows::{Content, Row, Rows};
use super::share_bars::share_bars;
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{ReplayReport, SegmentGain};

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
        show: words::usd_round,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

fn segment_shares(by: &str, held: &[&SegmentGain]) -> String {
    let held: Vec<(&str, Option<f64>, Option<f64>)> = held
        .iter()
        .map(|it| {
            (
                it.segment.as_str(),
                Some(it.share_of_requests),
                it.share_of_bill,
            )
        })
        .collect();
    let about = "How many of the requests each is, and how much of the routing policy's bill; in the same order.";
    share_bars(by, about, &held)
}
