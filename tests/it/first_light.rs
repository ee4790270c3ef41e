//! The first five minutes: start, log in, create, register, beat, see.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use isomer::http::page::has_canvas;
use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(an_agent_becomes_visible, an_external_agent_gets_what_it_needs);

async fn an_agent_becomes_visible(mode: Mode) {
    let server = Server::start(mode).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    assert_eq!(anonymous.get("/health").await.text, r#"{"status":"ok"}"#);
    assert_eq!(admin.get("/workspaces").await.text, "[]");
    assert_eq!(anonymous.get("/workspaces").await.expect(401)["error"], "admin auth required");
    admin.get("/ready").await.expect(200);

    let body = json!({"name": "Ada", "role": "Plans", "canvas": {"x": 100.0, "y": 2.5}});
    let created = admin.post("/workspaces", body).await;
    assert!(created.text.contains(r#""status":"provisioning""#), "{}", created.text);
    let id = created.expect(201)["id"].as_str().unwrap().to_owned();
    let one = format!("/workspaces/{id}");
    let before = anonymous.get(&one).await;
    assert!(before.text.contains(r#""agent_card":null"#), "{}", before.text);
    assert!(before.text.contains(r#""x":100,"#), "{}", before.text);

    let token = anonymous.register(&id).await;
    assert_eq!(token.len(), 43);
    let agent = server.bearer(&token);
    let beat = json!({"active_tasks": 2, "uptime_seconds": 120, "current_task": "writing"});
    assert_eq!(agent.beat(&id, beat).await.text, r#"{"status":"ok"}"#);

    // A read after a beat sees it at once.
    let view = anonymous.get(&one).await.expect(200);
    assert_eq!(view["status"], "online");
    assert_eq!((&view["active_tasks"], &view["uptime_seconds"]), (&json!(2), &json!(120)));
    let list = admin.get("/workspaces").await;
    assert!(!list.header("x-isomer-seq").is_empty());
    assert_eq!(list.expect(200)[0]["current_task"], "writing");
    assert_eq!(
        admin.kinds(&id).await,
        ["WORKSPACE_PROVISIONING", "WORKSPACE_ONLINE"],
        "register lifts it, the beat changes nothing"
    );

    agent.beat(&id, json!({"error_rate": 0.8, "sample_error": "boom"})).await.expect(200);
    assert_eq!(admin.status(&id).await, "degraded");
    agent.beat(&id, json!({"error_rate": 0.3})).await.expect(200);
    assert_eq!(admin.status(&id).await, "degraded");
    agent.beat(&id, json!({"error_rate": 0.0})).await.expect(200);
    assert_eq!(admin.status(&id).await, "online");

    // The row follows behind the replies, without anybody waiting for it.
    eventually("stored heartbeat", SOON, || async {
        let stored = server.sql("SELECT coalesce(current_task, '') FROM workspaces").await;
        (stored == "writing").then_some(())
    })
    .await;
}

async fn an_external_agent_gets_what_it_needs(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let created =
        admin.post("/workspaces", json!({"name": "Remote", "external": true})).await.expect(201);
    assert_eq!(created["status"], "awaiting_agent");
    let connection = &created["connection"];
    let curl = connection["curl_register_template"].as_str().unwrap();
    assert!(curl.contains(r#"WORKSPACE_AUTH_TOKEN="<paste from create response>""#));
    let python = connection["python_snippet"].as_str().unwrap();
    assert!(python.contains(r#"AUTH_TOKEN    = "<paste from create response>""#));
    assert_eq!(connection["platform_url"], server.address);

    let id = created["id"].as_str().unwrap();
    let agent = server.bearer(connection["auth_token"].as_str().unwrap());
    assert_eq!(agent.register(id).await, "", "it has a token already");
    assert_eq!(admin.status(id).await, "online");
    let state = agent.get(&format!("/workspaces/{id}/state")).await.expect(200);
    assert_eq!((&state["paused"], &state["deleted"]), (&json!(false), &json!(false)));

    let body = json!({"name": "Known", "runtime": "external", "url": "http://localhost:9009"});
    assert_eq!(admin.post("/workspaces", body).await.expect(201)["status"], "online");
}

#[tokio::test]
async fn the_login_link_opens_a_session() {
    let server = Server::start(Mode::Embedded).await;
    let anonymous = server.anonymous();
    for path in [
        server.link.strip_prefix(&server.address).unwrap().to_owned(),
        format!("/login?token={}", crate::support::ADMIN),
    ] {
        let reply = anonymous.get(&path).await;
        assert_eq!(reply.status.as_u16(), 303);
        assert_eq!(reply.header("location"), "/");
        let cookie = reply.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let session = [("cookie", pair)];
        anonymous.get_with("/workspaces", &session).await.expect(200);
        let page = anonymous.get_with("/", &session).await;
        assert_eq!(page.status.as_u16() == 200, has_canvas());
        assert_ne!(page.status.as_u16(), 401);
    }
    anonymous.get("/login?token=wrong").await.expect(401);
    anonymous.get("/").await.expect(401);
}

#[tokio::test]
async fn a_first_start_makes_its_own_private_administrator_token() {
    let server = Server::with(Mode::Embedded, &[("ADMIN_TOKEN", "")]).await;
    let path = server.folder.path().join("data/admin-token");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(path).unwrap();
    server.bearer(token.trim()).get("/workspaces").await.expect(200);
    assert!(!server.link.contains(token.trim()), "the link does not carry it");
    assert!(!server.log().contains(token.trim()));
}

#[tokio::test]
async fn a_bad_setting_exits_64_and_names_itself() {
    for (name, value) in [("PORT", "http"), ("LIVENESS_TTL", "soon"), ("BIND", "0.0.0.0")] {
        let output = Command::new(env!("CARGO_BIN_EXE_isomer"))
            .arg("serve")
            .env_clear()
            .env("ISOMER_DATA_DIR", "/nonexistent/isomer")
            .env(name, value)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{text}");
        assert!(text.contains(&format!("{name}={value}")), "{text}");
    }
}

#[tokio::test]
async fn a_taken_port_names_its_holder() {
    let server = Server::start(Mode::Embedded).await;
    let port = server.address.rsplit(':').next().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_isomer"))
        .arg("serve")
        .env_clear()
        .env("PORT", port)
        .env("ISOMER_DATA_DIR", server.folder.path().join("other"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains(&format!("process {} (isomer)", server.id())), "{text}");
}

#[tokio::test]
async fn two_servers_cannot_share_a_folder() {
    let server = Server::start(Mode::Embedded).await;
    let output = Command::new(env!("CARGO_BIN_EXE_isomer"))
        .arg("serve")
        .env_clear()
        .env("PORT", "0")
        .env("ISOMER_DATA_DIR", server.folder.path().join("data"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("another isomer server is using this folder"), "{text}");
}

/// Waits for two agents online and returns who they are.
async fn two_online(server: &Server) -> Vec<(String, String)> {
    let admin = server.admin();
    eventually("two agents online", Duration::from_secs(10), || async {
        let list = admin.get("/workspaces").await.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let online = list.as_array()?.iter().filter(|w| w["status"] == "online");
        let mut who: Vec<_> = online.map(|w| (text(&w["name"]), text(&w["id"]))).collect();
        who.sort();
        (who.len() == 2 && list.as_array()?.len() == 2).then_some(who)
    })
    .await
}

#[tokio::test]
async fn a_first_run_has_something_alive_to_look_at() {
    let began = Instant::now();
    let mut server = Server::with(Mode::Embedded, &[("ISOMER_DEMO", "1")]).await;
    let first = two_online(&server).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(server.stop().success());
    server.restart();
    assert_eq!(two_online(&server).await, first, "the same two come back, and no others");
}
