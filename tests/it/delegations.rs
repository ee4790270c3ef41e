//! Delegations: tasks from workspace to workspace, each to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(
    a_task_comes_back_done,
    a_key_gives_a_task_once,
    tasks_that_cannot_be_done_have_failed,
    what_agents_do_themselves_is_recorded,
    a_kill_ends_no_delegation,
    twenty_five_tasks_for_five_busy_workers
);

const LOCAL: [(&str, &str); 1] = [("MOLECULE_ENV", "development")];

/// A lead and a worker below it.
async fn team(server: &Server, mood: Mood) -> (String, Client, Agent, String) {
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead"})).await;
    let own = server.bearer(&server.anonymous().register(&lead).await);
    let agent = Agent::start(mood).await;
    let (worker, _) = agent.join(&admin, json!({"name": "worker", "parent_id": lead})).await;
    (lead, own, agent, worker)
}

async fn list(client: &Client, id: &str) -> Vec<Value> {
    let rows = client.get(&format!("/workspaces/{id}/delegations")).await.expect(200);
    rows.as_array().unwrap().clone()
}

/// The first row of a delegation, as the contract's clients read it.
async fn first(client: &Client, id: &str, delegation: &str) -> Option<Value> {
    let rows = list(client, id).await;
    rows.into_iter().find(|row| row["delegation_id"] == delegation)
}

async fn until(client: &Client, id: &str, delegation: &str, status: &str) -> Value {
    eventually(status, SOON, || async {
        first(client, id, delegation).await.filter(|row| row["status"] == status)
    })
    .await
}

async fn delegate(client: &Client, from: &str, body: Value) -> String {
    let given = client.post(&format!("/workspaces/{from}/delegate"), body).await.expect(202);
    assert_eq!(given["status"], "delegated");
    given["delegation_id"].as_str().unwrap().to_owned()
}

async fn a_task_comes_back_done(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let (lead, own, agent, worker) = team(&server, Mood::Echo).await;
    let mut socket = Socket::open(&server.address, "").await;
    let long = format!("count the sheep {}", "ä".repeat(100));
    let id = delegate(&own, &lead, json!({"target_id": worker, "task": long})).await;
    let sent = socket.until("DELEGATION_SENT", &lead, SOON).await;
    assert_eq!(sent["payload"]["target_id"], worker.as_str());
    let preview = sent["payload"]["task_preview"].as_str().unwrap();
    assert!(preview.starts_with("count the sheep ä") && preview.ends_with("..."), "{preview}");
    let status = socket.until("DELEGATION_STATUS", &lead, SOON).await;
    assert_eq!(status["payload"]["status"], "dispatched");
    let complete = socket.until("DELEGATION_COMPLETE", &lead, SOON).await;
    assert_eq!(complete["payload"]["delegation_id"], id.as_str());
    assert!(complete["payload"]["via"].is_null(), "{complete}");

    let row = until(&own, &lead, &id, "completed").await;
    assert_eq!((&row["type"], &row["source_id"]), (&json!("delegation"), &json!(lead)));
    assert!(row["response_preview"].as_str().unwrap().starts_with("count the sheep"), "{row}");
    assert!(row["summary"].as_str().unwrap().starts_with("Delegation completed ("), "{row}");
    let rows = list(&own, &lead).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["summary"], format!("Delegating to {worker}"));
    assert_eq!(rows[1]["status"], "completed");
    assert!(rows.iter().all(|row| row["task_preview"] == long.as_str()), "{rows:?}");
    let (_, request) = agent.requests().remove(0);
    let message = &request["params"]["message"];
    assert_eq!(message["messageId"], id.as_str());
    assert_eq!(message["metadata"]["delegation_id"], id.as_str());
    assert_eq!((&message["role"], &message["parts"][0]["type"]), (&json!("user"), &json!("text")));
    // The receipt of the message and the worker's own view of it.
    let admin = server.admin();
    let receipt = admin.get(&format!("/workspaces/{worker}/messages/{id}")).await.expect(200);
    assert_eq!((&receipt["state"], &receipt["source_id"]), (&json!("delivered"), &json!(lead)));
    assert!(list(&admin, &worker).await.is_empty());
}

async fn a_key_gives_a_task_once(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let (lead, own, agent, worker) = team(&server, Mood::Echo).await;
    let body = json!({"target_id": worker, "task": "once", "idempotency_key": "k"});
    let path = format!("/workspaces/{lead}/delegate");
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (own, path, body) = (own.clone(), path.clone(), body.clone());
        racing.spawn(async move { own.post(&path, body).await });
    }
    let replies = racing.join_all().await;
    let ids: BTreeSet<_> =
        replies.iter().map(|reply| reply.json()["delegation_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{replies:?}");
    assert_eq!(replies.iter().filter(|reply| reply.status.as_u16() == 202).count(), 1);
    let id = replies[0].json()["delegation_id"].as_str().unwrap().to_owned();
    until(&own, &lead, &id, "completed").await;
    let hit = own.post(&path, body.clone()).await.expect(200);
    assert_eq!((&hit["idempotent_hit"], &hit["status"]), (&json!(true), &json!("completed")));
    assert_eq!(hit["target_id"], worker.as_str());
    assert_eq!(agent.texts(), ["once"]);
    // A task that failed may be given again under its key.
    agent.feels(Mood::Refuse(400));
    let body = json!({"target_id": worker, "task": "again", "idempotency_key": "k2"});
    let failed = delegate(&own, &lead, body.clone()).await;
    until(&own, &lead, &failed, "failed").await;
    agent.feels(Mood::Echo);
    let again = delegate(&own, &lead, body).await;
    assert_ne!(again, failed);
    until(&own, &lead, &again, "completed").await;
}

async fn tasks_that_cannot_be_done_have_failed(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let (lead, own, agent, worker) = team(&server, Mood::Refuse(400)).await;
    let path = format!("/workspaces/{lead}/delegate");
    for (body, error, field) in [
        (json!({}), "invalid delegation request", "target_id"),
        (json!({"target_id": worker}), "invalid delegation request", "task"),
        (json!({"target_id": worker, "task": ""}), "invalid delegation request", "task"),
        (json!({"target_id": "x", "task": "t"}), "target_id must be a valid UUID", "target_id"),
        (json!({"target_id": lead, "task": "t"}), "self-delegation not permitted", "target_id"),
        (json!({"target_id": worker, "task": 1}), "invalid delegation request", "task"),
    ] {
        let refused = own.post(&path, body).await.expect(400);
        assert_eq!((&refused["error"], &refused["field"]), (&json!(error), &json!(field)));
    }
    server.anonymous().post(&path, json!({})).await.expect(401);
    assert!(list(&own, &lead).await.is_empty());

    let refused = delegate(&own, &lead, json!({"target_id": worker, "task": "no"})).await;
    let row = until(&own, &lead, &refused, "failed").await;
    assert!(row["error"].as_str().unwrap().contains("400"), "{row}");
    assert_eq!(agent.texts(), ["no"]);
    let unknown = uuid::Uuid::new_v4();
    let nobody = delegate(&own, &lead, json!({"target_id": unknown, "task": "x"})).await;
    let row = until(&own, &lead, &nobody, "failed").await;
    assert_eq!(row["error"], "workspace not found");
    let admin = server.admin();
    let elsewhere = admin.create(json!({"name": "elsewhere"})).await;
    let cousin = Agent::start(Mood::Echo).await;
    let (cousin_id, _) =
        cousin.join(&admin, json!({"name": "cousin", "parent_id": elsewhere})).await;
    let denied = delegate(&own, &lead, json!({"target_id": cousin_id, "task": "x"})).await;
    let row = until(&own, &lead, &denied, "failed").await;
    assert!(row["error"].as_str().unwrap().starts_with("access denied"), "{row}");
    assert!(cousin.texts().is_empty());
    let kinds = admin.kinds(&lead).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "DELEGATION_FAILED").count(), 3);
}

async fn what_agents_do_themselves_is_recorded(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let (lead, own, agent, worker) = team(&server, Mood::Echo).await;
    let path = format!("/workspaces/{lead}/delegations/record");
    let body = json!({"target_id": worker, "task": "by hand", "delegation_id": "mine-1"});
    let recorded = own.post(&path, body.clone()).await.expect(202);
    assert_eq!(recorded, json!({"delegation_id": "mine-1", "status": "recorded"}));
    own.post(&path, body).await.expect(202);
    assert_eq!(list(&own, &lead).await.len(), 1);
    assert_eq!(first(&own, &lead, "mine-1").await.unwrap()["status"], "dispatched");

    let update = |id: &str| format!("/workspaces/{lead}/delegations/{id}/update");
    for status in ["queued", "dispatched", ""] {
        own.post(&update("mine-1"), json!({"status": status})).await.expect(400);
    }
    let done = json!({"status": "completed", "response_preview": "it is done"});
    for _ in 0..2 {
        let updated = own.post(&update("mine-1"), done.clone()).await.expect(200);
        assert_eq!(updated, json!({"status": "completed", "delegation_id": "mine-1"}));
    }
    own.post(&update("unknown"), done).await.expect(200);
    let late = json!({"status": "failed", "error": "too late"});
    own.post(&update("mine-1"), late).await.expect(200);
    let rows = list(&own, &lead).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[0]["response_preview"], "it is done");
    let kinds = server.admin().kinds(&lead).await;
    let ends: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("DELEGATION")).collect();
    assert_eq!(ends, ["DELEGATION_SENT", "DELEGATION_COMPLETE"]);
    assert!(agent.texts().is_empty(), "the platform sends nothing of it");
}

async fn a_kill_ends_no_delegation(mode: Mode) {
    let mut server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead"})).await;
    let own = server.bearer(&server.anonymous().register(&lead).await);
    let worker = admin.create(json!({"name": "late", "parent_id": lead, "external": true})).await;
    let mut ids = Vec::new();
    for number in 0..10 {
        let task = format!("task {number}");
        ids.push(delegate(&own, &lead, json!({"target_id": worker, "task": task})).await);
    }
    server.kill();
    server.restart();
    // Its target is away: the one that was being sent at the kill, too, is found again.
    for id in &ids {
        until(&own, &lead, id, "queued").await;
    }
    let mut socket = Socket::open(&server.address, "").await;
    let agent = Agent::start(Mood::Echo).await;
    agent.register(&admin, &worker).await;
    let complete = socket.until("DELEGATION_COMPLETE", &lead, SOON).await;
    assert_eq!(complete["payload"]["via"], "queue_drain");
    for id in &ids {
        until(&own, &lead, id, "completed").await;
    }
    let mut texts = agent.texts();
    texts.sort();
    let tasks: Vec<_> = (0..10).map(|number| format!("task {number}")).collect();
    assert_eq!(texts, tasks, "once each");
    server.stop();
    let (status, report) = server.verify();
    assert!(status.success(), "{report}");
}

async fn twenty_five_tasks_for_five_busy_workers(mode: Mode) {
    let server = Server::with(mode, &LOCAL).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead"})).await;
    let own = server.bearer(&server.anonymous().register(&lead).await);
    let mut workers = Vec::new();
    for number in 0..5 {
        let agent = Agent::start(Mood::Slow(Duration::from_millis(200))).await;
        let body = json!({"name": format!("worker {number}"), "parent_id": lead});
        let (id, token) = agent.join(&admin, body).await;
        // Each has its hands full already.
        server.bearer(&token).beat(&id, json!({"active_tasks": 1})).await.expect(200);
        workers.push((agent, id, token));
    }
    let mut ids = Vec::new();
    for number in 0..25 {
        let (_, worker, _) = &workers[number % 5];
        let task = format!("task {number}");
        ids.push(delegate(&own, &lead, json!({"target_id": worker, "task": task})).await);
    }
    for id in &ids {
        until(&own, &lead, id, "queued").await;
    }
    for (_, id, token) in &workers {
        server.bearer(token).beat(id, json!({"active_tasks": 0})).await.expect(200);
    }
    for id in &ids {
        until(&own, &lead, id, "completed").await;
    }
    for (agent, _, _) in &workers {
        assert_eq!(agent.texts().len(), 5);
    }
    let rows = list(&own, &lead).await;
    assert_eq!(rows.len(), 50);
    assert!(rows.iter().all(|row| row["status"] == "completed"));
}
