//! What agents report.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{list, path, report};
use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{Mode, SOON, Server};

in_both_modes!(a_report_is_there_and_told, a_report_that_is_wrong_is_answered, an_outage_is_a_503);

async fn a_report_is_there_and_told(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let agent = server.bearer(&server.anonymous().register(&id).await);
    let mut socket = Socket::open(&server.address, "").await;
    let peer = Uuid::new_v4().to_string();
    let body = json!({
        "activity_type": "a2a_send", "source_id": id, "target_id": peer, "method": "message/send",
        "summary": "asked 🦀", "status": "timeout", "duration_ms": 12, "error_detail": "late",
        "request_body": {"task": [1, "é"]}, "response_body": {"result": null}, "metadata": {"x": 1},
    });
    assert_eq!(agent.post(&path(&id), body).await.expect(200), json!({"status": "logged"}));
    let items = list(&agent, &id, "").await;
    let item = items[0].as_object().unwrap();
    let keys: Vec<_> = item.keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "activity_type created_at duration_ms error_detail id method request_body response_body \
         source_id status summary target_id workspace_id"
    );
    assert_eq!(
        (items.len(), &item["workspace_id"], &item["source_id"]),
        (1, &json!(id), &json!(id))
    );
    assert_eq!(
        (&item["request_body"], &item["target_id"]),
        (&json!({"task": [1, "é"]}), &json!(peer))
    );
    assert_eq!((&item["status"], &item["duration_ms"]), (&json!("timeout"), &json!(12)));

    let event = socket.until("ACTIVITY_LOGGED", &id, SOON).await;
    let wanted = json!({
        "activity_type": "a2a_send", "method": "message/send", "summary": "asked 🦀",
        "status": "timeout", "source_id": id, "target_id": peer, "duration_ms": 12,
    });
    assert_eq!(event["payload"], wanted);

    // The bare minimum: nullable keys are there, bodies are not; metadata stands in.
    report(&agent, &id, "").await;
    let body = json!({"activity_type": "task_update", "request_body": null, "metadata": {"n": 1}});
    agent.post(&path(&id), body).await.expect(200);
    let items = list(&agent, &id, "").await;
    assert_eq!(items[0]["request_body"], json!({"n": 1}));
    let bare = items[1].as_object().unwrap();
    assert!(!bare.contains_key("request_body") && !bare.contains_key("response_body"));
    let nulls = ["method", "summary", "target_id", "duration_ms", "error_detail"];
    assert!(nulls.iter().all(|key| bare[*key] == Value::Null), "{bare:?}");
    assert_eq!(bare["status"], "ok");

    let long = json!({"activity_type": "agent_log", "request_body": "é".repeat(70_000)});
    agent.post(&path(&id), long).await.expect(200);
    let stored = &list(&agent, &id, "?limit=1").await[0]["request_body"];
    assert_eq!((&stored["truncated"], &stored["bytes"]), (&json!(true), &json!(140_002)));
    assert!(stored["beginning"].as_str().unwrap().starts_with("\"éé"));
}

async fn a_report_that_is_wrong_is_answered(mode: Mode) {
    let server = Server::start(mode).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let id = admin.create(json!({"name": "Ada"})).await;
    let other = admin.create(json!({"name": "Bo"})).await;
    let agent = server.bearer(&anonymous.register(&id).await);
    let types =
        "a2a_send, a2a_receive, task_update, agent_log, skill_promotion, memory_write, error";
    for (body, status, error) in [
        (json!({}), 400, "invalid request body".to_owned()),
        (json!({"activity_type": 7}), 400, "invalid request body".to_owned()),
        (
            json!({"activity_type": "delegation"}),
            400,
            format!("invalid activity_type, must be one of: {types}"),
        ),
        (
            json!({"activity_type": "error", "source_id": other}),
            403,
            "source_id must match authenticated workspace".to_owned(),
        ),
        (
            json!({"activity_type": "error", "source_id": "me"}),
            403,
            "source_id must match authenticated workspace".to_owned(),
        ),
    ] {
        let refused = agent.post(&path(&id), body).await.expect(status);
        assert_eq!(refused["error"], error);
    }
    // What cannot be stored is taken in all the same, and there is nothing of it.
    let body = json!({"activity_type": "error", "target_id": "nobody"});
    agent.post(&path(&id), body).await.expect(200);
    let stranger = Uuid::new_v4().to_string();
    report(&admin, &stranger, "x").await;
    assert!(list(&admin, &id, "").await.is_empty());
    assert!(list(&admin, &stranger, "").await.is_empty());

    for client in [&anonymous, &server.bearer(&anonymous.register(&other).await)] {
        client.get(&path(&id)).await.expect(401);
        client.post(&path(&id), json!({"activity_type": "error"})).await.expect(401);
        client.post(&format!("/workspaces/{id}/notify"), json!({"message": "m"})).await.expect(401);
        for read in ["session-search", "activity/export", "metrics"] {
            client.get(&format!("/workspaces/{id}/{read}")).await.expect(401);
        }
        client.get("/activity/export").await.expect(401);
    }
    agent.get("/activity/export").await.expect(401);
    admin.get(&path("x")).await.expect(400);
}

async fn an_outage_is_a_503(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    report(&admin, &id, "before").await;
    let hide = |from: &str, to: &str| format!("ALTER TABLE {from} RENAME TO {to}");
    server.tamper(&hide("activity_logs", "hidden")).await.unwrap();
    let body = json!({"activity_type": "error"});
    admin.post(&path(&id), body).await.expect(503);
    let notify = format!("/workspaces/{id}/notify");
    let refused = admin.post(&notify, json!({"message": "lost"})).await;
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(refused.expect(503)["code"], "platform_unavailable");
    admin.get(&format!("{}/export", path(&id))).await.expect(503);
    server.tamper(&hide("hidden", "activity_logs")).await.unwrap();
    report(&admin, &id, "after").await;
    let items = list(&admin, &id, "").await;
    assert_eq!(super::summaries(&items), ["after", "before"], "what was refused was not stored");
}
