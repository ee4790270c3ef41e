//! The tools: what agents are told, and what becomes of the tasks that they give.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{error, text};
use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(
    peers_and_oneself_are_told,
    a_task_is_answered_at_once,
    whoever_finds_nobody_is_told_how_to_wait,
    a_task_for_later_comes_to_its_end,
    people_hear_what_an_agent_says,
    wrong_arguments_are_named,
);

const LOCAL: [(&str, &str); 1] = [("MOLECULE_ENV", "development")];

/// A lead and a worker below it.
async fn team(server: &Server, mood: Mood) -> (String, Client, Agent, String) {
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead", "role": "Leads"})).await;
    let own = server.bearer(&server.anonymous().register(&lead).await);
    let agent = Agent::start(mood).await;
    let (worker, _) = agent.join(&admin, json!({"name": "worker", "parent_id": lead})).await;
    (lead, own, agent, worker)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

async fn peers_and_oneself_are_told(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let (lead, own, _agent, worker) = team(&server, Mood::Echo).await;
    let late = admin.create(json!({"name": "late", "parent_id": lead, "tier": 2})).await;
    let listed = text(&own, &lead, "list_peers", json!({})).await;
    assert!(listed.contains('\n'), "it is for people and models: {listed}");
    let peers = parsed(&listed);
    let row = |id: &str| {
        let rows = peers.as_array().unwrap();
        rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("no {id} in {listed}"))
    };
    assert_eq!(peers.as_array().unwrap().len(), 2);
    assert_eq!(
        (&row(&worker)["name"], &row(&worker)["status"]),
        (&json!("worker"), &json!("online"))
    );
    assert_eq!((&row(&late)["tier"], &row(&late)["role"]), (&json!(2), &json!(null)));
    let of_worker = parsed(&text(&admin, &worker, "list_peers", json!({})).await);
    let names: Vec<_> = of_worker.as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["lead", "late"]);
    // Arguments that a tool does not take are no mistake.
    let info = parsed(&text(&own, &lead, "get_workspace_info", json!({"x": 1})).await);
    let expected =
        json!({"id": lead, "name": "lead", "role": "Leads", "status": "online", "tier": 1});
    assert_eq!(info, expected);
    let info = parsed(&text(&admin, &worker, "get_workspace_info", json!({})).await);
    assert_eq!(info["parent_id"], lead.as_str());

    let server = Server::start(mode).await;
    let alone = server.admin().create(json!({"name": "alone"})).await;
    let text = text(&server.admin(), &alone, "list_peers", json!({})).await;
    assert_eq!(text, "No peers found.");
}

async fn a_task_is_answered_at_once(mode: Mode) {
    let server = Server::with(mode, &[LOCAL[0], ("RUST_LOG", "debug")]).await;
    let (lead, own, agent, worker) = team(&server, Mood::Echo).await;
    let ask = json!({"workspace_id": worker, "task": "count the sheep"});
    assert_eq!(text(&own, &lead, "delegate_task", ask.clone()).await, "count the sheep");
    let (_, sent) = agent.requests().remove(0);
    assert_eq!((&sent["method"], &sent["jsonrpc"]), (&json!("message/send"), &json!("2.0")));
    let message = &sent["params"]["message"];
    assert_eq!(
        message["parts"][0],
        json!({"kind": "text", "type": "text", "text": "count the sheep"})
    );
    assert!(message["messageId"].as_str().is_some_and(|id| Uuid::try_parse(id).is_ok()));
    agent.feels(Mood::Refuse(422));
    let refused = text(&own, &lead, "delegate_task", ask.clone()).await;
    assert!(refused.starts_with("[error] ") && refused.contains("422"), "{refused}");
    agent.feels(Mood::HangUp);
    let broken = text(&own, &lead, "delegate_task", ask).await;
    assert!(broken.contains("may have received"), "{broken}");
    // A hosted agent, which only this server may reach.
    let admin = server.admin();
    let hosted = json!({"name": "Ada", "runtime": "isomer", "parent_id": lead});
    let hosted = admin.create(hosted).await;
    eventually("online agent", SOON, || async {
        (admin.status(&hosted).await == "online").then_some(())
    })
    .await;
    let ask = json!({"workspace_id": hosted, "task": "hello Ada"});
    assert!(text(&own, &lead, "delegate_task", ask).await.contains("hello Ada"));
    assert!(!server.log().contains("count the sheep"), "what is said is not logged");
}

async fn whoever_finds_nobody_is_told_how_to_wait(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let (lead, own, agent, worker) = team(&server, Mood::Refuse(503)).await;
    let late = admin.create(json!({"name": "late", "parent_id": lead})).await;
    for (id, why) in
        [(&worker, "[error] the workspace is busy"), (&late, "[error] the workspace is away")]
    {
        let ask = json!({"workspace_id": id, "task": "now"});
        let told = text(&own, &lead, "delegate_task", ask).await;
        assert!(told.starts_with(why) && told.contains("delegate_task_async"), "{told}");
    }
    assert_eq!(agent.texts(), ["now"]);
    let elsewhere = admin.create(json!({"name": "elsewhere"})).await;
    let cousin = admin.create(json!({"name": "cousin", "parent_id": elsewhere})).await;
    let removed = admin.create(json!({"name": "removed", "parent_id": lead})).await;
    admin.delete(&format!("/workspaces/{removed}")).await.expect(200);
    for tool in ["delegate_task", "delegate_task_async"] {
        for (id, why) in [
            (cousin.clone(), "access denied: workspaces cannot communicate per hierarchy rules"),
            (Uuid::new_v4().to_string(), "workspace not found"),
        ] {
            let ask = json!({"workspace_id": id, "task": "x"});
            assert_eq!(error(&own, &lead, tool, ask).await, (-32000, why.to_owned()));
        }
        let ask = json!({"workspace_id": removed, "task": "x"});
        assert_eq!(error(&own, &lead, tool, ask).await.0, -32000);
    }
}

async fn a_task_for_later_comes_to_its_end(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let (lead, own, _agent, worker) = team(&server, Mood::Echo).await;
    let give = json!({"workspace_id": worker, "task": "count the sheep"});
    let given = parsed(&text(&own, &lead, "delegate_task_async", give).await);
    assert_eq!((&given["status"], &given["target_id"]), (&json!("dispatched"), &json!(worker)));
    let id = given["task_id"].as_str().unwrap();
    let status = |target: &str, id: &str| {
        let (own, lead) = (own.clone(), lead.clone());
        let ask = json!({"workspace_id": target, "task_id": id});
        async move { parsed(&text(&own, &lead, "check_task_status", ask).await) }
    };
    let done = eventually("result", SOON, || async {
        Some(status(&worker, id).await).filter(|task| task["status"] == "completed")
    })
    .await;
    let expected = json!({
        "task_id": id, "status": "completed", "target_id": worker, "result": "count the sheep",
    });
    assert_eq!(done, expected);
    // It is a delegation like others.
    let rows = own.get(&format!("/workspaces/{lead}/delegations")).await.expect(200);
    assert!(rows.as_array().unwrap().iter().all(|row| row["delegation_id"] == id), "{rows}");
    for (target, id) in [(worker.as_str(), "unknown"), (lead.as_str(), id)] {
        let none = json!({"task_id": id, "status": "not_found"});
        assert_eq!(status(target, id).await, none);
    }
    // One for an agent that is away waits, and is done once it is back.
    let late = admin.create(json!({"name": "late", "parent_id": lead})).await;
    let give = json!({"workspace_id": late, "task": "when you are back"});
    let given = parsed(&text(&own, &lead, "delegate_task_async", give).await);
    let id = given["task_id"].as_str().unwrap();
    let stands = async |wanted: &str| {
        let is = || async { (status(&late, id).await["status"] == wanted).then_some(()) };
        eventually(wanted, SOON, is).await;
    };
    stands("queued").await;
    let back = Agent::start(Mood::Echo).await;
    back.register(&admin, &late).await;
    stands("completed").await;
}

async fn people_hear_what_an_agent_says(mode: Mode) {
    let settings = [("MOLECULE_MCP_ALLOW_SEND_MESSAGE", "true"), ("RUST_LOG", "debug")];
    let server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let own = server.bearer(&server.anonymous().register(&id).await);
    let listed = own.post(&super::path(&id), super::request("tools/list", json!({}))).await;
    assert!(listed.text.contains("send_message_to_user"));
    let mut socket = Socket::open(&server.address, "").await;
    let said = json!({"message": "the sheep are counted"});
    assert_eq!(text(&own, &id, "send_message_to_user", said).await, "Message sent.");
    let event = socket.until("AGENT_MESSAGE", &id, SOON).await;
    let payload = json!({"message": "the sheep are counted", "workspace_id": id, "name": "Ada"});
    assert_eq!(event["payload"], payload);
    let rows = own.get(&format!("/workspaces/{id}/activity")).await.expect(200);
    assert_eq!(rows[0]["response_body"], json!({"result": "the sheep are counted"}));
    let empty = error(&own, &id, "send_message_to_user", json!({"message": ""})).await;
    assert_eq!(empty, (-32602, "message: it is required".to_owned()));
    // What does not fit into the row with its quotes escaped is refused, not cut.
    let long = json!({"message": "\"".repeat(40 << 10)});
    assert_eq!(error(&own, &id, "send_message_to_user", long).await.0, -32000);
    assert!(!server.log().contains("the sheep"), "what is said is not logged");
}

async fn wrong_arguments_are_named(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let (lead, own, agent, worker) = team(&server, Mood::Echo).await;
    let long = "x".repeat((512 << 10) + 1);
    for (tool, arguments, message) in [
        ("delegate_task", json!({}), "workspace_id: it is required"),
        ("delegate_task", json!({"workspace_id": worker}), "task: it is required"),
        ("delegate_task", json!({"workspace_id": worker, "task": ""}), "task: it is required"),
        ("delegate_task", json!({"workspace_id": worker, "task": 7}), "task: expected a string"),
        ("delegate_task", json!({"workspace_id": "x", "task": "t"}), "workspace_id: not a UUID"),
        (
            "delegate_task_async",
            json!({"workspace_id": worker, "task": "a\0b"}),
            "task: it contains a NUL character",
        ),
        (
            "delegate_task_async",
            json!({"workspace_id": worker, "task": long}),
            "task: at most 524288 bytes are accepted",
        ),
        (
            "delegate_task_async",
            json!({"workspace_id": lead, "task": "t"}),
            "workspace_id: self-delegation not permitted: it is the workspace itself",
        ),
        ("check_task_status", json!({"workspace_id": worker}), "task_id: it is required"),
        (
            "check_task_status",
            json!({"workspace_id": worker, "task_id": ["x"]}),
            "task_id: expected a string",
        ),
    ] {
        let refused = error(&own, &lead, tool, arguments).await;
        assert_eq!(refused, (-32602, message.to_owned()), "{tool}");
    }
    assert!(agent.texts().is_empty());
    let rows = own.get(&format!("/workspaces/{lead}/delegations")).await.expect(200);
    assert_eq!(rows, json!([]));
}
