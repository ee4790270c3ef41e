//! Contract 05 §1-3, and what is better on the same wire.

use serde_json::{Value, json};

use super::{KEY, canary, sealed, set, values, workspace};
use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

async fn secrets_are_listed_without_values_and_merged(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let path = format!("/workspaces/{id}/secrets");
    let saved = admin.post(&path, json!({"key": "B_KEY", "value": "own"})).await.expect(200);
    assert_eq!(saved, json!({"key": "B_KEY", "status": "saved"}));
    admin.put(&path, json!({"key": "A_KEY", "value": "own a"})).await.expect(200);
    let saved = admin.put("/settings/secrets", json!({"key": "B_KEY", "value": "global"})).await;
    assert_eq!(saved.expect(200), json!({"key": "B_KEY", "scope": "global", "status": "saved"}));
    admin.post("/admin/secrets", json!({"key": "Z_KEY", "value": "global z"})).await.expect(200);

    let list = admin.get(&path).await;
    assert_eq!(list.header("cache-control"), "no-store");
    let list = list.expect(200);
    let shown: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["key"].as_str().unwrap(), item["scope"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [("A_KEY", "workspace"), ("B_KEY", "workspace"), ("Z_KEY", "global")]);
    assert!(list[0]["has_value"] == true && list[0]["created_at"].is_string());
    assert!(!list.to_string().contains("own"), "{list}");

    let merged = json!({"A_KEY": "own a", "B_KEY": "own", "Z_KEY": "global z"});
    assert_eq!(values(&admin, &id).await, merged);
    let global = admin.get("/admin/secrets").await.expect(200);
    assert_eq!(global.as_array().unwrap().len(), 2);

    let deleted = admin.delete(&format!("{path}/B_KEY")).await.expect(200);
    assert_eq!(deleted, json!({"key": "B_KEY", "status": "deleted"}));
    assert_eq!(values(&admin, &id).await["B_KEY"], "global", "the global one shows again");
    let gone = admin.delete(&format!("{path}/B_KEY")).await.expect(404);
    assert_eq!(gone["error"], "secret not found");
    let deleted = admin.delete("/settings/secrets/Z_KEY").await.expect(200);
    assert_eq!(deleted, json!({"key": "Z_KEY", "scope": "global", "status": "deleted"}));
    admin.delete("/admin/secrets/Z_KEY").await.expect(404);
}

async fn the_model_is_a_secret(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let path = format!("/workspaces/{id}/model");
    assert_eq!(admin.get(&path).await.expect(200), json!({"model": "", "source": "default"}));
    let saved = admin.put(&path, json!({"model": "anthropic:sonnet"})).await.expect(200);
    assert_eq!(saved, json!({"model": "anthropic:sonnet", "status": "saved"}));
    let model = admin.get(&path).await.expect(200);
    assert_eq!(model, json!({"model": "anthropic:sonnet", "source": "workspace_secrets"}));
    assert_eq!(values(&admin, &id).await["MODEL_PROVIDER"], "anthropic:sonnet");
    let cleared = admin.put(&path, json!({"model": ""})).await.expect(200);
    assert_eq!(cleared, json!({"status": "cleared"}));
    assert_eq!(admin.get(&path).await.expect(200)["source"], "default");
    admin.put(&path, json!({})).await.expect(400);
}

async fn a_workspace_is_created_with_its_secrets(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let body = json!({"name": "one", "secrets": {"A_KEY": "first", "MODEL_PROVIDER": "m"}});
    let id = admin.post("/workspaces", body).await.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "first", "MODEL_PROVIDER": "m"}));
    let formats = server.sql("SELECT CAST(sum(encryption_version) AS TEXT) FROM workspace_secrets");
    assert_eq!(formats.await, "6", "two in format 3");
    // What is refused creates nothing.
    let body = json!({"name": "two", "secrets": {"PATH": "/tmp"}});
    let refused = admin.post("/workspaces", body).await.expect(400);
    assert_eq!(refused["field"], "secrets.PATH");
    let all = admin.get("/workspaces").await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), 1);
}

async fn bad_input_is_named_and_changes_nothing(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let path = format!("/workspaces/{id}/secrets");
    let long = "x".repeat(65_537);
    for (body, field) in [
        (json!({}), "key"),
        (json!({"key": "A"}), "value"),
        (json!({"key": "", "value": "v"}), "key"),
        (json!({"key": "A", "value": ""}), "value"),
        (json!({"key": "A", "value": 5}), "value"),
        (json!({"key": "A", "value": long}), "value"),
        (json!({"key": "A", "value": "hunter2\u{0}"}), "value"),
        (json!({"key": "A=B", "value": "v"}), "key"),
        (json!({"key": "PATH", "value": "v"}), "key"),
        (json!({"key": "LD_PRELOAD", "value": "v"}), "key"),
        (json!({"key": "PLATFORM_URL", "value": "v"}), "key"),
        (json!({"key": "WORKSPACE_ID", "value": "v"}), "key"),
    ] {
        for path in [path.as_str(), "/settings/secrets"] {
            let reply = admin.post(path, body.clone()).await;
            let refused = reply.expect(400);
            assert_eq!(refused["error"], "invalid request body", "{refused}");
            assert_eq!(refused["field"], field, "{refused}");
            assert!(!reply.text.contains("hunter2"), "{}", reply.text);
        }
    }
    let upper = format!("/workspaces/{}/secrets", id.to_uppercase());
    assert_eq!(admin.get(&upper).await.expect(400)["error"], "invalid workspace ID");
    let unknown = format!("/workspaces/{}/secrets", uuid::Uuid::new_v4());
    let reply = admin.post(&unknown, json!({"key": "A", "value": "v"})).await.expect(404);
    assert_eq!(reply["error"], "workspace not found");
    assert_eq!(admin.get(&unknown).await.expect(200), json!([]), "only the global ones");
    assert_eq!(values(&admin, &id).await, json!({}));
}

/// A bundle is bounded.
async fn a_thousand_secrets_are_enough(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "FIRST", "v").await;
    let new = if mode == Mode::Production { "gen_random_uuid()" } else { "hex(randomblob(16))" };
    let fill = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
         INSERT INTO workspace_secrets (id, workspace_id, key, encrypted_value, encryption_version,
             created_at, updated_at)
         SELECT {new}, workspace_id, 'K_' || i, encrypted_value, encryption_version,
             created_at, updated_at FROM workspace_secrets, n"
    );
    server.tamper(&fill).await.unwrap();
    let path = format!("/workspaces/{id}/secrets");
    let refused = admin.post(&path, json!({"key": "ONE_MORE", "value": "v"})).await.expect(400);
    assert_eq!(
        (&refused["field"], &refused["error"]),
        (&json!("key"), &json!("invalid request body"))
    );
    set(&admin, Some(&id), "FIRST", "another value").await;
    admin.delete(&format!("{path}/K_7")).await.expect(200);
    set(&admin, Some(&id), "ONE_MORE", "v").await;
    let secrets: serde_json::Map<_, _> =
        (0..1_001).map(|number| (format!("K_{number}"), json!("v"))).collect();
    let body = json!({"name": "two", "secrets": secrets});
    assert_eq!(admin.post("/workspaces", body).await.expect(400)["field"], "secrets");
}

async fn only_the_own_agent_gets_the_values(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let (one, two) = (workspace(&admin, "one").await, workspace(&admin, "two").await);
    set(&admin, Some(&one), "A_KEY", "secret of one").await;
    let token = |id: String| {
        let admin = admin.clone();
        async move {
            let reply =
                admin.post(&format!("/workspaces/{id}/tokens"), json!({})).await.expect(201);
            reply["auth_token"].as_str().unwrap().to_owned()
        }
    };
    let (own, foreign) = (token(one.clone()).await, token(two).await);
    let path = format!("/workspaces/{one}/secrets/values");
    assert_eq!(server.bearer(&own).get(&path).await.expect(200)["A_KEY"], "secret of one");
    for other in [server.bearer(&foreign), server.anonymous(), admin] {
        let reply = other.get(&path).await;
        assert_eq!(reply.status, 401, "{}", reply.text);
        assert!(!reply.text.contains("secret of one"));
    }
    let foreign = server.bearer(&foreign);
    let list = format!("/workspaces/{one}/secrets");
    foreign.get(&list).await.expect(401);
    foreign.post(&list, json!({"key": "A_KEY", "value": "mine"})).await.expect(401);
    foreign.delete(&format!("{list}/A_KEY")).await.expect(401);
    foreign.post("/settings/secrets", json!({"key": "A_KEY", "value": "v"})).await.expect(401);
}

async fn dependents_and_validation(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let (one, two) = (workspace(&admin, "one").await, workspace(&admin, "two").await);
    set(&admin, None, "A_KEY", "v").await;
    set(&admin, Some(&one), "A_KEY", "own").await;
    let reply = admin.get("/settings/secrets/A_KEY/dependents").await.expect(200);
    assert_eq!(reply, json!({"dependents": [two]}));
    let reply = admin.get(&format!("/workspaces/{one}/secrets/A_KEY/dependents")).await;
    assert_eq!(reply.expect(200), json!({"dependents": [one]}));
    let check = |body: Value| {
        let admin = admin.clone();
        async move { admin.post("/secrets/validate", body).await.expect(200) }
    };
    assert_eq!(check(json!({"key": "A", "value": "v"})).await, json!({"valid": true}));
    let bad = check(json!({"key": "PATH", "value": "v"})).await;
    assert!(bad["valid"] == false && bad["error"].as_str().unwrap().starts_with("key: "));
    server.anonymous().post("/secrets/validate", json!({})).await.expect(401);
}

/// A row that does not open: nothing is handed out, and every failing name is told.
async fn a_partial_bundle_is_refused(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let value = canary();
    set(&admin, Some(&id), "GOOD", &value).await;
    set(&admin, Some(&id), "BAD", &canary()).await;
    set(&admin, None, "WORSE", &canary()).await;
    server
        .tamper("UPDATE workspace_secrets SET version = version + 1 WHERE key = 'BAD'")
        .await
        .unwrap();
    server.tamper("UPDATE global_secrets SET encryption_version = 1").await.unwrap();
    let reply = admin.get(&format!("/workspaces/{id}/secrets/values")).await;
    let failed = reply.expect(500);
    let text = "one or more secrets failed to decrypt; refusing to return partial bundle";
    assert_eq!(failed["error"], text);
    let mut keys: Vec<_> = failed["failed_keys"].as_array().unwrap().iter().collect();
    keys.sort_by_key(|key| key.as_str());
    assert_eq!(keys, ["global:WORSE", "workspace:BAD"]);
    assert!(!reply.text.contains(&value));
    // Why is for the audit trail.
    let trail = admin.get(&format!("/admin/keys/audit?workspace_id={id}")).await.expect(200);
    let entries = trail["entries"].as_array().unwrap();
    let bad = entries.iter().find(|e| e["key"] == "BAD" && e["action"] == "read").unwrap();
    assert_eq!((&bad["outcome"], &bad["detail"]), (&json!("failed"), &json!("commitment")));
    // Writing it anew mends it.
    set(&admin, Some(&id), "BAD", "new").await;
    set(&admin, None, "WORSE", "new").await;
    assert_eq!(values(&admin, &id).await, json!({"GOOD": value, "BAD": "new", "WORSE": "new"}));
}

async fn a_row_cannot_be_moved(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let (one, two) = (workspace(&admin, "one").await, workspace(&admin, "two").await);
    set(&admin, Some(&one), "A_KEY", "of one").await;
    set(&admin, Some(&two), "A_KEY", "of two").await;
    set(&admin, Some(&two), "B_KEY", "b of two").await;
    // The bytes of two's B_KEY under the name A_KEY.
    server
        .tamper(
            "UPDATE workspace_secrets SET encrypted_value = (SELECT s.encrypted_value
                 FROM workspace_secrets s WHERE s.key = 'B_KEY') WHERE key = 'A_KEY'",
        )
        .await
        .unwrap();
    for id in [&one, &two] {
        let reply = admin.get(&format!("/workspaces/{id}/secrets/values")).await.expect(500);
        assert_eq!(reply["failed_keys"], json!(["workspace:A_KEY"]));
    }
    let reply = admin.get(&format!("/workspaces/{one}/model")).await;
    assert_eq!(reply.expect(200)["source"], "default");
}

async fn a_purge_destroys_the_seed(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "v").await;
    let seeds = || server.sql("SELECT CAST(count(*) AS TEXT) FROM data_keys");
    assert_eq!(seeds().await, "2", "the global one and this workspace's");
    admin.delete(&format!("/workspaces/{id}?purge=true")).await.expect(200);
    assert_eq!(seeds().await, "1");
    let count = "SELECT CAST(count(*) AS TEXT) FROM workspace_secrets";
    assert_eq!(server.sql(count).await, "0");
    let trail = admin.get(&format!("/admin/keys/audit?workspace_id={id}")).await.expect(200);
    assert_eq!(trail["entries"][0]["action"], "destroy");
    let metrics = admin.get("/metrics").await.text;
    let held = metrics.lines().find(|line| line.starts_with("isomer_seed_cache_held")).unwrap();
    assert_eq!(held, "isomer_seed_cache_held 1", "erased from memory too");
}

/// Writers of new secrets while their workspace is purged: the purge succeeds, and leaves nothing.
async fn a_purge_waits_for_writers_and_keeps_them_out(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    for round in 0..12 {
        let id = workspace(&admin, &format!("w{round}")).await;
        set(&admin, Some(&id), "A_KEY", "v").await;
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (admin, path) = (admin.clone(), format!("/workspaces/{id}/secrets"));
                tokio::spawn(async move {
                    for number in 0..200 {
                        let body = json!({"key": format!("K_{writer}_{number}"), "value": "v"});
                        let status = admin.post(&path, body).await.status.as_u16();
                        if status != 200 {
                            return status;
                        }
                    }
                    200
                })
            })
            .collect();
        // In the middle of it.
        eventually("secrets of the writers", SOON, || async {
            let list = admin.get(&format!("/workspaces/{id}/secrets")).await.expect(200);
            (list.as_array().unwrap().len() > 8).then_some(())
        })
        .await;
        admin.delete(&format!("/workspaces/{id}?purge=true")).await.expect(200);
        for writer in writers {
            let status = writer.await.unwrap();
            assert!([200, 404, 410].contains(&status), "{status}");
        }
    }
    for left in [
        "SELECT CAST(count(*) AS TEXT) FROM workspace_secrets",
        "SELECT CAST(count(*) AS TEXT) FROM data_keys WHERE workspace_id IS NOT NULL",
    ] {
        assert_eq!(server.sql(left).await, "0", "{left}");
    }
}

async fn every_step_is_audited_and_the_trail_is_append_only(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let value = canary();
    set(&admin, Some(&id), "A_KEY", &value).await;
    values(&admin, &id).await;
    admin.delete(&format!("/workspaces/{id}/secrets/A_KEY")).await.expect(200);
    let reply = admin.get("/admin/keys/audit").await;
    let trail = reply.expect(200);
    let steps: Vec<_> = trail["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| [&e["action"], &e["key"], &e["outcome"], &e["actor"], &e["workspace_id"]])
        .collect();
    let step = |action: &str| -> [Value; 5] {
        [json!(action), json!("A_KEY"), json!("ok"), json!("admin-token"), json!(id)]
    };
    let wanted = [step("delete"), step("read"), step("set")];
    assert_eq!(steps.len(), 3, "{trail}");
    for (found, wanted) in steps.iter().zip(&wanted) {
        assert!(found.iter().zip(wanted).all(|(a, b)| *a == b), "{found:?} {wanted:?}");
    }
    assert!(!reply.text.contains(&value));
    assert_eq!(trail["entries"][1]["format"], 3);
    server.tamper("DELETE FROM secret_audit").await.unwrap_err();
    server.tamper("UPDATE secret_audit SET actor = 'nobody'").await.unwrap_err();
    server.anonymous().get("/admin/keys/audit").await.expect(401);
}

/// No audit row, no value.
async fn a_read_that_cannot_be_audited_is_refused(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let value = canary();
    set(&admin, Some(&id), "A_KEY", &value).await;
    server.tamper("ALTER TABLE secret_audit RENAME TO gone").await.unwrap();
    let reply = admin.get(&format!("/workspaces/{id}/secrets/values")).await;
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert!(!reply.text.contains(&value));
    let path = format!("/workspaces/{id}/secrets");
    let reply = admin.post(&path, json!({"key": "B_KEY", "value": "v"})).await;
    assert_eq!(reply.status, 503, "{}", reply.text);
    server.tamper("ALTER TABLE gone RENAME TO secret_audit").await.unwrap();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": value}), "and nothing was written");
}

async fn without_a_key_values_are_in_clear_and_counted(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "clear").await;
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "clear"}));
    assert!(server.log().contains("secrets are stored in clear"));
    let metrics = admin.get("/metrics").await.text;
    assert!(metrics.contains("isomer_secrets_plaintext_reads_total 1"), "{metrics}");
    let status = admin.get("/admin/keys").await.expect(200);
    assert_eq!((&status["provider"], &status["values"]), (&json!("none"), &json!({"0": 1})));
    admin.post("/admin/keys/reseed", json!({})).await.expect(409);
}

/// Rows of an older server, and what it would still find.
async fn older_rows_are_read_and_older_formats_written(mode: Mode) {
    let settings = [("SECRETS_ENCRYPTION_KEY", KEY), ("SECRETS_WRITE_FORMAT", "1")];
    let server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "static").await;
    let count = "SELECT CAST(sum(encryption_version) AS TEXT) FROM workspace_secrets";
    assert_eq!(server.sql(count).await, "1");
    // An import that left 0 on sealed bytes (contract 05 §4.2).
    server.tamper("UPDATE workspace_secrets SET encryption_version = 0").await.unwrap();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "static"}));
    // A format that nobody wrote down.
    server.tamper("UPDATE workspace_secrets SET encryption_version = -1").await.unwrap();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "static"}));
    // One of a later version.
    server.tamper("UPDATE workspace_secrets SET encryption_version = 9").await.unwrap();
    admin.get(&format!("/workspaces/{id}/secrets/values")).await.expect(500);
}

in_both_modes!(
    secrets_are_listed_without_values_and_merged,
    the_model_is_a_secret,
    a_workspace_is_created_with_its_secrets,
    bad_input_is_named_and_changes_nothing,
    a_thousand_secrets_are_enough,
    only_the_own_agent_gets_the_values,
    dependents_and_validation,
    a_partial_bundle_is_refused,
    a_row_cannot_be_moved,
    a_purge_destroys_the_seed,
    a_purge_waits_for_writers_and_keeps_them_out,
    every_step_is_audited_and_the_trail_is_append_only,
    a_read_that_cannot_be_audited_is_refused,
    without_a_key_values_are_in_clear_and_counted,
    older_rows_are_read_and_older_formats_written,
);
