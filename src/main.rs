//! `isomer`: the server, its tools, and its client.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use isomer::agent::AgentArgs;
use isomer::bench::BenchCommand;
use isomer::cli::pages::PageCommand;
use isomer::cli::{CliCommand, NOTES};
use isomer::command;
use isomer::control_plane::cli::ControlPlaneArgs;
use isomer::hygiene;
use isomer::keys::cli::KeysCommand;
use isomer::provision::process::exec::{self, ExecArgs};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "isomer", version, about = "The control plane for teams of AI agents.")]
#[command(after_long_help = NOTES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API. Settings come from the environment; see docs/architecture/technical.md.
    Serve,
    // Its help is on AgentArgs.
    Agent(Box<AgentArgs>),
    // Its help is on KeysCommand.
    #[command(subcommand)]
    Keys(KeysCommand),
    // Its help is on ControlPlaneArgs.
    ControlPlane(ControlPlaneArgs),
    /// Check every hash chain, and that folding the events gives the table.
    Verify,
    /// Print the description of the API that the server serves at /openapi.json.
    Openapi,
    // Its help is on ExecArgs.
    #[command(hide = true)]
    ExecAgent(ExecArgs),
    /// Measure this machine: heartbeats beside a bare handler.
    #[command(subcommand)]
    Bench(BenchCommand),
    #[command(flatten)]
    Client(CliCommand),
    #[command(flatten)]
    Page(PageCommand),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::Page(what) = arguments.command {
        return what.run(Arguments::command());
    }
    hygiene::harden();
    // It becomes another program, or waits: without threads.
    if let Command::ExecAgent(arguments) = arguments.command {
        return exec::run(arguments);
    }
    // The only error is that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // There may be many agents on one machine, and each waits most of its time.
    let mut runtime = match &arguments.command {
        Command::Agent(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("isomer: the asynchronous runtime did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match arguments.command {
            Command::Serve => command::serve().await,
            Command::Agent(arguments) => command::agent(*arguments).await,
            Command::Keys(what) => command::keys(what).await,
            Command::ControlPlane(arguments) => command::control_plane(arguments).await,
            Command::Verify => command::verify().await,
            Command::Openapi => command::openapi(),
            Command::Bench(what) => command::bench(what).await,
            Command::Client(what) => what.run().await,
            Command::Page(what) => what.run(Arguments::command()),
            Command::ExecAgent(_) => ExitCode::FAILURE,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// Everything that people can say has words beside it.
    #[test]
    fn every_command_and_option_is_described() {
        let mut command = Arguments::command();
        command.build();
        command.clone().debug_assert();
        described(&command);
    }

    fn described(command: &Command) {
        let name = command.get_display_name().unwrap_or_default();
        assert!(command.get_about().is_some(), "{name} has no description");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let id = argument.get_id();
            assert!(argument.get_help().is_some(), "{name}: {id} has no description");
        }
        command.get_subcommands().filter(|below| !below.is_hide_set()).for_each(described);
    }
}
