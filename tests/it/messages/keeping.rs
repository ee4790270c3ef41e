//! What is acknowledged is kept, within bounds and in time.

use serde_json::json;

use super::{ids, keep, message, read, send, until};
use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(a_kill_loses_nothing, a_mailbox_has_bounds, time_passes, stale_ones_are_dropped);

async fn a_kill_loses_nothing(mode: Mode) {
    let mut server = Server::with(mode, &[("MOLECULE_ENV", "development")]).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "late", "external": true})).await;
    let mut mids = Vec::new();
    for number in 0..20 {
        mids.push(keep(&admin, &id, &format!("m-{number:02}"), &[]).await);
    }
    server.kill();
    server.restart();
    let again = send(&admin, &id, message("m-00", "m-00"), &[]).await.expect(202);
    assert_eq!(again["message_id"], mids[0].as_str());
    assert_eq!(again["queue_depth"], 20);
    let agent = Agent::start(Mood::Echo).await;
    let token = agent.register(&admin, &id).await;
    assert!(token.is_empty(), "it has one");
    for mid in &mids {
        until(&admin, &id, mid, "delivered").await;
    }
    server.kill();
    server.restart();
    agent.register(&admin, &id).await;
    let direct = send(&admin, &id, message("last", "last"), &[("prefer", "respond-async")]).await;
    let direct = direct.expect(202)["message_id"].as_str().unwrap().to_owned();
    until(&admin, &id, &direct, "delivered").await;
    let mut texts = agent.texts();
    assert_eq!(texts.pop().unwrap(), "last");
    let sent: Vec<_> = (0..20).map(|number| format!("m-{number:02}")).collect();
    assert_eq!(texts, sent, "in order, once each");
}

async fn a_mailbox_has_bounds(mode: Mode) {
    let server = Server::with(mode, &[("MAILBOX_LIMIT", "3")]).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "full", "external": true})).await;
    for key in ["a", "b", "c"] {
        keep(&admin, &id, key, &[]).await;
    }
    let reply = send(&admin, &id, message("d", "d"), &[]).await;
    assert!(!reply.header("retry-after").is_empty());
    let full = reply.expect(429);
    assert_eq!((&full["code"], &full["limit"]), (&json!("mailbox_full"), &json!(3)));
    assert_eq!(ids(&admin, &id, "").await, ["c", "b", "a"]);
    // Nobody else's is full, and it has room again.
    let other = admin.create(json!({"name": "other", "external": true})).await;
    keep(&admin, &other, "a", &[]).await;
    let list = admin.get(&format!("/workspaces/{id}/messages")).await.expect(200);
    let mid = list[0]["id"].as_str().unwrap();
    admin.post(&format!("/workspaces/{id}/messages/{mid}/cancel"), json!({})).await.expect(200);
    keep(&admin, &id, "d", &[]).await;
    send(&admin, &id, message("e", "e"), &[]).await.expect(429);
}

async fn time_passes(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "late", "external": true})).await;
    let mid = keep(&admin, &id, "a", &[("x-message-ttl", "1")]).await;
    let expired = until(&admin, &id, &mid, "expired").await;
    assert_eq!(expired["last_error"], "not delivered in time");
    let again = send(&admin, &id, message("a", "a"), &[]).await.expect(202);
    assert_ne!(again["message_id"], mid.as_str());
    assert_eq!(again["queue_depth"], 1);
    for (query, field) in
        [("?state=completed", "state"), ("?direction=up", "direction"), ("?limit=0", "limit")]
    {
        let refused = admin.get(&format!("/workspaces/{id}/messages{query}")).await.expect(400);
        assert_eq!(refused["field"], field);
    }
}

async fn stale_ones_are_dropped(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "late", "external": true})).await;
    let mid = keep(&admin, &id, "a", &[]).await;
    let path = "/admin/a2a-queue/drop-stale";
    for age in ["0", "x", "-1"] {
        let refused = admin.post(&format!("{path}?max_age_minutes={age}"), json!({})).await;
        let text = "max_age_minutes must be a positive integer";
        assert_eq!(refused.expect(400)["error"], text);
    }
    assert_eq!(admin.post(path, json!({})).await.expect(200), json!({"dropped": 0}));
    let past = match mode {
        Mode::Embedded => "'2020-01-01T00:00:00.000000Z'",
        Mode::Production => "'2020-01-01T00:00:00Z'",
    };
    server.tamper(&format!("UPDATE a2a_queue SET enqueued_at = {past}")).await.unwrap();
    let elsewhere = uuid::Uuid::new_v4();
    let none = admin.post(&format!("{path}?workspace_id={elsewhere}"), json!({})).await;
    assert_eq!(none.expect(200)["dropped"], 0);
    assert_eq!(admin.post(path, json!({})).await.expect(200)["dropped"], 1);
    let dropped = read(&admin, &id, &mid).await;
    assert_eq!(
        (&dropped["state"], &dropped["last_error"]),
        (&json!("cancelled"), &json!("dropped as stale"))
    );
    eventually("empty mailbox", SOON, || async {
        let again = send(&admin, &id, message("b", "b"), &[]).await.expect(202);
        (again["queue_depth"] == 1).then_some(())
    })
    .await;
    server.anonymous().post(path, json!({})).await.expect(401);
}
