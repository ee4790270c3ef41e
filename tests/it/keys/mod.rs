//! Key custody over real sockets: secrets, keys, rotation, the control plane.

mod api;
mod canaries;
mod kms;
mod plane;
mod rotating;
mod starting;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Client, Mode, Server};

/// A static key that tests may show.
pub const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub const OTHER_KEY: &str = "HyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4=";

/// Starts a server with a static key.
pub async fn sealed(mode: Mode) -> Server {
    Server::with(mode, &[("SECRETS_ENCRYPTION_KEY", KEY)]).await
}

/// Creates a workspace and returns its id.
pub async fn workspace(admin: &Client, name: &str) -> String {
    let reply = admin.post("/workspaces", json!({"name": name})).await.expect(201);
    reply["id"].as_str().unwrap().to_owned()
}

/// Sets a secret of a workspace, or a global one.
pub async fn set(admin: &Client, workspace: Option<&str>, key: &str, value: &str) {
    let path = match workspace {
        Some(id) => format!("/workspaces/{id}/secrets"),
        None => "/settings/secrets".to_owned(),
    };
    admin.post(&path, json!({"key": key, "value": value})).await.expect(200);
}

/// Returns what the workspace's agent gets.
pub async fn values(admin: &Client, workspace: &str) -> Value {
    admin.get(&format!("/workspaces/{workspace}/secrets/values")).await.expect(200)
}

/// Returns a random value that nothing else contains.
pub fn canary() -> String {
    format!("canary-{}", STANDARD.encode(uuid::Uuid::new_v4().as_bytes()))
}
