//! An agent that does as it is told, and remembers what it was given.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{Client, SOON, eventually};

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// With the text it was given.
    Echo,
    /// With this status.
    Refuse(u16),
    /// Not at all: it closes the connection.
    HangUp,
    /// With the text, after a while.
    Slow(Duration),
}

struct Inner {
    mood: Mood,
    requests: Vec<(HeaderMap, Value)>,
}

/// A listener of the test.
pub struct Agent {
    pub port: u16,
    inner: Arc<Mutex<Inner>>,
    /// Its own, so that its end is the end of its connections, too.
    process: Option<Runtime>,
}

impl Agent {
    pub async fn start(mood: Mood) -> Self {
        Self::start_at(0, mood).await
    }

    /// Listens at a port, which may just have been left.
    pub async fn start_at(port: u16, mood: Mood) -> Self {
        let bind = || async { TcpListener::bind(("127.0.0.1", port)).await.ok() };
        let listener = eventually("free port", SOON, bind).await;
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Mutex::new(Inner { mood, requests: Vec::new() }));
        let process = Some(serve(listener, &inner));
        Self { port, inner, process }
    }

    /// Kills it in the middle of whatever it does, and starts it again.
    pub async fn kill(&mut self) {
        self.process.take().unwrap().shutdown_background();
        let bind = || async { TcpListener::bind(("127.0.0.1", self.port)).await.ok() };
        let listener = eventually("free port", SOON, bind).await;
        self.process = Some(serve(listener, &self.inner));
    }

    /// Joins as the agent of a workspace that exists; `token` is the workspace's, if it has one.
    pub async fn register(&self, client: &Client, id: &str) -> String {
        let body = json!({
            "id": id,
            "url": format!("http://localhost:{}", self.port),
            "agent_card": {"name": "agent"},
        });
        let registered = client.post("/registry/register", body).await.expect(200);
        registered["auth_token"].as_str().unwrap_or_default().to_owned()
    }

    /// Creates a workspace whose agent this is; returns its id and token.
    pub async fn join(&self, admin: &Client, body: Value) -> (String, String) {
        let id = admin.create(body).await;
        let token = self.register(admin, &id).await;
        (id, token)
    }

    pub fn feels(&self, mood: Mood) {
        self.inner.lock().mood = mood;
    }

    /// The texts it was given, in order.
    pub fn texts(&self) -> Vec<String> {
        let text = |(_, body): &(HeaderMap, Value)| {
            body["params"]["message"]["parts"][0]["text"].as_str().unwrap_or_default().to_owned()
        };
        self.inner.lock().requests.iter().map(text).collect()
    }

    /// The requests it was given, in order.
    pub fn requests(&self) -> Vec<(HeaderMap, Value)> {
        self.inner.lock().requests.clone()
    }

    /// Waits until it was given so many requests.
    pub async fn has(&self, count: usize) -> Vec<String> {
        let given = || async {
            let texts = self.texts();
            (texts.len() >= count).then_some(texts)
        };
        eventually("given messages", SOON, given).await
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.shutdown_background();
        }
    }
}

fn serve(listener: TcpListener, inner: &Arc<Mutex<Inner>>) -> Runtime {
    let router = Router::new().route("/", post(answer)).with_state(Arc::clone(inner));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let process = builder.worker_threads(1).enable_all().build().unwrap();
    let listener = listener.into_std().unwrap();
    process.spawn(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    process
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mood = {
        let mut inner = inner.lock();
        inner.requests.push((headers, body.clone()));
        inner.mood
    };
    let parts = &body["params"]["message"]["parts"];
    let echo = json!({
        "jsonrpc": "2.0",
        "id": body["id"],
        "result": {"kind": "message", "role": "agent", "messageId": "answer", "parts": parts},
    });
    match mood {
        Mood::Echo => axum::Json(echo).into_response(),
        Mood::Refuse(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Mood::HangUp => panic!("hangs up"),
        Mood::Slow(time) => {
            tokio::time::sleep(time).await;
            axum::Json(echo).into_response()
        }
    }
}
