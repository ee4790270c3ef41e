//! Secrets that would be recognised anywhere: after everything was done with them, they are only
//! where they belong.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::{KEY, OTHER_KEY, canary, set, values};
use crate::in_both_modes;
use crate::support::kms::FaultyKms;
use crate::support::sockets::Socket;
use crate::support::{Mode, SOON, Server, eventually};

/// The forms in which a secret could show: as it is, base64 at each of the three offsets, hex, and
/// URL-encoded.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        secret.to_owned(),
        STANDARD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        bytes.iter().map(|byte| format!("%{byte:02X}")).collect(),
        url_encoded(secret),
    ];
    for offset in 0..3 {
        // Whole groups of three, so that what comes before and after does not matter.
        let from = &bytes[offset..];
        forms.push(STANDARD_NO_PAD.encode(&from[..from.len() / 3 * 3]));
    }
    forms
}

fn url_encoded(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes()
        .map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn assert_absent(place: &str, text: &str, secrets: &[String]) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(!text.contains(&form), "a canary is in {place}");
        }
    }
}

async fn canaries_stay_where_they_belong(mode: Mode) {
    let kms = FaultyKms::start().await;
    let mut settings = kms.settings();
    settings.extend([("SECRETS_ENCRYPTION_KEY", KEY), ("RUST_LOG", "trace,hyper=debug")]);
    let mut server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let mut socket = Socket::open(&server.address, "").await;
    let mut secrets: Vec<String> = (0..8).map(|_| canary()).collect();
    let mut answers = Vec::new();

    // Everything that can be done with a secret.
    let body = json!({"name": "one", "secrets": {"FIRST": secrets[0]}});
    let reply = admin.post("/workspaces", body).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    answers.push(reply.text);
    set(&admin, Some(&id), "SECOND", &secrets[1]).await;
    set(&admin, None, "THIRD", &secrets[2]).await;
    let path = format!("/workspaces/{id}/secrets");
    for (path, body) in [
        (path.as_str(), json!({"key": "FOURTH", "value": secrets[3]})),
        (path.as_str(), json!({"key": "LD_PRELOAD", "value": secrets[4]})),
        (path.as_str(), json!({"key": "FIFTH", "value": {"nested": secrets[4]}})),
        (path.as_str(), json!({"key": "FIFTH", "value": format!("{}\u{0}", secrets[4])})),
        ("/settings/secrets", json!({"key": "SIXTH", "value": secrets[5]})),
        ("/secrets/validate", json!({"key": "SIXTH", "value": secrets[5]})),
        ("/secrets/validate", json!({"key": "PATH", "value": secrets[5]})),
        ("/workspaces", json!({"name": "two", "secrets": {"PATH": secrets[6]}})),
        ("/workspaces", json!({"name": "a|b", "secrets": {"A": secrets[6]}})),
    ] {
        answers.push(admin.post(path, body).await.text);
    }
    let broken = format!("{{\"key\":\"A\",\"value\":\"{}\"", secrets[6]);
    answers.push(admin.raw(reqwest::Method::POST, &path, broken.into_bytes()).await.text);
    for path in [path.clone(), "/settings/secrets".into(), "/admin/keys".into()] {
        answers.push(admin.get(&path).await.text);
    }
    let bundle = values(&admin, &id).await;
    assert_eq!(bundle["SECOND"], secrets[1], "and the agent gets it");
    answers.push(admin.delete(&format!("{path}/FOURTH")).await.text);
    // A row that does not open, and a model.
    let spoil = "UPDATE workspace_secrets SET version = version + 1 WHERE key = 'FIRST'";
    server.tamper(spoil).await.unwrap();
    answers.push(admin.get(&format!("{path}/values")).await.text);
    answers.push(admin.delete(&format!("{path}/FIRST")).await.text);
    admin.post("/admin/keys/reseed", json!({})).await.expect(202);
    eventually("end of the reseed", SOON, || async {
        let status = admin.get("/admin/keys").await.expect(200);
        (status["jobs"][0]["state"] == "finished").then_some(())
    })
    .await;
    answers.push(admin.get("/admin/keys/audit?limit=1000").await.text);
    answers.push(admin.get("/events").await.text);
    answers.push(admin.get("/metrics").await.text);
    answers.push(admin.get(&format!("/workspaces/{id}")).await.text);
    answers.push(admin.get("/workspaces").await.text);
    let mut frames = String::new();
    loop {
        let frame = socket.next(SOON).await.unwrap();
        frames.push_str(&frame.to_string());
        if frame["event"] == "KEY_ROTATION" && frame["payload"]["state"] == "finished" {
            break;
        }
    }

    // The keys are secrets too.
    secrets.push(KEY.to_owned());
    assert_absent("an answer", &answers.join("\n"), &secrets);
    assert_absent("a frame", &frames, &secrets);
    let dump = dump(&server).await;
    assert!(dump.contains("SECOND"), "the dump holds names");
    assert_absent("the database", &dump, &secrets);
    if let Some(url) = server.redis_url() {
        assert_absent("Redis", &redis_dump(url).await, &secrets);
    }
    server.stop();
    let (_, out, err) = server.run(&["keys", "status"], &[]);
    assert_absent("the command line", &(out + &err), &secrets);
    let (_, err) = server.refuses(&[("KMS_KEY_ARN", ""), ("SECRETS_ENCRYPTION_KEY", OTHER_KEY)]);
    secrets.push(OTHER_KEY.to_owned());
    assert_absent("an error", &err, &secrets);
    let log = server.log();
    assert!(log.contains("TRACE"), "everything is logged");
    assert_absent("the log", &log, &secrets);
}

/// Every row of every table as text; every file of an embedded store as it is.
async fn dump(server: &Server) -> String {
    if server.mode == Mode::Embedded {
        let mut all = String::new();
        let mut folders = vec![server.folder.path().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
                }
            }
        }
        return all;
    }
    let url = server.database_url().unwrap();
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables = sqlx::query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'");
    let mut all = String::new();
    for table in tables.fetch_all(&mut connection).await.unwrap() {
        let table: String = table.get(0);
        let sql = AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t"));
        for row in sqlx::query(sql).fetch_all(&mut connection).await.unwrap() {
            all.push_str(&row.get::<String, _>(0));
            all.push('\n');
        }
    }
    // Sealed values are shown in hex, which is one of the forms looked for.
    all
}

async fn redis_dump(url: &str) -> String {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    let mut all = keys.join("\n");
    for key in keys {
        let dump: Vec<u8> =
            redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
        all.push_str(&String::from_utf8_lossy(&dump));
    }
    all
}

in_both_modes!(canaries_stay_where_they_belong);
