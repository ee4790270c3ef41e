//! `GET /workspaces/:id/events/stream`: one workspace's events as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use isomer_actors::domain::token::TokenHash;
use isomer_actors::live::{Audience, Next, Subscription};
use serde::Deserialize;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use utoipa::IntoParams;

use super::sequence;
use crate::http::error::ApiError;
use crate::http::gates::{Actor, Caller};
use crate::http::openapi::schema::{ErrorBody, StreamedEvent};
use crate::http::state::App;
use crate::http::token;

/// How often it is checked that the token still lives.
const CHECK_EVERY: Duration = Duration::from_secs(4);
/// Every so many checks a comment keeps proxies from closing the stream.
const PING_CHECKS: u32 = 5;
const PING: Bytes = Bytes::from_static(b": ping\n\n");

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// A sequence: recorded events after it come first, and events carry theirs as `id`.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 0, nullable = false)]
    since: Option<String>,
}

/// Streams the events of one workspace as server-sent events.
///
/// Each `data` is a `StreamedEvent`. The stream ends when the token is revoked or the server
/// stops.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/events/stream",
    tag = "events",
    operation_id = "streamWorkspaceEvents",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        Options,
        ("last-event-id" = Option<i64>, Header, nullable = false,
            description = "The same as `since`, from a browser that reconnects"),
    ),
    responses(
        (status = 200, description = "The stream", body = StreamedEvent,
            content_type = "text/event-stream"),
        (status = 400, description = "`since` is no sequence", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn stream(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let actor = caller.workspace(&app, &id).await?;
    let known = isomer_actors::domain::ids::WorkspaceId::parse_loose(&id)
        .filter(|id| app.directory.glimpse(*id).is_some())
        .ok_or_else(|| ApiError::not_found("workspace not found"))?;
    let last_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let since = sequence("since", options.since.as_deref().or(last_id))?;
    let watched = match actor {
        Actor::Own(_) => headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .map(|text| token::hash(text.trim())),
        Actor::Admin(_) => None,
    };
    let subscription = app.live.subscribe(Audience::Only(known), since).await?;
    let mut checks = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed { app, subscription, watched, checks, rounds: 0, sequenced: since.is_some() };
    // The first bytes are a comment (contract 03 §5).
    let greeting = stream::once(std::future::ready(Ok::<_, Infallible>(PING)));
    Ok(response(Body::from_stream(greeting.chain(stream::unfold(feed, Feed::next)))))
}

fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONNECTION, "keep-alive"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Feed {
    app: App,
    subscription: Subscription,
    watched: Option<TokenHash>,
    checks: Interval,
    rounds: u32,
    sequenced: bool,
}

impl Feed {
    /// Returns the next bytes; `None` ends the stream.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
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
                next = self.subscription.next() => match next {
                    Next::Frames(frames) => {
                        let mut bytes = BytesMut::new();
                        for frame in frames {
                            let text =
                                if self.sequenced { frame.sse_sequenced() } else { frame.sse() };
                            bytes.extend_from_slice(&text);
                        }
                        return Some((Ok(bytes.freeze()), self));
                    }
                    Next::Slow | Next::Interrupted => return None,
                },
            }
        }
    }
}
