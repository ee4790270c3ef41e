//! Whatever comes in: the contract's status, a JSON error that names the field, never a 500.

use reqwest::Method;
use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(nothing_bad_gets_through);

async fn nothing_bad_gets_through(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "victim"})).await;
    let sibling = admin.create(json!({"name": "sibling"})).await;
    let token = server.anonymous().register(&id).await;
    let agent = server.bearer(&token);
    let before = admin.get("/workspaces").await.text;

    let heartbeat = "/registry/heartbeat";
    let register = "/registry/register";
    let one = format!("/workspaces/{id}");
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let card = "x".repeat(1 << 20);
    let cases: Vec<(Method, &str, Vec<u8>, u16, &str)> = vec![
        (Method::POST, heartbeat, b"".to_vec(), 400, "body"),
        (Method::POST, heartbeat, b"{".to_vec(), 400, "body"),
        (Method::POST, heartbeat, b"[]".to_vec(), 400, "body"),
        (Method::POST, heartbeat, b"{}".to_vec(), 400, "workspace_id"),
        (Method::POST, heartbeat, br#"{"workspace_id":7}"#.to_vec(), 400, "workspace_id"),
        (Method::POST, heartbeat, br#"{"workspace_id":"x"}"#.to_vec(), 400, "workspace_id"),
        (
            Method::POST,
            heartbeat,
            format!(r#"{{"workspace_id":"{id}","error_rate":"high"}}"#).into(),
            400,
            "error_rate",
        ),
        (
            Method::POST,
            heartbeat,
            format!(r#"{{"workspace_id":"{id}","active_tasks":1.5}}"#).into(),
            400,
            "active_tasks",
        ),
        (
            Method::POST,
            heartbeat,
            format!(r#"{{"workspace_id":"{id}","active_tasks":99999999999}}"#).into(),
            400,
            "active_tasks",
        ),
        (
            Method::POST,
            heartbeat,
            format!(r#"{{"workspace_id":"{id}","current_task":"a\u0000b"}}"#).into(),
            400,
            "current_task",
        ),
        (
            Method::POST,
            heartbeat,
            [b"{\"workspace_id\":\"".to_vec(), vec![0xff, 0xfe], b"\"}".to_vec()].concat(),
            400,
            "workspace_id",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","agent_card":{{}}}}"#).into(),
            400,
            "url",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","url":"http://localhost:1"}}"#).into(),
            400,
            "agent_card",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","url":"http://169.254.169.254/","agent_card":{{}}}}"#).into(),
            400,
            "url",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","url":"file:///etc/passwd","agent_card":{{}}}}"#).into(),
            400,
            "url",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","url":"http://localhost:1","agent_card":{deep}}}"#).into(),
            400,
            "agent_card",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","url":"http://localhost:1","agent_card":{{"t":"{card}"}}}}"#)
                .into(),
            400,
            "agent_card",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","url":"http://localhost:1","agent_card":{{"t":"\u0000"}}}}"#)
                .into(),
            400,
            "agent_card.t",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","url":"","agent_card":{{}},"delivery_mode":"push"}}"#).into(),
            400,
            "url",
        ),
        (
            Method::POST,
            register,
            format!(r#"{{"id":"{id}","agent_card":{{}},"delivery_mode":"pull"}}"#).into(),
            400,
            "delivery_mode",
        ),
        (Method::POST, register, vec![b' '; 10 << 20], 413, "body"),
        (Method::PATCH, &one, br#"{"tier":"three"}"#.to_vec(), 400, "tier"),
        (Method::PATCH, &one, br#"{"delivery_mode":"Poll"}"#.to_vec(), 400, "delivery_mode"),
        (Method::PATCH, &one, br#"{"name":""}"#.to_vec(), 400, "name"),
        (Method::PATCH, &one, br#"{"parent_id":"x"}"#.to_vec(), 400, "parent_id"),
        (Method::PATCH, &one, br#"{"workspace_dir":"/etc/passwd"}"#.to_vec(), 400, "workspace_dir"),
        (Method::PATCH, &one, br#"{"name":"ok","x":1e999,"y":0}"#.to_vec(), 400, "x"),
    ];
    for (method, path, body, status, field) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        // Some of these an agent may not change of itself.
        let client = if method == Method::PATCH { &admin } else { &agent };
        let reply = client.raw(method, path, body).await;
        let error = reply.expect(status);
        assert!(error["error"].is_string(), "{shown}: {error}");
        let named = error["field"].as_str().unwrap_or_default();
        assert!(named == field || named == "body", "{shown}: {error}");
        assert!(!reply.text.contains(&token));
    }
    let creates: Vec<(Value, &str)> = vec![
        (json!({}), "name"),
        (json!({"name": "a|b"}), "name"),
        (json!({"name": "x", "budget_limit": 1.5}), "budget_limit"),
        (json!({"name": "x", "parent_id": ""}), "parent_id"),
        (json!({"name": "x", "workspace_dir": "relative"}), "workspace_dir"),
        (json!({"name": "x", "workspace_access": "read_only"}), "workspace_access"),
        (json!({"name": "x", "template": "../../etc"}), "template"),
        (json!({"name": "x", "delivery_mode": ""}), "delivery_mode"),
        (json!({"name": "x", "runtime": "isomer", "delivery_mode": "poll"}), "delivery_mode"),
        (json!({"name": "x", "external": true, "url": "http://10.0.0.1"}), "url"),
        (json!({"name": "x", "secrets": {"PATH": "b"}}), "secrets.PATH"),
    ];
    for (body, field) in creates {
        assert_eq!(admin.post("/workspaces", body).await.expect(400)["field"], field);
    }
    for path in ["/workspaces/nonsense", "/events/nonsense"] {
        assert_eq!(admin.get(path).await.expect(400)["error"], "invalid workspace ID");
    }
    let unknown = "00000000-0000-4000-8000-000000000000";
    agent.beat(unknown, json!({})).await.expect(404);
    admin.get(&format!("/workspaces/{unknown}")).await.expect(404);
    assert_eq!(admin.get("/events?limit=0").await.expect(400)["field"], "limit");
    assert_eq!(admin.get("/events?until=x").await.expect(400)["field"], "until");

    // Nothing changed, and nobody else noticed.
    assert_eq!(admin.get("/workspaces").await.text, before);
    server.anonymous().register(&sibling).await;
    agent.beat(&id, json!({})).await.expect(200);
    let report = admin.get("/admin/supervision").await.expect(200);
    assert_eq!(report["workspaces"]["restarts"], 0, "{report}");
}
