//! `POST /workspaces/:id/a2a` (contract 04 §3): messages to agents.
//!
//! The order of the checks is the contract's. Nothing here touches the store on the way to an
//! agent that is there, but for one read when it has or lately had messages that waited. A client that leaves takes the call to the agent with it.

mod announce;
pub mod ask;
mod caller;
mod courier;
mod envelope;
mod generation;
mod log;
mod queue;
mod reply;
mod restart_context;
mod target;

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use isomer_actors::domain::ids::WorkspaceId;
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::announce::Announcement;
use self::caller::Sender;
pub use self::courier::HttpCourier;
use self::generation::Meeting;
use self::log::Note;
use self::queue::{Post, Why};
pub use self::restart_context::tell_of_restarts;
use self::target::{Found, Target};
use super::error::Answer;
use super::gates::Caller;
use super::json::Input;
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;
use super::workspaces::schema::Gone;
use crate::egress::{Limits, Place, Reply, Request, SendError};

/// The longest that a message may take, and how long it may without `X-Timeout`.
const CEILING: Duration = Duration::from_secs(30 * 60);
const X_TIMEOUT: &str = "x-timeout";
/// Headers that agents get as they came: the protocol's own, and those of traces.
const PASSED: [&str; 5] =
    ["a2a-version", "a2a-extensions", "x-a2a-extensions", "traceparent", "tracestate"];

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(send))
}

/// A JSON-RPC request of A2A 0.3 or 1.0. Without `jsonrpc` it gets envelope and id.
#[derive(Debug, ToSchema)]
#[schema(as = A2aRequest)]
#[expect(dead_code, reason = "describes what is passed on unread")]
struct Body {
    /// `2.0`, or absent.
    #[schema(nullable = false)]
    jsonrpc: Option<String>,
    /// Comes back with the answer; only together with `jsonrpc`.
    #[schema(required = false)]
    id: Option<Value>,
    /// Such as `message/send` or `SendMessage`.
    method: String,
    /// Depends on the method. A `message` without `messageId` gets one.
    #[schema(required = false)]
    params: Option<Value>,
}

/// Sends a message to the agent of a workspace and answers with what the agent says.
///
/// Without `X-Workspace-ID` a person sends: session, administrator or organisation token. With
/// it that workspace does, with its own token, to workspaces that it may talk to. The answer
/// is the agent's, byte by byte; streams of server-sent events are passed on as they come.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/a2a",
    tag = "messages",
    operation_id = "sendMessage",
    params(
        ("id" = Uuid, Path, description = "To whom"),
        ("x-workspace-id" = Option<Uuid>, Header, nullable = false,
            description = "The workspace that sends"),
        ("x-timeout" = Option<u64>, Header, nullable = false, minimum = 1,
            description = "Seconds that it may take; more than 1,800 count as 1,800"),
        ("a2a-version" = Option<String>, Header, nullable = false, description = "For the agent"),
        ("prefer" = Option<String>, Header, nullable = false,
            description = "`respond-async` (RFC 7240): keep the message, answer 202 at once"),
        ("x-message-priority" = Option<String>, Header, nullable = false,
            description = "`critical`, `task` (unless given) or `info`: its turn if it has to wait"),
        ("x-message-ttl" = Option<u64>, Header, nullable = false, minimum = 1,
            description = "Seconds until it expires if it has to wait; 604,800 at most"),
    ),
    request_body = Body,
    responses(
        (status = 200, description = "The agent's answer, or its stream", content(
            (Value = "application/json"), (String = "text/event-stream"))),
        (status = 202, description = "It waits for its agent; the receipt", body = queue::Receipt),
        (status = 402, description = "Its budget is used up", body = ErrorBody),
        (status = 403, description = "They may not talk", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = Gone),
        (status = 429, description = "Its mailbox is full", body = ErrorBody),
        (status = 500, description = "The request cannot be built", body = ErrorBody),
        (status = 502, description = "Its agent cannot be reached, or answers badly", body = ErrorBody),
        (status = 503, description = "It is not there, or busy: ask again", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn send(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    input: Input,
) -> Answer {
    let began = Instant::now();
    let sender = caller::sender(&app, &caller, &headers).await?;
    let asked = WorkspaceId::parse_loose(&id);
    caller::may_send(&app, sender, asked)?;
    let found = target::find(&app, asked).await?;
    let message =
        || envelope::normalise(&input.0, Uuid::new_v4).map_err(|bad| bad.with_text("invalid JSON"));
    let target = match found {
        Found::Here(target) => target,
        Found::Away { id, status, answer } => {
            let post = Post { sender, to: id, message: message()?, headers: &headers };
            return post.or(&app, Why::Away(status), answer).await;
        }
        Found::Gone(gone) => return Ok(gone),
    };
    let post = Post { sender, to: target.id, message: message()?, headers: &headers };
    if post.is_asked_for() {
        return post.keep(&app, Why::Asked).await;
    }
    if let Some(kept) = post.kept_already(&app).await? {
        return Ok(kept);
    }
    let keeps_session = target.destination.keeps_session;
    let place = match app.gate.enter(target.id) {
        Ok(place) => place,
        Err(why) => {
            let answer = reply::turned_away(why, keeps_session);
            return if queue::waits_for(why, keeps_session) {
                post.or(&app, Why::Busy, answer).await
            } else {
                Err(answer)
            };
        }
    };
    let message = &post.message;
    let note = Note::new(&app, &target, sender, message, began);
    let announcement = (sender == Sender::Person)
        .then(|| Announcement::new(&app, target.id, message.method.clone(), began));
    let mut request = Request {
        limits: limits(&app, &target, &headers, began),
        headers: passed(&headers),
        body: message.body.clone(),
        to: target.to,
    };
    let dialect = &target.destination.dialect;
    let meeting = match generation::meet(&app, dialect, &message.method, &mut request).await {
        Ok(meeting) => meeting,
        Err(refused) => {
            note.unsaid(&generation::reason(&refused)).await;
            return Ok(generation::refusal(refused));
        }
    };
    match app.agents.send(request).await {
        Ok(answer) => answered(&app, answer, meeting, announcement, note, place).await,
        Err(SendError::Busy) if !keeps_session => {
            drop(place);
            note.unsent(SendError::Busy).await;
            post.or(&app, Why::Busy, reply::unsent(SendError::Busy, false)).await
        }
        Err(error) => {
            note.unsent(error).await;
            // Its keeper saw it end, and starts it again.
            let restarting = target.destination.hosted && !app.host.runs(target.id);
            match error {
                SendError::Unreachable if restarting => Err(reply::restarting()),
                error => Err(reply::unsent(error, keeps_session)),
            }
        }
    }
}

async fn answered(
    app: &App,
    answer: Reply,
    meeting: Meeting,
    announcement: Option<Announcement>,
    note: Note,
    mut place: Place,
) -> Answer {
    let status = answer.status;
    if reply::is_stream(&answer) {
        let stopping = app.stopping.clone();
        let body = meeting.stream(&app.gate, answer.body);
        let body = note.follow(status, body);
        let body = announce::at_the_end(body, announcement, place, stopping);
        return Ok(reply::streaming(status, body));
    }
    let body = reply::whole(answer, &mut place).await;
    let body = body.map(|body| meeting.whole(status, body));
    drop(place);
    let body = note.heard(status, body).await?;
    if !status.is_success() {
        if let Some(announcement) = announcement.filter(|_| status.as_u16() < 400) {
            announcement.publish(&body);
        }
        return Err(reply::refused(status, &body));
    }
    if let Some(announcement) = announcement {
        announcement.publish(&body);
    }
    Ok(reply::success(status, body))
}

fn limits(app: &App, target: &Target, headers: &HeaderMap, began: Instant) -> Limits {
    let asked = headers
        .get(X_TIMEOUT)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .filter(|seconds| *seconds > 0)
        .map_or(CEILING, Duration::from_secs);
    Limits {
        idle: target.destination.idle_limit.unwrap_or(app.config.a2a_idle),
        deadline: began + asked.min(CEILING),
    }
}

/// What the agent is told beside the message: neither who sends nor any credential.
fn passed(headers: &HeaderMap) -> HeaderMap {
    const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
    let mut passed = HeaderMap::with_capacity(PASSED.len() + 1);
    passed.insert(header::ACCEPT, ACCEPTED);
    for name in PASSED.map(HeaderName::from_static) {
        if let Some(value) = headers.get(&name) {
            passed.insert(name, value.clone());
        }
    }
    passed
}
