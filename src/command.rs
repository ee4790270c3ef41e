//! What the subcommands do: settings, telemetry, run, exit code.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use crate::agent::{self, AgentArgs, AgentConfig, AgentError, Exit};
use crate::app;
use crate::bench::BenchCommand;
use crate::config::{Config, EXIT_USAGE, TelemetryConfig};
use crate::control_plane;
use crate::control_plane::cli::{ControlPlaneArgs, ControlPlaneCommand};
use crate::http::openapi;
use crate::keys::cli::KeysCommand;
use crate::lifecycle::Lifecycle;
use crate::net::listen;
use crate::telemetry::Telemetry;
use crate::verify as verification;

/// `isomer serve`.
pub async fn serve() -> ExitCode {
    let Some(config) = settings() else {
        return ExitCode::from(EXIT_USAGE);
    };
    let telemetry = match Telemetry::install(&config.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(&error),
    };
    let result = serve_with(config).await;
    telemetry.shutdown().await;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

async fn serve_with(config: Config) -> Result<(), Box<dyn Error>> {
    let lifecycle = Lifecycle::install(config.shutdown)?;
    let listener = listen::bind(config.http.listen).await?;
    app::run(config, listener, lifecycle).await?;
    Ok(())
}

/// `isomer agent`.
pub async fn agent(arguments: AgentArgs) -> ExitCode {
    let config = match AgentConfig::try_from(arguments) {
        Ok(config) => config,
        Err(error) => return usage(&error),
    };
    let telemetry = TelemetryConfig::default();
    if let Err(error) = Telemetry::install(&telemetry) {
        return fail(&error);
    }
    let lifecycle = match Lifecycle::install(std::time::Duration::from_secs(10)) {
        Ok(lifecycle) => lifecycle,
        Err(error) => return fail(&error),
    };
    match agent::run(config, lifecycle.soft.clone()).await {
        Ok(Exit::Stopped | Exit::Gone) => ExitCode::SUCCESS,
        Err(error @ AgentError::Setting(_)) => usage(&error),
        Err(error) => fail(&error),
    }
}

/// `isomer verify`.
pub async fn verify() -> ExitCode {
    let Some(config) = settings() else {
        return ExitCode::from(EXIT_USAGE);
    };
    let store = match app::open_stores(&config).await {
        Ok(store) => store,
        Err(error) => return fail(&error),
    };
    match verification::run(store.runtime.as_ref(), &mut std::io::stdout()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}

/// `isomer keys`.
pub async fn keys(what: KeysCommand) -> ExitCode {
    let Some(config) = settings() else {
        return ExitCode::from(EXIT_USAGE);
    };
    if let Err(error) = Telemetry::install(&config.telemetry) {
        return fail(&error);
    }
    match crate::keys::cli::run(what, &config).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(error.as_ref()),
    }
}

/// `isomer control-plane`.
pub async fn control_plane(arguments: ControlPlaneArgs) -> ExitCode {
    let Some(config) = settings() else {
        return ExitCode::from(EXIT_USAGE);
    };
    let telemetry = match Telemetry::install(&config.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(&error),
    };
    let result = match arguments.command {
        Some(ControlPlaneCommand::Tenants(what)) => {
            crate::control_plane::cli::run(what, &config).await
        }
        None => serve_control_plane(config).await,
    };
    telemetry.shutdown().await;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

async fn serve_control_plane(config: Config) -> Result<(), Box<dyn Error>> {
    let lifecycle = Lifecycle::install(config.shutdown)?;
    let listener = listen::bind(config.http.listen).await?;
    control_plane::run(config, listener, lifecycle).await?;
    Ok(())
}

/// `isomer openapi`.
pub fn openapi() -> ExitCode {
    let text = match openapi::pretty() {
        Ok(text) => text,
        Err(error) => return fail(&error),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// `isomer bench`.
pub async fn bench(what: BenchCommand) -> ExitCode {
    match crate::bench::run(what).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn settings() -> Option<Config> {
    match Config::from_env(&|name| std::env::var(name).ok()) {
        Ok(config) => Some(config),
        Err(error) => {
            eprintln!("isomer: {error}");
            None
        }
    }
}

fn usage(error: &dyn Error) -> ExitCode {
    eprintln!("isomer: {}", chain(error));
    ExitCode::from(EXIT_USAGE)
}

fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("isomer: {}", chain(error));
    ExitCode::FAILURE
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
