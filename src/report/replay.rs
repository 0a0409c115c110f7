//! A replay as a document.

use super::document::{Document, LINE_BREAK, Table};
use super::number::{
    NONE, count, money, percent, seconds, share, signed, two_lines, usd, usd_per_1000,
};
use crate::evaluate::{Comparison, Figure, HINDSIGHT, PolicyFigures, ReplayReport};

/// Lay a replay out. Wide tables drop nothing: the terminal wraps them.
#[must_use]
pub fn replay_document(report: &ReplayReport) -> Document {
    let mut document = Document::default();
    document.text(opening(report));
    document.table(policies(report));
    document.notes(evidence(report));
    for by in segment_families(report) {
        document.heading(format!("By {by}"));
        document.table(segments(report, by));
    }
    if !report.comparisons.is_empty() {
        document.heading("Paired comparisons, 95% intervals, Holm-corrected verdicts");
        document.table(comparisons(&report.comparisons));
    }
    if !report.warnings.is_empty() {
        document.heading("Note");
        document.notes(report.warnings.clone());
    }
    document.data(figures(report));
    document
}

/// Every figure as a row of raw numbers.
fn figures(report: &ReplayReport) -> Table {
    let mut table = Table::new(
        "figures",
        &[
            "<kind",
            "<name",
            "<by",
            "<segment",
            "<figure",
            "x",
            "low",
            "high",
            "<unit",
            "n",
            "<evidence",
        ],
    );
    let policies = report.policies.iter().map(|policy| ("policy", policy));
    for (kind, policy) in policies.chain(report.floors.iter().map(|floor| ("floor", floor))) {
        let of = [kind, policy.name.as_str(), "", ""];
        let requests = report.trace.requests;
        for (name, x) in [
            ("answered", policy.answered),
            ("unanswered", policy.unanswered),
            ("unobserved", policy.unobserved),
        ] {
            table.row(figure_row(
                of,
                name,
                &Figure::known(x, "requests", requests),
            ));
        }
        for (endpoint, &x) in &policy.share {
            table.row(figure_row(
                of,
                &format!("share {endpoint}"),
                &Figure::known(x, "share", requests),
            ));
        }
        policy
            .figures()
            .into_iter()
            .for_each(|(name, figure)| table.row(figure_row(of, name, figure)));
        for segment in &policy.segments {
            let of = [
                kind,
                policy.name.as_str(),
                segment.by,
                segment.segment.as_str(),
            ];
            segment
                .figures()
                .into_iter()
                .for_each(|(name, figure)| table.row(figure_row(of, name, figure)));
        }
    }
    for comparison in &report.comparisons {
        let of = [
            "comparison",
            comparison.a.as_str(),
            "against",
            comparison.b.as_str(),
        ];
        table.row(figure_row(of, comparison.figure, &comparison.difference));
    }
    table
}

fn figure_row(of: [&str; 4], name: &str, figure: &Figure) -> Vec<String> {
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    let [low, high] = [0, 1].map(|end| number(figure.ci95.map(|interval| interval[end])));
    let mut row = of.map(str::to_owned).to_vec();
    row.extend([
        name.to_owned(),
        number(figure.x),
        low,
        high,
        figure.unit.to_owned(),
        figure.n.to_string(),
        figure.evidence.clone(),
    ]);
    row
}

fn opening(report: &ReplayReport) -> String {
    let trace = &report.trace;
    let mut text = format!(
        "{} requests, {} outcomes",
        count(trace.requests as f64),
        count(trace.outcomes as f64)
    );
    if trace.synthetic.is_some() {
        text.push_str(" (synthetic)");
    }
    if trace.dropped_training_rows > 0 {
        text.push_str(&format!(
            "; {} left out, on which a router was trained",
            count(trace.dropped_training_rows as f64)
        ));
    }
    if let Some(trade) = report.trade {
        text.push_str(&format!(
            ". A right answer is worth ${}",
            money(trade.value_usd)
        ));
        if trade.wrong_usd > 0.0 {
            text.push_str(&format!(", a wrong one costs ${}", money(trade.wrong_usd)));
        }
        if trade.second_usd > 0.0 {
            text.push_str(&format!(
                ", a second of waiting ${}",
                money(trade.second_usd)
            ));
        }
    }
    text.push('.');
    text
}

fn policies(report: &ReplayReport) -> Table {
    let mut table = Table::new(
        "policies",
        &[
            "<policy",
            "<requests go to",
            "right",
            "USD / 1,000 requests",
            "USD / right answer",
            "net USD / 1,000",
            "p50",
            "p95",
        ],
    );
    for policy in &report.policies {
        table.row(policy_row(policy));
    }
    table.line();
    for floor in &report.floors {
        table.row(policy_row(floor));
    }
    table
}

fn policy_row(policy: &PolicyFigures) -> Vec<String> {
    let total = policy.answered + policy.unanswered + policy.unobserved;
    let mut shares: Vec<(&String, f64)> = policy
        .share
        .iter()
        .map(|(id, &share)| (id, share))
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut goes: Vec<String> = shares
        .iter()
        .take(3)
        .map(|(id, x)| format!("{} {}", share(*x), short(id)))
        .collect();
    if shares.len() > 3 {
        goes.push(format!("{} others", shares.len() - 3));
    }
    if policy.unanswered > 0.0 {
        goes.push(format!("{} unanswered", share(policy.unanswered / total)));
    }
    let name = if policy.name == HINDSIGHT {
        format!("{} (nobody can reach it)", policy.name)
    } else {
        policy.name.clone()
    };
    vec![
        name,
        goes.join(&LINE_BREAK.to_string()),
        two_lines(percent(&policy.success)),
        two_lines(usd_per_1000(&policy.cost_usd_per_request)),
        two_lines(usd(&policy.cost_usd_per_success)),
        two_lines(usd_per_1000(&policy.net_usd_per_request)),
        seconds(&policy.latency_ms_p50),
        seconds(&policy.latency_ms_p95),
    ]
}

/// An endpoint without the provider, where that is part of the id.
fn short(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(model, _)| model)
}

/// What the figures rest on: one line where all policies agree, else one for each way.
fn evidence(report: &ReplayReport) -> Vec<String> {
    let mut notes = Vec::new();
    type Pick = fn(&PolicyFigures) -> &Figure;
    let figures: [(&str, Pick); 4] = [
        ("right", |policy| &policy.success),
        ("cost", |policy| &policy.cost_usd_per_request),
        ("net", |policy| &policy.net_usd_per_request),
        ("latency", |policy| &policy.latency_ms_p50),
    ];
    for (name, pick) in figures {
        let mut ways: Vec<(String, Vec<&str>)> = Vec::new();
        for policy in report.policies.iter().chain(&report.floors) {
            let figure = pick(policy);
            let way = if figure.x.is_some() {
                figure.evidence.clone()
            } else {
                format!("unknown: {}", figure.why.as_deref().unwrap_or(""))
            };
            match ways.iter_mut().find(|(known, _)| *known == way) {
                Some((_, policies)) => policies.push(&policy.name),
                None => ways.push((way, vec![&policy.name])),
            }
        }
        if let [(way, _)] = &ways[..] {
            notes.push(format!("{name}: {way}"));
        } else {
            notes.extend(
                ways.iter()
                    .map(|(way, policies)| format!("{name}: {way} ({})", policies.join(", "))),
            );
        }
    }
    for policy in &report.policies {
        if let Some([low, high]) = policy.success_bounds
            && high > low
        {
            notes.push(format!(
                "{}: over all requests between {} and {} right, as the unobserved answers fall",
                policy.name,
                share(low),
                share(high)
            ));
        }
    }
    notes
}

fn segment_families(report: &ReplayReport) -> Vec<&'static str> {
    let mut families: Vec<&'static str> = Vec::new();
    for segment in report.policies.iter().flat_map(|policy| &policy.segments) {
        if !families.contains(&segment.by) {
            families.push(segment.by);
        }
    }
    families
}

fn segments(report: &ReplayReport, by: &str) -> Table {
    let mut table = Table::new(
        "segments",
        &[
            "<segment",
            "requests",
            "<policy",
            "right",
            "USD / 1,000 requests",
            "net USD / 1,000",
        ],
    );
    let Some(first) = report.policies.first() else {
        return table;
    };
    let names: Vec<&str> = first
        .segments
        .iter()
        .filter(|segment| segment.by == by)
        .map(|segment| segment.segment.as_str())
        .collect();
    for name in names {
        table.line();
        for policy in report
            .policies
            .iter()
            .chain(report.floors.iter().filter(|floor| floor.name == HINDSIGHT))
        {
            let Some(segment) = policy
                .segments
                .iter()
                .find(|segment| segment.by == by && segment.segment == name)
            else {
                continue;
            };
            table.row(vec![
                name.to_owned(),
                count(segment.requests as f64),
                policy.name.clone(),
                percent(&segment.success),
                usd_per_1000(&segment.cost_usd_per_request),
                usd_per_1000(&segment.net_usd_per_request),
            ]);
        }
    }
    table
}

/// How a figure is shown.
type Show = fn(&Figure) -> String;

/// A row a pair: the differences in net value, success and cost, each with its verdict.
pub(super) fn comparisons(comparisons: &[Comparison]) -> Table {
    let mut table = Table::new(
        "comparisons",
        &[
            "<policy",
            "<against",
            "net USD / 1,000",
            "<",
            "right",
            "<",
            "USD / 1,000",
            "<",
            "requests to tell",
        ],
    );
    let mut pairs: Vec<(&str, &str)> = comparisons
        .iter()
        .map(|comparison| (comparison.a.as_str(), comparison.b.as_str()))
        .collect();
    let mut seen = Vec::new();
    pairs.retain(|pair| {
        !seen.contains(pair) && {
            seen.push(*pair);
            true
        }
    });
    for (a, b) in pairs {
        let find = |figure: &str| {
            comparisons.iter().find(|comparison| {
                comparison.a == a && comparison.b == b && comparison.figure == figure
            })
        };
        let mut row = vec![a.to_owned(), b.to_owned()];
        let figures: [(&str, Show); 3] = [
            ("net_usd_per_request", usd_per_1000),
            ("success", percent),
            ("cost_usd_per_request", usd_per_1000),
        ];
        for (figure, show) in figures {
            let comparison = find(figure);
            row.push(comparison.map_or_else(
                || NONE.to_owned(),
                |comparison| two_lines(signed(&show(&comparison.difference))),
            ));
            row.push(
                comparison
                    .map_or("", |comparison| comparison.verdict.words())
                    .to_owned(),
            );
        }
        let headline = find("net_usd_per_request").or_else(|| find("success"));
        row.push(
            headline
                .and_then(|comparison| comparison.requests_to_tell)
                .map_or_else(|| NONE.to_owned(), |n| count(n as f64)),
        );
        table.row(row);
    }
    table
}
