//! `isomer`: serve, agent, keys, control-plane, verify, openapi, bench.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use isomer::agent::AgentArgs;
use isomer::bench::BenchCommand;
use isomer::command;
use isomer::control_plane::cli::ControlPlaneArgs;
use isomer::hygiene;
use isomer::keys::cli::KeysCommand;
use isomer::provision::process::exec::{self, ExecArgs};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "isomer", version, about = "The control plane for teams of AI agents.")]
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
            Command::ExecAgent(_) => ExitCode::FAILURE,
        }
    })
}
