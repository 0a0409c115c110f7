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
    let mut limits = args.limits.limits()?;
    // Above that, the system would refuse and no client be told.
    limits.connections = limits.connections.min(open_files(limits.connections));
    let options = ServeOptions {
        listen: args.listen,
        threads: NonZeroUsize::new(console.threads).unwrap_or(DEFAULT_THREADS),
        limits,
        tokens: args.access.tokens()?,
        admin_tokens: args.access.admin_tokens()?,
        allowed_hosts: args.access.allowed_hosts()?,
        own_ids: args.access.ignore_client_ids,
        tls: args.access.tls()?,
        log: args.log.options(console.quiet),
        record: args.record.options(),
        proxy: args.upstream.options(&active, console)?,
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

/// Have the system allow as many open files as so many connections need, as far as this process may;
/// how many connections that gives room for.
#[cfg(unix)]
fn open_files(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Files, upstreams and the runtime's own.
    const OTHERS: u64 = 256;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let need = connections as u64 + OTHERS;
    let wanted = maximum.map_or(need, |most| most.min(need));
    let raised = Rlimit {
        current: Some(wanted),
        maximum,
    };
    let open = match current {
        Some(now) if now < wanted && setrlimit(Resource::Nofile, raised).is_ok() => wanted,
        Some(now) => now,
        None => need,
    };
    usize::try_from(open.saturating_sub(OTHERS).max(1)).unwrap_or(connections)
}

#[cfg(not(unix))]
fn open_files(connections: usize) -> usize {
    connections
}
