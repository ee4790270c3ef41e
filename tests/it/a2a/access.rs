//! Who may send to whom.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{bare, hosted, path};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(callers_are_who_they_say, strangers_are_turned_away, budgets_are_kept);

const FORGED: &str = "invalid caller ID";
const MISSING: &str = "missing caller auth token";
const INVALID: &str = "invalid caller auth token";
const DENIED: &str = "access denied: workspaces cannot communicate per hierarchy rules";

async fn callers_are_who_they_say(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let target = hosted(&admin, "target").await;
    let peer = admin.create(json!({"name": "peer"})).await;
    let child = admin.create(json!({"name": "child", "parent_id": peer})).await;
    let fresh = admin.create(json!({"name": "fresh"})).await;
    let peer_token = server.anonymous().register(&peer).await;
    let child_token = server.anonymous().register(&child).await;
    let org = admin.post("/org/tokens", json!({"name": "ci"})).await;
    let org = org.json()["auth_token"].as_str().unwrap().to_owned();

    let (nobody, wrong) = (server.anonymous(), server.bearer("wrong"));
    let (as_peer, as_child) = (server.bearer(&peer_token), server.bearer(&child_token));
    let as_org = server.bearer(&org);
    let table = [
        (&admin, "", 200, ""),
        (&as_org, "", 200, ""),
        (&nobody, "", 401, MISSING),
        (&wrong, "", 401, INVALID),
        // A workspace's token is that workspace's, header or not.
        (&as_peer, peer.as_str(), 200, ""),
        (&as_peer, "", 200, ""),
        (&as_child, child.as_str(), 403, DENIED),
        (&as_child, "", 403, DENIED),
        // Nobody speaks for another one, the administrator included.
        (&as_child, peer.as_str(), 401, INVALID),
        (&admin, peer.as_str(), 401, INVALID),
        (&as_org, peer.as_str(), 401, INVALID),
        (&nobody, peer.as_str(), 401, MISSING),
        (&wrong, peer.as_str(), 401, INVALID),
        // Neither for the target itself, nor for one that has no token yet.
        (&nobody, target.as_str(), 401, MISSING),
        (&as_peer, target.as_str(), 401, INVALID),
        (&nobody, fresh.as_str(), 401, MISSING),
        (&admin, "webhook:github", 403, FORGED),
        (&nobody, "system:restart-context", 403, FORGED),
        (&as_peer, "test:x", 403, FORGED),
        (&as_peer, "channel:x", 403, FORGED),
        (&as_peer, "somebody", 401, INVALID),
    ];
    for (number, (client, header, status, error)) in table.into_iter().enumerate() {
        let body = bare("hello").to_string().into_bytes();
        let headers: &[_] = if header.is_empty() { &[] } else { &[("x-workspace-id", header)] };
        let reply = client.try_send(Method::POST, &path(&target), Some(body), headers).await;
        let body = reply.unwrap().expect(status);
        assert_eq!(body["error"].as_str().unwrap_or_default(), error, "row {number}: {body}");
    }
    // To itself: an agent's first prompt to itself.
    let headers = [("x-workspace-id", peer.as_str())];
    let body = bare("wake up").to_string().into_bytes();
    let own = as_peer.try_send(Method::POST, &path(&peer), Some(body), &headers).await.unwrap();
    assert_eq!(own.expect(502)["error"], "workspace URL is not publicly routable");
    // With a session.
    let login = server.anonymous().get(server.link.strip_prefix(&server.address).unwrap()).await;
    let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
    let headers = [("cookie", cookie.as_str())];
    let body = bare("from a person").to_string().into_bytes();
    let reply = nobody.try_send(Method::POST, &path(&target), Some(body), &headers).await;
    reply.unwrap().expect(200);
}

async fn strangers_are_turned_away(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    for id in [Uuid::new_v4().to_string(), "nonsense".to_owned()] {
        let unknown = admin.post(&path(&id), bare("hello")).await.expect(404);
        assert_eq!(unknown["error"], "workspace not found");
    }
    let waiting = admin.create(json!({"name": "waiting"})).await;
    let mut body = bare("hello");
    // Whoever streams cannot wait.
    body["method"] = json!("message/stream");
    let reply = admin.post(&path(&waiting), body).await;
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!(seconds > 0);
    let away = reply.expect(503);
    assert_eq!(away["error"], "workspace has no URL");
    assert_eq!(away["status"], "provisioning");
}

async fn budgets_are_kept(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "spender", "budget_limit": 100})).await;
    let agent = server.bearer(&server.anonymous().register(&id).await);
    agent.beat(&id, json!({"monthly_spend": 99})).await.expect(200);
    admin.post(&path(&id), bare("hello")).await.expect(502);
    agent.beat(&id, json!({"monthly_spend": 100})).await.expect(200);
    let refused = admin.post(&path(&id), bare("hello")).await.expect(402);
    assert_eq!(refused["error"], "workspace budget limit exceeded");
}
