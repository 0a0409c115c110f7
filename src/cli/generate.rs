//! `generate`: a synthetic trace from a scenario.

use std::fs;
use std::process::ExitCode;

use super::args::GenerateArgs;
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::output::Console;
use crate::generate::{BUILTIN_NAMES, Scenario, generate};
use crate::trace_io::write;

pub(super) fn run(args: &GenerateArgs, console: &Console) -> Outcome {
    let scenario = scenario(&args.scenario)?;
    let trace = generate(&scenario, args.requests as usize, console.seed);
    write(&trace, &args.output).map_err(says_no)?;
    console.say(&format!(
        "{}: {} requests, {} outcomes, synthetic",
        args.output.display(),
        trace.len(),
        trace.outcome_count()
    ));
    Ok(ExitCode::from(exit::DONE))
}

/// A scenario that is built in, else a file.
fn scenario(name: &str) -> Result<Scenario, Failure> {
    if let Some(scenario) = Scenario::builtin(name) {
        return scenario.map_err(says_no);
    }
    let text = fs::read_to_string(name).map_err(|error| {
        wrong_call(format!(
            "{name}: {error}; a scenario is a file or one of {}",
            BUILTIN_NAMES.join(", ")
        ))
    })?;
    Scenario::parse(name, &text).map_err(says_no)
}
