//! Starting anew: with a template, for changed secrets; failing from outside.

use serde_json::json;

use super::{count, hosted, online, order, reason};
use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(
    five_quick_changes_of_secrets_are_one_restart,
    a_start_fails_from_outside_while_it_is_one,
);

async fn five_quick_changes_of_secrets_are_one_restart(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let ids = [
        hosted(&admin, "Changed", None).await,
        hosted(&admin, "Spared", None).await,
        hosted(&admin, "Paused", None).await,
    ];
    let starts = async |id: &String| count(&admin, id, "WORKSPACE_PROVISIONING").await;
    order(&admin, &ids[2], "pause", 200).await;
    // Its own word does not end it.
    let token = server.agent_token(&ids[1]);
    let body = json!({"key": "KEPT", "value": "by the agent itself"});
    let agent = server.bearer(&token);
    agent.post(&format!("/workspaces/{}/secrets", ids[1]), body).await.expect(200);
    let path = format!("/workspaces/{}/secrets", ids[0]);
    for n in 0..4 {
        let body = json!({"key": "KEY", "value": format!("value-{n}")});
        admin.post(&path, body).await.expect(200);
    }
    admin.delete(&format!("{path}/KEY")).await.expect(200);
    let again = || async { (starts(&ids[0]).await == 2).then_some(()) };
    eventually("one restart", SOON, again).await;
    online(&admin, &ids[0]).await;
    assert_eq!(reason(&admin, &ids[0]).await, "secret_changed");
    assert_eq!(reason(&admin, &ids[1]).await, json!(null), "a first start needs none");
    assert_eq!(starts(&ids[1]).await, 1, "no other is concerned");

    // A global one starts all that run and do not have their own.
    let body = json!({"key": "SHARED", "value": "own value"});
    admin.post(&format!("/workspaces/{}/secrets", ids[1]), body).await.expect(200);
    let again = || async { (starts(&ids[1]).await == 2).then_some(()) };
    eventually("restart for its own secret", SOON, again).await;
    online(&admin, &ids[1]).await;
    let body = json!({"key": "SHARED", "value": "everybody's value"});
    admin.put("/settings/secrets", body).await.expect(200);
    let again = || async { (starts(&ids[0]).await == 3).then_some(()) };
    eventually("restart for the global secret", SOON, again).await;
    online(&admin, &ids[0]).await;
    let seen = (starts(&ids[0]).await, starts(&ids[1]).await, starts(&ids[2]).await);
    assert_eq!(seen, (3, 2, 1));
    assert_eq!(admin.status(&ids[2]).await, "paused");
}

async fn a_start_fails_from_outside_while_it_is_one(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Slow", "runtime": "langgraph"})).await;
    let path = format!("/admin/workspaces/{id}/bootstrap-failed");
    let tail = "\u{1b}[31mno route\u{1b}[0m\u{7}\nto host";
    let body = json!({"error": "no machine", "log_tail": tail});
    assert_eq!(admin.post(&path, body.clone()).await.expect(200), json!({"ok": true}));
    let view = admin.get("/workspaces").await.json()[0].take();
    assert_eq!(view["status"], "failed");
    assert_eq!(view["last_sample_error"], "no machine\n\nno route\nto host");
    let event = admin.get(&format!("/events/{id}")).await.json()[0].take();
    assert_eq!(event["event_type"], "WORKSPACE_PROVISION_FAILED");
    let expected = json!({
        "error": "no machine", "log_tail": "no route\nto host", "source": "bootstrap_watcher",
    });
    assert_eq!(event["payload"], expected);
    let again = admin.post(&path, body.clone()).await.expect(200);
    assert_eq!(again, json!({"ok": true, "no_change": true}));
    let token = server.anonymous().register(&id).await;
    server.bearer(&token).post(&path, body).await.expect(401);
    let console = admin.get(&format!("/workspaces/{id}/console")).await.expect(501);
    let text = "console output unavailable on this deployment (no control plane)";
    assert_eq!(console["error"], text);
}

#[tokio::test]
async fn a_restart_may_begin_from_a_template() {
    let templates = tempfile::tempdir().unwrap();
    let folder = templates.path().join("isomer-default");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("config.yaml"), "name: fresh\n").unwrap();
    let root = templates.path().to_str().unwrap();
    let server = Server::with(Mode::Embedded, &[("CONFIGS_DIR", root)]).await;
    let admin = server.admin();
    let id = hosted(&admin, "Ada", None).await;
    let own = server.folder.path().join(format!("data/workspaces/{id}"));
    std::fs::create_dir_all(own.join("claude-sessions")).unwrap();
    std::fs::write(own.join("claude-sessions/last"), "words").unwrap();

    let path = format!("/workspaces/{id}/restart");
    let body = json!({"apply_template": true, "reset": true});
    let restarted = admin.post(&path, body).await.expect(200);
    assert_eq!(restarted["config_dir"], "isomer-default");
    assert_eq!(restarted["reset_session"], true);
    let config = std::fs::read_to_string(own.join("configs/config.yaml")).unwrap();
    assert_eq!(config, "name: fresh\n");
    assert!(!own.join("claude-sessions/last").exists());
    online(&admin, &id).await;
    assert_eq!(reason(&admin, &id).await, "restart");

    for bad in ["nobody", "../etc", "/etc"] {
        let refused = admin.post(&path, json!({"template": bad})).await.expect(400);
        assert_eq!(refused["error"], "invalid template", "{bad}");
    }
}

#[tokio::test]
async fn a_restart_that_is_refused_keeps_the_sessions() {
    let server = Server::with(Mode::Embedded, &[("ISOMER_HOSTED_AGENTS", "1")]).await;
    let admin = server.admin();
    let id = hosted(&admin, "Ada", None).await;
    let own = server.folder.path().join(format!("data/workspaces/{id}"));
    let sessions = own.join("claude-sessions");
    std::fs::create_dir_all(&sessions).unwrap();
    std::fs::write(sessions.join("last"), "words").unwrap();
    order(&admin, &id, "pause", 200).await;
    let path = "/workspaces";
    let body = json!({"name": "Bob", "runtime": "isomer"});
    eventually("room for another", SOON, || async {
        (admin.post(path, body.clone()).await.status == 201).then_some(())
    })
    .await;
    order(&admin, &id, "restart?reset=true", 409).await;
    assert_eq!(std::fs::read_to_string(sessions.join("last")).unwrap(), "words");
    let left = std::fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().file_name());
    let left = left.filter(|name| name.to_string_lossy().starts_with("claude-sessions"));
    assert_eq!(left.count(), 1, "nothing is left beside it");
}
