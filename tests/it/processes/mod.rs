//! Agents as child processes: started with what is theirs, ended with everything they began, and back
//! after any crash of either side.

mod backend;
mod ending;
mod given;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Mode, Server, eventually};

/// How long a crowd may take on a busy machine.
const LONG: Duration = Duration::from_secs(90);
/// How long one agent may take there.
const ONLINE: Duration = Duration::from_secs(30);
/// The runtime of `tests/fixtures/command_agent`.
const COMMAND: &str = "command";

/// Starts a server that knows the runtime [`COMMAND`], with a key and settings of its own.
async fn start(mode: Mode, settings: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runtimes.yaml");
    let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/command_agent/agent.py");
    std::fs::write(&file, format!("{COMMAND}: {{command: [python3, {agent:?}]}}\n")).unwrap();
    let file = file.display().to_string();
    let mut all =
        vec![("ISOMER_RUNTIMES", file.as_str()), ("SECRETS_ENCRYPTION_KEY", super::keys::KEY)];
    all.extend_from_slice(settings);
    let mut server = Server::with(mode, &all).await;
    server.keep(folder);
    server
}

async fn create(admin: &Client, name: &str, runtime: &str, secrets: Value) -> String {
    admin.create(json!({"name": name, "runtime": runtime, "secrets": secrets})).await
}

/// Waits until a workspace was online so many times, and is.
async fn online(admin: &Client, id: &str, times: usize) {
    eventually("online agent", LONG, || async {
        let kinds = admin.kinds(id).await;
        let seen = kinds.iter().filter(|kind| *kind == "WORKSPACE_ONLINE").count();
        (seen >= times && admin.status(id).await == "online").then_some(())
    })
    .await;
}

/// Waits until a workspace has failed, and returns why.
async fn failed(admin: &Client, id: &str) -> String {
    eventually("failed workspace", ONLINE, || async {
        let all = admin.get("/workspaces").await.json();
        let view = all.as_array().unwrap().iter().find(|view| view["id"] == id)?.clone();
        let error = view["last_sample_error"].as_str()?;
        // After an empty line come the last lines of its output.
        let reason = error.split("\n\n").next()?;
        (view["status"] == "failed" && !reason.is_empty()).then(|| reason.to_owned())
    })
    .await
}

/// Returns what the agent wrote down of what it was given.
async fn seen(server: &Server, id: &str) -> Value {
    let file = server.files(id).join("workspace/seen.json");
    eventually("what the agent has seen", ONLINE, || async {
        serde_json::from_slice(&std::fs::read(&file).ok()?).ok()
    })
    .await
}

/// Returns the last process of every workspace that the server says it started.
fn started(server: &Server) -> BTreeMap<String, i32> {
    let log = server.log();
    let word = |line: &str, name: &str| {
        let rest = line.split_once(&format!("{name}="))?.1;
        Some(rest.split_whitespace().next()?.to_owned())
    };
    let lines = log.lines().filter(|line| line.contains("started an agent"));
    lines
        .filter_map(|line| {
            Some((word(line, "workspace_id")?, word(line, "process")?.parse().ok()?))
        })
        .collect()
}

/// Returns the id that everything bears which a server of this data folder starts.
fn installation(server: &Server) -> String {
    let text = std::fs::read_to_string(server.files("").join("../installation")).unwrap();
    text.trim().to_owned()
}

/// Whether a process is there and was not ended.
fn is_alive(process: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with(['Z', 'X']))
}

async fn gone(process: i32) {
    eventually("end of a process", ONLINE, || async { (!is_alive(process)).then_some(()) }).await;
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if let Some(found) = holds(&path, bytes) {
                return Some(found);
            }
        } else if std::fs::read(&path).is_ok_and(|all| contains(&all, bytes)) {
            return Some(path);
        }
    }
    None
}

fn contains(all: &[u8], bytes: &[u8]) -> bool {
    all.windows(bytes.len()).any(|window| window == bytes)
}

fn kill(process: i32) {
    crate::support::server::signal(process.cast_unsigned(), "KILL");
}
