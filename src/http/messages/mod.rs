//! Mailboxes over HTTP: `/workspaces/:id/messages` and `/workspaces/:id/inbox`, ours; contract 04
//! §4 has no way to read its queue.

mod admin;
mod inbox;
mod view;

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{self, Message, Verdict};
use isomer_actors::mailroom::MailError;
use isomer_actors::ports::MessageQuery;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::view::{Detail, Item};
use super::error::{Answer, ApiError, json_response, ok};
use super::gates::{Caller, workspace_id};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;

/// Messages in one answer unless asked otherwise, and at most.
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;
/// The cursor of the next page, when there is one.
pub const NEXT_CURSOR: &str = "x-next-cursor";

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(cancel))
        .merge(inbox::router())
        .merge(admin::router())
}

/// Which messages to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Only those in this state.
    #[param(nullable = false, inline, value_type = Option<message::State>)]
    state: Option<String>,
    /// `in` (unless given): those to the workspace; `out`: those from it.
    #[param(nullable = false)]
    direction: Option<String>,
    /// At most this many: 1 to 500, 100 unless given.
    #[param(nullable = false, value_type = Option<u32>)]
    limit: Option<String>,
    /// From `X-Next-Cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// Lists the messages to or from a workspace that had or have to wait, the newest first.
///
/// They are kept for seven days after they ended.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/messages",
    tag = "messages",
    operation_id = "listMessages",
    params(("id" = Uuid, Path, description = "The workspace"), Listing),
    responses(
        (status = 200, description = "Its messages", body = [Item],
            headers(("x-next-cursor" = String, description = "Absent on the last page"))),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(listing): Query<Listing>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let id = known(&app, &id)?;
    let limit = number(listing.limit.as_deref(), "limit", LIMIT, MAX_LIMIT)?;
    let mut query = MessageQuery { limit: limit + 1, ..MessageQuery::default() };
    match listing.direction.as_deref() {
        None | Some("" | "in") => query.to = Some(id),
        Some("out") => query.from = Some(id),
        Some(_) => return Err(bad("direction", "in or out is accepted")),
    }
    if let Some(state) = listing.state.as_deref().filter(|state| !state.is_empty()) {
        let known = message::State::parse(state);
        query.state = Some(known.ok_or_else(|| {
            let states = message::State::ALL.map(message::State::as_str).join(", ");
            bad("state", format!("one of {states} is accepted"))
        })?);
    }
    query.before = cursor(listing.cursor.as_deref())?;
    let mut messages = app.store.messages(&query).await?;
    let more = messages.len() > limit;
    messages.truncate(limit);
    let items: Vec<Item> = messages.iter().map(Item::from).collect();
    let mut response = ok(&items);
    if let Some(last) = messages.last().filter(|_| more) {
        response.headers_mut().insert(NEXT_CURSOR, HeaderValue::from(last.seq));
    }
    Ok(response)
}

/// Returns a message with its content, to the workspace it is for and to the one it is from.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/messages/{mid}",
    tag = "messages",
    operation_id = "getMessage",
    params(
        ("id" = Uuid, Path, description = "The workspace that it is for, or from"),
        ("mid" = Uuid, Path, description = "The message"),
    ),
    responses(
        (status = 200, description = "The message", body = Detail),
        (status = 404, description = "There is no such message of this workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((id, mid)): Path<(String, String)>,
) -> Answer {
    let message = find(&app, &caller, &id, &mid).await?;
    Ok(ok(&Detail::from(&message)))
}

/// Calls a message back that has not ended.
///
/// One that is with its agent may have its effect all the same; it is not delivered again.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/messages/{mid}/cancel",
    tag = "messages",
    operation_id = "cancelMessage",
    params(
        ("id" = Uuid, Path, description = "The workspace that it is for, or from"),
        ("mid" = Uuid, Path, description = "The message"),
    ),
    responses(
        (status = 200, description = "It is cancelled", body = Item),
        (status = 404, description = "There is no such message of this workspace", body = ErrorBody),
        (status = 409, description = "It has ended already", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path((id, mid)): Path<(String, String)>,
) -> Answer {
    let message = find(&app, &caller, &id, &mid).await?;
    let verdict = Verdict::ended(message::State::Cancelled, "cancelled on request");
    let ended = app.mailroom.end(message.new.to, message.new.id, verdict).await.map_err(problem)?;
    match ended {
        Some(cancelled) => Ok(ok(&Item::from(&cancelled))),
        None => Err(has_ended(&app, message.new.id).await),
    }
}

/// The 409 for a message that has ended, with its state.
async fn has_ended(app: &App, id: Uuid) -> ApiError {
    let error = ApiError::new(StatusCode::CONFLICT, "the message has ended already");
    match app.store.message(id).await {
        Ok(Some(message)) => error.with("state", message.state.as_str()),
        _ => error,
    }
}

/// Finds a message of a workspace on behalf of somebody who may act for the workspace.
async fn find(app: &App, caller: &Caller, id: &str, mid: &str) -> Result<Message, ApiError> {
    caller.workspace(app, id).await?;
    let id = workspace_id(id)?;
    let unknown = || ApiError::not_found("message not found");
    let mid: Uuid = mid.parse().map_err(|_| unknown())?;
    let message = app.store.message(mid).await?.ok_or_else(unknown)?;
    let own = message.new.to == id || message.new.from == Some(id);
    own.then_some(message).ok_or_else(unknown)
}

fn known(app: &App, id: &str) -> Result<WorkspaceId, ApiError> {
    let id = workspace_id(id)?;
    let known = app.directory.glimpse(id).map(|_| id);
    known.ok_or_else(|| ApiError::not_found("workspace not found"))
}

fn bad(field: &str, reason: impl Into<String>) -> ApiError {
    ApiError::bad_request("invalid query").field(field, reason)
}

fn cursor(text: Option<&str>) -> Result<Option<i64>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let seq = text.parse().ok().filter(|seq| *seq >= 0);
    seq.map(Some).ok_or_else(|| bad("cursor", "it is not one that was given out"))
}

fn number(text: Option<&str>, field: &str, usual: usize, most: usize) -> Result<usize, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(usual) };
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| bad(field, format!("1 to {most} are accepted")))
}

/// Returns what a client is told when a mailbox does not do what it was asked.
pub fn problem(error: MailError) -> ApiError {
    const SOON: Duration = Duration::from_secs(1);
    match error {
        MailError::Full { limit } => {
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "the workspace's mailbox is full")
                .with("code", "mailbox_full")
                .with("limit", limit)
                .retry_after(Duration::from_secs(30))
        }
        MailError::NoWorkspace => ApiError::not_found("workspace not found"),
        MailError::Overloaded => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests in flight, retry shortly",
        )
        .with("code", "overloaded")
        .retry_after(SOON),
        MailError::Unavailable | MailError::Unknown => ApiError::unavailable().retry_after(SOON),
    }
}

/// Answers with a message's outline.
fn item(message: &Message) -> axum::response::Response {
    json_response(StatusCode::OK, &Item::from(message))
}
