//! What agents say to people.

use serde_json::{Value, json};
use uuid::Uuid;

use super::list;
use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{Mode, SOON, Server};

in_both_modes!(a_message_is_told_and_kept);

async fn a_message_is_told_and_kept(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let agent = server.bearer(&server.anonymous().register(&id).await);
    let notify = format!("/workspaces/{id}/notify");
    let mut socket = Socket::open(&server.address, "").await;

    let text = "Done. ".to_owned() + &"é".repeat(60);
    let body = json!({"message": text, "type": "delegation_result", "task_id": "t"});
    assert_eq!(agent.post(&notify, body).await.expect(200), json!({"status": "sent"}));
    let event = socket.until("AGENT_MESSAGE", &id, SOON).await;
    assert_eq!(event["payload"], json!({"message": text, "workspace_id": id, "name": "Ada"}));
    let items = list(&admin, &id, "?type=a2a_receive&source=canvas").await;
    let item = &items[0];
    assert_eq!(item["response_body"], json!({"result": text}));
    let shown = format!("Agent message: Done. {}…", "é".repeat(37));
    assert_eq!((&item["summary"], &item["method"]), (&json!(shown), &json!("notify")));
    assert_eq!((&item["source_id"], &item["target_id"]), (&Value::Null, &Value::Null));
    assert_eq!(item["status"], "ok");
    assert!(item.get("request_body").is_none());

    let attachments = json!([
        {"uri": "workspace:/out/a.pdf", "name": "a.pdf", "mimeType": "application/pdf", "size": 9},
        {"uri": "workspace:/out/b", "name": "b", "size": 0},
    ]);
    let body = json!({"message": "files", "attachments": attachments});
    agent.post(&notify, body).await.expect(200);
    let told = json!([attachments[0], {"uri": "workspace:/out/b", "name": "b"}]);
    let event = socket.until("AGENT_MESSAGE", &id, SOON).await;
    assert_eq!(event["payload"]["attachments"], told);
    let parts = told.as_array().unwrap().iter().map(|file| json!({"kind": "file", "file": file}));
    let wanted = json!({"result": "files", "parts": parts.collect::<Vec<_>>()});
    assert_eq!(list(&admin, &id, "?limit=1").await[0]["response_body"], wanted);

    for (body, error) in [
        (json!({}), "message is required"),
        (json!({"message": ""}), "message is required"),
        (json!({"message": "m", "attachments": "a"}), "message is required"),
        (
            json!({"message": "m", "attachments": [{"uri": "u"}]}),
            "attachment[0]: uri and name are required",
        ),
        (
            json!({"message": "m", "attachments": [attachments[0], {"name": "n"}]}),
            "attachment[1]: uri and name are required",
        ),
        (json!({"message": "m".repeat(65_536)}), "message is too long"),
    ] {
        assert_eq!(agent.post(&notify, body).await.expect(400)["error"], error);
    }
    let nobody = format!("/workspaces/{}/notify", Uuid::new_v4());
    let unknown = admin.post(&nobody, json!({"message": "m"})).await.expect(404);
    assert_eq!(unknown["error"], "workspace not found");
    admin.delete(&format!("/workspaces/{id}")).await.expect(200);
    admin.post(&notify, json!({"message": "m"})).await.expect(404);
    assert_eq!(list(&admin, &id, "").await.len(), 2, "its log stays");
}
