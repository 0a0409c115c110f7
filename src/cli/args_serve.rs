//! What `serve` can be told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::{CatalogArgs, RoleArgs};
use super::args_record::RecordArgs;
use super::args_upstream::UpstreamArgs;
use super::exit::{Failure, says_no, wrong_call};
use super::load;
use crate::serve::{AccessTokens, AllowedHosts, Limits, LogFormat, LogOptions, Tls};

/// How `serve` decides and listens.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// A router file, or a policy
    #[arg(value_name = "FILE")]
    pub(super) router: PathBuf,
    /// Where to listen; another address than loopback is reachable by others
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(super) listen: SocketAddr,
    #[command(flatten)]
    pub(super) upstream: UpstreamArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
    #[command(flatten)]
    pub(super) log: LogArgs,
    #[command(flatten)]
    pub(super) record: RecordArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
}

/// Who may ask, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(super) struct AccessArgs {
    /// Answer only who sends `Authorization: Bearer TOKEN` with a token of this file, one a line
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The same for /metrics and POST /admin/reload; without it everyone may read and nobody reload
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// On loopback without tokens, be asked under this name too, beside localhost and the like; for a
    /// gateway that passes its clients' Host on
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Name each request here, whatever its client calls it: whoever names it chooses its draw
    #[arg(long)]
    pub(super) ignore_client_ids: bool,
    /// Speak TLS by this certificate with those that vouch for it, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl AccessArgs {
    /// Who may ask for decisions.
    pub(super) fn tokens(&self) -> Result<Option<AccessTokens>, Failure> {
        self.token_file.as_deref().map(tokens).transpose()
    }

    /// Who may administer.
    pub(super) fn admin_tokens(&self) -> Result<Option<AccessTokens>, Failure> {
        self.admin_token_file.as_deref().map(tokens).transpose()
    }

    /// Under which names it may be asked.
    pub(super) fn allowed_hosts(&self) -> Result<AllowedHosts, Failure> {
        AllowedHosts::try_new(&self.allow_host)
            .map_err(|why| wrong_call(format!("--allow-host: {why}")))
    }

    /// By what to speak TLS.
    pub(super) fn tls(&self) -> Result<Option<Tls>, Failure> {
        let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        let tls = Tls::try_new(load::text(cert)?.as_bytes(), load::text(key)?.as_bytes());
        let fault = |why| {
            says_no(format!(
                "--tls-cert {}, --tls-key {}: {why}",
                cert.display(),
                key.display()
            ))
        };
        tls.map(Some).map_err(fault)
    }
}

fn tokens(path: &Path) -> Result<AccessTokens, Failure> {
    AccessTokens::parse(&load::text(path)?)
        .map_err(|why| says_no(format!("{}: {why}", path.display())))
}

/// What the server says on standard error.
#[derive(Debug, Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogArgs {
    /// How events are written to standard error
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log: LogArg,
    /// Log each decision, and each call of an upstream, as well; never its texts
    #[arg(long)]
    log_requests: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum LogArg {
    /// A line for a person
    #[default]
    Text,
    /// A JSON object a line, with OpenTelemetry's names
    Json,
    /// Nothing
    Off,
}

impl LogArgs {
    /// As the server takes them.
    pub(super) fn options(&self, quiet: bool) -> LogOptions {
        LogOptions {
            format: match self.log {
                LogArg::Text => LogFormat::Text,
                LogArg::Json => LogFormat::Json,
                LogArg::Off => LogFormat::Off,
            },
            requests: self.log_requests,
            quiet,
        }
    }
}

/// What no client can exceed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Connections open at a time; a further one is answered with 503
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// Bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    max_body: u32,
    /// Mebibytes of all bodies that are held at a time; beyond, 503
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    body_budget_mb: u32,
    /// Bytes of a request's headers
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10, value_parser = clap::value_parser!(u32).range(8192..=1 << 20))]
    max_headers: u32,
    /// Seconds for a request's headers to be complete
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    headers_timeout: Duration,
    /// Seconds for a request's body to be complete
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    body_timeout: Duration,
    /// Seconds that a connection may rest between two requests
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    idle_timeout: Duration,
    /// Seconds that a client may take none of its answer
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    write_timeout: Duration,
    /// Seconds for other files to be loaded, before what decides goes on without them
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    reload_timeout: Duration,
    /// Once told to stop, seconds for which new connections are still served while /readyz says no
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    drain_delay: Duration,
    /// After that, seconds for requests under way to finish
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    drain_timeout: Duration,
}

impl LimitArgs {
    /// As the server takes them.
    pub(super) fn limits(&self) -> Result<Limits, Failure> {
        let bodies_bytes = (self.body_budget_mb as usize) << 20;
        let body_bytes = self.max_body as usize;
        // A quarter is kept for small ones.
        if body_bytes > bodies_bytes - bodies_bytes / 4 {
            return Err(wrong_call(format!(
                "--max-body {body_bytes}: more than three quarters of --body-budget-mb {}; raise that too",
                self.body_budget_mb
            )));
        }
        Ok(Limits {
            connections: self.max_connections as usize,
            head_bytes: self.max_headers as usize,
            body_bytes,
            bodies_bytes,
            head: self.headers_timeout,
            body: self.body_timeout,
            idle: self.idle_timeout,
            stalled: self.write_timeout,
            load: self.reload_timeout,
            linger: self.drain_delay,
            drain: self.drain_timeout,
        })
    }
}

/// A span of time in seconds, at most a day.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok();
    number
        .filter(|seconds: &f64| (0.0..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "must be a number of seconds from 0 to 86400".to_owned())
}
