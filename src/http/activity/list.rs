//! `GET /workspaces/:id/activity` (contract 04 §1.1), with paging.

use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use isomer_actors::ports::{ActivityQuery, Origin};
use serde::Deserialize;
use utoipa::IntoParams;

use super::cursor;
use super::item::Item;
use crate::http::error::{Answer, ApiError, ok};
use crate::http::events::{bad, time};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;
/// Where the next page begins.
const NEXT: &str = "x-next-cursor";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// A type, exactly.
    #[serde(default, rename = "type")]
    #[param(nullable = false)]
    kind: Option<String>,
    /// `canvas`: from people; `agent`: from workspaces.
    #[serde(default)]
    #[param(nullable = false)]
    source: Option<String>,
    /// A status, exactly.
    #[serde(default)]
    #[param(nullable = false)]
    status: Option<String>,
    /// A method, exactly.
    #[serde(default)]
    #[param(nullable = false)]
    method: Option<String>,
    /// An RFC 3339 time: only rows at or after it.
    #[serde(default)]
    #[param(value_type = Option<DateTime<Utc>>, nullable = false)]
    since: Option<String>,
    /// An RFC 3339 time: only rows at or before it.
    #[serde(default)]
    #[param(value_type = Option<DateTime<Utc>>, nullable = false)]
    until: Option<String>,
    /// The `X-Next-Cursor` of the page before.
    #[serde(default)]
    #[param(nullable = false)]
    cursor: Option<String>,
    /// How many at most; 100 unless a number from 1 is given, more than 500 count as 500.
    #[serde(default)]
    #[param(value_type = Option<u32>, nullable = false)]
    limit: Option<String>,
}

/// Lists what a workspace did, newest first.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/activity",
    tag = "activity",
    operation_id = "listActivity",
    params(("id" = Uuid, Path, description = "The workspace"), Filter),
    responses(
        (status = 200, description = "What matches; nothing for an unknown workspace",
            body = Vec<Item>,
            headers(("x-next-cursor" = String,
                description = "`cursor` of the next page; absent on the last"))),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let limit = limit(filter.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT);
    let workspace = Some(workspace_id(&id)?);
    // One more tells whether there is another page.
    let query = ActivityQuery { workspace, limit: limit + 1, ..query(filter)? };
    app.activity.settle().await;
    let mut rows = app.store.activity(&query).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| cursor::encode(last.place));
    let items: Vec<Item> = rows.into_iter().map(Item::from).collect();
    let mut response = ok(&items);
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
        response.headers_mut().insert(NEXT, next);
    }
    Ok(response)
}

/// Reads a limit as the contract does: what is no number from 1 is as if absent.
pub(super) fn limit(text: Option<&str>, default: usize, most: usize) -> usize {
    let given = text.and_then(|text| text.trim().parse::<i64>().ok()).filter(|n| *n > 0);
    given.map_or(default, |n| usize::try_from(n).unwrap_or(most).min(most))
}

fn query(filter: Filter) -> Result<ActivityQuery, ApiError> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let beyond = given(filter.cursor).map(|text| {
        let reason = "the X-Next-Cursor of the page before is accepted";
        cursor::decode(&text).ok_or_else(|| bad("cursor", reason))
    });
    Ok(ActivityQuery {
        kind: given(filter.kind),
        origin: origin(given(filter.source).as_deref())?,
        status: given(filter.status),
        method: given(filter.method),
        since: given(filter.since).map(|text| time("since", &text)).transpose()?,
        until: given(filter.until).map(|text| time("until", &text)).transpose()?,
        beyond: beyond.transpose()?,
        ..ActivityQuery::default()
    })
}

fn origin(text: Option<&str>) -> Result<Option<Origin>, ApiError> {
    match text {
        None => Ok(None),
        Some("canvas") => Ok(Some(Origin::Canvas)),
        Some("agent") => Ok(Some(Origin::Agent)),
        Some(_) => Err(ApiError::bad_request("source must be 'canvas' or 'agent'")
            .field("source", "canvas or agent is accepted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_the_contract_says() {
        for (text, wanted) in [
            (None, 100),
            (Some("2"), 2),
            (Some("500"), 500),
            (Some("501"), 500),
            (Some("99999999999999999999"), 100),
            (Some("0"), 100),
            (Some("-1"), 100),
            (Some("many"), 100),
            (Some(""), 100),
        ] {
            assert_eq!(limit(text, 100, 500), wanted, "{text:?}");
        }
    }
}
