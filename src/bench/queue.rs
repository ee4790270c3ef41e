//! Messages kept per second, each acknowledged only once it is on the disk, beside one row and one
//! commit a message on the same database; and what a message that waits costs in memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hdrhistogram::Histogram;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use super::load::{Load, Measured, histogram};
use super::report::median;
use super::{
    BenchError, MAX_CONNECTIONS, MAX_ROUNDS, MAX_SECONDS, Process, server_command, within,
};
use crate::http::token;

/// Messages made ready for each second of a measurement: more than can be kept.
const READY: usize = 25_000;
/// Workspaces that are written to.
const TARGETS: usize = 100;

/// How to measure.
#[derive(Clone, Debug, Args)]
pub struct QueueArgs {
    /// Connections that send one message after the other.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rounds; each measures both.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
}

/// Measures.
///
/// # Errors
/// [`BenchError`].
pub async fn run(args: QueueArgs) -> Result<(), BenchError> {
    within(&[
        ("connections", (1..=MAX_CONNECTIONS).contains(&args.connections)),
        ("rounds", (1..=MAX_ROUNDS).contains(&args.rounds)),
        ("seconds", (1..=MAX_SECONDS).contains(&args.seconds)),
    ])?;
    let folder = std::env::temp_dir().join(format!("isomer-bench-{}", std::process::id()));
    let admin = token::random_text().map_err(|_| BenchError::Randomness)?;
    let mut command = server_command(&admin, &folder)?;
    command.env("MAILBOX_LIMIT", "100000");
    let server = Process::start("server", command)?;
    let result = measure(&args, &server, &admin).await;
    drop(server);
    let _ = std::fs::remove_dir_all(folder);
    result
}

async fn measure(
    args: &QueueArgs,
    server: &Process,
    admin: &SecretString,
) -> Result<(), BenchError> {
    let targets = targets(server.address, admin).await?;
    let database = std::env::var("DATABASE_URL").ok();
    let length = Duration::from_secs(args.seconds);
    // Caches and pools are filled before memory is looked at.
    keep(args, server.address, admin, &targets, Duration::from_secs(1)).await?;
    let (before, mut waiting) = (resident(server.child.id()), 0);
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        let kept = keep(args, server.address, admin, &targets, length).await?;
        waiting += kept.latency.len();
        let raw = match &database {
            Some(url) => Some(rows(args, url, length).await?),
            None => None,
        };
        rounds.push((kept, raw));
    }
    let after = resident(server.child.id());
    report(args, &rounds);
    println!("resident memory a waiting message: {:.0} bytes", (after - before) / waiting as f64);
    Ok(())
}

fn report(args: &QueueArgs, rounds: &[(Measured, Option<Measured>)]) {
    println!(
        "{} connections, {} rounds of {} s, 600 bytes a message",
        args.connections,
        rounds.len(),
        args.seconds
    );
    println!("{:<16} {:>12} {:>20} {:>8}", "median", "isomer", "a row and a commit", "ratio");
    row("messages/s", rounds, Measured::per_second);
    row("p50 µs", rounds, |m| m.quantile(0.5));
    row("p99 µs", rounds, |m| m.quantile(0.99));
}

fn row(name: &str, rounds: &[(Measured, Option<Measured>)], value: impl Fn(&Measured) -> f64) {
    let kept = median(rounds.iter().map(|(kept, _)| value(kept)));
    let raw = median(rounds.iter().filter_map(|(_, raw)| raw.as_ref().map(&value)));
    let ratios = rounds.iter().filter_map(|(kept, raw)| Some(value(kept) / value(raw.as_ref()?)));
    println!("{name:<16} {kept:>12.0} {raw:>20.0} {:>8.2}", median(ratios));
}

/// Keeps messages for as long as `length`.
async fn keep(
    args: &QueueArgs,
    address: SocketAddr,
    admin: &SecretString,
    targets: &[String],
    length: Duration,
) -> Result<Measured, BenchError> {
    let count = READY * length.as_secs() as usize;
    let requests: Arc<[Vec<u8>]> =
        (0..count).map(|n| request(address, admin, &targets[n % targets.len()])).collect();
    let load = Load { address, requests, connections: args.connections, length, rate: None };
    let measured = load.run().await?;
    // Sent twice, it would not have been kept twice.
    if measured.latency.len() > count as u64 { Err(BenchError::Refused) } else { Ok(measured) }
}

/// A row and a commit a message, on as many connections.
async fn rows(args: &QueueArgs, url: &str, length: Duration) -> Result<Measured, BenchError> {
    let began = Instant::now();
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..args.connections {
        let url = url.to_owned();
        connections.spawn(async move { write(&url, began, length).await });
    }
    let mut latency = histogram();
    for one in connections.join_all().await {
        latency.add(&one.map_err(|_| BenchError::Refused)?).map_err(|_| BenchError::Refused)?;
    }
    Ok(Measured { latency, length: began.elapsed() })
}

async fn write(url: &str, began: Instant, length: Duration) -> Result<Histogram<u64>, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let mut latency = histogram();
    while began.elapsed() < length {
        let at = Instant::now();
        // The same row, and the same indexes.
        sqlx::query(
            "INSERT INTO a2a_queue (id, workspace_id, body, method, idempotency_key, expires_at)
             SELECT $1, id, $2::text::json, 'message/send', $3, now() + interval '1 day'
             FROM workspaces LIMIT 1",
        )
        .bind(Uuid::new_v4())
        .bind(body(""))
        .bind(Uuid::new_v4().to_string())
        .execute(&mut connection)
        .await?;
        latency.saturating_record(at.elapsed().as_micros() as u64);
    }
    connection.close().await?;
    Ok(latency)
}

/// Workspaces whose agents are not there.
async fn targets(address: SocketAddr, admin: &SecretString) -> Result<Vec<String>, BenchError> {
    let client = reqwest::Client::new();
    let mut targets = Vec::with_capacity(TARGETS);
    for number in 0..TARGETS {
        let body = json!({"name": format!("away {number}"), "external": true});
        let request = client.post(format!("http://{address}/workspaces")).json(&body);
        let created: Value =
            request.bearer_auth(admin.expose_secret()).send().await?.json().await?;
        targets.push(created["id"].as_str().ok_or(BenchError::Refused)?.to_owned());
    }
    Ok(targets)
}

fn request(address: SocketAddr, admin: &SecretString, target: &str) -> Vec<u8> {
    let body = body(&Uuid::new_v4().to_string());
    format!(
        "POST /workspaces/{target}/a2a HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Prefer: respond-async\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        admin.expose_secret(),
        body.len()
    )
    .into_bytes()
}

fn body(key: &str) -> String {
    json!({
        "jsonrpc": "2.0", "id": "4f1d8f0e", "method": "message/send",
        "params": {"message": {
            "kind": "message", "role": "user", "messageId": key,
            "parts": [{"kind": "text", "text": "summarise the quarterly report ".repeat(13)}],
        }},
    })
    .to_string()
}

/// Resident memory of a process in bytes; 0 where that cannot be read.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}
