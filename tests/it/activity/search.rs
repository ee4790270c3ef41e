//! Searching.

use serde_json::{Value, json};

use super::{path, report};
use crate::in_both_modes;
use crate::support::{Client, Mode, Server};

in_both_modes!(what_was_said_is_found);

async fn search(client: &Client, id: &str, question: &str) -> Vec<Value> {
    let mut encoded = String::new();
    for byte in question.bytes() {
        encoded.push_str(&format!("%{byte:02X}"));
    }
    let found = client.get(&format!("/workspaces/{id}/session-search?q={encoded}")).await;
    found.expect(200).as_array().unwrap().clone()
}

async fn what_was_said_is_found(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let other = admin.create(json!({"name": "Bo"})).await;
    for summary in ["Built at 100%", "1000 parts_of it", "Über die Straße", "東京タワー"] {
        report(&admin, &id, summary).await;
    }
    report(&admin, &other, "Built elsewhere").await;
    let body = json!({
        "activity_type": "a2a_send", "method": "message/send", "status": "ok",
        "request_body": {"task": "Find the needle"}, "response_body": {"text": "It is \"here\""},
    });
    admin.post(&path(&id), body).await.expect(200);

    let found = search(&admin, &id, "NEEDLE").await;
    let item = found[0].as_object().unwrap();
    let keys: Vec<_> = item.keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "content created_at id kind label method request_body response_body status workspace_id"
    );
    assert_eq!(
        (&item["kind"], &item["label"], &item["content"]),
        (&json!("activity"), &json!("a2a_send"), &Value::Null)
    );
    for (question, wanted) in [
        ("built", vec!["Built at 100%"]),
        ("100%", vec!["Built at 100%"]),
        ("%", vec!["Built at 100%"]),
        ("parts_of", vec!["1000 parts_of it"]),
        ("s_o", vec!["1000 parts_of it"]),
        ("arts", vec!["1000 parts_of it"]),
        ("Straße", vec!["Über die Straße"]),
        ("raß", vec!["Über die Straße"]),
        ("京タ", vec!["東京タワー"]),
        ("is \"here", vec![""]),
        ("unheard of", vec![]),
    ] {
        let found = search(&admin, &id, question).await;
        let contents: Vec<_> =
            found.iter().map(|item| item["content"].as_str().unwrap_or_default()).collect();
        assert_eq!(contents, wanted, "{question}");
    }
    assert_eq!(search(&admin, &id, "  ").await.len(), 5, "newest first, without a question");
    let two = admin.get(&format!("/workspaces/{id}/session-search?limit=2")).await.expect(200);
    assert_eq!(two.as_array().unwrap().len(), 2);
    let long = format!("/workspaces/{id}/session-search?q={}", "x".repeat(1_025));
    assert_eq!(admin.get(&long).await.expect(400)["field"], "q");
}
