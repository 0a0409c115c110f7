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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "model,input_usd_per_mtok,output_usd_per_mtok,provider\n\"a, b\",0.1,2e-1,\no3,1,2,openai\n";
    const JSON: &str = r#"{"a/b": {"mode": "chat", "litellm_provider": "a", "input_cost_per_token": 1e-07,
        "output_cost_per_token": 2e-07, "output_cost_per_token_above_200k_tokens": 4e-07, "max_input_tokens": 8192},
        "b": {"mode": "chat", "litellm_provider": "b", "tiered_pricing": [{"range": [0, 32e3],
        "input_cost_per_token": 1e-07, "output_cost_per_token": 2e-07}]}}"#;

    proptest! {
        #[test]
        fn a_damaged_sheet_is_read_or_refused_in_one_line(
            json in any::<bool>(),
            at in any::<prop::sample::Index>(),
            cut in 0..60usize,
            put in "[\\[\\]{}:,\"a-z0-9.\\n@/-]{0,8}",
        ) {
            let (format, text) = match json {
                true => (SheetFormat::LiteLlm, JSON),
                false => (SheetFormat::Csv, TABLE),
            };
            // The sheets are ASCII, so every byte is a boundary.
            let start = at.index(text.len());
            let end = (start + cut).min(text.len());
            let damaged = format!("{}{put}{}", &text[..start], &text[end..]);
            match import_sheet(format, "sheet", &damaged, &Pick::default()) {
                Ok(made) => prop_assert!(made.endpoints > 0),
                Err(error) => {
                    let said = error.to_string();
                    prop_assert!(!said.contains('\n'), "{}", said);
                    prop_assert!(!said.contains("the catalog made of it"), "{}", said);
                }
            }
        }
    }
}
