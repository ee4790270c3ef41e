//! What agents are given: their own secrets and variables, and nobody else's.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{COMMAND, create, failed, holds, online, seen, start, started};
use crate::in_both_modes;
use crate::support::{Mode, Server, eventually};

use super::super::keys::{canary, set};

in_both_modes!(
    secrets_reach_exactly_the_right_agent_and_no_disk,
    a_secret_that_cannot_be_opened_stops_the_start,
);

fn digest(value: &str) -> String {
    Sha256::digest(value.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn names(values: &Value) -> BTreeSet<&str> {
    values.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn secrets_reach_exactly_the_right_agent_and_no_disk(mode: Mode) {
    let server = start(mode, &[]).await;
    let admin = server.admin();
    let values: Vec<_> = (0..5).map(|_| canary()).collect();
    set(&admin, None, "SHARED", &values[0]).await;
    set(&admin, None, "OVERRIDDEN", &values[1]).await;
    let own = json!({"OVERRIDDEN": values[2], "ADAS": values[3], "SAY": values[4]});
    let ada = create(&admin, "Ada", COMMAND, own).await;
    let grace = create(&admin, "Grace", COMMAND, json!({})).await;
    for id in [&ada, &grace] {
        online(&admin, id, 1).await;
    }
    let (of_ada, of_grace) = (seen(&server, &ada).await, seen(&server, &grace).await);
    for (name, value) in [("SHARED", 0), ("OVERRIDDEN", 2), ("ADAS", 3), ("SAY", 4)] {
        assert_eq!(of_ada["environment"][name], digest(&values[value]), "{name}");
    }
    assert_eq!(of_grace["environment"]["OVERRIDDEN"], digest(&values[1]));
    // A clean environment: what the contract says, and nothing of the server's own.
    let expected = BTreeSet::from([
        "GIT_AUTHOR_EMAIL",
        "GIT_AUTHOR_NAME",
        "GIT_COMMITTER_EMAIL",
        "GIT_COMMITTER_NAME",
        "HOME",
        "ISOMER_AGENT_BIND",
        "ISOMER_AGENT_NAME",
        "ISOMER_AGENT_PORT",
        "ISOMER_INSTALLATION",
        "ISOMER_RUN",
        "ISOMER_SERVER",
        "LANG",
        "MOLECULE_URL",
        "OVERRIDDEN",
        "PATH",
        "PLATFORM_URL",
        "PLUGINS_DIR",
        "PORT",
        "SHARED",
        "TIER",
        "WORKSPACE_AUTH_TOKEN",
        "WORKSPACE_CONFIG_PATH",
        "WORKSPACE_ID",
    ]);
    let found: BTreeSet<_> =
        names(&of_grace["environment"]).into_iter().filter(|name| *name != "LC_CTYPE").collect();
    assert_eq!(found, expected);
    for (id, seen) in [(&ada, &of_ada), (&grace, &of_grace)] {
        assert_eq!(seen["environment"]["WORKSPACE_ID"], digest(id));
        let token = digest(&server.agent_token(id));
        assert_eq!(
            (&seen["token"], &seen["environment"]["WORKSPACE_AUTH_TOKEN"]),
            (&json!(token), &json!(token))
        );
        // In a session of its own, without more rights than it has, and nothing open but its own.
        assert_eq!(seen["session"], json!(started(&server)[id]));
        assert_eq!((&seen["no_new_privs"], &seen["stdin"]), (&json!("1"), &json!("/dev/null")));
        let open = seen["descriptors"].as_object().unwrap();
        assert!(open.keys().all(|number| number.parse::<u32>().unwrap() < 3), "{open:?}");
    }
    // It said one of them, in two pieces.
    let log = server.files(&ada).join("logs/agent.log");
    eventually("what it said", super::ONLINE, || async {
        std::fs::read_to_string(&log).ok()?.contains("it is [REDACTED:SAY]\n").then_some(())
    })
    .await;
    nowhere(&server, &values);
}

/// No value is in any file of the server, its log among them.
fn nowhere(server: &Server, values: &[String]) {
    for value in values {
        assert_eq!(holds(server.folder.path(), value.as_bytes()), None);
    }
}

#[tokio::test]
async fn secrets_are_handed_over_in_a_file_in_memory_when_that_is_wanted() {
    let server = start(Mode::Embedded, &[("ISOMER_SECRETS_DELIVERY", "file")]).await;
    let admin = server.admin();
    let value = canary();
    let id = create(&admin, "Ada", COMMAND, json!({"ADAS": value})).await;
    // The built-in agent takes its token from there.
    let built_in = create(&admin, "Grace", "isomer", json!({"GRACES": canary()})).await;
    for id in [&id, &built_in] {
        online(&admin, id, 1).await;
    }
    let seen = seen(&server, &id).await;
    assert_eq!(names(&seen["file"]), BTreeSet::from(["ADAS", "WORKSPACE_AUTH_TOKEN"]));
    assert_eq!(seen["file"]["ADAS"], digest(&value));
    for name in ["ADAS", "WORKSPACE_AUTH_TOKEN"] {
        assert!(seen["environment"].get(name).is_none(), "{name}");
    }
    let open = seen["descriptors"].as_object().unwrap();
    assert!(
        open.values().any(|to| to.as_str().unwrap().contains("memfd:isomer-secrets")),
        "{open:?}"
    );
    let environment = std::fs::read(format!("/proc/{}/environ", started(&server)[&id])).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains(&value));
    nowhere(&server, &[value]);
}

async fn a_secret_that_cannot_be_opened_stops_the_start(mode: Mode) {
    let server = start(mode, &[]).await;
    let admin = server.admin();
    let value = canary();
    let id = create(&admin, "Ada", COMMAND, json!({"BROKEN": value, "FINE": canary()})).await;
    online(&admin, &id, 1).await;
    let other = match mode {
        Mode::Embedded => "x'03000000'",
        Mode::Production => "'\\x03000000'",
    };
    let spoil =
        format!("UPDATE workspace_secrets SET encrypted_value = {other} WHERE key = 'BROKEN'");
    server.tamper(&spoil).await.unwrap();
    admin.post(&format!("/workspaces/{id}/restart"), json!({})).await.expect(200);
    let reason = failed(&admin, &id).await;
    assert!(reason.starts_with("cannot decrypt workspace secret BROKEN:"), "{reason}");
    assert!(!reason.contains("FINE"), "{reason}");
    let starts = started_count(&server, &id);
    assert_eq!(starts, 1, "it was not started again");
    nowhere(&server, &[value]);
    // Mended, it comes back.
    set(&admin, Some(&id), "BROKEN", &canary()).await;
    admin.post(&format!("/workspaces/{id}/restart"), json!({})).await.expect(200);
    online(&admin, &id, 2).await;
}

fn started_count(server: &Server, id: &str) -> usize {
    let log = server.log();
    log.lines().filter(|line| line.contains("started an agent") && line.contains(id)).count()
}

#[tokio::test]
async fn an_agent_without_what_it_requires_is_not_started() {
    let server = start(Mode::Embedded, &[]).await;
    let admin = server.admin();
    let id = create(&admin, "Ada", COMMAND, json!({"GIVEN": "1"})).await;
    online(&admin, &id, 1).await;
    let file = server.files(&id).join("configs/config.yaml");
    let generated = std::fs::read_to_string(&file).unwrap();
    assert!(
        generated.contains("name: Ada") && generated.contains("runtime: command"),
        "{generated}"
    );
    std::fs::write(&file, "runtime_config:\n  required_env: [GIVEN, TIER, NEEDED]\n").unwrap();
    let restart = format!("/workspaces/{id}/restart");
    admin.post(&restart, json!({})).await.expect(200);
    let reason = failed(&admin, &id).await;
    assert!(reason.ends_with("not set: NEEDED"), "{reason}");
    let events = admin.get(&format!("/events/{id}")).await.json();
    let event =
        events.as_array().unwrap().iter().find(|e| e["event_type"] == "WORKSPACE_PROVISION_FAILED");
    assert_eq!(event.unwrap()["payload"]["missing"], json!(["NEEDED"]));
    set(&admin, Some(&id), "NEEDED", "here").await;
    admin.post(&restart, json!({})).await.expect(200);
    online(&admin, &id, 2).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2, "it was left alone");
}

#[tokio::test]
async fn limits_are_those_of_the_tier_where_groups_can_be_made() {
    let server = start(Mode::Embedded, &[("TIER2_MEMORY_MB", "300")]).await;
    let admin = server.admin();
    let body = json!({"name": "Ada", "runtime": COMMAND, "tier": 2});
    let id = admin.create(body).await;
    online(&admin, &id, 1).await;
    if server.log().contains("agents run without limits") {
        eprintln!("no control groups here: not tested");
        return;
    }
    let seen = seen(&server, &id).await;
    let groups = seen["cgroup"].as_str().unwrap();
    let installation = super::installation(&server);
    let own = groups.lines().filter(|line| line.contains(&format!("isomer-{installation}")));
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mut limits = Vec::new();
    for line in own {
        let path = line.splitn(3, ':').nth(2).unwrap();
        for at in mounts.lines().filter(|line| line.contains("cgroup")) {
            let folder = format!("{}{path}", at.split(' ').nth(1).unwrap());
            for file in ["memory.max", "memory.limit_in_bytes"] {
                limits.extend(std::fs::read_to_string(format!("{folder}/{file}")));
            }
        }
    }
    assert_eq!(limits, [format!("{}\n", 300 << 20)]);
}
