//! Secrets: format 3 with a warm cache beside format 1, in turn; then what KMS is asked for, and
//! what a read waits for while it is gone.
//!
//! One database serves every round; each round starts the server anew in the format it measures,
//! and every value is written in that format before it is read.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::kms::{self, Line};
use super::load::{Load, Measured};
use super::report::median;
use super::{
    BenchError, MAX_CONNECTIONS, MAX_ROUNDS, MAX_SECONDS, Process, server_command, within,
};
use crate::http::token;
use crate::keys::seeds::FRESH;

/// Workspaces at most: each is one call at KMS to prepare.
const MAX_WORKSPACES: usize = 10_000;

/// How to measure.
#[derive(Clone, Debug, Args)]
pub struct SecretsArgs {
    /// Connections that send one request after the other.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Workspaces, each with one secret, in turn.
    #[arg(long, default_value_t = 200)]
    workspaces: usize,
    /// Rounds; each measures both.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// A KMS-compatible server that checks no signatures, such as http://127.0.0.1:5000.
    #[arg(long)]
    kms_url: Option<String>,
    /// Also cut KMS off for longer than seeds are fresh (five minutes), and read then.
    #[arg(long)]
    stale: bool,
}

struct Bench {
    args: SecretsArgs,
    admin: SecretString,
    key: SecretString,
    client: Client,
    folder: std::path::PathBuf,
}

/// Measures.
///
/// # Errors
/// [`BenchError`].
pub async fn run(args: SecretsArgs) -> Result<(), BenchError> {
    within(&[
        ("connections", (1..=MAX_CONNECTIONS).contains(&args.connections)),
        // Or two connections would keep writing the same secret.
        ("workspaces", (2 * args.connections..=MAX_WORKSPACES).contains(&args.workspaces)),
        ("rounds", (1..=MAX_ROUNDS).contains(&args.rounds)),
        ("seconds", (1..=MAX_SECONDS).contains(&args.seconds)),
    ])?;
    let key = isomer_seal::random::<32>().map_err(|_| BenchError::Randomness)?;
    let key = Zeroizing::new(key);
    let bench = Bench {
        args,
        admin: token::random_text().map_err(|_| BenchError::Randomness)?,
        key: SecretString::from(STANDARD.encode(key.as_slice())),
        client: Client::new(),
        folder: std::env::temp_dir().join(format!("isomer-bench-{}", std::process::id())),
    };
    let result = bench.run().await;
    let _ = std::fs::remove_dir_all(&bench.folder);
    result
}

/// One format in one round.
struct Round {
    write: Measured,
    read: Measured,
}

impl Bench {
    async fn run(&self) -> Result<(), BenchError> {
        self.formats().await?;
        match &self.args.kms_url {
            Some(url) => self.under_kms(url).await,
            None => Ok(()),
        }
    }

    async fn formats(&self) -> Result<(), BenchError> {
        let ids = {
            let server = self.server(&[])?;
            self.workspaces(server.address, self.args.workspaces).await?
        };
        let mut pairs = Vec::new();
        for round in 0..self.args.rounds {
            // In turn, and in turns: whoever goes first changes.
            pairs.push(if round % 2 == 0 {
                let bound = self.round(3, &ids).await?;
                (bound, self.round(1, &ids).await?)
            } else {
                let fixed = self.round(1, &ids).await?;
                (self.round(3, &ids).await?, fixed)
            });
        }
        println!(
            "static key, closed loop: {} connections, {} workspaces, {} rounds of {} s",
            self.args.connections, self.args.workspaces, self.args.rounds, self.args.seconds
        );
        println!("{:<28} {:>12} {:>12} {:>8}  by round", "median", "format 3", "format 1", "ratio");
        row("writes/s", &pairs, |round| round.write.per_second());
        row("write p99 µs", &pairs, |round| round.write.quantile(0.99));
        row("reads/s", &pairs, |round| round.read.per_second());
        row("read p99 µs", &pairs, |round| round.read.quantile(0.99));
        Ok(())
    }

    /// Starts a server that writes `format`, writes every value in it, and measures.
    async fn round(&self, format: i32, ids: &[String]) -> Result<Round, BenchError> {
        let server = self.server(&[("SECRETS_WRITE_FORMAT", &format.to_string())])?;
        for id in ids {
            self.set(server.address, id).await?;
        }
        let status: Value = self.get(server.address, "/admin/keys").await?.json().await?;
        if status["values"][format.to_string()] != json!(ids.len()) {
            return Err(BenchError::Refused);
        }
        let (writes, reads) = (self.writes(server.address, ids), self.reads(server.address, ids));
        self.load(server.address, &reads, Duration::from_secs(1)).await?;
        let length = Duration::from_secs(self.args.seconds);
        Ok(Round {
            write: self.load(server.address, &writes, length).await?,
            read: self.load(server.address, &reads, length).await?,
        })
    }

    async fn under_kms(&self, url: &str) -> Result<(), BenchError> {
        let bad = || BenchError::Kms(url.to_owned());
        let to =
            url.strip_prefix("http://").and_then(|rest| rest.trim_end_matches('/').parse().ok());
        let line = Line::to(to.ok_or_else(bad)?).await?;
        let arn = kms::create_key(url).await?;
        let server = self.server(&[
            ("KMS_KEY_ARN", &arn),
            ("AWS_ENDPOINT_URL", &format!("http://{}", line.address)),
            ("AWS_ACCESS_KEY_ID", "bench"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])?;
        let ids = self.calls(server.address).await?;
        self.outage(server.address, &ids, &line).await
    }

    /// Counts calls at KMS: for a quarter of the workspaces, then for all; each twice, with more
    /// operations.
    async fn calls(&self, address: SocketAddr) -> Result<Vec<String>, BenchError> {
        println!("KMS, counted from the start of the server");
        println!(
            "{:>12} {:>12} {:>12} {:>20}",
            "workspaces", "operations", "KMS calls", "calls per 1,000"
        );
        let (mut ids, mut operations) = (Vec::new(), 0);
        for count in [self.args.workspaces.div_ceil(4), self.args.workspaces] {
            let new = self.workspaces(address, count - ids.len()).await?;
            for id in &new {
                self.set(address, id).await?;
            }
            operations += new.len() as u64;
            ids.extend(new);
            for _ in 0..2 {
                let length = Duration::from_secs(self.args.seconds);
                for requests in [self.writes(address, &ids), self.reads(address, &ids)] {
                    operations += self.load(address, &requests, length).await?.latency.len();
                }
                let calls = self.kms_calls(address).await?;
                let share = calls * 1_000.0 / operations as f64;
                println!("{:>12} {operations:>12} {calls:>12.0} {share:>20.2}", ids.len());
            }
        }
        Ok(ids)
    }

    /// Reads from memory with KMS there and cut off, in turn.
    async fn outage(
        &self,
        address: SocketAddr,
        ids: &[String],
        line: &Line,
    ) -> Result<(), BenchError> {
        let requests = self.reads(address, ids);
        let length = Duration::from_secs(self.args.seconds);
        let mut pairs = Vec::new();
        for _ in 0..self.args.rounds {
            let up = self.load(address, &requests, length).await?;
            line.cut(true);
            pairs.push((self.load(address, &requests, length).await?, up));
            line.cut(false);
        }
        println!("{:<28} {:>12} {:>12} {:>8}  by round", "median", "KMS down", "KMS up", "ratio");
        reads_of(&pairs);
        if self.args.stale {
            line.cut(true);
            sleep(FRESH + Duration::from_secs(5)).await;
            let mut stale = Vec::new();
            for (_, up) in pairs {
                stale.push((self.load(address, &requests, length).await?, up));
            }
            println!("KMS down for more than five minutes, seeds past their freshness");
            reads_of(&stale);
        }
        Ok(())
    }

    /// Starts a server with the static key and these settings, and no other keys.
    fn server(&self, settings: &[(&str, &str)]) -> Result<Process, BenchError> {
        let mut command: Command = server_command(&self.admin, Path::new(&self.folder))?;
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["SECRETS_", "KMS_", "AWS_"].iter().any(|start| text.starts_with(start)) {
                command.env_remove(name);
            }
        }
        command.env("SECRETS_ENCRYPTION_KEY", self.key.expose_secret());
        command.envs(settings.iter().copied());
        Process::start("server", command)
    }

    async fn workspaces(
        &self,
        address: SocketAddr,
        count: usize,
    ) -> Result<Vec<String>, BenchError> {
        let mut ids = Vec::with_capacity(count);
        for number in 0..count {
            let body = json!({"name": format!("bench {number}")});
            let created = self.post(address, "/workspaces", &body).await?;
            let created: Value = created.json().await?;
            ids.push(created["id"].as_str().ok_or(BenchError::Refused)?.to_owned());
        }
        Ok(ids)
    }

    async fn set(&self, address: SocketAddr, id: &str) -> Result<(), BenchError> {
        self.post(address, &format!("/workspaces/{id}/secrets"), &body()).await.map(drop)
    }

    async fn kms_calls(&self, address: SocketAddr) -> Result<f64, BenchError> {
        let text = self.get(address, "/metrics").await?.text().await?;
        let counts = text.lines().filter(|line| line.starts_with("isomer_kms_calls_total{"));
        let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(counts.sum())
    }

    async fn get(&self, address: SocketAddr, path: &str) -> Result<reqwest::Response, BenchError> {
        let request = self.client.get(format!("http://{address}{path}"));
        let request = request.bearer_auth(self.admin.expose_secret());
        Ok(request.send().await?.error_for_status()?)
    }

    async fn post(
        &self,
        address: SocketAddr,
        path: &str,
        body: &Value,
    ) -> Result<reqwest::Response, BenchError> {
        let request = self.client.post(format!("http://{address}{path}")).json(body);
        let request = request.bearer_auth(self.admin.expose_secret());
        Ok(request.send().await?.error_for_status()?)
    }

    fn writes(&self, address: SocketAddr, ids: &[String]) -> Arc<[Vec<u8>]> {
        let body = body().to_string();
        let tail = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let path = |id: &String| format!("POST /workspaces/{id}/secrets");
        ids.iter().map(|id| self.request(address, &path(id), &tail)).collect()
    }

    fn reads(&self, address: SocketAddr, ids: &[String]) -> Arc<[Vec<u8>]> {
        let path = |id: &String| format!("GET /workspaces/{id}/secrets/values");
        ids.iter().map(|id| self.request(address, &path(id), "\r\n")).collect()
    }

    fn request(&self, address: SocketAddr, start: &str, tail: &str) -> Vec<u8> {
        let admin = self.admin.expose_secret();
        format!("{start} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {admin}\r\n{tail}")
            .into_bytes()
    }

    async fn load(
        &self,
        address: SocketAddr,
        requests: &Arc<[Vec<u8>]>,
        length: Duration,
    ) -> Result<Measured, BenchError> {
        let requests = Arc::clone(requests);
        let connections = self.args.connections;
        Load { address, requests, connections, length, rate: None }.run().await
    }
}

/// A value of the length of an API key.
fn body() -> Value {
    json!({"key": "BENCH_API_KEY", "value": "x".repeat(64)})
}

fn reads_of(pairs: &[(Measured, Measured)]) {
    row("reads/s", pairs, Measured::per_second);
    row("read p50 µs", pairs, |measured| measured.quantile(0.5));
    row("read p99 µs", pairs, |measured| measured.quantile(0.99));
}

fn row<T>(name: &str, pairs: &[(T, T)], value: impl Fn(&T) -> f64) {
    let first = median(pairs.iter().map(|(first, _)| value(first)));
    let second = median(pairs.iter().map(|(_, second)| value(second)));
    let ratios: Vec<f64> = pairs.iter().map(|(a, b)| value(a) / value(b)).collect();
    let low = ratios.iter().copied().fold(f64::MAX, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    let ratio = median(ratios.into_iter());
    println!("{name:<28} {first:>12.0} {second:>12.0} {ratio:>8.2}  {low:.2} to {high:.2}");
}
