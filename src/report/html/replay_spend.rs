//! What was spent through time, as a chart.

use super::axis::Spread;
use super::palette::Look;
use super::plot::{Drawn, Plot, Point, Scale, Series};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::ReplayReport;

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
            drawn: Drawn::Line,
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
        x: Scale {
            names: spend.periods.iter().map(|period| moment(&period.from)).collect(),
            ..Scale::new("from", Spread::Even, words::whole)
        },
        y: Scale::new("USD", Spread::FromZero, words::usd_round),
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
