//! What new workspaces begin with.

use serde_json::json;

use super::{NOBODY, configs, furnished, write};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(
    a_new_server_has_templates_and_workspaces_begin_with_them,
    an_import_is_whole_or_nothing,
    templates_lead_nowhere,
);

async fn a_new_server_has_templates_and_workspaces_begin_with_them(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let listed = admin.get("/templates").await.expect(200);
    let ids: Vec<_> =
        listed.as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["isomer-default", "researcher", "reviewer", "team-lead", "writer"]);
    assert_eq!(listed[3]["skills"], json!(["delegation"]));
    assert!(listed[0]["skills"].is_null() && listed[0]["skill_count"] == 0);

    let id = admin.create(json!({"name": "Lead", "template": "team-lead"})).await;
    let view = admin.get(&format!("/workspaces/{id}")).await.expect(200);
    assert_eq!(view["runtime"], "isomer", "the template's");
    let folder = configs(&server, &id);
    assert!(folder.join("skills/delegation/SKILL.md").exists());
    let plain = admin.create(json!({"name": "Plain", "runtime": "crewai", "model": "m-1"})).await;
    let config = std::fs::read_to_string(configs(&server, &plain).join("config.yaml")).unwrap();
    assert!(config.contains("name: Plain") && config.contains("m-1"), "{config}");
    // What is refused leaves nothing.
    let body = json!({"name": "x", "parent_id": "6f2f2c2e-0000-4000-8000-000000000000"});
    admin.post("/workspaces", body).await.expect(400);
    assert_eq!(furnished(&server).len(), 2);
    server.anonymous().get("/templates").await.expect(401);
}

async fn an_import_is_whole_or_nothing(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let files = json!({"a.md": "# A", "skills/s/SKILL.md": "Does it."});
    let bad = [
        json!({"../x": ""}),
        json!({"/etc/x": ""}),
        json!({"a/../../b": ""}),
        json!({"a\\b": ""}),
        json!({"a": "", "a/b": ""}),
        json!({"ok.md": "", "b//c": ""}),
    ];
    for files in bad {
        let body = json!({"name": "Mine", "files": files});
        let refused = admin.post("/templates/import", body).await.expect(400);
        assert_eq!(refused["field"], "files", "{refused}");
    }
    let many: serde_json::Map<_, _> = (0..201).map(|n| (format!("{n}.md"), json!(""))).collect();
    let refused = admin.post("/templates/import", json!({"name": "M", "files": many})).await;
    assert_eq!(refused.expect(400)["error"], "too many files (201), max 200");
    let root = server.folder.path().join("data/templates");
    assert!(!root.exists() || std::fs::read_dir(&root).unwrap().next().is_none());

    let body = json!({"name": "My Team", "files": files});
    let imported = admin.post("/templates/import", body.clone()).await.expect(201);
    assert_eq!(imported, json!({"status": "imported", "id": "my-team", "name": "My Team"}));
    let again = admin.post("/templates/import", body).await.expect(409);
    assert_eq!(
        (&again["error"], &again["id"]),
        (&json!("template already exists"), &json!("my-team"))
    );
    let config = std::fs::read_to_string(root.join("my-team/config.yaml")).unwrap();
    assert!(config.contains("Imported agent") && config.contains("a.md"), "{config}");
}

async fn templates_lead_nowhere(mode: Mode) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("templates");
    write(&place.path().join("secret/config.yaml"), "name: secret\nruntime: stolen\n");
    write(&root.join("good/config.yaml"), "name: good\nruntime: isomer\n");
    write(&root.join("bomb/config.yaml"), "a: &a [x]\nb: [*a, *a\n");
    std::os::unix::fs::symlink("../secret", root.join("link")).unwrap();
    let configs = root.display().to_string();
    let server = Server::with(mode, &[NOBODY, ("CONFIGS_DIR", &configs)]).await;
    let admin = server.admin();
    let listed = admin.get("/templates").await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    for template in ["../secret", "/etc", "a/../../secret"] {
        admin.post("/workspaces", json!({"name": "x", "template": template})).await.expect(400);
    }
    let id = admin.create(json!({"name": "x", "template": "link"})).await;
    let view = admin.get(&format!("/workspaces/{id}")).await.expect(200);
    assert_eq!(view["runtime"], "langgraph", "a link is no template");
}
