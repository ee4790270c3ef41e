//! `PATCH /workspaces/:id` (contract 01 §4): all of it or none.

use axum::extract::{Path, State};
use isomer_actors::api::Patch;
use isomer_actors::domain::change::LayoutPatch;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::DeliveryMode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::schema::Patched;
use super::{create, validate};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Actor, Caller, workspace_id};
use crate::http::json::{BadInput, Input, present};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// A year.
const MAX_IDLE_MINUTES: i32 = 525_600;
const BAD_BODY: &str = "invalid request body";

/// What to change. Absent fields stay; null empties `role`, `parent_id`,
/// `workspace_dir` and `hibernation_idle_minutes`.
#[derive(Deserialize, ToSchema)]
#[schema(as = PatchWorkspace)]
struct Body {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    role: Option<Option<String>>,
    #[serde(default)]
    tier: Option<i32>,
    /// Null makes it a root.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<Option<String>>,
    #[serde(default)]
    collapsed: Option<bool>,
    #[serde(default)]
    runtime: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    workspace_dir: Option<Option<String>>,
    #[serde(default)]
    delivery_mode: Option<DeliveryMode>,
    /// After so many minutes without activity it hibernates; 1 to 525,600. Null for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i32>)]
    hibernation_idle_minutes: Option<Option<i32>>,
    /// Counts together with `y`.
    #[serde(default)]
    x: Option<f64>,
    #[serde(default)]
    y: Option<f64>,
}

/// Changes fields of a workspace: all of them or none.
#[utoipa::path(
    patch,
    path = "/workspaces/{id}",
    tag = "workspaces",
    operation_id = "patchWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Body,
    responses(
        (status = 200, description = "Changed, and the event is recorded", body = Patched),
        (status = 403, description = "Its own token may not change this", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    let parsed = workspace_id(&id)?;
    let actor = caller.workspace(&app, &id).await?;
    let body: Body = input.parse_or(BAD_BODY)?;
    if matches!(actor, Actor::Own(_)) {
        refuse_own(&body)?;
    }
    refuse_unread(&app, parsed, &body)?;
    let needs_restart = body.workspace_dir.is_some();
    app.directory.patch(parsed, changes(body)?).await?;
    Ok(ok(&Patched { needs_restart: needs_restart.then_some(true), status: "updated" }))
}

/// The chart decides who may talk to whom and who may approve, the tier what an agent may do to its
/// host: no agent changes that for itself.
fn refuse_own(body: &Body) -> Result<(), ApiError> {
    let fields = [
        ("parent_id", body.parent_id.is_some()),
        ("tier", body.tier.is_some()),
        ("runtime", body.runtime.is_some()),
        ("workspace_dir", body.workspace_dir.is_some()),
        ("hibernation_idle_minutes", body.hibernation_idle_minutes.is_some()),
    ];
    match fields.iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(ApiError::forbidden("an agent may not change this of itself")
            .field(field, "an administrator may")),
        None => Ok(()),
    }
}

/// Agents that this server runs would never collect what waits for them.
fn refuse_unread(app: &App, id: WorkspaceId, body: &Body) -> Result<(), ApiError> {
    let Some(known) = app.directory.glimpse(id) else { return Ok(()) };
    let mode = body.delivery_mode.unwrap_or(known.delivery_mode);
    let hosted = body
        .runtime
        .as_deref()
        .map_or(known.hosted, |runtime| app.directory.hosted_runtimes().contains(runtime));
    let given = body.delivery_mode.is_some() || body.runtime.is_some();
    if given && hosted && mode == DeliveryMode::Poll {
        return Err(validate::pushed_only().with_text(BAD_BODY));
    }
    Ok(())
}

fn changes(body: Body) -> Result<Patch, ApiError> {
    check(&body)?;
    let parent_id = match &body.parent_id {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(Some(create::parent(text)?)),
    };
    Ok(Patch {
        name: body.name,
        role: body.role,
        tier: body.tier,
        parent_id,
        runtime: body.runtime,
        workspace_dir: body.workspace_dir.map(|dir| dir.filter(|text| !text.is_empty())),
        delivery_mode: body.delivery_mode,
        hibernation_idle_minutes: body.hibernation_idle_minutes,
        layout: LayoutPatch { position: body.x.zip(body.y), collapsed: body.collapsed },
    })
}

fn check(body: &Body) -> Result<(), ApiError> {
    if body.name.as_deref() == Some("") {
        return Err(BadInput::new("name", "it must not be empty").with_text(BAD_BODY));
    }
    let role = body.role.clone().flatten().unwrap_or_default();
    let texts = validate::Texts {
        name: body.name.as_deref().unwrap_or_default(),
        role: &role,
        model: "",
        runtime: body.runtime.as_deref().unwrap_or_default(),
    };
    // Patch answers in the rule's own words, create hides them (contract 01 §1).
    validate::texts(texts).map_err(|bad| {
        let text = bad.reason.clone();
        bad.with_text(&text)
    })?;
    let directory = body.workspace_dir.as_ref().and_then(|dir| dir.as_deref());
    if let Some(directory) = directory.filter(|text| !text.is_empty()) {
        validate::directory(directory)
            .map_err(|bad| bad.with_text("invalid workspace directory"))?;
    }
    let idle = body.hibernation_idle_minutes.flatten();
    if idle.is_some_and(|minutes| !(1..=MAX_IDLE_MINUTES).contains(&minutes)) {
        let reason = format!("1 to {MAX_IDLE_MINUTES} minutes are accepted, or null");
        return Err(BadInput::new("hibernation_idle_minutes", reason).with_text(BAD_BODY));
    }
    for (field, value) in [("x", body.x), ("y", body.y)] {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(BadInput::new(field, "it must be a finite number").with_text(BAD_BODY));
        }
    }
    Ok(())
}
