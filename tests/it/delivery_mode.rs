//! Agents without a reachable URL say that they collect their messages.

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(an_agent_that_polls_needs_no_url, an_external_workspace_can_be_made_for_polling);

async fn an_agent_that_polls_needs_no_url(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let one = format!("/workspaces/{id}");
    assert_eq!(admin.get(&one).await.expect(200)["delivery_mode"], "push");

    let body = |more: Value| {
        let mut body = json!({"id": id, "agent_card": {"name": "Ada"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let anonymous = server.anonymous();
    let refused = anonymous.post("/registry/register", body(json!({}))).await.expect(400);
    assert_eq!(refused["field"], "url");
    let polling = body(json!({"delivery_mode": "poll", "url": ""}));
    let registered = anonymous.post("/registry/register", polling).await.expect(200);
    assert_eq!(
        (&registered["status"], &registered["delivery_mode"]),
        (&json!("registered"), &json!("poll"))
    );
    let agent = server.bearer(registered["auth_token"].as_str().unwrap());
    let view = admin.get(&one).await.expect(200);
    assert_eq!(
        (&view["status"], &view["url"], &view["delivery_mode"]),
        (&json!("online"), &json!(""), &json!("poll"))
    );
    assert_eq!(admin.get("/workspaces").await.expect(200)[0]["delivery_mode"], "poll");
    agent.beat(&id, json!({})).await.expect(200);

    // What is not said stays, also over a restart.
    assert!(server.stop().success());
    if mode == Mode::Embedded {
        let (status, text) = server.verify();
        assert!(status.success(), "{text}");
    }
    server.restart();
    let again = agent.post("/registry/register", body(json!({}))).await.expect(200);
    assert_eq!((again.get("auth_token"), &again["delivery_mode"]), (None, &json!("poll")));

    let pushed = json!({"delivery_mode": "push", "url": "http://localhost:9"});
    let answer = agent.post("/registry/register", body(pushed)).await.expect(200);
    assert_eq!(answer["delivery_mode"], "push");
    assert_eq!(admin.get(&one).await.expect(200)["url"], "http://localhost:9");
    agent.patch(&one, json!({"delivery_mode": "poll"})).await.expect(200);
    assert_eq!(admin.get(&one).await.expect(200)["delivery_mode"], "poll");
    assert_eq!(admin.kinds(&id).await.last().unwrap(), "WORKSPACE_UPDATED");
}

async fn an_external_workspace_can_be_made_for_polling(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let body = json!({"name": "Remote", "external": true, "delivery_mode": "poll"});
    let created = admin.post("/workspaces", body).await.expect(201);
    assert_eq!(created["status"], "awaiting_agent");
    let curl = created["connection"]["curl_register_template"].as_str().unwrap();
    assert!(curl.contains(r#""delivery_mode":"poll""#) && !curl.contains("url\":"), "{curl}");
    let id = created["id"].as_str().unwrap();
    let agent = server.bearer(created["connection"]["auth_token"].as_str().unwrap());
    let body = json!({"id": id, "agent_card": {}});
    assert_eq!(agent.post("/registry/register", body).await.expect(200)["delivery_mode"], "poll");
    assert_eq!(admin.status(id).await, "online");

    // The server's own agents take what is pushed to them, and nothing else.
    let hosted = admin.patch(&format!("/workspaces/{id}"), json!({"runtime": "isomer"})).await;
    assert_eq!(hosted.expect(400)["field"], "delivery_mode");
}
