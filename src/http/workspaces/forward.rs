//! `POST /workspaces/:id/forward` (design §7): retires a workspace in favour of another.

use axum::extract::{Path, State};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use utoipa::ToSchema;

use super::schema::Forwarded;
use crate::http::error::{Answer, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const BAD_BODY: &str = "invalid request body";

/// Who takes over.
#[derive(Deserialize, ToSchema)]
#[schema(as = Forward)]
struct Body {
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    to: Option<String>,
}

/// Removes a workspace and points at the one that takes over.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/forward",
    tag = "workspaces",
    operation_id = "forwardWorkspace",
    params(("id" = Uuid, Path, description = "The workspace that retires")),
    request_body = Body,
    responses(
        (status = 200, description = "It is removed and points there", body = Forwarded),
        (status = 404, description = "One of them is not there", body = ErrorBody),
        (status = 409, description = "It would lead in a circle", body = ErrorBody),
        (status = 410, description = "One of them is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn forward(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.admin(&app).await?;
    let id = workspace_id(&id)?;
    let body: Body = input.parse_or(BAD_BODY)?;
    let to = body.to.as_deref().and_then(WorkspaceId::parse_loose);
    let to = to.ok_or_else(|| BadInput::new("to", "a UUID is required").with_text(BAD_BODY))?;
    app.directory.forward(id, to).await?;
    Ok(ok(&Forwarded { forwarded_to: to.0, status: Status::Removed }))
}
