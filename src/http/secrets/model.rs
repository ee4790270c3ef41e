//! `/workspaces/:id/model`: the secret `MODEL_PROVIDER` (contract 05 §1.3).

use axum::extract::{Path, State};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use isomer_seal::context::Scope;

use super::schema::{ChosenModel, ModelChanged};
use super::{BAD_BODY, changes, failed, private, refused_value, scope_of, strict_id};
use crate::http::error::{Answer, ok};
use crate::http::gates::Caller;
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::keys::secrets::MODEL;

/// Which model to use; an empty one for the default.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = SetModel)]
struct Body {
    #[schema(value_type = String, required)]
    model: Option<String>,
}

/// Returns the model that was chosen for a workspace.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/model",
    tag = "secrets",
    operation_id = "getModel",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "The choice", body = ChosenModel),
        (status = 400, description = "The id is not a lower-case UUID", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn get(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let actor = caller.workspace(&app, &id).await?;
    let id = strict_id(&id)?;
    let model = app.secrets.get(Scope::Workspace(id.0), MODEL, &actor.name()).await;
    let model = model.map_err(|error| failed(error, "failed to decrypt"))?;
    Ok(private(ok(&match model {
        None => json!({"model": "", "source": "default"}),
        Some(model) => json!({"model": model.expose_secret(), "source": "workspace_secrets"}),
    })))
}

/// Chooses a model for a workspace; an empty one goes back to the default.
#[utoipa::path(
    put,
    path = "/workspaces/{id}/model",
    tag = "secrets",
    operation_id = "setModel",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Body,
    responses(
        (status = 200, description = "Chosen or cleared", body = ModelChanged),
        (status = 400, description = "The id is not a lower-case UUID, or the body is not acceptable", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    let actor = caller.workspace(&app, &id).await?;
    let id = strict_id(&id)?;
    let body: Body = input.parse_or(BAD_BODY)?;
    let Some(model) = body.model else {
        return Err(BadInput::new("model", "it is required").with_text(BAD_BODY));
    };
    let scope = scope_of(&app, id)?;
    if model.is_empty() {
        let cleared = app.secrets.delete(scope, MODEL, &actor.name()).await;
        cleared.map_err(|error| failed(error, "failed to clear model"))?;
        changes::workspace(&app, id, &actor);
        return Ok(ok(&json!({"status": "cleared"})));
    }
    if let Some(reason) = refused_value(&model) {
        return Err(BadInput::new("model", reason).with_text(BAD_BODY));
    }
    let value = SecretString::from(model.as_str());
    app.secrets
        .set(scope, MODEL, &value, &actor.name())
        .await
        .map_err(|error| failed(error, "failed to save model"))?;
    changes::workspace(&app, id, &actor);
    Ok(ok(&json!({"model": model, "status": "saved"})))
}
