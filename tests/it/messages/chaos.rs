//! A thousand messages while everything is killed: one end each, none lost, none twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::message;
use crate::in_both_modes;
use crate::support::agent::{Agent, Mood};
use crate::support::{Client, Mode, Server};

in_both_modes!(a_thousand_messages_among_kills);

const MESSAGES: usize = 1_000;
const WORKERS: usize = 5;
const SENDERS: usize = 8;
/// Rounds of killing: in each the server, a worker, and in production every connection to the
/// database.
const ROUNDS: usize = 4;
/// A lease of a killed server lasts 30 s.
const LIMIT: Duration = Duration::from_secs(150);

/// Sends a message until there is a receipt: whoever gets none sends the same again.
async fn post(client: &Client, id: &str, key: &str) {
    let path = format!("/workspaces/{id}/a2a");
    let body = message(key, key).to_string().into_bytes();
    let headers = [("prefer", "respond-async")];
    let until = Instant::now() + LIMIT;
    loop {
        let sent = client.try_send(Method::POST, &path, Some(body.clone()), &headers).await;
        match sent {
            Ok(reply) if [200, 202].contains(&reply.status.as_u16()) => return,
            Ok(reply) => assert!(reply.status.as_u16() >= 429, "{reply:?}"),
            Err(_) => {}
        }
        assert!(Instant::now() < until, "no receipt for {key}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads all messages of a workspace; `None` while the server is not there.
async fn all(client: &Client, id: &str) -> Option<Vec<Value>> {
    let (mut messages, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/workspaces/{id}/messages?limit=500&cursor={cursor}");
        let reply = client.try_send(Method::GET, &path, None, &[]).await.ok()?;
        messages.extend(reply.expect(200).as_array().unwrap().iter().cloned());
        match reply.header("x-next-cursor") {
            "" => return Some(messages),
            next => next.clone_into(&mut cursor),
        }
    }
}

async fn a_thousand_messages_among_kills(mode: Mode) {
    let settings = [("MOLECULE_ENV", "development"), ("MAILBOX_LIMIT", "1000")];
    let mut server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        let agent = Agent::start(Mood::Slow(Duration::from_millis(3))).await;
        let (id, token) = agent.join(&admin, json!({"name": format!("worker {number}")})).await;
        workers.push((agent, id, token));
    }
    let ids: Arc<[String]> = workers.iter().map(|(_, id, _)| id.clone()).collect();
    let beating: Vec<_> =
        workers.iter().map(|(_, id, token)| (server.bearer(token), id.clone())).collect();
    let beats = tokio::spawn(async move {
        loop {
            for (client, id) in &beating {
                let body = json!({"workspace_id": id, "active_tasks": 0}).to_string().into();
                let path = "/registry/heartbeat";
                let _ = client.try_send(Method::POST, path, Some(body), &[]).await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    });
    let posted = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (client, ids, posted) = (admin.clone(), Arc::clone(&ids), Arc::clone(&posted));
            tokio::spawn(async move {
                for number in (sender..MESSAGES).step_by(SENDERS) {
                    post(&client, &ids[number % WORKERS], &format!("m-{number}")).await;
                    posted.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();

    for round in 1..=ROUNDS {
        // Spread over the sending, wherever that is.
        let mark = round * MESSAGES / (ROUNDS + 1);
        let until = Instant::now() + LIMIT;
        while posted.load(Ordering::SeqCst) < mark {
            assert!(Instant::now() < until, "only {} were posted", posted.load(Ordering::SeqCst));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        workers[round % WORKERS].0.kill().await;
        if mode == Mode::Production {
            let sever = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
            server.tamper(sever).await.unwrap();
        }
        server.kill();
        server.restart();
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let until = Instant::now() + LIMIT;
    let mut ends: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in ids.iter() {
        let messages = loop {
            let messages = all(&admin, id).await.unwrap_or_default();
            let ended = |message: &Value| {
                !["queued", "dispatched"].contains(&message["state"].as_str().unwrap())
            };
            if !messages.is_empty() && messages.iter().all(ended) {
                break messages;
            }
            assert!(Instant::now() < until, "not ended: {messages:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        for message in messages {
            let key = message["message_key"].as_str().unwrap().to_owned();
            ends.entry(key).or_default().push(message["state"].as_str().unwrap().to_owned());
        }
    }
    beats.abort();
    assert_eq!(ends.len(), MESSAGES);
    for (key, states) in &ends {
        assert_eq!(states, &["delivered"], "{key}");
    }
    // Every one arrived. Again only what a kill may have come between: what was under way then.
    let given: Vec<_> = workers.iter().flat_map(|(agent, _, _)| agent.texts()).collect();
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), MESSAGES);
    let again = given.len() - MESSAGES;
    assert!(again <= ROUNDS * (WORKERS + 1), "{again} were given twice");
}
