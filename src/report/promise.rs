//! A compilation and the promises of its dials, as a document and as JSON.

use serde::Serialize;

use super::document::{Document, Table};
use super::number::{money, percent, share, usd, usd_per_1000, with_seconds};
use crate::whatif::PromiseFigures;

/// What came of a compilation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompileResult {
    /// `weighbridge.compile/1`.
    format: &'static str,
    /// The file that was written.
    router: String,
    /// What each learned choice promises.
    dials: Vec<PromiseFigures>,
}

impl CompileResult {
    /// The result of a compilation that was written to a file.
    #[must_use]
    pub fn new(router: &str, dials: Vec<PromiseFigures>) -> Self {
        Self {
            format: "weighbridge.compile/1",
            router: router.to_owned(),
            dials,
        }
    }
}

/// Lay a compilation out; empty where nothing is learned.
#[must_use]
pub fn compile_document(result: &CompileResult) -> Document {
    let mut document = Document::default();
    for promise in &result.dials {
        document.blocks.extend(promise_document(promise).blocks);
    }
    document
}

/// Lay the promise of one dial out.
#[must_use]
pub fn promise_document(promise: &PromiseFigures) -> Document {
    let mut document = Document::default();
    document.text(opening(promise));
    let mut table = Table::new(
        "promise",
        &[
            "not on the driver",
            "right",
            "USD / 1,000 requests",
            "USD / day",
            "mean seconds",
        ],
    );
    table.row(vec![
        percent(&promise.share),
        percent(&promise.success),
        usd_per_1000(&promise.cost_usd_per_request),
        usd(&promise.spend_usd_per_day),
        with_seconds(&promise.seconds),
    ]);
    document.table(table);
    document.notes(vec![format!(
        "{}, at {}{}; replay says what comes of it",
        promise.success.evidence,
        promise.prices_at.as_ref().map_or_else(
            || "the newest prices".to_owned(),
            |at| format!("the prices of {at}")
        ),
        promise
            .requests_per_day
            .map_or_else(String::new, |n| format!(
                ", {} requests a day",
                super::number::count(n)
            )),
    )]);
    document
}

fn opening(promise: &PromiseFigures) -> String {
    let value = format!("a right answer is worth ${}", promise.value_usd);
    let asked = match promise.dial {
        "value_usd" => value,
        "spend_usd_per_day" => format!("${} a day: {value}", money(promise.asked)),
        "share" => format!("share {}: {value}", share(promise.asked)),
        _ => format!("{} right at least: {value}", share(promise.asked)),
    };
    let of = if promise.nested {
        ", of the requests that come to the learned choice,"
    } else {
        ""
    };
    format!("{asked}. To be expected{of} with 95% intervals:")
}
