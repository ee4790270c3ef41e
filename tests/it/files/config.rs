//! The configuration document is merged at its top, and only there.

use reqwest::Method;
use serde_json::{Value, json};

use super::workspace;
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(documents_are_merged_at_the_top, bodies_and_documents_are_bounded);

async fn documents_are_merged_at_the_top(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    let path = format!("/workspaces/{id}/config");
    let data = |value: Value| json!({"data": value});
    assert_eq!(admin.get(&path).await.expect(200), data(json!({})));
    let updated = admin.patch(&path, json!({"a": 1, "b": {"x": 1, "y": 2}})).await.expect(200);
    assert_eq!(updated, json!({"status": "updated"}));
    admin.patch(&path, json!({"b": {"z": 3}, "c": null, "1e2": 1.5e300})).await.expect(200);
    let merged = json!({"a": 1, "b": {"z": 3}, "c": null, "1e2": 1.5e300});
    assert_eq!(admin.get(&path).await.expect(200), data(merged.clone()));
    server.kill();
    server.restart();
    assert_eq!(admin.get(&path).await.expect(200), data(merged.clone()));
    // What is no object follows PostgreSQL.
    admin.patch(&path, json!([1, [2]])).await.expect(200);
    admin.patch(&path, json!("x")).await.expect(200);
    admin.patch(&path, json!({"d": 1})).await.expect(200);
    let expected = json!([merged, 1, [2], "x", {"d": 1}]);
    assert_eq!(admin.get(&path).await.expect(200), data(expected));

    let other = workspace(&admin, "Bob").await;
    let path = format!("/workspaces/{other}/config");
    admin.patch(&path, json!(5)).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200), data(json!(5)), "the first is kept as it is");
    admin.patch(&path, json!(null)).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200), data(json!([5, null])));
    let nobody = "/workspaces/00000000-0000-4000-8000-000000000000/config";
    admin.get(nobody).await.expect(404);
    admin.patch(nobody, json!({})).await.expect(404);
}

async fn bodies_and_documents_are_bounded(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    let path = format!("/workspaces/{id}/config");
    for bad in ["", "{", "nope", "\"\\u0000\"", "\"\\ud800\""] {
        let told = admin.raw(Method::PATCH, &path, bad.as_bytes().to_vec()).await.expect(400);
        assert_eq!(told["error"], "invalid JSON", "{bad}");
    }
    let text = |bytes: usize| json!({"a": "x".repeat(bytes)});
    let told = admin.patch(&path, text(256 * 1024)).await.expect(413);
    assert_eq!(told["error"], "body too large or unreadable");
    admin.patch(&path, text(255 * 1024)).await.expect(200);
    // A document does not grow without end either.
    let mut last = 200;
    for n in 0..6 {
        let more = json!({format!("more{n}"): "x".repeat(255 * 1024)});
        last = admin.patch(&path, more).await.status.as_u16();
        if last != 200 {
            break;
        }
    }
    assert_eq!(last, 413);
    let kept = admin.get(&path).await.expect(200);
    assert!(kept.to_string().len() <= 1 << 20);
    assert_eq!(kept["data"]["a"].as_str().unwrap().len(), 255 * 1024);
}
