//! `catalog show` and `catalog check`.

use std::process::ExitCode;

use weighbridge_router::Timestamp;

use super::args::CatalogCommand;
use super::exit::{self, Outcome, wrong_call};
use super::load;
use super::output::{Console, now};
use crate::catalog::{Card, Catalog, Resolved, Severity, check};
use crate::report::{catalog_document, catalog_result, findings_document, findings_result};

pub(super) fn run(command: &CatalogCommand, console: &Console) -> Outcome {
    match command {
        CatalogCommand::Show {
            names,
            catalog,
            show,
        } => {
            let catalog = load::catalog(catalog)?;
            let cards = named(&catalog, names).map_err(wrong_call)?;
            console.result(&catalog_result(&cards), &catalog_document(&cards), show)
        }
        CatalogCommand::Check {
            catalog,
            as_of,
            show,
        } => {
            let catalog = load::catalog(catalog)?;
            let at: Timestamp = as_of.unwrap_or_else(now);
            let findings = check(&catalog, Some(at));
            console.result(
                &findings_result(&findings, at),
                &findings_document(&findings, &catalog, at),
                show,
            )?;
            let errors = findings
                .iter()
                .any(|finding| finding.severity == Severity::Error);
            Ok(ExitCode::from(if errors {
                exit::SAYS_NO
            } else {
                exit::DONE
            }))
        }
    }
}

/// The endpoints of these names; all of them where none is given.
fn named<'a>(catalog: &'a Catalog, names: &[String]) -> Result<Vec<&'a Card>, String> {
    if names.is_empty() {
        return Ok(catalog.cards().iter().collect());
    }
    let mut cards = Vec::new();
    for name in names {
        match catalog.resolve(name) {
            Some(Resolved::Endpoint(card)) => cards.push(card),
            Some(Resolved::Model(model)) => cards.extend(catalog.endpoints_of(&model.id)),
            None => {
                return Err(format!(
                    "the catalog knows no model or endpoint `{name}`; `weighbridge catalog show` lists them"
                ));
            }
        }
    }
    Ok(cards)
}
