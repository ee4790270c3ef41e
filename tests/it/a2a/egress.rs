//! The way out: where it never leads, and how long and how much it takes at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::serve::ListenerExt as _;
use reqwest::Method;
use serde_json::json;
use tokio::sync::Barrier;

use super::{bare, hosted, path};
use crate::in_both_modes;
use crate::support::scripted::Scripted;
use crate::support::{Client, Mode, SOON, Server};

in_both_modes!(
    forbidden_addresses_are_refused_when_sending,
    agents_that_misbehave_are_bounded,
    where_agents_are_is_known_after_a_restart,
);

fn answer(status: &str, head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Agents on this machine: the addresses of development.
async fn on_loopback(mode: Mode) -> Server {
    Server::with(mode, &[("MOLECULE_ENV", "development")]).await
}

async fn send(
    client: &Client,
    id: &str,
    headers: &[(&str, &str)],
) -> crate::support::client::Reply {
    let body = bare("what is said").to_string().into_bytes();
    client.try_send(Method::POST, &path(id), Some(body), headers).await.unwrap()
}

async fn forbidden_addresses_are_refused_when_sending(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    // A name may be registered; what it resolves to is seen when it counts.
    let inside = Scripted::start(answer("200 OK", "", "{}")).await;
    let (id, _) = inside.join(&admin, "inside").await;
    let refused = send(&admin, &id, &[]).await.expect(502);
    assert_eq!(refused["error"], "workspace URL is not publicly routable");

    // A hosted agent is reached where this server put it, and nowhere else.
    let ada = hosted(&admin, "Ada").await;
    send(&admin, &ada, &[]).await.expect(200);
    let url = format!("http://localhost:{}", inside.port);
    let agent = server.bearer(&server.agent_token(&ada));
    let body = json!({"id": ada, "url": url, "agent_card": {"name": "Ada"}});
    agent.post("/registry/register", body).await.expect(200);
    send(&admin, &ada, &[]).await.expect(502);
    assert_eq!(inside.requests(), [""; 0]);
}

async fn agents_that_misbehave_are_bounded(mode: Mode) {
    let server = on_loopback(mode).await;
    let admin = server.admin();

    let elsewhere = Scripted::start(answer("200 OK", "", "{}")).await;
    let location = format!("Location: http://localhost:{}/\r\n", elsewhere.port);
    let redirect = Scripted::start(answer("307 Temporary Redirect", &location, "")).await;
    let (id, _) = redirect.join(&admin, "redirects").await;
    let reply = send(&admin, &id, &[]).await;
    assert_eq!(reply.header("location"), "");
    assert_eq!(reply.expect(307)["error"], "Temporary Redirect");
    assert_eq!(elsewhere.requests(), [""; 0]);

    let long = "x".repeat((10 << 20) + 1);
    for head in ["Content-Length: 10485761\r\n", ""] {
        let text = format!("HTTP/1.1 200 OK\r\n{head}Connection: close\r\n\r\n{long}");
        let (id, _) = Scripted::start(text).await.join_for_good(&admin, "long").await;
        let refused = send(&admin, &id, &[]).await.expect(502);
        assert_eq!(refused["error"], "agent response is too large");
        assert_eq!(refused["delivery_confirmed"], true);
    }

    let silent = Scripted::start("").await;
    let (id, _) = silent.join(&admin, "silent").await;
    let busy = send(&admin, &id, &[("x-timeout", "1")]).await.expect(202);
    let queued = "workspace agent busy — request queued, will dispatch when capacity available";
    assert_eq!((&busy["queued"], &busy["message"]), (&json!(true), &json!(queued)));
    silent.left().await;
    // Whoever streams cannot wait.
    let mut body = bare("what is said");
    body["method"] = json!("message/stream");
    let headers = [("x-timeout", "1")];
    let body = Some(body.to_string().into_bytes());
    let reply = admin.try_send(Method::POST, &path(&id), body, &headers).await.unwrap();
    assert_eq!(reply.header("retry-after"), "30");
    let busy = reply.expect(503);
    assert_eq!(busy["error"], "workspace agent busy — retry after a short backoff");
    assert_eq!((&busy["busy"], &busy["retry_after"]), (&json!(true), &json!(30)));

    for (script, status, error) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 502, "failed to read agent response"),
        (&answer("429 Too Many Requests", "", r#"{"error":"quota"}"#), 429, "quota"),
        (&answer("500 Internal Server Error", "", "<html>"), 500, "Internal Server Error"),
    ] {
        let (id, _) = Scripted::start(script).await.join_for_good(&admin, "odd").await;
        let reply = send(&admin, &id, &[]).await.expect(status);
        assert_eq!(reply["error"], error, "{script:?}");
    }

    let agent = Scripted::start(answer("201 Created", "", r#"{"n":1.50}"#)).await;
    let (id, _) = agent.join(&admin, "plain").await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let passed = [
        ("traceparent", trace),
        ("a2a-version", "1.0"),
        ("a2a-extensions", "urn:one"),
        ("x-a2a-extensions", "urn:two"),
    ];
    let reply = send(&admin, &id, &passed).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (201, r#"{"n":1.50}"#));
    let seen = agent.requests().concat();
    for (name, value) in passed {
        assert!(seen.contains(&format!("\r\n{name}: {value}\r\n")), "{name}: {seen}");
    }
    assert!(!seen.to_lowercase().contains("authorization"), "no credential is passed on");
    drop(agent);
    let unreachable = send(&admin, &id, &[]).await.expect(502);
    assert_eq!(unreachable["error"], "failed to reach workspace agent");
}

async fn where_agents_are_is_known_after_a_restart(mode: Mode) {
    let mut server = on_loopback(mode).await;
    let agent = Scripted::start(answer("200 OK", "", r#"{"still":"here"}"#)).await;
    let (id, token) = agent.join(&server.admin(), "lasting").await;
    server.kill();
    server.restart();
    let reply = send(&server.admin(), &id, &[]).await;
    assert_eq!(reply.expect(200), json!({"still": "here"}));
    // Its own limit, once it declares one; the server's would be minutes.
    let silent = Scripted::start("").await;
    let url = format!("http://localhost:{}", silent.port);
    let body = json!({"id": id, "url": url, "agent_card": {"name": "lasting"}});
    let own = server.bearer(&token);
    own.post("/registry/register", body).await.expect(200);
    let declared = json!({"idle_timeout_seconds": 1, "capabilities": {"session": true}});
    own.beat(&id, json!({"runtime_metadata": declared})).await.expect(200);
    let busy = send(&server.admin(), &id, &[]).await.expect(503);
    assert_eq!(busy["native_session"], true, "{busy}");
    silent.left().await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_call_along() {
    let server = on_loopback(Mode::Embedded).await;
    let admin = server.admin();
    let silent = Scripted::start("").await;
    let (id, _) = silent.join(&admin, "silent").await;
    let call = tokio::spawn({
        let (admin, id) = (admin.clone(), id.clone());
        async move { send(&admin, &id, &[]).await }
    });
    crate::support::eventually("request", SOON, || async {
        (!silent.requests().is_empty()).then_some(())
    })
    .await;
    call.abort();
    silent.left().await;
}

#[tokio::test]
async fn a_stream_is_not_held_back_and_ends_with_its_reader() {
    let server = on_loopback(Mode::Embedded).await;
    let admin = server.admin();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n";
    let agent = Scripted::start_open(head).await;
    let (id, _) = agent.join(&admin, "streams").await;
    let mut reply = reqwest::Client::new()
        .post(format!("{}{}", server.address, path(&id)))
        .bearer_auth(crate::support::ADMIN)
        .body(bare("go").to_string())
        .send()
        .await
        .unwrap();
    let first = tokio::time::timeout(SOON, reply.chunk()).await.unwrap().unwrap().unwrap();
    assert_eq!(first, "data: first\n\n");
    drop(reply);
    agent.left().await;
}

#[tokio::test]
async fn connections_of_a_busy_agent_are_used_again() {
    const AT_ONCE: usize = 32;
    const WAVES: usize = 6;
    let server = on_loopback(Mode::Embedded).await;
    let admin = server.admin();
    let agent = Lively::start(AT_ONCE).await;
    let body = json!({"name": "busy", "external": true});
    let id = admin.post("/workspaces", body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let url = format!("http://localhost:{}", agent.port);
    let body = json!({"id": id, "url": url, "agent_card": {"name": "busy"}});
    admin.post("/registry/register", body).await.expect(200);
    for _ in 0..WAVES {
        let mut wave = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (admin, id) = (admin.clone(), id.clone());
            wave.spawn(async move { send(&admin, &id, &[]).await.expect(200) });
        }
        wave.join_all().await;
    }
    let made = agent.connections.load(Ordering::Acquire);
    assert!(made < 2 * AT_ONCE, "{made} connections for {AT_ONCE} messages at once");
}

/// An agent that keeps its connections, and answers when as many messages are there as it waits for.
struct Lively {
    port: u16,
    connections: Arc<AtomicUsize>,
    work: tokio::task::JoinHandle<()>,
}

impl Lively {
    async fn start(at_once: usize) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        let listener = listener.tap_io(move |_| _ = counted.fetch_add(1, Ordering::AcqRel));
        let all = Arc::new(Barrier::new(at_once));
        let answer = || async move {
            all.wait().await;
            "{}"
        };
        let routes = axum::Router::new().fallback(answer);
        let work = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { port, connections, work }
    }
}

impl Drop for Lively {
    fn drop(&mut self) {
        self.work.abort();
    }
}

#[tokio::test]
async fn silence_between_two_pieces_ends_a_stream() {
    let settings = [("MOLECULE_ENV", "development"), ("A2A_IDLE_TIMEOUT_SECONDS", "1")];
    let server = Server::with(Mode::Embedded, &settings).await;
    let admin = server.admin();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n";
    let agent = Scripted::start_open(head).await;
    let (id, _) = agent.join(&admin, "streams").await;
    let body = bare("go").to_string().into_bytes();
    let cut = admin.try_send(Method::POST, &path(&id), Some(body), &[]).await;
    assert!(cut.is_err(), "the end of the stream is not the agent's: {cut:?}");
    agent.left().await;
}
