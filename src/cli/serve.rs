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
        proxy: args.upstream.options(&candidate.router, console)?,
    };
    if !args.listen.ip().is_loopback() {
        console.warn("this address is not loopback: whoever reaches it can ask for decisions");
    }
    let name = candidate.name.clone();
    let active = Active {
        main: Loaded {
            name: candidate.name,
            router: candidate.router,
        },
        canary: None,
        shadow: None,
        explore: Explore::default(),
    };
    serve(active, options, |address| {
        console.say(&format!("{name} decides at http://{address}/v1/route"))
    })
    .map_err(says_no)?;
    Ok(ExitCode::from(exit::DONE))
}
