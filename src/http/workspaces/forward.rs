//! `POST /workspaces/:id/forward` (design §7): retires a workspace in favour of another.

use axum::extract::{Path, State};
use isomer_actors::domain::ids::WorkspaceId;
use serde::Deserialize;
use serde_json::json;

use crate::http::error::{Answer, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::{BadInput, Input};
use crate::http::state::App;

const BAD_BODY: &str = "invalid request body";

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    to: Option<String>,
}

/// Removes a workspace and points at the one that takes over.
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
    Ok(ok(&json!({"forwarded_to": to, "status": "removed"})))
}
