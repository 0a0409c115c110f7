//! The page of an evaluation: whether a trained router is worth having, and what it rests on.

use super::eval_charts as charts;
use super::lead::{Lead, Lean, Tile};
use super::markup::{name, text};
use super::output::{grid, list, tables};
use super::page::{Page, Reader};
use super::words;
use crate::evaluate::{NetVerdict, PolicyKind, RouterEvaluation, Verdict};
use crate::report::eval::evaluation_document;
use crate::report::number::{count, money};

/// An evaluation as a page; `command` is what made it.
#[must_use]
pub fn evaluation_page(evaluation: &RouterEvaluation, command: &str) -> String {
    let mut page = Page::new(
        "Is this router worth having?",
        "a trained router on requests that it never saw",
    );
    page.raw(&lead(evaluation).html());
    page.section(
        Reader::Manager,
        "What it is worth",
        "",
        &grid([charts::front(evaluation), charts::values(evaluation)]),
    );
    let sentences = evaluation.segment_summaries.iter();
    let sentences: Vec<String> = sentences.map(|held| held.sentence.clone()).collect();
    let segments = grid(charts::segments(evaluation));
    page.section(
        Reader::Manager,
        "Which requests deserve the specialist",
        "",
        &if segments.is_empty() {
            segments
        } else {
            format!("{}{segments}", list(&sentences))
        },
    );
    page.section(
        Reader::Architect,
        "Does it know, and do its numbers hold",
        "",
        &grid([
            charts::deferral(evaluation),
            charts::predicted_gain(evaluation),
            charts::reliability(evaluation),
        ]),
    );
    let document = evaluation_document(evaluation);
    page.section(
        Reader::Architect,
        "Every table",
        "As the command prints them.",
        &tables(&document, "Figures", &[]),
    );
    page.section(
        Reader::Everybody,
        "What to know before believing it",
        "",
        &list(&caveats(evaluation)),
    );
    page.finish(command)
}

fn lead(evaluation: &RouterEvaluation) -> Lead {
    let net = evaluation.net.as_ref();
    let (lean, verdict) = match net.map(|net| net.verdict) {
        Some(Verdict::Better) => (Lean::Yes, "Worth having"),
        Some(Verdict::Worse | Verdict::Same) => (Lean::No, "Not worth having"),
        Some(Verdict::CannotTell) => (Lean::No, "No clear gain"),
        None => (Lean::Open, "Cannot tell yet"),
    };
    Lead {
        lean,
        verdict,
        sentence: net.map_or_else(
            || {
                "The file names no worth of a right answer, so nothing says what the router earns."
                    .to_owned()
            },
            sentence,
        ),
        sure: net
            .and_then(|net| words::interval(&net.difference, words::signed_usd_1000))
            .map_or_else(String::new, |range| {
                format!("95% interval {} for 1,000 requests.", text(&range))
            }),
        of: String::new(),
        tiles: tiles(evaluation),
        rests: rests(evaluation),
        changes: changes(evaluation),
    }
}

fn sentence(net: &NetVerdict) -> String {
    let amount = |show: words::Show| {
        let shown = net.difference.x.map(show).unwrap_or_default();
        format!("<em>{}</em>", text(&shown))
    };
    let worth = format!(
        "At {} a right answer",
        words::usd_round(net.at.trade.value_usd)
    );
    let simple = ["best rule: ", "best single: "]
        .iter()
        .find_map(|kind| net.best_simple.strip_prefix(kind));
    let simple = format!(
        "<strong>{}</strong>",
        name(simple.unwrap_or(&net.best_simple))
    );
    match net.verdict {
        Verdict::Better => format!(
            "{worth} the router earns {} more for 1,000 requests than {simple}, the best of all that is simple.",
            amount(words::usd_1000)
        ),
        Verdict::Worse => format!(
            "{worth} ship {simple}: the router comes to {} for 1,000 requests against it.",
            amount(words::signed_usd_1000)
        ),
        Verdict::Same => format!("{worth} the router does what {simple} does."),
        Verdict::CannotTell => format!(
            "{worth} ship {simple}: the router comes to {} for 1,000 requests against it, which is no clear gain.",
            amount(words::signed_usd_1000)
        ),
    }
}

fn tiles(evaluation: &RouterEvaluation) -> Vec<Tile> {
    let net = evaluation.net.as_ref();
    let router = net.and_then(|net| net.at.policies.first());
    let tiles = [
        Tile::of(
            "Net over the best simple, 1,000",
            net.map(|net| &net.difference),
            words::signed_usd_1000,
        ),
        Tile::of(
            "Right answers",
            router.map(|it| &it.success),
            words::percent,
        ),
        Tile::of(
            "Cost, 1,000 requests",
            router.map(|it| &it.cost_usd_per_request),
            words::usd_1000,
        ),
        Tile::of(
            "Tells who gains (AUROC)",
            Some(&evaluation.ranking.auroc),
            words::plain,
        ),
    ];
    tiles.into_iter().flatten().collect()
}

fn rests(evaluation: &RouterEvaluation) -> Vec<String> {
    let mut items = vec![format!(
        "<b>{}</b> requests that the router never saw, of {} tasks.",
        count(evaluation.requests as f64),
        count(evaluation.tasks as f64)
    )];
    let left_out = [
        (evaluation.dropped_training_rows, "it may have learned from"),
        (evaluation.without_prompt, "have no prompt"),
        (evaluation.without_outcome, "lack an outcome of either role"),
    ];
    let left_out: Vec<String> = left_out
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, why)| format!("{} that {why}", count(n as f64)))
        .collect();
    if !left_out.is_empty() {
        items.push(format!("Left out: {}.", left_out.join(", ")));
    }
    if let (Some(driver), Some(specialist)) = (&evaluation.driver, &evaluation.specialist) {
        items.push(format!(
            "Driver {}, specialist {}; the specialist's right answers less the driver's: {}.",
            name(driver),
            name(specialist),
            text(&words::figure(&evaluation.gap, words::points))
        ));
    }
    if let Some(p) = evaluation.net.as_ref().and_then(|net| net.p_adjusted) {
        items.push(format!(
            "A paired comparison: p = {p:.3} after correction for all floors."
        ));
    }
    items
}

fn changes(evaluation: &RouterEvaluation) -> Vec<String> {
    let mut items = Vec::new();
    let better: Vec<f64> = evaluation
        .values
        .iter()
        .filter(|at| {
            let best = at
                .policies
                .iter()
                .find(|it| it.kind == PolicyKind::BestSingle);
            let held = best.and_then(|best| at.comparisons.iter().find(|it| it.b == best.name));
            held.is_some_and(|held| held.verdict == Verdict::Better)
        })
        .map(|at| at.trade.value_usd)
        .collect();
    let tried: Vec<f64> = evaluation
        .values
        .iter()
        .map(|at| at.trade.value_usd)
        .collect();
    if let ([first, ..], [low, .., high]) = (&tried[..], &tried[..]) {
        let tried = format!(
            "of {} values from ${} to ${}",
            tried.len(),
            money(*low),
            money(*high)
        );
        items.push(match better[..] {
            [] => format!("Not by the worth of an answer: {tried}, the router clearly beats the best single endpoint at none."),
            [only] => format!("Another worth of an answer: {tried}, it clearly beats the best single endpoint at ${} only.", money(only)),
            [from, .., to] if from == *first && to == *high => format!("Not by the worth of an answer: it clearly beats the best single endpoint at all {tried}."),
            [from, .., to] => format!("Another worth of an answer: {tried}, it clearly beats the best single endpoint from ${} to ${}.", money(from), money(to)),
        });
    }
    if let Some(cheaper) = evaluation.net.as_ref().and_then(|net| net.cheaper.as_ref()) {
        items.push(format!(
            "Cost above all: <strong>{}</strong> is cheaper ({} for 1,000) and not clearly less often right.",
            name(&cheaper.name),
            text(&words::figure(&cheaper.cost_usd_per_request, words::usd_1000))
        ));
    }
    items
}

fn caveats(evaluation: &RouterEvaluation) -> Vec<String> {
    let mut items = evaluation.warnings.clone();
    items.extend(
        evaluation
            .splits
            .iter()
            .flat_map(|splits| splits.warnings.clone()),
    );
    items.push(format!(
        "Intervals: 95%, {} bootstrap resamples of sessions or prompt groups, the same for the router and all that it is held against.",
        count(evaluation.replicates as f64)
    ));
    items
}
