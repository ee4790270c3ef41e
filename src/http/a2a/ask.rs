//! Asking as a workspace and waiting for the whole answer, by the rules of every message.

use std::sync::Arc;
use std::time::Duration;

use isomer_actors::api::Followed;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{Delivery, Message, NewMessage, Origin, State, priority};
use isomer_actors::domain::status::Status;
use isomer_actors::mailroom::Courier as _;
use serde_json::json;
use uuid::Uuid;

use super::caller::{Sender, may_send};
use super::courier::HttpCourier;
use crate::http::error::{ApiError, removed};
use crate::http::state::App;

const METHOD: &str = "message/send";

/// Checks that `from` may send to `to`, and that there is such a workspace.
///
/// # Errors
/// 403, 404 or 410 with the contract's texts.
pub fn check(app: &App, from: WorkspaceId, to: WorkspaceId) -> Result<(), ApiError> {
    let unknown = || ApiError::not_found("workspace not found");
    app.directory.glimpse(to).ok_or_else(unknown)?;
    may_send(app, Sender::Workspace(from), Some(to))?;
    let Followed::At(at) = app.directory.follow(to) else { return Err(unknown()) };
    match app.directory.glimpse(at).ok_or_else(unknown)?.status {
        Status::Removed => Err(removed()),
        _ => Ok(()),
    }
}

/// Sends a text from one workspace to another and waits for the agent's answer; `None` when
/// there is none within `patience`. Nothing of it is kept.
///
/// # Errors
/// As [`check`]; nothing was sent then.
///
/// # Cancel safety
/// Dropping the future, or the end of `patience`, closes the connection to the agent.
pub async fn ask(
    app: &App,
    from: WorkspaceId,
    to: WorkspaceId,
    text: &str,
    patience: Duration,
) -> Result<Option<Delivery>, ApiError> {
    check(app, from, to)?;
    let message = message(app, from, to, text);
    let courier = HttpCourier::new(app.clone());
    Ok(tokio::time::timeout(patience, courier.deliver(&message)).await.ok())
}

fn message(app: &App, from: WorkspaceId, to: WorkspaceId, text: &str) -> Message {
    let (id, at) = (Uuid::new_v4(), app.clock.now());
    // Agents of the contract read `type`, those of A2A 0.3 `kind`.
    let part = json!({"kind": "text", "type": "text", "text": text});
    let body = json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": METHOD,
        "params": {"message": {
            "kind": "message", "role": "user", "messageId": id, "parts": [part],
        }},
    });
    let new = NewMessage {
        id,
        to,
        from: Some(from),
        priority: priority::TASK,
        body: Arc::from(body.to_string()),
        method: METHOD.to_owned(),
        key: None,
        headers: None,
        origin: Origin::Sender,
        at,
        expires_at: at,
    };
    Message {
        seq: 0,
        new,
        state: State::Dispatched,
        attempts: 1,
        updated_at: at,
        last_error: None,
        response: None,
        lease: None,
    }
}
