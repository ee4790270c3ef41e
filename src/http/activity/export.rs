//! Activity as newline-delimited JSON, oldest first, page by page: an export of any length
//! takes the memory of one page.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::ActivityQuery;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::warn;
use utoipa::IntoParams;

use super::item::Item;
use crate::http::error::{Answer, ApiError};
use crate::http::events::{bad, time};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Rows read at once. With every body at its longest that is 40 MB.
const PAGE: usize = 200;
/// Exports at once in this process.
const MAX_EXPORTS: usize = 8;
static EXPORTS: Semaphore = Semaphore::const_new(MAX_EXPORTS);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Range {
    /// An RFC 3339 time: only rows at or after it.
    #[serde(default)]
    #[param(value_type = Option<DateTime<Utc>>, nullable = false)]
    since: Option<String>,
    /// An RFC 3339 time: only rows at or before it. Never later than the beginning of the export.
    #[serde(default)]
    #[param(value_type = Option<DateTime<Utc>>, nullable = false)]
    until: Option<String>,
    /// A type, exactly.
    #[serde(default, rename = "type")]
    #[param(nullable = false)]
    kind: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Only what this workspace did.
    #[serde(default)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    workspace_id: Option<String>,
}

/// Exports what a workspace did, oldest first: a JSON object a line, as in the list.
///
/// A transfer that ends early, because the server stops or its store fails, is incomplete in
/// HTTP's own terms; it ends after a line. Go on with `since` at the last line's time.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/activity/export",
    tag = "activity",
    operation_id = "exportWorkspaceActivity",
    params(("id" = Uuid, Path, description = "The workspace"), Range),
    responses(
        (status = 200, description = "The lines", body = Item,
            content_type = "application/x-ndjson"),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn of_one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(range): Query<Range>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let workspace = Some(workspace_id(&id)?);
    export(app, workspace, range).await
}

/// Exports what all workspaces did, or one of them, oldest first: a JSON object a line.
///
/// It ends early as the export of one workspace does.
#[utoipa::path(
    get,
    path = "/activity/export",
    tag = "activity",
    operation_id = "exportActivity",
    params(Range, Whose),
    responses(
        (status = 200, description = "The lines", body = Item,
            content_type = "application/x-ndjson"),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn all(
    State(app): State<App>,
    caller: Caller,
    Query(range): Query<Range>,
    Query(whose): Query<Whose>,
) -> Answer {
    caller.admin(&app).await?;
    let workspace = match whose.workspace_id.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let id = WorkspaceId::parse_loose(&text);
            Some(id.ok_or_else(|| bad("workspace_id", "a UUID is accepted"))?)
        }
    };
    export(app, workspace, range).await
}

async fn export(app: App, workspace: Option<WorkspaceId>, range: Range) -> Answer {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let since = given(range.since).map(|text| time("since", &text)).transpose()?;
    let until = given(range.until).map(|text| time("until", &text)).transpose()?;
    let place = EXPORTS.try_acquire().map_err(|_| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many exports, retry shortly")
            .with("code", "overloaded")
            .retry_after(std::time::Duration::from_secs(5))
    })?;
    app.activity.settle().await;
    // Else it would run after what is being logged, and never end.
    let now = app.clock.now();
    let query = ActivityQuery {
        workspace,
        kind: given(range.kind),
        since,
        until: Some(until.map_or(now, |until| until.min(now))),
        ascending: true,
        limit: PAGE,
        ..ActivityQuery::default()
    };
    // The first page is read before the status is sent: a store that is away is a 503.
    let mut pages = Pages { app, query, ended: false, _place: place };
    let first = pages.read().await?;
    let body = stream::try_unfold((Some(first), pages), |(first, mut pages)| async {
        let lines = match first {
            Some(lines) => Some(lines),
            None => pages.next().await?,
        };
        Ok::<_, Ended>(lines.map(|lines| (lines, (None, pages))))
    });
    let mut response = Response::new(Body::from_stream(body));
    const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, NDJSON);
    Ok(response)
}

/// Why an export is incomplete.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the server stops")]
    Stopping,
    #[error("the store cannot be read")]
    Store,
}

/// What is still to be read.
struct Pages {
    app: App,
    query: ActivityQuery,
    ended: bool,
    _place: SemaphorePermit<'static>,
}

impl Pages {
    /// Returns the next lines; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Ended> {
        if self.ended {
            return Ok(None);
        }
        let stopping = self.app.stopping.clone();
        tokio::select! {
            biased;
            () = stopping.cancelled() => Err(Ended::Stopping),
            lines = self.read() => lines.map(Some).map_err(|error| {
                warn!(error = error.reason(), "an export ended early");
                Ended::Store
            }),
        }
    }

    async fn read(&mut self) -> Result<Bytes, ApiError> {
        let rows = self.app.store.activity(&self.query).await?;
        self.ended = rows.len() < PAGE;
        self.query.beyond = rows.last().map(|row| row.place);
        let mut lines = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut lines, &Item::from(row)).map_err(|error| {
                warn!(%error, "a row could not be written");
                ApiError::unavailable()
            })?;
            lines.push(b'\n');
        }
        Ok(lines.into())
    }
}
