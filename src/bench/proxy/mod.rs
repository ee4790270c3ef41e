//! Messages through the proxy, beside the same agent called directly and behind nginx.
//!
//! All three in every round, each first in turn. The senders are workspaces with their own
//! tokens. The server's address mode is development's: elsewhere an agent on loopback is refused.

pub mod agent;
mod nginx;
mod report;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use self::nginx::Nginx;
use super::load::{Load, Measured};
use super::report::median;
use super::{
    BenchError, MAX_CONNECTIONS, MAX_ROUNDS, MAX_SECONDS, Process, command_of, server_command,
    within,
};
use crate::http::token;

/// Workspaces that are written to: more than the messages under way to one are admitted for.
const TARGETS: usize = 16;
/// Each is warmed up for so long.
const WARM: Duration = Duration::from_secs(1);

/// Seconds: longer than the longest run.
const LIVENESS_TTL: &str = "86400";

/// How to measure.
#[derive(Clone, Debug, Args)]
pub struct ProxyArgs {
    /// Connections that send one request after the other.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rounds; each measures all three.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Share of the slowest's throughput that the open loop sends to all.
    #[arg(long, default_value_t = 0.5)]
    open_share: f64,
    /// The nginx to compare with.
    #[arg(long, default_value = "nginx")]
    nginx: PathBuf,
}

/// What is measured, in the order of the tables.
const NAMES: [&str; 3] = ["direct", "nginx", "isomer"];

/// Where to send what.
type Way = (SocketAddr, Arc<[Vec<u8>]>);

/// The three in one round.
type Round = [Measured; 3];

/// Measures.
///
/// # Errors
/// [`BenchError`].
pub async fn run(args: ProxyArgs) -> Result<(), BenchError> {
    within(&[
        ("connections", (1..=MAX_CONNECTIONS).contains(&args.connections)),
        ("rounds", (1..=MAX_ROUNDS).contains(&args.rounds)),
        ("seconds", (1..=MAX_SECONDS).contains(&args.seconds)),
        ("open-share", args.open_share > 0.0 && args.open_share < 1.0),
    ])?;
    let folder = std::env::temp_dir().join(format!("isomer-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(&args, &folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    result
}

async fn measure(args: &ProxyArgs, folder: &Path) -> Result<(), BenchError> {
    let admin = token::random_text().map_err(|_| BenchError::Randomness)?;
    let mut command = server_command(&admin, &folder.join("data"))?;
    // Nobody beats here, and nobody is to be found silent.
    command.env("MOLECULE_ENV", "development").env("LIVENESS_TTL", LIVENESS_TTL);
    let server = Process::start("server", command)?;
    let agent = Process::start("agent", command_of("agent")?)?;
    let nginx = Nginx::start(&args.nginx, agent.address, folder, args.connections).await?;
    let ways: [Way; 3] = [
        (agent.address, one(plain(agent.address))),
        (nginx.address, one(plain(nginx.address))),
        (server.address, proxied(server.address, agent.address, &admin).await?),
    ];
    alike(&ways).await?;
    for way in &ways {
        load(args, way, WARM, None).run().await?;
    }
    let length = Duration::from_secs(args.seconds);
    let closed = rounds(args, &ways, length, None).await?;
    report::closed(args.connections, args.seconds, &closed);
    let slowest = (0..ways.len()).map(|way| median(closed.iter().map(|r| r[way].per_second())));
    let rate = slowest.fold(f64::MAX, f64::min) * args.open_share;
    let open = rounds(args, &ways, length, Some(rate)).await?;
    report::open(rate, &open);
    Ok(())
}

/// All ways in every round; whoever goes first changes.
async fn rounds(
    args: &ProxyArgs,
    ways: &[Way; 3],
    length: Duration,
    rate: Option<f64>,
) -> Result<Vec<Round>, BenchError> {
    let mut rounds = Vec::with_capacity(args.rounds);
    for round in 0..args.rounds {
        let mut measured = [None, None, None];
        for turn in 0..ways.len() {
            let way = (round + turn) % ways.len();
            measured[way] = Some(load(args, &ways[way], length, rate).run().await?);
        }
        if let [Some(direct), Some(nginx), Some(isomer)] = measured {
            rounds.push([direct, nginx, isomer]);
        }
    }
    Ok(rounds)
}

fn load(args: &ProxyArgs, way: &Way, length: Duration, rate: Option<f64>) -> Load {
    let (address, requests) = (way.0, Arc::clone(&way.1));
    Load { address, requests, connections: args.connections, length, rate }
}

/// Checks that every way leads to the same answer of the agent.
async fn alike(ways: &[Way; 3]) -> Result<(), BenchError> {
    let mut bodies = Vec::new();
    for (address, requests) in ways {
        bodies.push(super::load::body(*address, &requests[0]).await?);
    }
    let answered =
        serde_json::from_slice::<Value>(&bodies[0]).is_ok_and(|b| b["result"].is_object());
    if answered && bodies.iter().all(|body| *body == bodies[0]) {
        Ok(())
    } else {
        Err(BenchError::Refused)
    }
}

fn one(request: Vec<u8>) -> Arc<[Vec<u8>]> {
    Arc::from([request])
}

fn plain(address: SocketAddr) -> Vec<u8> {
    request(address, "/", "")
}

fn request(address: SocketAddr, path: &str, headers: &str) -> Vec<u8> {
    let body = json!({
        "jsonrpc": "2.0", "id": "4f1d8f0e", "method": "message/send",
        "params": {"message": {
            "kind": "message", "role": "user", "messageId": "c0a8012e-7d1c-4a9e-b6f1-9f2d3f0f5a77",
            "parts": [{"kind": "text", "text": "summarise the quarterly report"}],
        }},
    })
    .to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Requests of one workspace to others whose agent is `agent`.
async fn proxied(
    server: SocketAddr,
    agent: SocketAddr,
    admin: &SecretString,
) -> Result<Arc<[Vec<u8>]>, BenchError> {
    let client = reqwest::Client::new();
    let (sender, token) = member(&client, server, agent, admin, "sender").await?;
    let mut requests = Vec::with_capacity(TARGETS);
    for number in 0..TARGETS {
        let name = format!("target {number}");
        let (target, _) = member(&client, server, agent, admin, &name).await?;
        let headers = format!(
            "Authorization: Bearer {}\r\nX-Workspace-ID: {sender}\r\n",
            token.expose_secret()
        );
        requests.push(request(server, &format!("/workspaces/{target}/a2a"), &headers));
    }
    Ok(requests.into())
}

/// Creates a workspace and registers the agent for it; returns its id and token.
async fn member(
    client: &reqwest::Client,
    server: SocketAddr,
    agent: SocketAddr,
    admin: &SecretString,
    name: &str,
) -> Result<(String, SecretString), BenchError> {
    let post = async |path: &str, body: Value| -> Result<Value, reqwest::Error> {
        let request = client.post(format!("http://{server}{path}")).json(&body);
        let sent = request.bearer_auth(admin.expose_secret()).send().await?;
        sent.error_for_status()?.json().await
    };
    let created = post("/workspaces", json!({"name": name})).await?;
    let id = created["id"].as_str().ok_or(BenchError::Refused)?.to_owned();
    let card = json!({"name": name});
    let body = json!({"id": id, "url": format!("http://{agent}/"), "agent_card": card});
    let registered = post("/registry/register", body).await?;
    let token = registered["auth_token"].as_str().ok_or(BenchError::Refused)?;
    Ok((id, SecretString::from(token)))
}
