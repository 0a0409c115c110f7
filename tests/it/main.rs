//! The one integration binary: linking is the slow part of testing, so there is one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and a table of cases is long"
)]

#[path = "../architecture.rs"]
mod architecture;
mod bad_input;
mod chat;
mod cli_catalog;
mod cli_claims;
mod cli_diff;
mod cli_drift;
mod cli_eval;
mod cli_export;
mod cli_export_targets;
mod cli_generate;
mod cli_import;
mod cli_inspect;
mod cli_learning_curve;
mod cli_page;
mod cli_plan;
mod cli_plot;
mod cli_proxy;
mod cli_record;
mod cli_replay;
mod cli_router;
mod cli_serve;
mod cli_sheets;
mod cli_shell;
mod cli_solve;
mod cli_tables;
mod cli_whatif;
mod corpus;
mod features;
mod inert;
mod naive;
mod oracle;
mod parity;
mod parity_forms;
mod properties;
mod readme;
#[path = "../../crates/router/tests/it/sample.rs"]
mod sample;
mod schema;
#[cfg(target_os = "linux")]
mod serve_edge;
mod serve_faults;
mod server;
mod support;
mod swebench;
mod training;
mod worlds;
