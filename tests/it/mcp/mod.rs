//! `POST /workspaces/:id/mcp`: the platform's tools for agents.

mod clients;
mod tools;
mod wire;

use serde_json::{Value, json};

use crate::support::Client;

/// The path of a workspace's endpoint.
fn path(id: &str) -> String {
    format!("/workspaces/{id}/mcp")
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// Calls a tool and returns the whole answer.
async fn call(client: &Client, id: &str, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    client.post(&path(id), request("tools/call", params)).await.expect(200)
}

/// Calls a tool and returns its text.
async fn text(client: &Client, id: &str, tool: &str, arguments: Value) -> String {
    let answer = call(client, id, tool, arguments).await;
    let content = answer["result"]["content"].as_array().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!((content.len(), &content[0]["type"]), (1, &json!("text")));
    content[0]["text"].as_str().unwrap().to_owned()
}

/// Calls a tool that fails and returns its error.
async fn error(client: &Client, id: &str, tool: &str, arguments: Value) -> (i64, String) {
    let answer = call(client, id, tool, arguments).await;
    assert!(answer.get("result").is_none(), "{answer}");
    let error = &answer["error"];
    (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
}
