//! The page of a plan: the policy to ship, what it was weighed against, and what the next hundredth
//! of the traffic would bring.

use super::front::{Placed, front};
use super::lead::{Lead, Lean, Tile};
use super::markup::{name, text};
use super::output::{grid, list, tables};
use super::page::{Page, Reader};
use super::palette::Look;
use super::plan_models::models;
use super::words;
use crate::report::number::count;
use crate::report::plan::{goal, margin, plan_document};
use crate::whatif::{Kept, Plan, PlanVerdict, PlannedPolicy};

/// A plan as a page; `command` is what made it.
#[must_use]
pub fn plan_page(plan: &Plan, command: &str) -> String {
    let mut page = Page::new(
        "The policy to ship",
        "a plan, promised on requests that it was not chosen on",
    );
    page.raw(&lead(plan).html());
    page.section(
        Reader::Everybody,
        "What it was weighed against",
        "The policies that nothing beats in both cost and success where they were chosen, the one to ship and the best fixed choice; all figures are of the other half of the requests.",
        &grid([front(&placed(plan))]),
    );
    let document = plan_document(plan);
    let margin: Vec<String> = plan.next_percent.iter().map(margin).collect();
    page.section(
        Reader::Manager,
        "The next hundredth of the traffic",
        "",
        &list(&margin),
    );
    page.section(
        Reader::Manager,
        "Which model to introduce or retire",
        "The best policy that gives the model any requests against the best that gives it none.",
        &grid([models(plan)]),
    );
    page.section(
        Reader::Architect,
        "Every table",
        "As the command prints them.",
        &tables(&document, "The choice", &[]),
    );
    page.section(
        Reader::Everybody,
        "What to know before believing it",
        "",
        &list(&caveats(plan)),
    );
    page.finish(command)
}

fn lead(plan: &Plan) -> Lead {
    let (lean, verdict) = match plan.verdict {
        PlanVerdict::Route => (Lean::Yes, "Route"),
        PlanVerdict::DoNotRoute => (Lean::No, "Do not route"),
        PlanVerdict::Unattainable => (Lean::Open, "Not attainable"),
    };
    Lead {
        lean,
        verdict,
        sentence: sentence(plan),
        sure: difference(plan).map_or_else(String::new, |(what, shown)| {
            match (plan.verdict, &plan.routing) {
                (PlanVerdict::DoNotRoute, Some(routing)) => format!(
                    "The best that routes, {}, has no clear gain over it: {what} {shown}.",
                    bold(&routing.name)
                ),
                _ => format!("Against the best fixed choice: {what} {shown}."),
            }
        }),
        of: format!(
            "{} on requests that it was not chosen on:",
            name(&plan.recommended.name)
        ),
        tiles: tiles(&plan.recommended),
        rests: rests(plan),
        changes: changes(plan),
    }
}

pub(super) fn bold(raw: &str) -> String {
    format!("<strong>{}</strong>", name(raw))
}

fn sentence(plan: &Plan) -> String {
    let ship = bold(&plan.recommended.name);
    let aim = goal(&plan.goal);
    let mut aim = aim.chars();
    let aim = aim.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(aim).collect()
    });
    let aim = text(&aim);
    match plan.verdict {
        PlanVerdict::Route => format!("Ship {ship}, for {aim}."),
        PlanVerdict::DoNotRoute => format!("Ship {ship} and do not route, for {aim}."),
        PlanVerdict::Unattainable => {
            format!("Nothing at hand attains {aim}; {ship} comes nearest.")
        }
    }
}

/// The figure by which routing and the fixed choice are compared, in words.
fn difference(plan: &Plan) -> Option<(&'static str, String)> {
    let held = plan.difference.as_ref()?;
    let (what, show): (_, words::Show) = match held.figure {
        "success" => ("right answers", words::points),
        "net_usd_per_request" => ("net value for 1,000 requests", words::signed_usd_1000),
        _ => ("cost for 1,000 requests", words::signed_usd_1000),
    };
    Some((what, text(&words::figure(&held.difference, show))))
}

fn tiles(policy: &PlannedPolicy) -> Vec<Tile> {
    let tiles = [
        Tile::of("Right answers", Some(&policy.success), words::percent),
        Tile::of(
            "Cost, 1,000 requests",
            Some(&policy.cost_usd_per_request),
            words::usd_1000,
        ),
        Tile::of("USD a day", Some(&policy.cost_usd_per_day), words::usd),
        Tile::of(
            "Net value, 1,000 requests",
            Some(&policy.net_usd_per_request),
            words::usd_1000,
        ),
        Tile::of("Not on the driver", Some(&policy.share), words::percent),
    ];
    tiles.into_iter().flatten().collect()
}

fn rests(plan: &Plan) -> Vec<String> {
    let parts = plan.requests;
    let mut items = vec![format!(
        "Chosen among <b>{}</b> policies on {} requests; every figure is of <b>{}</b> others.",
        count(plan.tried as f64),
        count(parts.chosen_on as f64),
        count(parts.promised_on as f64)
    )];
    if parts.dropped_training_rows > 0 {
        items.push(format!(
            "{} more were left out, since a router was trained on them.",
            count(parts.dropped_training_rows as f64)
        ));
    }
    if let Some(n) = plan.goal.requests_per_day {
        items.push(format!("{} requests a day.", count(n)));
    }
    items
}

fn changes(plan: &Plan) -> Vec<String> {
    let mut items = Vec::new();
    match plan.goal.kept {
        Some(Kept::CannotTell) => {
            items.push("The goal lies within the interval: leave some room.".to_owned())
        }
        Some(Kept::Missed) => items.push(
            "The goal is missed by the whole interval on requests that were not chosen on."
                .to_owned(),
        ),
        Some(Kept::Kept) | None => {}
    }
    if let Some(n) = plan
        .difference
        .as_ref()
        .and_then(|held| held.requests_to_tell)
    {
        items.push(format!(
            "More requests: about {} would tell a difference of this size.",
            count(n as f64)
        ));
    }
    if let Some(margin) = &plan.next_percent {
        let from = &margin.break_even_value_usd;
        items.push(match from.x {
            Some(_) => format!(
                "A right answer worth more than {}: then the next hundredth of the traffic pays at the specialist.",
                text(&words::figure(from, words::usd))
            ),
            None => format!(
                "The next hundredth of the traffic does not pay at the specialist at any worth that is known: {}.",
                text(from.why.as_deref().unwrap_or("it gains nothing"))
            ),
        });
    }
    items
}

fn placed(plan: &Plan) -> Vec<Placed<'_>> {
    let mut seen: Vec<&PlannedPolicy> = Vec::new();
    let mut placed = Vec::new();
    let all = plan.front.iter().map(|it| (it, true));
    let chosen = [
        Some(&plan.recommended),
        plan.routing.as_ref(),
        plan.fixed.as_ref(),
    ];
    let chosen = chosen.into_iter().flatten().map(|it| (it, false));
    for (policy, on_front) in all.chain(chosen) {
        if seen.iter().any(|held| held.name == policy.name) {
            continue;
        }
        seen.push(policy);
        placed.push(Placed {
            name: policy.name.clone(),
            look: Look::of(placed.len()),
            cost: &policy.cost_usd_per_request,
            success: &policy.success,
            on_front,
        });
    }
    placed
}

fn caveats(plan: &Plan) -> Vec<String> {
    let mut items = plan.warnings.clone();
    let ship = &plan.recommended;
    let figures = [
        ("right", &ship.success),
        ("cost", &ship.cost_usd_per_request),
    ];
    items.extend(figures.map(|(what, figure)| {
        let evidence = figure.evidence.replacen("full", "every request", 1);
        format!("What {what} rests on: {evidence}.")
    }));
    items.push(format!(
        "Intervals: 95%, {} bootstrap resamples of sessions or prompt groups.",
        count(plan.replicates as f64)
    ));
    items
}
