//! The first thing on the page of a replay: what to do, by how much, resting on what, and what would
//! change it.

use super::lead::{Lead, Lean, Tile};
use super::markup::{name, text};
use super::words;
use crate::evaluate::{BreakEven, Comparison, DecisionVerdict, ReplayReport, Verdict};
use crate::report::number::{count, money};

/// The decision of a replay.
pub(super) fn decision(report: &ReplayReport) -> Lead {
    let (lean, verdict) = match report.decision.verdict {
        DecisionVerdict::Route => (Lean::Yes, "Route"),
        DecisionVerdict::DoNotRoute => (Lean::No, "Do not route"),
        DecisionVerdict::CannotTell => (Lean::Open, "Cannot tell yet"),
    };
    let (of, tiles) = tiles(report);
    Lead {
        lean,
        verdict,
        sentence: sentence(report),
        sure: sure(report),
        of,
        tiles,
        rests: rests(report),
        changes: changes(report),
    }
}

/// One sentence with the numbers in it.
fn sentence(report: &ReplayReport) -> String {
    let decision = &report.decision;
    let [ship, fixed] = [&decision.ship, &decision.fixed]
        .map(|it| it.as_deref().map(fixed_name).unwrap_or_default());
    let by = |show: words::Show| {
        let held = decision.comparison.as_ref();
        let amount = held.and_then(|held| held.difference.x).map(show);
        format!("<em>{}</em>", text(&amount.unwrap_or_default()))
    };
    match (decision.verdict, &decision.comparison) {
        (DecisionVerdict::Route, _) => format!(
            "Ship {ship}: for 1,000 requests it earns {} more than {fixed}, the best fixed choice.",
            by(words::usd_1000)
        ),
        (DecisionVerdict::DoNotRoute, Some(held)) => format!(
            "Keep everything on {fixed}: the best of the others, {}, comes to {} for 1,000 requests against it, which is {}.",
            bold(&held.a),
            by(words::signed_usd_1000),
            if loses(held) { "a loss" } else { "no clear gain" }
        ),
        (DecisionVerdict::DoNotRoute, None) => {
            format!("Keep everything on {fixed}: nothing that was compared does otherwise.")
        }
        _ if report.trade.is_none() => "Nobody wins yet: what a right answer is worth was not said, so cost and quality stand side by side.".to_owned(),
        _ => "Nobody wins yet: what comes of the policies is not known on the same requests.".to_owned(),
    }
}

/// The interval of the sentence's number, and what would tell where it holds zero.
fn sure(report: &ReplayReport) -> String {
    let decision = &report.decision;
    let Some(held) = &decision.comparison else {
        return String::new();
    };
    let mut sure = match words::interval(&held.difference, words::signed_usd_1000) {
        Some(range) => format!("95% interval {}.", text(&range)),
        None => "No interval: the replay was not resampled.".to_owned(),
    };
    let above = held.difference.ci95.is_some_and(|[low, _]| low > 0.0);
    if decision.verdict == DecisionVerdict::DoNotRoute && above {
        sure.push_str(" By itself it is above zero; among so many comparisons that may be luck.");
    }
    let open = decision.verdict == DecisionVerdict::DoNotRoute && !loses(held);
    if let Some(n) = held.requests_to_tell.filter(|_| open) {
        sure.push_str(&format!(
            " About {} such requests would tell a difference of that size.",
            count(n as f64)
        ));
    }
    sure
}

/// Whether it is less by its whole interval: nothing is left to tell.
fn loses(held: &Comparison) -> bool {
    held.difference.ci95.is_some_and(|[_, high]| high < 0.0)
}

fn bold(raw: &str) -> String {
    format!("<strong>{}</strong>", name(raw))
}

/// `best single: X` reads better as X alone.
fn fixed_name(raw: &str) -> String {
    bold(raw.strip_prefix("best single: ").unwrap_or(raw))
}

/// Four figures of the policy in question beside the fixed choice, and of what they are.
fn tiles(report: &ReplayReport) -> (String, Vec<Tile>) {
    let decision = &report.decision;
    let find = |name: &Option<String>| {
        let mut all = report.policies.iter().chain(&report.floors);
        all.find(|it| Some(&it.name) == name.as_ref())
    };
    let Some((routing, fixed)) = find(&decision.routing).zip(find(&decision.fixed)) else {
        return (String::new(), Vec::new());
    };
    let difference = |figure: &str| {
        let mut all = report.comparisons.iter();
        let found =
            all.find(|it| it.figure == figure && it.a == routing.name && it.b == fixed.name);
        found.map(|held| &held.difference)
    };
    let before = fixed.latency_ms_p95.x.map(words::seconds_of_ms);
    let before = before.map_or_else(String::new, |wait| format!("{wait} with the fixed choice"));
    let tiles = [
        Tile::of(
            "Net value, 1,000 requests",
            difference("net_usd_per_request"),
            words::signed_usd_1000,
        ),
        Tile::of("Right answers", difference("success"), words::points),
        Tile::of(
            "Cost, 1,000 requests",
            difference("cost_usd_per_request"),
            words::signed_usd_1000,
        ),
        Tile::beside(
            "One in twenty waits more than",
            &routing.latency_ms_p95,
            words::seconds_of_ms,
            before,
        ),
    ];
    let of = if decision.ship.as_ref() == Some(&routing.name) {
        String::new()
    } else {
        format!(
            "The best of the others, {}, against the fixed choice:",
            name(&routing.name)
        )
    };
    (of, tiles.into_iter().flatten().collect())
}

fn rests(report: &ReplayReport) -> Vec<String> {
    let trace = &report.trace;
    let mut items = vec![format!(
        "<b>{}</b> recorded {}{}{}.",
        count(trace.requests as f64),
        if trace.requests == 1 {
            "request"
        } else {
            "requests"
        },
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
        let mut item = format!(
            "A right answer worth <b>{}</b>",
            words::usd_round(trade.value_usd)
        );
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
    let mut met = report.break_evens.iter();
    match pair.and_then(|(a, b)| met.find(|it| it.a == *a && it.b == *b)) {
        Some(met) => items.push(break_even(met)),
        None => {
            let known = report
                .break_evens
                .iter()
                .filter(|it| it.better_above.is_some());
            items.extend(known.take(MOST).map(break_even));
        }
    }
    if let Some(second) = &decision.runner_up {
        let behind = text(&words::figure(&second.difference, words::signed_usd_1000));
        items.push(match second.verdict {
            Verdict::CannotTell => format!(
                "Ease of running: {} cannot be told from it ({behind} for 1,000 requests).",
                bold(&second.a)
            ),
            _ => format!(
                "Not {}: it too beats the fixed choice, but by less ({behind} for 1,000 requests).",
                bold(&second.a)
            ),
        });
    }
    if report.trade.is_none() {
        items.push("What a right answer is worth: <code>--value USD</code>.".to_owned());
    }
    items
}

/// No more break-evens than that where no pair stands out.
const MOST: usize = 4;

/// Where two policies meet, in words.
fn break_even(met: &BreakEven) -> String {
    let reason = || text(met.value_usd.why.as_deref().unwrap_or(""));
    let Some(above) = met.better_above.as_deref() else {
        return format!("No worth of a right answer that is known: {}.", reason());
    };
    let below = fixed_name(if above == met.a { &met.b } else { &met.a });
    let above = fixed_name(above);
    let Some(x) = met.value_usd.x else {
        return format!("No worth of a right answer: {above} earns more at any.");
    };
    let range =
        words::interval(&met.value_usd, words::usd).map(|range| format!("95%: {}", text(&range)));
    let range = range.or(met.value_usd.why.is_some().then(reason));
    let range = range.map_or_else(String::new, |range| format!(" ({range})"));
    format!(
        "The worth of a right answer: below <b>{}</b>{range} {below} earns more, above it {above}.",
        words::usd(x)
    )
}
