//! Messages to agents leave rows, however they end.

use reqwest::Method;
use serde_json::{Value, json};

use super::{list, summaries};
use crate::in_both_modes;
use crate::support::scripted::Scripted;
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(
    a_persons_message_is_there_when_it_is_answered,
    what_agents_say_to_each_other_is_theirs,
    failures_say_why,
    streams_are_logged_at_their_end,
    what_is_used_is_added_up,
);

fn message(method: &str, text: &str) -> Value {
    let part = json!({"kind": "text", "text": text});
    json!({"method": method, "params": {"message": {"role": "user", "parts": [part]}}})
}

async fn send(client: &Client, id: &str, body: Value) -> crate::support::client::Reply {
    client.post(&format!("/workspaces/{id}/a2a"), body).await
}

async fn hosted(admin: &Client, name: &str) -> String {
    let id = admin.create(json!({"name": name, "runtime": "isomer"})).await;
    let there = || async { (admin.status(&id).await == "online").then_some(()) };
    eventually("online agent", SOON, there).await;
    id
}

/// Agents on this machine: the addresses of development.
async fn on_loopback(mode: Mode) -> Server {
    Server::with(mode, &[("MOLECULE_ENV", "development")]).await
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// Waits for the one row of a workspace.
async fn row(client: &Client, id: &str) -> Value {
    let there = || async { list(client, id, "").await.first().cloned() };
    eventually("row", SOON, there).await
}

async fn a_persons_message_is_there_when_it_is_answered(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = hosted(&admin, "Ada").await;
    let mut socket = Socket::open(&server.address, "").await;
    let answered = send(&admin, &id, message("message/send", "hello there")).await.expect(200);
    let event = socket.until("ACTIVITY_LOGGED", &id, SOON).await;
    // Not even a power cut takes it away again.
    server.kill();
    server.restart();
    let admin = server.admin();
    let items = list(&admin, &id, "?type=a2a_receive&source=canvas&limit=50").await;
    assert_eq!(summaries(&items), ["message/send → Ada"]);
    let item = &items[0];
    assert_eq!(item["response_body"], answered);
    assert_eq!(item["request_body"]["params"]["message"]["parts"][0]["text"], "hello there");
    assert!(item["request_body"]["params"]["message"]["messageId"].is_string(), "as it was sent");
    assert_eq!((&item["method"], &item["target_id"]), (&json!("message/send"), &json!(id)));
    assert_eq!((&item["source_id"], &item["error_detail"]), (&Value::Null, &Value::Null));
    assert_eq!(item["status"], "ok");
    assert!(item["duration_ms"].is_u64(), "{item}");
    let mut told = json!({"activity_type": "a2a_receive"});
    for key in ["method", "summary", "status", "source_id", "target_id", "duration_ms"] {
        told[key] = item[key].clone();
    }
    assert_eq!(event["payload"], told);
}

async fn what_agents_say_to_each_other_is_theirs(mode: Mode) {
    let server = on_loopback(mode).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead"})).await;
    let worker = admin.create(json!({"name": "Old name", "parent_id": lead})).await;
    let agent = server.bearer(&server.anonymous().register(&lead).await);
    let trace = json!([{"tool": "search", "input": "é"}]);
    let result = json!({"kind": "message", "parts": [], "metadata": {"tool_trace": trace}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
    let peer = Scripted::start(answer("200 OK", "application/json", &body)).await;
    let url = format!("http://localhost:{}", peer.port);
    let registration = json!({"id": worker, "url": url, "agent_card": {"name": "worker"}});
    server.anonymous().post("/registry/register", registration).await.expect(200);
    admin.patch(&format!("/workspaces/{worker}"), json!({"name": "Bo 🦀"})).await.expect(200);

    let path = format!("/workspaces/{worker}/a2a");
    let body = message("message/send", "to the worker").to_string().into_bytes();
    let headers = [("x-workspace-id", lead.as_str())];
    agent.try_send(Method::POST, &path, Some(body), &headers).await.unwrap().expect(200);
    let items = list(&admin, &worker, "?source=agent").await;
    assert_eq!(summaries(&items), ["message/send → Bo 🦀"]);
    assert_eq!((&items[0]["source_id"], &items[0]["target_id"]), (&json!(lead), &json!(worker)));
    assert_eq!(items[0]["tool_trace"], trace);
    assert!(list(&admin, &lead, "").await.is_empty(), "the row is the target's");
    let sent = || async {
        let view = admin.get(&format!("/workspaces/{lead}")).await.json();
        view["last_outbound_at"].is_string().then_some(())
    };
    eventually("last_outbound_at", SOON, sent).await;
    let view = admin.get(&format!("/workspaces/{worker}")).await.json();
    assert!(view["last_outbound_at"].is_null(), "it sent nothing");
}

async fn failures_say_why(mode: Mode) {
    let server = on_loopback(mode).await;
    let admin = server.admin();
    let text = |status: &str, body: &str| answer(status, "application/json", body);
    for (name, script, status, detail, body) in [
        (
            "refuses",
            text("500 Internal Server Error", r#"{"error":"no"}"#),
            500,
            "the agent answered with status 500 Internal Server Error",
            Some(json!({"error": "no"})),
        ),
        (
            "mumbles",
            text("404 Not Found", "<html>"),
            404,
            "the agent answered with status 404 Not Found",
            Some(Value::Null),
        ),
        (
            "breaks",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(),
            502,
            "response: the connection broke",
            None,
        ),
        (
            "hangs up",
            "\r\n".to_owned(),
            // It waits, and is tried again.
            202,
            "the agent did not answer in time, or closed the connection",
            None,
        ),
    ] {
        let (id, _) = Scripted::start(script).await.join_for_good(&admin, name).await;
        send(&admin, &id, message("message/send", "x")).await.expect(status);
        let items = list(&admin, &id, "").await;
        let item = &items[0];
        assert_eq!((&item["status"], &item["error_detail"]), (&json!("error"), &json!(detail)));
        assert_eq!(item.get("response_body"), body.as_ref(), "{name}");
        let summary = match body {
            Some(_) => format!("message/send → {name}"),
            None => format!("A2A request to {name} failed: {detail}"),
        };
        assert_eq!(item["summary"], summary);
    }
    let gone = Scripted::start("").await;
    let (id, _) = gone.join(&admin, "gone").await;
    drop(gone);
    send(&admin, &id, message("message/send", "x")).await.expect(502);
    let item = row(&admin, &id).await;
    assert_eq!(item["error_detail"], "the agent cannot be reached");
    // What was never sent to an agent leaves no row.
    let away = admin.create(json!({"name": "away"})).await;
    send(&admin, &away, message("message/send", "x")).await.expect(202);
    assert!(list(&admin, &away, "").await.is_empty());

    // An answer that is no JSON is there, and null.
    let plain = Scripted::start(text("200 OK", "fine")).await;
    let (id, _) = plain.join(&admin, "plain").await;
    send(&admin, &id, json!({"method": "", "params": {}})).await.expect(200);
    let item = row(&admin, &id).await;
    assert_eq!((&item["status"], &item["summary"]), (&json!("ok"), &json!("→ plain")));
    assert!(item.as_object().unwrap().contains_key("response_body"));
    assert_eq!((&item["response_body"], &item["method"]), (&Value::Null, &Value::Null));

    // A sender that leaves.
    let silent = Scripted::start("").await;
    let (id, _) = silent.join(&admin, "silent").await;
    let call = tokio::spawn({
        let (admin, id) = (admin.clone(), id.clone());
        async move { send(&admin, &id, message("message/send", "x")).await }
    });
    let asked = || async { (!silent.requests().is_empty()).then_some(()) };
    eventually("request", SOON, asked).await;
    call.abort();
    let item = row(&admin, &id).await;
    assert_eq!(item["error_detail"], "the sender left before the answer");
}

async fn streams_are_logged_at_their_end(mode: Mode) {
    let server = on_loopback(mode).await;
    let admin = server.admin();
    let ada = hosted(&admin, "Ada").await;
    for method in ["message/stream", "SendStreamingMessage"] {
        let reply = send(&admin, &ada, message(method, "in pieces")).await;
        assert!(reply.text.contains("in pieces"), "{}", reply.text);
        let items = list(&admin, &ada, "?limit=1").await;
        let item = &items[0];
        assert_eq!(
            (&item["summary"], &item["status"]),
            (&json!(format!("{method} → Ada")), &json!("ok"))
        );
        let said = item["response_body"]["result"].to_string();
        assert!(said.contains("in pieces"), "the last word: {item}");
    }

    let event = |result: Value| format!("data: {}\n\n", json!({"result": result}));
    let working = json!({"kind": "status-update", "final": false});
    let done = json!({"kind": "status-update", "final": true, "usage": {"input_tokens": 5}});
    for (name, events, body) in [
        ("ends", event(working.clone()) + &event(done.clone()), Some(json!({"result": done}))),
        ("only works", event(working.clone()), None),
    ] {
        let script = answer("200 OK", "text/event-stream", &events);
        let (id, _) = Scripted::start(script).await.join_for_good(&admin, name).await;
        assert_eq!(send(&admin, &id, message("message/stream", "x")).await.text, events);
        let item = row(&admin, &id).await;
        assert_eq!((item.get("response_body"), &item["status"]), (body.as_ref(), &json!("ok")));
    }

    // One that breaks off, and one whose reader leaves.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    let cut = format!("{head}Content-Length: 99\r\n\r\n{}", event(working));
    let (id, _) = Scripted::start(cut).await.join_for_good(&admin, "cut").await;
    let path = format!("/workspaces/{id}/a2a");
    let body = message("message/stream", "x").to_string().into_bytes();
    assert!(admin.try_send(Method::POST, &path, Some(body), &[]).await.is_err());
    assert_eq!(row(&admin, &id).await["error_detail"], "the connection broke");

    let endless = Scripted::start_open(format!("{head}\r\ndata: first\n\n")).await;
    let (id, _) = endless.join(&admin, "endless").await;
    let mut reply = reqwest::Client::new()
        .post(format!("{}/workspaces/{id}/a2a", server.address))
        .bearer_auth(crate::support::ADMIN)
        .body(message("message/stream", "x").to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(reply.chunk().await.unwrap().unwrap(), "data: first\n\n");
    drop(reply);
    let left = row(&admin, &id).await;
    assert_eq!(left["error_detail"], "the reader left before the end of the stream");
}

async fn what_is_used_is_added_up(mode: Mode) {
    let server = on_loopback(mode).await;
    let admin = server.admin();
    let usage = json!({"input_tokens": 1_000, "output_tokens": 50});
    let body = json!({"result": {"parts": [], "usage": usage}}).to_string();
    let agent = Scripted::start(answer("200 OK", "application/json", &body)).await;
    let (id, _) = agent.join(&admin, "thinks").await;
    let metrics = format!("/workspaces/{id}/metrics");
    let nothing = admin.get(&metrics).await.expect(200);
    assert_eq!(
        (&nothing["total_calls"], &nothing["estimated_cost_usd"]),
        (&json!(0), &json!("0.000000"))
    );
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (admin, id) = (admin.clone(), id.clone());
        sending.spawn(
            async move { send(&admin, &id, message("message/send", "x")).await.expect(200) },
        );
    }
    sending.join_all().await;
    let used = admin.get(&metrics).await.expect(200);
    assert_eq!((&used["input_tokens"], &used["output_tokens"]), (&json!(20_000), &json!(1_000)));
    assert_eq!(
        (&used["total_calls"], &used["estimated_cost_usd"]),
        (&json!(20), &json!("0.075000"))
    );
    let times = ["period_start", "period_end"].map(|key| used[key].as_str().unwrap());
    assert!(times.iter().all(|time| time.ends_with("T00:00:00Z")) && times[0] < times[1]);
    let unknown = format!("/workspaces/{}/metrics", uuid::Uuid::new_v4());
    assert_eq!(admin.get(&unknown).await.expect(404)["error"], "workspace not found");
}
