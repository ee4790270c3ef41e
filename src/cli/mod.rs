//! The command line for people and scripts: everything here is a client of a running server.
//!
//! A command prints text for people, or with `--json` one document (one a line for streams). How it
//! ends is its exit code: see [`error::Kind`].

pub mod actions;
pub mod bundle;
pub mod client;
pub mod create;
pub mod doctor;
pub mod error;
pub mod logs;
pub mod output;
pub mod pages;
pub mod place;
pub mod ps;
pub mod rm;
pub mod send;
pub mod text;
pub mod top;
pub mod wait;
pub mod workspace;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::client::Client;
use self::error::Done;
use self::output::Output;
use self::place::Place;

/// What every page says of all commands.
pub const NOTES: &str = "\
Workspaces are named by their id, a beginning of it (four characters or more), or their whole name.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 not found, or ambiguous; 4 refused; 64 a setting of \
`serve` is wrong; 69 no server answers.

Environment: ISOMER_URL where the server is (else what the server of this machine wrote into its \
data directory, else http://127.0.0.1:8080); ISOMER_TOKEN the token to show (else ADMIN_TOKEN or the \
file admin-token of the data directory, for servers of this machine only); ISOMER_DATA_DIR the data \
directory (~/.local/share/isomer); NO_COLOR no colours.";

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Where the server is [env: ISOMER_URL]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Print JSON: one document, or one a line for streams; errors as JSON on stderr
    #[arg(long)]
    pub json: bool,
}

impl Common {
    /// Returns the client and the output of the command.
    ///
    /// # Errors
    /// When it is not known where the server is.
    pub fn session(&self) -> Done<(Client, Output)> {
        let output = Output::of_process(self.json);
        Ok((Client::new(self.place()?)?, output))
    }

    /// Finds the server.
    ///
    /// # Errors
    /// When its address is none.
    pub fn place(&self) -> Done<Place> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Place::find(self.url.as_deref(), &read)
    }
}

/// Commands of a client.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// List workspaces
    Ps(ps::PsArgs),
    /// Create a workspace
    Create(Box<create::CreateArgs>),
    /// Print what a workspace's agent wrote
    Logs(logs::LogsArgs),
    /// Start a workspace's agent anew
    Restart(actions::RestartArgs),
    /// End a workspace's agent as a crash would; it comes back
    Stop(actions::PlainArgs),
    /// Stop a workspace and everything below it until it is resumed
    Pause(actions::PlainArgs),
    /// Start a paused workspace and everything below it
    Resume(actions::WaitingArgs),
    /// Stop an idle workspace until a message wakes it
    Hibernate(actions::HibernateArgs),
    /// Remove a workspace; asks before others go along
    Rm(rm::RmArgs),
    /// Create the team that a workspace's configuration describes
    Expand(actions::WaitingArgs),
    /// Remove the team below a workspace; asks first
    Collapse(rm::CollapseArgs),
    /// Write a workspace and everything below it as a bundle, without any secret
    Export(bundle::ExportArgs),
    /// Create the workspaces of a bundle
    Import(bundle::ImportArgs),
    /// Say something to an agent and print what it answers
    Send(send::SendArgs),
    /// Watch all workspaces, live
    Top(top::TopArgs),
    /// Check this machine and the server, and say how to mend what is wrong
    Doctor(doctor::DoctorArgs),
}

impl CliCommand {
    /// Runs the command; returns its exit code.
    pub async fn run(self) -> ExitCode {
        let json = self.common().json;
        match self.done().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => error.report(json),
        }
    }

    async fn done(self) -> Done {
        match self {
            Self::Ps(args) => ps::run(args).await,
            Self::Create(args) => create::run(*args).await,
            Self::Logs(args) => logs::run(args).await,
            Self::Restart(args) => actions::restart(args).await,
            Self::Stop(args) => actions::stop(args).await,
            Self::Pause(args) => actions::pause(args).await,
            Self::Resume(args) => actions::resume(args).await,
            Self::Hibernate(args) => actions::hibernate(args).await,
            Self::Rm(args) => rm::run(args).await,
            Self::Expand(args) => actions::expand(args).await,
            Self::Collapse(args) => rm::collapse(args).await,
            Self::Export(args) => bundle::export(args).await,
            Self::Import(args) => bundle::import(args).await,
            Self::Send(args) => send::run(args).await,
            Self::Top(args) => top::run(args).await,
            Self::Doctor(args) => doctor::run(args).await,
        }
    }

    fn common(&self) -> &Common {
        match self {
            Self::Ps(args) => &args.common,
            Self::Create(args) => &args.common,
            Self::Logs(args) => &args.common,
            Self::Restart(args) => &args.common,
            Self::Stop(args) | Self::Pause(args) => &args.common,
            Self::Resume(args) | Self::Expand(args) => &args.common,
            Self::Hibernate(args) => &args.common,
            Self::Rm(args) => &args.common,
            Self::Collapse(args) => &args.common,
            Self::Export(args) => &args.common,
            Self::Import(args) => &args.common,
            Self::Send(args) => &args.common,
            Self::Top(args) => &args.common,
            Self::Doctor(args) => &args.common,
        }
    }
}
