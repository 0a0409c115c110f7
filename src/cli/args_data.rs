//! What can be said on the command line of data that others made: logs and price sheets.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use weighbridge_router::Timestamp;

use super::args::{CatalogArgs, ReadArgs, RoleArgs, ShowArgs, time};
use crate::catalog::{SHEET_FORMATS, SheetFormat};
use crate::trace_io::{IMPORT_FORMATS, ImportFormat};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Files or folders of the recorder; `-` is standard input (csv, routerarena)
    #[arg(required = true, value_name = "IN")]
    pub(super) inputs: Vec<PathBuf>,
    /// The recorder's format: `routellm`, `routerarena` or `csv`
    #[arg(long, value_name = "FORMAT", value_parser = import_format)]
    pub(super) from: ImportFormat,
    /// The trace to write (`.gz` compresses, `-` is standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// csv: which column holds a field, for example `--map score=resolved`; repeatable
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub(super) map: Vec<String>,
    /// csv with a row a request: the columns that hold a model's score each, named as the models are
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub(super) score_columns: Vec<String>,
    /// csv: what parts the cells [default: a comma, a tab for .tsv]
    #[arg(long, value_name = "CHARACTER")]
    pub(super) separator: Option<char>,
    /// Tokens that an answer is taken to have where none were recorded; marked as assumed in all that follows
    #[arg(long, value_name = "N")]
    pub(super) assume_output_tokens: Option<u32>,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
    #[command(flatten)]
    pub(super) read: ReadArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum CatalogCommand {
    /// Print endpoints, prices and where they come from
    Show {
        /// Models or endpoints; all where none is named
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        catalog: CatalogArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Find gaps between price rows, endpoints without prices, and what has expired; exit 1 on an error
    Check {
        #[command(flatten)]
        catalog: CatalogArgs,
        /// The day to check for [default: today]
        #[arg(long, value_name = "DATE", value_parser = time)]
        as_of: Option<Timestamp>,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Turn a price sheet into a catalog file, for --catalog
    ///
    /// `csv`: a row a model with the columns `model`, `input_usd_per_mtok`, `output_usd_per_mtok`
    /// (USD per million tokens), and where they are known `cached_usd_per_mtok` and `provider`.
    /// `litellm`: LiteLLM's model_prices_and_context_window.json.
    ///
    /// Prices are taken digit by digit; one that is no whole number of picodollars a token is
    /// rounded half-even and counted. Rows that are not priced by the token of text are left out and
    /// counted by reason. Price rows are open: valid at any time.
    Import(CatalogImportArgs),
}

#[derive(Debug, Args)]
pub(super) struct CatalogImportArgs {
    /// The price sheet; `-` is standard input
    #[arg(value_name = "SHEET")]
    pub(super) sheet: PathBuf,
    /// The sheet's format: `csv` or `litellm`
    #[arg(long, value_name = "FORMAT", value_parser = sheet_format)]
    pub(super) from: SheetFormat,
    /// The catalog file to write (`-` is standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Take this model alone: the row of that name, else those that have it behind a route (`azure/`); `gpt-4o*` takes all that begin so; repeatable
    #[arg(long = "model", value_name = "NAME")]
    pub(super) models: Vec<String>,
    /// Take the models of this provider alone, by the sheet's name; repeatable
    #[arg(long = "provider", value_name = "NAME")]
    pub(super) providers: Vec<String>,
}

fn import_format(text: &str) -> Result<ImportFormat, String> {
    ImportFormat::by_name(text).ok_or_else(|| {
        let names: Vec<&str> = IMPORT_FORMATS.iter().map(|(name, ..)| *name).collect();
        format!("known formats: {}", names.join(", "))
    })
}

fn sheet_format(text: &str) -> Result<SheetFormat, String> {
    let known = SHEET_FORMATS.iter().find(|(name, _)| *name == text);
    known.map(|&(_, format)| format).ok_or_else(|| {
        let names: Vec<&str> = SHEET_FORMATS.iter().map(|(name, _)| *name).collect();
        format!("known formats: {}", names.join(", "))
    })
}
