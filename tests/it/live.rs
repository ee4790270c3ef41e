//! Live updates: in order, without holes or doubles, also after a cut.

use std::time::Duration;

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{Mode, SOON, Server};

in_both_modes!(a_subscriber_resumes_without_holes_or_doubles, agents_hear_their_peers);

async fn a_subscriber_resumes_without_holes_or_doubles(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "first"})).await;
    let mut plain = Socket::open(&server.address, "").await;
    let mut all = Socket::open(&server.address, "?since=0").await;
    let mut seen = Vec::new();
    let take = async |socket: &mut Socket, seen: &mut Vec<i64>| {
        let event = socket.next(SOON).await.unwrap();
        seen.push(event["seq"].as_i64().unwrap());
        event
    };
    assert_eq!(take(&mut all, &mut seen).await["event"], "WORKSPACE_PROVISIONING");
    for number in 0..20 {
        let body = json!({"role": format!("role {number}")});
        admin.patch(&format!("/workspaces/{id}"), body).await.expect(200);
    }
    for _ in 0..10 {
        take(&mut all, &mut seen).await;
    }
    drop(all);
    // Without `since` the envelope has exactly the contract's four keys.
    let event = plain.next(SOON).await.unwrap();
    let keys: Vec<_> = event.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["event", "payload", "timestamp", "workspace_id"]);

    // It goes on where it stopped, across a restart of the server too.
    let last = *seen.last().unwrap();
    let mut resumed = Socket::open(&server.address, &format!("?since={last}")).await;
    for _ in 0..4 {
        take(&mut resumed, &mut seen).await;
    }
    assert!(server.stop().success());
    assert_eq!(resumed_close(&mut resumed, &mut seen).await, Some(1001));
    server.restart();
    let last = *seen.last().unwrap();
    let mut resumed = Socket::open(&server.address, &format!("?since={last}")).await;
    admin.patch(&format!("/workspaces/{id}"), json!({"role": "last"})).await.expect(200);
    while *seen.last().unwrap() < 22 {
        take(&mut resumed, &mut seen).await;
    }
    assert_eq!(seen, (1..=22).collect::<Vec<_>>());
    let bad = Socket::try_open(&server.address, "?since=x", &bearer()).await;
    assert_eq!(bad.err(), Some(400));
}

fn bearer() -> [(&'static str, &'static str); 1] {
    [("authorization", "Bearer test-administrator-token")]
}

async fn resumed_close(socket: &mut Socket, seen: &mut Vec<i64>) -> Option<u16> {
    loop {
        match socket.next(SOON).await {
            Ok(event) => seen.push(event["seq"].as_i64().unwrap()),
            Err(code) => return code,
        }
    }
}

async fn agents_hear_their_peers(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead"})).await;
    let member = admin.create(json!({"name": "member", "parent_id": lead})).await;
    let stranger = admin.create(json!({"name": "stranger", "parent_id": admin.create(json!({"name": "elsewhere"})).await})).await;
    let token = server.anonymous().register(&member).await;
    let bearer = format!("Bearer {token}");
    let headers = [("x-workspace-id", member.as_str()), ("authorization", bearer.as_str())];
    let mut socket = Socket::try_open(&server.address, "", &headers).await.ok().unwrap();
    server.anonymous().register(&stranger).await;
    let lead_token = server.anonymous().register(&lead).await;
    let event = socket.next(SOON).await.unwrap();
    assert_eq!(
        (&event["workspace_id"], &event["event"]),
        (&json!(lead), &json!("WORKSPACE_ONLINE"))
    );
    let beat = json!({"current_task": "thinking", "active_tasks": 1, "uptime_seconds": 4});
    server.bearer(&lead_token).beat(&lead, beat.clone()).await.expect(200);
    let task = socket.next(SOON).await.unwrap();
    assert_eq!(task["event"], "TASK_UPDATED");
    assert_eq!(task["payload"], json!({"current_task": "thinking", "active_tasks": 1}));
    let beat_event = socket.next(SOON).await.unwrap();
    assert_eq!(beat_event["event"], "WORKSPACE_HEARTBEAT");
    // The same task again is no update.
    server.bearer(&lead_token).beat(&lead, beat).await.expect(200);
    assert_eq!(socket.next(SOON).await.unwrap()["event"], "WORKSPACE_HEARTBEAT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_sent_events_tell_of_one_workspace() {
    let server = Server::start(Mode::Embedded).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "one"})).await;
    let other = admin.create(json!({"name": "other"})).await;
    let url = format!("{}/workspaces/{id}/events/stream?since=0", server.address);
    let client = reqwest::Client::new();
    let request = client.get(url).bearer_auth(crate::support::ADMIN);
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    server.anonymous().register(&other).await;
    server.anonymous().register(&id).await;
    let mut text = String::new();
    while text.matches("data: ").count() < 2 {
        let chunk = tokio::time::timeout(Duration::from_secs(10), response.chunk()).await;
        text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
    }
    assert!(text.starts_with(": ping\n\n"), "{text}");
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    assert_eq!(events[0]["type"], "WORKSPACE_PROVISIONING");
    assert_eq!(events[1]["type"], "WORKSPACE_ONLINE");
    assert!(events[0]["timestamp"].is_i64() && text.contains("id: 1\n"), "{text}");
    let unknown = "/workspaces/00000000-0000-4000-8000-000000000000/events/stream";
    admin.get(unknown).await.expect(404);
}
