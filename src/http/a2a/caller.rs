//! Who sends a message (contract 04 §3.1, closed as design §7 says): a person, or a workspace
//! with its own token. Nobody is let in for sending no credential.

use axum::http::HeaderMap;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::Owner;

use crate::http::error::ApiError;
use crate::http::gates::{Bearer, Caller, is_org_admin, never_had_tokens};
use crate::http::state::App;

/// Who may call is decided by this header (contract 00 §3).
const HEADER: &str = "x-workspace-id";
/// Names of callers that exist only inside the platform (contract 00 §3).
const SYSTEM: [&str; 4] = ["webhook:", "system:", "test:", "channel:"];
const MISSING: &str = "missing caller auth token";
const INVALID: &str = "invalid caller auth token";

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Somebody at the canvas, or a program of the administrator's.
    Person,
    Workspace(WorkspaceId),
}

/// Finds out who sends.
///
/// # Errors
/// 403 for a forged system caller, 401 without a credential that fits, 503 when that cannot be told.
pub async fn sender(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<Sender, ApiError> {
    let claimed = match headers.get(HEADER).map(|value| value.to_str()) {
        None | Some(Ok("")) => return unclaimed(app, caller).await,
        Some(Ok(text)) if SYSTEM.iter().any(|prefix| text.starts_with(prefix)) => {
            return Err(ApiError::forbidden("invalid caller ID"));
        }
        Some(Ok(text)) => WorkspaceId::parse_loose(text),
        Some(Err(_)) => None,
    };
    let claimed = claimed.ok_or_else(|| {
        ApiError::unauthorized(INVALID).field("X-Workspace-ID", "it is not a UUID")
    })?;
    match caller.known(app).await? {
        Bearer::Known(token) if token.owner == Owner::Workspace(claimed) => {}
        // The contract's open form: development, on loopback.
        Bearer::None if caller.dev && never_had_tokens(app, claimed) => {}
        Bearer::None => return Err(ApiError::unauthorized(MISSING)),
        _ => return Err(ApiError::unauthorized(INVALID)),
    }
    Ok(Sender::Workspace(claimed))
}

/// Without the header, a person; a workspace's token speaks for its workspace all the same, so
/// that leaving the header out widens nobody's reach.
async fn unclaimed(app: &App, caller: &Caller) -> Result<Sender, ApiError> {
    match caller.known(app).await? {
        Bearer::Admin => Ok(Sender::Person),
        Bearer::Known(token) if is_org_admin(&token) => Ok(Sender::Person),
        Bearer::Known(token) => match token.owner {
            Owner::Workspace(id) => Ok(Sender::Workspace(id)),
            Owner::Org { .. } => Err(ApiError::unauthorized(INVALID)),
        },
        Bearer::None if caller.session || caller.dev => Ok(Sender::Person),
        Bearer::None => Err(ApiError::unauthorized(MISSING)),
        _ => Err(ApiError::unauthorized(INVALID)),
    }
}

/// Checks that the sender may send to `target` (contract 02 §6).
///
/// # Errors
/// 403 with the contract's text.
pub fn may_send(app: &App, sender: Sender, target: Option<WorkspaceId>) -> Result<(), ApiError> {
    let allowed = match sender {
        Sender::Person => true,
        Sender::Workspace(from) => target.is_some_and(|to| app.directory.may_talk(from, to)),
    };
    let text = "access denied: workspaces cannot communicate per hierarchy rules";
    if allowed { Ok(()) } else { Err(ApiError::forbidden(text)) }
}
