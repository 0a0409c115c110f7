//! What each model is worth to a plan, as a chart.

use super::axis::Spread;
use super::palette::Look;
use super::rows::{Content, Row, Rows};
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::Figure;
use crate::report::number::NONE;
use crate::report::plan::advice;
use crate::whatif::{Advice, ModelWorth, Plan};

/// How the figure that the goal is about is shown.
struct Shown {
    axis: &'static str,
    column: &'static str,
    show: fn(f64) -> String,
    ticks: words::Show,
    /// From the figure to the axis.
    factor: f64,
}

fn shown(figure: &str) -> Shown {
    match figure {
        "success" => Shown {
            axis: "right answers, points",
            column: "right, points",
            show: words::points,
            ticks: words::points_round,
            factor: 1.0,
        },
        "net_usd_per_request" => Shown {
            axis: "net value, USD for 1,000 requests",
            column: "net / 1,000",
            show: words::signed_usd_1000,
            ticks: words::usd_round,
            factor: 1000.0,
        },
        _ => Shown {
            axis: "cost, USD for 1,000 requests",
            column: "cost / 1,000",
            show: words::signed_usd_1000,
            ticks: words::usd_round,
            factor: 1000.0,
        },
    }
}

/// The best policy with each model less the best without it.
pub(super) fn models(plan: &Plan) -> String {
    let told = plan.models.iter().filter_map(|it| it.difference.as_ref());
    let figure = told.map(|it| it.figure).next().unwrap_or_default();
    let shown = shown(figure);
    let titles = [
        "<model",
        "share of requests",
        "<best with it",
        "<best without it",
        shown.column,
        "<advice",
    ];
    let mut table = Grid::new("models-numbers", "What each model is worth", &titles);
    let unknown = Figure::unknown("", "");
    for model in &plan.models {
        let difference = model.difference.as_ref().map(|it| &it.difference);
        let policy = |name: &Option<String>| Cell::name(name.as_deref().unwrap_or(NONE));
        table.row(vec![
            Cell::name(&model.model),
            Cell::figure(&model.share, words::percent),
            policy(&model.with),
            policy(&model.without),
            Cell::figure(difference.unwrap_or(&unknown), shown.show),
            Cell::words(&advice(model)),
        ]);
    }
    let rows: Vec<Row> = plan
        .models
        .iter()
        .filter_map(|it| row(it, &shown))
        .collect();
    if rows.is_empty() {
        return table.html();
    }
    Rows {
        key: "models".to_owned(),
        title: "What each model is worth".to_owned(),
        about: "The best policy that gives the model any requests less the best that gives it none, with 95% intervals. Right of zero: introduce or keep it; left: leave it out or retire it; across: these requests cannot tell.".to_owned(),
        axis: shown.axis,
        spread: Spread::FromZero,
        show: shown.ticks,
        rows,
        legend: Vec::new(),
        table,
    }
    .html()
}

fn row(model: &ModelWorth, shown: &Shown) -> Option<Row> {
    let figure = &model.difference.as_ref()?.difference;
    let x = figure.x?;
    let scaled = |x: f64| shown.factor * x;
    let look = Look::of(match model.advice {
        Advice::CannotTell => 6,
        _ if x < 0.0 => 1,
        _ => 2,
    });
    Some(Row {
        name: model.model.clone(),
        says: (shown.show)(x),
        tip: format!(
            "{}\n{}\nthe best policy gives it {}\n{}",
            model.model,
            words::figure(figure, shown.show),
            words::figure(&model.share, words::percent),
            advice(model)
        ),
        content: Content::Dot {
            x: scaled(x),
            ci95: figure.ci95.map(|ends| ends.map(scaled)),
            look,
        },
    })
}
