//! Whole teams against a real server: bundles, and rest.

use serde_json::{Value, json};

use super::{Ended, beside, with_stdin};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(
    bundles_make_the_team_again,
    workspaces_rest_and_come_back,
    teams_expand_and_collapse
);

async fn run(server: &Server, arguments: &[&str]) -> Ended {
    beside(server, arguments).await.expect(0)
}

async fn bundles_make_the_team_again(mode: Mode) {
    let server = Server::start(mode).await;
    run(&server, &["create", "Lead", "--wait"]).await;
    run(&server, &["create", "Member", "--parent", "Lead", "--wait"]).await;
    run(&server, &["create", "Helper", "--parent", "Member", "--wait"]).await;
    let path = server.folder.path().join("team.json");
    let file = path.to_str().unwrap();
    let told = run(&server, &["export", "Lead", "-o", file, "--json"]).await.json();
    assert_eq!(told["workspaces"], 3);
    run(&server, &["rm", "Lead", "--yes"]).await;

    let tree = run(&server, &["import", file, "--wait", "--json"]).await.json();
    let names = [&tree["name"], &tree["children"][0]["name"]];
    assert_eq!(names, [&json!("Lead"), &json!("Member")]);
    assert_eq!(tree["children"][0]["children"][0]["status"], "online", "{tree}");
    let listed = run(&server, &["ps", "--json"]).await.json();
    let member = listed.as_array().unwrap().iter().find(|one| one["name"] == "Member").unwrap();
    assert_eq!(member["parent_id"], tree["workspace_id"]);

    // The same from stdout to stdin, as text.
    let bundle = run(&server, &["export", "Member"]).await.stdout;
    let shown = with_stdin(&server, &["import", "-", "--wait"], &bundle).await.expect(0).stdout;
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("Member  ● online"), "{shown}");
    assert!(lines[1].starts_with("  Helper  ● online"), "{shown}");
    let refused = with_stdin(&server, &["import", "-"], "[1]").await.expect(4);
    assert!(refused.stderr.contains("invalid bundle"), "{refused:?}");
}

async fn workspaces_rest_and_come_back(mode: Mode) {
    let server = Server::start(mode).await;
    run(&server, &["create", "Lead", "--wait"]).await;
    run(&server, &["create", "Member", "--parent", "Lead", "--wait"]).await;
    let paused = run(&server, &["pause", "Lead"]).await;
    assert_eq!(paused.stdout, "Lead is paused, with 1 below it\n");
    let refused = beside(&server, &["resume", "Member"]).await.expect(4);
    assert!(refused.stderr.contains("resume it first"), "{refused:?}");
    let resumed = run(&server, &["resume", "Lead", "--wait", "--json"]).await.json();
    assert_eq!(resumed, json!({"status": "online", "resumed_count": 2, "error": Value::Null}));
    beside(&server, &["resume", "Lead"]).await.expect(3);

    run(&server, &["hibernate", "Lead"]).await;
    let listed = run(&server, &["ps", "-q", "--status", "hibernated"]).await.stdout;
    assert_eq!(listed.lines().count(), 1);
    let woken = run(&server, &["send", "Lead", "good morning", "--wait-queued"]).await;
    assert_eq!(woken.stdout, "good morning\n");
}

async fn teams_expand_and_collapse(mode: Mode) {
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/workspaces");
    let server = Server::with(mode, &[("CONFIGS_DIR", templates)]).await;
    run(&server, &["create", "Team Lead", "--wait"]).await;
    let expanded = run(&server, &["expand", "Team Lead", "--wait", "--json"]).await.json();
    let members = expanded["children"].as_array().unwrap();
    let mut names: Vec<_> = members.iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Researcher", "Reviewer", "Writer"]);
    assert!(members.iter().all(|one| one["status"] == "online"), "{expanded}");

    // Of whom the server names the direct ones only.
    run(&server, &["create", "Helper", "--parent", "Writer", "--wait"]).await;
    for what in ["collapse", "rm"] {
        let refused = beside(&server, &[what, "Team Lead"]).await.expect(4);
        assert!(refused.stderr.contains("takes 4 below it along"), "{refused:?}");
    }
    let collapsed = run(&server, &["collapse", "Team Lead", "--yes"]).await.stdout;
    let told = "Team Lead is collapsed: 3 removed, with all that was below\n";
    assert!(collapsed.starts_with(told), "{collapsed}");
    assert!(collapsed.contains("Writer handed over /configs/handovers/"), "{collapsed}");
    assert_eq!(run(&server, &["ps", "-q"]).await.stdout.lines().count(), 1);
}
