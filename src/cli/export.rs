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

pub(super) fn run(args: &ExportArgs, console: &Console) -> Outcome {
    let (router, file) = shipped(args, console)?;
    let bundle = match export(&router, &file, args.to) {
        Ok(bundle) => bundle,
        Err(unfit) if args.approximate.is_empty() => {
            return Err(export_nearest::refusal(args, &unfit));
        }
        Err(unfit) => export_nearest::bundle(args, &router, &unfit, console)?,
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
fn shipped(args: &ExportArgs, console: &Console) -> Result<(Router, Vec<u8>), Failure> {
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
    let roles = load::roles(&args.roles, None);
    let options = SolveOptions {
        seed: console.seed,
        ..SolveOptions::default()
    };
    let router = load::candidate(path, &catalog, &roles, &[], &options)?.router;
    let file = router.to_bytes().map_err(says_no)?;
    Ok((router, file))
}
