//! A price sheet to a catalog file: the table of formats.

use std::path::Path;

use super::compose::{Composed, compose};
use super::error::SheetError;
use super::offer::{Pick, Sheet};
use super::{csv, litellm};
use crate::catalog::lookup::{Catalog, SourceFile};

/// A kind of price sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetFormat {
    /// A table with the price of a million tokens.
    Csv,
    /// LiteLLM's JSON with the price of a token.
    LiteLlm,
}

/// All formats: name on the command line, and which it is.
pub const SHEET_FORMATS: &[(&str, SheetFormat)] =
    &[("csv", SheetFormat::Csv), ("litellm", SheetFormat::LiteLlm)];

/// A catalog file made of a sheet, and what happened on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SheetImport {
    /// The text of the catalog file.
    pub text: String,
    /// How many models it brings; those that the shipped catalog has are not repeated.
    pub models: usize,
    /// How many endpoints it brings.
    pub endpoints: usize,
    /// How many prices were no whole number of picodollars a token, and were rounded half-even.
    pub rounded: u64,
    /// Wanted rows that became no endpoint: why, and how many.
    pub left_out: Vec<(String, u64)>,
    /// Endpoints of the shipped catalog that this file replaces where it is laid over it.
    pub replaced: Vec<String>,
    /// Endpoints of models that the shipped catalog sells elsewhere: a bare name goes on meaning
    /// the shipped ones.
    pub behind: Vec<String>,
    /// Columns that were not read.
    pub unread: Vec<String>,
}

/// Make a catalog file of a sheet. It can be laid over the shipped catalog as it is.
///
/// `file` names the sheet in errors; its last part is told as the source of each price.
///
/// # Errors
/// Where the sheet is broken, where a name of `pick` stands on no row, and where no row is left.
pub fn import_sheet(
    format: SheetFormat,
    file: &str,
    text: &str,
    pick: &Pick,
) -> Result<SheetImport, SheetError> {
    let read = match format {
        SheetFormat::Csv => csv::read,
        SheetFormat::LiteLlm => litellm::read,
    };
    let Sheet {
        offers,
        mut left_out,
        unread,
    } = read(file, text, pick)?;
    let name = Path::new(file).file_name().unwrap_or_default();
    let name = match name.to_string_lossy().as_ref() {
        "-" | "" => "standard input".to_owned(),
        name => name.to_owned(),
    };
    let below = Catalog::builtin();
    let composed = compose(&name, &offers, &below, &mut left_out);
    let left_out = by_count(left_out);
    check(file, &composed, &left_out, below)?;
    Ok(SheetImport {
        text: composed.text,
        models: composed.models,
        endpoints: composed.endpoints,
        rounded: composed.rounded,
        left_out,
        replaced: composed.replaced,
        behind: composed.behind,
        unread,
    })
}

fn by_count(left_out: super::offer::LeftOut) -> Vec<(String, u64)> {
    let mut reasons: Vec<(String, u64)> = left_out.into_iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    reasons
}

/// Refuse what no catalog could be made of.
fn check(
    file: &str,
    composed: &Composed,
    left_out: &[(String, u64)],
    below: Catalog,
) -> Result<(), SheetError> {
    let fault = |message: String| SheetError::Fault {
        file: file.to_owned(),
        line: None,
        field: String::new(),
        message,
    };
    if composed.endpoints == 0 {
        let reasons: Vec<String> = left_out
            .iter()
            .map(|(reason, n)| format!("{reason} ({n})"))
            .collect();
        return Err(fault(match reasons.is_empty() {
            true => "no row can be an endpoint: the sheet has none that was asked for".to_owned(),
            false => format!("no row can be an endpoint: {}", reasons.join(", ")),
        }));
    }
    let made = SourceFile {
        name: "the catalog made of it",
        text: &composed.text,
    };
    match below.overlaid(&[made]) {
        Ok(_) => Ok(()),
        Err(error) => Err(fault(error.to_string())),
    }
}
