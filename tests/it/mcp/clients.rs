//! A client built on the public SDK, over streamable HTTP.

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::fixtures::mcp_client;
use crate::support::{Mode, SOON, Server, eventually};

use super::path;

in_both_modes!(a_client_of_the_sdk_finds_and_calls_every_tool);

async fn ask(server: &Server, id: &str, token: &str, mode: &str, calls: Value) -> Value {
    let url = format!("{}{}", server.address, path(id));
    let wanted = json!({"url": url, "token": token, "mode": mode, "calls": calls});
    tokio::task::spawn_blocking(move || mcp_client(&wanted)).await.unwrap()
}

async fn a_client_of_the_sdk_finds_and_calls_every_tool(mode: Mode) {
    let server = Server::with(mode, &[("MOLECULE_ENV", "development")]).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead"})).await;
    let token = server.anonymous().register(&lead).await;
    let agent = Agent::start(Mood::Echo).await;
    let (worker, _) = agent.join(&admin, json!({"name": "worker", "parent_id": lead})).await;
    let hosted = json!({"name": "Ada", "runtime": "isomer", "parent_id": lead});
    let hosted = admin.create(hosted).await;
    eventually("online agent", SOON, || async {
        (admin.status(&hosted).await == "online").then_some(())
    })
    .await;

    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let task = |id: &str| json!({"workspace_id": id, "task": "say hello"});
    let calls = json!([
        call("list_peers", json!({})),
        call("get_workspace_info", json!({})),
        call("delegate_task", task(&worker)),
        call("delegate_task", task(&hosted)),
        call("delegate_task_async", task(&worker)),
        call("delegate_task", json!({"workspace_id": worker})),
        call("commit_memory", json!({"content": "x"})),
    ]);
    // By itself it looks for the newest revision first, and then shakes hands.
    let said = ask(&server, &lead, &token, "auto", calls).await;
    assert_eq!(
        (&said["protocol"], &said["server"]),
        (&json!("2025-11-25"), &json!("molecule-a2a"))
    );
    let tools = said["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let expected = [
        "list_peers",
        "get_workspace_info",
        "delegate_task",
        "delegate_task_async",
        "check_task_status",
    ];
    assert_eq!(names, expected);
    assert_eq!(tools[2]["inputSchema"]["required"], json!(["workspace_id", "task"]));
    let results = said["results"].as_array().unwrap();
    let text = |at: usize| results[at]["text"].as_str().unwrap_or_else(|| panic!("{said}"));
    assert!(text(0).contains(&worker) && text(0).contains(&hosted));
    assert!(text(1).contains("\"lead\""));
    assert_eq!(text(2), "say hello");
    assert!(text(3).contains("say hello"));
    assert_eq!(results[5], json!({"code": -32602, "message": "task: it is required"}));
    assert_eq!(results[6]["code"], -32602);
    let given: Value = serde_json::from_str(text(4)).unwrap();
    let check = json!({"workspace_id": worker, "task_id": given["task_id"]});
    agent.has(2).await;
    let status = eventually("completed", SOON, || async {
        let calls = json!([call("check_task_status", check.clone())]);
        let said = ask(&server, &lead, &token, "legacy", calls).await;
        let text = said["results"][0]["text"].as_str()?.to_owned();
        text.contains("completed").then_some(text)
    })
    .await;
    assert!(status.contains("say hello"), "{status}");
}
