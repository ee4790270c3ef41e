//! What the server says of itself.

use std::path::Path;
use std::time::Duration;

use isomer_actors::ports::Clock as _;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Check;
use crate::cli::client::{Client, Reply, Request};
use crate::cli::error::{Done, Kind};
use crate::clock::SystemClock;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Differences between clocks that are told, and that break what is judged by time.
const SKEW: i64 = 5;
const BAD_SKEW: i64 = 60;
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
const MIRROR_FAILURES: &str = "isomer_mirror_failures_total ";

/// Runs the checks; those that need an answer to an earlier one are left out without it.
pub async fn checks(client: &Client) -> Vec<Check> {
    let mut checks = Vec::new();
    let url = client.place.url.as_str().trim_end_matches('/');
    let health = match ask(client, "/health").await {
        Err(error) => {
            checks.push(Check::wrong("server", error.message, error.hint.unwrap_or_default()));
            return checks;
        }
        Ok(health) if health.status != StatusCode::OK => {
            let says = format!("{url} answers /health with {}", health.status);
            checks.push(Check::wrong("server", says, "is another program listening there?"));
            return checks;
        }
        Ok(health) => health,
    };
    checks.push(Check::ok("server", format!("{url} answers (from {})", client.place.url_from)));
    checks.extend(transport(client));
    checks.extend(clock(&health));
    checks.push(ready(client).await);
    let info = match ask(client, "/canvas/info").await.and_then(|reply| reply.success(client)) {
        Err(error) => {
            let fix = error.hint.unwrap_or_default();
            let name = if error.kind == Kind::Refused { "token" } else { "version" };
            checks.push(Check::wrong(name, error.message, fix));
            return checks;
        }
        Ok(reply) => reply.json::<Value>().unwrap_or_default(),
    };
    checks.push(Check::ok("token", format!("it is accepted (from {})", client.place.token_from)));
    checks.push(version(&info));
    checks.push(store(&info));
    checks.push(redis(client, &info).await);
    checks.push(keys(client).await);
    checks.push(runtime(client).await);
    checks.extend(agents(client, &info).await);
    checks
}

async fn ask(client: &Client, path: &str) -> Done<Reply> {
    let mut request = Request::new(Method::GET, path);
    request.limit = Some(LIMIT);
    client.call(request).await
}

fn transport(client: &Client) -> Option<Check> {
    let open = client.place.url.scheme() == "http" && !client.place.is_here();
    open.then(|| {
        let says = "the token and everything else travels in clear";
        Check::warning("transport", says, "put TLS in front of the server and use https://")
    })
}

fn clock(reply: &Reply) -> Option<Check> {
    let ahead = (SystemClock.now() - reply.date()?).num_seconds();
    if ahead.abs() <= SKEW {
        return Some(Check::ok("clock", "this clock and the server's agree"));
    }
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let says = format!("this clock is {} s {way} the server's", ahead.abs());
    let fix = "have both set by NTP (timedatectl set-ntp true)";
    Some(match ahead.abs() > BAD_SKEW {
        true => Check::wrong("clock", says, fix),
        false => Check::warning("clock", says, fix),
    })
}

async fn ready(client: &Client) -> Check {
    const NAME: &str = "ready";
    match ask(client, "/ready").await {
        Ok(reply) if reply.status == StatusCode::OK => Check::ok(NAME, "it wants traffic"),
        Ok(reply) => {
            let body: Value = reply.json().unwrap_or_default();
            let reason = body["reason"].as_str().unwrap_or("it does not say why");
            Check::wrong(NAME, format!("it wants no traffic: {reason}"), fix_of(reason))
        }
        Err(error) => Check::wrong(NAME, error.message, "see the server's log"),
    }
}

fn fix_of(reason: &str) -> &'static str {
    match reason {
        "starting" => "wait; its log says what it waits for",
        "draining" => "it is being stopped",
        _ => "see that the database runs and is reached (DATABASE_URL), and the server's log",
    }
}

fn version(info: &Value) -> Check {
    const OWN: &str = env!("CARGO_PKG_VERSION");
    match info["version"].as_str() {
        Some(OWN) => Check::ok("version", format!("server and program are {OWN}")),
        other => {
            let other = other.unwrap_or("of an unknown version");
            let says = format!("the server is {other}, this program {OWN}");
            Check::warning("version", says, "use programs of one version")
        }
    }
}

fn store(info: &Value) -> Check {
    match info["store"].as_str() {
        Some("postgres") => Check::ok("store", "PostgreSQL"),
        Some("sqlite") => Check::ok("store", "one SQLite file in the data folder; back it up"),
        other => Check::warning("store", format!("{other:?} is not known"), "see `version`"),
    }
}

async fn redis(client: &Client, info: &Value) -> Check {
    const NAME: &str = "redis";
    if info["redis"] != true {
        return Check::ok(NAME, "not configured; needed for several servers only");
    }
    let metrics = ask(client, "/metrics").await.map(|reply| reply.body).unwrap_or_default();
    let metrics = String::from_utf8_lossy(&metrics);
    let failures =
        metrics.lines().find_map(|line| line.strip_prefix(MIRROR_FAILURES)?.parse().ok());
    match failures {
        Some(0_u64) => Check::ok(NAME, "configured, and every write arrived"),
        Some(count) => Check::warning(
            NAME,
            format!("{count} writes did not arrive since the server started"),
            "see that Redis runs and is reached (REDIS_URL); nothing is lost meanwhile",
        ),
        None => Check::warning(NAME, "configured; the metrics do not tell more", "see /metrics"),
    }
}

async fn keys(client: &Client) -> Check {
    const NAME: &str = "keys";
    let reply = ask(client, "/admin/keys").await.and_then(|reply| reply.success(client));
    let standing: Value = match reply.and_then(|reply| reply.json()) {
        Ok(standing) => standing,
        Err(error) => return Check::wrong(NAME, error.message, "see the server's log"),
    };
    let provider = standing["provider"].as_str().unwrap_or("none");
    let stale = standing["stale_values"].as_i64().unwrap_or_default();
    if provider == "none" {
        let fix = "set KMS_KEY_ARN or SECRETS_ENCRYPTION_KEY_FILE, then `isomer keys reseed`";
        return Check::warning(NAME, "secrets are stored in clear", fix);
    }
    let job =
        standing["jobs"].as_array().and_then(|jobs| jobs.first()).cloned().unwrap_or_default();
    let failed = job["failed"].as_i64().unwrap_or_default();
    if failed > 0 {
        let says = format!("{failed} values did not open in the last rotation");
        return Check::wrong(NAME, says, "GET /admin/keys/audit names them; set them anew");
    }
    if stale > 0 {
        let says = format!("{provider}; {stale} values are sealed in an old way");
        return Check::warning(NAME, says, "`isomer keys reseed`, or POST /admin/keys/reseed");
    }
    Check::ok(NAME, format!("secrets are sealed ({provider})"))
}

/// The supervision tree.
async fn runtime(client: &Client) -> Check {
    const NAME: &str = "runtime";
    let reply = ask(client, "/admin/supervision").await.and_then(|reply| reply.success(client));
    let tree: Value = match reply.and_then(|reply| reply.json()) {
        Ok(tree) => tree,
        Err(error) => return Check::wrong(NAME, error.message, "see the server's log"),
    };
    let children = tree["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    let down: Vec<_> = children
        .iter()
        .filter(|child| child["state"] != "running")
        .filter_map(|child| child["child"].as_str())
        .take(5)
        .collect();
    if down.is_empty() {
        return Check::ok(NAME, format!("{} parts of it run", children.len()));
    }
    let says = format!("not running: {}", down.join(", "));
    Check::wrong(NAME, says, "see the server's log, and GET /admin/supervision")
}

async fn agents(client: &Client, info: &Value) -> Vec<Check> {
    const NAME: &str = "agents";
    let provisioner = info["provisioner"].as_str();
    if info["features"]["hosted_agents"] == false || provisioner == Some("none") {
        return vec![Check::ok(NAME, "this server runs none itself")];
    }
    let mut checks = vec![Check::ok(
        NAME,
        match provisioner {
            Some(provisioner) => format!("this server runs agents (PROVISIONER={provisioner})"),
            None => "this server runs agents".to_owned(),
        },
    )];
    if provisioner == Some("docker") && client.place.is_here() {
        checks.push(docker().await);
    }
    checks
}

/// Whether Docker answers this user; the server may run as another.
async fn docker() -> Check {
    const NAME: &str = "docker";
    let given = std::env::var("DOCKER_HOST").unwrap_or_default();
    let path = given.strip_prefix("unix://").unwrap_or(DOCKER_SOCKET);
    match timeout(LIMIT, ping(Path::new(path))).await {
        Ok(Ok(true)) => Check::ok(NAME, format!("it answers at {path}")),
        Ok(Ok(false)) => {
            Check::wrong(NAME, format!("{path} answers, but not as Docker does"), "see its log")
        }
        Ok(Err(error)) => Check::wrong(
            NAME,
            format!("it does not answer at {path}: {error}"),
            "start it (systemctl start docker), and let this user use it (group docker)",
        ),
        Err(_) => {
            Check::wrong(NAME, format!("it does not answer at {path} in time"), "see its log")
        }
    }
}

async fn ping(path: &Path) -> std::io::Result<bool> {
    let mut socket = UnixStream::connect(path).await?;
    socket.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n").await?;
    let mut start = [0; 12];
    socket.read_exact(&mut start).await?;
    Ok(start.starts_with(b"HTTP/1.") && start.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn docker_is_known_by_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker.sock");
        assert!(ping(&path).await.is_err());
        let listener = UnixListener::bind(&path).unwrap();
        for (answer, is_docker) in
            [("HTTP/1.1 200 OK\r\n\r\n", true), ("HTTP/1.1 503 No\r\n", false)]
        {
            let serve = async {
                let (mut socket, _) = listener.accept().await.unwrap();
                socket.write_all(answer.as_bytes()).await.unwrap();
                socket
            };
            let (_socket, seen) = tokio::join!(serve, ping(&path));
            assert_eq!(seen.unwrap(), is_docker);
        }
    }
}
