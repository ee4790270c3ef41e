//! A wrong key is told from a right one before anything is served.

use serde_json::json;

use super::{KEY, OTHER_KEY, sealed, set, values, workspace};
use crate::in_both_modes;
use crate::support::{Mode, Server};

const ZERO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

async fn a_wrong_key_does_not_start(mode: Mode) {
    let mut server = sealed(mode).await;
    server.stop();
    for (settings, says) in [
        (vec![("SECRETS_ENCRYPTION_KEY", OTHER_KEY)], "SECRETS_ENCRYPTION_KEY: this database"),
        (vec![("SECRETS_ENCRYPTION_KEY", "")], "SECRETS_ENCRYPTION_KEY: no key is configured"),
        (
            vec![("SECRETS_ENCRYPTION_KEY", ""), ("MOLECULE_ENV", "production")],
            "SECRETS_ENCRYPTION_KEY",
        ),
        (vec![("SECRETS_ENCRYPTION_KEY", "short")], "SECRETS_ENCRYPTION_KEY=(hidden)"),
        (vec![("SECRETS_ENCRYPTION_KEY", ZERO_KEY)], "SECRETS_ENCRYPTION_KEY=(hidden)"),
    ] {
        let (status, stderr) = server.refuses(&settings);
        assert!(!status.success(), "{settings:?}");
        assert!(stderr.contains(says), "{settings:?}: {stderr}");
        for key in [KEY, OTHER_KEY] {
            assert!(!stderr.contains(key), "{stderr}");
        }
    }
    server.restart();
    server.admin().get("/workspaces").await.expect(200);
}

async fn a_changed_check_value_does_not_start(mode: Mode) {
    for tampering in [
        "UPDATE key_custody SET version = version + 1",
        "UPDATE key_custody SET tenant = 'somebody'",
        "UPDATE data_keys SET wrapped = substr(wrapped, 1, 40)",
        // With it goes the oldest format that is read: values in clear could be planted.
        "DELETE FROM key_custody",
    ] {
        let mut server = sealed(mode).await;
        set(&server.admin(), None, "A_KEY", "kept").await;
        server.stop();
        server.tamper(tampering).await.unwrap();
        let (status, stderr) = server.refuses(&[]);
        assert!(!status.success(), "{tampering}: {stderr}");
    }
}

/// A database whose format 1 rows another key sealed, opened for the first time.
async fn a_key_that_opens_no_older_row_does_not_start(mode: Mode) {
    let settings = [("SECRETS_ENCRYPTION_KEY", KEY), ("SECRETS_WRITE_FORMAT", "1")];
    let mut server = Server::with(mode, &settings).await;
    let id = workspace(&server.admin(), "one").await;
    set(&server.admin(), Some(&id), "A_KEY", "static").await;
    server.stop();
    // Values in clear come first, by id, and more than are tried.
    let clear = if mode == Mode::Production { "'\\x78'" } else { "x'78'" };
    let at = "'2026-01-01T00:00:00.000000Z'";
    let row = |n| {
        let row = format!("00000000-0000-4000-8000-0000000000{n:02}");
        format!("('{row}', '{id}', 'P_{n}', {clear}, 0, {at}, {at})")
    };
    let insert = format!(
        "INSERT INTO workspace_secrets (id, workspace_id, key, encrypted_value, encryption_version,
             created_at, updated_at) VALUES {}",
        (10..40).map(row).collect::<Vec<_>>().join(", ")
    );
    server.tamper(&insert).await.unwrap();
    // As if only the older server had ever been here.
    server.tamper("DELETE FROM key_custody").await.unwrap();
    server.tamper("DELETE FROM data_keys").await.unwrap();
    let (status, stderr) = server.refuses(&[("SECRETS_ENCRYPTION_KEY", OTHER_KEY)]);
    assert!(!status.success());
    assert!(stderr.contains("format 1 do not open"), "{stderr}");
    server.restart();
    assert_eq!(values(&server.admin(), &id).await["A_KEY"], json!("static"));
}

/// Tenants' databases do not mix.
async fn another_tenant_does_not_start(mode: Mode) {
    let settings = [("SECRETS_ENCRYPTION_KEY", KEY), ("MOLECULE_ORG_ID", "acme")];
    let mut server = Server::with(mode, &settings).await;
    server.stop();
    let (status, stderr) = server.refuses(&[("MOLECULE_ORG_ID", "other")]);
    assert!(!status.success());
    assert!(stderr.contains("belongs to another tenant"), "{stderr}");
    // The row alone does not decide: the tenant is part of the context.
    server.tamper("UPDATE key_custody SET tenant = 'other'").await.unwrap();
    let (status, stderr) = server.refuses(&[("MOLECULE_ORG_ID", "other")]);
    assert!(!status.success());
    assert!(stderr.contains("check value does not open"), "{stderr}");
}

/// The process's memory is not for others: no core file, not dumpable.
async fn the_process_is_hardened(mode: Mode) {
    let server = sealed(mode).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // Files of an undumpable process belong to root, whoever runs it; and a key is pinned.
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let locked = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
    let pages: u64 = locked.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(pages >= 4, "{locked}");
}

in_both_modes!(
    a_wrong_key_does_not_start,
    a_changed_check_value_does_not_start,
    a_key_that_opens_no_older_row_does_not_start,
    another_tenant_does_not_start,
    the_process_is_hardened,
);
