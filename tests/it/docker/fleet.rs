//! Many containers, and what becomes of them when one side dies.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::backend::CONTAINERS;
use super::engine::container;
use super::server::Docked;
use crate::support::{SOON, eventually};

const MANY: usize = 50;
const KILLED: usize = 10;
/// A deadline for a machine that has much else to do.
const ALL_OF_THEM: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_in_a_container_comes_online_answers_and_goes() {
    let Some(docked) = Docked::start(&[]).await else { return };
    let id = docked.create("Ada").await;
    let view = docked.online(&id).await;
    let url = view["url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(view["agent_card"]["name"].as_str().map(str::is_empty), Some(false));
    let reply = docked.say(&id, "hello there").await;
    assert!(reply["result"].to_string().contains("hello there"), "{reply}");

    let name = container(&id);
    let found = docked.engine.inspect(&name);
    let labels = &found["Config"]["Labels"];
    assert_eq!(labels["molecule.platform.managed"], "true");
    assert_eq!(labels["isomer.installation"], docked.installation());
    assert_eq!(labels["isomer.workspace"], id.as_str());
    // Its neighbours find it by its name in their network.
    let peer = docked.create("Grace").await;
    docked.online(&peer).await;
    let command =
        format!("cat </dev/null; busybox wget -qO- http://{name}:8000/.well-known/agent-card.json");
    assert!(docked.engine.exec(&container(&peer), &command).contains("skills"));

    docked.admin().delete(&format!("/workspaces/{id}?confirm=true")).await.expect(200);
    eventually("end of the container", CONTAINERS, || async {
        docked.engine.inspect(&name).is_null().then_some(())
    })
    .await;
    docked.online(&peer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_come_online_and_those_that_are_killed_come_back() {
    let Some(docked) = Docked::start(&[]).await else { return };
    let admin = docked.admin();
    let mut began = Vec::new();
    for n in 0..MANY {
        let body = json!({"name": format!("agent {n}"), "runtime": "isomer", "tier": 2});
        let started = Instant::now();
        began.push((admin.create(body).await, started));
    }
    // One who looks, not fifty: the machine has enough to do.
    let mut all = BTreeMap::new();
    let deadline = Instant::now() + ALL_OF_THEM;
    while all.len() < MANY {
        assert!(Instant::now() < deadline, "{} of {MANY} are online", all.len());
        let list = admin.get("/workspaces").await.expect(200);
        let online = list.as_array().unwrap().iter().filter(|view| view["status"] == "online");
        for id in online.map(|view| view["id"].as_str().unwrap().to_owned()) {
            all.entry(id).or_insert_with(Instant::now);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut times: Vec<_> = began.iter().map(|(id, started)| all[id] - *started).collect();
    let all = began;
    times.sort();
    let (p50, p99) = (times[MANY / 2], times[MANY * 99 / 100]);
    eprintln!("create to online, {MANY} at once: p50 {p50:?}, p99 {p99:?}");
    assert_eq!(docked.engine.of(&docked.installation()).len(), MANY);

    let victims: Vec<_> = all.iter().step_by(MANY / KILLED).map(|(id, _)| id.clone()).collect();
    let before: Vec<_> = victims.iter().map(|id| docked.engine.life(&container(id))).collect();
    for id in &victims {
        let process = docked.engine.inspect(&container(id))["State"]["Pid"].as_u64().unwrap();
        crate::support::server::signal(process as u32, "KILL");
    }
    for (id, before) in victims.iter().zip(before) {
        eventually("agent that is back", ALL_OF_THEM, || async {
            let (now, _) = docked.engine.life(&container(id));
            let back = !now.is_empty() && now != before.0;
            (back && admin.status(id).await == "online").then_some(())
        })
        .await;
    }
    for (id, _) in &all {
        assert_eq!(admin.status(id).await, "online");
    }
    assert_eq!(docked.engine.of(&docked.installation()).len(), MANY, "as many as are wanted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_finds_its_containers_running() {
    let Some(mut docked) = Docked::start(&[]).await else { return };
    let ids = join_all(["Ada", "Grace", "Edith"].map(|name| docked.create(name))).await;
    for id in &ids {
        docked.online(id).await;
    }
    let lives = |docked: &Docked| {
        ids.iter().map(|id| docked.engine.life(&container(id))).collect::<Vec<_>>()
    };
    let before = lives(&docked);
    docked.server.kill();
    assert_eq!(lives(&docked), before, "they go on without it");
    // One dies meanwhile.
    let dead = container(&ids[2]);
    docked.engine.docker(&["kill", &dead]);
    // At another port: what agents were told is kept.
    docked.server.restart_elsewhere();
    for id in &ids {
        docked.online(id).await;
    }
    for id in &ids[..2] {
        // It is reached, so it was taken over.
        eventually("answer", SOON, || async {
            let path = format!("/workspaces/{id}/a2a");
            let message = json!({
                "jsonrpc": "2.0", "id": 1, "method": "message/send",
                "params": {"message": {
                    "role": "user", "messageId": "2", "parts": [{"kind": "text", "text": "still there"}],
                }},
            });
            let reply = docked.admin().post(&path, message).await;
            reply.text.contains("still there").then_some(())
        })
        .await;
    }
    eventually("another life", CONTAINERS, || async {
        let (id, _) = docked.engine.life(&dead);
        (!id.is_empty() && id != before[2].0).then_some(())
    })
    .await;
    let after = lives(&docked);
    assert_eq!(after[..2], before[..2], "nobody was started anew who lived");
}
