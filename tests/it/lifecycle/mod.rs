//! The life of agents: paused, resumed, put to sleep, woken, started anew.

mod rest;
mod restarts;
mod sleep;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Client, SOON, eventually};

async fn hosted(admin: &Client, name: &str, parent: Option<&str>) -> String {
    let body = json!({"name": name, "runtime": "isomer", "parent_id": parent});
    let id = admin.create(body).await;
    online(admin, &id).await;
    id
}

/// Waits until the workspace is online and returns where its agent is.
async fn online(admin: &Client, id: &str) -> String {
    eventually("online agent", Duration::from_secs(20), || async {
        let view = admin.get(&format!("/workspaces/{id}")).await.json();
        (view["status"] == "online").then(|| view["url"].as_str().unwrap().to_owned())
    })
    .await
}

async fn closed(url: &str) {
    let address = url.strip_prefix("http://").unwrap();
    let refused = || async { TcpStream::connect(address).await.is_err().then_some(()) };
    eventually("closed port", SOON, refused).await;
}

async fn order(client: &Client, id: &str, what: &str, status: u16) -> Value {
    client.post(&format!("/workspaces/{id}/{what}"), json!({})).await.expect(status)
}

/// Why its agent was started last, as its event says; null when it does not.
async fn reason(admin: &Client, id: &str) -> Value {
    let events = admin.get(&format!("/events/{id}")).await.json();
    let mut all = events.as_array().unwrap().iter();
    let last = all.find(|event| event["event_type"] == "WORKSPACE_PROVISIONING").unwrap();
    last["payload"]["reason"].clone()
}

/// How often something was recorded of a workspace.
async fn count(admin: &Client, id: &str, kind: &str) -> usize {
    admin.kinds(id).await.iter().filter(|seen| *seen == kind).count()
}
