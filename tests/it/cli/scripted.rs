//! Against a server that says what a real one seldom does.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::fake::Fake;
use super::program;

const ID: &str = "11111111-2222-4333-8444-555555555555";
const CHILD: &str = "99999999-2222-4333-8444-555555555555";

fn list() -> (&'static str, u16, Value) {
    let both = json!([
        {"id": ID, "name": "Lead", "status": "online"},
        {"id": CHILD, "name": "Member", "status": "online", "parent_id": ID},
    ]);
    ("GET /workspaces", 200, both)
}

fn route(method: &str, rest: &str) -> String {
    format!("{method} /workspaces/{ID}{rest}")
}

#[tokio::test]
async fn what_is_asked_for_each_command() {
    for (arguments, asked, body, answer, said) in [
        (
            vec!["pause", "Lead"],
            route("POST", "/pause"),
            Value::Null,
            json!({"status": "paused", "paused_count": 3}),
            "Lead is paused, with 2 below it\n",
        ),
        (
            vec!["resume", "1111"],
            route("POST", "/resume"),
            Value::Null,
            json!({"status": "provisioning", "resumed_count": 1}),
            "Lead is starting\n",
        ),
        (
            vec!["hibernate", "Lead"],
            route("POST", "/hibernate"),
            Value::Null,
            json!({"status": "hibernated"}),
            "Lead is hibernated; a message wakes it\n",
        ),
        (
            vec!["restart", "Lead", "--template", "lead", "--reset"],
            route("POST", "/restart"),
            json!({"template": "lead", "reset": true}),
            json!({"status": "provisioning", "config_dir": "lead", "reset_session": true}),
            "Lead is starting\n",
        ),
        (
            vec!["expand", "Lead"],
            route("POST", "/expand"),
            Value::Null,
            json!({"status": "expanded", "children": [{"id": CHILD, "name": "Member"}]}),
            "Lead is expanded: 1 members\n99999999-2222-4333-8444-555555555555  Member\n",
        ),
        (
            vec!["collapse", "Lead", "--yes"],
            route("POST", "/collapse"),
            Value::Null,
            json!({"status": "collapsed", "removed": ["Member"]}),
            "Lead is collapsed: 1 removed, with all that was below\n",
        ),
    ] {
        let server = Fake::start(&[list(), (asked.as_str(), 200, answer.clone())]).await;
        let ended = server.run(&arguments).await.expect(0);
        assert_eq!(ended.stdout, said);
        assert_eq!(*server.asked().last().unwrap(), (asked, body), "{arguments:?}");
        let document = server.run(&[&arguments[..], &["--json"]].concat()).await.expect(0);
        assert_eq!(document.json(), answer, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_team_is_not_collapsed_unasked() {
    let collapse = route("POST", "/collapse");
    let server = Fake::start(&[list(), (collapse.as_str(), 200, json!({"removed": []}))]).await;
    let refused = server.run(&["collapse", "Lead"]).await.expect(4);
    assert!(refused.stderr.contains("takes 1 below it along"), "{refused:?}");
    assert!(server.asked().iter().all(|(asked, _)| asked == "GET /workspaces"));
}

#[tokio::test]
async fn refusals_and_what_to_do() {
    let busy = json!({"error": "workspace has active tasks; use ?force=true to terminate them"});
    for (status, body, code, said) in [
        (409, busy, 4, "--force"),
        (404, json!({"error": "workspace not found"}), 3, "workspace not found"),
        (404, json!("404 page not found"), 1, "it is older than this program"),
        (401, json!({"error": "missing workspace auth token"}), 4, "ISOMER_TOKEN"),
        (503, json!({"error": "provisioner not available"}), 1, "provisioner not available"),
        (501, json!({"error": "not offered"}), 4, "PROVISIONER"),
        (500, json!("<html>\u{1b}[2J"), 1, "500"),
    ] {
        let asked = route("POST", "/hibernate");
        let server = Fake::start(&[(asked.as_str(), status, body)]).await;
        let ended = server.run(&["hibernate", ID]).await.expect(code);
        assert!(ended.stderr.contains(said), "{status}: {ended:?}");
        assert!(ended.stdout.is_empty() && !ended.stderr.contains('\u{1b}'), "{ended:?}");
    }
}

#[tokio::test]
async fn nobody_answers() {
    for (url, code) in [("http://127.0.0.1:9", 69), ("127.0.0.1", 2)] {
        let ended = program(&[], &["ps", "--url", url], "").await.expect(code);
        assert!(!ended.stderr.is_empty());
    }
    let ended = program(&[("ISOMER_URL", "http://127.0.0.1:9")], &["ps"], "").await.expect(69);
    assert!(ended.stderr.contains("isomer serve"), "{ended:?}");
    let ended = program(&[], &["doctor", "--url", "http://127.0.0.1:9"], "").await.expect(1);
    assert!(ended.stdout.contains("no server answers"), "{ended:?}");
}

#[tokio::test]
async fn logs_as_they_are_and_as_documents() {
    let asked = route("GET", "/logs");
    let written = "\u{1b}[31mone\u{1b}[0m\ntwo";
    let server = Fake::start(&[(asked.as_str(), 200, json!(written))]).await;
    let ended = server.run(&["logs", ID, "-n", "7"]).await.expect(0);
    assert_eq!(ended.stdout, written, "a file gets the bytes");
    assert_eq!(server.asked()[0].0, format!("GET /workspaces/{ID}/logs?tail=7"));
    let ended = server.run(&["logs", ID, "--follow", "--json"]).await.expect(0);
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [json!({"line": "\u{1b}[31mone\u{1b}[0m"}), json!({"line": "two"})]);
    assert!(!ended.stdout.contains('\u{1b}'));
    assert!(server.asked()[1].0.ends_with("/logs?tail=200&follow=1"));
}

#[tokio::test]
async fn bundles_to_files_and_back() {
    let bundle = json!({
        "schema": "1.0", "name": "Lead", "sub_workspaces": [{"name": "Member", "sub_workspaces": []}],
    });
    let export = format!("GET /bundles/export/{ID}");
    let tree = json!({
        "workspace_id": ID, "name": "Lead", "status": "provisioning",
        "children": [
            {"workspace_id": CHILD, "name": "Member", "status": "failed", "error": "no room"},
        ],
    });
    let answers = [
        list(),
        (export.as_str(), 200, bundle.clone()),
        ("POST /bundles/import", 201, tree.clone()),
    ];
    let server = Fake::start(&answers).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lead.bundle.json");
    let file = path.to_str().unwrap();

    let ended = server.run(&["export", "Lead", "-o", file]).await.expect(0);
    assert!(ended.stdout.contains("2 workspaces"), "{ended:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let read: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(read, bundle);
    std::fs::write(&path, "mine").unwrap();
    let refused = server.run(&["export", "Lead", "-o", file]).await.expect(4);
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    server.run(&["export", "Lead", "-o", file, "--force"]).await.expect(0);
    assert_eq!(server.run(&["export", "Lead"]).await.expect(0).json(), bundle);

    let ended = server.run(&["import", file]).await.expect(1);
    let expected = format!("Lead  ◌ provisioning  {ID}\n  Member  ✖ failed: no room  {CHILD}\n");
    assert_eq!(ended.stdout, expected);
    assert_eq!(server.asked().last().unwrap().1, bundle);
    let ended = server.run_with(&["import", "-", "--json"], &bundle.to_string()).await.expect(1);
    assert_eq!(ended.json(), tree);
    let bad = server.run_with(&["import", "-"], "no json").await.expect(1);
    assert!(bad.stderr.contains("it is no JSON"), "{bad:?}");
}

#[tokio::test]
async fn waiting_ends_with_the_reason() {
    let asked = route("POST", "/resume");
    let view = format!("GET /workspaces/{ID}");
    let events = format!("GET /events/{ID}");
    let failure = json!([
        {"event_type": "OTHER", "payload": {}},
        {"event_type": "WORKSPACE_PROVISION_FAILED", "payload": {"error": "missing OPENAI_API_KEY"}},
    ]);
    let server = Fake::start(&[
        list(),
        (asked.as_str(), 200, json!({"status": "provisioning", "resumed_count": 1})),
        (view.as_str(), 200, json!({"id": ID, "status": "failed"})),
        (events.as_str(), 200, failure),
    ])
    .await;
    let ended = server.run(&["resume", "Lead", "--wait"]).await.expect(1);
    assert!(ended.stderr.contains("Lead is failed: missing OPENAI_API_KEY"), "{ended:?}");
    let document = server.run(&["resume", "Lead", "--wait", "--json"]).await.expect(1).json();
    assert_eq!(document["status"], "failed");
    assert_eq!(document["error"], "missing OPENAI_API_KEY");
    let late = Fake::start(&[
        (asked.as_str(), 200, json!({"status": "provisioning"})),
        (view.as_str(), 200, json!({"id": ID, "status": "provisioning"})),
    ])
    .await;
    let ended = late.run(&["resume", ID, "--wait", "--timeout", "1"]).await.expect(1);
    assert!(ended.stderr.contains("the time is over"), "{ended:?}");
}

#[tokio::test]
async fn agents_that_answer_with_errors_and_escapes() {
    let a2a = route("POST", "/a2a");
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "no\u{7}"}});
    let server = Fake::start(&[(a2a.as_str(), 200, error.clone())]).await;
    let ended = server.run(&["send", ID, "hello"]).await.expect(1);
    assert!(ended.stderr.contains("answered with an error: no\\u{7}"), "{ended:?}");
    assert_eq!(server.run(&["send", ID, "hello", "--json"]).await.expect(1).json(), error);
    let parts = json!([{"kind": "text", "text": "a\n\u{1b}]0;owned\u{7}b"}]);
    let answer = json!({"result": {"kind": "message", "parts": parts}});
    let server = Fake::start(&[(a2a.as_str(), 200, answer)]).await;
    let ended = server.run(&["send", ID, "hello"]).await.expect(0);
    assert_eq!(ended.stdout, "a\n\\u{1b}]0;owned\\u{7}b\n");
    let sent = &server.asked()[0].1;
    assert_eq!(sent["params"]["message"]["parts"], json!([{"kind": "text", "text": "hello"}]));
}

#[tokio::test]
async fn pages_and_usage() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = program(&[], &["completions", shell], "").await.expect(0);
        assert!(ended.stdout.contains("hibernate"), "{shell}");
    }
    let page = program(&[], &["man"], "").await.expect(0).stdout;
    assert!(page.contains(".TH isomer") && page.contains("isomer\\-doctor"), "{page}");
    let page = program(&[], &["man", "keys", "status"], "").await.expect(0).stdout;
    assert!(page.contains(".TH isomer-keys-status"), "{page}");
    program(&[], &["man", "nothing"], "").await.expect(3);
    let folder = tempfile::tempdir().unwrap();
    program(&[], &["man", "--all", folder.path().to_str().unwrap()], "").await.expect(0);
    assert!(folder.path().join("isomer-create.1").exists());
    program(&[], &["create"], "").await.expect(2);
    program(&[], &["create", "x", "--tier", "9"], "").await.expect(2);
}
