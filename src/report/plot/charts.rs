//! Which chart a result has in the terminal.

use super::draw::{Axis, Plot, Series, Shape, Tone};
use crate::evaluate::{CurveMetrics, Figure, HINDSIGHT, ReplayReport, RouterEvaluation};
use crate::report::document::Table;
use crate::report::number::{percent, usd_per_1000};
use crate::whatif::Plan;

const RIGHT: Axis = Axis {
    title: "right answers",
    suffix: "%",
    stretch: false,
};

const COST: Axis = Axis {
    title: "USD / 1,000 requests",
    suffix: "",
    stretch: true,
};

/// Cost against success of every policy and floor of a replay.
#[must_use]
pub fn replay_plot(report: &ReplayReport) -> Plot {
    let mut chart = Scatter::new("Cost against success");
    for policy in &report.policies {
        chart.add(
            Role::Policy,
            &policy.name,
            &policy.cost_usd_per_request,
            &policy.success,
        );
    }
    for floor in &report.floors {
        let (role, name) = if floor.name == HINDSIGHT {
            (Role::Bound, format!("{HINDSIGHT} (nobody can reach it)"))
        } else {
            (Role::Floor, floor.name.clone())
        };
        chart.add(role, &name, &floor.cost_usd_per_request, &floor.success);
    }
    let all = || report.policies.iter().chain(&report.floors);
    let front = report.front.iter().filter_map(|name| {
        let held = all().find(|held| held.name == *name)?;
        Some(place(held.cost_usd_per_request.x?, held.success.x?))
    });
    chart.join(
        front.collect(),
        "the front: nothing is right more often at no more cost",
    );
    chart.plot
}

/// Cost against success of the policies that a plan leaves to choose from.
#[must_use]
pub fn plan_plot(plan: &Plan) -> Plot {
    let mut chart = Scatter::new("The front: cost against success");
    for policy in &plan.front {
        chart.add(
            Role::Policy,
            &policy.name,
            &policy.cost_usd_per_request,
            &policy.success,
        );
    }
    let front = plan
        .front
        .iter()
        .filter_map(|held| Some(place(held.cost_usd_per_request.x?, held.success.x?)));
    chart.join(front.collect(), "the front, as chosen on other requests");
    chart.plot
}

/// Where a policy stands that costs and succeeds so much a request.
fn place(cost_usd: f64, success: f64) -> [f64; 2] {
    [cost_usd * 1000.0, success * 100.0]
}

/// The deferral curve of an evaluation beside those of its floors.
#[must_use]
pub fn evaluation_plot(evaluation: &RouterEvaluation) -> Plot {
    let floors = &evaluation.floors;
    let curves: [(char, Tone, &str, &CurveMetrics); 5] = [
        ('●', Tone::Strong, "the router", &evaluation.ranking),
        (
            '^',
            Tone::Bound,
            "hindsight (nobody can reach it)",
            &floors.hindsight,
        ),
        ('t', Tone::Plain, "per-task table", &floors.task_table),
        ('l', Tone::Plain, "prompt length", &floors.length),
        ('·', Tone::Plain, "random", &floors.random),
    ];
    let mut legend = Table::new("deferral_legend", &["<", "<ranked by"]);
    let mut series = Vec::new();
    for (glyph, tone, name, metrics) in curves {
        let points = metrics.curve.iter();
        let line: Vec<[f64; 2]> = points
            .filter_map(|at| Some([at.share * 100.0, at.success.x? * 100.0]))
            .collect();
        if line.is_empty() {
            continue;
        }
        legend.row(vec![glyph.to_string(), name.to_owned()]);
        series.push(Series {
            glyph,
            tone,
            shape: Shape::Line(line),
        });
    }
    let points = evaluation.ranking.curve.iter();
    let band: Vec<[f64; 3]> = points
        .filter_map(|at| {
            let [low, high] = at.success.ci95?;
            Some([at.share * 100.0, low * 100.0, high * 100.0])
        })
        .collect();
    if !band.is_empty() {
        legend.row(vec![
            "░".to_owned(),
            "95% interval of the router".to_owned(),
        ]);
        series.push(Series {
            glyph: '░',
            tone: Tone::Faint,
            shape: Shape::Band(band),
        });
    }
    Plot {
        title: "Deferral curve".to_owned(),
        x: Axis {
            title: "share of requests to the specialist",
            suffix: "%",
            stretch: false,
        },
        y: RIGHT,
        series,
        legend,
        notes: Vec::new(),
    }
}

/// What a point stands for.
enum Role {
    Policy,
    Floor,
    Bound,
}

/// A chart of points, each with a mark of its own.
struct Scatter {
    plot: Plot,
    letters: Box<dyn Iterator<Item = char>>,
    digits: Box<dyn Iterator<Item = char>>,
}

impl Scatter {
    fn new(title: &str) -> Self {
        let titles = ["<", "<policy", RIGHT.title, COST.title];
        let letters = ('a'..='z').chain('A'..='Z');
        Self {
            plot: Plot {
                title: title.to_owned(),
                x: COST,
                y: RIGHT,
                series: Vec::new(),
                legend: Table::new("front_legend", &titles),
                notes: Vec::new(),
            },
            // Whoever compares more cannot tell them apart in a terminal anyway.
            letters: Box::new(letters.chain(std::iter::repeat('●'))),
            digits: Box::new(('1'..='9').chain(std::iter::repeat('○'))),
        }
    }

    /// Draw a policy, or say why it cannot be drawn.
    fn add(&mut self, role: Role, name: &str, cost: &Figure, success: &Figure) {
        let (Some(x), Some(y)) = (cost.x, success.x) else {
            let unknown = if cost.x.is_none() { cost } else { success };
            let why = unknown.why.as_deref().unwrap_or("unknown");
            self.plot.notes.push(format!("not drawn: {name}: {why}"));
            return;
        };
        let (glyph, tone) = match role {
            Role::Policy => (self.letters.next(), Tone::Strong),
            Role::Floor => (self.digits.next(), Tone::Plain),
            Role::Bound => (Some('^'), Tone::Bound),
        };
        let glyph = glyph.unwrap_or('●');
        self.plot.legend.row(vec![
            glyph.to_string(),
            name.to_owned(),
            percent(success),
            usd_per_1000(cost),
        ]);
        self.plot.series.push(Series {
            glyph,
            tone,
            shape: Shape::Point(place(x, y)),
        });
    }

    /// Draw the front behind the points.
    fn join(&mut self, mut front: Vec<[f64; 2]>, name: &str) {
        if front.len() < 2 {
            return;
        }
        front.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut row = vec![String::new(); self.plot.legend.columns.len()];
        row[0] = "·".to_owned();
        row[1] = name.to_owned();
        self.plot.legend.row(row);
        self.plot.series.push(Series {
            glyph: '·',
            tone: Tone::Faint,
            shape: Shape::Line(front),
        });
    }
}
