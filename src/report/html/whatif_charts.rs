//! The charts of a what-if.

use super::axis::Spread;
use super::front::Placed;
use super::palette::Look;
use super::plot::{Drawn, Plot, Point as Mark, Scale, Series};
use super::rows::{Content, Row, Rows};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::Figure;
use crate::whatif::{Amount, Axis, Differences, Point, WhatIf};

/// Cost against success of the shipped files, before and after.
pub(super) fn front(result: &WhatIf, point: &Point) -> String {
    let after = point.frozen.policies.iter().enumerate();
    let after = after.map(|(place, it)| (it.name.clone(), Look::of(place), it));
    let before = result.base.frozen.policies.iter().enumerate();
    let before =
        before.map(|(place, it)| (format!("{} (as it is)", it.name), Look::floor(place), it));
    let placed: Vec<Placed<'_>> = after
        .chain(before)
        .map(|(name, look, it)| Placed {
            name,
            look,
            cost: &it.cost_usd_per_request,
            success: &it.success,
            on_front: false,
        })
        .collect();
    super::front::front(&placed)
}

/// What the circumstances change for each shipped file.
pub(super) fn change(point: &Point) -> String {
    rows(
        "change",
        "What the circumstances change",
        "Net value of each shipped file less the same as it is, with 95% intervals.",
        &point.change,
    )
}

/// What compiling each policy anew is worth.
pub(super) fn retuning(point: &Point) -> String {
    rows(
        "retuning",
        "What re-tuning is worth",
        "Net value of each policy compiled for these circumstances less the shipped file under them, with 95% intervals. Fixed choices and rules have nothing to tune.",
        &point.retuning,
    )
}

fn rows(key: &str, title: &str, about: &str, held: &[Differences]) -> String {
    let mut table = Grid::new(
        &format!("{key}-numbers"),
        title,
        &["<policy", "net / 1,000", "right", "cost / 1,000"],
    );
    let mut rows = Vec::new();
    for (place, it) in held.iter().enumerate() {
        table.row(vec![
            Cell::name(&it.policy),
            Cell::figure(&it.net_usd_per_request, words::signed_usd_1000),
            Cell::figure(&it.success, words::points),
            Cell::figure(&it.cost_usd_per_request, words::signed_usd_1000),
        ]);
        let Some(x) = it.net_usd_per_request.x else {
            continue;
        };
        let ends = it.net_usd_per_request.ci95;
        rows.push(Row {
            name: it.policy.clone(),
            says: words::signed_usd_1000(x),
            tip: format!(
                "{}\nnet {} for 1,000\nright {}\ncost {} for 1,000",
                it.policy,
                words::figure(&it.net_usd_per_request, words::signed_usd_1000),
                words::figure(&it.success, words::points),
                words::figure(&it.cost_usd_per_request, words::signed_usd_1000)
            ),
            content: Content::Dot {
                x: 1000.0 * x,
                ci95: ends.map(|ends| ends.map(|end| 1000.0 * end)),
                look: Look::of(place),
            },
        });
    }
    Rows {
        key: key.to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
        axis: "net value, USD for 1,000 requests",
        spread: Spread::FromZero,
        show: words::usd_round,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

/// Along the one axis of a sweep: each policy against the first, frozen and re-decided.
pub(super) fn sweeps(result: &WhatIf) -> Vec<String> {
    let [axis] = &result.axes[..] else {
        return Vec::new();
    };
    let numbers = axis.values.iter().map(|value| match value {
        Amount::Number(x) => Some(*x),
        Amount::Time(_) | Amount::Never => None,
    });
    let Some(numbers) = numbers
        .collect::<Option<Vec<f64>>>()
        .filter(|it| it.len() == result.points.len())
    else {
        return Vec::new();
    };
    let first = result
        .base
        .frozen
        .policies
        .first()
        .map_or("", |it| it.name.as_str());
    let sweep = Sweep {
        axis,
        numbers,
        first,
    };
    let frozen = result
        .points
        .iter()
        .map(|it| &it.against_first.frozen[..])
        .collect();
    let redecided = result
        .points
        .iter()
        .map(|it| &it.against_first.redecided[..])
        .collect();
    vec![
        sweep.plot("sweep-frozen", "As shipped", frozen),
        sweep.plot("sweep-redecided", "Compiled anew at each point", redecided),
    ]
}

/// The axis of a sweep.
struct Sweep<'a> {
    axis: &'a Axis,
    numbers: Vec<f64>,
    /// The policy that others are held against.
    first: &'a str,
}

impl Sweep<'_> {
    fn plot(&self, key: &'static str, title: &str, held: Vec<&[Differences]>) -> String {
        let policies = held.first().map_or(0, |it| it.len());
        let of = |place: usize| held.iter().filter_map(move |it| it.get(place));
        let series = (0..policies).map(|place| {
            let name = of(place).next().map_or("", |it| it.policy.as_str());
            let points = self.numbers.iter().zip(of(place));
            let points =
                points.filter_map(|(x, it)| self.mark(*x, name, &it.net_usd_per_request, policies));
            // The first policy of the call is the level line.
            Series {
                name: name.to_owned(),
                look: Look::of(place + 1),
                points: points.collect(),
                drawn: Drawn::Line,
            }
        });
        let names: Vec<&str> = (0..policies)
            .map(|place| of(place).next().map_or("", |it| it.policy.as_str()))
            .collect();
        let mut titles = vec![self.axis.name.as_str()];
        titles.extend(&names);
        let mut table = Grid::new(
            &format!("{key}-numbers"),
            &format!(
                "{title}: net value over {}, USD for 1,000 requests",
                self.first
            ),
            &titles,
        );
        for (x, it) in self.numbers.iter().zip(&held) {
            let mut row = vec![Cell::number(Some(*x), words::short)];
            row.extend(
                it.iter()
                    .map(|it| Cell::figure(&it.net_usd_per_request, words::signed_usd_1000)),
            );
            table.row(row);
        }
        Plot {
            key,
            title: title.to_owned(),
            about: format!("Net value over {}, which is the level line, by {}. Where a line crosses it, that policy begins or ceases to pay. Near zero the scale is even, further away each step is the same factor.", self.first, self.axis_title()),
            x: Scale::new(&self.axis_title(), Spread::Log, words::short),
            y: Scale::new("net gain, USD for 1,000 requests", Spread::Signed, words::usd_round),
            path: Vec::new(),
            series: series.collect(),
            uprights: Vec::new(),
            level: Some((0.0, self.first.to_owned())),
            table,
        }
        .html()
    }

    /// What is set, with its unit.
    fn axis_title(&self) -> String {
        match self.axis.unit {
            "" => self.axis.name.clone(),
            unit => format!("{}, {unit}", self.axis.name),
        }
    }

    fn mark(&self, x: f64, name: &str, net: &Figure, policies: usize) -> Option<Mark> {
        Some(Mark {
            x,
            y: 1000.0 * net.x?,
            x95: None,
            // More bands than two cover each other.
            y95: net
                .ci95
                .filter(|_| policies <= 2)
                .map(|ends| ends.map(|end| 1000.0 * end)),
            tip: format!(
                "{name}\n{} {} {}\n{} for 1,000",
                self.axis.name,
                self.axis.op,
                words::short(x),
                words::figure(net, words::signed_usd_1000)
            ),
        })
    }
}

/// Of two axes: the policy that earns most at each combination, as a table.
pub(super) fn winners(result: &WhatIf) -> String {
    let [rows, columns] = &result.axes[..] else {
        return String::new();
    };
    if result.points.len() != rows.values.len() * columns.values.len() {
        return String::new();
    }
    let heads: Vec<String> = columns
        .values
        .iter()
        .map(|value| format!("<{} {value}", columns.op))
        .collect();
    let first = format!("<{} {}", rows.name, rows.op);
    let caption = format!("The policy that earns most; columns: {}", columns.name);
    let mut titles = vec![first.as_str()];
    titles.extend(heads.iter().map(String::as_str));
    let mut table = Grid::new("winners", &caption, &titles);
    for (value, points) in rows
        .values
        .iter()
        .zip(result.points.chunks(columns.values.len()))
    {
        let mut row = vec![Cell::words(&value.to_string())];
        row.extend(points.iter().map(|it| {
            let best = it.best.redecided.as_deref().unwrap_or("–");
            let place = it
                .redecided
                .policies
                .iter()
                .position(|policy| policy.name == best);
            let swatch = place.map_or_else(String::new, |place| Look::of(place).swatch());
            Cell::markup(format!("{swatch}{}", super::markup::name(best)))
        }));
        table.row(row);
    }
    let about = super::markup::text(&caption);
    format!(r#"<p class="about">{about}</p>{}"#, table.html())
}
