//! `GET /workspaces/:id/terminal` (contract 07 §6): a shell where the agent is, over a WebSocket.

mod pump;
mod record;

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::Owner;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::record::Session;
use super::cors;
use super::error::{ApiError, removed};
use super::events::bad;
use super::gates::{Actor, Admin, Bearer, Caller, workspace_id};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::places::Place;
use super::state::App;
use crate::live::watched_token;
use crate::provision::{Terminal, TerminalSize, Unavailable};
use isomer_actors::domain::status::Status;

/// Terminals of one workspace, and in total.
pub const MAX_EACH: usize = 8;
pub const MAX_TOTAL: usize = 256;
/// The widest and highest terminal, in characters.
const MAX_SIDE: u16 = 1_000;
/// Largest message a client may send: what is pasted comes in one.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
const WRITE_BUFFER_BYTES: usize = 16 * 1024;
const MAX_WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(open))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Options {
    /// Characters in a line; 80 unless given.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, nullable = false)]
    cols: Option<String>,
    /// Lines; 24 unless given.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1_000, nullable = false)]
    rows: Option<String>,
}

/// Upgrades to a WebSocket with a shell behind it, where the agent of the workspace is.
///
/// Binary frames of at most 4,096 bytes are its output. Every frame from the client is typed into it as it is, but a
/// text frame `{"resize":{"cols":120,"rows":40}}`, which gives the terminal another size. The shell is killed when
/// the connection ends. Close codes: 1000 the shell has ended, or nothing was typed for 30 minutes; 1001 the server is
/// stopping; 1008 the token was revoked; 1013 the client does not read.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/terminal",
    tag = "runtime",
    operation_id = "openTerminal",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        Options,
        ("x-workspace-id" = Option<Uuid>, Header, nullable = false,
            description = "Another workspace, for which somebody with an organisation token asks"),
    ),
    responses(
        (status = 101, description = "Frames follow"),
        (status = 400, description = "No upgrade was asked for, or a parameter is not acceptable", body = ErrorBody),
        (status = 403, description = "Pages of this origin may not, or the other workspace", body = ErrorBody),
        (status = 404, description = "There is no such workspace, or its agent does not run here", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 503, description = "The provisioner has no terminals", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn open(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let actor = caller.workspace(&app, &id).await?;
    check_origin(&app, &caller, &headers)?;
    let parsed = workspace_id(&id)?;
    check_claim(&app, &actor, parsed, &headers)?;
    let size = size(&options)?;
    let Ok(upgrade) = upgrade else {
        let text = "a WebSocket upgrade is expected";
        return Ok((StatusCode::BAD_REQUEST, text).into_response());
    };
    let (terminal, place) = start(&app, parsed, size).await?;
    let source = match &actor {
        Actor::Own(token) => match token.owner {
            Owner::Workspace(id) => Some(id),
            Owner::Org { .. } => None,
        },
        Actor::Admin(_) => None,
    };
    let session = Session::open(&app, parsed, source, actor.name(), size).await?;
    let watched = watched_token(&caller, &headers);
    let revoked = {
        let app = app.clone();
        move || watched.is_some_and(|hash| app.tokens.find(&hash).is_none())
    };
    let stopping = app.stopping.clone();
    Ok(upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .on_upgrade(move |socket: WebSocket| async move {
            let mut session = session;
            app.metrics.sockets.inc();
            session.ended = pump::run(socket, terminal, stopping, revoked).await;
            app.metrics.sockets.dec();
            drop((session, place));
        }))
}

/// A page must be this server's own or on the list; only a page has a session, and says its origin.
fn check_origin(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<(), ApiError> {
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

/// Who says to ask for another workspace must be let in by that one, too.
fn check_claim(
    app: &App,
    actor: &Actor,
    id: WorkspaceId,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    let claimed = headers.get("x-workspace-id").map(|value| value.to_str().unwrap_or("?"));
    let Some(claimed) = claimed.filter(|text| !text.is_empty()) else { return Ok(()) };
    let claimed = WorkspaceId::parse_loose(claimed);
    if claimed == Some(id) {
        return Ok(());
    }
    // Whoever calls with a bearer is that bearer's workspace, or nobody's.
    if matches!(actor, Actor::Own(_) | Actor::Admin(Admin::Token)) {
        return Err(ApiError::unauthorized("invalid token for claimed workspace"));
    }
    if claimed.is_some_and(|claimed| app.directory.may_talk(claimed, id)) {
        return Ok(());
    }
    Err(ApiError::forbidden("not authorized to access this workspace's terminal"))
}

fn size(options: &Options) -> Result<TerminalSize, ApiError> {
    let side = |name: &str, text: &Option<String>, default: u16| match text.as_deref() {
        None | Some("") => Ok(default),
        Some(text) => {
            let side = text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
            let accepted = format!("a whole number from 1 to {MAX_SIDE} is accepted");
            side.ok_or_else(|| bad(name, accepted))
        }
    };
    let (columns, rows) = (side("cols", &options.cols, 80)?, side("rows", &options.rows, 24)?);
    Ok(TerminalSize { columns, rows })
}

/// Opens the shell before the upgrade, so that a refusal has a status.
async fn start(
    app: &App,
    id: WorkspaceId,
    size: TerminalSize,
) -> Result<(Terminal, Place), ApiError> {
    match app.directory.glimpse(id) {
        None => return Err(ApiError::not_found("workspace not found")),
        Some(glimpse) if glimpse.status == Status::Removed => return Err(removed()),
        Some(glimpse) if !glimpse.hosted => return Err(unavailable(Unavailable::NotRunning)),
        Some(_) => {}
    }
    let place = app.terminals.take(id).ok_or_else(|| {
        let text = format!("too many terminals: {MAX_EACH} a workspace are accepted");
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, text).with("code", "too_many")
    })?;
    let terminal = app.backend.terminal(id, size).await.map_err(unavailable)?;
    Ok((terminal, place))
}

fn unavailable(error: Unavailable) -> ApiError {
    match &error {
        Unavailable::NotRunning => ApiError::not_found("container not running"),
        Unavailable::NotOffered(_) | Unavailable::Engine(_) => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "terminal not available")
                .with("reason", error.to_string())
                .retry_after(Duration::from_secs(5))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_bounded() {
        let of = |cols: Option<&str>, rows: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let size = size(&Options { cols: text(cols), rows: text(rows) }).ok()?;
            Some((size.columns, size.rows))
        };
        assert_eq!(of(None, None), Some((80, 24)));
        assert_eq!(of(Some("132"), Some("43")), Some((132, 43)));
        for wrong in ["0", "1001", "-1", "wide", "65536"] {
            assert_eq!(of(Some(wrong), None), None, "{wrong}");
            assert_eq!(of(None, Some(wrong)), None, "{wrong}");
        }
    }
}
