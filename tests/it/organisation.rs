//! The chart: who reports to whom, who may talk to whom, and how it changes.

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::{Client, Mode, Server};

in_both_modes!(
    the_chart_decides_who_may_talk,
    a_parent_cycle_is_refused_and_nothing_is_half_applied,
    deleting_asks_before_it_cascades,
    forwarding_leads_to_the_successor,
    at_most_one_agent_is_active,
    the_past_is_told_by_the_events,
    layouts_are_saved_together_or_not_at_all,
);

async fn allowed(client: &Client, a: &str, b: &str) -> bool {
    let body = json!({"caller_id": a, "target_id": b});
    client.post("/registry/check-access", body).await.expect(200)["allowed"] == true
}

async fn the_chart_decides_who_may_talk(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "lead"})).await;
    let one = admin.create(json!({"name": "one", "role": "Writes", "parent_id": lead})).await;
    let two = admin.create(json!({"name": "two", "parent_id": lead})).await;
    let below = admin.create(json!({"name": "below", "parent_id": one})).await;
    let other = admin.create(json!({"name": "other"})).await;
    for (a, b, expected) in [
        (&one, &two, true),
        (&lead, &below, true),
        (&below, &two, false),
        (&other, &lead, true),
        (&other, &one, false),
    ] {
        assert_eq!(allowed(&admin, a, b).await, expected, "{a} {b}");
        assert_eq!(allowed(&admin, b, a).await, expected, "{b} {a}");
    }
    assert!(!allowed(&admin, "nonsense", &one).await);

    let token = server.anonymous().register(&one).await;
    server.anonymous().register(&two).await;
    let agent = server.bearer(&token);
    let peers = agent.get(&format!("/registry/{one}/peers")).await.expect(200);
    let names: Vec<_> = peers.as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
    assert_eq!(names, ["two", "below", "lead"]);
    let found = agent.get(&format!("/registry/{one}/peers?q=BELOW")).await.expect(200);
    assert_eq!(found.as_array().unwrap().len(), 1);

    let me = [("x-workspace-id", one.as_str())];
    let reply = agent.get_with(&format!("/registry/discover/{two}"), &me).await.expect(200);
    assert_eq!(reply["url"], "http://localhost:8001");
    let foreign = agent.get_with(&format!("/registry/discover/{other}"), &me).await;
    let text = "not authorized to discover this workspace";
    assert_eq!(foreign.expect(403)["error"], text);
    let nobody = agent.get(&format!("/registry/discover/{two}")).await;
    assert_eq!(nobody.expect(400)["error"], "X-Workspace-ID header is required");
}

async fn a_parent_cycle_is_refused_and_nothing_is_half_applied(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let top = admin.create(json!({"name": "top"})).await;
    let middle = admin.create(json!({"name": "middle", "parent_id": top})).await;
    let bottom = admin.create(json!({"name": "bottom", "parent_id": middle})).await;
    for (id, parent) in [(&top, &bottom), (&top, &top), (&middle, &bottom)] {
        let body = json!({"parent_id": parent, "name": "renamed", "x": 5, "y": 5});
        let reply = admin.patch(&format!("/workspaces/{id}"), body).await.expect(400);
        assert_eq!(reply["field"], "parent_id", "{reply}");
    }
    let unknown = json!({"name": "x", "parent_id": "00000000-0000-4000-8000-000000000000"});
    assert_eq!(admin.post("/workspaces", unknown).await.expect(400)["field"], "parent_id");
    let view = admin.get(&format!("/workspaces/{top}")).await.expect(200);
    assert_eq!(
        (&view["name"], &view["parent_id"], &view["x"]),
        (&json!("top"), &Value::Null, &json!(0))
    );

    let body = json!({"parent_id": top, "role": "Moved", "x": 7.5, "y": -2, "collapsed": true});
    admin.patch(&format!("/workspaces/{bottom}"), body).await.expect(200);
    let view = admin.get(&format!("/workspaces/{bottom}")).await.expect(200);
    assert_eq!(view["parent_id"], json!(top));
    assert_eq!(
        (&view["x"], &view["y"], &view["collapsed"]),
        (&json!(7.5), &json!(-2), &json!(true))
    );
    let kinds = admin.kinds(&bottom).await;
    assert_eq!(kinds, ["WORKSPACE_PROVISIONING", "WORKSPACE_MOVED", "WORKSPACE_UPDATED"]);
    admin.patch(&format!("/workspaces/{bottom}"), json!({"parent_id": null})).await.expect(200);
    let wrong = admin.patch(&format!("/workspaces/{bottom}"), json!({"tier": "x"})).await;
    assert_eq!(wrong.expect(400)["field"], "tier");
    let newline = admin.patch(&format!("/workspaces/{bottom}"), json!({"name": "a\nb"})).await;
    assert_eq!(newline.expect(400)["error"], "name must not contain newline characters");
}

async fn deleting_asks_before_it_cascades(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let top = admin.create(json!({"name": "top"})).await;
    let child = admin.create(json!({"name": "child", "parent_id": top})).await;
    let grandchild = admin.create(json!({"name": "grandchild", "parent_id": child})).await;
    let token = server.anonymous().register(&grandchild).await;
    let reply = admin.delete(&format!("/workspaces/{top}")).await.expect(409);
    assert_eq!(reply["status"], "confirmation_required");
    assert_eq!(reply["children"], json!([{"id": child, "name": "child"}]));
    let reply = admin.delete(&format!("/workspaces/{top}?confirm=true")).await.expect(200);
    assert_eq!(reply, json!({"cascade_deleted": 2, "status": "removed"}));
    assert_eq!(admin.get("/workspaces").await.text, "[]");
    let gone = admin.get(&format!("/workspaces/{top}")).await.expect(410);
    assert_eq!(gone["last_event"]["payload"], json!({"cascade_deleted": 2}));
    // Its agent hears that it is gone, whatever its token is worth now.
    let agent = server.bearer(&token);
    assert_eq!(agent.beat(&grandchild, json!({})).await.expect(410)["status"], "removed");
    agent.get(&format!("/workspaces/{grandchild}/state")).await.expect(401);
    let register = json!({"id": grandchild, "url": "http://localhost:1", "agent_card": {}});
    agent.post("/registry/register", register).await.expect(410);
    assert_eq!(admin.kinds(&top).await.last().unwrap(), "WORKSPACE_REMOVED");
    // Deleting again, or what never was, is as good as done.
    admin.delete(&format!("/workspaces/{top}")).await.expect(200);
    admin.delete("/workspaces/00000000-0000-4000-8000-000000000000").await.expect(200);

    let purged = admin.delete(&format!("/workspaces/{top}?confirm=true&purge=true")).await;
    assert_eq!(purged.expect(200)["status"], "purged");
    admin.get(&format!("/workspaces/{top}")).await.expect(404);
    assert_eq!(admin.kinds(&top).await.len(), 3, "its events stay");
}

async fn forwarding_leads_to_the_successor(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let caller = admin.create(json!({"name": "caller"})).await;
    let old = admin.create(json!({"name": "old"})).await;
    let new = admin.create(json!({"name": "new"})).await;
    server.anonymous().register(&new).await;
    let token = server.anonymous().register(&caller).await;
    let forward = format!("/workspaces/{old}/forward");
    admin.post(&forward, json!({"to": old})).await.expect(409);
    admin.post(&forward, json!({"to": "x"})).await.expect(400);
    admin.post(&forward, json!({"to": new})).await.expect(200);
    let moved = admin.get(&format!("/workspaces/{old}")).await;
    assert_eq!(moved.header("location"), format!("/workspaces/{new}"));
    let body = moved.expect(301);
    assert_eq!(body["forwarded_to"], json!(new));
    assert_eq!(
        (&body["url"], &body["status"]),
        (&json!("http://localhost:8001"), &json!("removed"))
    );

    let agent = server.bearer(&token);
    let me = [("x-workspace-id", caller.as_str())];
    let found = agent.get_with(&format!("/registry/discover/{old}"), &me).await.expect(200);
    assert_eq!(found["id"], json!(new));
    let direct = format!("/registry/discover/{old}?follow=false");
    agent.get_with(&direct, &me).await.expect(301);
    // Neither back nor in a circle.
    admin.post(&format!("/workspaces/{new}/forward"), json!({"to": old})).await.expect(409);
}

async fn at_most_one_agent_is_active(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let from = admin.create(json!({"name": "from"})).await;
    let to = admin.create(json!({"name": "to"})).await;
    let path = format!("/workspaces/{from}/agent");
    admin.patch(&path, json!({"model": "m"})).await.expect(404);
    let (one, two) = tokio::join!(
        admin.post(&path, json!({"model": "one"})),
        admin.post(&path, json!({"model": "two"})),
    );
    let mut codes = [one.status.as_u16(), two.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [201, 409]);
    let replaced = admin.patch(&path, json!({"model": "three"})).await.expect(200);
    assert!(replaced["old_model"] == "one" || replaced["old_model"] == "two");
    let moved = json!({"target_workspace_id": to});
    let reply = admin.post(&format!("{path}/move"), moved.clone()).await.expect(200);
    assert_eq!(reply["model"], "three");
    admin.post(&format!("{path}/move"), moved).await.expect(409);
    let token = server.anonymous().register(&to).await;
    let greedy = json!({"target_workspace_id": from});
    let agent = server.bearer(&token);
    agent.post(&format!("/workspaces/{to}/agent/move"), greedy).await.expect(403);
    agent.delete(&format!("/workspaces/{to}/agent")).await.expect(200);
    assert_eq!(
        admin.kinds(&from).await,
        ["WORKSPACE_PROVISIONING", "AGENT_ASSIGNED", "AGENT_REPLACED", "AGENT_MOVED"]
    );
    let events = admin.get(&format!("/events/{to}?type=AGENT_MOVED")).await.expect(200);
    assert_eq!(events[0]["payload"]["source_workspace_id"], json!(from));
    assert_eq!(events[0]["agent_id"], replaced["agent_id"]);
}

async fn the_past_is_told_by_the_events(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "before", "role": "first"})).await;
    let events = admin.get(&format!("/events/{id}")).await.expect(200);
    let then = events[0]["created_at"].as_str().unwrap().to_owned();
    admin.patch(&format!("/workspaces/{id}"), json!({"name": "after"})).await.expect(200);
    let late = admin.create(json!({"name": "late"})).await;
    admin.delete(&format!("/workspaces/{id}")).await.expect(200);
    let past = admin.get(&format!("/workspaces?at={then}")).await.expect(200);
    assert_eq!(past.as_array().unwrap().len(), 1);
    assert_eq!((&past[0]["name"], &past[0]["role"]), (&json!("before"), &json!("first")));
    let now = admin.get("/workspaces?at=2999-01-01T00:00:00Z").await.expect(200);
    assert_eq!(now.as_array().unwrap().len(), 1);
    assert_eq!(now[0]["id"], json!(late));
    assert_eq!(admin.get("/workspaces?at=yesterday").await.expect(400)["field"], "at");
}

async fn layouts_are_saved_together_or_not_at_all(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let one = admin.create(json!({"name": "one"})).await;
    let two = admin.create(json!({"name": "two"})).await;
    let gone = admin.create(json!({"name": "gone"})).await;
    admin.delete(&format!("/workspaces/{gone}")).await.expect(200);
    let save = async |client: &Client, layouts: Value| {
        client.put("/canvas/layouts", json!({"layouts": layouts})).await
    };
    let both = json!([{"id": one, "x": 1, "y": 2.5}, {"id": two, "collapsed": true}]);
    save(&server.anonymous(), both.clone()).await.expect(401);
    assert_eq!(save(&admin, both).await.expect(200)["status"], "saved");
    let shown = async |id: &str| {
        let item = admin.get(&format!("/workspaces/{id}")).await.expect(200);
        (item["x"].clone(), item["y"].clone(), item["collapsed"].clone())
    };
    assert_eq!(shown(&one).await, (json!(1), json!(2.5), json!(false)));
    assert_eq!(shown(&two).await, (json!(0), json!(0), json!(true)));
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (second, field) in [
        (json!({"id": nobody, "x": 9, "y": 9}), "layouts[1].id"),
        (json!({"id": gone, "x": 9, "y": 9}), "layouts[1].id"),
        (json!({"id": one, "x": 8, "y": 8}), "layouts[1].id"),
        (json!({"id": two, "x": 9}), "layouts[1].y"),
        (json!({"id": "x"}), "layouts[1].id"),
    ] {
        let reply = save(&admin, json!([{"id": one, "x": 9, "y": 9}, second])).await;
        assert_eq!(reply.expect(400)["field"], field);
    }
    assert_eq!(shown(&one).await, (json!(1), json!(2.5), json!(false)));
    // Nothing structural changes here; the position is kept all the same.
    let patch = json!({"name": "one", "x": 5, "y": 6});
    admin.patch(&format!("/workspaces/{one}"), patch).await.expect(200);
    assert_eq!(shown(&one).await, (json!(5), json!(6), json!(false)));
}
