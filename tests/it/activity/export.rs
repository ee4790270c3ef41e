//! Exports.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{list, path, report};
use crate::in_both_modes;
use crate::support::client::Reply;
use crate::support::{Mode, Server};

in_both_modes!(an_export_has_every_row_once_and_in_order);

fn lines(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    assert!(reply.text.is_empty() || reply.text.ends_with('\n'));
    reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn an_export_has_every_row_once_and_in_order(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let other = admin.create(json!({"name": "Bo"})).await;
    let agent = server.bearer(&server.anonymous().register(&id).await);
    let mut reporting = tokio::task::JoinSet::new();
    for n in 0..450 {
        let (admin, id) = (admin.clone(), id.clone());
        reporting.spawn(async move { report(&admin, &id, &n.to_string()).await });
    }
    reporting.join_all().await;
    report(&admin, &other, "other").await;
    let body =
        json!({"activity_type": "error", "summary": "last\nline", "request_body": {"a": "b\n"}});
    admin.post(&path(&id), body).await.expect(200);

    let mut of_one = lines(&agent.get(&format!("{}/export", path(&id))).await);
    assert_eq!(of_one.len(), 451);
    // As times: the texts have as many digits as they need.
    let time = |row: &Value| row["created_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(of_one.is_sorted_by_key(time));
    assert_eq!(of_one.last().unwrap()["summary"], "last\nline");
    let newest = list(&admin, &id, "?limit=1").await;
    assert_eq!(of_one.last(), newest.first(), "a line is an item of the list");
    of_one.sort_by_key(|row| row["id"].as_str().unwrap().to_owned());
    of_one.dedup_by_key(|row| row["id"].clone());
    assert_eq!(of_one.len(), 451, "no doubles");

    let since = newest[0]["created_at"].as_str().unwrap();
    let all = |query: String| {
        let admin = admin.clone();
        async move { lines(&admin.get(&format!("/activity/export{query}")).await).len() }
    };
    assert_eq!(all(String::new()).await, 452);
    assert_eq!(all("?type=error".to_owned()).await, 1);
    assert_eq!(all(format!("?workspace_id={other}")).await, 1);
    assert_eq!(all(format!("?since={since}&workspace_id={id}")).await, 1);
    assert_eq!(all("?until=2001-01-01T00:00:00Z".to_owned()).await, 0);
    for (query, field) in [("?since=x", "since"), ("?workspace_id=x", "workspace_id")] {
        let refused = admin.get(&format!("/activity/export{query}")).await.expect(400);
        assert_eq!(refused["field"], field);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_ends_with_its_server_after_a_whole_line() {
    let mut server = Server::start(Mode::Embedded).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let mut reporting = tokio::task::JoinSet::new();
    for _ in 0..600 {
        let (admin, id) = (admin.clone(), id.clone());
        let body = json!({"activity_type": "agent_log", "request_body": "x".repeat(60_000)});
        reporting.spawn(async move { admin.post(&path(&id), body).await.expect(200) });
    }
    reporting.join_all().await;
    let url = format!("{}/activity/export", server.address);
    let client = reqwest::Client::new().get(url).bearer_auth(crate::support::ADMIN);
    let mut reply = client.send().await.unwrap();
    let mut text = reply.chunk().await.unwrap().unwrap().to_vec();
    // Nobody reads on while the server stops: 36 MB do not fit between the two.
    let status = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    assert!(status.success(), "{status}");
    let ended = loop {
        match reply.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) => break "whole",
            Err(_) => break "incomplete",
        }
    };
    let whole = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(ended, "incomplete", "{whole} of 600 rows");
    assert!((1..600).contains(&whole));
}
