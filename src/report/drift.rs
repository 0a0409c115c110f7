//! New traffic beside that of training, as a document.

use super::document::{Document, Table};
use super::eval::plain;
use super::number::{NONE, count, percent, share, signed, two_lines};
use crate::evaluate::{Alarm, AlarmKind, DriftReport, Figure, RateTest, Shift};

/// So many of the figures that moved furthest are shown; JSON has all.
const SHOWN: usize = 12;
/// So many alarms of one kind are spelled out.
const SPELLED: usize = 3;

/// Lay a comparison out: the verdict, what is beyond its limit, then the figures.
#[must_use]
pub fn drift_document(report: &DriftReport) -> Document {
    let mut document = Document::default();
    document.text(format!(
        "{}: {}. What to do: {}.",
        report.router,
        report.verdict.words(),
        report.advice
    ));
    document.notes(alarms(report));
    document.notes(compared(report));
    document.heading("What has moved most (population stability index against the training)");
    document.table(shifts(report));
    if !report.new_tasks.is_empty() {
        document.heading("Tasks that the training did not have");
        document.table(new_tasks(report));
    }
    if !report.rates.is_empty() {
        document.heading("Right answers: in training, here, and by the router's word");
        document.table(rates(report));
    }
    document.notes(report.warnings.clone());
    document.notes(vec![limits(report)]);
    document
}

/// The alarms; where many features have moved, the furthest and how many more.
fn alarms(report: &DriftReport) -> Vec<String> {
    let is_psi = |alarm: &&Alarm| alarm.kind == AlarmKind::Psi;
    let (psi, others): (Vec<&Alarm>, Vec<&Alarm>) = report.alarms.iter().partition(is_psi);
    let spelled = others.iter().chain(psi.iter().take(SPELLED));
    let mut notes: Vec<String> = spelled
        .map(|held| format!("alarm: {}", held.text))
        .collect();
    if psi.len() > SPELLED {
        let names = psi[SPELLED..]
            .iter()
            .take(SHOWN)
            .map(|held| held.of.as_str());
        let names: Vec<&str> = names.collect();
        let more = psi.len() - SPELLED - names.len();
        let rest = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        notes.push(format!("alarm: likewise {}{rest}", names.join(", ")));
    }
    notes
}

fn compared(report: &DriftReport) -> Vec<String> {
    let mut notes = vec![format!(
        "{} requests with {} different prompts, against {} of the {} rows of training; left out are {} that the router was trained on and {} without prompt",
        count(report.compared as f64),
        count(report.prompts as f64),
        count(report.reference_prompts as f64),
        count(report.training_rows as f64),
        count(report.trained_on as f64),
        count(report.without_prompt as f64)
    )];
    let told = |name: &str, figure: &Figure, shown: String| match &figure.why {
        Some(why) if figure.x.is_none() => format!("{name}: {why}"),
        _ => format!("{name}: {shown}"),
    };
    notes.push(told(
        "AUROC of a classifier that tells new prompts from those of training (.5: it cannot)",
        &report.separability,
        plain(&report.separability),
    ));
    notes.push(told(
        "requests of tasks that the training did not have",
        &report.new_task_share,
        percent(&report.new_task_share),
    ));
    notes
}

fn shifts(report: &DriftReport) -> Table {
    let titles = ["<figure", "<group", "bins", "PSI", "noise, 95%", "<state"];
    let mut table = Table::new("shifts", &titles);
    let always = |shift: &Shift| shift.of != "feature";
    let places = report.shifts.iter().enumerate();
    let shown = places.filter(|(at, shift)| *at < SHOWN || always(shift));
    for (_, shift) in shown {
        let number = |x: Option<f64>| x.map_or_else(|| NONE.to_owned(), |x| format!("{x:.3}"));
        table.row(vec![
            shift.name.clone(),
            shift.group.unwrap_or(shift.of).to_owned(),
            count(shift.bins as f64),
            number(shift.psi.x),
            number(shift.noise),
            match &shift.psi.why {
                Some(why) => format!("{}: {why}", shift.state.words()),
                None => shift.state.words().to_owned(),
            },
        ]);
    }
    table
}

fn new_tasks(report: &DriftReport) -> Table {
    let mut table = Table::new("new_tasks", &["<task", "requests", "share"]);
    for held in &report.new_tasks {
        table.row(vec![
            held.task.clone(),
            count(held.requests as f64),
            share(held.requests as f64 / report.compared as f64),
        ]);
    }
    table
}

fn rates(report: &DriftReport) -> Table {
    let titles = [
        "<model",
        "in training",
        "here",
        "by the router",
        "here less training",
        "<state",
        "here less router",
        "<state",
    ];
    let mut table = Table::new("rates", &titles);
    let state = |test: &RateTest| match &test.difference.why {
        Some(why) => format!("{}: {why}", test.state.words()),
        None => test.state.words().to_owned(),
    };
    for rate in &report.rates {
        table.row(vec![
            rate.model.clone(),
            two_lines(percent(&rate.trained)),
            two_lines(percent(&rate.observed)),
            two_lines(percent(&rate.predicted)),
            two_lines(signed(&percent(&rate.shift.difference))),
            state(&rate.shift),
            two_lines(signed(&percent(&rate.surprise.difference))),
            state(&rate.surprise),
        ]);
    }
    table
}

fn limits(report: &DriftReport) -> String {
    let limits = &report.limits;
    format!(
        "alarms: PSI above {} and above its noise (watched from {}); AUROC with its interval above {}; more than {} of requests of new tasks; a rate off by more than {} points with Holm's p below .05; nothing below {} prompts or outcomes",
        limits.psi_alarm,
        limits.psi_watch,
        limits.separability,
        share(limits.new_tasks),
        limits.rate * 100.0,
        limits.least
    )
}
