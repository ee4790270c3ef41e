//! How long it is kept: retention, purge, and the end of the process.

use serde_json::json;

use super::{list, path, report, summaries};
use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(what_is_acknowledged_survives_a_kill, a_purge_takes_it_along);

async fn what_is_acknowledged_survives_a_kill(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let mut reporting = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (admin, id) = (admin.clone(), id.clone());
        reporting.spawn(async move { report(&admin, &id, &n.to_string()).await });
    }
    reporting.join_all().await;
    server.kill();
    server.restart();
    assert_eq!(list(&server.admin(), &id, "?limit=500").await.len(), 100);
    report(&server.admin(), &id, "later").await;
    assert!(server.stop().success());
}

async fn a_purge_takes_it_along(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let other = admin.create(json!({"name": "Bo"})).await;
    report(&admin, &id, "gone").await;
    report(&admin, &other, "stays").await;
    admin.delete(&format!("/workspaces/{id}?confirm=true&purge=true")).await.expect(200);
    assert!(list(&admin, &id, "").await.is_empty());
    assert_eq!(summaries(&list(&admin, &other, "").await), ["stays"]);
    let search = admin.get(&format!("/workspaces/{id}/session-search?q=gone")).await.expect(200);
    assert_eq!(search, json!([]));
    assert_eq!(server.sql("SELECT CAST(count(*) AS text) FROM activity_logs").await, "1");
}

#[tokio::test]
async fn there_is_a_partition_for_each_of_the_next_days() {
    let server = Server::start(Mode::Production).await;
    let days = "SELECT count(*)::text FROM pg_inherits WHERE inhparent = 'activity_logs'::regclass";
    let made = || async { (server.sql(days).await == "3").then_some(()) };
    eventually("days", SOON, made).await;
    let names = "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text)
                 FROM pg_inherits WHERE inhparent = 'activity_logs'::regclass";
    let wanted = "SELECT string_agg('activity_logs_' || to_char(
                      now() AT TIME ZONE 'UTC' + n * interval '1 day', 'YYYYMMDD'), ' ' ORDER BY n)
                  FROM generate_series(0, 2) n";
    assert_eq!(server.sql(names).await, server.sql(wanted).await);
}

/// The day goes with its rows; rows for a day that nobody made ahead make it.
#[tokio::test]
async fn a_row_whose_day_was_dropped_is_not_lost() {
    let server = Server::start(Mode::Production).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    report(&admin, &id, "first").await;
    let drop = "DO $$ DECLARE day regclass; BEGIN
        FOR day IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'activity_logs'::regclass
        LOOP EXECUTE 'DROP TABLE ' || day; END LOOP; END $$";
    server.tamper(drop).await.unwrap();
    assert!(list(&admin, &id, "").await.is_empty());
    report(&admin, &id, "second").await;
    assert_eq!(summaries(&list(&admin, &id, "").await), ["second"]);
    admin.get(&format!("{}?type=x", path(&id))).await.expect(200);
}
