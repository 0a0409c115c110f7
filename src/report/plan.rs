//! A plan as a document.

use super::document::{Block, Document, Table};
use super::number::{
    NONE, count, money, percent, seconds, share, signed, two_lines, usd, usd_per_1000,
};
use crate::evaluate::Figure;
use crate::whatif::{
    DatedPlans, GoalResult, Kept, Kind, Margin, ModelWorth, Plan, PlanVerdict, PlannedPolicy,
};

/// Lay a plan out.
#[must_use]
pub fn plan_document(plan: &Plan) -> Document {
    let mut document = Document::default();
    document.text(opening(plan));
    document.text(verdict(plan));
    document.table(policies("plan", &chosen(plan)));
    document.notes(notes(plan));
    document.heading("The front: no other policy is both cheaper and right more often");
    let front: Vec<(&str, &PlannedPolicy)> = plan.front.iter().map(|it| ("", it)).collect();
    document.table(policies("front", &front));
    document.heading("The next 1% of the traffic to the specialist");
    document.text(plan.next_percent.as_ref().map_or_else(
        || "No learned policy at hand sends more requests there.".to_owned(),
        margin,
    ));
    if !plan.models.is_empty() {
        document.heading("Which model to introduce or retire");
        document.table(models(plan));
    }
    if !plan.warnings.is_empty() {
        document.heading("Note");
        document.notes(plan.warnings.clone());
    }
    document.data(figures(plan));
    document
}

/// Lay the plans of several dates out: one beside the other, then each.
#[must_use]
pub fn dated_plans_document(dated: &DatedPlans) -> Document {
    let mut document = Document::default();
    document.text("What to ship when: the same requests, all of them at each date.");
    let titles = [
        "<from",
        "<",
        "<policy",
        "not on the driver",
        "right",
        "USD / 1,000 requests",
        "net USD / 1,000",
    ];
    let mut table = Table::new("dates", &titles);
    for plan in &dated.plans {
        let ship = &plan.recommended;
        table.row(vec![
            plan.date.clone().unwrap_or_default(),
            word(plan.verdict).to_owned(),
            ship.name.clone(),
            two_lines(percent(&ship.share)),
            two_lines(percent(&ship.success)),
            two_lines(usd_per_1000(&ship.cost_usd_per_request)),
            two_lines(usd_per_1000(&ship.net_usd_per_request)),
        ]);
    }
    document.table(table);
    let mut raw: Option<Table> = None;
    for plan in &dated.plans {
        let date = plan.date.clone().unwrap_or_default();
        document.heading(format!("On {date}"));
        for block in plan_document(plan).blocks {
            let table = match block {
                Block::Data(table) => table,
                Block::Heading(text) => {
                    document.heading(format!("{text}, on {date}"));
                    continue;
                }
                other => {
                    document.blocks.push(other);
                    continue;
                }
            };
            let raw = raw.get_or_insert_with(|| with_dates(&table));
            for mut row in table.rows {
                row.insert(0, date.clone());
                raw.row(row);
            }
        }
    }
    if let Some(raw) = raw {
        document.data(raw);
    }
    document
}

/// A table of the same columns, the date before them, without rows.
fn with_dates(table: &Table) -> Table {
    let mut dated = Table::new(&table.name, &["<date"]);
    dated.columns.extend(table.columns.iter().cloned());
    dated
}

pub(super) const fn word(verdict: PlanVerdict) -> &'static str {
    match verdict {
        PlanVerdict::Route => "route",
        PlanVerdict::DoNotRoute => "do not route",
        PlanVerdict::Unattainable => "unattainable",
    }
}

/// The best policy with each model against the best without it.
fn models(plan: &Plan) -> Table {
    let titles = [
        "<model",
        "the best gives it",
        "<best with it",
        "<best without it",
        "with it, less without",
        "<advice",
    ];
    let mut table = Table::new("models", &titles);
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| NONE.to_owned());
    for model in &plan.models {
        table.row(vec![
            model.model.clone(),
            percent(&model.share),
            name(&model.with),
            name(&model.without),
            worth(model),
            advice(model),
        ]);
    }
    table
}

/// What having a model is worth, with its unit.
fn worth(model: &ModelWorth) -> String {
    let Some(it) = &model.difference else {
        return NONE.to_owned();
    };
    match it.figure {
        "success" => signed(&percent(&it.difference)),
        figure => format!(
            "{} {} / 1,000 requests",
            signed(&usd_per_1000(&it.difference)),
            if figure == "net_usd_per_request" {
                "net USD"
            } else {
                "USD"
            }
        ),
    }
}

/// Whether to have a model, in words.
pub(super) fn advice(model: &ModelWorth) -> String {
    let words = model.advice.words();
    let to_tell = model.difference.as_ref().and_then(|it| it.requests_to_tell);
    to_tell.map_or_else(
        || words.to_owned(),
        |n| format!("{words}; {} requests would", count(n as f64)),
    )
}

fn opening(plan: &Plan) -> String {
    let requests = plan.requests;
    let left_out = match requests.dropped_training_rows {
        0 => String::new(),
        n => format!(
            "; {} left out, on which a router was trained",
            count(n as f64)
        ),
    };
    let date = plan
        .date
        .as_ref()
        .map_or_else(String::new, |date| format!(", every request at {date}"));
    format!(
        "{}{date}. {} policies tried; chosen on {} requests, every figure is of {} others{left_out}.",
        goal(&plan.goal),
        count(plan.tried as f64),
        count(requests.chosen_on as f64),
        count(requests.promised_on as f64),
    )
}

/// What was asked for, in words.
pub(super) fn goal(goal: &GoalResult) -> String {
    match (goal.dial, goal.requests_per_day) {
        ("share", _) => format!(
            "The most right answers with at most {} of the requests not on the driver",
            share(goal.asked)
        ),
        ("min_success", _) => format!("The least cost with {} right", share(goal.asked)),
        ("spend_usd_per_day", Some(n)) => format!(
            "The most right answers for at most ${} a day of {} requests",
            money(goal.asked),
            count(n)
        ),
        _ => format!(
            "The greatest net value where a right answer is worth ${}",
            money(goal.asked)
        ),
    }
}

fn verdict(plan: &Plan) -> String {
    let ship = &plan.recommended.name;
    let against = || {
        let difference = plan.difference.as_ref()?;
        let show = match difference.figure {
            "success" => percent(&difference.difference),
            _ => format!(
                "{} USD / 1,000 requests",
                usd_per_1000(&difference.difference)
            ),
        };
        let figure = match difference.figure {
            "success" => "right answers",
            "net_usd_per_request" => "net value",
            _ => "cost",
        };
        Some(format!("{figure} {}", signed(&show)))
    };
    let fixed = plan.fixed.as_ref().map_or(NONE, |it| it.name.as_str());
    match (plan.verdict, against(), &plan.routing) {
        (PlanVerdict::Unattainable, ..) => {
            format!("UNATTAINABLE by the policies at hand. The nearest is `{ship}`:")
        }
        (PlanVerdict::Route, Some(against), _) => {
            format!("ROUTE by `{ship}`: {against} against `{fixed}`, the best fixed choice.")
        }
        (PlanVerdict::Route, None, _) => {
            format!("ROUTE by `{ship}`: no fixed choice attains the goal.")
        }
        (PlanVerdict::DoNotRoute, Some(against), Some(routing)) => format!(
            "DO NOT ROUTE: ship `{ship}`. The best policy that routes, `{}`, does not beat it by its whole interval: {against}{}.",
            routing.name,
            plan.difference
                .as_ref()
                .and_then(|it| it.requests_to_tell)
                .map_or_else(String::new, |n| format!(
                    "; {} requests would tell such a difference",
                    count(n as f64)
                ))
        ),
        (PlanVerdict::DoNotRoute, ..) => {
            format!("DO NOT ROUTE: ship `{ship}`; no policy that routes attains the goal.")
        }
    }
}

/// The recommended policy beside what it was weighed against.
fn chosen(plan: &Plan) -> Vec<(&'static str, &PlannedPolicy)> {
    let first = match plan.verdict {
        PlanVerdict::Unattainable => "nearest",
        _ => "ship",
    };
    let mut rows = vec![(first, &plan.recommended)];
    let others = [("routing", &plan.routing), ("fixed", &plan.fixed)];
    for (what, policy) in others {
        if let Some(policy) = policy
            && *policy != plan.recommended
        {
            rows.push((what, policy));
        }
    }
    rows
}

fn policies(name: &str, rows: &[(&str, &PlannedPolicy)]) -> Table {
    let mut table = Table::new(
        name,
        &[
            "<",
            "<policy",
            "not on the driver",
            "right",
            "USD / 1,000 requests",
            "USD / day",
            "net USD / 1,000",
            "p50",
            "p95",
        ],
    );
    for (what, policy) in rows {
        table.row(vec![
            (*what).to_owned(),
            policy.name.clone(),
            two_lines(percent(&policy.share)),
            two_lines(percent(&policy.success)),
            two_lines(usd_per_1000(&policy.cost_usd_per_request)),
            two_lines(usd(&policy.cost_usd_per_day)),
            two_lines(usd_per_1000(&policy.net_usd_per_request)),
            seconds(&policy.latency_ms_p50),
            seconds(&policy.latency_ms_p95),
        ]);
    }
    table
}

fn notes(plan: &Plan) -> Vec<String> {
    let goal = &plan.goal;
    let mut notes = Vec::new();
    if let (Some(kept), Some(found)) = (goal.kept, &goal.found) {
        let (name, shown) = match goal.dial {
            "share" => ("not on the driver", percent(found)),
            "min_success" => ("right", percent(found)),
            _ => ("USD a day", usd(found)),
        };
        let asked = match goal.dial {
            "spend_usd_per_day" => money(goal.asked),
            _ => share(goal.asked),
        };
        let says = match kept {
            Kept::Kept => "the goal is kept by the whole interval",
            Kept::CannotTell => "the interval has the goal in it, so leave some room",
            Kept::Missed => "the goal is missed by the whole interval",
        };
        notes.push(format!("{name} {shown}, asked {asked}: {says}"));
    }
    notes.push(format!("right: {}", plan.recommended.success.evidence));
    notes.push(format!(
        "cost: {}",
        plan.recommended.cost_usd_per_request.evidence
    ));
    notes
}

/// What the next hundredth of the traffic brings, in words.
pub(super) fn margin(margin: &Margin) -> String {
    let pays = match margin.break_even_value_usd.x {
        Some(_) => format!(
            "; it pays from ${} a right answer on",
            usd(&margin.break_even_value_usd)
        ),
        None => format!(
            "; {}",
            margin.break_even_value_usd.why.as_deref().unwrap_or("")
        ),
    };
    format!(
        "From {} to {} of the requests, by {}; for each 1,000 requests {} right answers, {} USD, {} minutes of waiting{pays}.",
        share(margin.share_from),
        share(margin.share_to),
        margin.policy,
        signed(&plain(&margin.gain)),
        signed(&usd(&margin.cost_usd)),
        signed(&plain(&margin.minutes)),
    )
}

/// A number with its interval.
fn plain(figure: &Figure) -> String {
    let Some(x) = figure.x else {
        return NONE.to_owned();
    };
    match figure.ci95 {
        None => format!("{x:.2}"),
        Some([low, high]) => format!("{x:.2} [{low:.2}, {high:.2}]"),
    }
}

/// Every figure as a row of raw numbers.
fn figures(plan: &Plan) -> Table {
    let mut table = Table::new(
        "figures",
        &[
            "<role",
            "<policy",
            "<kind",
            "value_usd",
            "<figure",
            "x",
            "low",
            "high",
            "<unit",
            "n",
            "<evidence",
        ],
    );
    let front = plan.front.iter().map(|it| ("front", it));
    for (role, policy) in chosen(plan).into_iter().chain(front) {
        let kind = match policy.kind {
            Kind::Fixed => "fixed",
            Kind::Rules => "rules",
            Kind::Learned => "learned",
        };
        let value = number(policy.value_usd);
        for (name, figure) in policy.figures() {
            table.row(row([role, &policy.name, kind, &value], name, figure));
        }
    }
    if let Some(difference) = &plan.difference {
        let of = ["difference", "routing less fixed", "", ""];
        table.row(row(of, difference.figure, &difference.difference));
    }
    for model in &plan.models {
        let of = ["model", &model.model, "", ""];
        table.row(row(of, "share", &model.share));
        if let Some(difference) = &model.difference {
            let of = ["model, with less without", &model.model, "", ""];
            table.row(row(of, difference.figure, &difference.difference));
        }
    }
    if let Some(margin) = &plan.next_percent {
        let of = ["next_percent", &margin.policy, "learned", ""];
        for (name, figure) in margin.figures() {
            table.row(row(of, name, figure));
        }
    }
    table
}

fn row(of: [&str; 4], name: &str, figure: &Figure) -> Vec<String> {
    let [low, high] = [0, 1].map(|end| number(figure.ci95.map(|ends| ends[end])));
    let mut cells = of.map(str::to_owned).to_vec();
    cells.extend([
        name.to_owned(),
        number(figure.x),
        low,
        high,
        figure.unit.to_owned(),
        figure.n.to_string(),
        figure.evidence.clone(),
    ]);
    cells
}

fn number(x: Option<f64>) -> String {
    x.map_or_else(String::new, |x| x.to_string())
}
