//! Charts with two axes: points with intervals, lines with bands, reference lines.

use std::fmt::Write;

use super::axis::{Axis, Spread};
use super::markup::text;
use super::palette::Look;
use super::svg::{Anchor, Svg, shortened, width_of};
use super::tables::Grid;
use super::words::Show;

/// The drawing's size, and the room around its axes.
const SIZE: (f64, f64) = (480.0, 340.0);
const LEFT: f64 = 62.0;
const RIGHT: f64 = 466.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 286.0;

/// One direction of a chart.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    /// What it counts, with its unit.
    pub(super) title: String,
    pub(super) spread: Spread,
    pub(super) show: Show,
    /// Names of 0, 1, 2, ... in place of numbers, where there are any.
    pub(super) names: Vec<String>,
}

impl Scale {
    /// Of numbers.
    pub(super) fn new(title: &str, spread: Spread, show: Show) -> Self {
        Self {
            // What somebody named may be long.
            title: shortened(title, 54),
            spread,
            show,
            names: Vec::new(),
        }
    }

    fn shown(&self, tick: f64) -> String {
        let place = (tick >= 0.0 && tick.fract() == 0.0).then_some(tick as usize);
        match place.and_then(|place| self.names.get(place)) {
            Some(name) => name.clone(),
            None if self.names.is_empty() => (self.show)(tick),
            None => String::new(),
        }
    }
}

/// A point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Intervals in both directions.
    pub(super) x95: Option<[f64; 2]>,
    pub(super) y95: Option<[f64; 2]>,
    /// What is told on hover.
    pub(super) tip: String,
}

/// Points that belong together.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) points: Vec<Point>,
    pub(super) drawn: Drawn,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawn {
    /// A mark a point, with cross bars for its intervals, and its name where there is room.
    Marks,
    /// A line with the intervals of y as a band, and a small mark a point.
    Line,
}

/// A chart with two axes.
#[derive(Debug)]
pub(super) struct Plot {
    /// Letters, unique on the page.
    pub(super) key: &'static str,
    pub(super) title: String,
    /// What it shows and how to read it, for those who see it and those who do not.
    pub(super) about: String,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) series: Vec<Series>,
    /// Points joined by a thin line beneath everything.
    pub(super) path: Vec<(f64, f64)>,
    /// Upright lines at numbers of x, with what they mean.
    pub(super) uprights: Vec<(f64, String)>,
    /// A level line at a number of y, with what it means.
    pub(super) level: Option<(f64, String)>,
    pub(super) table: Grid,
}

impl Plot {
    /// The figure: title, drawing, legend, table. Nothing where there is no point.
    pub(super) fn html(&self) -> String {
        if self.series.iter().all(|series| series.points.is_empty()) {
            return String::new();
        }
        figure(
            self.key,
            &self.title,
            &self.about,
            &self.drawing(),
            &self.legend(),
            &self.table,
        )
    }

    fn drawing(&self) -> String {
        let mut svg = Svg::default();
        let (x, y) = self.axes();
        self.grid(&mut svg, &x, &y);
        let place = |&(a, b): &(f64, f64)| (x.place(a), y.place(b));
        let path: Vec<(f64, f64)> = self.path.iter().map(place).collect();
        svg.polyline(&path, "front");
        for series in &self.series {
            match series.drawn {
                Drawn::Marks => cross_bars(&mut svg, series, &x, &y),
                Drawn::Line => line(&mut svg, series, &x, &y),
            }
        }
        for series in &self.series {
            let r = if series.drawn == Drawn::Marks {
                5.0
            } else {
                2.4
            };
            // A point without a tip is part of a line only.
            for point in series.points.iter().filter(|point| !point.tip.is_empty()) {
                let (px, py) = (x.place(point.x), y.place(point.y));
                svg.mark(&point.tip, |svg| {
                    // Something to hit with a finger.
                    svg.path(&Look::of(0).shape(px, py, 9.0), "hit");
                    svg.path(&series.look.shape(px, py, r), &series.look.fill());
                });
            }
        }
        self.names(&mut svg, &x, &y);
        svg.finish(SIZE, &format!("svg-{}", self.key), &self.title, &self.about)
    }

    fn axes(&self) -> (Axis, Axis) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let ends =
            |x: f64, ends: Option<[f64; 2]>| std::iter::once(x).chain(ends.into_iter().flatten());
        let uprights = self.uprights.iter().map(|upright| upright.0);
        let xs = points()
            .flat_map(|point| ends(point.x, point.x95))
            .chain(uprights);
        let ys = points()
            .flat_map(|point| ends(point.y, point.y95))
            .chain(self.level.as_ref().map(|level| level.0));
        (
            Axis::around(xs, self.x.spread, [LEFT, RIGHT]),
            Axis::around(ys, self.y.spread, [BOTTOM, TOP]),
        )
    }

    fn grid(&self, svg: &mut Svg, x: &Axis, y: &Axis) {
        let mut free = f64::INFINITY;
        for tick in y.ticks() {
            let at = y.place(tick);
            // Numbers that would run into each other are left out, but never zero.
            if at <= free || tick == 0.0 {
                svg.line((LEFT, at), (RIGHT, at), "gr");
                svg.text(
                    (LEFT - 6.0, at + 4.0),
                    Anchor::End,
                    "tk",
                    &self.y.shown(tick),
                );
                free = at - 15.0;
            }
        }
        let mut free = 0.0;
        for tick in x.ticks() {
            let (at, shown) = (x.place(tick), self.x.shown(tick));
            svg.line((at, BOTTOM), (at, BOTTOM + 4.0), "ax");
            let half = width_of(&shown) / 2.0;
            // Numbers that would run into each other are left out.
            if at - half >= free {
                svg.text((at, BOTTOM + 18.0), Anchor::Middle, "tk", &shown);
                free = at + half + 8.0;
            }
        }
        svg.line((LEFT, BOTTOM), (RIGHT, BOTTOM), "ax");
        svg.text((4.0, 16.0), Anchor::Start, "ti", &self.y.title);
        svg.text((RIGHT, BOTTOM + 42.0), Anchor::End, "ti", &self.x.title);
        if let Some((level, meaning)) = self.level.as_ref().filter(|level| y.holds(level.0)) {
            let at = y.place(*level);
            svg.line((LEFT, at), (RIGHT, at), "lvl");
            svg.text(
                (RIGHT, at - 5.0),
                Anchor::End,
                "nm",
                &shortened(meaning, 30),
            );
        }
        for (number, meaning) in self.uprights.iter().filter(|upright| x.holds(upright.0)) {
            let at = x.place(*number);
            svg.line((at, TOP), (at, BOTTOM), "up");
            let (side, anchor) = if at > f64::midpoint(LEFT, RIGHT) {
                (-5.0, Anchor::End)
            } else {
                (5.0, Anchor::Start)
            };
            svg.text((at + side, TOP + 10.0), anchor, "nm", meaning);
        }
    }

    /// Names beside marks, where there is room for them.
    fn names(&self, svg: &mut Svg, x: &Axis, y: &Axis) {
        let series = self
            .series
            .iter()
            .filter(|series| series.drawn == Drawn::Marks);
        let marks: Vec<(&Series, (f64, f64))> = series
            .flat_map(|series| {
                series
                    .points
                    .iter()
                    .map(move |point| (series, (x.place(point.x), y.place(point.y))))
            })
            .collect();
        let mut taken: Vec<Field> = marks.iter().map(|(_, at)| Field::around(*at)).collect();
        for (series, at) in &marks {
            // What stands in brackets is in the legend.
            let name = series.name.split(" (nobody").next().unwrap_or_default();
            let name = shortened(name, 26);
            let found = Field::beside(*at, width_of(&name));
            let free = found.into_iter().find(|(field, ..)| {
                field.inside() && !taken.iter().any(|other| other.meets(field))
            });
            if let Some((field, place, anchor)) = free {
                svg.text(place, anchor, "nm", &name);
                taken.push(field);
            }
        }
    }

    fn legend(&self) -> String {
        let mut legend = String::from(r#"<ul class="legend">"#);
        for series in self
            .series
            .iter()
            .filter(|series| !series.points.is_empty())
        {
            // Writing to memory does not fail.
            let _ = write!(
                legend,
                "<li>{}<bdi>{}</bdi></li>",
                series.look.swatch(),
                text(&series.name)
            );
        }
        legend + "</ul>"
    }
}

/// A chart with what belongs to it; for charts of every kind.
pub(super) fn figure(
    key: &str,
    title: &str,
    about: &str,
    drawing: &str,
    legend: &str,
    table: &Grid,
) -> String {
    format!(
        r#"<figure class="chart" id="chart-{key}"><figcaption><h3>{}</h3><p>{}</p></figcaption>{drawing}{legend}<details><summary>The numbers<span class="vh"> of {}</span></summary>{}</details></figure>"#,
        text(title),
        text(about),
        text(title),
        table.html(),
    )
}

fn cross_bars(svg: &mut Svg, series: &Series, x: &Axis, y: &Axis) {
    let class = format!("ci {}", series.look.color());
    for point in &series.points {
        let (px, py) = (x.place(point.x), y.place(point.y));
        if let Some([low, high]) = point.x95 {
            svg.line((x.place(low), py), (x.place(high), py), &class);
        }
        if let Some([low, high]) = point.y95 {
            svg.line((px, y.place(low)), (px, y.place(high)), &class);
        }
    }
}

fn line(svg: &mut Svg, series: &Series, x: &Axis, y: &Axis) {
    let banded = series
        .points
        .iter()
        .filter_map(|point| Some((point.x, point.y95?)));
    let banded: Vec<(f64, [f64; 2])> = banded.collect();
    let low = banded
        .iter()
        .map(|(at, ends)| (x.place(*at), y.place(ends[0])));
    let high = banded
        .iter()
        .rev()
        .map(|(at, ends)| (x.place(*at), y.place(ends[1])));
    let area: Vec<(f64, f64)> = low.chain(high).collect();
    svg.polygon(&area, &format!("band {}", series.look.color()));
    let points = series
        .points
        .iter()
        .map(|point| (x.place(point.x), y.place(point.y)));
    let points: Vec<(f64, f64)> = points.collect();
    svg.polyline(&points, &series.look.line());
}

/// A rectangle that something stands in.
#[derive(Debug, Clone, Copy)]
struct Field {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Field {
    fn around((x, y): (f64, f64)) -> Self {
        Self {
            left: x - 7.0,
            top: y - 7.0,
            right: x + 7.0,
            bottom: y + 7.0,
        }
    }

    /// Where a name of that width may stand beside a mark, best first: the field, the text's own
    /// point, and its side.
    fn beside((x, y): (f64, f64), width: f64) -> [(Self, (f64, f64), Anchor); 6] {
        let at = |dx: f64, dy: f64, anchor: Anchor| {
            let place = (x + dx, y + dy);
            let left = match anchor {
                Anchor::Start => place.0,
                Anchor::Middle => place.0 - width / 2.0,
                Anchor::End => place.0 - width,
            };
            let field = Self {
                left,
                top: place.1 - 11.0,
                right: left + width,
                bottom: place.1 + 3.0,
            };
            (field, place, anchor)
        };
        [
            at(10.0, 4.0, Anchor::Start),
            at(-10.0, 4.0, Anchor::End),
            at(0.0, -11.0, Anchor::Middle),
            at(0.0, 19.0, Anchor::Middle),
            at(8.0, -9.0, Anchor::Start),
            at(8.0, 17.0, Anchor::Start),
        ]
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn inside(&self) -> bool {
        self.left >= LEFT
            && self.right <= SIZE.0 - 2.0
            && self.top >= TOP - 10.0
            && self.bottom <= BOTTOM
    }
}
