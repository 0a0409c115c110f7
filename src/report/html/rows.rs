//! Charts of one row a thing: dots with intervals, spans, stacked shares, pairs of bars. The name of
//! each row stands above it, so that any name fits at any width.

use std::fmt::Write;

use super::axis::{Axis, Spread};
use super::markup::text;
use super::palette::Look;
use super::plot::figure;
use super::svg::{Anchor, Svg, shortened, width_of};
use super::tables::Grid;
use super::words::Show;

const WIDTH: f64 = 480.0;
const LEFT: f64 = 8.0;
const RIGHT: f64 = 466.0;
const TOP: f64 = 10.0;
const ROW: f64 = 38.0;
/// More rows than that are in the table only.
const MOST: usize = 24;

/// What stands in a row.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A number with its interval.
    Dot {
        x: f64,
        ci95: Option<[f64; 2]>,
        look: Look,
    },
    /// From one number to the last, each marked.
    Span { numbers: Vec<f64>, look: Look },
    /// Parts of a whole of one.
    Stack(Vec<(f64, Look)>),
    /// From one number to another, past a third one that holds now.
    Between {
        ends: [f64; 2],
        now: f64,
        look: Look,
    },
    /// Bars from zero, one beneath the other.
    Bars(Vec<(f64, Look)>),
}

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    /// Its number, in words, at the right.
    pub(super) says: String,
    pub(super) tip: String,
    pub(super) content: Content,
}

/// A chart of rows.
#[derive(Debug)]
pub(super) struct Rows {
    /// Letters, unique on the page.
    pub(super) key: String,
    pub(super) title: String,
    pub(super) about: String,
    /// What the axis counts, with its unit.
    pub(super) axis: &'static str,
    pub(super) spread: Spread,
    pub(super) show: Show,
    pub(super) rows: Vec<Row>,
    pub(super) legend: Vec<(Look, String)>,
    pub(super) table: Grid,
}

impl Rows {
    /// The figure: title, drawing, legend, table. Nothing where there is no row.
    pub(super) fn html(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        figure(
            &self.key,
            &self.title,
            &self.about,
            &self.drawing(),
            &self.legend(),
            &self.table,
        )
    }

    fn drawing(&self) -> String {
        let rows = &self.rows[..self.rows.len().min(MOST)];
        let axis = Axis::around(
            rows.iter().flat_map(|row| row.content.numbers()),
            self.spread,
            [LEFT, RIGHT],
        );
        let bottom = TOP + ROW * rows.len() as f64;
        let mut svg = Svg::default();
        for tick in axis.ticks() {
            let at = axis.place(tick);
            svg.line(
                (at, TOP),
                (at, bottom),
                if tick == 0.0 { "lvl" } else { "gr" },
            );
        }
        self.numbers(&mut svg, &axis, bottom);
        for (i, row) in rows.iter().enumerate() {
            let top = TOP + ROW * i as f64;
            let [name, says] = beside(&row.name, &row.says);
            // Clear of the line at zero.
            svg.text((LEFT + 5.0, top + 13.0), Anchor::Start, "nm", &name);
            svg.text((RIGHT, top + 13.0), Anchor::End, "sy", &says);
            svg.mark(&row.tip, |svg| {
                svg.rect((0.0, top), (WIDTH, ROW), "hit");
                row.content.draw(svg, &axis, top + 25.0);
            });
        }
        if self.rows.len() > MOST {
            let more = format!("and {} more in the table", self.rows.len() - MOST);
            svg.text((LEFT, bottom + 42.0), Anchor::Start, "tk", &more);
        }
        let id = format!("svg-{}", self.key);
        svg.finish((WIDTH, bottom + 50.0), &id, &self.title, &self.about)
    }

    fn numbers(&self, svg: &mut Svg, axis: &Axis, bottom: f64) {
        svg.line((LEFT, bottom), (RIGHT, bottom), "ax");
        let mut free = 0.0;
        for tick in axis.ticks() {
            let (at, shown) = (axis.place(tick), (self.show)(tick));
            let width = width_of(&shown);
            let (anchor, from) = match at {
                x if x < LEFT + width / 2.0 => (Anchor::Start, at),
                x if x > RIGHT - width / 2.0 => (Anchor::End, at - width),
                _ => (Anchor::Middle, at - width / 2.0),
            };
            // Numbers that would run into each other are left out.
            if from >= free {
                svg.text((at, bottom + 17.0), anchor, "tk", &shown);
                free = from + width + 8.0;
            }
        }
        svg.text((RIGHT, bottom + 40.0), Anchor::End, "ti", self.axis);
    }

    fn legend(&self) -> String {
        if self.legend.is_empty() {
            return String::new();
        }
        let mut legend = String::from(r#"<ul class="legend">"#);
        for (look, name) in &self.legend {
            // Writing to memory does not fail.
            let _ = write!(
                legend,
                "<li>{}<bdi>{}</bdi></li>",
                look.swatch(),
                text(name)
            );
        }
        legend + "</ul>"
    }
}

/// A name and what is said of it, as far as both have room on one line in the larger letters of a
/// phone; the tip and the table have them whole.
fn beside(name: &str, says: &str) -> [String; 2] {
    const LINE: usize = 48;
    let says = shortened(says, 30);
    let name = shortened(name, 38.min(LINE - says.chars().count()));
    [name, says]
}

impl Content {
    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Dot { x, ci95, .. } => std::iter::once(*x)
                .chain(ci95.iter().flatten().copied())
                .collect(),
            Self::Span { numbers, .. } => numbers.clone(),
            Self::Between { ends, now, .. } => vec![ends[0], ends[1], *now],
            Self::Stack(_) => vec![0.0, 1.0],
            Self::Bars(bars) => bars.iter().map(|bar| bar.0).collect(),
        }
    }

    fn draw(&self, svg: &mut Svg, axis: &Axis, y: f64) {
        match self {
            Self::Dot { x, ci95, look } => {
                if let Some([low, high]) = ci95 {
                    let ends = [low, high].map(|end| axis.place(*end));
                    svg.line((ends[0], y), (ends[1], y), &format!("rng {}", look.color()));
                }
                svg.path(&look.shape(axis.place(*x), y, 4.6), &look.fill());
            }
            Self::Span { numbers, look } => {
                let places: Vec<(f64, f64)> = numbers.iter().map(|x| (axis.place(*x), y)).collect();
                svg.polyline(&places, &format!("rng {}", look.color()));
                for (i, (x, y)) in places.iter().enumerate() {
                    // The typical number is the largest mark.
                    let r = if i == 0 { 4.6 } else { 3.0 };
                    svg.path(&look.shape(*x, *y, r), &look.fill());
                }
            }
            Self::Between { ends, now, look } => {
                let places = ends.map(|end| axis.place(end));
                let (left, right) = (places[0].min(places[1]), places[0].max(places[1]));
                svg.rect((left, y - 6.0), (right - left, 12.0), &look.fill());
                let at = axis.place(*now);
                svg.line((at, y - 9.0), (at, y + 9.0), "now");
            }
            Self::Stack(parts) => {
                let mut from = 0.0;
                for (share, look) in parts {
                    let (start, end) = (axis.place(from), axis.place(from + share));
                    svg.rect((start, y - 6.0), (end - start - 1.0, 12.0), &look.fill());
                    from += share;
                }
            }
            Self::Bars(bars) => {
                let height = 14.0 / bars.len().max(1) as f64;
                for (i, (x, look)) in bars.iter().enumerate() {
                    let ends = [axis.place(0.0), axis.place(*x)];
                    let top = y - 7.0 + height * i as f64;
                    let width = (ends[1] - ends[0]).abs();
                    svg.rect(
                        (ends[0].min(ends[1]), top),
                        (width, height - 1.0),
                        &look.fill(),
                    );
                }
            }
        }
    }
}
