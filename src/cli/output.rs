//! Where text goes: results to standard output, all else to standard error.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::iter;
use std::path::Path;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use weighbridge_router::{Timestamp, printable};

use super::args::{Common, PageArgs, ShowArgs, Shown};
use super::exit::{self, Failure, Outcome, says_no};
use crate::report::{Document, Format, Screen, render};
use crate::trace_io::write_file;

/// The streams, and how much to say on them.
pub(super) struct Console {
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    pub(super) threads: usize,
    pub(super) seed: u64,
}

impl Console {
    pub(super) fn new(common: &Common) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            quiet: common.quiet,
            verbose: common.verbose,
            threads: common.threads.map_or(cores, usize::from),
            seed: common.seed,
        }
    }

    /// A remark.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// Something that the user should know before he believes the result.
    pub(super) fn warn(&self, text: &str) {
        if !self.quiet {
            to_stderr(&format!("warning: {text}"));
        }
    }

    pub(super) fn error(&self, text: &str) {
        to_stderr(&format!("error: {text}"));
    }

    /// A bar for long work; drawn only at a terminal.
    pub(super) fn progress(&self, what: &str, length: u64) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar
    }

    /// Write the page of a result where it is asked for; `page` makes it of the command that it is
    /// the result of.
    pub(super) fn page(
        &self,
        args: &PageArgs,
        page: impl FnOnce(&str) -> String,
    ) -> Result<(), Failure> {
        let Some(path) = &args.html else {
            return Ok(());
        };
        let page = page(&command());
        write_file(path, |file| file.write_all(page.as_bytes())).map_err(says_no)
    }

    /// Show a result, and write it as JSON where that is asked for.
    pub(super) fn result<T: Serialize>(
        &self,
        result: &T,
        document: &Document,
        show: &ShowArgs,
    ) -> Outcome {
        if let Some(path) = &show.output {
            write_json(path, result)?;
        }
        self.show(result, document, show.format)
    }

    /// Show a result.
    pub(super) fn show<T: Serialize>(
        &self,
        result: &T,
        document: &Document,
        shown: Shown,
    ) -> Outcome {
        let text = match shown {
            Shown::Json => json(result)?,
            Shown::Table => render(document, Format::Table, screen()),
            Shown::Csv => render(document, Format::Csv, Screen::default()),
            Shown::Markdown => render(document, Format::Markdown, Screen::default()),
        };
        print(&text)
    }
}

/// A file or a pipe is wide and has no colours; a terminal tells its own width, and has colours
/// unless its user said that he wants none (<https://no-color.org>).
fn screen() -> Screen {
    if !io::stdout().is_terminal() {
        return Screen {
            width: Some(160),
            colour: false,
        };
    }
    Screen {
        width: None,
        colour: env::var_os("NO_COLOR").is_none_or(|wish| wish.is_empty()),
    }
}

/// Write to standard output. A reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> Outcome {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(says_no(format!("standard output: {error}")))
        }
        _ => Ok(ExitCode::from(exit::DONE)),
    }
}

/// Write a result as JSON, whole or not at all.
pub(super) fn write_json<T: Serialize>(path: &Path, result: &T) -> Result<(), Failure> {
    let text = json(result)?;
    write_file(path, |file| file.write_all(text.as_bytes())).map_err(says_no)
}

fn json<T: Serialize>(result: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(result)
        .map_err(|error| says_no(format!("the result cannot be written as JSON: {error}")))?;
    Ok(text + "\n")
}

/// The command that was called, for a shell; the binary by its name alone.
fn command() -> String {
    let arguments = env::args_os().skip(1);
    let quoted = arguments.map(|argument| quoted(&argument.to_string_lossy()));
    let words: Vec<String> = iter::once("weighbridge".to_owned()).chain(quoted).collect();
    words.join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The lines of a message, whatever names stand in them.
fn to_stderr(text: &str) {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    // Nowhere is left to complain to.
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// This moment. Commands that check for expiry ask; nothing that decides or measures does.
#[expect(
    clippy::disallowed_methods,
    reason = "whether a price has expired depends on the day"
)]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(since).unwrap_or(i64::MAX))
}
