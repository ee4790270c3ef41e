//! Whole organisations from YAML.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use super::{NOBODY, configs, furnished, named, text, write};
use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(
    the_starter_company_comes_online,
    everything_of_a_description_is_done_or_named,
    missing_secrets_stop_it,
    bad_organisations_create_nothing,
    a_repeated_import_creates_nothing_twice,
    a_hundred_workspaces,
);

/// A description with a lead and so many below it.
pub fn company(members: usize) -> Value {
    let members: Vec<Value> =
        (1..members).map(|n| json!({"name": format!("m{n}"), "role": "Works"})).collect();
    json!({
        "name": "Company", "defaults": {"runtime": "isomer"},
        "workspaces": [{"name": "lead", "children": members}],
    })
}

async fn the_starter_company_comes_online(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let listed = admin.get("/org/templates").await.expect(200);
    let starter = &listed[0];
    assert_eq!((&starter["dir"], &starter["workspaces"]), (&json!("starter-company"), &json!(7)));
    assert_eq!((&starter["required_env"], &starter["recommended_env"]), (&json!([]), &json!([])));
    let told = admin.post("/org/import", json!({"dir": "starter-company"})).await.expect(201);
    assert_eq!((&told["count"], &told["skipped"]), (&json!(7), &json!([])));
    assert_eq!(told["workspaces"][0]["name"], "Company Lead");
    for member in told["workspaces"].as_array().unwrap() {
        let id = text(&member["id"]);
        eventually("online member", SOON, || async {
            (admin.status(&id).await == "online").then_some(())
        })
        .await;
    }
    let author = &named(&admin, "Author").await[0];
    let studio = &named(&admin, "Studio").await[0];
    assert_eq!(author["parent_id"], studio["id"]);
    let events = admin.get(&format!("/events/{}", text(&author["id"]))).await.expect(200);
    let first = events.as_array().unwrap().last().unwrap();
    // Where it stands in its parent, in the event and in the row.
    assert_eq!((&first["payload"]["x"], &first["payload"]["y"]), (&json!(16.0), &json!(130.0)));
    assert_eq!((author["x"].as_f64(), author["y"].as_f64()), (Some(16.0), Some(130.0)));
}

async fn everything_of_a_description_is_done_or_named(mode: Mode) {
    let place = tempfile::tempdir().unwrap();
    let org = place.path().join("org-templates/acme");
    write(
        &org.join("org.yaml"),
        "
name: Acme
defaults: {runtime: crewai, initial_prompt: 'Say hello', category_routing: {a: [x]}}
global_memories: [{content: c, scope: GLOBAL}]
workspaces:
  - name: Boss
    files_dir: boss
    idle_prompt_file: idle.md
    workspace_dir: ${WORK_DIR}/boss
    workspace_access: read_only
    schedules: [{name: s, cron_expr: '* * * * *', prompt: p}]
    children:
      - !include more/child.yaml
",
    );
    write(
        &org.join("more/child.yaml"),
        "{name: Child, tier: 3, plugins: [p], system_prompt: Be brief.}",
    );
    write(&org.join(".env"), "ROOT_KEY=root-value-123\nPATH=/evil\n# no\n");
    write(&org.join("boss/.env"), "WORK_DIR=/srv/acme\nOWN_KEY='own value 456'\n");
    write(&org.join("boss/idle.md"), "Look around.\nTwice.");
    write(&org.join("boss/skills/x/SKILL.md"), "X");
    let root = place.path().join("templates").display().to_string();
    let server = Server::with(mode, &[NOBODY, ("CONFIGS_DIR", &root)]).await;
    let admin = server.admin();
    let told = admin.post("/org/import", json!({"dir": "acme"})).await.expect(201);
    let keys: Vec<_> =
        told["skipped"].as_array().unwrap().iter().map(|s| s["key"].as_str().unwrap()).collect();
    for key in ["global_memories", "schedules", "plugins", ".env: PATH"] {
        assert!(keys.contains(&key), "{key}: {told}");
    }
    let boss = &named(&admin, "Boss").await[0];
    assert_eq!(boss["workspace_dir"], "/srv/acme/boss");
    assert_eq!((&boss["runtime"], &boss["tier"]), (&json!("crewai"), &json!(2)));
    let id = text(&boss["id"]);
    let folder = configs(&server, &id);
    let config = std::fs::read_to_string(folder.join("config.yaml")).unwrap();
    for part in [
        "initial_prompt: Say hello",
        "idle_interval_seconds: 600",
        "idle_prompt:",
        "category_routing:",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
    assert!(folder.join("skills/x/SKILL.md").exists() && !folder.join(".env").exists());
    let secrets = admin.get(&format!("/workspaces/{id}/secrets")).await.expect(200).to_string();
    assert!(secrets.contains("ROOT_KEY") && secrets.contains("OWN_KEY"), "{secrets}");
    assert!(!secrets.contains("PATH\""), "{secrets}");
    let child = &named(&admin, "Child").await[0];
    let prompt = configs(&server, &text(&child["id"])).join("system-prompt.md");
    assert_eq!(std::fs::read_to_string(prompt).unwrap(), "Be brief.");
    assert!(!server.log().contains("root-value-123"));
}

async fn missing_secrets_stop_it(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let mut template = company(2);
    template["required_env"] = json!(["B_KEY", {"any_of": ["A_KEY", "C_KEY"]}]);
    let body = json!({"template": template});
    let refused = admin.post("/org/import", body.clone()).await.expect(412);
    assert_eq!(refused["error"], "missing required environment variables");
    assert_eq!(refused["missing_env"], json!(["B_KEY", {"any_of": ["A_KEY", "C_KEY"]}]));
    assert_eq!(admin.get("/workspaces").await.expect(200), json!([]));
    for key in ["B_KEY", "C_KEY"] {
        let body = json!({"key": key, "value": "some-value"});
        admin.put("/settings/secrets", body).await.expect(200);
    }
    admin.post("/org/import", body).await.expect(201);
    template["required_env"] = json!(["NOT_THERE"]);
    admin.post("/org/import", json!({"template": template, "force": true})).await.expect(201);
}

async fn bad_organisations_create_nothing(mode: Mode) {
    let place = tempfile::tempdir().unwrap();
    let orgs = place.path().join("org-templates");
    write(&place.path().join("secret.yaml"), "name: s");
    write(&orgs.join("out/org.yaml"), "name: x\nworkspaces: [!include ../../secret.yaml]");
    write(&orgs.join("circle/org.yaml"), "name: x\nworkspaces: !include org.yaml");
    write(&orgs.join("shape/org.yaml"), "name: x\nworkspaces: 7");
    write(&orgs.join("other/org.yml"), "name: listed\nworkspaces: []");
    std::os::unix::fs::symlink("../..", orgs.join("link")).unwrap();
    // One is as large as a template may be, and nine are more than is held in memory.
    let big = place.path().join("templates/big");
    write(&big.join("config.yaml"), "name: big\n");
    for file in 0..6 {
        let file = std::fs::File::create(big.join(format!("{file}.md"))).unwrap();
        file.set_len(5 << 20).unwrap();
    }
    let nine: Vec<Value> =
        (0..9).map(|n| json!({"name": n.to_string(), "template": "big"})).collect();
    let root = place.path().join("templates").display().to_string();
    let server = Server::with(mode, &[NOBODY, ("CONFIGS_DIR", &root)]).await;
    let admin = server.admin();
    let listed = admin.get("/org/templates").await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    for (body, status, error) in [
        (json!({"dir": "../x"}), 400, "invalid org directory"),
        (json!({"dir": "/etc"}), 400, "invalid org directory"),
        (json!({"dir": "none"}), 404, "org template not found: none"),
        (json!({"dir": "other"}), 404, "org template not found: other"),
        (json!({"dir": "link"}), 404, "org template not found: link"),
        (json!({"dir": "out"}), 400, "org template expansion failed"),
        (json!({"dir": "circle"}), 400, "org template expansion failed"),
        (json!({"dir": "shape"}), 400, "invalid org template"),
        (json!({"template": {"name": "x", "workspaces": nine}}), 400, "invalid org template"),
        (json!({}), 400, "provide 'dir' or 'template'"),
        (json!({"template": 7}), 400, "invalid request body"),
        (json!({"template": {"workspaces": []}}), 400, "invalid org template"),
        (
            json!({"template": {"name": "x", "workspaces": [{"name": "a"}, {"name": "b\nc"}]}}),
            400,
            "invalid org template",
        ),
        (
            json!({"template": {"name": "x", "workspaces": [{"name": "a", "template": "../x"}]}}),
            400,
            "invalid org template",
        ),
        (
            json!({"template": {"name": "x", "workspaces": [{"name": "a", "external": true, "url": "http://169.254.169.254/"}]}}),
            400,
            "invalid org template",
        ),
        (
            json!({"template": {"name": "x", "workspaces": [{"name": "a", "workspace_dir": "$HOME/x"}]}}),
            400,
            "invalid org template",
        ),
    ] {
        let refused = admin.post("/org/import", body.clone()).await.expect(status);
        assert_eq!(refused["error"], error, "{body}: {refused}");
    }
    assert_eq!(admin.get("/workspaces").await.expect(200), json!([]));
    assert!(furnished(&server).is_empty());
}

async fn a_repeated_import_creates_nothing_twice(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let body = json!({"template": company(5)}).to_string().into_bytes();
    let import = async |key: &str| {
        let headers = [("idempotency-key", key)];
        let sent = admin.try_send(Method::POST, "/org/import", Some(body.clone()), &headers).await;
        sent.unwrap().expect(201)
    };
    let first = import("k-1").await;
    // What its agent wrote meanwhile stays.
    let own = configs(&server, &text(&first["workspaces"][0]["id"])).join("notes.md");
    std::fs::write(&own, "mine").unwrap();
    assert_eq!(import("k-1").await["workspaces"], first["workspaces"]);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "mine");
    assert_eq!(admin.get("/workspaces").await.expect(200).as_array().unwrap().len(), 5);
    let other = import("k-2").await;
    assert_ne!(other["workspaces"], first["workspaces"]);
    assert_eq!(admin.get("/workspaces").await.expect(200).as_array().unwrap().len(), 10);
}

async fn a_hundred_workspaces(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let mut times = Vec::new();
    for round in 1..=5 {
        let began = Instant::now();
        let told = admin.post("/org/import", json!({"template": company(100)})).await.expect(201);
        times.push(began.elapsed());
        assert_eq!(told["count"], 100);
        let all = admin.get("/workspaces").await.expect(200);
        assert_eq!(all.as_array().unwrap().len(), 100 * round);
    }
    times.sort_unstable();
    println!("import of 100 workspaces ({mode:?}): median {:?}, worst {:?}", times[2], times[4]);
    let refused = Server::with(mode, &[("ISOMER_HOSTED_AGENTS", "3")]).await;
    let body = json!({"template": company(4)});
    let full = refused.admin().post("/org/import", body).await.expect(409);
    assert_eq!(full["error"], "no room for another agent");
    assert_eq!(refused.admin().get("/workspaces").await.expect(200), json!([]));
}
