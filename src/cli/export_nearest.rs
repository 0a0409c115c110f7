//! `export` of a policy that the target cannot express: why, what comes nearest, and what that
//! loses on a trace.

use weighbridge_router::Router;

use super::args::{Bad, ReadArgs, Shown};
use super::args_export::ExportArgs;
use super::exit::{Failure, says_no};
use super::load;
use super::output::Console;
use super::replay::ALL_SEEN;
use crate::evaluate::{ReplayOptions, ReplayReport, drop_training_rows, replay_report};
use crate::export::{Bundle, Habits, Nearest, Unfit, export_nearest, nearest};
use crate::replay::{Stage, run};
use crate::report::{Document, Format, Screen, loss_document, render};
use crate::trace::Trace;

/// Bootstrap replicates behind each interval.
const REPLICATES: usize = 1000;

/// Say why the target refuses the policy, and what comes nearest.
pub(super) fn refusal(args: &ExportArgs, unfit: &Unfit) -> Failure {
    let near = match &unfit.nearest {
        Some(nearest) => format!(
            "\nthe nearest that it can: {}\nhint: --approximate TRACE says what that loses on recorded requests, and exports it",
            nearest.description
        ),
        None => String::new(),
    };
    says_no(format!("{}{near}", reasons(args, unfit)))
}

fn reasons(args: &ExportArgs, unfit: &Unfit) -> String {
    let mut text = format!(
        "{}: {} cannot express this policy:",
        args.router.display(),
        args.to
    );
    for reason in &unfit.reasons {
        text += &format!("\n  {reason}");
    }
    text
}

/// The traces of `--approximate`; none where it is not asked for.
pub(super) fn trace(args: &ExportArgs, console: &Console) -> Result<Option<Trace>, Failure> {
    if args.approximate.is_empty() {
        return Ok(None);
    }
    let read = ReadArgs {
        on_error: Bad::Fail,
    };
    load::traces(&args.approximate, &read, console).map(Some)
}

/// Measure the nearest policy on the traces of `--approximate`, print what it loses, and make its
/// folder, whose README says so.
pub(super) fn bundle(
    args: &ExportArgs,
    router: &Router,
    unfit: &Unfit,
    trace: Trace,
    console: &Console,
) -> Result<Bundle, Failure> {
    let habits = Habits::of(router, (0..trace.len()).map(|row| trace.request(row)));
    let Some(near) = nearest(router, args.to, Some(&habits)) else {
        return Err(says_no(format!(
            "{}\nnothing that it can express comes near",
            reasons(args, unfit)
        )));
    };
    let report = measured(args, router, &near, trace, console)?;
    let document = loss_document(&report);
    console.warn(&format!(
        "{}\nexported in its place: {}",
        reasons(args, unfit),
        near.description
    ));
    console.show(&report, &document, Shown::Table)?;
    let file = near.router.to_bytes().map_err(says_no)?;
    let said = readme(unfit, &near, &document);
    export_nearest(&near.router, &file, args.to, &said).map_err(|unfit| refusal(args, &unfit))
}

/// Both policies on the requests that neither learned from.
fn measured(
    args: &ExportArgs,
    router: &Router,
    near: &Nearest,
    trace: Trace,
    console: &Console,
) -> Result<ReplayReport, Failure> {
    let catalog = load::catalog(&args.catalog)?;
    let held_out = drop_training_rows(&trace, &[router]);
    if held_out.rows.is_empty() {
        return Err(says_no(ALL_SEEN));
    }
    let trace = trace.select(&held_out.rows);
    let routers = [router.clone(), near.router.clone()];
    let stage = Stage::new(&trace, &catalog, &routers, None);
    let named = [
        // The second is compared with the first.
        ("policy".to_owned(), &routers[0]),
        ("nearest".to_owned(), &routers[1]),
    ];
    let trade = args.trade.trade().or_else(|| router.trade());
    let (charged, decisions) = run(&stage, &named, trade, console.threads);
    let options = ReplayOptions {
        trade,
        segments: Vec::new(),
        roles: load::bound(&load::roles(&args.roles, Some(trace.header()))),
        seed: console.seed,
        replicates: REPLICATES,
        threads: console.threads,
        sums: false,
    };
    let mut report = replay_report(&stage, &charged, decisions, &options);
    report.trace.dropped_training_rows = held_out.dropped;
    Ok(report)
}

/// What stands at the top of the folder's README.
fn readme(unfit: &Unfit, near: &Nearest, document: &Document) -> String {
    let mut text = String::from(
        "> **This folder holds an approximation.** The policy that was asked for cannot be expressed here:\n",
    );
    for reason in &unfit.reasons {
        text += &format!("> - {reason}\n");
    }
    text += &format!(
        ">\n> Exported in its place: {}.\n\n{}",
        near.description,
        render(document, Format::Markdown, Screen::default())
    );
    text
}
