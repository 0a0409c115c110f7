//! Claims and their verdicts as a document.

use super::document::{Document, LINE_BREAK, Table};
use super::number::{NONE, count, money};
use crate::evaluate::Figure;
use crate::whatif::{ClaimResult, ClaimVerdict, ClaimsReport, Found, ReadingResult, Source};

/// Lay claims out.
#[must_use]
pub fn claims_document(report: &ClaimsReport) -> Document {
    let mut document = Document::default();
    document.text(format!("{}. {}", report.title, opening(report)));
    document.notes(traces(report));
    for claim in &report.claims {
        document.heading(claim.name.clone());
        document.text(format!(
            "“{}” ({}). {}",
            claim.statement,
            claim.source,
            summary(claim)
        ));
        let mut table = Table::new(
            &claim.name,
            &["<reading", "<claimed", "<found", "<verdict", "<assumes"],
        );
        for reading in &claim.readings {
            table.row(vec![
                format!("{}{LINE_BREAK}`{}`", reading.reading, reading.check),
                claimed(reading),
                found(reading),
                verdict(reading),
                reading.assumes.clone().unwrap_or_else(|| NONE.to_owned()),
            ]);
        }
        document.table(table);
    }
    if !report.facts.is_empty() {
        document.heading("The facts and who says so");
        document.table(facts(&report.facts));
    }
    document.data(figures(report));
    document
}

fn opening(report: &ClaimsReport) -> String {
    let readings: usize = report.claims.iter().map(|claim| claim.readings.len()).sum();
    format!(
        "{} statements in {readings} readings. A reading holds where the whole 95% interval lies within what is claimed, fails where none of it does, and cannot be told otherwise; published figures without a sample have no interval.",
        report.claims.len()
    )
}

fn traces(report: &ClaimsReport) -> Vec<String> {
    let note = |trace: &crate::whatif::GroundResult| {
        let brought = match (trace.requests, trace.dropped_training_rows) {
            (None, _) => "not given".to_owned(),
            (Some(n), 0) => format!("{} requests", count(n as f64)),
            (Some(n), dropped) => format!(
                "{} requests, {} left out on which a router may have been trained",
                count(n as f64),
                count(dropped as f64)
            ),
        };
        format!("trace {}: {}; {brought}", trace.name, trace.what)
    };
    report.traces.iter().map(note).collect()
}

/// How many of the readings come to what.
fn summary(claim: &ClaimResult) -> String {
    let all = [
        (ClaimVerdict::Holds, "holds"),
        (ClaimVerdict::Partly, "holds partly"),
        (ClaimVerdict::Fails, "fails"),
        (ClaimVerdict::CannotTell, "cannot be told"),
        (ClaimVerdict::NotTestable, "cannot be tested here"),
    ];
    let of = |verdict: ClaimVerdict| {
        let readings = claim.readings.iter();
        readings.filter(|it| it.verdict == verdict).count()
    };
    let parts: Vec<String> = all
        .iter()
        .filter(|(verdict, _)| of(*verdict) > 0)
        .map(|(verdict, words)| format!("{words} in {}", of(*verdict)))
        .collect();
    let readings = match claim.readings.len() {
        1 => "1 reading".to_owned(),
        n => format!("{n} readings"),
    };
    format!("Of {readings} it {}.", parts.join(", "))
}

fn verdict(reading: &ReadingResult) -> String {
    let words = reading.verdict.words();
    if reading.verdict != ClaimVerdict::Partly {
        return words.to_owned();
    }
    let all = reading.found.iter();
    let holds = all.filter(|it| it.verdict == ClaimVerdict::Holds).count();
    format!("{words}: {holds} of {}", reading.found.len())
}

fn claimed(reading: &ReadingResult) -> String {
    let unit = reading.found.first().map_or("", |it| it.figure.unit);
    match (reading.at_least, reading.at_most) {
        (Some(low), Some(high)) => format!("{} to {}", bare(low, unit), with_unit(high, unit)),
        (Some(low), None) => format!("at least {}", with_unit(low, unit)),
        (None, Some(high)) => format!("at most {}", with_unit(high, unit)),
        (None, None) => NONE.to_owned(),
    }
}

fn found(reading: &ReadingResult) -> String {
    let lines: Vec<String> = reading.found.iter().map(line).collect();
    lines.join(&LINE_BREAK.to_string())
}

fn line(found: &Found) -> String {
    let of = found
        .of
        .as_ref()
        .map_or_else(String::new, |of| format!("{of}: "));
    let to_tell = found.n_to_tell.map_or_else(String::new, |n| {
        format!("; {} would tell", count(rounded(n as f64)))
    });
    // In a list each value has its own verdict.
    let verdict = match &found.of {
        Some(_) if found.figure.x.is_some() => format!(", {}", found.verdict.words()),
        _ => String::new(),
    };
    format!("{of}{}{verdict}{to_tell}", shown(&found.figure))
}

fn shown(figure: &Figure) -> String {
    let unit = figure.unit;
    match (figure.x, figure.ci95) {
        (None, _) => figure.why.clone().unwrap_or_default(),
        (Some(x), None) => with_unit(x, unit),
        (Some(x), Some([low, high])) => format!(
            "{} [{}, {}], n {}",
            with_unit(x, unit),
            bare(low, unit),
            bare(high, unit),
            count(figure.n as f64)
        ),
    }
}

/// A number as its unit is read, without the unit.
fn bare(x: f64, unit: &str) -> String {
    match unit {
        "share" => trimmed(x * 100.0, 1),
        "USD" => money(x),
        "tokens" | "problems" | "requests" => count(x),
        _ => significant(x, 3),
    }
}

fn with_unit(x: f64, unit: &str) -> String {
    let bare = bare(x, unit);
    match unit {
        "share" => format!("{bare}%"),
        "times" => format!("{bare} times"),
        "USD" if x < 0.0 => format!("-${}", bare.trim_start_matches('-')),
        "USD" => format!("${bare}"),
        _ => format!("{bare} {unit}"),
    }
}

/// So many places, without zeros at the end.
fn trimmed(x: f64, places: usize) -> String {
    let text = format!("{x:.places$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// To two digits: a sample size that rests on resamples is no more exact.
fn rounded(n: f64) -> f64 {
    let unit = 10_f64.powi((n.max(1.0).log10().floor() as i32 - 1).max(0));
    (n / unit).round() * unit
}

fn facts(facts: &[Source]) -> Table {
    let mut table = Table::new("facts", &["<fact", "<what", "<values", "<source"]);
    for fact in facts {
        let value = |x: &Option<f64>| x.map_or_else(|| NONE.to_owned(), |x| significant(x, 4));
        let values: Vec<String> = fact.values.iter().map(value).collect();
        table.row(vec![
            fact.name.clone(),
            fact.what.clone().unwrap_or_default(),
            values.join(", "),
            fact.source.clone(),
        ]);
    }
    table
}

/// So many significant digits, and all before the point.
fn significant(x: f64, digits: i32) -> String {
    let magnitude = if x == 0.0 {
        0
    } else {
        x.abs().log10().floor() as i32
    };
    trimmed(x, (digits - 1 - magnitude).clamp(0, 9) as usize)
}

/// Every value as a row of raw numbers.
fn figures(report: &ClaimsReport) -> Table {
    let titles = [
        "<claim",
        "<reading",
        "<of",
        "at_least",
        "at_most",
        "x",
        "low",
        "high",
        "<unit",
        "n",
        "<verdict",
        "n_to_tell",
    ];
    let mut table = Table::new("figures", &titles);
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    for claim in &report.claims {
        for reading in &claim.readings {
            for found in &reading.found {
                let figure = &found.figure;
                let [low, high] = [0, 1].map(|end| number(figure.ci95.map(|ends| ends[end])));
                table.row(vec![
                    claim.name.clone(),
                    reading.reading.clone(),
                    found.of.clone().unwrap_or_default(),
                    number(reading.at_least),
                    number(reading.at_most),
                    number(figure.x),
                    low,
                    high,
                    figure.unit.to_owned(),
                    figure.n.to_string(),
                    found.verdict.words().to_owned(),
                    found.n_to_tell.map_or_else(String::new, |n| n.to_string()),
                ]);
            }
        }
    }
    table
}
