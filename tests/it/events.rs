//! The log: complete, filtered, append-only, and verifiable.

use serde_json::json;

use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(the_log_is_filtered_and_paged, tampering_is_found);

async fn the_log_is_filtered_and_paged(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let one = admin.create(json!({"name": "one"})).await;
    let two = admin.create(json!({"name": "two"})).await;
    server.anonymous().register(&one).await;
    admin.patch(&format!("/workspaces/{two}"), json!({"role": "x"})).await.expect(200);
    let seqs = |events: serde_json::Value| -> Vec<i64> {
        events.as_array().unwrap().iter().map(|e| e["seq"].as_i64().unwrap()).collect()
    };
    assert_eq!(seqs(admin.get("/events").await.expect(200)), [4, 3, 2, 1]);
    assert_eq!(seqs(admin.get("/events?limit=2").await.expect(200)), [4, 3]);
    assert_eq!(seqs(admin.get("/events?since=2").await.expect(200)), [4, 3]);
    assert_eq!(seqs(admin.get(&format!("/events/{two}")).await.expect(200)), [4, 2]);
    let kinds = "/events?type=WORKSPACE_ONLINE,WORKSPACE_UPDATED";
    assert_eq!(seqs(admin.get(kinds).await.expect(200)), [4, 3]);
    let all = admin.get("/events").await.expect(200);
    let until = all[2]["created_at"].as_str().unwrap();
    assert_eq!(seqs(admin.get(&format!("/events?until={until}")).await.expect(200)), [2, 1]);
    let since = all[1]["created_at"].as_str().unwrap();
    assert_eq!(seqs(admin.get(&format!("/events?since={since}")).await.expect(200)), [4, 3]);
    let unknown = "/events/00000000-0000-4000-8000-000000000000";
    assert_eq!(admin.get(unknown).await.text, "[]");
}

async fn tampering_is_found(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let parent = admin.create(json!({"name": "parent"})).await;
    let id = admin.create(json!({"name": "one", "parent_id": parent})).await;
    let token = server.anonymous().register(&id).await;
    let beat = json!({"error_rate": 0.75, "sample_error": "é \u{1f980} \"quoted\""});
    server.bearer(&token).beat(&id, beat).await.expect(200);
    let card = json!({"workspace_id": id, "agent_card": {
        "float": 0.1, "big": 12345678901234567890_u64, "exp": 1e300, "zero": -0.0,
        "nested": {"b": [1, 2.0, null], "a": "x"},
    }});
    server.bearer(&token).post("/registry/update-card", card).await.expect(200);
    admin.post(&format!("/workspaces/{id}/agent"), json!({"model": "m"})).await.expect(201);
    let purged = admin.create(json!({"name": "purged"})).await;
    admin.delete(&format!("/workspaces/{purged}?purge=true")).await.expect(200);
    for change in ["UPDATE structure_events SET event_type = 'X'", "DELETE FROM structure_events"] {
        assert!(server.tamper(change).await.is_err(), "{change}");
    }
    assert!(server.stop().success());
    let (status, text) = server.verify();
    assert!(status.success(), "{text}");
    assert!(text.starts_with("ok: 8 events, 2 workspaces"), "{text}");

    server.tamper("UPDATE workspaces SET name = 'other' WHERE name = 'one'").await.unwrap();
    let (status, text) = server.verify();
    assert_eq!(status.code(), Some(1));
    assert!(text.contains(&id) && text.contains("column name"), "{text}");
    server.tamper("UPDATE workspaces SET name = 'one' WHERE name = 'other'").await.unwrap();

    let change = match mode {
        Mode::Embedded => {
            "DROP TRIGGER structure_events_no_update;
             UPDATE structure_events SET payload = '{}' WHERE seq = 4"
        }
        Mode::Production => {
            "ALTER TABLE structure_events DISABLE TRIGGER ALL;
             GRANT UPDATE ON structure_events TO CURRENT_USER;
             UPDATE structure_events SET payload = '{}' WHERE seq = 4"
        }
    };
    server.tamper(change).await.unwrap();
    let (status, text) = server.verify();
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("event 4 of workspace"), "{text}");
}
