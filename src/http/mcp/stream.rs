//! `GET /workspaces/:id/mcp/stream`: where to post to, and that the server is there.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use isomer_actors::domain::status::Status;
use isomer_actors::domain::token::TokenHash;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::limit::{self, MAX_STREAMS_EACH};
use super::{enter, found};
use crate::http::error::{ApiError, removed};
use crate::http::gates::{Actor, Caller};
use crate::http::openapi::schema::ErrorBody;
use crate::http::places::Place;
use crate::http::state::App;
use crate::http::token;

/// How often it is checked that the token still lives.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Every so many checks a comment is sent: every 30 s (contract 08 §10).
const PING_CHECKS: u32 = 6;
const PING: Bytes = Bytes::from_static(b": ping\n\n");

/// Streams where to post requests to, as server-sent events, and a comment every 30 s.
///
/// For clients of the transport of 2024-11-05. Answers come with the POST, never here. It ends
/// when the token is revoked or the server stops.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/mcp/stream",
    tag = "mcp",
    operation_id = "streamMcp",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "The event `endpoint`, then comments", body = String,
            content_type = "text/event-stream"),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn stream(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    use axum::response::IntoResponse;

    let (actor, told) = enter(&app, &caller, &id, &headers).await?;
    let refused = |error: ApiError| (told.clone(), error).into_response();
    let (id, status) =
        found(&app, &id).ok_or_else(|| refused(ApiError::not_found("workspace not found")))?;
    if status == Status::Removed {
        return Err(refused(removed()));
    }
    let open = app.mcp_streams.take(id).ok_or_else(|| {
        let text = format!("too many MCP streams: {MAX_STREAMS_EACH} a workspace are accepted");
        refused(ApiError::new(StatusCode::TOO_MANY_REQUESTS, text).with("code", "too_many"))
    })?;
    let watched = match actor {
        Actor::Own(_) => limit::bearer(&headers).map(token::hash),
        Actor::Admin(_) => None,
    };
    let mut checks = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let greeting = Bytes::from(format!("event: endpoint\ndata: /workspaces/{id}/mcp\n\n"));
    let feed = Feed { app, watched, checks, rounds: 0, greeting: Some(greeting), _open: open };
    let mut response = Response::new(Body::from_stream(stream::unfold(feed, Feed::next)));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().extend(told);
    Ok(response)
}

struct Feed {
    app: App,
    watched: Option<TokenHash>,
    checks: Interval,
    rounds: u32,
    greeting: Option<Bytes>,
    _open: Place,
}

impl Feed {
    /// Returns the next bytes; `None` ends the stream.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(greeting) = self.greeting.take() {
            return Some((Ok(greeting), self));
        }
        let stopping = self.app.stopping.clone();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                _ = self.checks.tick() => {
                    if self.watched.is_some_and(|hash| self.app.tokens.find(&hash).is_none()) {
                        return None;
                    }
                    self.rounds += 1;
                    if self.rounds.is_multiple_of(PING_CHECKS) {
                        return Some((Ok(PING), self));
                    }
                }
            }
        }
    }
}
