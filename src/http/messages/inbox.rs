//! Agents that collect their messages: those without a URL that the platform can reach.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use isomer_actors::domain::message::{self, Delivery, Message, Verdict, judge};
use isomer_actors::mailroom::MAX_COLLECTED;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{Collected, Item};
use super::{cursor, find, has_ended, item, known, number, problem};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::json::Input;
use crate::http::openapi::Api;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Messages collected at once unless asked otherwise.
const LIMIT: usize = 10;
/// How long an agent has for a message unless it says otherwise, and at most, in seconds.
const LEASE: usize = 300;
const MAX_LEASE: usize = 3_600;
/// How long a request waits for a message at most, in seconds.
const MAX_WAIT: usize = 60;
/// Longest answer of an agent, in bytes.
const MAX_RESPONSE: usize = 1 << 20;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(collect))
        .routes(routes!(acknowledge))
        .routes(routes!(give_back))
}

/// How to collect.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Collecting {
    /// From the page before: only messages that arrived after it.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// At most this many: 1 to 100, 10 unless given.
    #[param(nullable = false, value_type = Option<u32>)]
    limit: Option<String>,
    /// Seconds to wait for a message when there is none: up to 60, not at all unless given.
    #[param(nullable = false, value_type = Option<u32>)]
    wait: Option<String>,
    /// Seconds until a message that is not acknowledged comes back: 1 to 3,600, 300 unless given.
    #[param(nullable = false, value_type = Option<u32>)]
    lease: Option<String>,
}

/// Messages for an agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Inbox {
    /// In the order in which they arrived.
    messages: Vec<Collected>,
    /// For the next request.
    cursor: String,
}

/// Collects the messages of a workspace, and leases them to whoever asks.
///
/// A message that is not acknowledged comes back: without a cursor it is handed out again.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/inbox",
    tag = "messages",
    operation_id = "collectMessages",
    params(("id" = Uuid, Path, description = "The workspace"), Collecting),
    responses(
        (status = 200, description = "Its messages, none if there are none", body = Inbox),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn collect(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(how): Query<Collecting>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let id = known(&app, &id)?;
    let after = cursor(how.cursor.as_deref())?.unwrap_or(0);
    let limit = number(how.limit.as_deref(), "limit", LIMIT, MAX_COLLECTED)?;
    let lease = number(how.lease.as_deref(), "lease", LEASE, MAX_LEASE)?;
    let lease = Duration::from_secs(lease as u64);
    let wait = match how.wait.as_deref() {
        Some("0") => 0,
        given => number(given, "wait", 0, MAX_WAIT)?,
    };
    let until = tokio::time::Instant::now() + Duration::from_secs(wait as u64);
    let messages = loop {
        let arrival = app.mailroom.arrival(id, until);
        let messages = app.mailroom.collect(id, after, limit, lease).await.map_err(problem)?;
        if !messages.is_empty() || tokio::time::Instant::now() >= until {
            break messages;
        }
        tokio::select! {
            () = arrival => {}
            () = app.stopping.cancelled() => break Vec::new(),
        }
    };
    let last = messages.last().map_or(after, |message| message.seq);
    let messages = messages.iter().map(Collected::from).collect();
    Ok(ok(&Inbox { messages, cursor: last.to_string() }))
}

/// What an agent says of a message that it is done with.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Acknowledgement {
    /// Its answer, for whoever sent the message.
    #[schema(value_type = Option<Object>)]
    response: Option<Box<RawValue>>,
}

/// Acknowledges a message: it is delivered, and never handed out again.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/inbox/{mid}/ack",
    tag = "messages",
    operation_id = "acknowledgeMessage",
    params(
        ("id" = Uuid, Path, description = "The workspace that it is for"),
        ("mid" = Uuid, Path, description = "The message"),
    ),
    request_body = Option<Acknowledgement>,
    responses(
        (status = 200, description = "It is delivered", body = Item),
        (status = 404, description = "There is no such message for this workspace", body = ErrorBody),
        (status = 409, description = "It has ended otherwise", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn acknowledge(
    State(app): State<App>,
    caller: Caller,
    Path((id, mid)): Path<(String, String)>,
    input: Input,
) -> Answer {
    let message = find_received(&app, &caller, &id, &mid).await?;
    let body: Acknowledgement = if input.0.is_empty() {
        Acknowledgement::default()
    } else {
        input.parse_or("invalid request body")?
    };
    let response = body.response.map(|raw| raw.get().to_owned()).filter(|text| text != "null");
    if response.as_ref().is_some_and(|text| text.len() > MAX_RESPONSE) {
        return Err(ApiError::bad_request("invalid request body")
            .field("response", format!("at most {MAX_RESPONSE} bytes are kept")));
    }
    let at = app.clock.now();
    let delivery = Delivery::Acknowledged { response };
    let verdict = judge(delivery, message.attempts, at, message.new.expires_at);
    settle(&app, &message, verdict).await
}

/// Why an agent gives a message back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = GiveBackMessage)]
struct GivingBack {
    /// Shown to whoever sent it.
    error: Option<String>,
    /// It is not to be handed out again: it has failed.
    #[serde(default)]
    permanent: bool,
}

/// Gives a message back: it is handed out again later, unless it was the fifth time.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/inbox/{mid}/nack",
    tag = "messages",
    operation_id = "giveBackMessage",
    params(
        ("id" = Uuid, Path, description = "The workspace that it is for"),
        ("mid" = Uuid, Path, description = "The message"),
    ),
    request_body = Option<GivingBack>,
    responses(
        (status = 200, description = "It waits again, or has failed", body = Item),
        (status = 404, description = "There is no such message for this workspace", body = ErrorBody),
        (status = 409, description = "It has ended already", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn give_back(
    State(app): State<App>,
    caller: Caller,
    Path((id, mid)): Path<(String, String)>,
    input: Input,
) -> Answer {
    let message = find_received(&app, &caller, &id, &mid).await?;
    let body: GivingBack = if input.0.is_empty() {
        GivingBack::default()
    } else {
        input.parse_or("invalid request body")?
    };
    let reason = body.error.filter(|error| !error.is_empty());
    let reason = reason.unwrap_or_else(|| "given back by the agent".to_owned());
    let delivery =
        if body.permanent { Delivery::Refused { reason } } else { Delivery::Failed { reason } };
    let verdict = judge(delivery, message.attempts, app.clock.now(), message.new.expires_at);
    settle(&app, &message, verdict).await
}

async fn find_received(
    app: &App,
    caller: &Caller,
    id: &str,
    mid: &str,
) -> Result<Message, ApiError> {
    let message = find(app, caller, id, mid).await?;
    let received = message.new.to == super::workspace_id(id)?;
    received.then_some(message).ok_or_else(|| ApiError::not_found("message not found"))
}

/// Saying the same again is no error: the first answer may have been lost.
async fn settle(app: &App, message: &Message, verdict: Verdict) -> Answer {
    let delivered = verdict.state == message::State::Delivered;
    if message.state == message::State::Delivered && delivered {
        return Ok(item(message));
    }
    match app.mailroom.end(message.new.to, message.new.id, verdict).await.map_err(problem)? {
        Some(settled) => Ok(item(&settled)),
        None => match app.store.message(message.new.id).await? {
            Some(now) if now.state == message::State::Delivered && delivered => Ok(item(&now)),
            _ => Err(has_ended(app, message.new.id).await),
        },
    }
}
