//! Mailboxes: messages that wait, with a receipt each.

mod agent;
mod chaos;
mod inbox;
mod keeping;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Reply;
use crate::support::{Client, SOON, eventually};

/// A message with an id of its own.
fn message(key: &str, text: &str) -> Value {
    json!({
        "method": "message/send",
        "params": {"message": {
            "role": "user", "messageId": key, "parts": [{"kind": "text", "text": text}],
        }},
    })
}

/// Sends a message with headers.
async fn send(client: &Client, id: &str, body: Value, headers: &[(&str, &str)]) -> Reply {
    let path = format!("/workspaces/{id}/a2a");
    let body = body.to_string().into_bytes();
    client.try_send(Method::POST, &path, Some(body), headers).await.unwrap()
}

/// Sends a message that has to wait; returns its id.
async fn keep(client: &Client, id: &str, key: &str, headers: &[(&str, &str)]) -> String {
    let receipt = send(client, id, message(key, key), headers).await.expect(202);
    receipt["message_id"].as_str().unwrap().to_owned()
}

async fn read(client: &Client, id: &str, message: &str) -> Value {
    client.get(&format!("/workspaces/{id}/messages/{message}")).await.expect(200)
}

/// Waits until a message is in a state, and returns it.
async fn until(client: &Client, id: &str, message: &str, state: &str) -> Value {
    eventually(state, SOON, || async {
        let now = read(client, id, message).await;
        (now["state"] == state).then_some(now)
    })
    .await
}

/// The texts of a workspace's messages in a state, newest first.
async fn ids(client: &Client, id: &str, query: &str) -> Vec<String> {
    let list = client.get(&format!("/workspaces/{id}/messages{query}")).await.expect(200);
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["message_key"].as_str().unwrap().to_owned()).collect()
}
