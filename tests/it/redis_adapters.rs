//! The Redis adapters, against a Redis that comes and goes.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use isomer::redis::{RedisMirror, RedisRelay};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Heard, LivenessMirror, Located, Relay};
use secrecy::SecretString;
use uuid::Uuid;

use crate::support::{SOON, eventually};

/// A Redis of this test's own.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start(port: Option<u16>) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = port.unwrap_or_else(free);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed by `make test`");
        Self { child, port }
    }

    fn url(&self) -> SecretString {
        SecretString::from(format!("redis://127.0.0.1:{}", self.port))
    }

    async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        eventually("connection", SOON, || async {
            client.get_multiplexed_async_connection().await.ok()
        })
        .await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn heard(id: WorkspaceId, seconds: u64) -> Heard {
    Heard { id, ttl: Duration::from_secs(seconds) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_set_cleared_and_missed() {
    let redis = Redis::start(None);
    let mut connection = redis.connection().await;
    let _: () = redis::cmd("CONFIG")
        .arg("SET")
        .arg("notify-keyspace-events")
        .arg("Kg")
        .query_async(&mut connection)
        .await
        .unwrap();
    let mirror = RedisMirror::connect(&redis.url()).unwrap();
    eventually("flags", SOON, || async {
        let mut connection = redis.connection().await;
        let flags: Vec<String> = redis::cmd("CONFIG")
            .arg("GET")
            .arg("notify-keyspace-events")
            .query_async(&mut connection)
            .await
            .unwrap();
        "KgEx".chars().all(|flag| flags[1].contains(flag)).then_some(())
    })
    .await;

    let many: Vec<_> = (0..10_000).map(|_| heard(WorkspaceId::random(), 60)).collect();
    mirror.heard(&many).await.unwrap();
    let id = WorkspaceId::random();
    let (url, internal_url) = ("http://a".to_owned(), "http://b".to_owned());
    mirror.located(&[Located { id, url, internal_url }]).await.unwrap();
    let count: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap();
    assert_eq!(count, 10_002);
    let ids: Vec<_> = many.iter().map(|heard| heard.id).chain([id]).collect();
    mirror.clear(&ids).await.unwrap();
    let count: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap();
    assert_eq!(count, 0);

    // Notices may be lost while the subscription begins: so the key is set until one comes.
    let dying = WorkspaceId::random();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        mirror.heard(&[heard(dying, 1)]).await.unwrap();
        let notice = tokio::time::timeout(Duration::from_secs(4), mirror.next_notice()).await;
        if let Ok(notice) = notice {
            assert_eq!(notice, Some(dying));
            break;
        }
        assert!(Instant::now() < deadline, "no notice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_goes_away_is_found_again() {
    let redis = Redis::start(None);
    redis.connection().await;
    let (url, port) = (redis.url(), redis.port);
    let mirror = RedisMirror::connect(&url).unwrap();
    let batch = [heard(WorkspaceId::random(), 60)];
    mirror.heard(&batch).await.unwrap();
    drop(redis);
    eventually("failure", SOON, || async { mirror.heard(&batch).await.err() }).await;
    let began = Instant::now();
    let _ = mirror.heard(&batch).await;
    assert!(began.elapsed() < Duration::from_secs(4), "calls are bounded");
    assert!(!mirror.is_reachable());
    let _redis = Redis::start(Some(port));
    eventually("recovery", Duration::from_secs(20), || async { mirror.heard(&batch).await.ok() })
        .await;
    assert!(mirror.is_reachable());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_other_nodes_are_hints() {
    let redis = Redis::start(None);
    redis.connection().await;
    let here = RedisRelay::connect(&redis.url(), Uuid::new_v4()).unwrap();
    let there = RedisRelay::connect(&redis.url(), Uuid::new_v4()).unwrap();
    // Each begins with a hint: something may have been missed before.
    for relay in [&here, &there] {
        tokio::time::timeout(SOON, relay.next_hint()).await.unwrap().unwrap();
    }
    let frame: Arc<str> = r#"{"event":"X","workspace_id":"w","timestamp":"t","payload":{}}"#.into();
    here.publish(&[frame]).await.unwrap();
    tokio::time::timeout(SOON, there.next_hint()).await.unwrap().unwrap();
    let own = tokio::time::timeout(Duration::from_millis(500), here.next_hint()).await;
    assert!(own.is_err(), "its own message is no hint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_nobody_dies_of_it_and_the_dead_are_found() {
    use crate::support::fixtures::Agent;
    use crate::support::{Mode, Server};

    let redis = Redis::start(None);
    redis.connection().await;
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let settings = [("REDIS_URL", url.as_str()), ("LIVENESS_TTL", "4")];
    let server = Server::with(Mode::Production, &settings).await;
    let admin = server.admin();
    let id = admin.create(serde_json::json!({"name": "one"})).await;
    let mut agent = Agent::built_in(&server.address, &id);
    eventually("agent", SOON, || async { (admin.status(&id).await == "online").then_some(()) })
        .await;
    drop(redis);
    eventually("notice of the loss", SOON, || async {
        let report = admin.get("/admin/liveness").await.json();
        (report["mirror_reachable"] == false).then_some(())
    })
    .await;
    let watch_until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < watch_until {
        assert_eq!(admin.status(&id).await, "online");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    admin.get("/ready").await.expect(200);
    agent.kill();
    eventually("death", Duration::from_secs(4 + 2 + 4), || async {
        (admin.status(&id).await == "offline").then_some(())
    })
    .await;
}
