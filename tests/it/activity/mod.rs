//! The activity log: what is reported, said and sent is there to be read.

mod chat;
mod export;
mod keeping;
mod list;
mod messages;
mod report;
mod search;

use serde_json::{Value, json};

use crate::support::Client;

/// The path of a workspace's log.
fn path(id: &str) -> String {
    format!("/workspaces/{id}/activity")
}

/// Reports something with nothing but a summary.
async fn report(client: &Client, id: &str, summary: &str) {
    let body = json!({"activity_type": "agent_log", "summary": summary});
    let logged = client.post(&path(id), body).await.expect(200);
    assert_eq!(logged, json!({"status": "logged"}));
}

/// Reads a list.
async fn list(client: &Client, id: &str, query: &str) -> Vec<Value> {
    let items = client.get(&format!("{}{query}", path(id))).await.expect(200);
    items.as_array().unwrap().clone()
}

/// The summaries of items.
fn summaries(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["summary"].as_str().unwrap_or_default()).collect()
}
