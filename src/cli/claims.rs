//! `claims`: statements as data, checked against prices, published figures and traces.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{BasisArgs, Shown};
use super::exit::{Failure, Outcome, says_no, wrong_call};
use super::load::{self, Candidate};
use super::output::{Console, write_json};
use super::replay::unseen;
use crate::catalog::Catalog;
use crate::policy::SolveOptions;
use crate::report::{Format, Screen, claims_document, render};
use crate::trace_io::write_file;
use crate::whatif::{ClaimOptions, Claims, Ground, check_claims};

#[derive(Debug, Args)]
pub(super) struct ClaimsArgs {
    /// The file of claims [default: those of the article that the tool began with]
    #[arg(value_name = "FILE")]
    pub(super) claims: Option<PathBuf>,
    /// A trace that the file asks for, by its name there; repeatable; those that are not given leave
    /// what rests on them untested
    #[arg(long = "trace", value_name = "NAME=TRACE", value_parser = named)]
    pub(super) traces: Vec<(String, PathBuf)>,
    /// A policy or router file that the file asks for, by its name there; repeatable
    #[arg(short, long = "policy", value_name = "NAME=POLICY", value_parser = named)]
    pub(super) policies: Vec<(String, PathBuf)>,
    /// Resamples behind each interval
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub(super) replicates: u32,
    #[command(flatten)]
    pub(super) basis: BasisArgs,
    /// How the verdicts are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Shown,
    /// Write them as Markdown (a name that ends in .md) or as JSON (any other); repeatable
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Vec<PathBuf>,
}

pub(super) fn run(args: &ClaimsArgs, console: &Console) -> Outcome {
    let claims = match &args.claims {
        None => Claims::article(),
        Some(path) => {
            Claims::parse(&path.display().to_string(), &load::text(path)?).map_err(says_no)?
        }
    };
    let catalog = load::catalog(&args.basis.catalog)?;
    let traces: Vec<&str> = claims.traces().collect();
    let policies: Vec<&str> = claims.policies().collect();
    asked("--trace", &args.traces, &traces)?;
    asked("-p", &args.policies, &policies)?;
    let mut grounds = Vec::new();
    for (name, path) in &args.traces {
        grounds.push(ground(name, path, &claims, &catalog, args, console)?);
    }
    let options = ClaimOptions {
        as_of: args.basis.as_of,
        seed: console.seed,
        replicates: args.replicates as usize,
        threads: console.threads,
    };
    let report = check_claims(&claims, &catalog, &grounds, &options).map_err(wrong_call)?;
    let document = claims_document(&report);
    for path in &args.output {
        if path.extension().is_some_and(|ending| ending == "md") {
            let text = render(&document, Format::Markdown, Screen::default());
            write_file(path, |file| file.write_all(text.as_bytes())).map_err(says_no)?;
        } else {
            write_json(path, &report)?;
        }
    }
    console.show(&report, &document, args.format)
}

/// A trace with the policies whose figures are asked for on it.
fn ground(
    name: &str,
    path: &Path,
    claims: &Claims,
    catalog: &Catalog,
    args: &ClaimsArgs,
    console: &Console,
) -> Result<Ground, Failure> {
    let trace = load::traces(&[path.to_owned()], &args.basis.read, console)?;
    let roles = load::roles(&args.basis.roles, Some(trace.header()));
    let recorded_only = load::recorded_only(&trace, catalog);
    let options = SolveOptions {
        at: args.basis.as_of.or(trace.header().prices_at),
        seed: console.seed,
        ..SolveOptions::default()
    };
    let on_it = claims.policies_on(name);
    let wanted = args
        .policies
        .iter()
        .filter(|(of, _)| on_it.contains(&of.as_str()));
    let candidates: Vec<Candidate> = wanted
        .map(|(of, path)| {
            let candidate = load::candidate(path, catalog, &roles, &recorded_only, &options)?;
            Ok(Candidate {
                name: of.clone(),
                ..candidate
            })
        })
        .collect::<Result<_, Failure>>()?;
    let (trace, dropped) = unseen(trace, &candidates)?;
    if dropped > 0 {
        console.warn(&format!(
            "{name}: {dropped} requests are left out, on which a router may have been trained"
        ));
    }
    Ok(Ground {
        name: name.to_owned(),
        trace,
        dropped,
        policies: candidates
            .into_iter()
            .map(|it| (it.name, it.router))
            .collect(),
        roles,
        recorded_only,
    })
}

/// Whether the file asks for all that is given, each once.
fn asked(flag: &str, given: &[(String, PathBuf)], known: &[&str]) -> Result<(), Failure> {
    for (place, (name, _)) in given.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let known = match known {
                [] => "none".to_owned(),
                known => known.join(", "),
            };
            return Err(wrong_call(format!(
                "{flag} {name}: the file of claims does not ask for it; it asks for {known}"
            )));
        }
        if given[..place].iter().any(|(held, _)| held == name) {
            return Err(wrong_call(format!("{flag} {name}: is given twice")));
        }
    }
    Ok(())
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(path)))
        }
        _ => Err("must be NAME=FILE, the name as the file of claims has it".to_owned()),
    }
}
