//! Completions for shells, and manual pages, made from the arguments themselves.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

use super::error::{CliError, Done, Kind};
use super::output::Output;

/// What is made from the arguments themselves.
#[derive(Debug, Subcommand)]
pub enum PageCommand {
    /// Print completions for a shell
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page, or that of a command
    Man(ManArgs),
}

/// Which page.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command, such as `create` or `keys status` [default: the page of the program]
    command: Vec<String>,
    /// Write all pages into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    all: Option<PathBuf>,
}

impl PageCommand {
    /// Makes the page from `arguments`; returns the exit code.
    pub fn run(self, arguments: Command) -> ExitCode {
        let done = match self {
            Self::Completions { shell } => {
                Output::of_process(false).bytes(&completions(shell, arguments))
            }
            Self::Man(ManArgs { all: Some(folder), .. }) => write_all(&folder, arguments),
            Self::Man(ManArgs { command, .. }) => {
                page(&command, arguments).and_then(|page| Output::of_process(false).bytes(&page))
            }
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => error.report(false),
        }
    }
}

/// Returns the completions.
pub fn completions(shell: Shell, mut arguments: Command) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut arguments, "isomer", &mut text);
    text
}

/// Returns the manual page of a command, given as the words that call it.
///
/// # Errors
/// When there is no such command.
pub fn page(words: &[String], arguments: Command) -> Done<Vec<u8>> {
    let mut command = arguments;
    command.build();
    for word in words {
        let found = command.find_subcommand(word).cloned();
        command = found.ok_or_else(|| {
            CliError::new(Kind::NotFound, format!("there is no command {:?}", words.join(" ")))
        })?;
    }
    let name = command.get_display_name().unwrap_or("isomer").to_owned();
    let mut text = Vec::new();
    Man::new(command.disable_help_subcommand(true))
        .title(name)
        .manual("Isomer")
        .render(&mut text)?;
    Ok(text)
}

fn write_all(folder: &std::path::Path, arguments: Command) -> Done {
    let failed = |error: io::Error| {
        CliError::failed(format!("{} cannot be written: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(arguments, folder).map_err(failed)
}
