//! `POST /registry/check-access` (contract 02 §6). The contract asks nothing of the caller, which
//! tells strangers the chart; here any valid credential is needed, and an agent may only ask
//! about itself.

use axum::extract::State;
use isomer_actors::domain::ids::WorkspaceId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::schema::AccessChecked;
use super::{BAD_BODY, required};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::json::Input;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Who would send to whom.
#[derive(Deserialize, ToSchema)]
#[schema(as = CheckAccess)]
struct Body {
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    caller_id: Option<String>,
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    target_id: Option<String>,
}

/// Says whether two workspaces may exchange messages.
#[utoipa::path(
    post,
    path = "/registry/check-access",
    tag = "registry",
    operation_id = "checkAccess",
    request_body = Body,
    responses(
        (status = 200, description = "Whether they may", body = AccessChecked),
        (status = 403, description = "An agent asks about others", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn check_access(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    let body: Body = input.parse_or(BAD_BODY)?;
    let from = required("caller_id", body.caller_id.as_deref())?;
    let to = required("target_id", body.target_id.as_deref())?;
    let asking = caller.anybody(&app).await?;
    let ids = (WorkspaceId::parse_loose(from), WorkspaceId::parse_loose(to));
    if let Some(own) = asking
        && ids.0 != Some(own)
        && ids.1 != Some(own)
    {
        return Err(ApiError::forbidden("access denied")
            .field("caller_id", "a workspace token may only ask about its own workspace"));
    }
    let allowed = match ids {
        (Some(from), Some(to)) => app.directory.may_talk(from, to),
        _ => from == to,
    };
    Ok(ok(&json!({"allowed": allowed})))
}
