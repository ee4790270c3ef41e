//! Agents that collect their messages.

use serde_json::{Value, json};

use super::{ids, keep, message, read, send, until};
use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::{Client, Mode, Server};

in_both_modes!(
    nothing_is_pushed_to_who_collects,
    an_agent_collects_and_acknowledges,
    what_is_given_back_comes_again,
    waiting_for_mail
);

async fn collect(client: &Client, id: &str, query: &str) -> (Vec<String>, String) {
    let inbox = client.get(&format!("/workspaces/{id}/inbox{query}")).await.expect(200);
    let key = |message: &Value| {
        assert_eq!(message["state"], "dispatched");
        message["body"]["params"]["message"]["messageId"].as_str().unwrap().to_owned()
    };
    let keys = inbox["messages"].as_array().unwrap().iter().map(key).collect();
    (keys, inbox["cursor"].as_str().unwrap().to_owned())
}

async fn an_agent_collects_and_acknowledges(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let created = admin.post("/workspaces", json!({"name": "poller", "external": true})).await;
    let created = created.expect(201);
    let id = created["id"].as_str().unwrap();
    let agent = server.bearer(created["connection"]["auth_token"].as_str().unwrap());
    let mut mids = Vec::new();
    for key in ["a", "b", "c"] {
        mids.push(keep(&admin, id, key, &[]).await);
    }
    let (keys, cursor) = collect(&agent, id, "?limit=2").await;
    assert_eq!(keys, ["a", "b"]);
    // Leased ones are not handed out twice, nor what the cursor has passed.
    let (keys, cursor) = collect(&agent, id, &format!("?cursor={cursor}")).await;
    assert_eq!(keys, ["c"]);
    let (keys, same) = collect(&agent, id, &format!("?cursor={cursor}")).await;
    assert!(keys.is_empty());
    assert_eq!(same, cursor);

    let ack = |mid: &str| format!("/workspaces/{id}/inbox/{mid}/ack");
    let answer = json!({"response": {"text": "done"}});
    let acknowledged = agent.post(&ack(&mids[0]), answer.clone()).await.expect(200);
    assert_eq!(
        (&acknowledged["state"], &acknowledged["attempts"]),
        (&json!("delivered"), &json!(1))
    );
    agent.post(&ack(&mids[0]), answer).await.expect(200);
    assert_eq!(read(&admin, id, &mids[0]).await["response"], json!({"text": "done"}));
    let bare = agent.raw(reqwest::Method::POST, &ack(&mids[1]), Vec::new()).await.expect(200);
    assert_eq!(bare["state"], "delivered");
    let cancel = |mid: &str| format!("/workspaces/{id}/messages/{mid}/cancel");
    let cancelled = admin.post(&cancel(&mids[2]), json!({})).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    let late = agent.post(&ack(&mids[2]), json!({})).await.expect(409);
    assert_eq!(late["state"], "cancelled");
    let twice = admin.post(&cancel(&mids[0]), json!({})).await.expect(409);
    assert_eq!(twice["state"], "delivered");
    assert!(collect(&agent, id, "").await.0.is_empty());

    for (query, field) in [
        ("?cursor=x", "cursor"),
        ("?limit=101", "limit"),
        ("?wait=61", "wait"),
        ("?lease=0", "lease"),
    ] {
        let refused = agent.get(&format!("/workspaces/{id}/inbox{query}")).await.expect(400);
        assert_eq!(refused["field"], field);
    }
    server.anonymous().get(&format!("/workspaces/{id}/inbox")).await.expect(401);
    let other = admin.create(json!({"name": "other"})).await;
    let stranger = server.bearer(&server.anonymous().register(&other).await);
    stranger.get(&format!("/workspaces/{id}/inbox")).await.expect(401);
    stranger.post(&ack(&mids[0]), json!({})).await.expect(401);
}

async fn what_is_given_back_comes_again(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "poller", "external": true})).await;
    let mid = keep(&admin, &id, "a", &[]).await;
    let lost = keep(&admin, &id, "b", &[]).await;
    collect(&admin, &id, "?limit=1").await;
    let nack = format!("/workspaces/{id}/inbox/{mid}/nack");
    let back = admin.post(&nack, json!({"error": "not now"})).await.expect(200);
    assert_eq!((&back["state"], &back["last_error"]), (&json!("queued"), &json!("not now")));
    // A lease of a second that nobody acknowledges ends, too.
    let (keys, _) = collect(&admin, &id, "?limit=1&lease=1").await;
    assert_eq!(keys, ["b"]);
    let returned = until(&admin, &id, &lost, "queued").await;
    assert_eq!(returned["last_error"], "not acknowledged in time");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(collect(&admin, &id, "?wait=5").await.0);
    }
    seen.sort();
    assert_eq!(seen, ["a", "b"]);
    let failed = admin.post(&nack, json!({"error": "never", "permanent": true})).await.expect(200);
    assert_eq!((&failed["state"], &failed["last_error"]), (&json!("failed"), &json!("never")));
    assert_eq!(ids(&admin, &id, "?state=failed").await, ["a"]);
}

async fn nothing_is_pushed_to_who_collects(mode: Mode) {
    let server = Server::with(mode, &[("MOLECULE_ENV", "development")]).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "poller"})).await;
    let agent = Agent::start(Mood::Echo).await;
    let body = json!({
        "id": id,
        "url": format!("http://localhost:{}", agent.port),
        "agent_card": {"name": "poller"},
        "delivery_mode": "poll",
    });
    let registered = server.anonymous().post("/registry/register", body).await.expect(200);
    let own = server.bearer(registered["auth_token"].as_str().unwrap());
    let receipt = send(&admin, &id, message("a", "a"), &[]).await.expect(202);
    assert_eq!(receipt["message"], "workspace collects its messages — request queued");
    own.beat(&id, json!({"active_tasks": 0})).await.expect(200);
    assert_eq!(collect(&own, &id, "?wait=10").await.0, ["a"]);
    assert!(agent.texts().is_empty());
    // What is given back waits again, and is pushed once its agent wants that.
    let mid = receipt["message_id"].as_str().unwrap();
    own.post(&format!("/workspaces/{id}/inbox/{mid}/nack"), json!({})).await.expect(200);
    admin.patch(&format!("/workspaces/{id}"), json!({"delivery_mode": "push"})).await.expect(200);
    own.beat(&id, json!({"active_tasks": 0})).await.expect(200);
    until(&admin, &id, mid, "delivered").await;
    assert_eq!(agent.texts(), ["a"]);
}

async fn waiting_for_mail(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "poller", "external": true})).await;
    let waiter = {
        let (admin, id) = (admin.clone(), id.clone());
        tokio::spawn(async move { collect(&admin, &id, "?wait=15").await })
    };
    // Whether it arrives before or while the request waits, it is collected.
    send(&admin, &id, message("a", "a"), &[]).await.expect(202);
    let (keys, _) = waiter.await.unwrap();
    assert_eq!(keys, ["a"]);
}
