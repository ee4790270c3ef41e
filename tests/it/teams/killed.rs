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

/// How long a hundred agents may take on a busy machine.
const LONG: Duration = Duration::from_secs(90);

in_both_modes!(
    an_import_that_was_cut_goes_on,
    a_cut_import_of_a_hundred_agents_ends_online,
    files_outlive_a_database_that_does_not_know_them,
);

/// Sends the import and kills the server once `now` says so, which is told whether the import has been
/// answered.
async fn cut(server: &mut Server, body: &Value, now: impl Fn(&Server, bool) -> bool) {
    let admin = server.admin();
    let bytes = json!({"template": body}).to_string().into_bytes();
    let importing = tokio::spawn(async move {
        let headers = [("idempotency-key", "cut")];
        admin.try_send(Method::POST, "/org/import", Some(bytes), &headers).await.is_ok()
    });
    let began = async {
        while !now(server, importing.is_finished()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, began).await.unwrap();
    server.kill();
    importing.await.unwrap();
}

/// Returns when so many workspaces have files, or all.
fn furnished_first(count: usize) -> impl Fn(&Server, bool) -> bool {
    move |server, answered| answered || furnished(server).len() >= count
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
    for count in [1, 40, 99, 100] {
        cut(&mut server, &company, furnished_first(count)).await;
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

/// An agent's process, by the marks in its environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Running {
    workspace: String,
    run: String,
    /// Which start of a server began it.
    server: String,
}

/// Returns what runs of this data folder, whichever server began it.
fn running(server: &Server) -> BTreeSet<Running> {
    let file = server.files("").join("../installation");
    let Ok(installation) = std::fs::read_to_string(file) else { return BTreeSet::new() };
    let wanted = format!("ISOMER_INSTALLATION={}", installation.trim());
    let marked = |process: std::fs::DirEntry| {
        let environment = std::fs::read(process.path().join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment);
        let entries: Vec<&str> = environment.split('\0').collect();
        entries.iter().find(|entry| **entry == wanted)?;
        let mark = |name: &str| {
            let value =
                |entry: &&str| Some(entry.strip_prefix(name)?.strip_prefix('=')?.to_owned());
            entries.iter().find_map(value)
        };
        Some(Running {
            workspace: mark("WORKSPACE_ID")?,
            run: mark("ISOMER_RUN")?,
            server: mark("ISOMER_SERVER")?,
        })
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(marked).collect()
}

async fn a_cut_import_of_a_hundred_agents_ends_online(mode: Mode) {
    const ALL: usize = 100;
    let mut server = Server::with(mode, &[("ISOMER_HOSTED_AGENTS", "200")]).await;
    let company = company(ALL);
    let import = async |server: &Server| {
        let body = json!({"template": &company}).to_string().into_bytes();
        let headers = [("idempotency-key", "cut")];
        let admin = server.admin();
        let sent = admin.try_send(Method::POST, "/org/import", Some(body), &headers).await;
        assert_eq!(sent.unwrap().expect(201)["count"], ALL);
    };
    // First while files are written, then while agents start.
    cut(&mut server, &company, furnished_first(ALL / 2)).await;
    server.restart();
    whole(&server).await;
    cut(&mut server, &company, |server, _| running(server).len() >= ALL / 4).await;
    let killed: BTreeSet<String> = running(&server).into_iter().map(|one| one.server).collect();
    server.restart();
    import(&server).await;
    let admin = server.admin();
    eventually("every agent", LONG, || async {
        let all = admin.get("/workspaces").await.json();
        let online = all.as_array()?.iter().filter(|view| view["status"] == "online").count();
        (online == ALL).then_some(())
    })
    .await;
    let rows: BTreeSet<String> =
        whole(&server).await.iter().map(|view| text(&view["id"])).collect();
    let there = running(&server);
    let served: BTreeSet<String> = there.iter().map(|one| one.workspace.clone()).collect();
    assert_eq!((rows.len(), &served), (ALL, &rows), "what runs is what is wanted");
    assert_eq!(there.len(), ALL, "no workspace runs twice: {there:?}");
    assert!(there.iter().all(|one| !killed.contains(&one.server)), "the killed server's are gone");
    server.stop();
    eventually("end of all agents", SOON, || async { running(&server).is_empty().then_some(()) })
        .await;
}
