//! Messages pushed to agents.

use serde_json::json;

use super::{ids, keep, message, read, send, until};
use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::sockets::Socket;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(
    who_is_away_gets_it_when_back,
    urgent_ones_go_first,
    a_busy_agent_is_asked_again,
    a_refused_message_has_failed,
    a_receipt_instead_of_an_answer,
    rights_are_checked_when_its_turn_comes,
    what_waits_goes_to_the_successor_or_nowhere
);

/// Agents of the test listen on localhost.
const LOCAL: [(&str, &str); 1] = [("MOLECULE_ENV", "development")];

async fn who_is_away_gets_it_when_back(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "late", "external": true})).await;
    let mut socket = Socket::open(&server.address, "").await;
    let receipt = send(&admin, &id, message("m-1", "hello"), &[]).await.expect(202);
    assert_eq!((&receipt["queued"], &receipt["queue_depth"]), (&json!(true), &json!(1)));
    assert_eq!(receipt["queue_id"], receipt["message_id"]);
    assert!(receipt["message"].as_str().unwrap().contains("awaiting_agent"), "{receipt}");
    let mid = receipt["message_id"].as_str().unwrap();
    let queued = socket.until("MESSAGE_STATE", &id, SOON).await;
    assert_eq!(queued["payload"]["message_id"], mid);
    assert_eq!(
        (&queued["payload"]["state"], &queued["payload"]["queue_depth"]),
        (&json!("queued"), &json!(1))
    );
    // The same message is kept once, whoever sends it how often.
    let again = send(&admin, &id, message("m-1", "hello"), &[]).await.expect(202);
    assert_eq!(again["message_id"], mid);
    assert_eq!(again["queue_depth"], 1);
    let waiting = read(&admin, &id, mid).await;
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!("queued"), &json!(0)));
    assert_eq!(waiting["body"]["params"]["message"]["messageId"], "m-1");
    assert!(waiting["source_id"].is_null() && waiting["response"].is_null());
    assert!(waiting["created_at"].is_string() && waiting["updated_at"].is_string());

    let agent = Agent::start(Mood::Echo).await;
    agent.register(&admin, &id).await;
    let delivered = until(&admin, &id, mid, "delivered").await;
    assert_eq!(delivered["attempts"], 1);
    assert_eq!(delivered["response"]["result"]["parts"][0]["text"], "hello");
    assert_eq!(agent.texts(), ["hello"]);
    // A person's message is answered for whoever watches.
    let answer = socket.until("A2A_RESPONSE", &id, SOON).await;
    assert_eq!(answer["payload"]["response_body"], delivered["response"]);
    // Sent once more, it is not delivered once more.
    let known = send(&admin, &id, message("m-1", "hello"), &[]).await.expect(200);
    assert_eq!((&known["state"], &known["queued"]), (&json!("delivered"), &json!(false)));
    let direct = send(&admin, &id, message("m-2", "now"), &[]).await.expect(200);
    assert_eq!(direct["result"]["parts"][0]["text"], "now");
    assert_eq!(agent.texts(), ["hello", "now"]);
    assert_eq!(ids(&admin, &id, "?state=delivered").await, ["m-1"]);
    assert!(ids(&admin, &id, "?state=queued").await.is_empty());
}

async fn urgent_ones_go_first(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "late", "external": true})).await;
    for (key, priority) in [("a", "info"), ("b", "task"), ("c", "critical"), ("d", "task")] {
        keep(&admin, &id, key, &[("x-message-priority", priority)]).await;
    }
    assert_eq!(ids(&admin, &id, "?limit=3").await, ["d", "c", "b"]);
    let page = admin.get(&format!("/workspaces/{id}/messages?limit=3")).await;
    let rest = ids(&admin, &id, &format!("?cursor={}", page.header("x-next-cursor"))).await;
    assert_eq!(rest, ["a"]);
    let agent = Agent::start(Mood::Echo).await;
    agent.register(&admin, &id).await;
    assert_eq!(agent.has(4).await, ["c", "b", "d", "a"]);
}

async fn a_busy_agent_is_asked_again(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let agent = Agent::start(Mood::HangUp).await;
    let (id, token) = agent.join(&admin, json!({"name": "moody"})).await;
    // The connection is closed before an answer: contract 04 §3.6, row 4.
    let receipt = send(&admin, &id, message("m-1", "hello"), &[]).await.expect(202);
    let mid = receipt["message_id"].as_str().unwrap();
    let busy = "workspace agent busy — request queued, will dispatch when capacity available";
    assert_eq!(receipt["message"], busy);
    let failed = eventually("second try", SOON, || async {
        let now = read(&admin, &id, mid).await;
        now["last_error"].is_string().then_some(now)
    })
    .await;
    assert!(failed["last_error"].as_str().unwrap().contains("closed"), "{failed}");
    assert!(failed["attempts"].as_i64() > Some(0), "it may have had it: {failed}");
    agent.feels(Mood::Refuse(503));
    eventually("told that it is busy", SOON, || async {
        let now = read(&admin, &id, mid).await;
        now["last_error"].as_str().is_some_and(|text| text.contains("503")).then_some(())
    })
    .await;
    agent.feels(Mood::Echo);
    server.bearer(&token).beat(&id, json!({"active_tasks": 0})).await.expect(200);
    until(&admin, &id, mid, "delivered").await;
    // Every try carried the same id.
    for (_, request) in agent.requests() {
        assert_eq!(request["params"]["message"]["messageId"], "m-1");
    }
}

async fn a_refused_message_has_failed(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let agent = Agent::start(Mood::Refuse(422)).await;
    let (id, _) = agent.join(&admin, json!({"name": "strict"})).await;
    let mid = keep(&admin, &id, "m-1", &[("prefer", "respond-async")]).await;
    let failed = until(&admin, &id, &mid, "failed").await;
    assert!(failed["last_error"].as_str().unwrap().contains("422"), "{failed}");
    // A failed one may be sent again.
    agent.feels(Mood::Echo);
    let again = keep(&admin, &id, "m-1", &[("prefer", "respond-async")]).await;
    assert_ne!(again, mid);
    until(&admin, &id, &again, "delivered").await;
    assert_eq!(read(&admin, &id, &mid).await["state"], "failed");
}

async fn a_receipt_instead_of_an_answer(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let agent = Agent::start(Mood::Echo).await;
    let (id, _) = agent.join(&admin, json!({"name": "quick"})).await;
    let traced = [
        ("prefer", "wait=1, Respond-Async"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let mid = keep(&admin, &id, "m-1", &traced).await;
    until(&admin, &id, &mid, "delivered").await;
    let (headers, _) = agent.requests().remove(0);
    assert_eq!(headers["traceparent"], traced[1].1);
    assert!(!headers.contains_key("authorization") && !headers.contains_key("prefer"));
    // What needs its answer now does not wait.
    let mut stream = message("m-2", "x");
    stream["method"] = json!("message/stream");
    send(&admin, &id, stream.clone(), &[("prefer", "respond-async")]).await.expect(200);
    let away = admin.create(json!({"name": "away", "external": true})).await;
    send(&admin, &away, stream, &[]).await.expect(503);
    for (headers, field) in [
        (("x-message-ttl", "0"), "X-Message-TTL"),
        (("x-message-ttl", "604801"), "X-Message-TTL"),
        (("x-message-priority", "urgent"), "X-Message-Priority"),
    ] {
        let refused = send(&admin, &away, message("m-3", "x"), &[headers]).await.expect(400);
        assert_eq!(refused["field"], field);
    }
    let long = send(&admin, &away, message(&"k".repeat(256), "x"), &[]).await.expect(400);
    assert_eq!(long["field"], "params.message.messageId");
    let large = send(&admin, &away, message("m-4", &"x".repeat(1 << 20)), &[]).await.expect(413);
    assert_eq!(large["field"], "body");
    assert!(ids(&admin, &away, "").await.is_empty());
}

async fn rights_are_checked_when_its_turn_comes(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let root = admin.create(json!({"name": "root"})).await;
    let one = admin.create(json!({"name": "one", "parent_id": root})).await;
    let two = admin.create(json!({"name": "two", "parent_id": root, "external": true})).await;
    let sender = server.bearer(&server.anonymous().register(&one).await);
    let from = [("x-workspace-id", one.as_str())];
    let mid = keep(&sender, &two, "m-1", &from).await;
    // Its sender sees it from its own side, nobody else's.
    assert_eq!(ids(&sender, &one, "?direction=out").await, ["m-1"]);
    assert_eq!(read(&sender, &one, &mid).await["source_id"], one.as_str());
    sender.get(&format!("/workspaces/{two}/messages/{mid}")).await.expect(401);
    let elsewhere = admin.get(&format!("/workspaces/{root}/messages/{mid}")).await;
    assert_eq!(elsewhere.expect(404)["error"], "message not found");
    // They are parted before the agent is there.
    let other = admin.create(json!({"name": "other"})).await;
    admin.patch(&format!("/workspaces/{one}"), json!({"parent_id": other})).await.expect(200);
    let agent = Agent::start(Mood::Echo).await;
    agent.register(&admin, &two).await;
    let failed = until(&sender, &one, &mid, "failed").await;
    assert!(failed["last_error"].as_str().unwrap().starts_with("access denied"), "{failed}");
    assert!(agent.texts().is_empty());
}

async fn what_waits_goes_to_the_successor_or_nowhere(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let agent = Agent::start(Mood::Echo).await;
    let (heir, _) = agent.join(&admin, json!({"name": "heir"})).await;
    let old = admin.create(json!({"name": "old", "external": true})).await;
    let gone = admin.create(json!({"name": "gone", "external": true})).await;
    let inherited = keep(&admin, &old, "a", &[]).await;
    let lost = keep(&admin, &gone, "b", &[]).await;
    admin.post(&format!("/workspaces/{old}/forward"), json!({"to": heir})).await.expect(200);
    admin.delete(&format!("/workspaces/{gone}")).await.expect(200);
    until(&admin, &old, &inherited, "delivered").await;
    assert_eq!(agent.texts(), ["a"]);
    let failed = until(&admin, &gone, &lost, "failed").await;
    assert_eq!(failed["last_error"], "workspace removed");
}
