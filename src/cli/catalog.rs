//! `catalog show`, `catalog check` and `catalog import`.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use weighbridge_router::Timestamp;

use super::args_data::{CatalogCommand, CatalogImportArgs};
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::load;
use super::output::{Console, now};
use crate::catalog::{
    Card, Catalog, Pick, Resolved, Severity, SheetError, SheetImport, check, import_sheet,
};
use crate::report::{catalog_document, catalog_result, findings_document, findings_result};
use crate::trace_io::write_file;

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
        CatalogCommand::Import(args) => import(args, console),
    }
}

/// A price sheet to a catalog file.
fn import(args: &CatalogImportArgs, console: &Console) -> Outcome {
    let file = args.sheet.display().to_string();
    let pick = Pick {
        models: args.models.clone(),
        providers: args.providers.clone(),
    };
    let made = import_sheet(args.from, &file, &sheet(&args.sheet)?, &pick);
    let made = made.map_err(|error| match error {
        SheetError::Fault { .. } => says_no(error),
        SheetError::NoSuchName { .. } => wrong_call(error),
    })?;
    let text = made.text.as_bytes();
    write_file(&args.output, |out| out.write_all(text)).map_err(says_no)?;
    say_import(&args.output, &made, console);
    Ok(ExitCode::from(exit::DONE))
}

fn sheet(path: &Path) -> Result<String, Failure> {
    let text = match path == Path::new("-") {
        true => io::read_to_string(io::stdin().lock()),
        false => fs::read_to_string(path),
    };
    text.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => says_no(format!(
            "{}: not UTF-8; save the file as UTF-8",
            path.display()
        )),
        _ => wrong_call(format!("{}: {error}", path.display())),
    })
}

/// Say what became of a sheet.
fn say_import(output: &Path, made: &SheetImport, console: &Console) {
    console.say(&format!(
        "{}: {} endpoints, {} new models",
        output.display(),
        made.endpoints,
        made.models
    ));
    for (reason, n) in &made.left_out {
        console.say(&format!("  left out: {n}, {reason}"));
    }
    if !made.unread.is_empty() {
        console.say(&format!("  columns not read: {}", made.unread.join(", ")));
    }
    if made.rounded > 0 {
        console.warn(&format!(
            "prices that are no whole number of picodollars a token, rounded half-even: {}",
            made.rounded
        ));
    }
    if !made.replaced.is_empty() {
        console.warn(&format!(
            "these endpoints of the shipped catalog are replaced, dates and speeds too: {}",
            made.replaced.join(", ")
        ));
    }
    if !made.behind.is_empty() {
        console.warn(&format!(
            "the shipped catalog sells these models elsewhere, and a bare name goes on meaning \
             that; name them whole, or give the row the shipped provider: {}",
            made.behind.join(", ")
        ));
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
