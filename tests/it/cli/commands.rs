//! Against a real server.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{beside, program, with_stdin};
use crate::in_both_modes;
use crate::support::{ADMIN, Mode, Server};

in_both_modes!(
    a_workspace_from_creation_to_removal,
    names_and_prefixes,
    removal_asks_before_it_takes_others_along,
    secrets_come_from_the_environment_or_stdin,
    the_token_of_an_external_agent_goes_into_a_private_file,
    messages_wait_and_are_answered,
    the_doctor_finds_nothing_wrong,
    documents_are_what_the_server_says,
);

async fn created(server: &Server, arguments: &[&str]) -> String {
    let all = [&["create", "--json"], arguments].concat();
    let ended = beside(server, &all).await.expect(0);
    ended.json()["id"].as_str().unwrap().to_owned()
}

async fn a_workspace_from_creation_to_removal(mode: Mode) {
    let server = Server::start(mode).await;
    let made =
        beside(&server, &["create", "Ada", "--role", "Plans", "--tier", "2", "--wait"]).await;
    let made = made.expect(0);
    assert!(made.stdout.contains("Ada is online"), "{made:?}");
    let id = made.stdout.split_whitespace().next().unwrap().to_owned();

    let listed = beside(&server, &["ps"]).await.expect(0).stdout;
    let row = listed.lines().find(|line| line.starts_with(&id[..8])).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[1..6], ["Ada", "●", "online", "2", "isomer"], "{listed}");

    let said = beside(&server, &["send", "Ada", "hello", "there"]).await.expect(0);
    assert_eq!(said.stdout, "hello there\n");
    let said = with_stdin(&server, &["send", "Ada", "-"], "from\nstdin").await.expect(0);
    assert_eq!(said.stdout, "from\nstdin\n");

    let restarted = beside(&server, &["restart", "Ada", "--wait", "--json"]).await.expect(0).json();
    assert_eq!(restarted["status"], "online");
    let frame = beside(&server, &["top", "--once"]).await.expect(0).stdout;
    assert!(frame.contains("Ada"), "{frame}");
    beside(&server, &["stop", "Ada"]).await.expect(0);

    let removed = beside(&server, &["rm", &id[..8]]).await.expect(0);
    assert_eq!(removed.stdout, "Ada is removed\n");
    let gone = beside(&server, &["rm", "Ada"]).await.expect(3);
    assert!(gone.stderr.contains("no workspace is called \"Ada\""), "{gone:?}");
    let again = beside(&server, &["rm", &id, "--json"]).await.expect(0).json();
    assert_eq!(again, json!({"cascade_deleted": 0, "status": "removed"}));
    beside(&server, &["send", &id, "hello"]).await.expect(4);
}

async fn names_and_prefixes(mode: Mode) {
    let server = Server::start(mode).await;
    let external = json!({"name": "Twin", "external": true});
    let admin = server.admin();
    let (first, second) = (admin.create(external.clone()).await, admin.create(external).await);
    let refused = beside(&server, &["rm", "Twin"]).await.expect(3);
    assert!(refused.stderr.contains(&first) && refused.stderr.contains(&second), "{refused:?}");
    let evil = admin.create(json!({"name": "\u{1b}c\u{202e}evil", "external": true})).await;
    let listed = beside(&server, &["ps"]).await.expect(0).stdout;
    assert!(!listed.contains(['\u{1b}', '\u{202e}']), "{listed:?}");
    assert!(listed.contains("\\u{1b}c\\u{202e}evil"), "{listed}");
    let document = beside(&server, &["ps", "--json"]).await.expect(0);
    assert!(!document.stdout.contains(['\u{1b}', '\u{202e}']));
    let names: Vec<Value> = document.json().as_array().unwrap().to_vec();
    assert!(names.iter().any(|one| one["name"] == "\u{1b}c\u{202e}evil"));
    let quiet = beside(&server, &["ps", "-q", "--status", "awaiting_agent"]).await.expect(0);
    let mut ids: Vec<_> = quiet.stdout.lines().map(str::to_owned).collect();
    ids.sort();
    let mut expected = vec![first, second, evil];
    expected.sort();
    assert_eq!(ids, expected);
}

async fn removal_asks_before_it_takes_others_along(mode: Mode) {
    let server = Server::start(mode).await;
    let lead = created(&server, &["Lead"]).await;
    let member = created(&server, &["Member", "--parent", "Lead"]).await;
    let refused = beside(&server, &["rm", "Lead"]).await.expect(4);
    assert!(refused.stderr.contains("takes 1 below it along"), "{refused:?}");
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    assert_ne!(server.admin().status(&member).await, "removed");
    let view = server.admin().get(&format!("/workspaces/{member}")).await.expect(200);
    assert_eq!(view["parent_id"], json!(lead));
    let removed = beside(&server, &["rm", "Lead", "--yes", "--json"]).await.expect(0).json();
    assert_eq!(removed, json!({"cascade_deleted": 1, "status": "removed"}));
}

async fn secrets_come_from_the_environment_or_stdin(mode: Mode) {
    let server = Server::start(mode).await;
    let data = server.folder.path().join("data").display().to_string();
    let variables = [
        ("ISOMER_DATA_DIR", data.as_str()),
        ("ISOMER_TOKEN", ADMIN),
        ("FROM_ENVIRONMENT", "value-one"),
    ];
    let arguments =
        ["create", "Keeper", "--json", "--secret", "FROM_ENVIRONMENT", "--secret", "FROM_STDIN"];
    let made = program(&variables, &arguments, "value-two\n").await.expect(0);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let token = server.admin().post(&format!("/workspaces/{id}/tokens"), json!({})).await.json();
    let own = server.bearer(token["auth_token"].as_str().unwrap());
    let values = own.get(&format!("/workspaces/{id}/secrets/values")).await.expect(200);
    assert_eq!(values["FROM_ENVIRONMENT"], "value-one");
    assert_eq!(values["FROM_STDIN"], "value-two");
    for (arguments, stdin) in [
        (["create", "X", "--secret", "A", "--secret", "B"].as_slice(), "one value"),
        (&["create", "X", "--secret", "A"], ""),
        (&["create", "X", "--secret", "A=value-in-the-open"], ""),
    ] {
        let refused = with_stdin(&server, arguments, stdin).await.expect(2);
        assert!(!refused.stderr.contains("in-the-open"), "{refused:?}");
    }
    assert_eq!(server.admin().get("/workspaces").await.json().as_array().unwrap().len(), 1);
}

async fn the_token_of_an_external_agent_goes_into_a_private_file(mode: Mode) {
    let server = Server::start(mode).await;
    beside(&server, &["create", "Far", "--runtime", "external"]).await.expect(2);
    let path = server.folder.path().join("token");
    let file = path.to_str().unwrap();
    let arguments = ["create", "Far", "--runtime", "external", "--token-file", file, "--json"];
    let made = beside(&server, &arguments).await.expect(0);
    let token = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!made.stdout.contains(&token), "the token was shown");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    server.bearer(&token).get(&format!("/workspaces/{id}/state")).await.expect(200);
    let again = beside(&server, &arguments).await.expect(1);
    assert!(again.stderr.contains("nothing was created"), "{again:?}");
    assert_eq!(server.admin().get("/workspaces").await.json().as_array().unwrap().len(), 1);
}

async fn messages_wait_and_are_answered(mode: Mode) {
    let server = Server::start(mode).await;
    beside(&server, &["create", "Ada", "--wait"]).await.expect(0);
    beside(&server, &["stop", "Ada"]).await.expect(0);
    let receipt = beside(&server, &["send", "Ada", "first", "--json"]).await.expect(0).json();
    assert_eq!(receipt["queued"], true);
    let answered = beside(&server, &["send", "Ada", "second", "--wait-queued"]).await.expect(0);
    assert_eq!(answered.stdout, "second\n");
}

async fn the_doctor_finds_nothing_wrong(mode: Mode) {
    let server = Server::start(mode).await;
    let found = beside(&server, &["doctor", "--json"]).await.expect(0).json();
    assert_eq!(found["ok"], true, "{found}");
    let checks = found["checks"].as_array().unwrap();
    let level = |name: &str| {
        let check = checks.iter().find(|check| check["check"] == name);
        check.map(|check| check["level"].as_str().unwrap().to_owned())
    };
    for name in ["data-folder", "server", "ready", "token", "version", "store", "redis", "runtime"]
    {
        assert_eq!(level(name).as_deref(), Some("ok"), "{name}: {found}");
    }
    assert_eq!(level("keys").as_deref(), Some("warning"), "values are in clear here");
    let data = server.folder.path().join("data").display().to_string();
    let wrong = [("ISOMER_DATA_DIR", data.as_str()), ("ISOMER_TOKEN", "not-the-token-at-all")];
    let found = program(&wrong, &["doctor"], "").await.expect(1);
    assert!(found.stdout.contains("one thing is wrong"), "{found:?}");
    assert!(found.stdout.contains("ISOMER_TOKEN"), "{found:?}");
}

async fn documents_are_what_the_server_says(mode: Mode) {
    let server = Server::start(mode).await;
    created(&server, &["Ada", "--wait"]).await;
    let frame = beside(&server, &["top", "--json"]).await.expect(0).json();
    assert_eq!((&frame["count"], &frame["statuses"]), (&json!(1), &json!({"online": 1})));
    let listed = server.admin().get("/workspaces").await.json();
    assert_eq!(frame["workspaces"][0]["id"], listed[0]["id"]);
    let error = beside(&server, &["send", "Nobody", "x", "--json"]).await.expect(3);
    let error: Value = serde_json::from_str(&error.stderr).unwrap();
    assert_eq!(error["exit_code"], 3);
    assert!(error["error"].as_str().unwrap().contains("Nobody") && error["hint"].is_string());
}
