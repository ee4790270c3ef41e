//! `/workspaces/:id/secrets` (contract 05 §1).

use std::collections::{BTreeMap, HashSet};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use isomer_seal::context::Scope;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::schema::{Dependents, Secret, SecretChanged};
use super::{Body, changes, failed, item, private, read, scope_of, strict_id};
use crate::http::error::{Answer, ApiError, ok, raw_json};
use crate::http::gates::Caller;
use crate::http::json::Input;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::keys::secrets::Bundle;

/// Lists names of secrets: the workspace's own, then global ones that it does not override.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/secrets",
    tag = "secrets",
    operation_id = "listSecrets",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "Their names", body = Vec<Secret>),
        (status = 400, description = "The id is not a lower-case UUID", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn list(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let id = strict_id(&id)?;
    let own = app.secrets.list(Scope::Workspace(id.0)).await;
    let own = own.map_err(|error| failed(error, "query failed"))?;
    let global = app.secrets.list(Scope::Global).await;
    let global = global.map_err(|error| failed(error, "query failed"))?;
    let names: HashSet<&str> = own.iter().map(|meta| meta.key.as_str()).collect();
    let rest = global.iter().filter(|meta| !names.contains(meta.key.as_str()));
    let items: Vec<Value> = own.iter().chain(rest).map(item).collect();
    Ok(private(ok(&items)))
}

/// Hands all values to the workspace's own agent, or none.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/secrets/values",
    tag = "secrets",
    operation_id = "getSecretValues",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "Names and values", body = std::collections::HashMap<String, String>),
        (status = 400, description = "The id is not a lower-case UUID", body = ErrorBody),
        (status = 500, description = "`failed_keys` could not be read", body = ErrorBody),
    ),
    security(("bearer" = [])),
)]
pub async fn values(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let actor = caller.workspace(&app, &id).await?;
    let id = strict_id(&id)?;
    caller.own_token(&app, id).await?;
    let bundle = app.secrets.bundle(id.0, &actor.name()).await;
    match bundle.map_err(|error| failed(error, "query failed"))? {
        Bundle::Whole(values) => Ok(private(raw_json(StatusCode::OK, erased(&values)))),
        Bundle::Failed(keys) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "one or more secrets failed to decrypt; refusing to return partial bundle",
        )
        .with("failed_keys", keys)),
    }
}

/// Sets a secret of a workspace.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/secrets",
    tag = "secrets",
    operation_id = "setSecret",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Body,
    responses(
        (status = 200, description = "Saved", body = SecretChanged),
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
    let (key, value) = read(input)?;
    let scope = scope_of(&app, id)?;
    app.secrets
        .set(scope, &key, &value, &actor.name())
        .await
        .map_err(|error| failed(error, "failed to encrypt secret"))?;
    changes::workspace(&app, id, &actor);
    Ok(ok(&json!({"key": key, "status": "saved"})))
}

/// Sets a secret of a workspace, as POST does.
#[utoipa::path(
    put,
    path = "/workspaces/{id}/secrets",
    tag = "secrets",
    operation_id = "putSecret",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Body,
    responses(
        (status = 200, description = "Saved", body = SecretChanged),
        (status = 400, description = "The id is not a lower-case UUID, or the body is not acceptable", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn replace(state: State<App>, caller: Caller, id: Path<String>, input: Input) -> Answer {
    set(state, caller, id, input).await
}

/// Deletes a secret of a workspace.
#[utoipa::path(
    delete,
    path = "/workspaces/{id}/secrets/{key}",
    tag = "secrets",
    operation_id = "deleteSecret",
    params(("id" = Uuid, Path, description = "The workspace"),
        ("key" = String, Path, description = "The name of the secret")),
    responses(
        (status = 200, description = "Deleted", body = SecretChanged),
        (status = 400, description = "The id is not a lower-case UUID", body = ErrorBody),
        (status = 404, description = "There is no such secret", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    let actor = caller.workspace(&app, &id).await?;
    let id = strict_id(&id)?;
    let deleted = app.secrets.delete(Scope::Workspace(id.0), &key, &actor.name()).await;
    match deleted.map_err(|error| failed(error, "failed to delete secret"))? {
        true => {
            changes::workspace(&app, id, &actor);
            Ok(ok(&json!({"key": key, "status": "deleted"})))
        }
        false => Err(ApiError::not_found("secret not found")),
    }
}

/// Says who would notice a change of a secret.
///
/// The workspace itself, if it has one by that name.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/secrets/{key}/dependents",
    tag = "secrets",
    operation_id = "listSecretDependents",
    params(("id" = Uuid, Path, description = "The workspace"),
        ("key" = String, Path, description = "The name of the secret")),
    responses(
        (status = 200, description = "The workspace, or none", body = Dependents),
        (status = 400, description = "The id is not a lower-case UUID", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn dependents(
    State(app): State<App>,
    caller: Caller,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let id = strict_id(&id)?;
    let own = app.secrets.list(Scope::Workspace(id.0)).await;
    let own = own.map_err(|error| failed(error, "query failed"))?;
    let gets = own.iter().any(|meta| meta.key == key);
    let dependents = if gets { vec![id] } else { Vec::new() };
    Ok(private(ok(&json!({"dependents": dependents}))))
}

/// Writes the bundle as JSON into a buffer that is erased once it is sent.
fn erased(values: &BTreeMap<String, SecretString>) -> Bytes {
    // Room for every byte escaped, so that growing leaves no copy behind.
    let room: usize = values.iter().map(|(k, v)| 6 * (k.len() + v.expose_secret().len()) + 8).sum();
    let mut json = Zeroizing::new(Vec::with_capacity(room + 2));
    json.push(b'{');
    for (number, (key, value)) in values.iter().enumerate() {
        if number > 0 {
            json.push(b',');
        }
        write_text(&mut json, key);
        json.push(b':');
        write_text(&mut json, value.expose_secret());
    }
    json.push(b'}');
    Bytes::from_owner(Erased(json))
}

struct Erased(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Erased {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn write_text(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("writing a text to memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_flat_json() {
        let secret = |text: &str| SecretString::from(text);
        let values = BTreeMap::from([
            ("A".to_owned(), secret("x\"\n\u{1}")),
            ("B\"".to_owned(), secret("schlüssel")),
        ]);
        let parsed: Value = serde_json::from_slice(&erased(&values)).unwrap();
        assert_eq!(parsed, json!({"A": "x\"\n\u{1}", "B\"": "schlüssel"}));
        assert_eq!(&erased(&BTreeMap::new())[..], b"{}");
    }
}
