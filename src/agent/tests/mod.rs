//! Whole agents over real loopback sockets, against a small fake platform.

mod calls;
mod fakes;
mod joining;
mod models;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use fakes::FakePlatform;

/// Longest wait for anything in these tests.
const DEADLINE: Duration = Duration::from_secs(20);

/// An echo agent that beats fast.
pub(super) fn config(platform_url: &str) -> AgentConfig {
    AgentConfig {
        name: "Ada".into(),
        role: Some("Answers questions with an echo".into()),
        workspace_id: None,
        platform_url: platform_url.into(),
        bind: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 0,
        public_url: None,
        token: None,
        join_token: Some(SecretString::from(fakes::JOIN)),
        token_file: None,
        heartbeat_every: Duration::from_millis(50),
        openai: None,
    }
}

/// An agent at work; it ends with the test.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<Exit, AgentError>>,
}

impl Running {
    fn start(config: AgentConfig) -> Self {
        _ = rustls::crypto::ring::default_provider().install_default();
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(config, stop.clone()));
        Self { stop, task }
    }

    /// How it ended, by itself.
    async fn ended(self) -> Result<Exit, AgentError> {
        tokio::time::timeout(DEADLINE, self.task).await.unwrap().unwrap()
    }

    async fn stopped(self) -> Result<Exit, AgentError> {
        self.stop.cancel();
        self.ended().await
    }
}

/// An echo agent that has registered, and where it is reached.
async fn serving(platform: &FakePlatform, config: AgentConfig) -> (Running, String) {
    let running = Running::start(config);
    let url = eventually("a registration", || {
        let seen = platform.seen();
        seen.registers.last().map(|register| register.body["url"].clone())
    });
    let url = url.await.as_str().unwrap().to_owned();
    (running, url)
}

/// Waits until `look` finds what it looks for.
async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "no {what} within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends one call and returns the status and the JSON answer.
async fn post(url: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let response = client().post(url).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn call(url: &str, method: &str, params: Value) -> Value {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let (status, answer) = post(url, call.to_string()).await;
    assert_eq!((status, &answer["id"]), (200, &json!(1)), "{answer}");
    answer
}

/// Sends one call and returns the events of its stream.
async fn events(url: &str, method: &str, params: Value) -> Vec<Value> {
    let call = json!({"jsonrpc": "2.0", "id": "s", "method": method, "params": params});
    let response = client().post(url).body(call.to_string()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .inspect(|event| assert_eq!(event["id"], "s", "{event}"))
        .map(|event| event["result"].clone())
        .collect()
}

fn client() -> reqwest::Client {
    _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap()
}

fn old_message(text: &str) -> Value {
    json!({"message": {"kind": "message", "messageId": "m", "role": "user",
        "parts": [{"kind": "text", "text": text}]}})
}

fn new_message(text: &str) -> Value {
    json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}]}})
}
