//! Agents that the server runs itself: they come online by themselves, come back, and go.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;

use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

/// The promise to somebody who creates a first agent.
const ONLINE: Duration = Duration::from_secs(5);

in_both_modes!(
    a_hosted_agent_comes_online_by_itself,
    a_stopped_agent_comes_back_before_everybodys_eyes,
    a_restart_shows_provisioning_and_then_the_agent,
    a_removed_workspace_ends_its_agent,
    agents_come_back_with_a_killed_server,
);

async fn create(admin: &Client, name: &str) -> String {
    admin.create(json!({"name": name, "role": "Listens", "runtime": "isomer"})).await
}

/// Waits until the workspace is online and returns where its agent is.
async fn online(admin: &Client, id: &str) -> String {
    eventually("online agent", ONLINE, || async {
        let view = admin.get(&format!("/workspaces/{id}")).await.json();
        (view["status"] == "online").then(|| view["url"].as_str().unwrap().to_owned())
    })
    .await
}

async fn is_listening(url: &str) -> bool {
    TcpStream::connect(url.strip_prefix("http://").unwrap()).await.is_ok()
}

async fn closed(url: &str) {
    eventually("closed port", SOON, || async { (!is_listening(url).await).then_some(()) }).await;
}

async fn a_hosted_agent_comes_online_by_itself(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = create(&admin, "Ada").await;
    let url = online(&admin, &id).await;
    assert_eq!(admin.kinds(&id).await, ["WORKSPACE_PROVISIONING", "WORKSPACE_ONLINE"]);
    let view = admin.get(&format!("/workspaces/{id}")).await.json();
    assert_eq!((&view["name"], &view["runtime"]), (&json!("Ada"), &json!("isomer")));
    assert_eq!(view["agent_card"]["name"], "Ada");

    // It answers, without any key.
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "message/send",
        "params": {"message": {
            "role": "user", "messageId": "1", "parts": [{"kind": "text", "text": "hello"}],
        }},
    });
    let reply = Client::new(&url, None).post("", message).await.expect(200);
    assert!(reply["result"].to_string().contains("hello"), "{reply}");
    // Its token is its own, and private.
    let token = &server.agent_token(&id);
    server.bearer(token).get(&format!("/workspaces/{id}/state")).await.expect(200);
    server.bearer(token).get("/workspaces").await.expect(401);
    assert!(!server.log().contains(token.as_str()));
}

async fn a_stopped_agent_comes_back_before_everybodys_eyes(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = create(&admin, "Phoenix").await;
    let url = online(&admin, &id).await;
    let mut socket = Socket::open(&server.address, "").await;
    let stop = format!("/workspaces/{id}/stop");
    let stopped = admin.post(&stop, json!({})).await.expect(200);
    assert_eq!(stopped, json!({"status": "offline", "back_in_seconds": 3}));
    assert_eq!(admin.status(&id).await, "offline", "a read after the answer sees it");
    closed(&url).await;
    let again = admin.post(&stop, json!({})).await.expect(409);
    assert_eq!(again["error"], "its agent is not running");

    socket.until("WORKSPACE_OFFLINE", &id, SOON).await;
    socket.until("WORKSPACE_PROVISIONING", &id, SOON).await;
    socket.until("WORKSPACE_ONLINE", &id, SOON).await;
    let url = online(&admin, &id).await;
    assert!(is_listening(&url).await);
    let events = admin.get(&format!("/events/{id}")).await.expect(200);
    let seen: Vec<_> = events.as_array().unwrap().iter().rev().collect();
    let kinds: Vec<_> = seen.iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    let (up, down) = (["WORKSPACE_PROVISIONING", "WORKSPACE_ONLINE"], ["WORKSPACE_OFFLINE"]);
    assert_eq!(kinds, [&up[..], &down, &up].concat());
    let seqs: Vec<_> = seen.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
}

async fn a_restart_shows_provisioning_and_then_the_agent(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = create(&admin, "Ada").await;
    let before = online(&admin, &id).await;
    let mut socket = Socket::open(&server.address, "").await;
    let restarted = admin.post(&format!("/workspaces/{id}/restart"), json!({})).await.expect(200);
    let expected = json!({
        "status": "provisioning", "config_dir": "existing-volume", "reset_session": false,
    });
    assert_eq!(restarted, expected);
    let event = socket.until("WORKSPACE_PROVISIONING", &id, SOON).await;
    let expected = json!({"name": "Ada", "tier": 3, "runtime": "isomer", "reason": "restart"});
    assert_eq!(event["payload"], expected);
    socket.until("WORKSPACE_ONLINE", &id, SOON).await;
    closed(&before).await;
    assert!(is_listening(&online(&admin, &id).await).await);
}

async fn a_removed_workspace_ends_its_agent(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let parent = admin.create(json!({"name": "parent"})).await;
    let body = json!({"name": "child", "runtime": "isomer", "parent_id": parent});
    let child = admin.create(body).await;
    let (retired, heir) = (create(&admin, "retired").await, create(&admin, "heir").await);
    let (below, old, new) =
        (online(&admin, &child).await, online(&admin, &retired).await, online(&admin, &heir).await);

    admin.delete(&format!("/workspaces/{parent}?confirm=true")).await.expect(200);
    closed(&below).await;
    let files = server.files(&child);
    eventually("removed files", SOON, || async { (!files.exists()).then_some(()) }).await;
    admin.post(&format!("/workspaces/{retired}/forward"), json!({"to": heir})).await.expect(200);
    closed(&old).await;
    assert!(is_listening(&new).await, "the others stay");
    admin.post(&format!("/workspaces/{child}/stop"), json!({})).await.expect(410);
    // Given away to somebody else's care, it ends too; taken back, it comes back.
    let one = format!("/workspaces/{heir}");
    admin.patch(&one, json!({"runtime": "external"})).await.expect(200);
    closed(&new).await;
    admin.patch(&one, json!({"runtime": "isomer"})).await.expect(200);
    eventually("another agent", SOON, || async {
        let view = admin.get(&one).await.json();
        is_listening(view["url"].as_str()?).await.then_some(())
    })
    .await;
}

async fn agents_come_back_with_a_killed_server(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let (ada, grace) = (create(&admin, "Ada").await, create(&admin, "Grace").await);
    online(&admin, &ada).await;
    online(&admin, &grace).await;
    server.kill();
    // One has lost its token: it gets another.
    std::fs::remove_file(server.files(&grace).join("configs/.auth_token")).unwrap();
    server.restart();
    let admin = server.admin();
    for id in [&ada, &grace] {
        eventually("agent at its new address", SOON, || async {
            let online =
                |kinds: &[String]| kinds.iter().filter(|k| *k == "WORKSPACE_ONLINE").count();
            (online(&admin.kinds(id).await) == 2).then_some(())
        })
        .await;
        assert!(is_listening(&online(&admin, id).await).await);
    }
    assert!(server.stop().success());
    let (status, text) = server.verify();
    assert!(status.success(), "{text}");
}

#[tokio::test]
async fn agents_of_others_are_left_alone() {
    let server = Server::start(Mode::Embedded).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "theirs", "runtime": "langgraph"})).await;
    let token = server.anonymous().register(&id).await;
    let refused = admin.post(&format!("/workspaces/{id}/stop"), json!({})).await.expect(409);
    assert_eq!(refused["runtime"], "langgraph");
    let restart = format!("/workspaces/{id}/restart");
    let refused = admin.post(&restart, json!({})).await.expect(503);
    assert_eq!(refused["error"], "provisioner not available");
    assert_eq!(admin.status(&id).await, "online");
    for path in ["stop", "restart"] {
        let unknown = format!("/workspaces/{}/{path}", uuid::Uuid::new_v4());
        let path = format!("/workspaces/{id}/{path}");
        assert_eq!(
            admin.post(&unknown, json!({})).await.expect(404)["error"],
            "workspace not found"
        );
        server.anonymous().post(&path, json!({})).await.expect(401);
        let other = server.bearer(&token).post(&unknown, json!({})).await;
        other.expect(401);
    }
}

#[tokio::test]
async fn there_is_room_for_so_many_and_no_more() {
    let server = Server::with(Mode::Embedded, &[("ISOMER_HOSTED_AGENTS", "1")]).await;
    let admin = server.admin();
    let first = create(&admin, "first").await;
    let url = online(&admin, &first).await;
    let body = json!({"name": "second", "runtime": "isomer"});
    let refused = admin.post("/workspaces", body.clone()).await.expect(409);
    assert_eq!(refused["field"], "runtime");
    assert!(refused["reason"].as_str().unwrap().contains("ISOMER_HOSTED_AGENTS"), "{refused}");
    // One that waits for room has no token yet. Nobody takes it for being quicker than its agent.
    let waiting = admin.create(json!({"name": "waiting"})).await;
    admin.patch(&format!("/workspaces/{waiting}"), json!({"runtime": "isomer"})).await.expect(200);
    let body_of_stranger = json!({
        "id": waiting, "url": "http://localhost:8001", "agent_card": {"name": "stranger"},
    });
    server.anonymous().post("/registry/register", body_of_stranger).await.expect(401);
    admin.delete(&format!("/workspaces/{waiting}")).await.expect(200);
    admin.delete(&format!("/workspaces/{first}")).await.expect(200);
    closed(&url).await;
    let second = eventually("room", SOON, || async {
        let created = admin.post("/workspaces", body.clone()).await;
        (created.status.as_u16() == 201).then(|| created.json()["id"].as_str().unwrap().to_owned())
    })
    .await;
    online(&admin, &second).await;
}

#[tokio::test]
async fn an_agent_that_cannot_start_is_given_up_with_the_reason() {
    let mut server = Server::start(Mode::Embedded).await;
    let admin = server.admin();
    let id = create(&admin, "Ada").await;
    online(&admin, &id).await;
    server.kill();
    let file = server.files(&id).join("configs/.auth_token");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    server.restart();
    let admin = server.admin();
    let failed = eventually("failed workspace", Duration::from_secs(20), || async {
        let view = admin.get("/workspaces").await.json()[0].take();
        (view["status"] == "failed").then_some(view)
    })
    .await;
    let reason = failed["last_sample_error"].as_str().unwrap();
    assert!(reason.contains("token file"), "{reason}");
    assert!(!reason.contains("configs"), "no paths: {reason}");
    assert_eq!(admin.kinds(&id).await.last().unwrap(), "WORKSPACE_PROVISION_FAILED");

    std::fs::remove_dir(&file).unwrap();
    admin.post(&format!("/workspaces/{id}/restart"), json!({})).await.expect(200);
    online(&admin, &id).await;
}
