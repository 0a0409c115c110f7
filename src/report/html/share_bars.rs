//! How much of the traffic and how much of the bill each segment is.

use super::axis::Spread;
use super::palette::Look;
use super::rows::{Content, Row, Rows};
use super::tables::{Cell, Grid};
use super::words;
use crate::report::number::{NONE, share};

/// The chart of segments: name, share of requests, share of the bill.
pub(super) fn share_bars(
    by: &str,
    about: &str,
    held: &[(&str, Option<f64>, Option<f64>)],
) -> String {
    let mut table = Grid::new(
        &format!("share-by-{by}"),
        &format!("Requests and bill, by {by}"),
        &["<segment", "of requests", "of the bill"],
    );
    let looks = [Look::of(0), Look::of(1)];
    let shown = |x: Option<f64>| x.map_or_else(|| NONE.to_owned(), share);
    let mut rows = Vec::new();
    for (name, requests, bill) in held {
        table.row(vec![
            Cell::name(name),
            Cell::number(*requests, share),
            Cell::number(*bill, share),
        ]);
        let bars = [(requests, looks[0]), (bill, looks[1])];
        let known = bars.into_iter().filter_map(|(x, look)| Some(((*x)?, look)));
        rows.push(Row {
            name: (*name).to_owned(),
            says: format!("{} · {}", shown(*requests), shown(*bill)),
            tip: format!(
                "{name}\n{} of requests\n{} of the bill",
                shown(*requests),
                shown(*bill)
            ),
            content: Content::Bars(known.collect()),
        });
    }
    Rows {
        key: format!("segment-shares-{by}"),
        title: format!("Traffic and bill, by {by}"),
        about: about.to_owned(),
        axis: "share",
        spread: Spread::FromZero,
        show: words::percent_round,
        rows,
        legend: vec![
            (looks[0], "of requests".to_owned()),
            (looks[1], "of the bill".to_owned()),
        ],
        table,
    }
    .html()
}
