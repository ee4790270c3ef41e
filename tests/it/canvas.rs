//! What the page asks of the server beside the contract: hash, features, timeline, the past.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::in_both_modes;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(
    the_digest_is_what_a_client_computes,
    the_page_learns_what_is_there,
    events_are_counted_by_time,
    assignments_are_listed,
    the_past_is_the_same_in_any_order,
);

/// Hashes the list as a browser does.
fn hashed(list: &Value) -> String {
    let mut lines: Vec<(String, String)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|w| {
            let keys = ["id", "name", "role", "status", "tier", "runtime", "parent_id"];
            let fields: Vec<_> = keys.iter().map(|key| &w[*key]).collect();
            (w["id"].as_str().unwrap().to_owned(), serde_json::to_string(&fields).unwrap())
        })
        .collect();
    lines.sort();
    let mut hash = Sha256::new();
    for (_, line) in lines {
        hash.update(line);
        hash.update("\n");
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Checks the digest against the list and returns it.
async fn agreed(admin: &Client, after: &str) -> Value {
    let digest = admin.get("/canvas/digest").await.expect(200);
    let list = admin.get("/workspaces").await;
    assert_eq!(digest["seq"].to_string(), list.header("x-isomer-seq"), "{after}");
    let list = list.expect(200);
    assert_eq!(digest["count"], list.as_array().unwrap().len(), "{after}");
    assert_eq!(digest["hash"], hashed(&list), "{after}");
    digest
}

async fn the_digest_is_what_a_client_computes(mode: Mode) {
    let server = Server::with(mode, &[("LIVENESS_TTL", "4")]).await;
    let admin = server.admin();
    server.anonymous().get("/canvas/digest").await.expect(401);
    let mut seen = vec![agreed(&admin, "the start").await["hash"].clone()];
    let mut changed = async |after: &str| {
        let digest = agreed(&admin, after).await;
        assert!(!seen.contains(&digest["hash"]), "the hash did not change by {after}");
        assert_eq!(admin.get("/canvas/digest").await.expect(200), digest, "kept for a sequence");
        seen.push(digest["hash"].clone());
    };

    let boss = admin.create(json!({"name": "bo\"ss\u{2028} \u{1f980}\\é\t/"})).await;
    changed("create").await;
    let one = admin.create(json!({"name": "one", "role": "Works", "tier": 2})).await;
    changed("another create").await;
    admin
        .patch(&format!("/workspaces/{one}"), json!({"name": "uno", "role": ""}))
        .await
        .expect(200);
    changed("rename").await;
    admin.patch(&format!("/workspaces/{one}"), json!({"parent_id": boss})).await.expect(200);
    changed("move").await;
    let token = server.anonymous().register(&one).await;
    changed("register").await;
    let beat = json!({"error_rate": 0.9, "sample_error": "boom"});
    server.bearer(&token).beat(&one, beat).await.expect(200);
    changed("degrade").await;
    eventually("death", SOON, || async { (admin.status(&one).await == "offline").then_some(()) })
        .await;
    changed("death").await;
    admin.delete(&format!("/workspaces/{one}")).await.expect(200);
    assert_eq!(agreed(&admin, "delete").await["hash"], seen[1], "only the first one is left");
    admin.delete(&format!("/workspaces/{boss}?purge=true")).await.expect(200);
    let last = agreed(&admin, "purge").await;
    assert_eq!(last["hash"], seen[0], "as empty as at the start");
}

async fn the_page_learns_what_is_there(mode: Mode) {
    let hosted = if mode == Mode::Embedded { "3" } else { "0" };
    let settings = [("LIVENESS_TTL", "45"), ("ISOMER_HOSTED_AGENTS", hosted)];
    let server = Server::with(mode, &settings).await;
    server.anonymous().get("/canvas/info").await.expect(401);
    let info = server.admin().get("/canvas/info").await.expect(200);
    let production = mode == Mode::Production;
    assert_eq!(info["store"], if production { "postgres" } else { "sqlite" });
    assert_eq!((&info["redis"], &info["liveness_ttl_ms"]), (&json!(production), &json!(45_000)));
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["caller"], "admin-token");
    assert_eq!(info["features"]["hosted_agents"], hosted != "0");
    for feature in ["a2a", "approvals", "activity"] {
        assert!(info["features"][feature].is_boolean(), "{feature}: {info}");
    }
    let path = server.link.strip_prefix(&server.address).unwrap();
    let login = server.anonymous().get(path).await;
    let cookie = login.header("set-cookie").split(';').next().unwrap();
    let info = server.anonymous().get_with("/canvas/info", &[("cookie", cookie)]).await;
    assert_eq!(info.expect(200)["caller"], "session");
}

async fn events_are_counted_by_time(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    server.anonymous().get("/events/histogram").await.expect(401);
    let none = admin.get("/events/histogram").await.expect(200);
    assert_eq!((&none["counts"], &none["first_at"]), (&json!([0]), &Value::Null));
    for n in 0..5 {
        admin.create(json!({"name": format!("w{n}")})).await;
    }
    let events = admin.get("/events").await.expect(200);
    let time = |n: usize| events[n]["created_at"].as_str().unwrap().to_owned();
    let (last, first) = (time(0), time(4));
    let all = admin.get("/events/histogram?buckets=500").await.expect(200);
    assert_eq!((&all["since"], &all["first_at"]), (&json!(first), &json!(first)));
    let counts = |found: &Value| -> Vec<u64> {
        found["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
    };
    assert_eq!(counts(&all).iter().sum::<u64>(), 5, "{all}");
    assert!(counts(&all).len() <= 500 && all["bucket_ms"].as_i64().unwrap() >= 1);

    let path = format!("/events/histogram?since={first}&until={last}&buckets=1");
    assert_eq!(counts(&admin.get(&path).await.expect(200)), [5], "both ends count");
    let path = format!("/events/histogram?since={last}&until={last}");
    assert_eq!(counts(&admin.get(&path).await.expect(200)), [1]);
    let path = "/events/histogram?since=2001-01-01T00:00:00Z&until=2001-01-02T00:00:00Z&buckets=4";
    let past = admin.get(path).await.expect(200);
    assert_eq!((counts(&past), &past["bucket_ms"]), (vec![0; 4], &json!(21_600_000)));
    assert_eq!(past["first_at"], json!(first));

    for (query, field) in [
        ("buckets=0", "buckets"),
        ("buckets=501", "buckets"),
        ("buckets=x", "buckets"),
        ("since=yesterday", "since"),
        ("until=7", "until"),
        ("since=2002-01-01T00:00:00Z&until=2001-01-01T00:00:00Z", "since"),
    ] {
        let refused = admin.get(&format!("/events/histogram?{query}")).await.expect(400);
        assert_eq!(refused["field"], field, "{query}");
    }
}

async fn assignments_are_listed(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let one = admin.create(json!({"name": "one"})).await;
    let path = format!("/workspaces/{one}/agents");
    assert_eq!(admin.get(&path).await.text, r#"{"agents":[]}"#);
    let agent = format!("/workspaces/{one}/agent");
    admin.post(&agent, json!({"model": "m1"})).await.expect(201);
    admin.patch(&agent, json!({"model": "m2"})).await.expect(200);
    let token = server.anonymous().register(&one).await;
    let found = server.bearer(&token).get(&path).await.expect(200);
    let found = found["agents"].as_array().unwrap();
    let told: Vec<_> = found.iter().map(|a| (&a["model"], &a["status"])).collect();
    assert_eq!(told, [(&json!("m2"), &json!("active")), (&json!("m1"), &json!("replaced"))]);
    assert!(found[0]["removed_at"].is_null() && found[1]["removed_at"].is_string());

    server.anonymous().get(&path).await.expect(401);
    let two = admin.create(json!({"name": "two"})).await;
    server.bearer(&token).get(&format!("/workspaces/{two}/agents")).await.expect(401);
    let unknown = "/workspaces/00000000-0000-4000-8000-000000000000/agents";
    admin.get(unknown).await.expect(404);
    assert_eq!(admin.get("/workspaces/x/agents").await.expect(400)["field"], "id");
}

async fn the_past_is_the_same_in_any_order(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let boss = admin.create(json!({"name": "boss"})).await;
    let one = admin.create(json!({"name": "one", "parent_id": boss})).await;
    admin.patch(&format!("/workspaces/{one}"), json!({"name": "uno"})).await.expect(200);
    server.anonymous().register(&one).await;
    let gone = admin.create(json!({"name": "gone"})).await;
    admin.delete(&format!("/workspaces/{gone}?purge=true")).await.expect(200);
    admin.delete(&format!("/workspaces/{one}")).await.expect(200);

    let events = admin.get("/events").await.expect(200);
    let events = events.as_array().unwrap();
    let at = async |n: usize| {
        let time = events[n]["created_at"].as_str().unwrap();
        let then = admin.get(&format!("/workspaces?at={time}")).await;
        let seq: i64 = then.header("x-isomer-seq").parse().unwrap();
        assert!(seq >= events[n]["seq"].as_i64().unwrap(), "{time}");
        (seq, then.expect(200))
    };
    // Newest first: every one of these folds from the beginning.
    let mut backwards = Vec::new();
    for n in 0..events.len() {
        backwards.push(at(n).await);
    }
    let names = |(_, list): &(i64, Value)| -> Vec<String> {
        let names = list.as_array().unwrap().iter().map(|w| w["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    let last = events.len() - 1;
    assert_eq!(names(&backwards[0]), ["boss"]);
    assert_eq!(names(&backwards[last]), ["boss"]);
    assert_eq!(names(&backwards[last - 1]), ["boss", "one"]);
    assert_eq!(names(&backwards[last - 2]), ["boss", "uno"]);
    assert_eq!(names(&backwards[last - 4]), ["boss", "uno", "gone"]);
    for n in (0..events.len()).rev() {
        assert_eq!(at(n).await, backwards[n], "event {n}");
    }
    let before = admin.get("/workspaces?at=2001-01-01T00:00:00Z").await;
    assert_eq!((before.header("x-isomer-seq"), before.text.as_str()), ("0", "[]"));
    assert_eq!(admin.get("/workspaces?at=now").await.expect(400)["field"], "at");
}
