//! How agents end, and come back.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::json;
use uuid::Uuid;

use super::{COMMAND, create, gone, is_alive, kill, online, start, started};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(
    fifty_come_online_and_ten_that_are_killed_come_back,
    a_killed_server_leaves_nothing_and_takes_up_its_agents_again,
);

async fn fifty_come_online_and_ten_that_are_killed_come_back(mode: Mode) {
    let server = start(mode, &[]).await;
    let admin = server.admin();
    let mut all = Vec::new();
    for number in 0..50 {
        all.push(create(&admin, &format!("agent {number}"), "isomer", json!({})).await);
    }
    for id in &all {
        online(&admin, id, 1).await;
    }
    let before = started(&server);
    assert_eq!(before.len(), 50);
    let tokens: BTreeMap<_, _> =
        all.iter().map(|id| (id.clone(), server.agent_token(id))).collect();
    for id in &all[..10] {
        kill(before[id]);
    }
    for id in &all[..10] {
        online(&admin, id, 2).await;
        assert_eq!(server.agent_token(id), tokens[id], "tokens survive restarts");
    }
    let after = started(&server);
    for (index, id) in all.iter().enumerate() {
        assert_eq!(after[id] != before[id], index < 10, "the others were left alone");
        assert!(is_alive(after[id]));
    }
    assert!(server.log().contains("it was killed by signal 9 (SIGKILL)"));
}

async fn a_killed_server_leaves_nothing_and_takes_up_its_agents_again(mode: Mode) {
    let mut server = start(mode, &[]).await;
    let admin = server.admin();
    let built_in = create(&admin, "built in", "isomer", json!({})).await;
    let command = create(&admin, "command", COMMAND, json!({"GRANDCHILD": "1"})).await;
    for id in [&built_in, &command] {
        online(&admin, id, 1).await;
    }
    let (before, token) = (started(&server), server.agent_token(&command));
    let grandchild = grandchild(&server, &command);
    assert!(is_alive(grandchild));
    server.kill();
    for process in before.values().chain([&grandchild]) {
        gone(*process).await;
    }
    server.restart();
    let admin = server.admin();
    for id in [&built_in, &command] {
        online(&admin, id, 2).await;
    }
    assert_eq!(server.agent_token(&command), token);
    let after = started(&server);
    assert!(server.stop().success());
    for process in after.values() {
        gone(*process).await;
    }
}

fn grandchild(server: &Server, id: &str) -> i32 {
    let file = server.files(id).join("workspace/grandchild");
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_an_agent_began_ends_with_it_whatever_its_session() {
    let server = start(Mode::Embedded, &[]).await;
    let admin = server.admin();
    let id = create(&admin, "parent", COMMAND, json!({"GRANDCHILD": "1"})).await;
    online(&admin, &id, 1).await;
    let (first, agent) = (grandchild(&server, &id), started(&server)[&id]);
    assert!(is_alive(first) && first != agent);
    kill(agent);
    gone(first).await;
    online(&admin, &id, 2).await;
    let second = grandchild(&server, &id);
    assert!(is_alive(second));
    admin.delete(&format!("/workspaces/{id}?confirm=true")).await.expect(200);
    gone(second).await;
    gone(started(&server)[&id]).await;
}

#[tokio::test]
async fn an_agent_that_does_not_care_for_being_asked_is_killed() {
    let mut server = start(Mode::Embedded, &[]).await;
    let admin = server.admin();
    let id = create(&admin, "stubborn", COMMAND, json!({"STUBBORN": "1"})).await;
    online(&admin, &id, 1).await;
    let agent = started(&server)[&id];
    assert!(server.stop().success());
    gone(agent).await;
}

#[tokio::test]
async fn leftovers_of_this_installation_are_ended_and_those_of_another_are_not() {
    let mut server = start(Mode::Embedded, &[]).await;
    let admin = server.admin();
    let id = create(&admin, "Ada", "isomer", json!({})).await;
    online(&admin, &id, 1).await;
    server.kill();
    let installation = super::installation(&server);
    let left = |installation: &str| {
        Command::new("sleep")
            .arg("600")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("ISOMER_INSTALLATION", installation)
            .env("ISOMER_SERVER", Uuid::new_v4().to_string())
            .env("WORKSPACE_ID", &id)
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut ours, mut theirs) = (left(&installation), left(&Uuid::new_v4().to_string()));
    server.restart();
    // The server had started before it answered, and what was left was ended before that.
    assert!(!ours.wait().unwrap().success());
    online(&server.admin(), &id, 2).await;
    assert!(theirs.try_wait().unwrap().is_none(), "another installation's was touched");
    theirs.kill().unwrap();
    theirs.wait().unwrap();
}

#[tokio::test]
async fn without_a_provisioner_nothing_is_hosted() {
    let server = Server::with(Mode::Embedded, &[("PROVISIONER", "none")]).await;
    let admin = server.admin();
    let id = create(&admin, "waits", "isomer", json!({})).await;
    let refused = admin.post(&format!("/workspaces/{id}/restart"), json!({})).await.expect(503);
    assert_eq!(refused["error"], "provisioner not available");
    assert!(started(&server).is_empty());
}
