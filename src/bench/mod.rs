//! `isomer bench`: a server in its own process and what it is compared with, in turn, in one run:
//! heartbeats beside a bare handler, secrets in format 3 beside format 1, messages beside a direct
//! call and nginx, messages that wait beside a row each. Prints ratios.
//!
//! Everything stays on loopback and is bounded in connections, rounds and time.

mod bare;
mod kms;
mod load;
mod proxy;
mod queue;
mod report;
mod secrets;

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use self::load::{Load, Measured};
use crate::http::token;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Heartbeats per second and their latency, beside a bare handler.
    Heartbeat(HeartbeatArgs),
    /// Secrets written and read per second, format 3 beside format 1; with `--kms-url`, calls at
    /// KMS and reads while it is cut off.
    Secrets(secrets::SecretsArgs),
    /// Messages per second through the proxy and their latency, beside the same agent called
    /// directly and behind nginx.
    Proxy(proxy::ProxyArgs),
    /// The bare handler (started by `heartbeat`).
    #[command(hide = true)]
    Bare,
    /// Messages kept per second, beside a row and a commit each, and what they cost in memory.
    Queue(queue::QueueArgs),
    /// The agent (started by `proxy`).
    #[command(hide = true)]
    Agent,
}

/// How to measure.
#[derive(Clone, Debug, Args)]
pub struct HeartbeatArgs {
    /// Connections that send one request after the other.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Workspaces that beat, in turn.
    #[arg(long, default_value_t = 1_000)]
    workspaces: usize,
    /// Rounds; each measures both.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Share of the closed loop's throughput that the open loop sends.
    #[arg(long, default_value_t = 0.5)]
    open_share: f64,
}

/// Most of anything that is asked for.
const MAX_CONNECTIONS: usize = 1_000;
const MAX_WORKSPACES: usize = 100_000;
const MAX_ROUNDS: usize = 50;
const MAX_SECONDS: u64 = 60;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("--{0}: too many or none")]
    Bounds(&'static str),
    #[error("a process could not be started")]
    Start(#[from] std::io::Error),
    #[error("the {0} did not say where it listens")]
    Silent(&'static str),
    #[error("a workspace could not be prepared")]
    Prepare(#[from] reqwest::Error),
    #[error("the server answered something else than ok")]
    Refused,
    #[error("--kms-url: {0} is no http://address:port of a KMS-compatible server")]
    Kms(String),
    #[error("the system gives no randomness")]
    Randomness,
}

/// Runs what was asked for.
///
/// # Errors
/// [`BenchError`].
pub async fn run(command: BenchCommand) -> Result<(), BenchError> {
    match command {
        BenchCommand::Heartbeat(args) => heartbeat(args).await,
        BenchCommand::Secrets(args) => secrets::run(args).await,
        BenchCommand::Proxy(args) => proxy::run(args).await,
        BenchCommand::Bare => Ok(bare::serve().await?),
        BenchCommand::Queue(args) => queue::run(args).await,
        BenchCommand::Agent => Ok(proxy::agent::serve().await?),
    }
}

async fn heartbeat(args: HeartbeatArgs) -> Result<(), BenchError> {
    check(&args)?;
    let admin = token::random_text().map_err(|_| BenchError::Randomness)?;
    let folder = std::env::temp_dir().join(format!("isomer-bench-{}", std::process::id()));
    let server = Process::start("server", server_command(&admin, &folder)?)?;
    let bare = Process::start("bare handler", command_of("bare")?)?;
    println!("preparing {} workspaces", args.workspaces);
    let requests = prepare(server.address, &admin, args.workspaces).await?;

    let measure = async |address: SocketAddr, rate: Option<f64>| {
        let load = Load {
            address,
            requests: requests.clone(),
            connections: args.connections,
            length: Duration::from_secs(args.seconds),
            rate,
        };
        load.run().await
    };
    let warm = Duration::from_secs(1);
    for address in [bare.address, server.address] {
        let load = Load {
            address,
            requests: requests.clone(),
            connections: args.connections,
            length: warm,
            rate: None,
        };
        load.run().await?;
    }
    let mut closed: Vec<(Measured, Measured)> = Vec::new();
    for round in 0..args.rounds {
        // In turn, and in turns: whoever goes first changes.
        let pair = if round % 2 == 0 {
            let server = measure(server.address, None).await?;
            (server, measure(bare.address, None).await?)
        } else {
            let bare = measure(bare.address, None).await?;
            (measure(server.address, None).await?, bare)
        };
        closed.push(pair);
    }
    report::closed(&args, &closed);
    let rate =
        report::median(closed.iter().map(|(server, _)| server.per_second())) * args.open_share;
    let open =
        (measure(server.address, Some(rate)).await?, measure(bare.address, Some(rate)).await?);
    report::open(rate, &open);
    drop(server);
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

fn check(args: &HeartbeatArgs) -> Result<(), BenchError> {
    within(&[
        ("connections", (1..=MAX_CONNECTIONS).contains(&args.connections)),
        ("workspaces", (1..=MAX_WORKSPACES).contains(&args.workspaces)),
        ("rounds", (1..=MAX_ROUNDS).contains(&args.rounds)),
        ("seconds", (1..=MAX_SECONDS).contains(&args.seconds)),
        ("open-share", args.open_share > 0.0 && args.open_share < 1.0),
    ])
}

/// Refuses the first argument that is not fine.
fn within(arguments: &[(&'static str, bool)]) -> Result<(), BenchError> {
    match arguments.iter().find(|(_, fine)| !fine) {
        Some((name, _)) => Err(BenchError::Bounds(name)),
        None => Ok(()),
    }
}

/// The server takes `DATABASE_URL` and `REDIS_URL` from this process's environment.
fn server_command(admin: &SecretString, folder: &Path) -> Result<Command, BenchError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").env("PORT", "0").env("BIND", "127.0.0.1");
    command.env("ADMIN_TOKEN", admin.expose_secret()).env("ISOMER_DATA_DIR", folder);
    command.env("RATE_LIMIT", u32::MAX.to_string()).env("LOG_LEVEL", "warn");
    Ok(command)
}

/// One of the hidden commands, as a process of its own.
fn command_of(name: &str) -> Result<Command, BenchError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", name]);
    Ok(command)
}

/// A child that says on its first line where it listens; ends with its owner.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(what: &'static str, mut command: Command) -> Result<Self, BenchError> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            std::io::BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().trim_start_matches("http://").split('/').next();
        match address.and_then(|text| text.parse().ok()) {
            Some(address) => Ok(Self { child, address }),
            None => {
                let _ = child.kill();
                Err(BenchError::Silent(what))
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Creates and registers workspaces; returns one ready request for each.
async fn prepare(
    address: SocketAddr,
    admin: &SecretString,
    count: usize,
) -> Result<std::sync::Arc<[Vec<u8>]>, BenchError> {
    const AT_ONCE: usize = 32;
    let client = reqwest::Client::new();
    let mut requests = Vec::with_capacity(count);
    while requests.len() < count {
        let mut making = tokio::task::JoinSet::new();
        for number in requests.len()..count.min(requests.len() + AT_ONCE) {
            let (client, admin) = (client.clone(), admin.clone());
            making.spawn(async move { one(&client, address, &admin, number).await });
        }
        for made in making.join_all().await {
            requests.push(made?);
        }
    }
    Ok(requests.into())
}

async fn one(
    client: &reqwest::Client,
    address: SocketAddr,
    admin: &SecretString,
    number: usize,
) -> Result<Vec<u8>, BenchError> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let created: serde_json::Value = client
        .post(format!("http://{address}/workspaces"))
        .bearer_auth(admin.expose_secret())
        .json(&json!({"name": format!("bench {number}")}))
        .send()
        .await?
        .json()
        .await?;
    let id = text(&created["id"]).ok_or(BenchError::Refused)?;
    let registered: serde_json::Value = client
        .post(format!("http://{address}/registry/register"))
        .json(&json!({"id": id, "url": "http://localhost:1", "agent_card": {"name": "bench"}}))
        .send()
        .await?
        .json()
        .await?;
    let token = text(&registered["auth_token"]).ok_or(BenchError::Refused)?;
    let body = json!({
        "workspace_id": id,
        "error_rate": 0.02,
        "sample_error": "",
        "active_tasks": 1,
        "uptime_seconds": 3600,
        "current_task": "summarising the quarterly report",
        "runtime_metadata": {"capabilities": {"scheduler": true}},
    })
    .to_string();
    Ok(format!(
        "POST /registry/heartbeat HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}
