//! `/events` (contract 03 §3, with paging), and the organisation as it stood at a time.

mod histogram;

use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use chrono::{DateTime, Utc};
use isomer_actors::domain::event::Recorded;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::EventQuery;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::{Answer, ApiError, ok};
use super::gates::{Caller, workspace_id};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;
use super::workspaces::{SEQ, folded_view};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// Types in one question.
const MAX_TYPES: usize = 32;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(all))
        .routes(routes!(histogram::histogram))
        .routes(routes!(of_one))
}

/// Something that happened and was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    /// The agent concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    /// The type, such as `WORKSPACE_ONLINE`.
    event_type: String,
    id: Uuid,
    /// Depends on the type.
    payload: Value,
    /// Position in the global order.
    seq: i64,
    /// The other workspace concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    target_id: Option<Uuid>,
    workspace_id: Uuid,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// A sequence: only later events; or an RFC 3339 time.
    #[serde(default)]
    #[param(nullable = false)]
    since: Option<String>,
    /// An RFC 3339 time.
    #[serde(default)]
    #[param(value_type = Option<DateTime<Utc>>, nullable = false)]
    until: Option<String>,
    /// How many at most; 100 unless given.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, nullable = false)]
    limit: Option<String>,
    /// Types, separated by commas; at most 32.
    #[serde(default, rename = "type")]
    #[param(nullable = false)]
    kinds: Option<String>,
}

/// Lists recorded events, newest first.
#[utoipa::path(
    get,
    path = "/events",
    tag = "events",
    operation_id = "listEvents",
    params(Filter),
    responses(
        (status = 200, description = "The newest that match", body = Vec<Event>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn all(State(app): State<App>, caller: Caller, Query(filter): Query<Filter>) -> Answer {
    caller.admin(&app).await?;
    answer(&app, query(filter)?).await
}

/// Lists recorded events of one workspace, newest first.
#[utoipa::path(
    get,
    path = "/events/{workspace_id}",
    tag = "events",
    operation_id = "listWorkspaceEvents",
    params(("workspace_id" = Uuid, Path, description = "The workspace"), Filter),
    responses(
        (status = 200, description = "The newest that match", body = Vec<Event>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn of_one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Answer {
    caller.admin(&app).await?;
    let workspace = Some(workspace_id(&id)?);
    answer(&app, EventQuery { workspace, ..query(filter)? }).await
}

async fn answer(app: &App, query: EventQuery) -> Answer {
    let items: Vec<_> = app.store.events(&query).await?.iter().map(item).collect();
    Ok(ok(&items))
}

fn query(filter: Filter) -> Result<EventQuery, ApiError> {
    let mut query = EventQuery { limit: DEFAULT_LIMIT, ..EventQuery::default() };
    if let Some(text) = filter.since {
        match text.parse::<i64>() {
            Ok(seq) if seq >= 0 => query.after_seq = Some(seq),
            _ => query.since = Some(time("since", &text)?),
        }
    }
    query.until = filter.until.map(|text| time("until", &text)).transpose()?;
    if let Some(text) = filter.limit {
        let limit = text.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
        query.limit = limit.ok_or_else(|| {
            bad("limit", format!("a whole number from 1 to {MAX_LIMIT} is accepted"))
        })?;
    }
    if let Some(text) = filter.kinds {
        let kinds = text.split(',').map(str::trim).filter(|kind| !kind.is_empty());
        query.kinds = kinds.map(str::to_owned).collect();
        if query.kinds.len() > MAX_TYPES {
            return Err(bad("type", format!("at most {MAX_TYPES} types are accepted")));
        }
    }
    Ok(query)
}

/// Reads a time of a query.
///
/// # Errors
/// 400 naming the parameter.
pub(super) fn time(parameter: &str, text: &str) -> Result<DateTime<Utc>, ApiError> {
    // A plus in a query arrives as a space.
    DateTime::parse_from_rfc3339(&text.replace(' ', "+"))
        .map(|at| at.with_timezone(&Utc))
        .map_err(|_| bad(parameter, "an RFC 3339 time is accepted, such as 2026-04-17T00:00:00Z"))
}

/// Returns the 400 for a parameter of a query.
pub(super) fn bad(parameter: &str, reason: impl Into<String>) -> ApiError {
    ApiError::bad_request("invalid query parameter").field(parameter, reason)
}

/// Returns an event as clients read it.
pub fn item(recorded: &Recorded) -> Event {
    let event = &recorded.event;
    Event {
        agent_id: event.agent_id,
        created_at: event.at,
        event_type: event.kind.clone(),
        id: event.id,
        payload: event.payload.clone(),
        seq: recorded.seq,
        target_id: event.target_id.map(|id| id.0),
        workspace_id: event.workspace.0,
    }
}

/// Answers `GET /workspaces?at=<time>` from the events alone.
///
/// # Errors
/// 400 naming `at`, or the store's.
pub async fn organisation_at(app: &App, at: &str) -> Answer {
    let at = time("at", at)?;
    let organisation = app.history.at(app.store.as_ref(), at).await?;
    let folded = organisation.workspaces();
    let mut folded: Vec<_> = folded.filter(|one| one.record.status != Status::Removed).collect();
    folded.sort_by_key(|one| (one.record.created_at, one.record.id));
    let items: Vec<_> = folded.into_iter().map(|one| folded_view(one, &app.cards)).collect();
    let mut response = ok(&items);
    response.headers_mut().insert(SEQ, HeaderValue::from(organisation.seq()));
    Ok(response)
}
