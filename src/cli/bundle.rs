//! `isomer export` and `isomer import`: whole teams as one file. No secret is ever in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::Common;
use super::client::{Client, Request};
use super::error::{CliError, Done, Kind};
use super::output::{Colour, Output};
use super::text::visible;
use super::wait::{self, Wait};
use super::workspace::{self, look};

/// Longest bundle that is read, in bytes.
const MOST_BYTES: u64 = 256 << 20;
/// How long a whole team may take to be written or created.
const TEAM_LIMIT: Duration = Duration::from_secs(600);
/// Deepest nesting that is shown.
const MOST_DEPTH: usize = 100;

/// What to export, and where to.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    /// Write this file, mode 0600 [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    pub common: Common,
}

/// What to import.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The bundle; `-` is stdin
    file: PathBuf,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    pub common: Common,
}

/// `isomer export`.
///
/// # Errors
/// When there is no bundle, or the file exists.
pub async fn export(args: ExportArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let path = args.output.filter(|path| path != Path::new("-"));
    if let Some(path) = path.as_deref().filter(|path| !args.force && path.exists()) {
        return Err(exists(path));
    }
    let asked = format!("/bundles/export/{}", found.id);
    let mut request = Request::new(Method::GET, &asked);
    request.limit = Some(TEAM_LIMIT);
    let reply = client.call(request).await?.success(&client)?;
    let bundle: Value = reply.json()?;
    let count = count(&bundle, 0);
    let Some(path) = path else { return output.document(&bundle) };
    let mut text = serde_json::to_vec_pretty(&bundle)
        .map_err(|error| CliError::failed(format!("no document: {error}")))?;
    text.push(b'\n');
    write(&path, &text, args.force)?;
    if output.json {
        let document = json!({
            "workspace_id": found.id, "file": path, "bytes": text.len(), "workspaces": count,
        });
        return output.document(&document);
    }
    output.line(format!("{}: {count} workspaces, {} bytes", path.display(), text.len()))
}

/// The workspaces of a bundle.
fn count(bundle: &Value, depth: usize) -> usize {
    let below = bundle["sub_workspaces"].as_array().map(Vec::as_slice).unwrap_or_default();
    if depth > MOST_DEPTH {
        return 1;
    }
    1 + below.iter().map(|one| count(one, depth + 1)).sum::<usize>()
}

fn exists(path: &Path) -> CliError {
    CliError::refused(format!("{} exists", path.display())).hint("`--force` replaces it")
}

/// Writes the file, whole or not at all.
fn write(path: &Path, bytes: &[u8], force: bool) -> Done {
    let failed = |error: io::Error| {
        CliError::failed(format!("{} cannot be written: {error}", path.display()))
    };
    let mut name =
        path.file_name().ok_or_else(|| CliError::usage("--output names no file"))?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    // A link, unlike a rename, never replaces what came there meanwhile.
    let placed = written.and_then(|()| match force {
        true => fs::rename(&temporary, path),
        false => fs::hard_link(&temporary, path),
    });
    let _ = fs::remove_file(&temporary);
    placed.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => failed(error),
    })
}

/// `isomer import`.
///
/// # Errors
/// When one of its workspaces is not created.
pub async fn import(args: ImportArgs) -> Done {
    let (client, output) = args.common.session()?;
    let bundle = read(&args.file).await?;
    let mut request = Request::new(Method::POST, "/bundles/import");
    request.body = Some(bundle);
    request.limit = Some(TEAM_LIMIT);
    let mut tree: Value = client.call(request).await?.success(&client)?.json()?;
    if args.wait.wait {
        follow(&client, &mut tree, args.wait.deadline()).await?;
    }
    if output.json {
        output.document(&tree)?;
    } else {
        for line in lines(&tree, output) {
            output.line(line)?;
        }
    }
    match has_failed(&tree, args.wait.wait) {
        true => Err(CliError::told(Kind::Failed)),
        false => Ok(()),
    }
}

async fn read(path: &Path) -> Done<Value> {
    let name = path.display().to_string();
    let failed = |why: &str| CliError::failed(format!("{name} cannot be imported: {why}"));
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        if path == Path::new("-") {
            io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        } else {
            fs::File::open(&path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        }
        Ok::<_, io::Error>(bytes)
    });
    let bytes = reading.await.map_err(|error| failed(&error.to_string()))?;
    let bytes = bytes.map_err(|error| failed(&error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(failed("it is longer than 256 MiB"));
    }
    serde_json::from_slice(&bytes).map_err(|error| failed(&format!("it is no JSON: {error}")))
}

/// Every node of the tree, with its depth.
fn nodes(tree: &Value) -> Vec<(usize, &Value)> {
    let mut nodes = Vec::new();
    let mut open = vec![(0, tree)];
    while let Some((depth, node)) = open.pop() {
        nodes.push((depth, node));
        let below = node["children"].as_array().map(Vec::as_slice).unwrap_or_default();
        open.extend(below.iter().rev().map(|child| (depth + 1, child)));
    }
    nodes
}

/// Waits for every workspace of the tree.
async fn follow(client: &Client, tree: &mut Value, deadline: Instant) -> Done {
    let mut open = vec![tree];
    while let Some(node) = open.pop() {
        let id: Option<Uuid> = node["workspace_id"].as_str().and_then(|id| id.parse().ok());
        if let (Some(id), true) = (id, node["status"] != "failed") {
            let standing = wait::until_online(client, id, deadline).await?;
            node["status"] = json!(standing.status);
            if let Some(reason) = standing.reason {
                node["error"] = json!(reason);
            }
        }
        open.extend(node["children"].as_array_mut().into_iter().flatten());
    }
    Ok(())
}

/// Whether a workspace is not what it should be; after a wait that is online.
fn has_failed(tree: &Value, waited: bool) -> bool {
    nodes(tree).iter().any(|(_, node)| match node["status"].as_str() {
        Some("online" | "degraded") => false,
        Some("failed") | None => true,
        Some(_) => waited,
    })
}

fn lines(tree: &Value, output: Output) -> Vec<String> {
    let line = |(depth, node): (usize, &Value)| {
        let text = |key: &str| visible(node[key].as_str().unwrap_or_default());
        let (symbol, colour) = look(node["status"].as_str().unwrap_or_default());
        let status = output.paint(colour, &format!("{symbol} {}", text("status")));
        let id = output.paint(Colour::Faint, &text("workspace_id"));
        let indent = "  ".repeat(depth.min(MOST_DEPTH));
        let error = match text("error") {
            error if error.is_empty() => error,
            error => format!(": {error}"),
        };
        format!("{indent}{}  {status}{error}  {id}", text("name"))
    };
    nodes(tree).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_private_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("team.json");
        write(&path, b"one", false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(write(&path, b"two", false).unwrap_err().kind, Kind::Refused);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn trees_in_their_order() {
        let tree = json!({
            "workspace_id": "1", "name": "Lead\u{1b}", "status": "online",
            "children": [
                {"workspace_id": "2", "name": "A", "status": "failed", "error": "no image"},
                {"workspace_id": "3", "name": "B", "status": "provisioning"},
            ],
        });
        let plain = Output { json: false, tty: false, colour: false };
        let expected =
            ["Lead\\u{1b}  ● online  1", "  A  ✖ failed: no image  2", "  B  ◌ provisioning  3"];
        assert_eq!(lines(&tree, plain), expected);
        assert!(has_failed(&tree, false));
        let late = json!({"status": "online", "children": [{"status": "provisioning"}]});
        assert!(!has_failed(&late, false) && has_failed(&late, true));
    }

    #[test]
    fn workspaces_of_a_bundle() {
        let bundle = json!({"sub_workspaces": [{}, {"sub_workspaces": [{}]}]});
        assert_eq!(count(&bundle, 0), 4);
    }
}
