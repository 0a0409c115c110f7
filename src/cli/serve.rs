//! `serve`: decisions over HTTP.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use super::args_serve::ServeArgs;
use super::exit::{self, Outcome, says_no};
use super::load;
use super::output::Console;
use crate::policy::SolveOptions;
use crate::serve::{Active, DEFAULT_THREADS, Explore, Loaded, ServeOptions, run as serve};

pub(super) fn run(args: &ServeArgs, console: &Console) -> Outcome {
    let catalog = load::catalog(&args.catalog)?;
    let roles = load::roles(&args.roles, None);
    let candidate = load::candidate(
        &args.router,
        &catalog,
        &roles,
        &[],
        &SolveOptions::default(),
    )?;
    let options = ServeOptions {
        listen: args.listen,
        threads: NonZeroUsize::new(console.threads).unwrap_or(DEFAULT_THREADS),
        limits: args.limits.limits(),
        tokens: args.access.tokens()?,
        admin_tokens: args.access.admin_tokens()?,
        tls: args.access.tls()?,
        log: args.log.options(console.quiet),
    };
    if !args.listen.ip().is_loopback() && options.tokens.is_none() {
        console.warn(
            "this address is not loopback: whoever reaches it can ask for decisions; \
             --token-file lets in those who bring a token",
        );
    }
    let active = Active {
        main: Loaded {
            name: candidate.name,
            router: candidate.router,
        },
        canary: None,
        shadow: None,
        explore: Explore::default(),
    };
    serve(active, options, |_| {}).map_err(says_no)?;
    Ok(ExitCode::from(exit::DONE))
}
