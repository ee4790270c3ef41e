//! `/settings/secrets` and `/admin/secrets`: global secrets (contract 05 §2).

use axum::extract::{Path, State};
use isomer_seal::context::Scope;
use serde_json::{Value, json};

use super::schema::{Dependents, GlobalSecretChanged, Secret};
use super::{Body, changes, failed, item, private, read};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::json::Input;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Lists the names of global secrets.
#[utoipa::path(
    get,
    path = "/settings/secrets",
    tag = "secrets",
    operation_id = "listGlobalSecrets",
    responses(
        (status = 200, description = "Their names", body = Vec<Secret>),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let list = app.secrets.list(Scope::Global).await;
    let list = list.map_err(|error| failed(error, "query failed"))?;
    let items: Vec<Value> = list.iter().map(item).collect();
    Ok(private(ok(&items)))
}

/// Sets a secret for every workspace that does not override it.
#[utoipa::path(
    post,
    path = "/settings/secrets",
    tag = "secrets",
    operation_id = "setGlobalSecret",
    request_body = Body,
    responses(
        (status = 200, description = "Saved", body = GlobalSecretChanged),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn set(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    let admin = caller.admin(&app).await?;
    let (key, value) = read(input)?;
    app.secrets
        .set(Scope::Global, &key, &value, &admin.name())
        .await
        .map_err(|error| failed(error, "failed to encrypt"))?;
    changes::global(&app, &key).await;
    Ok(ok(&json!({"key": key, "scope": "global", "status": "saved"})))
}

/// Sets a secret for every workspace that does not override it, as POST does.
#[utoipa::path(
    put,
    path = "/settings/secrets",
    tag = "secrets",
    operation_id = "putGlobalSecret",
    request_body = Body,
    responses(
        (status = 200, description = "Saved", body = GlobalSecretChanged),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn replace(state: State<App>, caller: Caller, input: Input) -> Answer {
    set(state, caller, input).await
}

/// Deletes a global secret.
#[utoipa::path(
    delete,
    path = "/settings/secrets/{key}",
    tag = "secrets",
    operation_id = "deleteGlobalSecret",
    params(("key" = String, Path, description = "The name of the secret")),
    responses(
        (status = 200, description = "Deleted", body = GlobalSecretChanged),
        (status = 404, description = "There is no such secret", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn remove(State(app): State<App>, caller: Caller, Path(key): Path<String>) -> Answer {
    let admin = caller.admin(&app).await?;
    let deleted = app.secrets.delete(Scope::Global, &key, &admin.name()).await;
    match deleted.map_err(|error| failed(error, "failed to delete"))? {
        true => {
            changes::global(&app, &key).await;
            Ok(ok(&json!({"key": key, "scope": "global", "status": "deleted"})))
        }
        false => Err(ApiError::not_found("secret not found")),
    }
}

/// Lists the workspaces that get a global secret.
#[utoipa::path(
    get,
    path = "/settings/secrets/{key}/dependents",
    tag = "secrets",
    operation_id = "listGlobalSecretDependents",
    params(("key" = String, Path, description = "The name of the secret")),
    responses(
        (status = 200, description = "The workspaces", body = Dependents),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn dependents(State(app): State<App>, caller: Caller, Path(key): Path<String>) -> Answer {
    caller.admin(&app).await?;
    let dependents = app.secrets.dependents(&key).await;
    let dependents = dependents.map_err(|error| failed(error, "query failed"))?;
    Ok(private(ok(&json!({"dependents": dependents}))))
}
