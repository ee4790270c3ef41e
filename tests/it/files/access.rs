//! Who may use the files, logs and terminal of a workspace: itself and its people, nobody else.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

use super::{at, folder, save, workspace};
use crate::in_both_modes;
use crate::support::{ADMIN, Mode, SOON, Server, eventually};

in_both_modes!(
    only_the_workspace_and_its_people_come_in,
    the_agents_token_stays_hidden,
    a_terminal_is_refused_before_it_opens,
    logs_are_refused_with_the_reason,
    what_is_removed_is_not_changed_any_more,
);

async fn only_the_workspace_and_its_people_come_in(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let (ada, bob) = (workspace(&admin, "Ada").await, workspace(&admin, "Bob").await);
    let own = server.bearer(&admin.register(&ada).await);
    let other = server.bearer(&admin.register(&bob).await);
    save(&own, &ada, "/mine.md", "mine").await.expect(200);
    let body = || Some(br#"{"content":"x","files":{"a":"x"}}"#.to_vec());
    for (method, path) in [
        (Method::GET, at(&ada, "")),
        (Method::GET, at(&ada, "/mine.md")),
        (Method::PUT, at(&ada, "/mine.md")),
        (Method::PUT, at(&ada, "")),
        (Method::DELETE, at(&ada, "/mine.md")),
        (Method::GET, format!("/workspaces/{ada}/config")),
        (Method::PATCH, format!("/workspaces/{ada}/config")),
        (Method::GET, format!("/workspaces/{ada}/shared-context")),
        (Method::GET, format!("/workspaces/{ada}/logs")),
    ] {
        for client in [&other, &server.anonymous(), &server.bearer("wrong")] {
            let reply = client.try_send(method.clone(), &path, body(), &[]).await.unwrap();
            reply.expect(401);
        }
    }
    assert_eq!(own.get(&at(&ada, "/mine.md")).await.expect(200)["content"], "mine");
}

async fn the_agents_token_stays_hidden(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    let configs = folder(&server, &id, "configs");
    std::fs::create_dir_all(&configs).unwrap();
    std::fs::write(configs.join(".auth_token"), "the-agents-own-token").unwrap();
    assert_eq!(admin.get(&at(&id, "?depth=5")).await.expect(200), json!([]));
    for path in ["/.auth_token", "/./.auth_token", "/%2eauth_token"] {
        let read = admin.get(&at(&id, path)).await;
        assert!(!read.text.contains("the-agents"), "{path}");
        assert!([400, 404].contains(&read.status.as_u16()), "{path}");
        save(&admin, &id, path, "x").await.expect(400);
        admin.delete(&at(&id, path)).await.expect(400);
    }
    let many = json!({"files": {"a": "x", ".auth_token": "x"}});
    admin.put(&at(&id, ""), many).await.expect(400);
    admin.get(&at(&id, "/a")).await.expect(404);
    let kept = std::fs::read_to_string(configs.join(".auth_token")).unwrap();
    assert_eq!(kept, "the-agents-own-token");
}

/// Tries to open a terminal and returns the status.
async fn terminal(
    server: &Server,
    id: &str,
    query: &str,
    headers: &[(&str, &str)],
) -> (u16, String) {
    let address = server.address.replace("http://", "ws://");
    let url = format!("{address}/workspaces/{id}/terminal{query}");
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    match connect_async(request).await {
        Ok((_, response)) => (response.status().as_u16(), String::new()),
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (response.status().as_u16(), String::from_utf8_lossy(&body).into_owned())
        }
        Err(error) => panic!("{error}"),
    }
}

async fn a_terminal_is_refused_before_it_opens(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let (ada, bob) = (workspace(&admin, "Ada").await, workspace(&admin, "Bob").await);
    let (own, other) = (admin.register(&ada).await, admin.register(&bob).await);
    let [people, own, other] = [ADMIN, &own, &other].map(|token| format!("Bearer {token}"));
    let auth = |bearer: &str| [("authorization".to_owned(), bearer.to_owned())];
    let with = |bearer: &str, more: &[(&str, &str)]| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        auth(bearer).into_iter().chain(more).collect::<Vec<_>>()
    };
    let outsider = "00000000-0000-4000-8000-000000000000";
    for (id, query, headers, status, text) in [
        (ada.as_str(), "", vec![], 401, "missing workspace auth token"),
        (&ada, "", with(&other, &[]), 401, "invalid workspace auth token"),
        (
            &ada,
            "",
            with(&own, &[("x-workspace-id", &bob)]),
            401,
            "invalid token for claimed workspace",
        ),
        (
            &ada,
            "",
            with(&people, &[("x-workspace-id", &bob)]),
            401,
            "invalid token for claimed workspace",
        ),
        (&ada, "", with(&own, &[("origin", "http://evil.example")]), 403, ""),
        (&ada, "?cols=0", with(&own, &[]), 400, "invalid query parameter"),
        (&ada, "?rows=1001", with(&own, &[]), 400, "invalid query parameter"),
        // No agent of this server's own.
        (&ada, "", with(&own, &[("x-workspace-id", &ada)]), 404, "container not running"),
        (&ada, "", with(&people, &[]), 404, "container not running"),
        (outsider, "", with(&people, &[]), 404, "workspace not found"),
    ] {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let (told, body) = terminal(&server, id, query, &headers).await;
        assert_eq!(told, status, "{query} {headers:?}: {body}");
        assert!(body.contains(text), "{query} {headers:?}: {body}");
    }
    let plain = admin.get(&format!("/workspaces/{ada}/terminal")).await;
    plain.expect(400);
    let log = admin.get(&format!("/workspaces/{ada}/activity?type=terminal")).await.expect(200);
    assert_eq!(log, json!([]), "no terminal was opened");
}

async fn logs_are_refused_with_the_reason(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    let logs = |query: &str| format!("/workspaces/{id}/logs{query}");
    for query in ["?tail=0", "?tail=10001", "?tail=x", "?follow=maybe"] {
        let told = admin.get(&logs(query)).await.expect(400);
        assert_eq!(told["error"], "invalid query parameter", "{query}");
    }
    let told = admin.get(&logs("")).await.expect(409);
    assert_eq!(told["error"], "its agent is not run by this server");
    let nobody = "/workspaces/00000000-0000-4000-8000-000000000000/logs";
    admin.get(nobody).await.expect(404);
}

async fn what_is_removed_is_not_changed_any_more(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    save(&admin, &id, "/a", "x").await.expect(200);
    admin.delete(&format!("/workspaces/{id}")).await.expect(200);
    eventually("removed workspace", SOON, || async {
        (admin.status(&id).await == "removed").then_some(())
    })
    .await;
    save(&admin, &id, "/a", "y").await.expect(410);
    admin.put(&at(&id, ""), json!({"files": {"a": "y"}})).await.expect(410);
    admin.delete(&at(&id, "/a")).await.expect(410);
    admin.patch(&format!("/workspaces/{id}/config"), json!({"a": 1})).await.expect(410);
    assert_eq!(admin.get(&at(&id, "/a")).await.expect(200)["content"], "x");
    let bearer = format!("Bearer {ADMIN}");
    let headers = [("authorization", bearer.as_str())];
    let refused =
        tokio::time::timeout(Duration::from_secs(10), terminal(&server, &id, "", &headers));
    assert_eq!(refused.await.unwrap().0, 410);
}
