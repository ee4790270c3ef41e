//! `POST /workspaces/:id/a2a`: messages to agents.

mod access;
mod agents;
mod egress;
mod generations;
mod sdks;
mod signatures;

use serde_json::{Value, json};

use crate::support::{Client, SOON, eventually};

/// The path of a workspace's messages.
fn path(id: &str) -> String {
    format!("/workspaces/{id}/a2a")
}

/// A message as the canvas sends it.
fn bare(text: &str) -> Value {
    json!({
        "method": "message/send",
        "params": {"message": {"role": "user", "parts": [{"kind": "text", "text": text}]}},
    })
}

/// Creates a hosted agent and waits until it is there.
async fn hosted(admin: &Client, name: &str) -> String {
    let id = admin.create(json!({"name": name, "runtime": "isomer"})).await;
    online(admin, &id).await;
    id
}

async fn online(admin: &Client, id: &str) {
    let there = || async { (admin.status(id).await == "online").then_some(()) };
    eventually("online agent", SOON, there).await;
}
