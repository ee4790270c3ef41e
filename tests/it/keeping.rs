//! Keeping it running: shutdown, a store that goes away, a workspace that cannot be read.

use std::time::Duration;

use serde_json::json;

use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(an_orderly_end_loses_nothing, a_poisoned_workspace_harms_nobody_else);

async fn an_orderly_end_loses_nothing(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "kept"})).await;
    let token = server.anonymous().register(&id).await;
    let beat = json!({"active_tasks": 7, "current_task": "the last words"});
    server.bearer(&token).beat(&id, beat).await.expect(200);
    let status = server.stop();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    // The snapshot that was less than a second old is there.
    let stored = server.sql("SELECT current_task FROM workspaces").await;
    assert_eq!(stored, "the last words");
    server.restart();
    let view = admin.get(&format!("/workspaces/{id}")).await.expect(200);
    assert_eq!((&view["status"], &view["active_tasks"]), (&json!("online"), &json!(7)));
    server.bearer(&token).beat(&id, json!({})).await.expect(200);
}

async fn a_poisoned_workspace_harms_nobody_else(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let bad = admin.create(json!({"name": "bad"})).await;
    let good = admin.create(json!({"name": "good"})).await;
    let (bad_token, good_token) =
        (server.anonymous().register(&bad).await, server.anonymous().register(&good).await);
    server.stop();
    // Nobody can read this row any more: its chain ends in something that is no hash.
    let poison = match mode {
        Mode::Embedded => "UPDATE workspaces SET chain_hash = x'00' WHERE name = 'bad'",
        Mode::Production => "UPDATE workspaces SET chain_hash = '\\x00' WHERE name = 'bad'",
    };
    server.tamper(poison).await.unwrap();
    server.restart();
    let (bad_agent, good_agent) = (server.bearer(&bad_token), server.bearer(&good_token));
    eventually("quarantine", SOON, || async {
        good_agent.beat(&good, json!({})).await.expect(200);
        let reply = bad_agent.beat(&bad, json!({})).await;
        assert_eq!(reply.status.as_u16(), 503, "{}", reply.text);
        (reply.json()["code"] == "workspace_quarantined").then_some(())
    })
    .await;
    assert!(!bad_agent.beat(&bad, json!({})).await.header("retry-after").is_empty());
    let report = admin.get("/admin/supervision").await.expect(200);
    assert_eq!(report["workspaces"]["quarantined"], 1, "{report}");
    let failing = &report["workspaces"]["failing"][0];
    assert_eq!(failing["state"], "quarantined");
    assert!(failing["last_failure"]["error"].is_string() && failing["restarts"] == 3);
    let journal = report["children"].as_array().unwrap().iter().find(|c| c["child"] == "journal");
    assert_eq!(journal.unwrap()["state"], "running");
    admin.post(&format!("/admin/workspaces/{good}/release"), json!({})).await.expect(404);
    admin.post(&format!("/admin/workspaces/{bad}/release"), json!({})).await.expect(200);
    let reply = bad_agent.beat(&bad, json!({})).await.expect(503);
    assert_ne!(reply["code"], "workspace_quarantined", "it is tried again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_store_known_agents_go_on() {
    let server = Server::start(Mode::Production).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "one"})).await;
    let token = server.anonymous().register(&id).await;
    let agent = server.bearer(&token);
    agent.beat(&id, json!({})).await.expect(200);
    server.tamper("ALTER TABLE workspaces RENAME TO away; ALTER TABLE workspace_auth_tokens RENAME TO gone").await.unwrap();
    agent.beat(&id, json!({"active_tasks": 3})).await.expect(200);
    let unknown = server.bearer(&"A".repeat(43)).beat(&id, json!({})).await.expect(503);
    assert_eq!(unknown["code"], "platform_unavailable");
    let reply = agent.beat(&id, json!({"error_rate": 0.9})).await.expect(503);
    assert_eq!(
        reply["code"], "platform_unavailable",
        "a change that cannot be kept is not acknowledged"
    );
    server.tamper("ALTER TABLE away RENAME TO workspaces; ALTER TABLE gone RENAME TO workspace_auth_tokens").await.unwrap();
    eventually("recovery", Duration::from_secs(15), || async {
        let reply = agent.beat(&id, json!({"error_rate": 0.9})).await;
        (reply.status.as_u16() == 200 && admin.status(&id).await == "degraded").then_some(())
    })
    .await;
    assert_eq!(
        admin.kinds(&id).await,
        ["WORKSPACE_PROVISIONING", "WORKSPACE_ONLINE", "WORKSPACE_DEGRADED"]
    );
}

/// Sends `bytes` on a new connection and returns what comes back until it is closed.
async fn exchange(address: &str, bytes: Vec<u8>, limit: Duration) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let target = address.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(target).await.unwrap();
    let _ = stream.write_all(&bytes).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    let reading = async {
        while let Ok(count) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
            if count == 0 || answer.ends_with(b"}") || answer.ends_with(b"\r\n\r\n") {
                return;
            }
        }
    };
    tokio::time::timeout(limit, reading).await.expect("closed or answered in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_greedy_clients_are_cut() {
    let server = Server::with(Mode::Embedded, &[("MAX_CONNECTIONS", "3")]).await;
    let address = server.address.as_str();
    let head = b"GET /health HTTP/1.1\r\nHost: x\r\nX: ".to_vec();
    let body =
        b"POST /registry/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{".to_vec();
    let huge = [head.clone(), vec![b'a'; 70_000], b"\r\n\r\n".to_vec()].concat();
    assert!(exchange(address, huge, SOON).await.contains(" 431 "));
    let (slow_head, slow_body, ()) = tokio::join!(
        exchange(address, head, Duration::from_secs(10 + 8)),
        exchange(address, body, Duration::from_secs(30 + 10)),
        async {
            // With both open there is one place left; the one after is told to come back.
            let target = address.trim_start_matches("http://");
            tokio::time::sleep(Duration::from_millis(500)).await;
            let _last = tokio::net::TcpStream::connect(target).await.unwrap();
            let request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
            let answer = exchange(address, request, SOON).await;
            assert!(answer.contains(" 503 ") || answer.is_empty(), "{answer}");
        },
    );
    assert_eq!(slow_head, "", "cut without a word");
    assert!(slow_body.contains(" 408 ") && slow_body.contains(r#""field":"body""#), "{slow_body}");
    server.anonymous().get("/health").await.expect(200);
}
