//! Deaths are found in time; nobody is pronounced dead who is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::in_both_modes;
use crate::support::fixtures::Agent;
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

const TTL: Duration = Duration::from_secs(4);
/// The promise: offline at TTL + 2 s at the latest, and what the busy machine of a test adds.
const FOUND: Duration = Duration::from_secs(4 + 2 + 4);

in_both_modes!(a_killed_agent_is_found, a_killed_server_comes_back_to_its_fleet);

async fn a_killed_agent_is_found(mode: Mode) {
    let server = Server::with(mode, &[("LIVENESS_TTL", "4")]).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "mortal"})).await;
    let mut socket = Socket::open(&server.address, "").await;
    let mut agent = Agent::built_in(&server.address, &id);
    socket.until("WORKSPACE_ONLINE", &id, SOON).await;
    // It outlives several times its patience while it beats.
    let alive_until = Instant::now() + TTL + Duration::from_secs(3);
    while Instant::now() < alive_until {
        socket.until("WORKSPACE_HEARTBEAT", &id, SOON).await;
        assert_eq!(admin.status(&id).await, "online");
    }
    agent.kill();
    let killed = Instant::now();
    socket.until("WORKSPACE_OFFLINE", &id, FOUND).await;
    assert!(killed.elapsed() > TTL - Duration::from_secs(2), "not before its time");
    assert_eq!(admin.status(&id).await, "offline");
    assert_eq!(admin.kinds(&id).await.last().unwrap(), "WORKSPACE_OFFLINE");
    let stored = server.sql("SELECT CAST(status AS text) FROM workspaces").await;
    assert_eq!(stored, "offline");
}

const FLEET: usize = 200;

/// An agent that beats until told to stop, through whatever happens to the server.
fn keep_beating(client: Client, id: String, alive: Arc<AtomicBool>) {
    tokio::spawn(async move {
        while alive.load(Ordering::Relaxed) {
            let body = json!({"workspace_id": id, "error_rate": 0}).to_string().into_bytes();
            let method = reqwest::Method::POST;
            let _ = client.try_send(method, "/registry/heartbeat", Some(body), &[]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

async fn a_killed_server_comes_back_to_its_fleet(mode: Mode) {
    let mut server = Server::with(mode, &[("LIVENESS_TTL", "8")]).await;
    let admin = server.admin();
    let mut fleet = Vec::new();
    for number in 0..FLEET {
        let id = admin.create(json!({"name": format!("agent {number}")})).await;
        let token = server.anonymous().register(&id).await;
        let alive = Arc::new(AtomicBool::new(true));
        keep_beating(server.bearer(&token), id.clone(), Arc::clone(&alive));
        fleet.push((id, alive));
    }
    // Changes go on to the very moment of the kill; each acknowledged one must be there after.
    let changing = admin.clone();
    let target = fleet[0].0.clone();
    let (counting, counted) = tokio::sync::watch::channel(0);
    let changes = tokio::spawn(async move {
        let mut acknowledged = 0;
        loop {
            let _ = counting.send(acknowledged);
            let body = json!({"role": format!("change {}", acknowledged + 1)});
            let path = format!("/workspaces/{target}");
            let bytes = body.to_string().into_bytes();
            let sent = changing.try_send(reqwest::Method::PATCH, &path, Some(bytes), &[]).await;
            match sent {
                Ok(reply) if reply.status.is_success() => acknowledged += 1,
                _ => return acknowledged,
            }
        }
    });
    let mut counted = counted;
    let enough = counted.wait_for(|acknowledged| *acknowledged >= 100);
    tokio::time::timeout(SOON, enough).await.unwrap().unwrap();
    server.kill();
    let acknowledged = changes.await.unwrap();
    assert!(acknowledged > 0);
    let restarted = Instant::now();
    server.restart();
    assert!(restarted.elapsed() < Duration::from_secs(8), "serving again soon");

    let list = admin.get("/workspaces").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), FLEET);
    let role = admin.get(&format!("/workspaces/{}", fleet[0].0)).await.json();
    let kept: u32 = role["role"].as_str().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(kept >= acknowledged, "acknowledged {acknowledged}, kept {kept}");

    // Longer than the patience: nobody is falsely offline.
    let watch_until = Instant::now() + Duration::from_secs(12);
    while Instant::now() < watch_until {
        let offline = admin.get("/events?type=WORKSPACE_OFFLINE").await.expect(200);
        assert_eq!(offline.as_array().unwrap().len(), 0, "{offline}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // And the next death is still found.
    fleet[7].1.store(false, Ordering::Relaxed);
    eventually("death", Duration::from_secs(8 + 2 + 6), || async {
        (admin.status(&fleet[7].0).await == "offline").then_some(())
    })
    .await;
    let offline = admin.get("/events?type=WORKSPACE_OFFLINE").await.expect(200);
    assert_eq!(offline.as_array().unwrap().len(), 1);
    for (_, alive) in &fleet {
        alive.store(false, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provisioning_ends_in_time() {
    let server = Server::with(Mode::Embedded, &[("PROVISION_TIMEOUT_SECONDS", "1")]).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "never"})).await;
    let awaited = admin.post("/workspaces", json!({"name": "later", "external": true})).await;
    let awaited = awaited.expect(201)["id"].as_str().unwrap().to_owned();
    eventually("failure", SOON, || async { (admin.status(&id).await == "failed").then_some(()) })
        .await;
    let events = admin.get(&format!("/events/{id}?limit=1")).await.expect(200);
    assert_eq!(events[0]["event_type"], "WORKSPACE_PROVISION_FAILED");
    assert_eq!(events[0]["payload"]["source"], "provision_timeout_sweep");
    assert_eq!(admin.status(&awaited).await, "awaiting_agent", "it waits as long as it takes");
    // A beat does not revive it, registering does.
    server.anonymous().beat(&id, json!({})).await.expect(200);
    assert_eq!(admin.status(&id).await, "failed");
    server.anonymous().register(&id).await;
    assert_eq!(admin.status(&id).await, "online");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liveness_keys_are_mirrored_and_cleared() {
    let server = Server::with(Mode::Production, &[("LIVENESS_TTL", "60")]).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "mirrored"})).await;
    let token = server.anonymous().register(&id).await;
    server.bearer(&token).beat(&id, json!({})).await.expect(200);
    let client = redis::Client::open(server.redis_url().unwrap()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let ttl = async |redis: &mut redis::aio::MultiplexedConnection, key: String| -> i64 {
        redis::cmd("TTL").arg(key).query_async(redis).await.unwrap()
    };
    let deadline = Instant::now() + SOON;
    loop {
        let alive = ttl(&mut redis, format!("ws:{id}")).await;
        let url = ttl(&mut redis, format!("ws:{id}:url")).await;
        if (50..=60).contains(&alive) && (290..=300).contains(&url) {
            break;
        }
        assert!(Instant::now() < deadline, "ws: {alive} s, url: {url} s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let flags: Vec<String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("notify-keyspace-events")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(flags[1].contains('E') && flags[1].contains('x'), "{flags:?}");
    admin.delete(&format!("/workspaces/{id}")).await.expect(200);
    let deadline = Instant::now() + SOON;
    while ttl(&mut redis, format!("ws:{id}")).await != -2 {
        assert!(Instant::now() < deadline, "the key was not cleared");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
