//! The page of a replay: what stands on it and in which order.

use super::markup::{name, text};
use super::output::{grid, list, tables};
use super::page::{Page, Reader};
use super::palette::Look;
use super::replay_charts as charts;
use super::replay_decision::decision;
use super::replay_segments::segments;
use super::replay_spend::spend;
use super::sliders;
use super::tables::{Cell, Grid};
use super::words;
use crate::evaluate::{HINDSIGHT, PolicyFigures, ReplayReport};
use crate::report::document::Block;
use crate::report::number::{NONE, count, share};
use crate::report::replay::replay_document;

/// A replay as a page; `files` has the policies that people wrote, name and text, and `command` is what
/// made it.
#[must_use]
pub fn replay_page(report: &ReplayReport, files: &[(String, String)], command: &str) -> String {
    let mut page = Page::new("Which policy to ship", "replay of recorded requests");
    page.raw(&decision(report).html());
    page.section(
        Reader::Everybody,
        "Side by side",
        "Every policy beside what it must beat: the best fixed choice, chance at the same cost, plain rules; and beside hindsight, which nobody can reach. USD for 1,000 requests, each figure with its 95% interval.",
        &policies(report).html(),
    );
    manager(&mut page, report);
    page.raw(&sliders::of_replay(report, command));
    architect(&mut page, report);
    page.section(
        Reader::Architect,
        "The policies as they were written",
        "",
        &policy_files(files),
    );
    page.section(
        Reader::Everybody,
        "What to know before believing it",
        "",
        &list(&caveats(report)),
    );
    page.finish(command)
}

fn manager(page: &mut Page, report: &ReplayReport) {
    page.section(
        Reader::Manager,
        "Cost and quality",
        "",
        &grid([charts::front(report), charts::gains(report)]),
    );
    page.section(
        Reader::Manager,
        "Where routing pays",
        "",
        &where_it_pays(report),
    );
    page.section(
        Reader::Manager,
        "The bill",
        "",
        &grid([spend(report), charts::bill(report)]),
    );
}

/// The charts by segment, or how to have them.
fn where_it_pays(report: &ReplayReport) -> String {
    if report.segment_gains.is_empty() && report.decision.routing.is_some() {
        return "<p class=\"about\">Add <code>--by task</code> (or tenant, channel, region, length) to see on which requests routing pays, and how much of the bill they are.</p>".to_owned();
    }
    grid(segments(report))
}

fn architect(page: &mut Page, report: &ReplayReport) {
    page.section(
        Reader::Architect,
        "Traffic and latency",
        "",
        &grid([charts::shares(report), charts::latency(report)]),
    );
    page.section(
        Reader::Architect,
        "What each endpoint admits",
        "Eligibility is decided before any score: by what a request needs, where it comes from, its size and its time. Endpoints that may take none of these requests are left out.",
        &endpoints(report).html(),
    );
    page.section(
        Reader::Architect,
        "Who is not answered",
        "Unanswered requests found no eligible endpoint and count as failed at no cost. Unobserved ones have no outcome in the trace: they are out of the figures and inside the bounds.",
        &failures(report).html(),
    );
    page.section(
        Reader::Architect,
        "Pairs and segments",
        "Differences on the same requests and the same resamples; verdicts are corrected for the number of comparisons (Holm).",
        &tables(&replay_document(report), "Policies", &["policies"]),
    );
}

/// Policies and floors, each with its look.
pub(super) fn looks(report: &ReplayReport) -> impl Iterator<Item = (&PolicyFigures, Look)> {
    let policies = report.policies.iter().enumerate();
    let policies = policies.map(|(place, it)| (it, Look::of(place)));
    let floors = report.floors.iter().enumerate().map(|(place, it)| {
        let look = if it.name == HINDSIGHT {
            Look::hindsight()
        } else {
            Look::floor(place)
        };
        (it, look)
    });
    policies.chain(floors)
}

/// How a policy is called, with a warning where nobody can reach it.
pub(super) fn called(policy: &PolicyFigures) -> String {
    match policy.name.as_str() {
        HINDSIGHT => format!("{HINDSIGHT} (nobody can reach it)"),
        name => name.to_owned(),
    }
}

fn policies(report: &ReplayReport) -> Grid {
    let mut grid = Grid::new(
        "policies",
        "Policies and floors",
        &[
            "<policy",
            "right",
            "cost / 1,000",
            "net / 1,000",
            "USD / right answer",
            "p50",
            "p95",
        ],
    );
    for (policy, look) in looks(report) {
        let class = match &report.decision.ship {
            Some(ship) if *ship == policy.name => "ship",
            _ if policy.name == HINDSIGHT => "hind",
            _ => "",
        };
        let named = format!("{}{}", look.swatch(), name(&called(policy)));
        grid.row_of(
            class,
            vec![
                Cell::markup(named),
                Cell::figure(&policy.success, words::percent),
                Cell::figure(&policy.cost_usd_per_request, words::usd_1000),
                Cell::figure(&policy.net_usd_per_request, words::usd_1000),
                Cell::figure(&policy.cost_usd_per_success, words::usd),
                Cell::figure(&policy.latency_ms_p50, words::seconds_of_ms),
                Cell::figure(&policy.latency_ms_p95, words::seconds_of_ms),
            ],
        );
    }
    grid
}

fn endpoints(report: &ReplayReport) -> Grid {
    let mut grid = Grid::new(
        "endpoints",
        "Endpoints",
        &[
            "<endpoint",
            "may take",
            "recorded on",
            "<can",
            "<serves",
            "context tokens",
            "USD / million in, cached, out",
            "<lives",
            "to first token",
            "tokens / s",
        ],
    );
    let total = report.trace.requests.max(1) as f64;
    // Other providers and other times of the same models take nothing here.
    for it in report.endpoints.iter().filter(|it| it.eligible > 0) {
        let all = |names: &[String], what: &str| match names {
            [] => format!("all {what}"),
            names => names.join(", "),
        };
        let lives = match (&it.from, &it.until) {
            (None, None) => "always".to_owned(),
            (from, until) => [from, until]
                .map(|at| at.as_deref().map_or("…", day))
                .join(" to "),
        };
        let can = if it.in_catalog {
            it.can.join(", ")
        } else {
            "not in the catalog".to_owned()
        };
        let prices = it
            .usd_per_mtok
            .map(|prices| prices.map(words::usd_round).join(" · "));
        grid.row(vec![
            Cell::name(&it.id),
            Cell::number(Some(it.eligible as f64 / total), share),
            Cell::number(Some(it.observed as f64 / total), share),
            Cell::words(&can),
            Cell::words(&format!(
                "{}, {}",
                all(&it.channels, "channels"),
                all(&it.regions, "regions")
            )),
            Cell::number(it.context_tokens.map(f64::from), count),
            Cell::words(&prices.unwrap_or_else(|| NONE.to_owned())),
            Cell::words(&lives),
            Cell::number(it.ttft_ms.map(f64::from), words::seconds_of_ms),
            Cell::number(it.tokens_per_second, count),
        ]);
    }
    grid
}

/// A file longer than that says no more on a page.
const MOST_BYTES: usize = 8_000;

fn policy_files(files: &[(String, String)]) -> String {
    let file = |(title, content): &(String, String)| {
        let end = content
            .char_indices()
            .map(|(at, _)| at)
            .find(|&at| at >= MOST_BYTES);
        let kept = text(&content[..end.unwrap_or(content.len())]).replace("&#10;", "\n");
        let rest = if end.is_some() { "\n… and so on" } else { "" };
        format!(
            "<details><summary>{}</summary><pre class=\"cmd\"><code>{kept}{rest}</code></pre></details>",
            name(title)
        )
    };
    files.iter().map(file).collect()
}

/// The day of a moment.
fn day(at: &str) -> &str {
    at.split('T').next().unwrap_or(at)
}

fn failures(report: &ReplayReport) -> Grid {
    let mut grid = Grid::new(
        "failures",
        "Answers that are missing",
        &[
            "<policy",
            "answered",
            "unanswered",
            "unobserved",
            "fell back",
            "right at least",
            "right at most",
        ],
    );
    for policy in &report.policies {
        let bound = |end: usize| policy.success_bounds.map(|ends| ends[end]);
        grid.row(vec![
            Cell::name(&policy.name),
            Cell::number(Some(policy.answered), count),
            Cell::number(Some(policy.unanswered), count),
            Cell::number(Some(policy.unobserved), count),
            Cell::number(Some(policy.fell_back), count),
            Cell::number(bound(0), share),
            Cell::number(bound(1), share),
        ]);
    }
    grid
}

fn caveats(report: &ReplayReport) -> Vec<String> {
    let mut items = report.warnings.clone();
    let document = replay_document(report);
    let notes = document.blocks.iter().filter_map(|block| match block {
        Block::Notes(notes) if *notes != report.warnings => Some(notes),
        _ => None,
    });
    items.extend(notes.flatten().map(|note| match note.split_once(": ") {
        Some((figure, evidence)) => {
            format!(
                "What {figure} rests on: {}.",
                evidence.replacen("full", "every request", 1)
            )
        }
        None => note.clone(),
    }));
    items.push(format!(
        "Intervals: 95%, {} bootstrap resamples of sessions or prompt groups, the same for all policies. The policies were compared on the requests that the best was chosen by, which flatters it a little; verdicts are corrected for that.",
        count(report.replicates as f64)
    ));
    items.push(format!(
        "Fingerprint of the trace: {}.",
        report.trace.fingerprint
    ));
    items
}
