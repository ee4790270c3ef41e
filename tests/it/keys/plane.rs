//! The control plane: tenants, one-time boot tokens, a key for each start.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use tempfile::TempDir;

use super::{KEY, canary, set, values, workspace};
use crate::in_both_modes;
use crate::support::kms::{Fault, FaultyKms};
use crate::support::server::fresh_database;
use crate::support::{ADMIN, Client, Mode, Server};

/// A running control plane.
struct Plane {
    child: Child,
    address: String,
    folder: TempDir,
    variables: BTreeMap<String, String>,
    kms: FaultyKms,
}

impl Plane {
    async fn start(mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kms = FaultyKms::start().await;
        let mut variables = BTreeMap::from([
            ("ADMIN_TOKEN".to_owned(), ADMIN.to_owned()),
            ("ISOMER_DATA_DIR".to_owned(), folder.path().join("data").display().to_string()),
            ("MOLECULE_ENV".to_owned(), "production".to_owned()),
            ("PORT".to_owned(), "0".to_owned()),
        ]);
        if mode == Mode::Production {
            variables.insert("DATABASE_URL".to_owned(), fresh_database().await);
        }
        for (name, value) in kms.settings() {
            variables.insert(name.to_owned(), value.to_owned());
        }
        let stderr = std::fs::File::create(folder.path().join("stderr")).unwrap();
        let mut child = command(&variables, &["control-plane"])
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let log = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
        assert!(address.starts_with("http://"), "{log}");
        Self { child, address, folder, variables, kms }
    }

    /// Runs a command on tenants; returns its output, or what it said instead.
    fn tenants(&self, arguments: &[&str]) -> Result<String, String> {
        let arguments = [&["control-plane", "tenants"], arguments].concat();
        let output = command(&self.variables, &arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn client(&self, token: &str) -> Client {
        Client::new(&self.address, Some(token))
    }

    async fn boot(&self, token: &str) -> crate::support::client::Reply {
        self.client(token).post("/cp/tenants/boot", json!({})).await
    }

    async fn sql(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.variables.get("DATABASE_URL") {
            Some(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            None => {
                let path = format!("{}/control-plane.db", self.variables["ISOMER_DATA_DIR"]);
                let url = format!("sqlite://{path}");
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Writes a boot token where a tenant finds it.
    fn token_file(&self, token: &str) -> String {
        let path = self.folder.path().join(format!("boot-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, format!("{token}\n")).unwrap();
        path.display().to_string()
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(variables: &BTreeMap<String, String>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isomer"));
    command.args(arguments).env_clear().envs(variables).stdin(Stdio::null());
    command
}

async fn a_tenant_starts_with_a_boot_token_once(mode: Mode) {
    let plane = Plane::start(mode).await;
    let token = plane.tenants(&["create", "acme"]).unwrap();
    assert_eq!(token.len(), 43);
    let file = plane.token_file(&token);
    let settings =
        [("CONTROL_PLANE_URL", plane.address.as_str()), ("TENANT_BOOT_TOKEN_FILE", &file)];
    let mut server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    let value = canary();
    set(&admin, Some(&id), "A_KEY", &value).await;
    let status = admin.get("/admin/keys").await.expect(200);
    assert_eq!((&status["provider"], &status["tenant"]), (&json!("static"), &json!("acme")));
    server.stop();

    // The token is used up.
    let (status, stderr) = server.refuses(&[]);
    assert!(!status.success());
    assert!(stderr.contains("boot token was refused"), "{stderr}");
    assert!(!stderr.contains(&token));
    // An orchestrator asks for another one.
    let issue = plane.client(ADMIN).post("/cp/tenants/acme/boot-tokens", json!({})).await;
    let next = issue.expect(201)["boot_token"].as_str().unwrap().to_owned();
    server.set("TENANT_BOOT_TOKEN_FILE", &plane.token_file(&next));
    server.restart();
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": value}));

    // Another tenant's key opens nothing here.
    server.stop();
    let other = plane.tenants(&["create", "other"]).unwrap();
    let file = plane.token_file(&other);
    let (status, stderr) = server.refuses(&[("TENANT_BOOT_TOKEN_FILE", &file)]);
    assert!(!status.success());
    assert!(stderr.contains("sealed with another key"), "{stderr}");

    let log = plane.log() + &server.log();
    for secret in [&token, &next, &other, &value] {
        assert!(!log.contains(secret.as_str()), "a secret is in a log");
    }
}

async fn of_a_hundred_claims_one_succeeds(mode: Mode) {
    let plane = Plane::start(mode).await;
    let token = plane.tenants(&["create", "acme"]).unwrap();
    let claims = (0..100).map(|_| {
        let client = plane.client(&token);
        tokio::spawn(
            async move { client.post("/cp/tenants/boot", json!({})).await.status.as_u16() },
        )
    });
    let mut statuses = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        statuses.push(claim.await.unwrap());
    }
    let won = statuses.iter().filter(|status| **status == 200).count();
    let lost = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!((won, lost), (1, 99), "{statuses:?}");
    let booted = "SELECT outcome FROM tenant_audit WHERE action = 'boot' AND outcome = 'ok'";
    assert_eq!(plane.sql(booted).await.len(), 1);
}

async fn tokens_expire_and_cost_nothing_in_an_outage(mode: Mode) {
    let plane = Plane::start(mode).await;
    let token = plane.tenants(&["create", "acme"]).unwrap();
    plane.kms.fails(Fault::Code(500, "KMSInternalException"));
    let reply = plane.boot(&token).await;
    assert_eq!(reply.expect(503)["code"], "kms_unavailable");
    plane.kms.fails(Fault::Nothing);
    let reply =
        crate::support::eventually("boot after the outage", crate::support::SOON, || async {
            let reply = plane.boot(&token).await;
            (reply.status == 200).then_some(reply)
        })
        .await;
    assert_eq!(reply.header("cache-control"), "no-store");

    let late = plane.tenants(&["boot-token", "acme", "--ttl", "60"]).unwrap();
    let past = match mode {
        Mode::Production => "now() - interval '1 second'",
        Mode::Embedded => "'2020-01-01T00:00:00.000000Z'",
    };
    plane
        .sql(&format!("UPDATE boot_tokens SET expires_at = {past} WHERE claimed_at IS NULL"))
        .await;
    plane.boot(&late).await.expect(401);
    for wrong in ["", "short", &canary()] {
        plane.boot(wrong).await.expect(401);
    }
    for (arguments, says) in [
        (vec!["create", "acme"], "name: there is a tenant"),
        (vec!["create", "Acme Inc"], "name: lower-case"),
        (vec!["boot-token", "nobody"], "name: there is no such tenant"),
        (vec!["boot-token", "acme", "--ttl", "0"], "ttl"),
        (vec!["rotate", "nobody"], "name: there is no such tenant"),
        (vec!["destroy", "acme"], "--yes"),
    ] {
        let said = plane.tenants(&arguments).unwrap_err();
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    let stranger = plane.client("not-the-administrator");
    stranger.post("/cp/tenants/acme/boot-tokens", json!({})).await.expect(401);
}

async fn a_tenants_key_is_rotated_and_destroyed(mode: Mode) {
    let plane = Plane::start(mode).await;
    let first = plane.token_file(&plane.tenants(&["create", "acme"]).unwrap());
    let settings =
        [("CONTROL_PLANE_URL", plane.address.as_str()), ("TENANT_BOOT_TOKEN_FILE", &first)];
    let mut server = Server::with(mode, &settings).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "kept").await;
    for version in 2..5 {
        let said = plane.tenants(&["rotate", "acme"]).unwrap();
        assert!(said.contains(&format!("key version {version}")), "{said}");
        server.stop();
        let token = plane.tenants(&["boot-token", "acme"]).unwrap();
        server.set("TENANT_BOOT_TOKEN_FILE", &plane.token_file(&token));
        server.restart();
        admin.post("/admin/keys/rewrap", json!({})).await.expect(202);
        crate::support::eventually("end of the rewrap", crate::support::SOON, || async {
            let status = admin.get("/admin/keys").await.expect(200);
            (status["jobs"][0]["state"] == "finished" && status["seeds"].as_array()?.len() == 1)
                .then_some(())
        })
        .await;
        assert_eq!(values(&admin, &id).await, json!({"A_KEY": "kept"}));
    }
    let listed = plane.tenants(&["list"]).unwrap();
    assert!(listed.starts_with("acme\tactive\tkey version 4\t"), "{listed}");

    let unused = plane.tenants(&["boot-token", "acme"]).unwrap();
    plane.tenants(&["destroy", "acme", "--yes"]).unwrap();
    plane.boot(&unused).await.expect(401);
    assert!(plane.tenants(&["list"]).unwrap().starts_with("acme\tdestroyed"));
    plane.tenants(&["boot-token", "acme"]).unwrap_err();
    let wrapped =
        "SELECT id FROM tenants WHERE wrapped IS NOT NULL OR previous_wrapped IS NOT NULL";
    assert!(plane.sql(wrapped).await.is_empty());
}

/// The rotation after the next one forgets a key: not while the tenant may still need it.
async fn a_key_in_use_is_not_forgotten(mode: Mode) {
    let plane = Plane::start(mode).await;
    let first = plane.tenants(&["create", "acme"]).unwrap();
    plane.boot(&first).await.expect(200);
    plane.tenants(&["rotate", "acme"]).unwrap();
    let said = plane.tenants(&["rotate", "acme"]).unwrap_err();
    assert!(said.contains("--force"), "{said}");
    let next = plane.tenants(&["boot-token", "acme"]).unwrap();
    let handed = plane.boot(&next).await.expect(200);
    assert!(handed["previous_key"].is_string(), "the old key is still there");
    plane.tenants(&["rotate", "acme"]).unwrap();
    plane.tenants(&["rotate", "acme", "--force"]).unwrap();
}

/// Boot tokens do not pile up.
async fn tokens_long_expired_are_deleted(mode: Mode) {
    let plane = Plane::start(mode).await;
    plane.tenants(&["create", "acme"]).unwrap();
    plane.tenants(&["boot-token", "acme"]).unwrap();
    let past = match mode {
        Mode::Production => "now() - interval '31 days'",
        Mode::Embedded => "'2020-01-01T00:00:00.000000Z'",
    };
    plane.sql(&format!("UPDATE boot_tokens SET expires_at = {past}")).await;
    plane.tenants(&["boot-token", "acme"]).unwrap();
    let left = plane.sql("SELECT tenant_id FROM boot_tokens").await;
    assert_eq!(left.len(), 1, "the new one alone");
    let issued = plane.sql("SELECT outcome FROM tenant_audit WHERE action = 'issue'").await;
    assert_eq!(issued.len(), 3, "all are in the trail");
}

/// One tenant's wrapped key in another's row: the context carries the tenant.
async fn a_wrapped_key_opens_for_its_tenant_alone(mode: Mode) {
    let plane = Plane::start(mode).await;
    plane.tenants(&["create", "acme"]).unwrap();
    let token = plane.tenants(&["create", "evil"]).unwrap();
    let stolen =
        "UPDATE tenants SET wrapped = (SELECT t.wrapped FROM tenants t WHERE t.id = 'acme')
                  WHERE id = 'evil'";
    plane.sql(stolen).await;
    let reply = plane.boot(&token).await;
    assert_ne!(reply.status, 200, "{}", reply.text);
    let why = "SELECT detail FROM tenant_audit WHERE action = 'boot'";
    assert_eq!(plane.sql(why).await, ["unwrap"]);
}

async fn a_control_plane_needs_kms_in_production(_: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let variables = BTreeMap::from([
        ("ADMIN_TOKEN".to_owned(), ADMIN.to_owned()),
        ("ISOMER_DATA_DIR".to_owned(), folder.path().join("data").display().to_string()),
        ("MOLECULE_ENV".to_owned(), "production".to_owned()),
        ("SECRETS_ENCRYPTION_KEY".to_owned(), KEY.to_owned()),
        ("PORT".to_owned(), "0".to_owned()),
    ]);
    let output = command(&variables, &["control-plane"]).output().unwrap();
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("KMS_KEY_ARN"), "{stderr}");
}

in_both_modes!(
    a_tenant_starts_with_a_boot_token_once,
    of_a_hundred_claims_one_succeeds,
    tokens_expire_and_cost_nothing_in_an_outage,
    a_tenants_key_is_rotated_and_destroyed,
    a_key_in_use_is_not_forgotten,
    tokens_long_expired_are_deleted,
    a_wrapped_key_opens_for_its_tenant_alone,
    a_control_plane_needs_kms_in_production,
);
