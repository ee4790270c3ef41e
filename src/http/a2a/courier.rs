//! Delivers messages that waited, by the rules of those that did not: hierarchy, budget,
//! forwards, vetted addresses, bounds.

use std::collections::HashMap;

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use isomer_actors::domain::message::{Delivery, Message};
use isomer_actors::mailroom::Courier;
use tokio::time::Instant;

use super::announce::Announcement;
use super::caller::{Sender, may_send};
use super::log::Note;
use super::target::{Found, Target};
use super::{CEILING, envelope, generation, passed, reply, target};
use crate::egress::{Limits, Request, SendError, TurnedAway};
use crate::http::error::ApiError;
use crate::http::state::App;

/// Longest answer that is kept of a delivered message, in bytes.
const MAX_KEPT: usize = 1 << 20;

/// Hands messages to agents over HTTP.
#[derive(Clone, Debug)]
pub struct HttpCourier(App);

impl HttpCourier {
    /// Returns a courier of this server.
    pub fn new(app: App) -> Self {
        Self(app)
    }
}

#[async_trait]
impl Courier for HttpCourier {
    async fn deliver(&self, message: &Message) -> Delivery {
        let app = &self.0;
        let sender = message.new.from.map_or(Sender::Person, Sender::Workspace);
        if let Err(error) = may_send(app, sender, Some(message.new.to)) {
            return Delivery::Refused { reason: error.reason() };
        }
        match target::find(app, Some(message.new.to)).await {
            Ok(Found::Here(target)) => self.hand_over(message, sender, target).await,
            Ok(Found::Away { answer, .. }) => Delivery::Away { reason: answer.reason() },
            Ok(Found::Gone(_)) => Delivery::Refused { reason: "workspace removed".to_owned() },
            Err(error) => not_found(&error),
        }
    }
}

/// An agent without budget, or at an address that may not be reached, can get both.
fn not_found(error: &ApiError) -> Delivery {
    let reason = error.reason();
    match error.status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Delivery::Refused { reason },
        _ => Delivery::Away { reason },
    }
}

impl HttpCourier {
    async fn hand_over(&self, message: &Message, sender: Sender, target: Target) -> Delivery {
        let app = &self.0;
        let began = Instant::now();
        let mut place = match app.gate.enter(target.id) {
            Ok(place) => place,
            Err(TurnedAway::Busy) => {
                return Delivery::Busy { reason: "workspace agent busy".to_owned() };
            }
            Err(TurnedAway::Overloaded) => {
                return Delivery::Busy { reason: "too many requests in flight".to_owned() };
            }
        };
        let envelope = envelope::Message {
            body: Bytes::copy_from_slice(message.new.body.as_bytes()),
            method: message.new.method.clone(),
        };
        let note = Note::new(app, &target, sender, &envelope, began);
        let mut request = Request {
            limits: Limits {
                idle: target.destination.idle_limit.unwrap_or(app.config.a2a_idle),
                deadline: began + CEILING,
            },
            headers: headers(message),
            body: envelope.body,
            to: target.to,
        };
        let (dialect, method) = (&target.destination.dialect, &message.new.method);
        let meeting = match generation::meet(app, dialect, method, &mut request).await {
            Ok(meeting) => meeting,
            Err(refused) => {
                let reason = generation::reason(&refused);
                note.unsaid(&reason).await;
                return Delivery::Refused { reason };
            }
        };
        let answer = match app.agents.send(request).await {
            Ok(answer) => answer,
            Err(SendError::Busy) => {
                note.unsent(SendError::Busy).await;
                return unsent(SendError::Busy);
            }
            // It had nothing of it: that is no activity of the agent's.
            Err(error) => {
                note.forget();
                return unsent(error);
            }
        };
        let status = answer.status;
        let whole = reply::whole(answer, &mut place).await;
        let whole = whole.map(|body| meeting.whole(status, body));
        let body = match note.heard(status, whole).await {
            Ok(body) => body,
            Err(error) => return Delivery::Failed { reason: error.reason() },
        };
        if !status.is_success() {
            return refused(status, &body);
        }
        if sender == Sender::Person {
            let method = message.new.method.clone();
            Announcement::new(app, target.id, method, began).publish(&body);
        }
        Delivery::Acknowledged { response: kept(&body) }
    }
}

fn unsent(error: SendError) -> Delivery {
    let reason = error.to_string();
    match error {
        SendError::Busy => Delivery::Failed { reason },
        SendError::Unreachable => Delivery::Away { reason },
        SendError::Unbuildable => Delivery::Refused { reason },
    }
}

/// What an agent says that is not yes: come back, never, or that something went wrong.
fn refused(status: StatusCode, body: &[u8]) -> Delivery {
    let reason = format!("the agent answered {status}: {}", reply::refused(status, body).reason());
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Delivery::Busy { reason }
        }
        _ if status.is_client_error() => Delivery::Refused { reason },
        _ => Delivery::Failed { reason },
    }
}

/// The answer as it is kept: JSON, not too long, and without what no store can keep.
fn kept(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= MAX_KEPT)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    Some(text.to_owned())
}

fn headers(message: &Message) -> HeaderMap {
    let kept: HashMap<String, String> = message
        .new
        .headers
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let kept: HeaderMap = kept
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        })
        .collect();
    passed(&kept)
}
