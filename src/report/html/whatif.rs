//! The page of a what-if: whether other circumstances change what to ship, and by how much.

use super::lead::{Lead, Lean, Tile};
use super::markup::{name, text};
use super::output::{grid, list, tables};
use super::page::{Page, Reader};
use super::whatif_answers as answers;
use super::whatif_charts as charts;
use super::{sliders, whatif_range as range, words};
use crate::evaluate::{Figure, ReplaySums};
use crate::report::number::count;
use crate::report::whatif::{remarks, settings, whatif_document};
use crate::report::whatif_questions::decision;
use crate::whatif::{Point, WhatIf};

/// A what-if as a page; `sums` are those of the shipped files, for its sliders, and `command` is what
/// made it.
#[must_use]
pub fn whatif_page(result: &WhatIf, sums: Option<&ReplaySums>, command: &str) -> String {
    let mut page = Page::new("What if", "policies under other circumstances");
    page.raw(&lead(result).html());
    if let [point] = &result.points[..] {
        page.section(
            Reader::Everybody,
            "Under these circumstances",
            "Frozen: the shipped files decide as they did. Re-decided: the policies are compiled for the new circumstances.",
            &grid([charts::front(result, point), charts::change(point), charts::retuning(point)]),
        );
    }
    page.section(
        Reader::Everybody,
        "Break-evens",
        "Where an equation of figures holds, with 95% intervals.",
        &list(&answers::break_evens(result)),
    );
    page.section(
        Reader::Everybody,
        "What the decision hangs on",
        "",
        &result
            .tornado
            .as_ref()
            .map_or_else(String::new, |it| grid(answers::tornado(it))),
    );
    page.section(
        Reader::Everybody,
        "The volume from which a second model pays",
        "",
        &result
            .tco
            .as_ref()
            .map_or_else(String::new, answers::volumes),
    );
    let sweeps = charts::sweeps(result);
    page.section(
        Reader::Everybody,
        "Through the range",
        "Each policy against the first one of the call, in the same world.",
        &grid(sweeps),
    );
    page.section(
        Reader::Everybody,
        "Which policy earns most",
        "At each combination, the policies compiled for it.",
        &charts::winners(result),
    );
    if let Some(sums) = sums {
        page.raw(&sliders::of_whatif(result, sums, command));
    }
    page.section(
        Reader::Everybody,
        "Every table",
        "As the command prints them.",
        &tables(&whatif_document(result), "The worlds", &[]),
    );
    page.section(
        Reader::Everybody,
        "What to know before believing it",
        "",
        &list(&caveats(result)),
    );
    page.finish(command)
}

fn lead(result: &WhatIf) -> Lead {
    let point = match &result.points[..] {
        [point] => point,
        _ => &result.base,
    };
    let stays = result
        .points
        .iter()
        .all(|it| it.best.redecided == result.base.best.redecided);
    let along = range::told(result);
    let (lean, verdict) = match (&result.base.best.redecided, &result.points[..]) {
        (None, _) if along.as_ref().is_some_and(|told| told.changes) => (Lean::Open, "It depends"),
        (None, _) if along.is_some() => (Lean::Yes, "One policy throughout"),
        (None, _) => (Lean::Open, "Cannot tell yet"),
        (_, []) => (Lean::Open, "As it is"),
        _ if stays => (Lean::Yes, "The decision stands"),
        _ => (Lean::No, "The decision changes"),
    };
    Lead {
        lean,
        verdict,
        sure: along.as_ref().map_or_else(String::new, range::Told::sure),
        sentence: along.map_or_else(|| sentence(result), |told| told.sentence),
        of: tiles_of(point),
        tiles: tiles(point),
        rests: rests(result),
        changes: changes(result),
    }
}

fn bold(raw: &str) -> String {
    format!("<strong>{}</strong>", name(raw))
}

fn sentence(result: &WhatIf) -> String {
    let Some(now) = &result.base.best.redecided else {
        return "Nothing says what an answer is worth, so only costs and right answers can be compared.".to_owned();
    };
    let now = bold(now);
    match &result.points[..] {
        [] => format!("As it is, {now} earns most{}.", answers::first(result)),
        [point] => {
            let what = text(&settings(&point.settings));
            match &point.best.redecided {
                Some(best) if Some(best) == result.base.best.redecided.as_ref() => {
                    format!("With {what}, {now} still earns most.")
                }
                Some(best) => format!(
                    "With {what}, {} earns most; as it is, {now} does.",
                    bold(best)
                ),
                None => format!("With {what} nothing is known of what policies earn."),
            }
        }
        points => {
            let same = points
                .iter()
                .filter(|it| it.best.redecided == result.base.best.redecided);
            format!(
                "{now} earns most as it is, and in <em>{} of {}</em> worlds of the range.",
                count(same.count() as f64),
                count(points.len() as f64)
            )
        }
    }
}

/// The re-decided best of a world, and what tiles show of it.
fn tiles_of(point: &Point) -> String {
    let best = point.best.redecided.as_deref();
    best.map_or_else(String::new, |best| {
        format!("{}, compiled for these circumstances:", name(best))
    })
}

fn tiles(point: &Point) -> Vec<Tile> {
    let best = point.best.redecided.as_deref();
    let Some(policy) = best.and_then(|best| point.redecided.policy(best)) else {
        return Vec::new();
    };
    let tiles = [
        Tile::of(
            "Net value, 1,000 requests",
            Some(&policy.net_usd_per_request),
            words::usd_1000,
        ),
        Tile::of("Right answers", Some(&policy.success), words::percent),
        Tile::of(
            "Cost, 1,000 requests",
            Some(&policy.cost_usd_per_request),
            words::usd_1000,
        ),
        Tile::of(
            "Net value a month",
            Some(&policy.net_usd_per_month),
            words::usd,
        ),
    ];
    tiles.into_iter().flatten().collect()
}

fn rests(result: &WhatIf) -> Vec<String> {
    let mut items = vec![format!(
        "<b>{}</b> recorded requests.",
        count(result.trace.requests as f64)
    )];
    if result.trace.synthetic.is_some() {
        items.push("<b>Synthetic traffic:</b> nothing in this trace was recorded.".to_owned());
    }
    if let Some(trade) = result.trade {
        items.push(format!(
            "As it is, a right answer worth <b>{}</b>.",
            words::usd_round(trade.value_usd)
        ));
    }
    let assumptions = result.points.iter().flat_map(|it| &it.frozen.assumptions);
    let mut seen: Vec<&String> = Vec::new();
    for assumption in assumptions {
        if !seen.contains(&assumption) && seen.len() < 4 {
            seen.push(assumption);
            items.push(format!("Assumed: {}.", text(assumption)));
        }
    }
    items
}

/// The figures of one policy's difference, in words.
fn told(figure: &Figure) -> String {
    text(&words::figure(figure, words::signed_usd_1000))
}

fn changes(result: &WhatIf) -> Vec<String> {
    // Along a range the sentence says it.
    let mut items = match range::told(result) {
        Some(_) => Vec::new(),
        None => worlds(result),
    };
    items.extend(
        result
            .tornado
            .iter()
            .map(|it| text(&decision(&it.redecided))),
    );
    let met = answers::break_evens(result);
    items.extend(met.iter().take(MOST_MET).map(|it| text(it)));
    items
}

/// Break-evens beside the decision; the others follow below.
const MOST_MET: usize = 3;

/// What other worlds change.
fn worlds(result: &WhatIf) -> Vec<String> {
    let [point] = &result.points[..] else {
        let mut others: Vec<(&str, usize)> = Vec::new();
        for best in result
            .points
            .iter()
            .filter_map(|it| it.best.redecided.as_deref())
        {
            match others.iter_mut().find(|(name, _)| *name == best) {
                Some((_, count)) => *count += 1,
                None => others.push((best, 1)),
            }
        }
        let now = result.base.best.redecided.as_deref();
        others.retain(|(name, _)| Some(*name) != now);
        let in_words = |(best, n): (&str, usize)| {
            format!(
                "{} earns most in {} of the worlds.",
                bold(best),
                count(n as f64)
            )
        };
        return others.into_iter().map(in_words).collect();
    };
    let best = point.best.redecided.as_deref();
    let retuning = point
        .retuning
        .iter()
        .find(|it| Some(it.policy.as_str()) == best);
    let frozen = point
        .change
        .iter()
        .find(|it| Some(it.policy.as_str()) == best);
    let mut items = Vec::new();
    items.extend(frozen.map(|it| {
        format!(
            "The circumstances alone: {} for 1,000 requests of {} as shipped.",
            told(&it.net_usd_per_request),
            bold(&it.policy)
        )
    }));
    items.extend(retuning.map(|it| {
        format!(
            "Re-tuning for them is worth {} for 1,000 requests.",
            told(&it.net_usd_per_request)
        )
    }));
    items
}

fn caveats(result: &WhatIf) -> Vec<String> {
    let mut items = remarks(result);
    items.push(format!(
        "Intervals: 95%, {} bootstrap resamples of sessions or prompt groups, the same for all policies and worlds.",
        count(result.replicates as f64)
    ));
    items
}
