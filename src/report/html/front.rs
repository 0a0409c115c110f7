//! Cost against success: the chart that every kind of result has.

use super::axis::Spread;
use super::palette::Look;
use super::plot::{Drawn, Plot, Point, Scale, Series};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::Figure;

/// A policy on the chart.
pub(super) struct Placed<'a> {
    pub(super) name: String,
    pub(super) look: Look,
    /// USD a request.
    pub(super) cost: &'a Figure,
    pub(super) success: &'a Figure,
    /// Whether nothing else beats it at no more cost.
    pub(super) on_front: bool,
}

impl Placed<'_> {
    fn at(&self) -> Option<(f64, f64)> {
        Some((1000.0 * self.cost.x?, self.success.x?))
    }

    fn series(&self) -> Option<Series> {
        let (x, y) = self.at()?;
        let tip = format!(
            "{}\nright {}\ncost {} for 1,000",
            self.name,
            words::figure(self.success, words::percent),
            words::figure(self.cost, words::usd_1000)
        );
        let point = Point {
            x,
            y,
            x95: self.cost.ci95.map(|ends| ends.map(|end| 1000.0 * end)),
            y95: self.success.ci95,
            tip,
        };
        Some(Series {
            name: self.name.clone(),
            look: self.look,
            points: vec![point],
            drawn: Drawn::Marks,
        })
    }

    /// The name, and each figure with both ends of its interval.
    fn row(&self) -> Vec<Cell> {
        let mut row = vec![Cell::name(&self.name)];
        let figures = [
            (self.cost, words::usd_1000 as words::Show),
            (self.success, words::percent),
        ];
        for (figure, show) in figures {
            let end = |end: usize| figure.ci95.map(|ends| ends[end]);
            row.extend([figure.x, end(0), end(1)].map(|x| Cell::number(x, show)));
        }
        row
    }
}

/// The chart.
pub(super) fn front(placed: &[Placed<'_>]) -> String {
    let titles = [
        "<policy",
        "USD / 1,000",
        "low",
        "high",
        "right",
        "low",
        "high",
    ];
    let mut table = Grid::new("front-numbers", "Cost and success", &titles);
    placed.iter().for_each(|it| table.row(it.row()));
    let costs = || placed.iter().filter_map(Placed::at).map(|at| at.0);
    let (least, most) = (
        costs().fold(f64::INFINITY, f64::min),
        costs().fold(0.0, f64::max),
    );
    // Zero is shown where that leaves room to tell the policies apart.
    let spread = match most / least {
        ratio if ratio > 12.0 => Spread::Log,
        ratio if ratio > 3.0 => Spread::FromZero,
        _ => Spread::Even,
    };
    let on_front = placed.iter().filter(|it| it.on_front);
    let mut path: Vec<(f64, f64)> = on_front.filter_map(Placed::at).collect();
    path.sort_by(|a, b| a.0.total_cmp(&b.0));
    Plot {
        key: "front",
        title: "Cost against success".to_owned(),
        about: "Up is better, left is cheaper. The thin line joins what nothing else beats at no more cost. Bars are 95% intervals; marks whose bars overlap may still differ, since they saw the same requests.".to_owned(),
        x: Scale::new("USD for 1,000 requests", spread, words::usd_round),
        y: Scale::new("right answers", Spread::Even, words::percent_round),
        path,
        series: placed.iter().filter_map(Placed::series).collect(),
        uprights: Vec::new(),
        level: None,
        table,
    }
    .html()
}
