//! A tree goes out as one document and comes in again.

use serde_json::{Value, json};

use super::{NOBODY, configs, furnished, named, text, write};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(
    a_three_level_team_survives_the_round_trip,
    no_secret_is_ever_inside,
    bad_bundles_leave_nothing,
    a_copy_stands_beside,
);

async fn three_levels(server: &Server) -> String {
    let admin = server.admin();
    let mut parent: Option<String> = None;
    let mut root = String::new();
    for (level, name) in ["Top", "Middle", "Bottom"].into_iter().enumerate() {
        let body = json!({
            "name": name, "role": format!("Level {level}"), "tier": level + 1,
            "runtime": "isomer", "parent_id": parent,
        });
        let id = admin.create(body).await;
        let folder = configs(server, &id);
        write(&folder.join("system-prompt.md"), &format!("You are {name}.\n"));
        write(&folder.join("notes.md"), "# Notes\n");
        write(&folder.join("skills/s/SKILL.md"), "---\nname: s\n---\n# S\n\nDoes it.\n");
        write(&folder.join("skills/s/deep/data.txt"), "é🦀\n");
        write(&folder.join(".auth_token"), "never-exported");
        write(&folder.join(".env"), "KEY=never-exported");
        if level == 0 {
            root = id.clone();
            admin.create(json!({"name": "Second", "runtime": "isomer", "parent_id": id})).await;
        }
        parent = Some(id);
    }
    root
}

/// Leaves out what is new in every copy.
fn without_ids(mut bundle: Value) -> Value {
    bundle["id"] = json!("");
    let below = bundle["sub_workspaces"].take();
    let below = below.as_array().unwrap().iter().cloned().map(without_ids);
    let mut below: Vec<Value> = below.collect();
    below.sort_by_key(|bundle| bundle["name"].as_str().unwrap().to_owned());
    bundle["sub_workspaces"] = json!(below);
    bundle
}

async fn a_three_level_team_survives_the_round_trip(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let root = three_levels(&server).await;
    let out = admin.get(&format!("/bundles/export/{root}")).await.expect(200);
    assert!(out.get("agent_card").is_some() && !out.to_string().contains("never-exported"));
    assert_eq!(out["skills"][0]["description"], "Does it.");
    let told = admin.post("/bundles/import", out.clone()).await.expect(201);
    assert_eq!((&told["status"], &told["name"]), (&json!("provisioning"), &json!("Top")));
    assert_eq!(told["children"].as_array().unwrap().len(), 2);
    let copy = text(&told["workspace_id"]);
    assert_ne!(copy, root);
    let back = admin.get(&format!("/bundles/export/{copy}")).await.expect(200);
    assert_eq!(without_ids(back), without_ids(out.clone()));
    let view = admin.get(&format!("/workspaces/{copy}")).await.expect(200);
    assert_eq!((&view["tier"], &view["runtime"]), (&json!(1), &json!("isomer")));
    let events = admin.get(&format!("/events/{copy}")).await.expect(200);
    assert_eq!(events[0]["payload"]["source_bundle_id"], root.as_str());
    assert_eq!(events[0]["payload"]["name"], "Top");
    assert_eq!(furnished(&server).len(), 8);
    // It is the same on another server, too.
    let other = Server::with(mode, &[NOBODY]).await;
    let told = other.admin().post("/bundles/import", out.clone()).await.expect(201);
    let path = format!("/bundles/export/{}", text(&told["workspace_id"]));
    let back = other.admin().get(&path).await.expect(200);
    assert_eq!(without_ids(back), without_ids(out));
}

async fn no_secret_is_ever_inside(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let root = three_levels(&server).await;
    let bottom = text(&named(&admin, "Bottom").await[0]["id"]);
    let canaries =
        ["canary-global-8c1f", "canary-own-77aa", "canary-deep-31bd", "canary-'quoted'-x"];
    for (path, key, value) in [
        ("/settings/secrets".to_owned(), "GLOBAL_KEY", canaries[0]),
        (format!("/workspaces/{root}/secrets"), "OWN_KEY", canaries[1]),
        (format!("/workspaces/{bottom}/secrets"), "DEEP_KEY", canaries[2]),
        (format!("/workspaces/{root}/secrets"), "QUOTED_KEY", canaries[3]),
        // A value that a workspace overrides must not be seen either.
        (format!("/workspaces/{root}/secrets"), "GLOBAL_KEY", "overriding-value-1"),
    ] {
        admin.put(&path, json!({"key": key, "value": value})).await.expect(200);
    }
    let folder = configs(&server, &root);
    let config = format!(
        "name: Top\nruntime: isomer\na: {}\nb: x{}y\nc: 'canary-''quoted''-x'\nd: {}\n",
        canaries[0], canaries[1], canaries[2],
    );
    write(&folder.join("config.yaml"), &config);
    write(&folder.join("skills/s/SKILL.md"), &format!("Uses {}.", canaries[2]));
    write(&folder.join(format!("{}.md", canaries[1])), "x");
    let reply = admin.get(&format!("/bundles/export/{root}")).await;
    let bundle = reply.expect(200);
    for canary in
        canaries.iter().chain(&["overriding-value-1", "canary-''quoted", "never-exported"])
    {
        assert!(!reply.text.contains(canary), "{canary} is in {}", reply.text);
    }
    let written = bundle["prompts"]["config.yaml"].as_str().unwrap();
    assert!(
        written.contains("a: [REDACTED:GLOBAL_KEY]") && written.contains("x[REDACTED:OWN_KEY]y"),
        "{written}"
    );
    let names = json!(["DEEP_KEY", "GLOBAL_KEY", "OWN_KEY", "QUOTED_KEY"]);
    assert_eq!(bundle["redacted"], names);
    server.anonymous().get(&format!("/bundles/export/{root}")).await.expect(401);
    let unknown = uuid::Uuid::new_v4();
    let missing = admin.get(&format!("/bundles/export/{unknown}")).await.expect(404);
    assert_eq!(missing["error"], "bundle not found");
}

async fn bad_bundles_leave_nothing(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let skill = |path: &str| json!({"name": "x", "skills": [{"id": "s", "files": {path: "x"}}]});
    let below = |bundle: Value| json!({"name": "top", "sub_workspaces": [{"name": "a"}, bundle]});
    let mut deep = json!({"name": "x"});
    for _ in 0..32 {
        deep = json!({"name": "x", "sub_workspaces": [deep]});
    }
    let many: Vec<Value> = (0..1_000).map(|n| json!({"name": n.to_string()})).collect();
    for bad in [
        skill("../../../../escaped"),
        skill("/tmp/escaped"),
        skill("a\\..\\b"),
        skill(".auth_token"),
        skill("a/./b"),
        skill("a\u{202e}b"),
        below(skill("../x")),
        deep,
        json!({"name": "x", "prompts": {"../config.yaml": ""}}),
        json!({"name": "x", "skills": [{"id": "../s", "files": {}}]}),
        json!({"name": "x", "sub_workspaces": many}),
        json!({"name": "a\nb"}),
        json!({"tier": "x"}),
        json!([]),
    ] {
        let refused = admin.post("/bundles/import", bad.clone()).await.expect(400);
        assert_eq!(refused["error"], "invalid bundle", "{bad}");
        assert!(refused["field"].is_string(), "{refused}");
    }
    let twice = br#"{"name":"x","prompts":{"a.md":"1","a.md":"2"}}"#.to_vec();
    let refused = admin.raw(reqwest::Method::POST, "/bundles/import", twice).await.expect(400);
    assert_eq!(refused["field"], "prompts");
    let huge = json!({"name": "x", "system_prompt": "x".repeat(33 << 20)});
    admin.post("/bundles/import", huge).await.expect(413);
    assert_eq!(admin.get("/workspaces").await.expect(200), json!([]));
    assert!(furnished(&server).is_empty());
    // A large one that is not too large comes in.
    let large = json!({"name": "large", "system_prompt": "x".repeat(6 << 20)});
    admin.post("/bundles/import", large).await.expect(201);
    // A document of the contract, with keys that are not read.
    let sample = json!({
        "schema": "1.0", "id": "ws-sample", "name": "Sample", "tools": [{"id": "t", "config": {}}],
        "model": "m", "prompts": {"config.yaml": "name: Sample\nruntime: claude-code\n"},
        "agent_card": {"name": "x"}, "author": "somebody", "more": 1,
    });
    let told = admin.post("/bundles/import", sample).await.expect(201);
    let view = admin.get(&format!("/workspaces/{}", text(&told["workspace_id"]))).await.expect(200);
    assert_eq!(view["runtime"], "claude-code");
}

async fn a_copy_stands_beside(mode: Mode) {
    let server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let root = three_levels(&server).await;
    let middle = text(&named(&admin, "Middle").await[0]["id"]);
    let path = format!("/workspaces/{middle}/duplicate");
    let told = admin.post(&path, json!({})).await.expect(201);
    assert_eq!(told["name"], "Middle (copy)");
    assert_eq!(told["children"][0]["name"], "Bottom");
    let copy = text(&told["workspace_id"]);
    let view = admin.get(&format!("/workspaces/{copy}")).await.expect(200);
    assert_eq!(view["parent_id"], root.as_str());
    let unknown = uuid::Uuid::new_v4();
    admin.post(&format!("/workspaces/{unknown}/duplicate"), json!({})).await.expect(404);
}
