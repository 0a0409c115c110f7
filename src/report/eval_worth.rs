//! What a router is worth, and which requests deserve the specialist, as a document.

use super::document::{Document, Table};
use super::number::{NONE, count, money, percent, share, signed, two_lines, usd, usd_per_1000};
use crate::evaluate::{
    Comparison, Figure, NetAtValue, NetVerdict, PolicyKind, PolicyNet, RouterEvaluation,
    SegmentReturn,
};

/// Lay out net values and segments.
#[must_use]
pub(super) fn worth_document(evaluation: &RouterEvaluation) -> Document {
    let mut document = Document::default();
    if let Some(net) = &evaluation.net {
        document.heading(format!("Net value at the file's trade: {}", trade(&net.at)));
        document.text(verdict(net));
        document.table(policies(net));
    }
    if !evaluation.values.is_empty() {
        document.heading("Net value in USD per 1,000 requests by the value of a right answer");
        document.table(values(&evaluation.values));
    }
    if !evaluation.segments.is_empty() {
        document.heading("Which requests deserve the specialist");
        let sentences = evaluation.segment_summaries.iter();
        document.notes(sentences.map(|held| held.sentence.clone()).collect());
        document.table(segments(&evaluation.segments));
    }
    document
}

fn trade(at: &NetAtValue) -> String {
    let trade = at.trade;
    let mut text = format!("{} USD a right answer", money(trade.value_usd));
    if trade.wrong_usd > 0.0 {
        text.push_str(&format!(", {} USD a wrong one", money(trade.wrong_usd)));
    }
    if trade.second_usd > 0.0 {
        text.push_str(&format!(", {} USD a second", money(trade.second_usd)));
    }
    text
}

fn verdict(net: &NetVerdict) -> String {
    let mut text = format!(
        "The router against the best simple policy, {}: {} ({} USD per 1,000 requests, {} requests).",
        net.best_simple,
        net.verdict.words(),
        signed(&usd_per_1000(&net.difference)),
        count(net.at.n as f64)
    );
    if let Some(cheaper) = &net.cheaper {
        text.push_str(&format!(
            " Cheaper and not clearly less often right: {}, {} USD per 1,000 requests, {} right.",
            cheaper.name,
            usd_per_1000(&cheaper.cost_usd_per_request),
            percent(&cheaper.success)
        ));
    }
    text
}

fn policies(net: &NetVerdict) -> Table {
    let mut table = Table::new(
        "net",
        &[
            "<policy",
            "net USD / 1,000",
            "right",
            "cost USD / 1,000",
            "the router gains / 1,000",
            "<verdict",
        ],
    );
    for policy in &net.at.policies {
        let compared = net.at.comparisons.iter().find(|held| held.b == policy.name);
        let compared = compared.filter(|_| policy.kind != PolicyKind::Fixed);
        table.row(vec![
            name(policy),
            two_lines(usd_per_1000(&policy.net_usd_per_request)),
            two_lines(percent(&policy.success)),
            two_lines(usd_per_1000(&policy.cost_usd_per_request)),
            compared.map_or_else(
                || NONE.to_owned(),
                |held| two_lines(signed(&usd_per_1000(&held.difference))),
            ),
            compared.map_or("", |held| held.verdict.words()).to_owned(),
        ]);
    }
    table
}

fn name(policy: &PolicyNet) -> String {
    match policy.kind {
        PolicyKind::BestSingle => format!("best single: {}", policy.name),
        PolicyKind::Hindsight => "hindsight (nobody can reach it)".to_owned(),
        _ => policy.name.clone(),
    }
}

fn values(values: &[NetAtValue]) -> Table {
    let mut table = Table::new(
        "values",
        &[
            "value of an answer",
            "the router",
            "mixture",
            "best single",
            "prompt length",
            "per-task table",
            "best rule",
            "hindsight",
            "<against best single",
            "<against best rule",
        ],
    );
    for at in values {
        let net = |kind: PolicyKind, place: usize| {
            let mut held = at.policies.iter().filter(|policy| policy.kind == kind);
            let found = held
                .nth(place)
                .and_then(|policy| policy.net_usd_per_request.x);
            found.map_or_else(|| NONE.to_owned(), |x| money(1000.0 * x))
        };
        let against = |kind: PolicyKind| {
            let policy = at.policies.iter().find(|policy| policy.kind == kind);
            let found = policy.and_then(|policy| comparison(at, &policy.name));
            found.map_or_else(
                || NONE.to_owned(),
                |held| {
                    let words = held.verdict.words();
                    format!("{} ({words})", signed(&short(&held.difference)))
                },
            )
        };
        table.row(vec![
            money(at.trade.value_usd),
            net(PolicyKind::Router, 0),
            net(PolicyKind::RandomMixture, 0),
            net(PolicyKind::BestSingle, 0),
            net(PolicyKind::Rule, 0),
            net(PolicyKind::Rule, 1),
            net(PolicyKind::BestRule, 0),
            net(PolicyKind::Hindsight, 0),
            against(PolicyKind::BestSingle),
            against(PolicyKind::BestRule),
        ]);
    }
    table
}

fn comparison<'a>(at: &'a NetAtValue, name: &str) -> Option<&'a Comparison> {
    at.comparisons.iter().find(|held| held.b == name)
}

/// An amount for a thousand requests, without its interval.
fn short(figure: &Figure) -> String {
    figure
        .x
        .map_or_else(|| NONE.to_owned(), |x| money(1000.0 * x))
}

fn segments(segments: &[SegmentReturn]) -> Table {
    let mut table = Table::new(
        "segments",
        &[
            "<by",
            "<segment",
            "of requests",
            "of the bill",
            "gain in right answers",
            "pays above USD",
            "minutes added",
            "to the specialist now",
            "<at the file's trade",
        ],
    );
    let mut last = "";
    for segment in segments {
        if !last.is_empty() && last != segment.by {
            table.line();
        }
        last = segment.by;
        let even = match segment.break_even_usd.x {
            None => "never".to_owned(),
            Some(even) if even <= 0.0 => "any value".to_owned(),
            Some(_) => usd(&segment.break_even_usd),
        };
        let sent = segment
            .sent
            .get(&segment.specialist)
            .copied()
            .unwrap_or(0.0);
        table.row(vec![
            segment.by.to_owned(),
            segment.segment.clone(),
            plain_share(&segment.share_of_requests),
            plain_share(&segment.share_of_bill),
            percent(&segment.gain),
            even,
            minutes(&segment.added_seconds),
            share(sent),
            segment.pays.words().to_owned(),
        ]);
    }
    table
}

fn plain_share(figure: &Figure) -> String {
    figure.x.map_or_else(|| NONE.to_owned(), share)
}

fn minutes(figure: &Figure) -> String {
    let minutes = figure.x.map(|seconds| format!("{:.1}", seconds / 60.0));
    minutes.unwrap_or_else(|| NONE.to_owned())
}
