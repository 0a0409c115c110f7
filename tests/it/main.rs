//! The one integration binary: linking is the slow part of testing, so there is one.

#[path = "../architecture.rs"]
mod architecture;
mod bad_input;
mod cli_catalog;
mod cli_generate;
mod cli_inspect;
mod cli_replay;
mod cli_router;
mod cli_serve;
mod naive;
mod oracle;
mod properties;
mod schema;
mod support;
