//! What a shell and `man` are told of the command: completions and manual pages, made of the arguments.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Cli;
use super::exit::{self, Failure, Outcome, says_no};
use super::output::{Console, print};
use crate::trace_io::write_file;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  weighbridge completions bash > ~/.local/share/bash-completion/completions/weighbridge
  weighbridge completions zsh > ~/.zfunc/_weighbridge
  weighbridge completions fish > ~/.config/fish/completions/weighbridge.fish")]
pub(super) struct CompletionsArgs {
    /// The shell that completes
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  weighbridge man ~/.local/share/man/man1
  man weighbridge-replay")]
pub(super) struct ManArgs {
    /// The folder that the pages are written to, one a command; it must be there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "weighbridge", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub(super) fn man(args: &ManArgs, console: &Console) -> Outcome {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let written = pages(&command, args)?;
    let folder = args.folder.display();
    console.say(&format!("{written} pages in {folder}"));
    Ok(ExitCode::from(exit::DONE))
}

/// The page of a command and those of the commands below it, `weighbridge-catalog-show.1` and the like;
/// how many.
fn pages(command: &Command, args: &ManArgs) -> Result<usize, Failure> {
    let page = Man::new(command.clone());
    let path = args.folder.join(page.get_filename());
    write_file(&path, |mut file| page.render(&mut file)).map_err(says_no)?;
    let below = command.get_subcommands().filter(|it| !it.is_hide_set());
    below
        .map(|command| pages(command, args))
        .try_fold(1, |sum, written| Ok(sum + written?))
}
