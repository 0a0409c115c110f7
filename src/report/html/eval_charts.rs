//! The charts of an evaluation.

use super::axis::Spread;
use super::front::Placed;
use super::palette::Look;
use super::plot::{Drawn, Plot, Point, Scale, Series};
use super::rows::{Content, Row, Rows};
use super::share_bars::share_bars;
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{
    Bin, CurveMetrics, NetAtValue, PolicyKind, PolicyNet, RouterEvaluation, SegmentReturn,
};
use crate::report::number::share;

const ROUTER: &str = "the router";

/// The router and all that it is held against.
pub(super) fn front(evaluation: &RouterEvaluation) -> String {
    let policies = evaluation.net.iter().flat_map(|net| &net.at.policies);
    let placed: Vec<Placed<'_>> = policies
        .enumerate()
        // The best single is one of the fixed choices, the best rule one of the rules.
        .filter(|(_, it)| !matches!(it.kind, PolicyKind::BestSingle | PolicyKind::BestRule))
        .map(|(place, it)| Placed {
            name: called(it),
            look: match it.kind {
                PolicyKind::Hindsight => Look::hindsight(),
                PolicyKind::Router => Look::of(0),
                PolicyKind::Fixed => Look::of(place),
                _ => Look::floor(place),
            },
            cost: &it.cost_usd_per_request,
            success: &it.success,
            on_front: false,
        })
        .collect();
    super::front::front(&placed)
}

fn called(policy: &PolicyNet) -> String {
    match policy.kind {
        PolicyKind::Hindsight => "hindsight (nobody can reach it)".to_owned(),
        _ => policy.name.clone(),
    }
}

/// What the router gains over others by the worth of a right answer.
pub(super) fn values(evaluation: &RouterEvaluation) -> String {
    let kinds = [
        (
            PolicyKind::BestSingle,
            "over the best single endpoint",
            Look::of(0),
        ),
        (PolicyKind::BestRule, "over the best rule", Look::of(1)),
        (
            PolicyKind::RandomMixture,
            "over chance at its own shares",
            Look::of(2),
        ),
    ];
    let series = kinds.into_iter().map(|(kind, name, look)| {
        let points = evaluation.values.iter().filter_map(|at| {
            let figure = gain(at, kind)?;
            Some(Point {
                x: at.trade.value_usd,
                y: 1000.0 * figure.x?,
                x95: None,
                y95: figure
                    .ci95
                    .filter(|_| kind == PolicyKind::BestSingle)
                    .map(|ends| ends.map(|end| 1000.0 * end)),
                tip: format!(
                    "{name}\nat {} a right answer\n{} for 1,000",
                    words::usd(at.trade.value_usd),
                    words::figure(figure, words::signed_usd_1000)
                ),
            })
        });
        Series {
            name: name.to_owned(),
            look,
            points: points.collect(),
            drawn: Drawn::Line,
        }
    });
    let table = values_table(evaluation, &kinds);
    let now = evaluation
        .net
        .as_ref()
        .map(|net| (net.at.trade.value_usd, "the file's".to_owned()));
    Plot {
        key: "values",
        title: "What a right answer must be worth".to_owned(),
        about: "What the router gains over others, decided anew at each worth of a right answer. The band is the 95% interval over the best single endpoint. Near zero the scale is even, further away each step is the same factor.".to_owned(),
        x: Scale::new("worth of a right answer, USD", Spread::Log, words::usd_round),
        y: Scale::new("net gain, USD for 1,000 requests", Spread::Signed, words::usd_round),
        path: Vec::new(),
        series: series.collect(),
        uprights: now.into_iter().collect(),
        level: Some((0.0, "no gain".to_owned())),
        table,
    }
    .html()
}

/// The same as numbers.
fn values_table(evaluation: &RouterEvaluation, kinds: &[(PolicyKind, &str, Look)]) -> Grid {
    let mut table = Grid::new(
        "value-numbers",
        "What the router gains by the worth of a right answer, USD for 1,000 requests",
        &[
            "USD a right answer",
            "over the best single",
            "over the best rule",
            "over chance",
        ],
    );
    for at in &evaluation.values {
        let mut row = vec![Cell::number(Some(at.trade.value_usd), words::usd)];
        row.extend(kinds.iter().map(|(kind, ..)| match gain(at, *kind) {
            Some(figure) => Cell::figure(figure, words::signed_usd_1000),
            None => Cell::number(None, words::usd),
        }));
        table.row(row);
    }
    table
}

/// The router less a policy of a kind.
fn gain(at: &NetAtValue, kind: PolicyKind) -> Option<&crate::evaluate::Figure> {
    let policy = at.policies.iter().find(|it| it.kind == kind)?;
    let held = at.comparisons.iter().find(|it| it.b == policy.name)?;
    Some(&held.difference)
}

/// Right answers by the share that is sent to the specialist.
pub(super) fn deferral(evaluation: &RouterEvaluation) -> String {
    let floors = &evaluation.floors;
    let curves: [(&str, &CurveMetrics, Look); 5] = [
        (ROUTER, &evaluation.ranking, Look::of(0)),
        ("at random", &floors.random, Look::floor(0)),
        ("by prompt length", &floors.length, Look::of(1)),
        ("by a table of tasks", &floors.task_table, Look::of(2)),
        (
            "hindsight (nobody can reach it)",
            &floors.hindsight,
            Look::hindsight(),
        ),
    ];
    let mut titles = vec!["to the specialist"];
    titles.extend(curves.iter().map(|(name, ..)| *name));
    let mut table = Grid::new(
        "deferral-numbers",
        "Right answers by the share sent to the specialist",
        &titles,
    );
    for (place, point) in evaluation.ranking.curve.iter().enumerate() {
        if place % TOLD != 0 {
            continue;
        }
        let mut row = vec![Cell::number(Some(point.share), share)];
        row.extend(curves.iter().map(|(_, metrics, _)| {
            Cell::number(
                metrics.curve.get(place).and_then(|it| it.success.x),
                words::percent,
            )
        }));
        table.row(row);
    }
    Plot {
        key: "deferral",
        title: "The deferral curve".to_owned(),
        about: "Right answers when the requests that gain most, as each way of ranking has it, go to the specialist first. The further above chance and the further left, the better. The band is the router's 95% interval.".to_owned(),
        x: Scale::new("share of requests to the specialist", Spread::FromZero, words::percent_round),
        y: Scale::new("right answers", Spread::Even, words::percent_round),
        path: Vec::new(),
        series: curves.into_iter().map(|(name, metrics, look)| curve(name, metrics, look)).collect(),
        uprights: Vec::new(),
        level: None,
        table,
    }
    .html()
}

/// One point in so many is told and listed.
const TOLD: usize = 5;

fn curve(name: &str, metrics: &CurveMetrics, look: Look) -> Series {
    let points = metrics
        .curve
        .iter()
        .enumerate()
        .filter_map(|(place, point)| {
            let tip = format!(
                "{name}\n{} to the specialist\nright {}\ncost {} for 1,000",
                share(point.share),
                words::figure(&point.success, words::percent),
                words::figure(&point.cost_usd_per_request, words::usd_1000)
            );
            Some(Point {
                x: point.share,
                y: point.success.x?,
                x95: None,
                y95: point.success.ci95.filter(|_| name == ROUTER),
                tip: if place % TOLD == 0 {
                    tip
                } else {
                    String::new()
                },
            })
        });
    Series {
        name: name.to_owned(),
        look,
        points: points.collect(),
        drawn: Drawn::Line,
    }
}

/// Predicted against observed gain.
pub(super) fn predicted_gain(evaluation: &RouterEvaluation) -> String {
    let series = binned(
        "gain of the specialist",
        &evaluation.gain_bins,
        Look::of(0),
        words::points,
    );
    let slope = words::figure(&evaluation.gain_slope, words::plain);
    reliability_plot(
        "gain",
        "Is the predicted gain what happens".to_owned(),
        format!(
            "Fifteen equal groups of requests by predicted gain. On the thin line, prediction and outcome agree; dollar thresholds can be trusted where the slope is 1: it is {slope}."
        ),
        [
            ("predicted gain, points", Spread::Even),
            ("observed gain, points", Spread::Even),
        ],
        words::points_round,
        vec![series],
    )
}

/// Predicted against observed success of each model.
pub(super) fn reliability(evaluation: &RouterEvaluation) -> String {
    let models = evaluation.calibration.iter().enumerate();
    let series = models.map(|(place, (model, held))| {
        binned(model, &held.after.bins, Look::of(place), words::percent)
    });
    reliability_plot(
        "reliability",
        "Predicted and observed success".to_owned(),
        "Fifteen equal groups of requests by predicted probability, for each model. On the thin line, prediction and outcome agree; below it the router promises too much.".to_owned(),
        [("predicted probability", Spread::Even), ("observed success", Spread::Even)],
        words::percent_round,
        series.collect(),
    )
}

fn binned(name: &str, bins: &[Bin], look: Look, show: words::Show) -> Series {
    let points = bins.iter().map(|bin| Point {
        x: bin.mean_predicted,
        y: bin.mean_observed,
        x95: None,
        y95: None,
        tip: format!(
            "{name}\npredicted {}\nobserved {}\n{} requests",
            show(bin.mean_predicted),
            show(bin.mean_observed),
            words::whole(bin.n as f64)
        ),
    });
    Series {
        name: name.to_owned(),
        look,
        points: points.collect(),
        drawn: Drawn::Line,
    }
}

fn reliability_plot(
    key: &'static str,
    title: String,
    about: String,
    [x, y]: [(&'static str, Spread); 2],
    show: words::Show,
    series: Vec<Series>,
) -> String {
    let mut table = Grid::new(
        &format!("{key}-numbers"),
        &title,
        &["<of", "predicted", "observed"],
    );
    for series in &series {
        for point in &series.points {
            table.row(vec![
                Cell::name(&series.name),
                Cell::number(Some(point.x), show),
                Cell::number(Some(point.y), show),
            ]);
        }
    }
    let numbers = || {
        series
            .iter()
            .flat_map(|it| &it.points)
            .flat_map(|it| [it.x, it.y])
    };
    let ends = [
        numbers().fold(f64::INFINITY, f64::min),
        numbers().fold(f64::NEG_INFINITY, f64::max),
    ];
    Plot {
        key,
        title,
        about,
        x: Scale::new(x.0, x.1, show),
        y: Scale::new(y.0, y.1, show),
        path: ends.map(|end| (end, end)).to_vec(),
        series,
        uprights: Vec::new(),
        level: None,
        table,
    }
    .html()
}

/// What the specialist returns on each segment: a pair of charts for each grouping.
pub(super) fn segments(evaluation: &RouterEvaluation) -> Vec<String> {
    let mut families: Vec<&str> = evaluation.segments.iter().map(|it| it.by).collect();
    families.dedup();
    let value = evaluation.net.as_ref().map(|net| net.at.trade.value_usd);
    let of = |by: &str| {
        let held: Vec<&SegmentReturn> = evaluation
            .segments
            .iter()
            .filter(|it| it.by == by)
            .collect();
        let shares: Vec<(&str, Option<f64>, Option<f64>)> = held
            .iter()
            .map(|it| {
                (
                    it.segment.as_str(),
                    it.share_of_requests.x,
                    it.share_of_bill.x,
                )
            })
            .collect();
        let about = "How many of the requests each is, and how much of the bill, were it alone sent to the specialist; in the same order.";
        [
            break_evens(by, &held, value),
            share_bars(by, about, &shares),
        ]
    };
    families.into_iter().flat_map(of).collect()
}

fn break_evens(by: &str, held: &[&SegmentReturn], value: Option<f64>) -> String {
    let mut table = Grid::new(
        &format!("return-by-{by}"),
        &format!("What the specialist returns, by {by}"),
        &[
            "<segment",
            "requests",
            "gain",
            "pays above USD",
            "minutes added",
            "<at the file's trade",
        ],
    );
    let mut rows = Vec::new();
    for it in held {
        table.row(vec![
            Cell::name(&it.segment),
            Cell::number(Some(it.requests as f64), words::whole),
            Cell::figure(&it.gain, words::points),
            Cell::figure(&it.break_even_usd, words::usd),
            Cell::number(it.added_seconds.x.map(|s| s / 60.0), |x| format!("{x:.1}")),
            Cell::words(it.pays.words()),
        ]);
        let Some(x) = it.gain.x else { continue };
        let even = match it.break_even_usd.x {
            None => "never pays".to_owned(),
            Some(even) if even <= 0.0 => "pays at any value".to_owned(),
            Some(even) => format!("pays above {}", words::usd(even)),
        };
        rows.push(Row {
            name: it.segment.clone(),
            says: even.clone(),
            tip: format!(
                "{}\ngain {}\n{even}\n{} requests\nat the file's trade: {}",
                it.segment,
                words::figure(&it.gain, words::points),
                words::whole(it.requests as f64),
                it.pays.words()
            ),
            content: Content::Dot {
                x,
                ci95: it.gain.ci95,
                look: Look::of(match it.pays {
                    crate::evaluate::Pays::Yes => 2,
                    crate::evaluate::Pays::No => 1,
                    crate::evaluate::Pays::CannotTell => 6,
                }),
            },
        });
    }
    let at = value.map_or_else(String::new, |value| format!(" At {} it pays on the green ones, not on the red ones, and cannot be told on the black ones.", words::usd(value)));
    Rows {
        key: format!("returns-{by}"),
        title: format!("What the specialist returns, by {by}"),
        about: format!("How much more often the specialist is right, with 95% intervals, and the worth of a right answer above which that pays; the best return first.{at}"),
        axis: "gain in right answers, points",
        spread: Spread::FromZero,
        show: words::points_round,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}
