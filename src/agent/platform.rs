//! The platform as an agent sees it: register, beat, introduce (contract 02).

use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::debug;
use uuid::Uuid;

use super::vitals::Reading;
use super::{AgentConfig, AgentError, http_client, settings};

/// Longest wait for any answer of the platform.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Most bytes of an answer that are read.
const BODY_LIMIT: usize = 64 * 1024;
/// Longest pause the platform can ask for.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(300);
/// Most characters of the platform's error text that are logged.
const ERROR_CHARS: usize = 200;

/// What became of a request, as far as the agent acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Ok,
    /// 401: the credential counts for nothing.
    Unauthorized,
    /// 404: no such workspace.
    Unknown,
    /// 410: the workspace was removed for good.
    Gone,
    /// 429 or 503, with the pause asked for.
    Busy(Option<Duration>),
    /// Any other answer below 500: the same request will not fare better.
    Refused,
    /// Any other 5xx.
    Failed,
    /// No answer.
    Unreachable,
}

/// One workspace's requests to one platform.
#[derive(Debug)]
pub(super) struct Platform {
    client: Client,
    base: String,
    workspace_id: Uuid,
}

#[derive(Deserialize)]
struct Registered {
    auth_token: Option<String>,
}

#[derive(Deserialize)]
struct Known {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    role: Option<String>,
}

impl Platform {
    pub(super) fn new(config: &AgentConfig, workspace_id: Uuid) -> Result<Self, AgentError> {
        let base = config.platform_url.trim_end_matches('/').to_owned();
        let url: Url = base.parse().map_err(|_| settings::SettingError::Value {
            name: "PLATFORM_URL".into(),
            value: base.clone(),
            accepted: "an http or https URL",
        })?;
        let client = http_client(&url, Some(ANSWER_LIMIT))?;
        Ok(Self { client, base, workspace_id })
    }

    /// Registers URL and card. The answer may hold a fresh token of our own.
    pub(super) async fn register(
        &self,
        url: &str,
        card: &Value,
        bearer: Option<&SecretString>,
    ) -> (Signal, Option<SecretString>) {
        let body = json!({"id": self.workspace_id, "url": url, "agent_card": card});
        let request = self.client.post(format!("{}/registry/register", self.base));
        let (signal, answer) = self.send(request.json(&body), bearer).await;
        let registered = answer.and_then(|text| serde_json::from_slice::<Registered>(&text).ok());
        let token = registered.and_then(|registered| registered.auth_token);
        let token = token.map(SecretString::from);
        (signal, token.filter(is_usable))
    }

    pub(super) async fn beat(&self, reading: &Reading, bearer: Option<&SecretString>) -> Signal {
        #[derive(serde::Serialize)]
        struct Beat<'a> {
            workspace_id: Uuid,
            #[serde(flatten)]
            reading: &'a Reading,
        }
        let body = Beat { workspace_id: self.workspace_id, reading };
        let request = self.client.post(format!("{}/registry/heartbeat", self.base));
        self.send(request.json(&body), bearer).await.0
    }

    /// Gives the workspace our name and role where it has none: registration
    /// cannot carry them, and a new row is named after its id. What people
    /// wrote there stays. Failure costs only the name, so it is not returned.
    pub(super) async fn introduce(&self, name: &str, role: Option<&str>, bearer: &SecretString) {
        let url = format!("{}/workspaces/{}", self.base, self.workspace_id);
        let (_, answer) = self.send(self.client.get(&url), Some(bearer)).await;
        let Some(known) = answer.and_then(|text| serde_json::from_slice::<Known>(&text).ok())
        else {
            return;
        };
        let mut change = serde_json::Map::new();
        if known.name.is_none_or(|known| known == self.workspace_id.to_string()) {
            change.insert("name".into(), json!(name));
        }
        if let Some(role) = role
            && known.role.is_none_or(|known| known.is_empty())
        {
            change.insert("role".into(), json!(role));
        }
        if !change.is_empty() {
            self.send(self.client.patch(&url).json(&change), Some(bearer)).await;
        }
    }

    async fn send(
        &self,
        request: RequestBuilder,
        bearer: Option<&SecretString>,
    ) -> (Signal, Option<Vec<u8>>) {
        let mut request = request.header("X-Workspace-ID", self.workspace_id.to_string());
        if let Some(bearer) = bearer {
            // Marked sensitive by the client, so it is in no log of headers.
            request = request.bearer_auth(bearer.expose_secret());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                debug!(error = %chain(&error.without_url()), "the platform does not answer");
                return (Signal::Unreachable, None);
            }
        };
        let status = response.status();
        let signal = signal(status, response.headers().get(RETRY_AFTER));
        // The status alone decides; a body cut short costs only its content.
        let body = bounded_body(response, BODY_LIMIT).await;
        if signal != Signal::Ok {
            debug!(%status, error = body.as_deref().map(error_text), "the platform refuses");
        }
        (signal, body.filter(|_| signal == Signal::Ok))
    }
}

fn signal(status: StatusCode, retry_after: Option<&HeaderValue>) -> Signal {
    match status {
        status if status.is_success() => Signal::Ok,
        StatusCode::UNAUTHORIZED => Signal::Unauthorized,
        StatusCode::NOT_FOUND => Signal::Unknown,
        StatusCode::GONE => Signal::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Signal::Busy(retry_after.and_then(pause))
        }
        status if status.is_server_error() => Signal::Failed,
        _ => Signal::Refused,
    }
}

/// `Retry-After` in seconds; the date form, which the platform never sends,
/// counts as absent.
fn pause(value: &HeaderValue) -> Option<Duration> {
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_LIMIT))
}

/// A token that a header can hold.
fn is_usable(token: &SecretString) -> bool {
    let text = token.expose_secret();
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The body, or `None` when it is longer than `limit` or breaks off.
pub(super) async fn bounded_body(mut response: Response, limit: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > limit {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

fn error_text(body: &[u8]) -> String {
    let parsed = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let text = parsed.get("error").and_then(Value::as_str).unwrap_or_default();
    text.chars().take(ERROR_CHARS).collect()
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_signal() {
        let after = |text: &str| Some(HeaderValue::from_str(text).unwrap());
        for (status, retry_after, expected) in [
            (200, None, Signal::Ok),
            (201, None, Signal::Ok),
            (301, None, Signal::Refused),
            (400, None, Signal::Refused),
            (401, None, Signal::Unauthorized),
            (404, None, Signal::Unknown),
            (410, None, Signal::Gone),
            (429, after("7"), Signal::Busy(Some(Duration::from_secs(7)))),
            (429, after("soon"), Signal::Busy(None)),
            (503, after("999999"), Signal::Busy(Some(RETRY_AFTER_LIMIT))),
            (503, None, Signal::Busy(None)),
            (500, None, Signal::Failed),
            (502, None, Signal::Failed),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(signal(status, retry_after.as_ref()), expected, "{status}");
        }
    }
}
