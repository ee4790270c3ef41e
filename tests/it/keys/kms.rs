//! KMS: a compatible server, and an endpoint that fails on purpose.

use std::time::{Duration, Instant};

use isomer_seal::master::MasterKey;
use isomer_seal::{v1, v2};
use serde_json::json;

use super::{KEY, canary, set, values, workspace};
use crate::in_both_modes;
use crate::support::kms::{ARN, Fault, FaultyKms, OTHER_ARN, create_key, with_endpoint};
use crate::support::{Mode, SOON, Server, eventually, required};

async fn secrets_are_sealed_under_kms(mode: Mode) {
    let (url, arn) = (required("ISOMER_TEST_KMS_URL"), create_key().await);
    let mut settings = with_endpoint(&url, &arn);
    settings.push(("MOLECULE_ENV", "production"));
    let mut server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let value = canary();
    set(&admin, Some(&id), "A_KEY", &value).await;
    set(&admin, None, "B_KEY", "global").await;
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": value, "B_KEY": "global"}));
    let status = admin.get("/admin/keys").await.expect(200);
    assert_eq!((&status["provider"], &status["key_id"]), (&json!("kms"), &json!(arn)));
    assert_eq!(
        status["seeds"],
        json!([
            {"provider": "kms", "key_id": arn, "seeds": 2, "current": true}
        ])
    );
    server.stop();
    server.restart();
    assert_eq!(values(&admin, &id).await["A_KEY"], json!(value), "unwrapped again");
}

async fn the_two_modes_change_without_touching_a_value(mode: Mode) {
    let url = required("ISOMER_TEST_KMS_URL");
    let (arn, next) = (create_key().await, create_key().await);
    let mut server = Server::with(mode, &[("SECRETS_ENCRYPTION_KEY", KEY)]).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "kept").await;
    set(&admin, None, "B_KEY", "kept too").await;
    let blobs = || {
        server.sql(
            "SELECT hex FROM (SELECT CAST(encrypted_value AS TEXT) AS hex FROM workspace_secrets) s",
        )
    };
    let before = if mode == Mode::Production { blobs().await } else { String::new() };
    let settled = |settings: &[(&str, &str)], key: &str, server: &Server| {
        let (status, out, err) = server.run(&["keys", "rewrap"], settings);
        assert!(status.success(), "{out}{err}");
        let (_, out, _) = server.run(&["keys", "status"], settings);
        assert!(out.contains(&format!("2 under {key}\n")), "{out}");
    };

    // Static to KMS: both keys for the time of the rewrap, then KMS alone.
    server.stop();
    for (name, value) in with_endpoint(&url, &arn) {
        server.set(name, value);
    }
    settled(&[], &format!("kms {arn}"), &server);
    server.set("SECRETS_ENCRYPTION_KEY", "");
    server.restart();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "kept", "B_KEY": "kept too"}));

    // A new KMS key.
    server.stop();
    server.set("KMS_KEY_ARN", &next);
    let (status, said) = server.refuses(&[]);
    assert!(!status.success() && said.contains("KMS_KEY_ARN") && said.contains(&arn), "{said}");
    server.set("KMS_KEY_ARN_PREVIOUS", &arn);
    settled(&[], &format!("kms {next}"), &server);

    // And back to a static key.
    server.set("KMS_KEY_ARN_PREVIOUS", "");
    server.set("SECRETS_ENCRYPTION_KEY", KEY);
    let key_id = MasterKey::parse(KEY.as_bytes()).unwrap().id().to_owned();
    settled(&[("SECRETS_KEY_PROVIDER", "static")], &format!("static {key_id}"), &server);
    server.set("KMS_KEY_ARN", "");
    server.restart();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "kept", "B_KEY": "kept too"}));
    if mode == Mode::Production {
        assert_eq!(
            server.sql("SELECT CAST(encrypted_value AS TEXT) FROM workspace_secrets").await,
            before
        );
    }
}

/// An older deployment shares the database: format 2, one data key a value.
async fn format_2_is_written_and_read(mode: Mode) {
    let kms = FaultyKms::start().await;
    let mut settings = kms.settings();
    settings.push(("SECRETS_WRITE_FORMAT", "2"));
    let mut server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "enveloped").await;
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "enveloped"}));
    let format = "SELECT CAST(encryption_version AS TEXT) FROM workspace_secrets";
    assert_eq!(server.sql(format).await, "2");
    server.tamper("UPDATE workspace_secrets SET encryption_version = -1").await.unwrap();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "enveloped"}), "found by trial");
    // Under another name the context of KMS is another one.
    server.tamper("UPDATE workspace_secrets SET key = 'B_KEY'").await.unwrap();
    admin.get(&format!("/workspaces/{id}/secrets/values")).await.expect(500);
    server.tamper("UPDATE workspace_secrets SET key = 'A_KEY'").await.unwrap();
    // A new KMS key: the old one still opens what names no key.
    server.stop();
    server.set("KMS_KEY_ARN", OTHER_ARN);
    server.set("KMS_KEY_ARN_PREVIOUS", ARN);
    server.restart();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "enveloped"}));
}

/// Nothing in memory, KMS gone: 503 with a code, in bounded time, and back again by itself.
async fn an_outage_is_told_and_survived(mode: Mode) {
    let kms = FaultyKms::start().await;
    let mut server = Server::with(mode, &kms.settings()).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "kept").await;
    // In memory: an outage is not noticed.
    kms.fails(Fault::Silent);
    for _ in 0..20 {
        assert_eq!(values(&admin, &id).await, json!({"A_KEY": "kept"}));
    }
    set(&admin, Some(&id), "A_KEY", "kept on").await;
    server.stop();
    server.restart();
    // Started, and everything else is served.
    let other = workspace(&admin, "two").await;
    let path = format!("/workspaces/{id}/secrets/values");
    let began = Instant::now();
    let reply = admin.get(&path).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let body = reply.expect(503);
    assert_eq!(
        (&body["error"], &body["code"]),
        (&json!("kms_unavailable"), &json!("kms_unavailable"))
    );
    assert!(!reply.header("retry-after").is_empty());
    let write = json!({"key": "A_KEY", "value": "v"});
    let write = admin.post(&format!("/workspaces/{other}/secrets"), write).await.expect(503);
    assert_eq!(write["code"], "kms_unavailable");
    let body = json!({"name": "three", "secrets": {"A_KEY": "v"}});
    admin.post("/workspaces", body).await.expect(503);
    assert_eq!(admin.get("/workspaces").await.expect(200).as_array().unwrap().len(), 2);
    // Names need no key.
    admin.get(&format!("/workspaces/{id}/secrets")).await.expect(200);

    kms.fails(Fault::Nothing);
    let back = eventually("values after the outage", Duration::from_secs(40), || async {
        let reply = admin.get(&path).await;
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!(back.await, json!({"A_KEY": "kept on"}));
}

async fn throttling_is_retried_and_a_slow_kms_given_up(mode: Mode) {
    let kms = FaultyKms::start().await;
    let server = Server::with(mode, &kms.settings()).await;
    let admin = server.admin();
    let one = workspace(&admin, "one").await;
    kms.fails(Fault::Times(2, 400, "ThrottlingException"));
    set(&admin, Some(&one), "A_KEY", "after two throttles").await;
    assert_eq!(values(&admin, &one).await["A_KEY"], "after two throttles");

    kms.fails(Fault::Late(Duration::from_secs(3)));
    let two = workspace(&admin, "two").await;
    let path = format!("/workspaces/{two}/secrets");
    let write = || admin.post(&path, json!({"key": "A", "value": "v"}));
    let mut slowest = Duration::ZERO;
    for _ in 0..4 {
        let began = Instant::now();
        assert_eq!(write().await.expect(503)["code"], "kms_unavailable");
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    // The breaker is open: no call is made, and what is in memory is served.
    let metrics = admin.get("/metrics").await.text;
    assert!(metrics.contains("outcome=\"breaker_open\""), "{metrics}");
    assert!(metrics.contains("isomer_kms_breaker 2") || metrics.contains("isomer_kms_breaker 1"));
    assert_eq!(values(&admin, &one).await["A_KEY"], "after two throttles");

    kms.fails(Fault::Nothing);
    eventually("a write after the breaker", Duration::from_secs(40), || async {
        (write().await.status == 200).then_some(())
    })
    .await;
}

/// A disabled key is an answer, not an outage.
async fn a_disabled_key_stops_everything_that_is_not_in_memory(mode: Mode) {
    let kms = FaultyKms::start().await;
    let mut server = Server::with(mode, &kms.settings()).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "kept").await;
    kms.fails(Fault::Code(400, "DisabledException"));
    let other = workspace(&admin, "two").await;
    let before = kms.calls();
    let write = json!({"key": "A", "value": "v"});
    let reply = admin.post(&format!("/workspaces/{other}/secrets"), write).await;
    assert_eq!(reply.expect(503)["code"], "kms_unavailable");
    assert_eq!(kms.calls() - before, 1, "asked once: it answered");
    let trail = admin.get(&format!("/admin/keys/audit?workspace_id={other}")).await.expect(200);
    assert_eq!(trail["entries"][0]["detail"], "kms_denied");
    server.stop();
    server.restart();
    let reply = admin.get(&format!("/workspaces/{id}/secrets/values")).await;
    assert_eq!(reply.expect(503)["code"], "kms_unavailable");
    kms.fails(Fault::Nothing);
    eventually("values with an enabled key", SOON, || async {
        let reply = admin.get(&format!("/workspaces/{id}/secrets/values")).await;
        (reply.status == 200).then_some(())
    })
    .await;
}

/// One workspace's wrapped seed in the place of another's: the context is another one.
async fn a_wrapped_seed_cannot_be_moved(mode: Mode) {
    let kms = FaultyKms::start().await;
    let mut server = Server::with(mode, &kms.settings()).await;
    let admin = server.admin();
    let (one, two) = (workspace(&admin, "one").await, workspace(&admin, "two").await);
    set(&admin, Some(&one), "A_KEY", "of one").await;
    set(&admin, Some(&two), "A_KEY", "of two").await;
    server.stop();
    let moved = format!(
        "UPDATE data_keys SET wrapped = (SELECT w.wrapped FROM data_keys w
             WHERE w.workspace_id = '{two}') WHERE workspace_id = '{one}'"
    );
    server.tamper(&moved).await.unwrap();
    server.restart();
    let reply = admin.get(&format!("/workspaces/{one}/secrets/values")).await.expect(500);
    assert_eq!(reply["failed_keys"], json!(["workspace:A_KEY"]));
    assert_eq!(values(&admin, &two).await["A_KEY"], "of two", "others are not harmed");
}

/// One static blob in 256 begins like an envelope: KMS up or down, it is read.
async fn a_static_blob_that_looks_like_an_envelope(mode: Mode) {
    let kms = FaultyKms::start().await;
    let mut settings = kms.settings();
    settings.push(("SECRETS_ENCRYPTION_KEY", KEY));
    let server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "x").await;
    let master = MasterKey::parse(KEY.as_bytes()).unwrap();
    // Long, so that nearly any length after the 0x02 points into it.
    let long = "ambiguous".repeat(7_000);
    let blob = (0..100_000)
        .map(|_| v1::seal(&master, long.as_bytes()).unwrap())
        .find(|blob| v2::parse(blob).is_ok())
        .unwrap();
    let hex: String = blob.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = if mode == Mode::Production { format!("'\\x{hex}'") } else { format!("x'{hex}'") };
    for format in [1, -1] {
        let sql = format!(
            "UPDATE workspace_secrets SET encrypted_value = {bytes}, encryption_version = {format}"
        );
        server.tamper(&sql).await.unwrap();
        for fault in [Fault::Nothing, Fault::Code(500, "KMSInternalException")] {
            kms.fails(fault);
            assert_eq!(values(&admin, &id).await["A_KEY"], long, "{format} {fault:?}");
        }
    }
}

/// KMS calls grow with workspaces, not with operations.
async fn calls_grow_with_workspaces(mode: Mode) {
    let kms = FaultyKms::start().await;
    let server = Server::with(mode, &kms.settings()).await;
    let admin = server.admin();
    let started = kms.calls();
    let mut ids = Vec::new();
    for number in 0..4 {
        let id = workspace(&admin, &format!("w{number}")).await;
        set(&admin, Some(&id), "A_KEY", "v").await;
        ids.push(id);
    }
    let warm = kms.calls() - started;
    assert_eq!(warm, 4, "one wrapping each");
    for _ in 0..50 {
        for id in &ids {
            set(&admin, Some(id), "A_KEY", "w").await;
            values(&admin, id).await;
        }
    }
    assert_eq!(kms.calls() - started, warm, "400 operations, no call");
}

async fn a_kms_that_never_answered_does_not_start(mode: Mode) {
    let kms = FaultyKms::start().await;
    kms.fails(Fault::Code(400, "AccessDeniedException"));
    let server = Server::start(mode).await;
    let fresh = tempfile::tempdir().unwrap();
    let folder = fresh.path().display().to_string();
    let mut settings = kms.settings();
    settings.push(("ISOMER_DATA_DIR", &folder));
    let (status, stderr) = server.refuses(&settings);
    assert!(!status.success());
    assert!(stderr.contains("KMS_KEY_ARN"), "{stderr}");
}

in_both_modes!(
    secrets_are_sealed_under_kms,
    the_two_modes_change_without_touching_a_value,
    format_2_is_written_and_read,
    an_outage_is_told_and_survived,
    throttling_is_retried_and_a_slow_kms_given_up,
    a_disabled_key_stops_everything_that_is_not_in_memory,
    a_wrapped_seed_cannot_be_moved,
    a_static_blob_that_looks_like_an_envelope,
    calls_grow_with_workspaces,
    a_kms_that_never_answered_does_not_start,
);
