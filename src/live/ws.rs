//! `GET /ws`: every event that the caller may see, as one text frame each.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::domain::token::TokenHash;
use isomer_actors::live::{Audience, Frame, Next, Subscription};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval};
use utoipa::IntoParams;

use super::sequence;
use crate::http::cors;
use crate::http::error::ApiError;
use crate::http::gates::{Bearer, Caller};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::token;

/// How often the server asks for a sign of life, and whether the token still lives.
const CHECK_EVERY: Duration = Duration::from_secs(4);
/// Every so many checks a ping is sent.
const PING_CHECKS: u32 = 6;
/// A peer that shows no sign of life for this long is gone.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// How long writing may make no progress.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Largest message a client may send; they are read and ignored.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
const WRITE_BUFFER_BYTES: usize = 128 * 1024;
const MAX_WRITE_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Close codes of RFC 6455 §7.4.1 and its registry.
mod code {
    pub const GOING_AWAY: u16 = 1001;
    pub const POLICY: u16 = 1008;
    pub const TRY_AGAIN: u16 = 1013;
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// A sequence: recorded events after it come first, and frames carry theirs.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 0, nullable = false)]
    since: Option<String>,
}

/// Upgrades to a WebSocket: each event that the caller may see is a text frame, a `LiveEvent`.
///
/// Close codes: 1001 the server is stopping, 1008 the token was revoked, 1013 too slow or
/// interrupted; the reason names the sequence to resume with.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "events",
    operation_id = "openWebSocket",
    params(
        Options,
        ("x-workspace-id" = Option<Uuid>, Header, nullable = false,
            description = "An agent asks, with its own token: it sees whom it may talk to"),
    ),
    responses(
        (status = 101, description = "Frames follow"),
        (status = 400, description = "No upgrade was asked for, or `since` is no sequence", body = String),
        (status = 403, description = "Pages of this origin may not", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn upgrade(
    State(app): State<App>,
    caller: Caller,
    Query(options): Query<Options>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => {
            return Ok((StatusCode::BAD_REQUEST, "a WebSocket upgrade is expected").into_response());
        }
    };
    let audience = audience(&app, &caller, &headers).await?;
    check_origin(&app, &caller, &headers)?;
    let since = sequence("since", options.since.as_deref())?;
    let watched = watched_token(&caller, &headers);
    let subscription = app.live.subscribe(audience, since).await?;
    Ok(upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .on_upgrade(move |socket| async move {
            app.metrics.sockets.inc();
            let (sink, stream) = socket.split();
            let connection =
                Connection { app: app.clone(), sink, sequenced: since.is_some(), last: since };
            connection.run(stream, subscription, watched).await;
            app.metrics.sockets.dec();
        }))
}

/// With `X-Workspace-ID` an agent asks, with its own token; without, a person or administrator.
async fn audience(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<Audience, ApiError> {
    let id = headers.get("x-workspace-id").and_then(|value| value.to_str().ok());
    match id.filter(|id| !id.is_empty()) {
        Some(text) => {
            let invalid = || ApiError::unauthorized("invalid workspace auth token");
            let id = WorkspaceId::parse_loose(text).ok_or_else(invalid)?;
            if app.directory.glimpse(id).is_none_or(|glimpse| glimpse.live_tokens == 0) {
                // Without a token of its own nobody can show to be this agent.
                caller
                    .admin(app)
                    .await
                    .map_err(|_| ApiError::unauthorized("missing workspace auth token"))?;
                return Ok(Audience::Peers(id));
            }
            caller.own_token(app, id).await?;
            Ok(Audience::Peers(id))
        }
        None => caller.admin(app).await.map(|_| Audience::Everything),
    }
}

/// With `CORS_ORIGINS` set, a page must be on the list; agents send no origin.
fn check_origin(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<(), ApiError> {
    if !app.config.http.cors_given {
        return Ok(());
    }
    let refused = || ApiError::forbidden("origin not allowed");
    match headers.get(header::ORIGIN) {
        Some(origin)
            if cors::is_own(origin, headers)
                || cors::is_listed(origin, &app.config.http.cors_origins) =>
        {
            Ok(())
        }
        Some(_) => Err(refused()),
        None if matches!(caller.bearer, Bearer::None) && !caller.dev => Err(refused()),
        None => Ok(()),
    }
}

/// Returns the token that must stay live for the socket to stay open.
pub(crate) fn watched_token(caller: &Caller, headers: &HeaderMap) -> Option<TokenHash> {
    if matches!(caller.bearer, Bearer::Admin | Bearer::None) {
        return None;
    }
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(token::hash(value.strip_prefix("Bearer ")?.trim()))
}

struct Connection {
    app: App,
    sink: SplitSink<WebSocket, Message>,
    /// The subscriber resumes by sequence, so frames carry it.
    sequenced: bool,
    last: Option<Seq>,
}

impl Connection {
    async fn run(
        mut self,
        mut stream: SplitStream<WebSocket>,
        mut subscription: Subscription,
        watched: Option<TokenHash>,
    ) {
        let mut checks = interval(CHECK_EVERY);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard, mut rounds) = (Instant::now(), 0u32);
        let stopping = self.app.stopping.clone();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => {
                    return self.close(code::GOING_AWAY, "the server is stopping").await;
                }
                message = stream.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => heard = Instant::now(),
                },
                _ = checks.tick() => {
                    rounds += 1;
                    if watched.is_some_and(|hash| self.app.tokens.find(&hash).is_none()) {
                        return self.close(code::POLICY, "the token was revoked").await;
                    }
                    let ping = rounds.is_multiple_of(PING_CHECKS);
                    if heard.elapsed() > SILENT_FOR || (ping && !self.ping().await) {
                        return;
                    }
                },
                next = subscription.next() => match next {
                    Next::Frames(frames) => {
                        if !self.send(&frames).await {
                            return;
                        }
                    }
                    Next::Slow => return self.cut("too slow").await,
                    Next::Interrupted => return self.cut("interrupted").await,
                },
            }
        }
    }

    /// Sends frames with one flush; returns whether the peer takes them.
    async fn send(&mut self, frames: &[std::sync::Arc<Frame>]) -> bool {
        let sequenced = self.sequenced;
        let sending = async {
            for frame in frames {
                let text = if sequenced { frame.sequenced() } else { frame.envelope() };
                let Ok(text) = Utf8Bytes::try_from(text) else {
                    continue;
                };
                self.sink.feed(Message::Text(text)).await?;
            }
            self.sink.flush().await
        };
        let sent = matches!(tokio::time::timeout(WRITE_LIMIT, sending).await, Ok(Ok(())));
        if let Some(seq) = frames.iter().rev().find_map(|frame| frame.seq()) {
            self.last = Some(seq);
        }
        sent
    }

    async fn ping(&mut self) -> bool {
        let ping = self.sink.send(Message::Ping(Bytes::new()));
        matches!(tokio::time::timeout(WRITE_LIMIT, ping).await, Ok(Ok(())))
    }

    /// Closes so that the client connects again and resumes.
    async fn cut(self, why: &str) {
        let reason = match self.last {
            Some(seq) => format!("{why}, resume with ?since={seq}"),
            None => format!("{why}, connect again"),
        };
        self.close(code::TRY_AGAIN, &reason).await;
    }

    async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
        let close = self.sink.send(Message::Close(Some(frame)));
        let _ = tokio::time::timeout(WRITE_LIMIT, close).await;
    }
}
