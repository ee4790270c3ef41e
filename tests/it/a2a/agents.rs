//! What agents say comes back, in both generations of the protocol.

use reqwest::Method;
use serde_json::{Value, json};

use super::{bare, hosted, online, path};
use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(a_hosted_agent_answers_in_both_generations, a_stream_comes_as_it_is_sent, forwards);

async fn with_version(client: &Client, id: &str, body: String, version: &str) -> Value {
    let headers = [("a2a-version", version)];
    let sent = client.try_send(Method::POST, &path(id), Some(body.into()), &headers).await;
    sent.unwrap().expect(200)
}

async fn a_hosted_agent_answers_in_both_generations(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = hosted(&admin, "Ada").await;
    let mut socket = Socket::open(&server.address, "").await;

    let reply = admin.post(&path(&id), bare("hello there")).await;
    assert_eq!(reply.header("content-type"), "application/json");
    let answer = reply.expect(200);
    assert_eq!(answer["result"]["parts"][0]["text"], "hello there");
    assert_eq!(answer["id"].as_str().unwrap().len(), 36, "a fresh id");
    let event = socket.until("A2A_RESPONSE", &id, SOON).await;
    assert_eq!(event["payload"]["response_body"], answer);
    assert_eq!(event["payload"]["method"], "message/send");
    assert!(event["payload"]["duration_ms"].is_u64(), "{event}");

    let mut full = bare("once more");
    full["jsonrpc"] = json!("2.0");
    full["id"] = json!("custom-id-123");
    let reply = admin.post(&path(&id), full).await;
    assert!(reply.text.contains(r#""id":"custom-id-123""#), "{}", reply.text);
    assert_eq!(reply.expect(200)["result"]["parts"][0]["text"], "once more");

    let message = json!({"role": "ROLE_USER", "parts": [{"text": "newer"}]});
    let body = json!({"method": "SendMessage", "params": {"message": message}}).to_string();
    let answer = with_version(&admin, &id, body, "1.0").await;
    assert_eq!(answer["result"]["message"]["parts"][0]["text"], "newer");
    // The agent sees the version, and says what it does not know.
    let answer = with_version(&admin, &id, bare("x").to_string(), "9.9").await;
    assert_eq!(answer["error"]["code"], -32009);

    let unknown = admin.post(&path(&id), json!({"method": "tasks/forget"})).await.expect(200);
    assert_eq!(unknown["error"]["code"], -32601);
    for (body, reason) in
        [("", "it is empty"), ("[]", "expected an object"), ("{", "it ends too early")]
    {
        let reply = admin.raw(Method::POST, &path(&id), body.into()).await;
        let refused = reply.expect(400);
        assert_eq!(
            (&refused["error"], &refused["field"]),
            (&json!("invalid JSON"), &json!("body"))
        );
        assert_eq!(refused["reason"], reason);
    }
    assert!(!server.log().contains("hello there"), "what is said is not logged");
}

async fn a_stream_comes_as_it_is_sent(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = hosted(&admin, "Ada").await;
    let mut socket = Socket::open(&server.address, "").await;
    for method in ["message/stream", "SendStreamingMessage"] {
        let mut body = bare("piece");
        body["method"] = json!(method);
        let reply = admin.post(&path(&id), body).await;
        assert_eq!(reply.header("content-type"), "text/event-stream", "{}", reply.text);
        let data = reply.text.lines().find_map(|line| line.strip_prefix("data:")).unwrap();
        assert!(data.contains("piece"), "{data}");
        let event = socket.until("A2A_RESPONSE", &id, SOON).await;
        assert_eq!(event["payload"]["method"], method);
    }
}

async fn forwards(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let (old, heir) = (hosted(&admin, "old").await, hosted(&admin, "heir").await);
    let mut socket = Socket::open(&server.address, "").await;
    admin.post(&format!("/workspaces/{old}/forward"), json!({"to": heir})).await.expect(200);
    let answer = admin.post(&path(&old), bare("to the heir")).await.expect(200);
    assert_eq!(answer["result"]["parts"][0]["text"], "to the heir");
    socket.until("A2A_RESPONSE", &heir, SOON).await;

    admin.post(&format!("/workspaces/{heir}/stop"), json!({})).await.expect(200);
    let receipt = admin.post(&path(&old), bare("anybody?")).await.expect(202);
    let mid = receipt["message_id"].as_str().unwrap();
    // It comes back by itself, at another address.
    online(&admin, &heir).await;
    eventually("delivered message", SOON, || async {
        let message = admin.get(&format!("/workspaces/{heir}/messages/{mid}")).await.expect(200);
        (message["state"] == "delivered").then_some(())
    })
    .await;
    let answer = admin.post(&path(&old), bare("again")).await.expect(200);
    assert_eq!(answer["result"]["parts"][0]["text"], "again");
    admin.delete(&format!("/workspaces/{heir}")).await.expect(200);
    let gone = admin.post(&path(&heir), bare("late")).await.expect(410);
    assert_eq!(gone["status"], "removed");
}
