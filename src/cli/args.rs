//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use weighbridge_router::{Timestamp, Trade, Usd};

use super::args_data::{CatalogCommand, ImportArgs};
use super::args_diff::DiffArgs;
use super::args_export::ExportArgs;
use super::args_serve::ServeArgs;
use super::args_train::TrainArgs;
use super::claims::ClaimsArgs;
use super::exit::{Failure, wrong_call};
use super::inspect::InspectArgs;
use super::plan::PlanArgs;
use super::shell::{CompletionsArgs, ManArgs};
use super::whatif::WhatIfArgs;
use crate::replay::SegmentKey;

/// Which requests deserve the expensive model, and what would that cost and gain?
///
/// Record requests (import, generate), replay policies against them, train a router, and ship the
/// file that decides. Results go to standard output, everything else to standard error. Exit
/// codes: 0 done, 1 the data or a check says no, 2 the call is wrong.
#[derive(Debug, Parser)]
#[command(
    name = "weighbridge",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(super) struct Common {
    /// Threads to work on; results do not depend on it [default: all cores]
    #[arg(long, global = true, help_heading = "Common options", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Seed of every random draw
    #[arg(
        long,
        global = true,
        help_heading = "Common options",
        value_name = "N",
        default_value_t = 1
    )]
    pub(super) seed: u64,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub(super) quiet: bool,
    /// List every line that was skipped and every file that was read
    #[arg(
        short,
        long,
        global = true,
        help_heading = "Common options",
        conflicts_with = "quiet"
    )]
    pub(super) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Turn another recorder's log into a trace
    ///
    /// `routellm`: RouteLLM's MMLU answers, a CSV a subject. `routerarena`: RouterArena's cached
    /// results, JSON lines, a file a model; the files are joined, and scores outside [0, 1] are clamped
    /// and counted. `csv`: tables, in one of two forms.
    ///
    /// A row an outcome: --map id=... --map model=... and what else the columns hold.
    ///
    /// A row a request: --score-columns A,B names the columns that hold each model's score from 0 to 1;
    /// `id`, `prompt` (or `question`) and `task` are found by name, others by --map.
    Import(ImportArgs),
    /// Make a synthetic trace from a scenario
    Generate(GenerateArgs),
    /// Say what is in a trace, and what it can and cannot answer; or whether it looks like training
    ///
    /// With --against, whether a router that was trained on other requests still fits these: exit 1
    /// where an alarm is raised.
    Inspect(InspectArgs),
    /// Show or check the catalog of models, endpoints and prices, or make one of a price sheet
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Turn a policy that people write into a router file that machines load
    Compile(CompileArgs),
    /// Replay policies against recorded requests: cost, success, latency, net value
    Replay(ReplayArgs),
    /// Find the policy to ship under a budget, a share, a success or a value
    Plan(PlanArgs),
    /// Say what policies come to under other prices, worths, tokens, shares, lives or endpoints
    ///
    /// Both as they ship and compiled anew for the new circumstances. NAME=VALUE sets, NAME*=VALUE
    /// scales, NAME+=VALUE adds; a value may be a range, a..b:logN or a..b:linN, or a list, a,b,c.
    ///
    /// Names: value, wrong, second, requests_per_day, price.ENDPOINT.input|cached|output,
    /// tokens.MODEL, success.MODEL, share.FIELD.VALUE, available.ENDPOINT.from|until, fixed.ENDPOINT.
    /// ENDPOINT may be a model or a role, and means all of its endpoints. The first and the last dot
    /// delimit; quotes keep a name together.
    #[command(name = "whatif")]
    WhatIf(WhatIfArgs),
    /// Check statements about models: which hold, under which reading and assumption
    ///
    /// A statement is data: facts with their sources, prices of the catalog, figures of policies on
    /// traces, and arithmetic over them. Write a vendor's claims down and test them on your own trace.
    Claims(ClaimsArgs),
    /// Train a router that predicts each model's success and tokens
    Train(TrainArgs),
    /// Measure a trained router on requests that it never saw
    Eval(EvalArgs),
    /// Say why a request goes where it goes
    Explain(ExplainArgs),
    /// Print a decision a line, as every other loader prints it
    Decide(DecideArgs),
    /// Write a policy as a folder that another gateway mounts
    ///
    /// The folder holds what the gateway loads, the router file, a README and a self-check. `litellm`:
    /// a plugin for LiteLLM's proxy that decides inside it, and its configuration. `envoy`: Envoy's
    /// configuration, with a filter that asks `weighbridge serve` beside it. `onnx`: the trained heads as
    /// a model for onnxruntime, with the rest in Python. `vllm-sr`: rules as routes of the vLLM semantic
    /// router.
    ///
    /// A policy that the gateway cannot express is refused with the reasons and the nearest one that it
    /// can (exit 1); --approximate exports that one, and says what it loses.
    Export(ExportArgs),
    /// Say what a rollout changes: what differs between two routers, and which requests move
    ///
    /// Without a trace: endpoints, prices, limits, choice, trade, features, heads and what they were
    /// trained on. With one: which requests go elsewhere, and what that costs and gains, on requests that
    /// neither router was trained on. Exit 0, and with --exit-code 1 where they decide otherwise.
    Diff(DiffArgs),
    /// Check a router file or an exported folder: checksums, golden requests, expiry
    Verify(VerifyArgs),
    /// Serve decisions over HTTP
    Serve(ServeArgs),
    /// Print what a shell needs to complete commands, flags and their values
    Completions(CompletionsArgs),
    /// Write the manual pages, one a command
    Man(ManArgs),
}

/// Which catalog is in force.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct CatalogArgs {
    /// Catalog file or folder, over the one that is built in; repeatable, later ones override
    #[arg(long, value_name = "PATH")]
    pub(super) catalog: Vec<PathBuf>,
}

/// Which models have the roles.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RoleArgs {
    /// Model or endpoint that has the role `driver`
    #[arg(long, value_name = "NAME")]
    pub(super) driver: Option<String>,
    /// Model or endpoint that has the role `specialist`
    #[arg(long, value_name = "NAME")]
    pub(super) specialist: Option<String>,
}

/// What an answer is worth.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct TradeArgs {
    /// Worth of a right answer in USD, for requests that bring no value of their own
    #[arg(long, value_name = "USD", value_parser = usd)]
    pub(super) value: Option<Usd>,
    /// Cost in USD of a wrong answer that nobody catches
    #[arg(long, value_name = "USD", value_parser = usd, requires = "value")]
    pub(super) wrong: Option<Usd>,
    /// Worth of a second of waiting in USD
    #[arg(long, value_name = "USD", value_parser = usd, requires = "value")]
    pub(super) second: Option<Usd>,
}

impl TradeArgs {
    /// The trade, where a value is given.
    pub(super) fn trade(&self) -> Option<Trade> {
        let or_zero = |usd: Option<Usd>| usd.unwrap_or(Usd::ZERO);
        self.value.map(|value| Trade {
            value,
            wrong: or_zero(self.wrong),
            second: or_zero(self.second),
        })
    }
}

/// How a result is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Shown {
    /// For a person at a terminal
    #[default]
    Table,
    /// For a program: the whole result
    Json,
    /// For a spreadsheet: the tables
    Csv,
    /// For a document
    Markdown,
}

/// What to do with a line that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Bad {
    /// Stop there
    #[default]
    Fail,
    /// Leave it out, count and list it
    Skip,
}

/// How traces are read and results shown.
#[derive(Debug, Clone, Args)]
pub(super) struct ReadArgs {
    /// What to do with a line that cannot be read
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(super) on_error: Bad,
}

/// What is replayed.
#[derive(Debug, Clone, Args)]
pub(super) struct SubjectArgs {
    /// Traces, read as one; `-` is standard input
    #[arg(required = true, value_name = "TRACE")]
    pub(super) traces: Vec<PathBuf>,
    /// Policies, router files, or folders of policies; repeatable; the first is compared with all others
    #[arg(short, long = "policy", required = true, num_args = 1.., value_name = "POLICY")]
    pub(super) policies: Vec<PathBuf>,
}

/// What a command that reads traces works on beside them: prices, roles, and how lines are read.
#[derive(Debug, Clone, Args)]
pub(super) struct BasisArgs {
    /// The date whose prices hold for requests without a time
    #[arg(long, value_name = "DATE", value_parser = time)]
    pub(super) as_of: Option<Timestamp>,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
    #[command(flatten)]
    pub(super) read: ReadArgs,
}

/// How a result is shown.
#[derive(Debug, Clone, Args)]
pub(super) struct ShowArgs {
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Shown,
    /// Write the whole result as JSON to this file as well
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Whether a chart is drawn.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PlotArgs {
    /// Draw a chart in characters below the tables; with the formats table and markdown
    #[arg(long)]
    pub(super) plot: bool,
}

impl PlotArgs {
    /// Refuse a chart where a program reads.
    pub(super) fn check(&self, format: Shown) -> Result<(), Failure> {
        if self.plot && !matches!(format, Shown::Table | Shown::Markdown) {
            return Err(wrong_call(
                "--plot draws characters: it goes with --format table or markdown",
            ));
        }
        Ok(())
    }
}

/// Whether a page is written.
#[derive(Debug, Clone, Args)]
pub(super) struct PageArgs {
    /// Write the result as one self-contained HTML page to this file as well
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// The trace to write (`.gz` compresses, `-` is standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// A scenario that is built in, or a scenario file
    #[arg(long, value_name = "NAME|FILE", default_value = "engineering")]
    pub(super) scenario: String,
    /// How many requests
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=50_000_000))]
    pub(super) requests: u32,
}

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The policy
    #[arg(value_name = "POLICY")]
    pub(super) policy: PathBuf,
    /// The router file to write
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Requests a day, for a dial that is spending [default: what the trained router knows]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(super) requests_per_day: Option<f64>,
    /// The date whose prices a dial is solved at [default: the newest price rows]
    #[arg(long, value_name = "DATE", value_parser = time)]
    pub(super) as_of: Option<Timestamp>,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
    /// How the promises of the dials are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Shown,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    #[command(flatten)]
    pub(super) trade: TradeArgs,
    /// Set the trade of learned policies to --value as well, and not only charge by it
    #[arg(long, requires = "value")]
    pub(super) redecide: bool,
    /// Give figures for each value of this field too; repeatable
    #[arg(long, value_name = "FIELD", value_parser = segment_key)]
    pub(super) by: Vec<SegmentKey>,
    /// Bootstrap replicates behind each interval; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(super) replicates: u32,
    #[command(flatten)]
    pub(super) basis: BasisArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
    #[command(flatten)]
    pub(super) plot: PlotArgs,
    #[command(flatten)]
    pub(super) page: PageArgs,
}

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// The router file
    #[arg(value_name = "FILE")]
    pub(super) router: PathBuf,
    /// Traces, read as one; rows that the router learned from are left out and counted
    #[arg(required = true, value_name = "TRACE")]
    pub(super) traces: Vec<PathBuf>,
    /// Rules to compare with as well: policies, or folders of policies, that choose nothing by learned heads; repeatable
    #[arg(short, long = "policy", num_args = 1.., value_name = "POLICY")]
    pub(super) policies: Vec<PathBuf>,
    /// Values of a right answer in USD at which the router is re-decided and charged [default: nine around the value at which the specialist pays on average]
    #[arg(long, value_name = "USD,...", value_parser = usd, value_delimiter = ',')]
    pub(super) values: Option<Vec<Usd>>,
    /// Say for each value of this field what the specialist returns there; repeatable
    #[arg(long, value_name = "FIELD", value_parser = segment_key, default_values = ["task", "tenant", "length"])]
    pub(super) by: Vec<SegmentKey>,
    /// Bootstrap replicates behind each interval; 0 for none
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(super) replicates: u32,
    #[command(flatten)]
    pub(super) basis: BasisArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
    #[command(flatten)]
    pub(super) plot: PlotArgs,
    #[command(flatten)]
    pub(super) page: PageArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The router file
    #[arg(value_name = "FILE")]
    pub(super) router: PathBuf,
    /// The prompt; `-` reads it from standard input
    #[arg(long, value_name = "TEXT", required_unless_present = "request")]
    pub(super) prompt: Option<String>,
    /// The request as a JSON object, as it stands in a trace
    #[arg(long, value_name = "JSON", conflicts_with = "prompt")]
    pub(super) request: Option<String>,
    /// The request's task
    #[arg(long, value_name = "NAME", conflicts_with = "request")]
    pub(super) task: Option<String>,
    /// Abilities that the request needs; repeatable
    #[arg(long, value_name = "NAME", conflicts_with = "request")]
    pub(super) needs: Vec<String>,
    /// When the request arrives [default: the newest price row]
    #[arg(long, value_name = "DATE", value_parser = time, conflicts_with = "request")]
    pub(super) at: Option<Timestamp>,
    #[command(flatten)]
    pub(super) show: ShowArgs,
}

#[derive(Debug, Args)]
pub(super) struct DecideArgs {
    /// The router file
    #[arg(value_name = "FILE")]
    pub(super) router: PathBuf,
    /// A trace, or a line each: request objects, chat bodies; `-` is standard input
    #[arg(value_name = "TRACE")]
    pub(super) trace: PathBuf,
    /// When requests arrive that have no `at` [default: outside of time, at the last prices]
    #[arg(long, value_name = "now|TIME", value_parser = moment)]
    pub(super) at: Option<Moment>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The router file, or the folder that `export` wrote
    #[arg(value_name = "FILE")]
    pub(super) router: PathBuf,
    /// The day to check expiry for [default: today]
    #[arg(long, value_name = "DATE", value_parser = time)]
    pub(super) as_of: Option<Timestamp>,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
}

pub(super) fn usd(text: &str) -> Result<Usd, String> {
    match Usd::parse(text) {
        Ok(usd) if usd >= Usd::ZERO => Ok(usd),
        Ok(_) => Err("must not be negative".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    number
        .filter(|x: &f64| x.is_finite() && *x > 0.0)
        .ok_or_else(|| "must be a number above 0".to_owned())
}

/// A time that may be the present.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    Now,
    At(Timestamp),
}

fn moment(text: &str) -> Result<Moment, String> {
    match text {
        "now" => Ok(Moment::Now),
        text => time(text).map(Moment::At),
    }
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

fn segment_key(text: &str) -> Result<SegmentKey, String> {
    let known = SegmentKey::NAMES.iter().find(|(name, _)| *name == text);
    known.map(|&(_, key)| key).ok_or_else(|| {
        let names: Vec<&str> = SegmentKey::NAMES.iter().map(|(name, _)| *name).collect();
        format!("requests can be grouped by {}", names.join(", "))
    })
}
