//! The first thing on the page of a replay: what to do, by how much, resting on what, and what would
//! change it.

use super::markup::{name, text};
use super::words;
use crate::evaluate::{
    BreakEven, Comparison, DecisionVerdict, Figure, PolicyFigures, ReplayReport,
};
use crate::report::number::{count, money};

/// The decision as markup.
pub(super) fn decision(report: &ReplayReport) -> String {
    let parts = [
        ("It rests on", rests(report)),
        ("It would change", changes(report)),
    ];
    let parts = parts.iter().filter(|(_, items)| !items.is_empty());
    let parts: String = parts
        .map(|(title, items)| {
            let items: String = items
                .iter()
                .map(|item| format!("<li>{item}</li>"))
                .collect();
            format!(r#"<div><h2>{title}</h2><ul>{items}</ul></div>"#)
        })
        .collect();
    format!(
        r#"<section class="decision {}"><p class="verdict">{}</p><h1>{}</h1>{}<div class="because">{parts}</div></section>"#,
        class(report),
        verdict(report),
        sentence(report),
        tiles(report),
    )
}

fn class(report: &ReplayReport) -> &'static str {
    match report.decision.verdict {
        DecisionVerdict::Route => "yes",
        DecisionVerdict::DoNotRoute => "no",
        DecisionVerdict::CannotTell => "open",
    }
}

fn verdict(report: &ReplayReport) -> &'static str {
    match report.decision.verdict {
        DecisionVerdict::Route => "Route",
        DecisionVerdict::DoNotRoute => "Do not route",
        DecisionVerdict::CannotTell => "Cannot tell yet",
    }
}

/// One sentence with the numbers in it.
fn sentence(report: &ReplayReport) -> String {
    let decision = &report.decision;
    let ship = decision.ship.as_deref().map(bold).unwrap_or_default();
    let fixed = decision
        .fixed
        .as_deref()
        .map(fixed_name)
        .unwrap_or_default();
    let earns = |held: &Comparison| {
        let amount = held
            .difference
            .x
            .map(words::signed_usd_1000)
            .unwrap_or_default();
        let sure = words::interval(&held.difference, words::usd_1000)
            .map_or_else(String::new, |range| {
                format!(r#" <span class="sure">(95% interval {range})</span>"#)
            });
        (amount, sure)
    };
    match (decision.verdict, &decision.comparison) {
        (DecisionVerdict::Route, Some(held)) => {
            let (amount, sure) = earns(held);
            format!("Ship {ship}: it earns <em>{amount}</em> for 1,000 requests over {fixed}, the best fixed choice{sure}.")
        }
        (DecisionVerdict::DoNotRoute, Some(held)) => {
            let (amount, sure) = earns(held);
            let tell = held.requests_to_tell.map_or_else(String::new, |n| {
                format!(" Some {} such requests would tell a difference of that size.", count(n as f64))
            });
            format!("Keep everything on {fixed}. The best that routes, {}, comes to <em>{amount}</em> for 1,000 requests against it{sure}, which is no clear gain.{tell}", bold(&held.a))
        }
        (DecisionVerdict::DoNotRoute, None) => format!("Keep everything on {fixed}: nothing that was compared routes differently."),
        _ if report.trade.is_none() => "What a right answer is worth was not said, so cost and quality stand side by side and nobody wins yet.".to_owned(),
        _ => "What comes of the policies is not known on the same requests, so they cannot be weighed against each other.".to_owned(),
    }
}

fn bold(raw: &str) -> String {
    format!("<strong>{}</strong>", name(raw))
}

/// `best single: X` reads better as X alone.
fn fixed_name(raw: &str) -> String {
    bold(raw.strip_prefix("best single: ").unwrap_or(raw))
}

/// Four figures of the policy in question beside the fixed choice.
fn tiles(report: &ReplayReport) -> String {
    let decision = &report.decision;
    let find = |name: &Option<String>| {
        let all = || report.policies.iter().chain(&report.floors);
        name.as_ref()
            .and_then(|name| all().find(|it| it.name == *name))
    };
    let Some((routing, fixed)) = find(&decision.routing).zip(find(&decision.fixed)) else {
        return String::new();
    };
    let difference = |figure: &str| {
        let of =
            |it: &&Comparison| it.figure == figure && it.a == routing.name && it.b == fixed.name;
        report
            .comparisons
            .iter()
            .find(of)
            .map(|held| &held.difference)
    };
    let mut tiles = String::new();
    let mut tile = |label: &str, shown: Option<String>, beneath: String| {
        if let Some(shown) = shown {
            let (label, shown, beneath) = (text(label), text(&shown), text(&beneath));
            tiles.push_str(&format!(
                "<li><span>{label}</span><b>{shown}</b><small>{beneath}</small></li>"
            ));
        }
    };
    let shown =
        |figure: Option<&Figure>, show: fn(f64) -> String| figure.and_then(|it| it.x).map(show);
    let range = |figure: Option<&Figure>, show: fn(f64) -> String| {
        figure
            .and_then(|it| words::interval(it, show))
            .unwrap_or_default()
    };
    let net = difference("net_usd_per_request");
    tile(
        "Net value, 1,000 requests",
        shown(net, words::signed_usd_1000),
        range(net, words::usd_1000),
    );
    let right = difference("success");
    tile(
        "Right answers",
        shown(right, words::points),
        range(right, words::points),
    );
    let cost = difference("cost_usd_per_request");
    tile(
        "Cost, 1,000 requests",
        shown(cost, words::signed_usd_1000),
        range(cost, words::usd_1000),
    );
    let wait = |of: fn(&PolicyFigures) -> &Figure, policy| of(policy).x.map(words::seconds_of_ms);
    let from = wait(|it| &it.latency_ms_p95, fixed)
        .map_or_else(String::new, |wait| format!("fixed choice {wait}"));
    tile(
        "Slowest twentieth waits",
        wait(|it| &it.latency_ms_p95, routing),
        from,
    );
    let who = if decision.ship.as_ref() == Some(&routing.name) {
        String::new()
    } else {
        format!(
            r#"<p class="of">The best that routes, {}, against the fixed choice:</p>"#,
            name(&routing.name)
        )
    };
    format!(r#"{who}<ul class="tiles">{tiles}</ul>"#)
}

fn rests(report: &ReplayReport) -> Vec<String> {
    let trace = &report.trace;
    let mut items = vec![format!(
        "<b>{}</b> recorded requests{}{}.",
        count(trace.requests as f64),
        match trace.dropped_training_rows {
            0 => String::new(),
            n => format!(
                "; {} more were left out, since a router was trained on them",
                count(n as f64)
            ),
        },
        if trace.compared < trace.requests {
            format!(
                "; all outcomes are known on {}",
                count(trace.compared as f64)
            )
        } else {
            String::new()
        },
    )];
    if trace.synthetic.is_some() {
        items.push("<b>Synthetic traffic:</b> nothing in this trace was recorded.".to_owned());
    }
    if let Some(trade) = report.trade {
        let mut item = format!("A right answer worth <b>${}</b>", money(trade.value_usd));
        if trade.wrong_usd > 0.0 {
            item.push_str(&format!(
                ", a wrong one costing ${}",
                money(trade.wrong_usd)
            ));
        }
        if trade.second_usd > 0.0 {
            item.push_str(&format!(
                ", a second of waiting ${}",
                money(trade.second_usd)
            ));
        }
        items.push(item + ".");
    }
    if let Some(held) = &report.decision.comparison {
        let p = held.p_adjusted.map_or_else(String::new, |p| {
            let p = if p < 0.001 {
                "p below 0.001".to_owned()
            } else {
                format!("p = {p:.3}")
            };
            format!(": {p} after correction for all comparisons")
        });
        items.push(format!("A paired comparison on the same requests{p}."));
    }
    items
}

fn changes(report: &ReplayReport) -> Vec<String> {
    let decision = &report.decision;
    let mut items = Vec::new();
    let pair = decision.routing.as_ref().zip(decision.fixed.as_ref());
    let pair = pair.and_then(|(a, b)| {
        report
            .break_evens
            .iter()
            .find(|it| it.a == *a && it.b == *b)
    });
    items.extend(pair.map(break_even));
    if pair.is_none() {
        items.extend(
            report
                .break_evens
                .iter()
                .filter(|it| it.better_above.is_some())
                .take(4)
                .map(break_even),
        );
    }
    if let Some(second) = &decision.runner_up {
        items.push(match second.verdict {
            crate::evaluate::Verdict::CannotTell => format!(
                "for {}, if it is simpler to run: the two cannot be told apart ({} for 1,000 requests).",
                bold(&second.a),
                words::figure(&second.difference, words::signed_usd_1000)
            ),
            _ => format!(
                "not for {}, which is second ({} for 1,000 requests).",
                bold(&second.a),
                words::figure(&second.difference, words::signed_usd_1000)
            ),
        });
    }
    if report.trade.is_none() {
        items.push(
            "once it is said what a right answer is worth: <code>--value USD</code>.".to_owned(),
        );
    }
    items
}

/// Where two policies meet, in words.
fn break_even(met: &BreakEven) -> String {
    let above = met.better_above.as_deref();
    match (met.value_usd.x, above) {
        (Some(x), Some(above)) => {
            let below = if above == met.a { &met.b } else { &met.a };
            let range = words::interval(&met.value_usd, words::usd)
                .or(met.value_usd.why.clone())
                .map_or_else(String::new, |range| format!(" ({})", text(&range)));
            format!(
                "at <b>{}</b> a right answer{range}: below it {} earns more, above it {}.",
                words::usd(x),
                fixed_name(below),
                fixed_name(above)
            )
        }
        (None, Some(above)) => format!(
            "at no worth of a right answer: {} earns more at any.",
            fixed_name(above)
        ),
        _ => format!(
            "at no worth of a right answer that is known: {}.",
            text(
                met.value_usd
                    .why
                    .as_deref()
                    .unwrap_or("the two are the same")
            )
        ),
    }
}
