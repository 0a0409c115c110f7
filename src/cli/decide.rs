//! `compile`, `decide`, `explain` and `verify`: commands about one router file.

use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;

use weighbridge_router::{Request, Router, Scratch, decision_line};

use super::args::{CompileArgs, DecideArgs, ExplainArgs, Moment, VerifyArgs};
use super::exit::{self, Failure, Outcome, says_no, wrong_call};
use super::output::{Console, now};
use super::{folder, load};
use crate::export;
use crate::policy::SolveOptions;
use crate::report::{
    CompileResult, compile_document, explanation_document, explanation_result,
    verification_document,
};
use crate::trace_io::{RequestLines, write_file};
use crate::whatif::PromiseFigures;

pub(super) fn compile(args: &CompileArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let roles = load::roles(&args.roles, None);
    let options = SolveOptions {
        requests_per_day: args.requests_per_day,
        at: args.as_of,
        seed: console.seed,
        ..SolveOptions::default()
    };
    let candidate = load::candidate(&args.policy, &catalog, &roles, &[], &options)?;
    write_router(&candidate.router, &args.output, console)?;
    let promises = candidate.promises.iter().map(PromiseFigures::from);
    let result = CompileResult::new(&args.output.display().to_string(), promises.collect());
    console.show(&result, &compile_document(&result), args.format)
}

/// Write a router file, whole or not at all.
pub(super) fn write_router(
    router: &Router,
    path: &std::path::Path,
    console: &Console,
) -> Result<(), Failure> {
    let bytes = router.to_bytes().map_err(says_no)?;
    write_file(path, |file| file.write_all(&bytes)).map_err(says_no)?;
    console.say(&format!(
        "{}: {} endpoints, {} trained models, {} bytes",
        path.display(),
        router.endpoints().len(),
        router.heads().len(),
        bytes.len()
    ));
    Ok(())
}

pub(super) fn decide(args: &DecideArgs, console: &Console) -> Outcome {
    let router = load::router(&args.router)?;
    let at = args.at.map(|moment| match moment {
        Moment::Now => now(),
        Moment::At(at) => at,
    });
    let (mut read, mut without_time) = (0u64, 0u64);
    let mut scratch = Scratch::default();
    let mut out = BufWriter::new(io::stdout().lock());
    for line in RequestLines::open(&args.trace).map_err(says_no)? {
        let (id, mut request) = line.map_err(says_no)?;
        read += 1;
        if request.at.is_none() {
            request.at = at;
            without_time += u64::from(at.is_none());
        }
        let written = writeln!(
            out,
            "{}",
            decision_line(&router, &id, &request.as_ref(), &mut scratch)
        );
        match written {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            other => other.map_err(|error| says_no(format!("standard output: {error}")))?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(says_no(format!("standard output: {error}")));
        }
        _ => {}
    }
    if without_time > 0 {
        console.warn(&format!(
            "{without_time} of {read} requests have no `at`: each endpoint was taken to be open, at its last price, though it may have ended; --at now decides them as of today, --at TIME as of then"
        ));
    }
    Ok(ExitCode::from(exit::DONE))
}

pub(super) fn explain(args: &ExplainArgs, console: &Console) -> Outcome {
    let router = load::router(&args.router)?;
    let request = request(args)?;
    let explanation = router.explain(&request.as_ref());
    console.result(
        &explanation_result(&router, &explanation),
        &explanation_document(&router, &explanation),
        &args.show,
    )
}

fn request(args: &ExplainArgs) -> Result<Request, Failure> {
    if let Some(text) = &args.request {
        return Request::from_json(text).map_err(|error| wrong_call(format!("--request: {error}")));
    }
    let mut prompt = args.prompt.clone().unwrap_or_default();
    if prompt == "-" {
        prompt.clear();
        io::stdin()
            .lock()
            .read_to_string(&mut prompt)
            .map_err(|error| says_no(format!("standard input: {error}")))?;
    }
    Ok(Request {
        prompt: Some(prompt),
        task: args.task.clone(),
        needs: args.needs.clone(),
        at: args.at,
        ..Request::default()
    })
}

pub(super) fn verify(args: &VerifyArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let (path, folder) = if args.router.is_dir() {
        let (manifest, found) = folder::read(&args.router)?;
        let check = export::verify_folder(&manifest, &found);
        (args.router.join(export::POLICY), Some(check))
    } else {
        (args.router.clone(), None)
    };
    let router = load::router(&path)?;
    let as_of = args.as_of.unwrap_or_else(now);
    let verification = export::verify(&router, &catalog, as_of).within(folder);
    console.result(
        &verification,
        &verification_document(&args.router.display().to_string(), &verification),
        &args.show,
    )?;
    Ok(ExitCode::from(if verification.fit {
        exit::DONE
    } else {
        exit::SAYS_NO
    }))
}
