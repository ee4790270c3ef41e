//! Who may see and decide what a workspace asked for.

use isomer_actors::domain::approval::Decider;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::Owner;

use crate::http::error::ApiError;
use crate::http::gates::{Admin, Bearer, Caller, is_org_admin};
use crate::http::state::App;

/// Lets in whoever may administrate, and agents of workspaces above this one. The contract lets an
/// agent approve itself.
///
/// # Errors
/// 403 for the workspace's own token, 401 for others, 503 when that cannot be told.
pub async fn decider(
    caller: &Caller,
    app: &App,
    workspace: WorkspaceId,
) -> Result<Decider, ApiError> {
    let admin = match caller.known(app).await? {
        Bearer::Admin => Admin::Token,
        Bearer::Known(token) if is_org_admin(&token) => Admin::Org(token),
        Bearer::Known(token) => match token.owner {
            Owner::Workspace(own) if own == workspace => return Err(own_request()),
            Owner::Workspace(own) if app.directory.is_above(own, workspace) => {
                return Ok(Decider::Workspace(own));
            }
            _ => return Err(ApiError::unauthorized("invalid workspace auth token")),
        },
        Bearer::None if caller.session => Admin::Session,
        Bearer::None if caller.dev => Admin::Dev,
        Bearer::None => return Err(ApiError::unauthorized("missing workspace auth token")),
        Bearer::Unknown(_) | Bearer::Wrong => {
            return Err(ApiError::unauthorized("invalid workspace auth token"));
        }
    };
    Ok(Decider::Admin(admin.name()))
}

/// Lets in whoever may decide, and the workspace itself.
///
/// # Errors
/// 401, or 503 when that cannot be told.
pub async fn reader(
    caller: &Caller,
    app: &App,
    id: &str,
    workspace: WorkspaceId,
) -> Result<(), ApiError> {
    match caller.known(app).await? {
        Bearer::Known(token) if matches!(token.owner, Owner::Workspace(own) if own != workspace) => {
            decider(caller, app, workspace).await.map(|_| ())
        }
        _ => caller.workspace(app, id).await.map(|_| ()),
    }
}

/// An agent does not approve itself.
pub fn own_request() -> ApiError {
    ApiError::forbidden("a workspace cannot decide its own approval requests")
        .with("code", "own_request")
}
