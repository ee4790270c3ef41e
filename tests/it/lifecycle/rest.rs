//! Pause and resume, over three levels.

use serde_json::json;

use super::{closed, count, hosted, online, order, reason};
use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(a_tree_is_paused_and_resumed, agents_of_others_are_only_marked);

async fn a_tree_is_paused_and_resumed(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let top = hosted(&admin, "Top", None).await;
    let middle = hosted(&admin, "Middle", Some(&top)).await;
    let bottom = hosted(&admin, "Bottom", Some(&middle)).await;
    let urls =
        [online(&admin, &top).await, online(&admin, &middle).await, online(&admin, &bottom).await];

    let paused = order(&admin, &middle, "pause", 200).await;
    assert_eq!(paused, json!({"status": "paused", "paused_count": 2}));
    let again = order(&admin, &middle, "pause", 404).await;
    assert_eq!(again["error"], "workspace not found or already paused");
    let paused = order(&admin, &top, "pause", 200).await;
    assert_eq!(paused["paused_count"], 1, "only those that were not");
    for (id, url) in [&top, &middle, &bottom].into_iter().zip(&urls) {
        let view = admin.get(&format!("/workspaces/{id}")).await.json();
        assert_eq!((&view["status"], &view["url"]), (&json!("paused"), &json!("")));
        closed(url).await;
        assert_eq!(count(&admin, id, "WORKSPACE_PAUSED").await, 1);
        assert_eq!(admin.kinds(id).await.last().unwrap(), "WORKSPACE_PAUSED");
    }
    let event = admin.get(&format!("/events/{top}")).await.json()[0].take();
    assert_eq!(event["payload"], json!({"name": "Top"}));

    let refused = order(&admin, &bottom, "resume", 409).await;
    assert_eq!(refused["error"], "parent workspace \"Middle\" is paused — resume it first");
    let refused = order(&admin, &middle, "resume", 409).await;
    assert_eq!(refused["error"], "parent workspace \"Top\" is paused — resume it first");
    let refused = order(&admin, &middle, "restart", 409).await;
    assert_eq!(refused["error"], "parent workspace \"Top\" is paused — resume it first");

    // A stray of its agent does not revive it; its token lives.
    let own = server.bearer(&server.agent_token(&top));
    let state = own.get(&format!("/workspaces/{top}/state")).await.expect(200);
    assert_eq!(state["paused"], true);
    let body = json!({"id": top, "url": "http://127.0.0.1:9", "agent_card": {"name": "x"}});
    let stray = own.post("/registry/register", body).await;
    assert!(stray.status.is_client_error(), "{stray:?}");
    assert_eq!(admin.status(&top).await, "paused");
    // Nor does another start of the server.
    server.kill();
    server.restart();
    let admin = server.admin();
    assert_eq!(admin.status(&top).await, "paused");

    let resumed = order(&admin, &top, "resume", 200).await;
    assert_eq!(resumed, json!({"status": "provisioning", "resumed_count": 3}));
    for id in [&top, &middle, &bottom] {
        online(&admin, id).await;
        assert_eq!(count(&admin, id, "WORKSPACE_PROVISIONING").await, 2);
        assert_eq!(reason(&admin, id).await, "resumed");
    }
    let again = order(&admin, &top, "resume", 404).await;
    assert_eq!(again["error"], "workspace not found or not paused");

    // A restart lifts one that is paused itself.
    order(&admin, &bottom, "pause", 200).await;
    order(&admin, &bottom, "restart", 200).await;
    online(&admin, &bottom).await;
    assert_eq!(reason(&admin, &bottom).await, "restart");
    assert!(server.stop().success());
    let (status, text) = server.verify();
    assert!(status.success(), "{text}");
}

async fn agents_of_others_are_only_marked(mode: Mode) {
    let server = Server::with(mode, &[("MOLECULE_ENV", "development")]).await;
    let admin = server.admin();
    let agent = Agent::start(Mood::Echo).await;
    let created =
        admin.post("/workspaces", json!({"name": "Far", "external": true})).await.expect(201);
    let id = created["id"].as_str().unwrap();
    let own = server.bearer(created["connection"]["auth_token"].as_str().unwrap());
    agent.register(&own, id).await;
    order(&own, id, "pause", 200).await;
    // It goes on beating, which changes nothing.
    own.beat(id, json!({})).await.expect(200);
    assert_eq!(admin.status(id).await, "paused");
    order(&own, id, "resume", 200).await;
    assert_eq!(admin.status(id).await, "awaiting_agent");
    own.beat(id, json!({})).await.expect(200);
    assert_eq!(admin.status(id).await, "online");

    // It was not ended, and is told that it is wanted again.
    let texts = agent.has(1).await;
    let (first, last) = (texts[0].lines().next().unwrap(), texts[0].lines().last().unwrap());
    assert_eq!((first, last), ("=== RESTART CONTEXT ===", "=== END RESTART CONTEXT ==="));
    let message = agent.requests()[0].1["params"]["message"]["metadata"].clone();
    for (key, value) in [
        ("source", json!("platform")),
        ("kind", json!("restart_context")),
        ("layer", json!(1)),
        ("restart_context", json!(true)),
    ] {
        assert_eq!(message[key], value, "{message}");
    }
    let rows = admin.get(&format!("/workspaces/{id}/activity")).await.expect(200);
    assert_eq!(rows, json!([]), "it leaves no row");

    // An administrator's register revives what nobody here runs, as the contract has it.
    order(&admin, id, "pause", 200).await;
    agent.register(&own, id).await;
    eventually("revived", SOON, || async { (admin.status(id).await == "online").then_some(()) })
        .await;
}
