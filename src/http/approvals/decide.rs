//! Somebody else decides.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::approvals::DecideError;
use isomer_actors::domain::approval::{NotDecided, Status, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::request::within;
use super::{BAD_BODY, gate};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::Input;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const BAD_DECISION: &str = "decision must be 'approved' or 'denied'";
const CLOSED: &str = "approval not found or already decided";
const MAX_NAME_BYTES: usize = 200;
/// Who decides, unless they say (contract 04 §5).
const SOMEBODY: &str = "human";

/// What somebody says to a request.
#[derive(Deserialize, ToSchema)]
#[schema(as = DecideApproval)]
pub(super) struct Body {
    #[serde(default)]
    #[schema(value_type = Verdict, required)]
    decision: Option<String>,
    /// What they want to be called, `human` unless given; at most 200 bytes. Who they are is
    /// stored beside it.
    #[serde(default)]
    decided_by: Option<String>,
}

/// A decision that counts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalDecided {
    approval_id: Uuid,
    /// How many have approved, where more than one must.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    approvals: Option<u32>,
    /// How many must, where more than one must.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    approvals_required: Option<u32>,
    /// `pending` while more must approve.
    #[schema(value_type = Status)]
    status: &'static str,
}

/// Decides a request.
///
/// For administrators, and for agents of workspaces above the one that asked; never for that one. Of
/// several decisions at once one wins.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/approvals/{approval_id}/decide",
    tag = "approvals",
    operation_id = "decideApproval",
    params(
        ("id" = Uuid, Path, description = "The workspace that asked"),
        ("approval_id" = Uuid, Path, description = "The request"),
    ),
    request_body = Body,
    responses(
        (status = 200, description = "Decided, or one of several approvals it needs", body = ApprovalDecided),
        (status = 403, description = "The workspace's own token", body = ErrorBody),
        (status = 404, description = "There is no such request, or it is decided or over", body = ErrorBody),
        (status = 409, description = "This identity has approved it already, and another one must", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path((id, approval_id)): Path<(String, String)>,
    input: Input,
) -> Answer {
    let workspace = workspace_id(&id)?;
    let by = gate::decider(&caller, &app, workspace).await?;
    let body: Body = input.parse_or(BAD_BODY)?;
    let decision = body
        .decision
        .filter(|decision| !decision.is_empty())
        .ok_or_else(|| ApiError::bad_request(BAD_BODY).field("decision", "it is required"))?;
    let verdict = Verdict::parse(&decision).ok_or_else(|| {
        ApiError::bad_request(BAD_DECISION).field("decision", "approved or denied is accepted")
    })?;
    let name = body.decided_by.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| SOMEBODY.to_owned());
    within("decided_by", &name, MAX_NAME_BYTES).map_err(|bad| bad.with_text(BAD_BODY))?;
    let approval: Uuid = approval_id.parse().map_err(|_| ApiError::not_found(CLOSED))?;

    let decided = app.approvals.decide(workspace, approval, &by, verdict, &name).await;
    let decided = decided.map_err(not_decided)?;
    let several = (decided.required > 1).then_some(decided);
    Ok(ok(&ApprovalDecided {
        approval_id: approval,
        approvals: several.map(|decided| decided.approvals),
        approvals_required: several.map(|decided| decided.required),
        status: decided.status.as_str(),
    }))
}

fn not_decided(error: DecideError) -> ApiError {
    match error {
        DecideError::NotDecided(NotDecided::OwnRequest) => gate::own_request(),
        DecideError::NotDecided(NotDecided::Closed) => ApiError::not_found(CLOSED),
        DecideError::NotDecided(already @ NotDecided::ApprovedAlready) => {
            ApiError::new(StatusCode::CONFLICT, "already approved by this identity")
                .with("reason", already.to_string())
                .with("code", "already_approved")
        }
        DecideError::Runtime(error) => error.into(),
    }
}
