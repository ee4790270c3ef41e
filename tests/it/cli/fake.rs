//! A server that answers as it is told, and remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::{Ended, program};

/// The token it is shown.
pub const TOKEN: &str = "a-token-for-the-scripted-server";

/// What was asked: method and path with query, body.
pub type Asked = (String, Value);

/// The server.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _work: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Script {
    answers: Arc<BTreeMap<String, (u16, String)>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers these: method and path without query, status, body. Everything else is no route.
    pub async fn start(answers: &[(&str, u16, Value)]) -> Self {
        let text = |body: &Value| body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let answers = answers
            .iter()
            .map(|(route, status, body)| ((*route).to_owned(), (*status, text(body))))
            .collect();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let script = Script { answers: Arc::new(answers), asked: Arc::clone(&asked) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(script);
        let work = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked, _work: AbortOnDropHandle::new(work) }
    }

    /// Runs the program against it.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "").await
    }

    /// The same with a stdin.
    pub async fn run_with(&self, arguments: &[&str], stdin: &str) -> Ended {
        let variables = [("ISOMER_URL", self.url.as_str()), ("ISOMER_TOKEN", TOKEN)];
        let ended = program(&variables, arguments, stdin).await;
        assert!(!ended.stdout.contains(TOKEN) && !ended.stderr.contains(TOKEN));
        ended
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let route = format!("{} {}", head.method, head.uri.path());
    let asked = format!("{} {}", head.method, head.uri);
    script.asked.lock().push((asked, serde_json::from_slice(&body).unwrap_or_default()));
    let bearer = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    if bearer != Some(format!("Bearer {TOKEN}").as_str()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match script.answers.get(&route) {
        None => (StatusCode::NOT_FOUND, "404 page not found").into_response(),
        Some((status, text)) => {
            (StatusCode::from_u16(*status).unwrap(), Body::from(text.clone())).into_response()
        }
    }
}
