//! Files, logs, terminals and the configuration document of workspaces.

mod access;
mod config;
mod context;
mod contract;
mod disk;
mod shell;

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Reply;
use crate::support::{Client, Server};

/// The path of a workspace's files, or of one of them.
fn at(id: &str, rest: &str) -> String {
    format!("/workspaces/{id}/files{rest}")
}

/// A workspace that no agent of the server's own belongs to, without the configuration that every
/// workspace begins with.
async fn workspace(client: &Client, name: &str) -> String {
    let id = client.create(json!({"name": name})).await;
    client.delete(&at(&id, "/config.yaml")).await.expect(200);
    id
}

/// Writes one file.
async fn save(client: &Client, id: &str, path: &str, content: &str) -> Reply {
    client.put(&at(id, path), json!({"content": content})).await
}

async fn send_if(client: &Client, path: &str, body: Value, header: (&str, &str)) -> Reply {
    let body = Some(body.to_string().into_bytes());
    client.try_send(Method::PUT, path, body, &[header]).await.unwrap()
}

/// Where the server keeps a folder of a workspace.
fn folder(server: &Server, id: &str, root: &str) -> PathBuf {
    server.folder.path().join("data/workspaces").join(id).join(root)
}
