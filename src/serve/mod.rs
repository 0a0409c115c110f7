//! The sidecar: decisions of one router over HTTP.
//!
//! Owns the server's life (listening, draining), the routes, the shapes of their bodies, and the
//! draw of one endpoint from a mixture. It decides nothing itself and knows no policy files: whoever
//! starts it hands over a loaded router. With the command line it is the only place that looks at
//! the clock, since a request that does not say when it arrived arrived now. Start at [`run`].

mod accept;
mod access;
mod answer;
mod app;
mod assign;
mod body_budget;
mod bounds;
mod clock;
mod connection;
mod error;
mod feedback;
mod head;
mod live;
mod log;
mod metrics;
mod named;
mod options;
mod origin;
mod proxy;
mod record;
mod reload;
mod route;
mod server;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

pub use access::AccessTokens;
pub use error::ServeError;
pub use live::{Active, Canary, Loaded};
pub use log::{LogFormat, LogOptions};
pub use options::{DEFAULT_LISTEN, DEFAULT_THREADS, Limits, ServeOptions};
pub use origin::AllowedHosts;
pub use proxy::{DEFAULT_DEADLINE, DEFAULT_SILENCE, ProxyOptions, Upstream};
pub use record::{Prompts, RecordOptions};
#[cfg(any(test, fuzzing))]
pub use record::{Said, record_and_read};
pub use reload::{Files, Source};
pub use server::{run, serve};
pub use tls::Tls;
