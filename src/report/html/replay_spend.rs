//! What was spent through time, as a chart.

use super::axis::Spread;
use super::palette::Look;
use super::plot::{Drawn, Plot, Point, Scale, Series};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{ReplayReport, Spend};

/// More lines than that cannot be told apart; the table has them all.
const MOST: usize = 8;

/// What was spent through time.
pub(super) fn spend(report: &ReplayReport) -> String {
    let Some(spend) = report.sums.as_ref().and_then(|sums| sums.spend.as_ref()) else {
        return String::new();
    };
    let series = report
        .policies
        .iter()
        .enumerate()
        .take(MOST)
        .map(|(place, policy)| {
            let points = spend.periods.iter().enumerate().filter_map(|(i, period)| {
                let y = *period.cost_usd.get(place)?;
                let tip = format!(
                    "{}\nfrom {}\n{} for {} requests",
                    policy.name,
                    moment(&period.from),
                    words::usd(y),
                    words::whole(period.requests as f64)
                );
                Some(Point {
                    x: i as f64,
                    y,
                    x95: None,
                    y95: None,
                    tip,
                })
            });
            Series {
                name: policy.name.clone(),
                look: Look::of(place),
                points: points.collect(),
                drawn: Drawn::Line,
            }
        });
    let periods = spend.periods.iter();
    let names: Vec<String> = periods.map(|period| moment(&period.from)).collect();
    let more = match report.policies.len() {
        n if n > MOST => format!(" The first {MOST} policies; the table has all."),
        _ => String::new(),
    };
    Plot {
        key: "spend",
        title: "Spend through time".to_owned(),
        about: format!(
            "What each policy would have spent {} on the recorded requests. The first and the last may be cut short.{more}",
            every(spend.hours)
        ),
        x: Scale {
            names,
            ..Scale::new("from (UTC)", Spread::Even, words::whole)
        },
        y: Scale::new("USD", Spread::FromZero, words::usd_round),
        path: Vec::new(),
        series: series.collect(),
        uprights: Vec::new(),
        level: None,
        table: table(report, spend),
    }
    .html()
}

fn table(report: &ReplayReport, spend: &Spend) -> Grid {
    let mut titles = vec!["<from", "requests"];
    titles.extend(report.policies.iter().map(|it| it.name.as_str()));
    let mut table = Grid::new("spend-numbers", "Spend through time, USD", &titles);
    for period in &spend.periods {
        let mut row = vec![
            Cell::words(&moment(&period.from)),
            Cell::number(Some(period.requests as f64), words::whole),
        ];
        let policies = 0..report.policies.len();
        row.extend(policies.map(|it| Cell::number(period.cost_usd.get(it).copied(), words::usd)));
        table.row(row);
    }
    table
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
