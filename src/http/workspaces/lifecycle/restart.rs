//! `POST /workspaces/:id/restart`.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use isomer_actors::api::{Cause, RunReport};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::template::Choice;
use super::{is_hosted, refused, reset, template};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::Input;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::workspaces::schema::Restarted;
use crate::provision::Refused;

/// How to restart.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = RestartWorkspace)]
pub(super) struct Body {
    /// Its configuration begins anew from this template.
    #[serde(default)]
    #[schema(nullable = false)]
    pub template: Option<String>,
    /// Its configuration begins anew from the template of its name, else that of its runtime.
    #[serde(default)]
    pub apply_template: bool,
    /// Its saved sessions are forgotten.
    #[serde(default)]
    pub reset: bool,
    /// Its configuration begins anew from the organisation template of its name.
    #[serde(default)]
    pub rebuild_config: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `true`: the same as in the body.
    #[serde(default)]
    #[param(nullable = false)]
    reset: Option<String>,
}

/// Ends an agent that this server runs and starts it at once. One that rests or was given up is
/// started, too.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/restart",
    tag = "workspaces",
    operation_id = "restartWorkspace",
    params(("id" = Uuid, Path, description = "The workspace"), Options),
    request_body = Option<Body>,
    responses(
        (status = 200, description = "It is starting", body = Restarted),
        (status = 400, description = "The id is not a UUID, or the template cannot be used", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "Something above it is paused, or there is no room for it", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 503, description = "It is not run by this server, or another restart is going on", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn restart(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    input: Input,
) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    // The contract ignores a body that cannot be read.
    let body: Body = input.parse_or("").unwrap_or_default();
    if !is_hosted(&app, parsed)? {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "provisioner not available"));
    }
    app.directory.check_above(parsed)?;
    let choice = choose(&app, parsed, &body).await?;
    if let Some(choice) = &choice {
        template::apply(&app, parsed, choice).await?;
    }
    let reset = body.reset || options.reset.as_deref() == Some("true");
    let set_aside = if reset { reset::set_aside(&app, parsed).await? } else { None };
    let started = start_anew(&app, parsed).await;
    match (set_aside, &started) {
        (Some(folder), Ok(())) => reset::forget(folder),
        (Some(folder), Err(_)) => reset::put_back(&app, parsed, folder).await,
        (None, _) => {}
    }
    started?;
    Ok(ok(&Restarted {
        config_dir: choice.map_or_else(|| "existing-volume".to_owned(), |choice| choice.label),
        reset_session: reset,
        status: Status::Provisioning,
    }))
}

async fn choose(app: &App, id: WorkspaceId, body: &Body) -> Result<Option<Choice>, ApiError> {
    if body.template.is_none() && !body.apply_template && !body.rebuild_config {
        return Ok(None);
    }
    let loaded = app.store.load(id).await.map_err(ApiError::from)?;
    let record = loaded.record.ok_or_else(|| ApiError::not_found("workspace not found"))?;
    template::choose(app, &record, body).await
}

/// One that rests is wanted again first: the host starts what is wanted.
async fn start_anew(app: &App, id: WorkspaceId) -> Result<(), ApiError> {
    let resting = app.directory.glimpse(id).is_some_and(|known| known.status.is_resting());
    if !resting {
        return app.host.restart(id).await.map_err(refused);
    }
    if !app.host.has_room() {
        return Err(refused(Refused::NoRoom));
    }
    app.directory.report_run(id, RunReport::Wanted(Cause::Restart)).await?;
    app.host.started_anew(id);
    Ok(())
}
