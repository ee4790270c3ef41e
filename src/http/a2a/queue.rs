//! Messages that have to wait (contract 04 §4): kept first, then acknowledged with a receipt.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use chrono::TimeDelta;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{NewMessage, Origin, State, priority};
use isomer_actors::domain::status::Status;
use isomer_actors::ports::Posted;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Sender;
use super::envelope::Message;
use crate::egress::TurnedAway;
use crate::http::error::{Answer, ApiError, json_response, ok};
use crate::http::messages::problem;
use crate::http::state::App;

/// Methods that can wait: whoever streams or asks for a task needs its answer now.
const CAN_WAIT: [&str; 2] = ["message/send", "SendMessage"];
/// Longest message that is kept, in bytes.
pub const MAX_KEPT: usize = 1 << 20;
/// Longest `messageId`, in bytes.
const MAX_KEY: usize = 255;
/// Longest time to live.
const MAX_TTL: Duration = Duration::from_secs(7 * 86_400);
const PREFER: &str = "prefer";
const PRIORITY: &str = "x-message-priority";
const TTL: &str = "x-message-ttl";

/// What a kept message is acknowledged with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageReceipt)]
pub struct Receipt {
    pub queued: bool,
    /// The contract's name of `message_id`.
    pub queue_id: Uuid,
    pub message_id: Uuid,
    /// Where it stands, for one that was kept before.
    pub state: State,
    /// Messages that wait for the workspace, this one included.
    pub queue_depth: u32,
    pub message: String,
    /// True when it woke the workspace from hibernation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub waking: bool,
}

/// Why a message has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Busy,
    Away(Status),
    /// Its sender asked for it.
    Asked,
}

/// A message on its way.
#[derive(Debug)]
pub struct Post<'a> {
    pub sender: Sender,
    pub to: WorkspaceId,
    pub message: Message,
    pub headers: &'a HeaderMap,
}

/// Whether a message that found no place may wait for one: the agent's own bound is that it is
/// busy, the server's is nobody's queue.
pub fn waits_for(why: TurnedAway, keeps_session: bool) -> bool {
    why == TurnedAway::Busy && !keeps_session
}

impl Post<'_> {
    /// Whether the sender wants a receipt instead of an answer.
    pub fn is_asked_for(&self) -> bool {
        self.can_wait()
            && self.headers.get_all(PREFER).iter().any(|value| {
                value.to_str().is_ok_and(|text| {
                    text.split(',').any(|part| part.trim().eq_ignore_ascii_case("respond-async"))
                })
            })
    }

    /// Keeps the message if it can wait; else answers `instead`.
    pub async fn or(&self, app: &App, why: Why, instead: ApiError) -> Answer {
        // A failed agent is not back before somebody has looked after it.
        if !self.can_wait() || why == Why::Away(Status::Failed) {
            return Err(instead);
        }
        self.keep(app, why).await
    }

    /// Keeps the message and acknowledges it.
    pub async fn keep(&self, app: &App, why: Why) -> Answer {
        let new = self.new_message(app)?;
        let posted = app.mailroom.post(new).await.map_err(problem)?;
        Ok(json_response(StatusCode::ACCEPTED, &self.receipt(app, posted, why)))
    }

    /// Answers for a message that was kept under its key before: it is not sent beside the one
    /// that waits, nor again after it was delivered. Costs a read for workspaces with mail.
    pub async fn kept_already(
        &self,
        app: &App,
    ) -> Result<Option<axum::response::Response>, ApiError> {
        if !self.can_wait() || !app.mailroom.has_mail(self.to) {
            return Ok(None);
        }
        let Some(key) = self.key()? else { return Ok(None) };
        let Some(message) = app.store.message_by_key(self.to, &key).await? else {
            return Ok(None);
        };
        let posted = Posted { id: message.new.id, state: message.state, new: false };
        let receipt = self.receipt(app, posted, Why::Asked);
        let status = if posted.state.is_terminal() { StatusCode::OK } else { StatusCode::ACCEPTED };
        Ok(Some(if status == StatusCode::OK {
            ok(&receipt)
        } else {
            json_response(status, &receipt)
        }))
    }

    fn can_wait(&self) -> bool {
        CAN_WAIT.contains(&self.message.method.as_str())
    }

    fn receipt(&self, app: &App, posted: Posted, why: Why) -> Receipt {
        let message = match why {
            _ if !posted.new => "the message was kept before".to_owned(),
            Why::Busy => {
                "workspace agent busy — request queued, will dispatch when capacity available"
                    .to_owned()
            }
            Why::Away(Status::Online | Status::Degraded) => {
                "workspace collects its messages — request queued".to_owned()
            }
            Why::Away(Status::Hibernated) => {
                "workspace is waking from hibernation — request queued, will be delivered when it is back"
                    .to_owned()
            }
            Why::Away(status) => format!(
                "workspace is {} — request queued, will be delivered when it is back",
                status.as_str()
            ),
            Why::Asked => "request queued, will be delivered as soon as possible".to_owned(),
        };
        Receipt {
            queued: !posted.state.is_terminal(),
            queue_id: posted.id,
            message_id: posted.id,
            state: posted.state,
            queue_depth: app.mailroom.waiting(self.to),
            message,
            waking: why == Why::Away(Status::Hibernated),
        }
    }

    fn new_message(&self, app: &App) -> Result<NewMessage, ApiError> {
        let invalid = || ApiError::bad_request("invalid message");
        if self.message.body.len() > MAX_KEPT {
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "message too large to wait")
                .field("body", format!("at most {MAX_KEPT} bytes are kept")));
        }
        let body = std::str::from_utf8(&self.message.body)
            .map_err(|_| invalid().field("body", "it is not UTF-8"))?;
        let at = app.clock.now();
        Ok(NewMessage {
            id: Uuid::new_v4(),
            to: self.to,
            from: match self.sender {
                Sender::Person => None,
                Sender::Workspace(id) => Some(id),
            },
            priority: self.priority()?,
            body: Arc::from(body),
            method: self.message.method.clone(),
            key: self.key()?,
            headers: kept_headers(self.headers),
            origin: Origin::Sender,
            at,
            expires_at: at + self.ttl(app.config.message_ttl)?,
        })
    }

    /// What makes two posts the same message.
    fn key(&self) -> Result<Option<String>, ApiError> {
        #[derive(Deserialize)]
        struct Envelope {
            params: Option<Params>,
        }
        #[derive(Deserialize)]
        struct Params {
            message: Option<Inner>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Inner {
            message_id: Option<String>,
        }
        let field = "params.message.messageId";
        let parsed: Envelope = serde_json::from_slice(&self.message.body).map_err(|_| {
            ApiError::bad_request("invalid message").field(field, "expected a string")
        })?;
        let key = parsed.params.and_then(|params| params.message?.message_id);
        let key = key.filter(|key| !key.is_empty());
        if key.as_ref().is_some_and(|key| key.len() > MAX_KEY || key.contains('\0')) {
            let reason = format!("at most {MAX_KEY} bytes without NUL are accepted");
            return Err(ApiError::bad_request("invalid message").field(field, reason));
        }
        Ok(key)
    }

    fn priority(&self) -> Result<i16, ApiError> {
        match text(self.headers, PRIORITY) {
            None | Some("task") => Ok(priority::TASK),
            Some("critical") => Ok(priority::CRITICAL),
            Some("info") => Ok(priority::INFO),
            Some(_) => Err(ApiError::bad_request("invalid header")
                .field("X-Message-Priority", "critical, task or info is accepted")),
        }
    }

    fn ttl(&self, usual: Duration) -> Result<TimeDelta, ApiError> {
        let ttl = match text(self.headers, TTL) {
            None => usual,
            Some(seconds) => seconds
                .parse()
                .ok()
                .filter(|seconds| (1..=MAX_TTL.as_secs()).contains(seconds))
                .map(Duration::from_secs)
                .ok_or_else(|| {
                    let reason = format!("1 to {} seconds are accepted", MAX_TTL.as_secs());
                    ApiError::bad_request("invalid header").field("X-Message-TTL", reason)
                })?,
        };
        Ok(TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("").trim())
}

/// The headers that the agent gets with the message when its turn comes.
fn kept_headers(headers: &HeaderMap) -> Option<String> {
    let kept: serde_json::Map<_, _> = super::PASSED
        .iter()
        .filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), serde_json::Value::from(value)))
        })
        .collect();
    (!kept.is_empty()).then(|| serde_json::Value::Object(kept).to_string())
}
