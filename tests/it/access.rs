//! Gates and tokens: closed by default, revoked at once.

use std::time::Duration;

use serde_json::json;

use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{ADMIN, Mode, SOON, Server};

in_both_modes!(tokens_open_their_own_workspace_only, organisation_and_join_tokens);

async fn tokens_open_their_own_workspace_only(mode: Mode) {
    let server = Server::start(mode).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let id = admin.create(json!({"name": "one"})).await;
    let other = admin.create(json!({"name": "other"})).await;
    let token = anonymous.register(&id).await;
    let foreign = anonymous.register(&other).await;
    let tokens = format!("/workspaces/{id}/tokens");

    let missing = anonymous.get(&tokens).await.expect(401);
    assert_eq!(missing["error"], "missing workspace auth token");
    for wrong in [foreign.as_str(), &token.to_uppercase(), "x", &"A".repeat(43)] {
        let reply = server.bearer(wrong).get(&tokens).await.expect(401);
        assert_eq!(reply["error"], "invalid workspace auth token");
        server.bearer(wrong).beat(&id, json!({})).await.expect(401);
    }
    // A session's tricks do not count as a login.
    let tricks = [("referer", server.address.as_str()), ("origin", server.address.as_str())];
    anonymous.get_with(&tokens, &tricks).await.expect(401);
    // An agent moves and arms itself nowhere.
    let own = server.bearer(&token);
    for (field, value) in [
        ("parent_id", json!(other)),
        ("parent_id", json!(null)),
        ("tier", json!(4)),
        ("runtime", json!("isomer")),
        ("workspace_dir", json!("/srv/x")),
    ] {
        let body = json!({"name": "x", field: value});
        let refused = own.patch(&format!("/workspaces/{id}"), body).await.expect(403);
        assert_eq!(refused["field"], field);
    }
    own.patch(&format!("/workspaces/{id}"), json!({"role": "Counts"})).await.expect(200);
    let view = admin.get(&format!("/workspaces/{id}")).await.expect(200);
    assert_eq!((&view["name"], &view["role"]), (&json!("one"), &json!("Counts")));
    // An agent's token is no administrator's.
    server.bearer(&token).get("/workspaces").await.expect(401);
    server.bearer(&token).get("/events").await.expect(401);

    let agent = server.bearer(&token);
    let listed = agent.get(&tokens).await.expect(200);
    assert_eq!(listed["count"], 1);
    assert_eq!(listed["tokens"][0]["prefix"], token[..8]);
    assert!(listed["tokens"][0]["last_used_at"].is_string());
    let second = agent.post(&tokens, json!({})).await.expect(201);
    let second = second["auth_token"].as_str().unwrap().to_owned();
    let first_id = listed["tokens"][0]["id"].as_str().unwrap();
    let path = format!("{tokens}/{first_id}");
    server.bearer(&second).delete(&path).await.expect(200);
    // At once.
    agent.beat(&id, json!({})).await.expect(401);
    agent.get(&tokens).await.expect(401);
    server.bearer(&second).delete(&path).await.expect(404);
    server.bearer(&second).beat(&id, json!({})).await.expect(200);
    // An upper-case id never matches its token.
    let upper = format!("/workspaces/{}/tokens", id.to_uppercase());
    server.bearer(&second).get(&upper).await.expect(401);
    assert!(!server.log().contains(&token), "tokens are not logged");
}

async fn organisation_and_join_tokens(mode: Mode) {
    let server = Server::start(mode).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let id = "4f2cbb6e-1d0b-4a77-9f0e-0c4f5b7f9a01";
    let body = json!({"id": id, "url": "http://localhost:9", "agent_card": {"name": "x"}});
    anonymous.post("/registry/register", body.clone()).await.expect(401);
    anonymous.get(&format!("/workspaces/{id}")).await.expect(404);

    let org = admin.post("/org/tokens", json!({"name": "ci"})).await.expect(200);
    let org_client = server.bearer(org["auth_token"].as_str().unwrap());
    org_client.get("/workspaces").await.expect(200);
    let join = org_client.post("/org/tokens", json!({"scope": "join"})).await.expect(200);
    let join_client = server.bearer(join["auth_token"].as_str().unwrap());
    join_client.get("/workspaces").await.expect(401);
    let joined = join_client.post("/registry/register", body.clone()).await.expect(200);
    let token = joined["auth_token"].as_str().unwrap();
    // It brings agents in; it does not take over those that are.
    join_client.post("/registry/register", body.clone()).await.expect(401);
    server.bearer(token).beat(id, json!({})).await.expect(200);

    let list = admin.get("/org/tokens").await.expect(200);
    assert_eq!(list["count"], 2);
    assert_eq!(list["tokens"][1]["created_by"], "admin-token");
    let created_by = list["tokens"][0]["created_by"].as_str().unwrap();
    assert!(created_by.starts_with("org-token:"), "{created_by}");
    let path = format!("/org/tokens/{}", org["id"].as_str().unwrap());
    admin.delete(&path).await.expect(200);
    org_client.get("/workspaces").await.expect(401);
    admin.delete(&path).await.expect(404);
    let long = json!({"name": "x".repeat(101)});
    assert_eq!(admin.post("/org/tokens", long).await.expect(400)["field"], "name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_on_another_node_works_within_seconds() {
    let server = Server::start(Mode::Production).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "one"})).await;
    let token = server.anonymous().register(&id).await;
    let agent = server.bearer(&token);
    agent.beat(&id, json!({})).await.expect(200);
    server.tamper("UPDATE workspace_auth_tokens SET revoked_at = now()").await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while agent.beat(&id, json!({})).await.status.as_u16() != 401 {
        assert!(tokio::time::Instant::now() < deadline, "still let in after 5 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_stream_is_closed_to_strangers_and_to_the_revoked() {
    let server = Server::start(Mode::Embedded).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "one"})).await;
    let token = server.anonymous().register(&id).await;
    let bearer = format!("Bearer {token}");
    assert_eq!(Socket::try_open(&server.address, "", &[]).await.err(), Some(401));
    let foreign = [("authorization", bearer.as_str())];
    assert_eq!(Socket::try_open(&server.address, "", &foreign).await.err(), Some(401));
    let evil = format!("Bearer {ADMIN}");
    let cross = [("origin", "http://evil.example"), ("authorization", evil.as_str())];
    assert_eq!(Socket::try_open(&server.address, "", &cross).await.err(), Some(403));
    let own = [("x-workspace-id", id.as_str()), ("authorization", bearer.as_str())];
    let mut socket = Socket::try_open(&server.address, "", &own).await.ok().unwrap();
    let tokens = format!("/workspaces/{id}/tokens");
    let listed = admin.get(&tokens).await.expect(200);
    let path = format!("{tokens}/{}", listed["tokens"][0]["id"].as_str().unwrap());
    admin.delete(&path).await.expect(200);
    assert_eq!(socket.next(SOON).await.err(), Some(Some(1008)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn development_is_open_and_production_has_no_test_tokens() {
    let open = [("ADMIN_TOKEN", ""), ("MOLECULE_ENV", "development")];
    let server = Server::with(Mode::Embedded, &open).await;
    let anonymous = server.anonymous();
    let id = anonymous.create(json!({"name": "dev"})).await;
    assert_eq!(anonymous.get("/workspaces").await.header("x-ratelimit-limit"), "unlimited");
    let path = format!("/admin/workspaces/{id}/test-token");
    assert_eq!(anonymous.get(&path).await.expect(200)["workspace_id"], json!(id));

    for name in ["prod", "Production"] {
        let key = ("SECRETS_ENCRYPTION_KEY", crate::keys::KEY);
        let server = Server::with(Mode::Embedded, &[("MOLECULE_ENV", name), key]).await;
        let id = server.admin().create(json!({"name": "x"})).await;
        let path = format!("/admin/workspaces/{id}/test-token");
        server.admin().get(&path).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_origins_and_headers() {
    let server = Server::with(Mode::Embedded, &[("RATE_LIMIT", "5")]).await;
    let anonymous = server.anonymous();
    for left in (0..5).rev() {
        let reply = anonymous.get("/health").await;
        assert_eq!(reply.header("x-ratelimit-remaining"), left.to_string());
        assert_eq!(reply.header("x-frame-options"), "DENY");
    }
    let reply = anonymous.get("/health").await;
    assert!(!reply.header("retry-after").is_empty());
    assert_eq!(reply.expect(429)["error"], "rate limit exceeded");
    // The administrator has a bucket of their own.
    server.admin().get("/workspaces").await.expect(200);

    let server = Server::start(Mode::Embedded).await;
    let anonymous = server.anonymous();
    let evil = [("origin", "http://evil.example")];
    assert_eq!(anonymous.get_with("/health", &evil).await.status.as_u16(), 403);
    let canvas = [("origin", "http://localhost:3000")];
    let reply = anonymous.get_with("/health", &canvas).await;
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(anonymous.get("/nowhere").await.status.as_u16(), 404);
    assert_eq!(anonymous.delete("/health").await.status.as_u16(), 404);
    let slash = anonymous.get("/health/").await;
    assert_eq!((slash.status.as_u16(), slash.header("location")), (301, "/health"));
    let viewport = json!({"x": 10, "y": -2.5, "zoom": 1.5});
    anonymous.put("/canvas/viewport", viewport.clone()).await.expect(401);
    let saved = server.admin().put("/canvas/viewport", viewport).await;
    assert_eq!(saved.expect(200)["status"], "saved");
    let text = anonymous.get("/canvas/viewport").await.text;
    assert_eq!(text, r#"{"x":10,"y":-2.5,"zoom":1.5}"#);
    let metrics = anonymous.get("/metrics").await.text;
    for name in
        ["molecule_http_requests_total", "isomer_mailbox_depth", "isomer_expiry_lag_seconds"]
    {
        assert!(metrics.contains(name), "{name}");
    }
}
