//! Hibernation, and messages that wake.

use serde_json::{Value, json};

use super::{closed, count, hosted, online, order, reason};
use crate::in_both_modes;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(
    a_message_wakes_who_sleeps_and_is_answered,
    who_works_is_put_to_sleep_by_force_only,
    a_killed_server_finishes_putting_to_sleep,
    the_limit_of_idleness_is_an_administrators,
);

fn message(method: &str, text: &str) -> Value {
    json!({
        "method": method,
        "params": {"message": {
            "role": "user", "messageId": text, "parts": [{"kind": "text", "text": text}],
        }},
    })
}

async fn answered(admin: &Client, id: &str, message: &str) -> Value {
    let path = format!("/workspaces/{id}/messages/{message}");
    eventually("delivered message", std::time::Duration::from_secs(20), || async {
        let message = admin.get(&path).await.expect(200);
        (message["state"] == "delivered").then_some(message)
    })
    .await
}

async fn a_message_wakes_who_sleeps_and_is_answered(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = hosted(&admin, "Bear", None).await;
    let url = online(&admin, &id).await;
    let slept = order(&admin, &id, "hibernate", 200).await;
    assert_eq!(slept, json!({"status": "hibernated"}));
    closed(&url).await;
    let view = admin.get(&format!("/workspaces/{id}")).await.json();
    assert_eq!((&view["status"], &view["url"]), (&json!("hibernated"), &json!("")));
    let events = admin.get(&format!("/events/{id}")).await.json();
    assert_eq!(events[0]["event_type"], "WORKSPACE_HIBERNATED");
    assert_eq!(events[0]["payload"], json!({"name": "Bear", "tier": 3}));
    assert_eq!(events[1]["event_type"], "WORKSPACE_HIBERNATING");
    let again = order(&admin, &id, "hibernate", 404).await;
    let text = "workspace not found or not in a hibernatable state (must be online or degraded)";
    assert_eq!(again["error"], text);

    let path = format!("/workspaces/{id}/a2a");
    let kept = admin.post(&path, message("message/send", "good morning")).await.expect(202);
    assert_eq!((&kept["waking"], &kept["queued"]), (&json!(true), &json!(true)));
    online(&admin, &id).await;
    assert_eq!(reason(&admin, &id).await, "woken");
    let message_id = kept["message_id"].as_str().unwrap();
    let delivered = answered(&admin, &id, message_id).await;
    assert!(delivered["response"].to_string().contains("good morning"), "{delivered}");

    // Whoever cannot wait is told to come back, and has woken it.
    order(&admin, &id, "hibernate", 200).await;
    let reply = admin.post(&path, message("message/stream", "now")).await;
    let refused = reply.expect(503);
    assert_eq!((&refused["waking"], &refused["retry_after"]), (&json!(true), &json!(15)));
    let text = "workspace is waking from hibernation — retry in ~15 seconds";
    assert_eq!((refused["error"].as_str().unwrap(), reply.header("retry-after")), (text, "15"));
    online(&admin, &id).await;
    assert_eq!(count(&admin, &id, "WORKSPACE_HIBERNATED").await, 2);
}

async fn who_works_is_put_to_sleep_by_force_only(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Busy", "runtime": "langgraph"})).await;
    let own = server.bearer(&server.anonymous().register(&id).await);
    own.beat(&id, json!({"active_tasks": 2})).await.expect(200);
    let refused = order(&own, &id, "hibernate", 409).await;
    let expected = json!({
        "error": "workspace has active tasks; use ?force=true to terminate them",
        "active_tasks": 2,
    });
    assert_eq!(refused, expected);
    assert_eq!(admin.status(&id).await, "online");
    order(&own, &id, "hibernate?force=true", 200).await;
    assert_eq!(admin.status(&id).await, "hibernated");
    own.beat(&id, json!({})).await.expect(200);
    assert_eq!(admin.status(&id).await, "hibernated", "beats wake nobody");
    // Below one that is paused nobody is woken.
    let top = admin.create(json!({"name": "Top", "runtime": "langgraph"})).await;
    admin.patch(&format!("/workspaces/{id}"), json!({"parent_id": top})).await.expect(200);
    order(&admin, &top, "pause", 200).await;
    let path = format!("/workspaces/{id}/a2a");
    admin.post(&path, message("message/send", "hello")).await.expect(202);
    assert_eq!(admin.status(&id).await, "paused", "it was paused with its parent");
}

/// The agent is told to end and takes its time; the server is killed in between.
async fn a_killed_server_finishes_putting_to_sleep(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = hosted(&admin, "Bear", None).await;
    // As it stands between the two steps: claimed, and nobody was told that it sleeps.
    let claim = {
        let admin = admin.clone();
        let id = id.clone();
        tokio::spawn(async move {
            let path = format!("/workspaces/{id}/hibernate");
            let _ = admin.try_send(reqwest::Method::POST, &path, None, &[]).await;
        })
    };
    eventually("claimed workspace", SOON, || async {
        matches!(admin.status(&id).await.as_str(), "hibernating" | "hibernated").then_some(())
    })
    .await;
    server.kill();
    claim.abort();
    server.restart();
    let admin = server.admin();
    eventually("sleeping workspace", SOON, || async {
        (admin.status(&id).await == "hibernated").then_some(())
    })
    .await;
    assert_eq!(count(&admin, &id, "WORKSPACE_HIBERNATED").await, 1);
}

async fn the_limit_of_idleness_is_an_administrators(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Bear", "runtime": "langgraph"})).await;
    let own = server.bearer(&server.anonymous().register(&id).await);
    let path = format!("/workspaces/{id}");
    let limit = |minutes: Value| json!({"hibernation_idle_minutes": minutes});
    let refused = own.patch(&path, limit(json!(5))).await.expect(403);
    assert_eq!(refused["field"], "hibernation_idle_minutes");
    for bad in [0, -1, 525_601] {
        let refused = admin.patch(&path, limit(json!(bad))).await.expect(400);
        assert_eq!(refused["field"], "hibernation_idle_minutes");
    }
    admin.patch(&path, limit(json!(5))).await.expect(200);
    let event = admin.get(&format!("/events/{id}")).await.json()[0].take();
    assert_eq!(event["payload"], json!({"hibernation_idle_minutes": 5}));
    admin.patch(&path, limit(Value::Null)).await.expect(200);
    assert!(server.stop().success());
    let (status, text) = server.verify();
    assert!(status.success(), "{text}");
}
