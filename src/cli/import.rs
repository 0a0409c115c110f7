//! `import`: another recorder's files to a trace.

use std::process::ExitCode;

use super::args_data::ImportArgs;
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::load;
use super::output::Console;
use crate::trace_io::{ImportFormat, ImportOptions, import, write};

pub(super) fn run(args: &ImportArgs, console: &Console) -> Outcome {
    if args.from != ImportFormat::Csv {
        only_for_csv(args)?;
    }
    let options = ImportOptions {
        on_error: load::on_error(args.read.on_error),
        assume_output_tokens: args.assume_output_tokens,
        roles: load::roles(&args.roles, None).flags,
        map: args
            .map
            .iter()
            .map(|pair| mapped(pair))
            .collect::<Result<_, _>>()?,
        score_columns: args.score_columns.clone(),
        separator: args.separator.map(separator).transpose()?,
    };
    let (trace, report) = import(args.from, &args.inputs, &options).map_err(says_no)?;
    load::say_report(&report, console);
    write(&trace, &args.output).map_err(says_no)?;
    console.say(&format!(
        "{}: {} requests, {} outcomes",
        args.output.display(),
        trace.len(),
        trace.outcome_count()
    ));
    Ok(ExitCode::from(exit::DONE))
}

/// Refuse flags that say how a CSV is read: they would be passed over.
fn only_for_csv(args: &ImportArgs) -> Result<(), Failure> {
    let given = [
        ("--map", !args.map.is_empty()),
        ("--score-columns", !args.score_columns.is_empty()),
        ("--separator", args.separator.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(wrong_call(format!(
            "{flag} says how a CSV is read; give it with --from csv"
        ))),
        None => Ok(()),
    }
}

/// `FIELD=COLUMN`.
fn mapped(pair: &str) -> Result<(String, String), Failure> {
    match pair.split_once('=') {
        Some((field, column)) if !field.is_empty() && !column.is_empty() => {
            Ok((field.to_owned(), column.to_owned()))
        }
        _ => Err(wrong_call(format!(
            "--map {pair}: write FIELD=COLUMN, for example --map score=resolved"
        ))),
    }
}

fn separator(character: char) -> Result<u8, Failure> {
    u8::try_from(character)
        .ok()
        .filter(u8::is_ascii)
        .ok_or_else(|| {
            wrong_call(format!(
                "--separator {character}: must be one ASCII character"
            ))
        })
}
