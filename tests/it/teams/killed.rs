//! The server is killed in the middle of an import: afterwards each workspace exists whole or not
//! at all, none twice, and the import goes on where it ended.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::organisations::company;
use super::{NOBODY, configs, furnished, text};
use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(
    an_import_that_was_cut_goes_on,
    a_cut_import_with_agents_ends_online,
    files_outlive_a_database_that_does_not_know_them,
);

/// Kills the server once so many workspaces have files; returns whether the import was answered.
async fn cut(server: &mut Server, body: &Value, furnished_first: usize) -> bool {
    let admin = server.admin();
    let bytes = json!({"template": body}).to_string().into_bytes();
    let importing = tokio::spawn(async move {
        let headers = [("idempotency-key", "cut")];
        admin.try_send(Method::POST, "/org/import", Some(bytes), &headers).await.is_ok()
    });
    let began = async {
        while furnished(server).len() < furnished_first && !importing.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(SOON, began).await.unwrap();
    server.kill();
    importing.await.unwrap()
}

async fn whole(server: &Server) -> Vec<Value> {
    let all = server.admin().get("/workspaces").await.expect(200);
    let all = all.as_array().unwrap().clone();
    let rows: BTreeSet<String> = all.iter().map(|view| text(&view["id"])).collect();
    let folders: BTreeSet<String> = furnished(server).into_iter().collect();
    assert_eq!(rows, folders, "a row has its files, and files have their row");
    for id in &rows {
        assert!(configs(server, id).join("config.yaml").exists());
    }
    let names: BTreeSet<_> = all.iter().map(|view| text(&view["name"])).collect();
    assert_eq!(names.len(), all.len(), "none is there twice");
    all
}

async fn an_import_that_was_cut_goes_on(mode: Mode) {
    let mut server = Server::with(mode, &[NOBODY]).await;
    let company = company(100);
    for furnished_first in [1, 40, 99, 100] {
        cut(&mut server, &company, furnished_first).await;
        server.restart();
        let there = whole(&server).await.len();
        assert!(there == 0 || there == 100, "one transaction: {there}");
    }
    let body = json!({"template": company}).to_string().into_bytes();
    let headers = [("idempotency-key", "cut")];
    let admin = server.admin();
    let sent = admin.try_send(Method::POST, "/org/import", Some(body), &headers).await;
    assert_eq!(sent.unwrap().expect(201)["count"], 100);
    assert_eq!(whole(&server).await.len(), 100);
    server.stop();
    let (status, said) = server.verify();
    assert!(status.success(), "{said}");
}

async fn files_outlive_a_database_that_does_not_know_them(mode: Mode) {
    let mut server = Server::with(mode, &[NOBODY]).await;
    let admin = server.admin();
    let lead = admin.create(json!({"name": "Team Lead", "template": "team-lead"})).await;
    admin.post(&format!("/workspaces/{lead}/expand"), json!({})).await.expect(200);
    let bundle = admin.get(&format!("/bundles/export/{lead}")).await.expect(200);
    admin.post("/bundles/import", bundle).await.expect(201);
    let template = json!({"template": company(3)});
    let bytes = template.to_string().into_bytes();
    let headers = [("idempotency-key", "twice")];
    let sent = admin.try_send(Method::POST, "/org/import", Some(bytes.clone()), &headers).await;
    sent.unwrap().expect(201);
    let there: BTreeSet<String> = furnished(&server).into_iter().collect();
    assert_eq!(there.len(), 11);
    // As after the restore of a copy that was taken before all of them.
    server.kill();
    server.forget_database().await;
    server.restart();
    let admin = server.admin();
    assert_eq!(admin.get("/workspaces").await.expect(200), json!([]));
    let left: BTreeSet<String> = furnished(&server).into_iter().collect();
    assert_eq!(left, there);
    // The ids of a repeated import are the same: it must not write over them.
    let sent = admin.try_send(Method::POST, "/org/import", Some(bytes), &headers).await;
    let told = sent.unwrap().expect(207);
    let reason = told["error"].as_str().unwrap();
    assert!(reason.contains("it exists already"), "{told}");
    for id in &there {
        assert!(configs(&server, id).join("config.yaml").exists());
    }
}

async fn a_cut_import_with_agents_ends_online(mode: Mode) {
    let mut server = Server::with(mode, &[("ISOMER_HOSTED_AGENTS", "40")]).await;
    let company = company(24);
    cut(&mut server, &company, 12).await;
    server.restart();
    let body = json!({"template": company}).to_string().into_bytes();
    let headers = [("idempotency-key", "cut")];
    let admin = server.admin();
    let sent = admin.try_send(Method::POST, "/org/import", Some(body), &headers).await;
    sent.unwrap().expect(201);
    eventually("every agent", Duration::from_secs(60), || async {
        let all = admin.get("/workspaces").await.json();
        let all = all.as_array()?;
        let online = all.iter().filter(|view| view["status"] == "online").count();
        (all.len() == 24 && online == 24).then_some(())
    })
    .await;
}
