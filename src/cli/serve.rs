//! `serve`: decisions over HTTP.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use super::args_serve::ServeArgs;
use super::exit::{self, Outcome, says_no};
use super::output::Console;
use super::served::Served;
use crate::serve::{DEFAULT_THREADS, Files, ServeOptions, Source as _, run as serve};

pub(super) fn run(args: &ServeArgs, console: &Console) -> Outcome {
    let served = Served::new(args);
    // Before loading: a change in between is then seen.
    let stamp = served.stamp();
    let active = served.active()?;
    let options = ServeOptions {
        listen: args.listen,
        threads: NonZeroUsize::new(console.threads).unwrap_or(DEFAULT_THREADS),
        limits: args.limits.limits(),
        tokens: args.access.tokens()?,
        admin_tokens: args.access.admin_tokens()?,
        tls: args.access.tls()?,
        log: args.log.options(console.quiet),
        record: args.record.options(),
        proxy: args.upstream.options(&active.main.router, console)?,
    };
    if !args.listen.ip().is_loopback() && options.tokens.is_none() {
        console.warn(
            "this address is not loopback: whoever reaches it can ask for decisions; \
             --token-file lets in those who bring a token",
        );
    }
    let files = Files {
        active,
        stamp,
        source: Some(Arc::new(served)),
    };
    serve(files, options, |_| {}).map_err(says_no)?;
    Ok(ExitCode::from(exit::DONE))
}
