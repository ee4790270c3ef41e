//! `GET /workspaces/:id/logs`: what an agent wrote to its standard output and error. Ours.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use isomer_actors::domain::ids::WorkspaceId;
use serde::Deserialize;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, ApiError};
use super::events::bad;
use super::gates::{Caller, workspace_id};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::places::Place;
use super::state::App;
use crate::live::watched_token;
use crate::provision::{LogRange, Logs, Unavailable};

/// Readers of the logs of one workspace, and in total.
pub const MAX_EACH: usize = 16;
pub const MAX_TOTAL: usize = 512;
const DEFAULT_TAIL: usize = 200;
const MAX_TAIL: usize = 10_000;
/// How often it is checked that the token still lives.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(logs))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Options {
    /// The last so many lines; 200 unless given.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000, nullable = false)]
    tail: Option<String>,
    /// `1`: and those that come.
    #[serde(default)]
    #[param(nullable = false)]
    follow: Option<String>,
}

/// Returns what the agent of a workspace wrote to its standard output and error, oldest first.
///
/// With `follow` it goes on until the client leaves, its token is revoked, the agent is not run any more, or the
/// server stops.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/logs",
    tag = "runtime",
    operation_id = "getLogs",
    params(("id" = Uuid, Path, description = "The workspace"), Options),
    responses(
        (status = 200, description = "Lines as they were written", body = String,
            content_type = "text/plain"),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "Its agent does not run, or not here", body = ErrorBody),
        (status = 501, description = "The provisioner keeps no logs", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn logs(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    headers: HeaderMap,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let (id, range) = (workspace_id(&id)?, range(&options)?);
    match app.directory.glimpse(id) {
        None => return Err(ApiError::not_found("workspace not found")),
        Some(glimpse) if !glimpse.hosted => {
            return Err(conflict("its agent is not run by this server"));
        }
        Some(_) => {}
    }
    let place = app.log_readers.take(id).ok_or_else(|| {
        let text = format!("too many readers: {MAX_EACH} a workspace are accepted");
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, text).with("code", "too_many")
    })?;
    let logs = app.backend.logs(id, range).await.map_err(unavailable)?;
    let watched = watched_token(&caller, &headers);
    let stopping = app.stopping.clone();
    let revoked = move || watched.is_some_and(|hash| app.tokens.find(&hash).is_none());
    Ok(answer(Feed::new(id, logs, stopping, Box::new(revoked), place)))
}

fn range(options: &Options) -> Result<LogRange, ApiError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let tail = match given(&options.tail) {
        None => DEFAULT_TAIL,
        Some(text) => {
            text.parse().ok().filter(|tail| (1..=MAX_TAIL).contains(tail)).ok_or_else(|| {
                bad("tail", format!("a whole number from 1 to {MAX_TAIL} is accepted"))
            })?
        }
    };
    let follow = match given(&options.follow).as_deref() {
        None | Some("0" | "false") => false,
        Some("1" | "true") => true,
        Some(_) => return Err(bad("follow", "0 and 1 are accepted")),
    };
    Ok(LogRange { tail, follow })
}

fn conflict(text: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, text).with("code", "not_running")
}

fn unavailable(error: Unavailable) -> ApiError {
    match &error {
        Unavailable::NotRunning => conflict("its agent is not running"),
        Unavailable::NotOffered(_) => {
            ApiError::new(StatusCode::NOT_IMPLEMENTED, "logs not available")
                .with("reason", error.to_string())
        }
        Unavailable::Engine(_) => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "logs not available")
                .with("reason", error.to_string())
                .retry_after(Duration::from_secs(5))
        }
    }
}

fn answer(feed: Feed) -> Response {
    let body = stream::unfold(feed, Feed::next);
    let mut response = Response::new(Body::from_stream(body));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy that collects before it sends would show nothing for long.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lines on their way: read from the backend as fast as the client takes them.
struct Feed {
    id: WorkspaceId,
    logs: Logs,
    stopping: CancellationToken,
    revoked: Box<dyn Fn() -> bool + Send + Sync>,
    checks: Interval,
    ended: bool,
    _place: Place,
}

impl Feed {
    fn new(
        id: WorkspaceId,
        logs: Logs,
        stopping: CancellationToken,
        revoked: Box<dyn Fn() -> bool + Send + Sync>,
        place: Place,
    ) -> Self {
        let mut checks = interval(CHECK_EVERY);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { id, logs, stopping, revoked, checks, ended: false, _place: place }
    }

    /// Returns the next bytes; `None` ends the answer.
    async fn next(mut self) -> Option<(std::io::Result<Bytes>, Self)> {
        while !self.ended {
            let stopping = self.stopping.clone();
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                _ = self.checks.tick() => {
                    if (self.revoked)() {
                        return None;
                    }
                }
                piece = self.logs.next() => match piece? {
                    Ok(piece) if piece.is_empty() => {}
                    Ok(piece) => return Some((Ok(piece), self)),
                    Err(error) => {
                        warn!(workspace_id = %self.id, %error, "its logs ended early");
                        self.ended = true;
                        let told = std::io::Error::other("the logs ended early");
                        return Some((Err(told), self));
                    }
                },
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt;
    use tokio::sync::mpsc;

    use super::*;
    use crate::http::places::Places;

    fn query(tail: Option<&str>, follow: Option<&str>) -> Option<(usize, bool)> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let range = range(&Options { tail: text(tail), follow: text(follow) }).ok()?;
        Some((range.tail, range.follow))
    }

    #[test]
    fn a_range_is_bounded() {
        assert_eq!(query(None, None), Some((200, false)));
        assert_eq!(query(Some("1"), Some("1")), Some((1, true)));
        assert_eq!(query(Some("10000"), Some("0")), Some((10_000, false)));
        for tail in ["0", "-1", "10001", "many"] {
            assert_eq!(query(Some(tail), None), None, "{tail}");
        }
        assert_eq!(query(None, Some("yes")), None);
    }

    struct Under {
        lines: mpsc::Sender<std::io::Result<Bytes>>,
        stopping: CancellationToken,
        revoked: Arc<AtomicBool>,
        places: Places,
        id: WorkspaceId,
        body: Body,
    }

    fn follow() -> Under {
        let (lines, receiver) = mpsc::channel(4);
        let logs = stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        let (places, id) = (Places::new(1, 1), WorkspaceId::random());
        let (stopping, revoked) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let (look, place) = (Arc::clone(&revoked), places.take(id).unwrap());
        let look = Box::new(move || look.load(Ordering::SeqCst));
        let feed = Feed::new(id, logs.boxed(), stopping.clone(), look, place);
        Under { lines, stopping, revoked, places, id, body: answer(feed).into_body() }
    }

    async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
        body.frame().await.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn lines_go_through_until_the_logs_end() {
        let mut under = follow();
        for line in ["one\n", "", "two\n"] {
            under.lines.send(Ok(Bytes::from_static(line.as_bytes()))).await.unwrap();
        }
        assert_eq!(next(&mut under.body).await.unwrap().unwrap(), "one\n");
        assert_eq!(next(&mut under.body).await.unwrap().unwrap(), "two\n");
        assert!(under.places.take(under.id).is_none(), "the place is taken while it is read");
        drop(under.lines);
        assert!(next(&mut under.body).await.is_none());
        drop(under.body);
        assert!(under.places.take(under.id).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_at_the_stop_and_with_the_token() {
        let mut under = follow();
        under.stopping.cancel();
        assert!(next(&mut under.body).await.is_none());
        let mut under = follow();
        under.lines.send(Ok(Bytes::from_static(b"x"))).await.unwrap();
        assert!(next(&mut under.body).await.is_some());
        under.revoked.store(true, Ordering::SeqCst);
        assert!(next(&mut under.body).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_not_an_end() {
        let mut under = follow();
        under.lines.send(Err(std::io::Error::other("/a/path/of/the/host"))).await.unwrap();
        let error = next(&mut under.body).await.unwrap().unwrap_err();
        assert!(!error.to_string().contains("/a/path"));
        assert!(next(&mut under.body).await.is_none());
    }
}
