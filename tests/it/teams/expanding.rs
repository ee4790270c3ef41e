//! A workspace becomes a team, and one again.

use serde_json::{Value, json};

use super::{NOBODY, configs, furnished, named, text, write};
use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(
    a_team_is_created_once,
    two_at_the_same_time_are_one_team,
    teams_nest_and_collapse_whole,
    members_hand_over_before_they_go,
    a_bad_description_creates_nothing,
);

const LEAD: &str = "name: Lead\nruntime: isomer\nsub_workspaces:\n  \
    - {config: middle, name: Middle, role: Sits between}\n  - {name: Plain, role: Has no template}\n";
const MIDDLE: &str =
    "name: Middle\nruntime: isomer\nsub_workspaces: [{config: leaf, name: Leaf}]\n";
const LEAF: &str = "name: Leaf\nruntime: isomer\nsub_workspaces: [{name: Deepest}]\n";

struct Teams {
    server: Server,
    _place: tempfile::TempDir,
}

async fn teams(mode: Mode) -> Teams {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("templates");
    for (name, text) in [("lead", LEAD), ("middle", MIDDLE), ("leaf", LEAF)] {
        write(&root.join(name).join("config.yaml"), text);
    }
    write(&root.join("bad/config.yaml"), "name: Bad\nsub_workspaces: [{config: ../lead}]\n");
    write(&root.join("alone/config.yaml"), "name: Alone\n");
    let root = root.display().to_string();
    let server = Server::with(mode, &[NOBODY, ("CONFIGS_DIR", &root)]).await;
    Teams { server, _place: place }
}

async fn a_team_is_created_once(mode: Mode) {
    let Teams { server, _place } = teams(mode).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "Lead", "tier": 2, "template": "lead"})).await;
    let path = format!("/workspaces/{lead}/expand");
    let expanded = admin.post(&path, json!({})).await.expect(200);
    let children = expanded["children"].as_array().unwrap();
    let names: Vec<_> = children.iter().map(|child| child["name"].as_str().unwrap()).collect();
    assert_eq!((&expanded["status"], names), (&json!("expanded"), vec!["Middle", "Plain"]));
    for child in children {
        let id = text(&child["id"]);
        let view = admin.get(&format!("/workspaces/{id}")).await.expect(200);
        assert_eq!(view["parent_id"], lead.as_str());
        assert_eq!((&view["tier"], &view["runtime"]), (&json!(2), &json!("isomer")));
        assert!(configs(&server, &id).join("config.yaml").exists());
        assert_eq!(admin.kinds(&id).await, ["WORKSPACE_PROVISIONING"]);
    }
    let events = admin.get(&format!("/events/{lead}")).await.expect(200);
    let payload = &events[0]["payload"];
    assert_eq!(events[0]["event_type"], "WORKSPACE_EXPANDED");
    assert_eq!(&payload["children"], &expanded["children"]);
    assert_eq!(payload["sub_workspace_ids"], json!([children[0]["id"], children[1]["id"]]));

    let again = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(again, json!({"status": "expanded", "children": []}));
    assert_eq!(admin.get("/workspaces").await.expect(200).as_array().unwrap().len(), 3);
    // One that is missing comes back alone.
    admin.delete(&format!("/workspaces/{}", text(&children[1]["id"]))).await.expect(200);
    let third = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(third["children"][0]["name"], "Plain");
    assert_eq!(third["children"].as_array().unwrap().len(), 1);
}

async fn two_at_the_same_time_are_one_team(mode: Mode) {
    let Teams { server, _place } = teams(mode).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "Lead", "template": "lead"})).await;
    let path = format!("/workspaces/{lead}/expand");
    let all = futures_util::future::join_all((0..6).map(|_| admin.post(&path, json!({})))).await;
    let created: usize =
        all.iter().map(|reply| reply.expect(200)["children"].as_array().unwrap().len()).sum();
    assert_eq!(created, 2);
    assert_eq!(admin.get("/workspaces").await.expect(200).as_array().unwrap().len(), 3);
    assert_eq!(furnished(&server).len(), 3, "what lost left no files");
}

async fn teams_nest_and_collapse_whole(mode: Mode) {
    let Teams { server, _place } = teams(mode).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "Lead", "template": "lead"})).await;
    let mut at = lead.clone();
    for _ in 0..3 {
        let expanded = admin.post(&format!("/workspaces/{at}/expand"), json!({})).await.expect(200);
        at = text(&expanded["children"][0]["id"]);
    }
    assert_eq!(named(&admin, "Deepest").await.len(), 1);
    let path = format!("/workspaces/{lead}/collapse");
    let collapsed = admin.post(&path, json!({})).await.expect(200);
    let expected = json!({"status": "collapsed", "removed": ["Middle", "Plain"], "handovers": []});
    assert_eq!(collapsed, expected);
    let left = admin.get("/workspaces").await.expect(200);
    assert_eq!(left.as_array().unwrap().len(), 1, "to any depth: {left}");
    let events = admin.get(&format!("/events/{lead}")).await.expect(200);
    assert_eq!(events[0]["event_type"], "WORKSPACE_COLLAPSED");
    assert_eq!(events[0]["payload"]["removed_children"], json!(["Middle", "Plain"]));
    assert_eq!(admin.post(&path, json!({})).await.expect(200)["removed"], json!([]));
    admin.post("/workspaces/no-uuid/collapse", json!({})).await.expect(400);
}

async fn members_hand_over_before_they_go(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "Team Lead", "template": "team-lead"})).await;
    let expanded = admin.post(&format!("/workspaces/{lead}/expand"), json!({})).await.expect(200);
    let children = expanded["children"].as_array().unwrap().clone();
    assert_eq!(children.len(), 3);
    for child in &children {
        let id = text(&child["id"]);
        eventually("online member", SOON, || async {
            (admin.status(&id).await == "online").then_some(())
        })
        .await;
    }
    let collapsed =
        admin.post(&format!("/workspaces/{lead}/collapse"), json!({})).await.expect(200);
    let handovers = collapsed["handovers"].as_array().unwrap();
    assert_eq!(handovers.len(), 3, "{collapsed}");
    for handover in handovers {
        let file = configs(&server, &lead).join(handover["file"].as_str().unwrap());
        let kept = std::fs::read_to_string(file).unwrap();
        // The built-in agent says what it was told.
        assert!(kept.contains("Hand-over of") && kept.contains("is about to be removed"), "{kept}");
    }
    for child in &children {
        assert_eq!(admin.status(&text(&child["id"])).await, "removed");
    }
}

async fn a_bad_description_creates_nothing(mode: Mode) {
    let Teams { server, _place: place } = teams(mode).await;
    let admin = server.admin();
    let expand = async |name: &str| {
        let id = admin.create(json!({"name": name})).await;
        admin.post(&format!("/workspaces/{id}/expand"), json!({})).await
    };
    // Its own configuration counts for administrators, and not for an agent, which can write it.
    let id = admin.create(json!({"name": "Nobody's"})).await;
    let own = "name: x\nsub_workspaces: [{name: Member}]\n";
    std::fs::write(configs(&server, &id).join("config.yaml"), own).unwrap();
    let token = admin.post(&format!("/workspaces/{id}/tokens"), json!({})).await.expect(201);
    let agent = server.bearer(token["auth_token"].as_str().unwrap());
    let path = format!("/workspaces/{id}/expand");
    agent.post(&path, json!({})).await.expect(400);
    let expanded = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(expanded["children"][0]["name"], "Member");
    // What the agent makes of it is told, and read to no end.
    let file = configs(&server, &id).join("config.yaml");
    let told = async |why: &str| {
        let bad = admin.post(&path, json!({})).await.expect(400);
        assert_eq!(
            (&bad["error"], &bad["field"]),
            (&json!("failed to parse config"), &json!("config.yaml"))
        );
        assert!(bad["reason"].as_str().unwrap().contains(why), "{bad}");
    };
    std::fs::write(&file, format!("name: {}", "x".repeat(1 << 20))).unwrap();
    told("larger than is read").await;
    std::fs::write(&file, "name: [").unwrap();
    told("").await;
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    told("not a plain file").await;
    let refused = |reply: Value| reply["error"].as_str().unwrap().to_owned();
    assert_eq!(refused(expand("Nothing").await.expect(400)), "no config found for workspace");
    let empty = refused(expand("Alone").await.expect(400));
    assert_eq!(empty, "workspace has no sub_workspaces defined in config");
    let bad = expand("Bad").await.expect(400);
    assert_eq!(bad["field"], "sub_workspaces[0]", "{bad}");
    // Nine as large as templates may be are more than is held in memory.
    let root = place.path().join("templates");
    let members: Vec<_> = (0..9).map(|n| format!("{{config: big, name: M{n}}}")).collect();
    write(
        &root.join("many/config.yaml"),
        &format!("name: Many\nsub_workspaces: [{}]\n", members.join(", ")),
    );
    write(&root.join("big/config.yaml"), "name: Big\n");
    for file in 0..6 {
        let file = std::fs::File::create(root.join(format!("big/{file}.md"))).unwrap();
        file.set_len(5 << 20).unwrap();
    }
    let many = expand("Many").await.expect(400);
    assert_eq!(many["field"], "sub_workspaces[8]", "{many}");
    let unknown = uuid::Uuid::new_v4();
    admin.post(&format!("/workspaces/{unknown}/expand"), json!({})).await.expect(404);
    assert_eq!(admin.get("/workspaces").await.expect(200).as_array().unwrap().len(), 6);
}
