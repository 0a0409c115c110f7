//! `serve`: decisions over HTTP.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args_serve::ServeArgs;
use super::exit::{self, Failure, Outcome, says_no};
use super::load;
use super::output::Console;
use crate::catalog::Catalog;
use crate::policy::{Roles, SolveOptions};
use crate::serve::{Active, Canary, DEFAULT_THREADS, Explore, Loaded, ServeOptions, run as serve};

pub(super) fn run(args: &ServeArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let roles = load::roles(&args.roles, None);
    let main = loaded(&args.router, &catalog, &roles)?;
    let options = ServeOptions {
        listen: args.listen,
        threads: NonZeroUsize::new(console.threads).unwrap_or(DEFAULT_THREADS),
        limits: args.limits.limits(),
        proxy: args.upstream.options(&main.router, console)?,
        tokens: args.access.tokens()?,
        admin_tokens: args.access.admin_tokens()?,
        tls: args.access.tls()?,
        log: args.log.options(console.quiet),
        record: args.record.options(),
    };
    if !args.listen.ip().is_loopback() && options.tokens.is_none() {
        console.warn(
            "this address is not loopback: whoever reaches it can ask for decisions; \
             --token-file lets in those who bring a token",
        );
    }
    let name = main.name.clone();
    let record = &args.record;
    let second = |path: &Option<PathBuf>| {
        let loaded = path.as_ref().map(|path| loaded(path, &catalog, &roles));
        let loaded = loaded.transpose()?;
        // Traces tell the two apart by their names.
        Ok::<_, Failure>(loaded.map(|loaded| Loaded {
            name: match (path, loaded.name == name) {
                (Some(path), true) => path.display().to_string(),
                _ => loaded.name,
            },
            ..loaded
        }))
    };
    let (canary, shadow) = (second(&record.canary)?, second(&record.shadow)?);
    let active = Active {
        main,
        canary: canary
            .zip(record.canary_share)
            .map(|(loaded, share)| Canary { loaded, share }),
        shadow,
        explore: Explore {
            share: record.explore,
            among: None,
        },
    };
    serve(active, options, |_| {}).map_err(says_no)?;
    Ok(ExitCode::from(exit::DONE))
}

/// A file that decides.
fn loaded(path: &Path, catalog: &Catalog, roles: &Roles) -> Result<Loaded, Failure> {
    let candidate = load::candidate(path, catalog, roles, &[], &SolveOptions::default())?;
    Ok(Loaded {
        name: candidate.name,
        router: candidate.router,
    })
}
