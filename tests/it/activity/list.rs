//! Lists, their conditions and their pages.

use serde_json::{Value, json};

use super::{list, path, report, summaries};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(conditions_hold_together, pages_are_whole_while_rows_are_added);

async fn conditions_hold_together(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let body = |kind: &str, status: &str, method: &str, summary: &str| json!({"activity_type": kind, "status": status, "method": method, "summary": summary});
    for body in [
        body("agent_log", "ok", "", "one"),
        body("error", "error", "run", "two"),
        body("agent_log", "error", "run", "three"),
    ] {
        admin.post(&path(&id), body).await.expect(200);
    }
    let notify = format!("/workspaces/{id}/notify");
    admin.post(&notify, json!({"message": "four"})).await.expect(200);
    let times: Vec<String> = list(&admin, &id, "").await.iter().rev().map(time).collect();
    let since = format!("?since={}", times[1]);
    let until = format!("?until={}&status=error", times[2]);
    for (query, wanted) in [
        ("", vec!["Agent message: four", "three", "two", "one"]),
        ("?limit=2", vec!["Agent message: four", "three"]),
        ("?limit=0", vec!["Agent message: four", "three", "two", "one"]),
        ("?type=agent_log", vec!["three", "one"]),
        ("?type=nothing", vec![]),
        ("?source=canvas", vec!["Agent message: four"]),
        ("?source=agent", vec!["three", "two", "one"]),
        ("?source=", vec!["Agent message: four", "three", "two", "one"]),
        ("?status=error&method=run&type=error", vec!["two"]),
        ("?type=a2a_receive&source=canvas&limit=50", vec!["Agent message: four"]),
        (&since, vec!["Agent message: four", "three", "two"]),
        (&until, vec!["three", "two"]),
    ] {
        assert_eq!(summaries(&list(&admin, &id, query).await), wanted, "{query}");
    }
    for (query, field, error) in [
        ("?source=people", "source", "source must be 'canvas' or 'agent'"),
        ("?since=noon", "since", "invalid query parameter"),
        ("?cursor=AAAA", "cursor", "invalid query parameter"),
    ] {
        let refused = admin.get(&format!("{}{query}", path(&id))).await.expect(400);
        assert_eq!((&refused["field"], &refused["error"]), (&json!(field), &json!(error)));
    }
}

fn time(item: &Value) -> String {
    item["created_at"].as_str().unwrap().replace('+', "%2B")
}

async fn pages_are_whole_while_rows_are_added(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let mut reporting = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (admin, id) = (admin.clone(), id.clone());
        reporting.spawn(async move { report(&admin, &id, &format!("old {n}")).await });
    }
    reporting.join_all().await;
    let adding = tokio::spawn({
        let (admin, id) = (admin.clone(), id.clone());
        async move {
            for n in 0..40 {
                report(&admin, &id, &format!("new {n}")).await;
            }
        }
    });
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("{}?limit=7{cursor}", path(&id))).await;
        let items = page.expect(200);
        let items = items.as_array().unwrap();
        seen.extend(items.iter().map(|item| item["summary"].as_str().unwrap().to_owned()));
        match page.header("x-next-cursor") {
            "" => break,
            next => cursor = format!("&cursor={next}"),
        }
        assert_eq!(items.len(), 7, "only the last page may be short");
    }
    adding.await.unwrap();
    let mut old: Vec<_> = seen.iter().filter(|summary| summary.starts_with("old")).collect();
    assert_eq!(old.len(), 60, "no gaps");
    old.sort();
    old.dedup();
    assert_eq!(old.len(), 60, "no doubles");
    let whole = admin.get(&format!("{}?limit=500", path(&id))).await;
    assert_eq!(
        (whole.expect(200).as_array().unwrap().len(), whole.header("x-next-cursor")),
        (100, "")
    );
}
