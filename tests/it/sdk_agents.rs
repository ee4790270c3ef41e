//! Agents built on the public SDKs, beside the built-in one.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::fixtures::Agent;
use crate::support::{Client, Mode, Server, eventually};

async fn says_hello(agent: &Agent) -> Value {
    let client = Client::new(&format!("http://localhost:{}", agent.port), None);
    let card = client.get("/.well-known/agent-card.json").await.expect(200);
    assert_eq!(card["skills"][0]["id"], "echo");
    let body = json!({
        "jsonrpc": "2.0", "id": "1", "method": "message/send",
        "params": {"message": {"kind": "message", "messageId": "m", "role": "user",
            "parts": [{"kind": "text", "text": "hello"}]}},
    });
    let headers = [("content-type", "application/json")];
    let bytes = body.to_string().into_bytes();
    client.try_send(Method::POST, "/", Some(bytes), &headers).await.unwrap().expect(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sdks_register_beat_die_and_are_noticed() {
    let server = Server::with(Mode::Production, &[("LIVENESS_TTL", "5")]).await;
    let admin = server.admin();
    let (python, javascript, built_in) = (
        admin.create(json!({"name": "python"})).await,
        admin.create(json!({"name": "javascript"})).await,
        admin.create(json!({"name": "built in"})).await,
    );
    let mut agents = [
        (Agent::python(&server.address, &python), &python),
        (Agent::javascript(&server.address, &javascript), &javascript),
        (Agent::built_in(&server.address, &built_in), &built_in),
    ];
    for (_, id) in &agents {
        eventually("beats", Duration::from_secs(20), || async {
            let view = admin.get(&format!("/workspaces/{id}")).await.json();
            let beating = view["uptime_seconds"].as_i64()? >= 2;
            (view["status"] == "online" && beating).then_some(())
        })
        .await;
    }
    for (agent, _) in &agents[..2] {
        let reply = says_hello(agent).await;
        assert_eq!(reply["result"]["parts"][0]["text"], "hello", "{reply}");
    }
    let found = admin.get(&format!("/workspaces/{python}")).await.expect(200);
    assert_eq!(found["agent_card"]["name"], "python agent");

    for (agent, id) in &mut agents[..2] {
        agent.kill();
        eventually("death", Duration::from_secs(5 + 2 + 4), || async {
            (admin.status(id).await == "offline").then_some(())
        })
        .await;
    }
    // The built-in one goes on, survives a lost token, and stops when its workspace is gone.
    assert_eq!(admin.status(&built_in).await, "online");
    admin.delete(&format!("/workspaces/{built_in}")).await.expect(200);
    let (agent, _) = &mut agents[2];
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    while !agent.has_ended() {
        assert!(tokio::time::Instant::now() < deadline, "the agent goes on without a workspace");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
