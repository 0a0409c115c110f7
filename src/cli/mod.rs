//! The command line: arguments to options, files to values, results to text, errors to codes.
//!
//! No logic of its own. One of the two places (the other is `serve`) that may look at the clock
//! and the terminal.

mod args;
mod args_data;
mod args_diff;
mod args_export;
mod args_record;
mod args_serve;
mod args_train;
mod args_upstream;
mod catalog;
mod claims;
mod decide;
mod dial;
mod diff;
mod eval;
pub mod exit;
mod export;
mod export_nearest;
mod folder;
mod generate;
mod import;
mod inspect;
mod learning_curve;
mod load;
mod output;
mod plan;
mod replay;
mod serve;
mod served;
mod shell;
mod train;
mod train_measure;
mod whatif;
mod whatif_questions;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Console;

/// Run the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap knows which stream they belong on.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                exit::WRONG_CALL
            } else {
                exit::DONE
            });
        }
    };
    let console = Console::new(&cli.common);
    let outcome = match cli.command {
        Command::Import(args) => import::run(&args, &console),
        Command::Train(args) => train::run(&args, &console),
        Command::Generate(args) => generate::run(&args, &console),
        Command::Inspect(args) => inspect::run(&args, &console),
        Command::Catalog(command) => catalog::run(&command, &console),
        Command::Compile(args) => decide::compile(&args, &console),
        Command::Replay(args) => replay::run(&args, &console),
        Command::Plan(args) => plan::run(&args, &console),
        Command::WhatIf(args) => whatif::run(&args, &console),
        Command::Claims(args) => claims::run(&args, &console),
        Command::Eval(args) => eval::run(&args, &console),
        Command::Explain(args) => decide::explain(&args, &console),
        Command::Decide(args) => decide::decide(&args, &console),
        Command::Export(args) => export::run(&args, &console),
        Command::Diff(args) => diff::run(&args, &console),
        Command::Verify(args) => decide::verify(&args, &console),
        Command::Serve(args) => serve::run(&args, &console),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args, &console),
    };
    outcome.unwrap_or_else(|failure| {
        console.error(&failure.message);
        ExitCode::from(failure.code)
    })
}
