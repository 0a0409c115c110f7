//! `export`: a policy as a folder for another gateway.

use std::ffi::OsStr;
use std::fs;
use std::process::ExitCode;

use weighbridge_router::Router;

use super::args_export::ExportArgs;
use super::exit::{self, Failure, Outcome, says_no};
use super::output::Console;
use super::{export_nearest, folder, load};
use crate::export::export;
use crate::policy::SolveOptions;
use crate::trace::Trace;

pub(super) fn run(args: &ExportArgs, console: &Console) -> Outcome {
    // Roles may be bound in the header of a trace.
    let trace = export_nearest::trace(args, console)?;
    let (router, file) = shipped(args, trace.as_ref(), console)?;
    let bundle = match export(&router, &file, args.to) {
        Ok(bundle) => bundle,
        Err(unfit) => match trace {
            None => return Err(export_nearest::refusal(args, &unfit)),
            Some(trace) => export_nearest::bundle(args, &router, &unfit, trace, console)?,
        },
    };
    folder::write(&bundle, &args.output)?;
    console.say(&format!(
        "{}: {} files for {}; read README.md there, and run `weighbridge verify {0}` where it is mounted",
        args.output.display(),
        bundle.files.len(),
        args.to
    ));
    Ok(ExitCode::from(exit::DONE))
}

/// The router, and its file as it is shipped: a router file as it stands, a policy compiled.
fn shipped(
    args: &ExportArgs,
    trace: Option<&Trace>,
    console: &Console,
) -> Result<(Router, Vec<u8>), Failure> {
    let path = &args.router;
    if path.extension() == Some(OsStr::new("json")) {
        load::router(path)?;
        let fault = |what: String| says_no(format!("{}: {what}", path.display()));
        let file = fs::read(path).map_err(|error| fault(error.to_string()))?;
        // The bytes that are shipped are the ones that were checked.
        let router = Router::from_bytes(&file).map_err(|error| fault(error.to_string()))?;
        return Ok((router, file));
    }
    let catalog = load::catalog(&args.catalog)?;
    let roles = load::roles(&args.roles, trace.map(Trace::header));
    let options = SolveOptions {
        seed: console.seed,
        ..SolveOptions::default()
    };
    let router = load::candidate(path, &catalog, &roles, &[], &options)?.router;
    let file = router.to_bytes().map_err(says_no)?;
    Ok((router, file))
}
