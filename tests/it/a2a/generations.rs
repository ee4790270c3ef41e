//! Senders and agents of different generations of the protocol.

use reqwest::Method;
use serde_json::{Value, json};

use super::{bare, path};
use crate::in_both_modes;
use crate::support::scripted::Scripted;
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(
    an_older_agent_hears_a_newer_sender,
    a_newer_agent_hears_an_older_sender,
    streams_are_translated_as_they_come,
    what_cannot_be_said_is_an_error,
    nothing_is_touched_without_need,
    what_an_agent_speaks_is_its_cards_word,
    what_had_to_wait_is_translated_too,
);

async fn start(mode: Mode) -> Server {
    Server::with(mode, &[("MOLECULE_ENV", "development")]).await
}

fn http(kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

async fn answering(body: &Value) -> Scripted {
    Scripted::start(http("application/json", &body.to_string())).await
}

async fn streaming(events: &[Value]) -> Scripted {
    let events: Vec<_> =
        events.iter().map(|event| format!("event: e\ndata: {event}\r\n\r\n")).collect();
    Scripted::start(http("text/event-stream", &format!(": hello\n\n{}", events.concat()))).await
}

fn response(result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "1", "result": result})
}

fn interface(url: &str, version: &str) -> Value {
    json!({"url": url, "protocolBinding": "JSONRPC", "protocolVersion": version})
}

fn url(agent: &Scripted) -> String {
    format!("http://localhost:{}", agent.port)
}

/// Creates a workspace whose agent this is, with a card of generation `version`.
async fn join(admin: &Client, agent: &Scripted, version: &str) -> String {
    let url = url(agent);
    let card = match version {
        "0.3.0" => json!({"name": "old", "url": url, "protocolVersion": version}),
        _ => json!({"name": "new", "supportedInterfaces": [interface(&url, version)]}),
    };
    register(admin, &url, &card).await
}

async fn register(admin: &Client, url: &str, card: &Value) -> String {
    let id = admin.create(json!({"name": "agent", "external": true})).await;
    let body = json!({"id": id, "url": url, "agent_card": card});
    admin.post("/registry/register", body).await.expect(200);
    id
}

fn newer(method: &str) -> Value {
    let message = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hello"}]});
    json!({"jsonrpc": "2.0", "id": "1", "method": method, "params": {"message": message}})
}

async fn send(client: &Client, id: &str, body: &Value, headers: &[(&str, &str)]) -> Value {
    let body = body.to_string().into_bytes();
    let sent = client.try_send(Method::POST, &path(id), Some(body), headers).await;
    sent.unwrap().expect(200)
}

/// The head and the body of the last request that an agent got.
fn heard(agent: &Scripted) -> (String, Value) {
    let request = agent.requests().pop().expect("a request");
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), serde_json::from_str(body).unwrap())
}

async fn an_older_agent_hears_a_newer_sender(mode: Mode) {
    let server = start(mode).await;
    let admin = server.admin();
    let mut socket = Socket::open(&server.address, "").await;
    let answer = json!({"kind": "message", "messageId": "n", "role": "agent", "parts": [
        {"kind": "text", "text": "hi"},
        {"kind": "file", "file": {"uri": "https://a/b.pdf", "mimeType": "application/pdf"}}]});
    let agent = answering(&response(answer)).await;
    let id = join(&admin, &agent, "0.3.0").await;
    let headers = [("a2a-version", "1.0"), ("a2a-extensions", "urn:x")];
    let reply = send(&admin, &id, &newer("SendMessage"), &headers).await;
    assert_eq!(reply["id"], "1");
    let message = json!({"messageId": "n", "role": "ROLE_AGENT", "parts": [
        {"text": "hi"}, {"url": "https://a/b.pdf", "mediaType": "application/pdf"}]});
    assert_eq!(reply["result"], json!({"message": message}));

    let (head, body) = heard(&agent);
    assert!(head.contains("a2a-version: 0.3\r\n"), "{head}");
    assert!(head.contains("x-a2a-extensions: urn:x"), "{head}");
    assert_eq!((&body["method"], &body["id"]), (&json!("message/send"), &json!("1")));
    let message = json!({"kind": "message", "messageId": "m", "role": "user",
        "parts": [{"kind": "text", "text": "hello"}]});
    assert_eq!(body["params"]["message"], message);
    assert_eq!(body["params"]["configuration"]["blocking"], true);
    // Whoever watches hears what the sender hears.
    let event = socket.until("A2A_RESPONSE", &id, SOON).await;
    assert_eq!(event["payload"]["response_body"], reply);
    assert_eq!(event["payload"]["method"], "SendMessage");

    let task = json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": "working"}});
    let agent = answering(&response(task)).await;
    let id = join(&admin, &agent, "0.3.0").await;
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "GetTask", "params": {"id": "t"}});
    let reply = send(&admin, &id, &call, &[("a2a-version", "1.0")]).await;
    let task = json!({"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}});
    assert_eq!(reply["result"], task);
    assert_eq!(heard(&agent).1["method"], "tasks/get");
}

async fn a_newer_agent_hears_an_older_sender(mode: Mode) {
    let server = start(mode).await;
    let admin = server.admin();
    let task = json!({"task": {"id": "t", "contextId": "c",
        "status": {"state": "TASK_STATE_COMPLETED"},
        "artifacts": [{"artifactId": "a", "parts": [{"data": 7}]}]}});
    let agent = answering(&response(task)).await;
    let id = join(&admin, &agent, "1.0").await;
    // As the platform's own clients write it: no envelope, no ids, `type` for `kind`.
    let message = json!({"role": "user", "parts": [{"type": "text", "text": "hello"}],
        "metadata": {"delegation_id": "d"}});
    let call = json!({"method": "message/send", "params": {"message": message}});
    let reply = send(&admin, &id, &call, &[]).await;
    let task = json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": "completed"},
        "artifacts": [{"artifactId": "a", "parts": [
            {"kind": "data", "data": {"value": 7}, "metadata": {"data_part_compat": true}}]}]});
    assert_eq!(reply["result"], task);

    let (head, body) = heard(&agent);
    assert!(head.contains("a2a-version: 1.0"), "{head}");
    assert_eq!((&body["jsonrpc"], &body["method"]), (&json!("2.0"), &json!("SendMessage")));
    let message = &body["params"]["message"];
    assert_eq!(message["parts"], json!([{"text": "hello"}]));
    assert_eq!(
        (&message["role"], &message["metadata"]["delegation_id"]),
        (&json!("ROLE_USER"), &json!("d"))
    );
    assert_eq!(message["messageId"].as_str().unwrap().len(), 36);
}

async fn streams_are_translated_as_they_come(mode: Mode) {
    let server = start(mode).await;
    let admin = server.admin();
    let status = |state: &str| json!({"taskId": "t", "contextId": "c", "status": {"state": state}});
    let (mut working, mut done) = (status("working"), status("completed"));
    for (event, last) in [(&mut working, false), (&mut done, true)] {
        event["kind"] = json!("status-update");
        event["final"] = json!(last);
    }
    let old = [response(working), response(done)];
    let new = ["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]
        .map(|state| response(json!({"statusUpdate": status(state)})));
    let mut stream = bare("hello");
    stream["method"] = json!("message/stream");
    for (version, spoken, call, heard) in
        [("0.3.0", &old, newer("SendStreamingMessage"), &new), ("1.0", &new, stream, &old)]
    {
        let agent = streaming(spoken).await;
        let id = join(&admin, &agent, version).await;
        let reply = admin.post(&path(&id), call).await;
        assert_eq!(reply.header("content-type"), "text/event-stream", "{}", reply.text);
        assert!(reply.text.starts_with(": hello\n\nevent: e\ndata: {"), "{}", reply.text);
        let data = reply.text.lines().filter_map(|line| line.strip_prefix("data: "));
        let data: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
        assert_eq!(data, heard);
    }
    // An event that makes no sense is the last one, and said to be so.
    let agent = streaming(&[new[0].clone(), response(json!({"odd": 1})), new[1].clone()]).await;
    let id = join(&admin, &agent, "1.0").await;
    let mut stream = bare("hello");
    stream["method"] = json!("message/stream");
    let reply = admin.post(&path(&id), stream).await;
    let last = reply.text.trim_end().lines().last().unwrap().strip_prefix("data: ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["error"]["code"], -32006);
}

async fn what_cannot_be_said_is_an_error(mode: Mode) {
    let server = start(mode).await;
    let admin = server.admin();
    let agent = answering(&json!({})).await;
    let (old, new) = (join(&admin, &agent, "0.3.0").await, join(&admin, &agent, "1.0").await);
    let call = |method: &str| json!({"jsonrpc": "2.0", "id": 5, "method": method, "params": {}});
    for (id, call, version, code) in [
        (&old, call("ListTasks"), "1.0", -32601),
        (&old, call("CreateTaskPushNotificationConfig"), "1.0", -32003),
        (&old, call("GetExtendedAgentCard"), "1.0", -32004),
        (&old, call("SendMessage"), "2.0", -32009),
        (&new, call("message/send"), "9", -32603),
        (&new, call("tasks/pushNotificationConfig/set"), "", -32003),
    ] {
        let reply = send(&admin, id, &call, &[("a2a-version", version)]).await;
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(5), &json!(code)), "{reply}");
        assert!(!reply["error"]["message"].as_str().unwrap().is_empty());
    }
    let mut odd = bare("hello");
    odd["params"]["message"]["parts"][0]["kind"] = json!("hologram");
    let reply = send(&admin, &new, &odd, &[]).await;
    assert_eq!(reply["error"]["code"], -32602);
    let text = reply["error"]["message"].as_str().unwrap();
    assert!(text.starts_with("params.message.parts[0].kind:"), "{text}");
    assert_eq!(agent.requests(), [""; 0], "none of it was sent");

    // What the agent says does not make sense; it says so itself; it says so in HTTP.
    let reply = send(&admin, &new, &bare("hello"), &[]).await;
    assert_eq!(reply["error"]["code"], -32006);
    let error = json!({"code": -32001, "message": "no such task", "data": {"taskId": "t"}});
    let agent = answering(&json!({"jsonrpc": "2.0", "id": 5, "error": error})).await;
    let old = join(&admin, &agent, "0.3.0").await;
    let reply = send(&admin, &old, &call("GetTask"), &[]).await;
    assert_eq!(reply["error"]["message"], "no such task");
    assert_eq!(reply["error"]["data"][0]["reason"], "TASK_NOT_FOUND");
    assert_eq!(reply["error"]["data"][1]["value"], json!({"taskId": "t"}));
    let body = r#"{"error":"quota"}"#;
    let head = format!("HTTP/1.1 429 Too Many Requests\r\nContent-Length: {}", body.len());
    let agent = Scripted::start(format!("{head}\r\nConnection: close\r\n\r\n{body}")).await;
    let old = join(&admin, &agent, "0.3.0").await;
    let reply = admin.post(&path(&old), newer("SendMessage")).await.expect(429);
    assert_eq!(reply["error"], "quota");
}

async fn nothing_is_touched_without_need(mode: Mode) {
    let server = start(mode).await;
    let admin = server.admin();
    let odd = r#"{ "jsonrpc":"2.0",  "result":{"n":1.50} }"#;
    let agent = Scripted::start(http("application/json", odd)).await;
    let both = json!({"supportedInterfaces": [
        interface(&url(&agent), "1.0"), interface(&url(&agent), "0.3")]});
    let cards = [
        json!({"name": "unknown"}),
        json!({"url": url(&agent), "protocolVersion": "2.0"}),
        json!({"url": url(&agent), "protocolVersion": "0.3.0"}),
        both,
    ];
    let sent = r#"{ "jsonrpc":"2.0", "id":7,"method":"message/send", "params":{"message":{"messageId":"m","n":1e400}} }"#;
    for card in cards {
        let id = register(&admin, &url(&agent), &card).await;
        let headers = [("a2a-version", "9.9")];
        let reply = admin.try_send(Method::POST, &path(&id), Some(sent.into()), &headers).await;
        assert_eq!(reply.unwrap().text, odd);
        let request = agent.requests().pop().unwrap();
        assert!(request.ends_with(sent) && request.contains("9.9"), "{request}");
    }
    // A method of neither generation is the agent's to judge.
    let id = join(&admin, &agent, "1.0").await;
    let reply = admin.post(&path(&id), json!({"jsonrpc": "2.0", "method": "tasks/forget"})).await;
    assert_eq!(reply.text, odd);
}

async fn what_an_agent_speaks_is_its_cards_word(mode: Mode) {
    let mut server = start(mode).await;
    let admin = server.admin();
    let message = json!({"messageId": "n", "role": "ROLE_AGENT", "parts": [{"text": "new"}]});
    let new = answering(&response(json!({"message": message}))).await;
    let message = json!({"kind": "message", "messageId": "n", "role": "agent",
        "parts": [{"kind": "text", "text": "old"}]});
    let old = answering(&response(message)).await;
    let card = json!({"supportedInterfaces": [interface(&url(&new), "1.0")]});
    let created = admin.post("/workspaces", json!({"name": "agent", "external": true})).await;
    let created = created.expect(201);
    let id = created["id"].as_str().unwrap().to_owned();
    let own = server.bearer(created["connection"]["auth_token"].as_str().unwrap());
    let body = json!({"id": id, "url": url(&new), "agent_card": card});
    own.post("/registry/register", body).await.expect(200);
    let said = async |server: &Server| {
        let reply = send(&server.admin(), &id, &bare("hello"), &[]).await;
        reply["result"]["parts"][0]["text"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(said(&server).await, "new");
    assert_eq!(heard(&new).1["method"], "SendMessage");
    server.kill();
    server.restart();
    assert_eq!(said(&server).await, "new");
    assert_eq!(heard(&new).1["method"], "SendMessage");

    // The card names an address where the sender's generation is spoken.
    let card = json!({"supportedInterfaces": [
        interface(&url(&new), "1.0"), interface(&url(&old), "0.3")]});
    let body = json!({"workspace_id": id, "agent_card": card});
    own.post("/registry/update-card", body).await.expect(200);
    assert_eq!(said(&server).await, "old");
    assert_eq!(heard(&old).1["method"], "message/send");
    let card = json!({"supportedInterfaces": [
        interface(&url(&new), "1.0"), interface("http://169.254.169.254/latest", "0.3")]});
    let body = json!({"workspace_id": id, "agent_card": card});
    own.post("/registry/update-card", body).await.expect(200);
    // Never where no message may go: then it is translated.
    assert_eq!(said(&server).await, "new");
}

async fn what_had_to_wait_is_translated_too(mode: Mode) {
    let server = start(mode).await;
    let admin = server.admin();
    let message = json!({"messageId": "n", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]});
    let agent = answering(&response(json!({"message": message}))).await;
    let id = join(&admin, &agent, "1.0").await;
    let kept = async |body: &Value| {
        let headers = [("prefer", "respond-async")];
        let body = body.to_string().into_bytes();
        let sent = admin.try_send(Method::POST, &path(&id), Some(body), &headers).await;
        let receipt = sent.unwrap().expect(202);
        let path = format!("/workspaces/{id}/messages/{}", receipt["message_id"].as_str().unwrap());
        eventually("end", SOON, || async {
            let message = admin.get(&path).await.expect(200);
            let state = message["state"].as_str().unwrap();
            ["delivered", "failed"].contains(&state).then_some(message)
        })
        .await
    };
    let delivered = kept(&bare("hello")).await;
    assert_eq!(delivered["state"], "delivered", "{delivered}");
    assert_eq!(delivered["response"]["result"]["parts"][0]["kind"], "text", "{delivered}");
    assert_eq!(heard(&agent).1["method"], "SendMessage");
    assert_eq!(agent.requests().len(), 1);

    let mut odd = bare("hello");
    odd["params"]["message"]["parts"][0]["kind"] = json!("hologram");
    let failed = kept(&odd).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let why = failed["last_error"].as_str().unwrap();
    assert!(why.starts_with("params.message.parts[0].kind:"), "{why}");
    assert_eq!(agent.requests().len(), 1, "it was not sent");
}
