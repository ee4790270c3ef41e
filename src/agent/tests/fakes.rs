//! A platform and a model endpoint, small enough to be read at a glance.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The join token the fake platform accepts.
pub(super) const JOIN: &str = "join-token";

/// A request as the fake saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub bearer: Option<String>,
    pub workspace: Option<String>,
    pub body: Value,
}

/// What the fake has seen, and what it answers.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub registers: Vec<Seen>,
    pub beats: Vec<Seen>,
    pub patches: Vec<Seen>,
    /// The workspace's one live token.
    pub live: Option<String>,
    pub issued: usize,
    /// Answers instead of the usual one, with an optional `Retry-After`.
    pub register_status: Option<u16>,
    pub beat_status: Option<(u16, Option<u64>)>,
}

type Shared = Arc<Mutex<Facts>>;

/// A platform in a runtime of its own, so that stopping it cuts every
/// connection, as a killed process does.
pub(super) struct FakePlatform {
    facts: Shared,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl FakePlatform {
    pub(super) fn start() -> Self {
        let mut platform =
            Self { facts: Shared::default(), address: ([127, 0, 0, 1], 0).into(), runtime: None };
        platform.restart();
        platform
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock()
    }

    pub(super) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Listens again, on the same port.
    pub(super) fn restart(&mut self) {
        self.kill();
        let router = Router::new()
            .route("/registry/register", post(register))
            .route("/registry/heartbeat", post(heartbeat))
            .route("/workspaces/{id}", get(workspace).patch(patch))
            .with_state(Arc::clone(&self.facts));
        (self.runtime, self.address) = {
            let (runtime, address) = serve(router, self.address);
            (Some(runtime), address)
        };
    }
}

impl Drop for FakePlatform {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Serves `router` from a thread of its own.
#[expect(clippy::disallowed_methods, reason = "waits for a port, outside of any runtime")]
pub(super) fn serve(router: Router, address: SocketAddr) -> (Runtime, SocketAddr) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // The port of a killed server may take a moment to be free.
    let listener = (0..200).find_map(|_| {
        let listener = std::net::TcpListener::bind(address).ok();
        listener.or_else(|| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            None
        })
    });
    let listener = listener.unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    (runtime, address)
}

fn seen(headers: &HeaderMap, body: &[u8]) -> Seen {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    Seen {
        bearer: text("authorization")
            .map(|value| value.strip_prefix("Bearer ").unwrap().to_owned()),
        workspace: text("x-workspace-id"),
        body: serde_json::from_slice(body).unwrap_or_default(),
    }
}

fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

/// As contract 02 §1, with unknown ids only for holders of the join token.
async fn register(State(facts): State<Shared>, headers: HeaderMap, body: bytes::Bytes) -> Response {
    let mut facts = facts.lock();
    let request = seen(&headers, &body);
    facts.registers.push(request.clone());
    if let Some(status) = facts.register_status {
        return answer(status, json!({"error": "scripted"}));
    }
    let joins = request.bearer.as_deref() == Some(JOIN);
    if !joins && (facts.live.is_none() || request.bearer != facts.live) {
        return answer(401, json!({"error": "invalid workspace auth token"}));
    }
    if facts.live.is_some() {
        return answer(200, json!({"status": "registered"}));
    }
    facts.issued += 1;
    let token = format!("token-{}", facts.issued);
    facts.live = Some(token.clone());
    answer(200, json!({"status": "registered", "auth_token": token}))
}

async fn heartbeat(
    State(facts): State<Shared>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Response {
    let mut facts = facts.lock();
    let request = seen(&headers, &body);
    facts.beats.push(request.clone());
    if let Some((status, retry_after)) = facts.beat_status {
        let refused = answer(status, json!({"error": "scripted"}));
        return match retry_after {
            Some(seconds) => {
                ([(header::RETRY_AFTER, seconds.to_string())], refused).into_response()
            }
            None => refused,
        };
    }
    match facts.live.is_some() && request.bearer == facts.live {
        true => answer(200, json!({"status": "ok"})),
        false => answer(401, json!({"error": "invalid workspace auth token"})),
    }
}

async fn workspace(
    axum::extract::Path(id): axum::extract::Path<String>,
    State(facts): State<Shared>,
) -> Response {
    let patched = facts.lock().patches.last().map(|patch| patch.body["name"].clone());
    answer(200, json!({"id": id, "name": patched.unwrap_or(json!(id)), "role": null}))
}

async fn patch(State(facts): State<Shared>, headers: HeaderMap, body: bytes::Bytes) -> Response {
    facts.lock().patches.push(seen(&headers, &body));
    answer(200, json!({"status": "updated"}))
}
