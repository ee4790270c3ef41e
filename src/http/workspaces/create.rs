//! `POST /workspaces` (contract 01 §2).

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use isomer_actors::api::{NewWorkspace, RuntimeError, Start};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{Access, DeliveryMode};
use isomer_actors::domain::status::Status;
use isomer_actors::indexes::EXTERNAL;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::schema::{Created, CreatedExternal, CreatedHere};
use super::{connection, validate};
use crate::config::Provisioner;
use crate::http::creation;
use crate::http::error::{Answer, ApiError, json_response};
use crate::http::gates::{Admin, Caller};
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::ErrorBody;
use crate::http::secrets;
use crate::http::state::App;
use crate::http::token;
use crate::keys::error::KeyError;
use crate::keys::names;
use crate::net::guard::{self, Rule};
use crate::templates::generate::Subject;
use crate::templates::{Files, FolderError, Templates, blocking, home};

const BAD_PAYLOAD: &str = "invalid workspace payload";
const BAD_FIELDS: &str = "invalid workspace fields";
const DEFAULT_TIER: i32 = 3;
/// The same where tier 3 gives the host away and is not allowed.
const DEFAULT_TIER_CONFINED: i32 = 2;
const DEFAULT_RUNTIME: &str = "langgraph";

/// What to create. Absent fields and null are the same.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = CreateWorkspace)]
struct Body {
    #[schema(value_type = String, required)]
    name: Option<String>,
    role: Option<String>,
    /// A folder below the templates root; gives runtime and model where the request does not.
    template: Option<String>,
    /// 3 unless given.
    tier: Option<i32>,
    model: Option<String>,
    /// `langgraph` unless given.
    runtime: Option<String>,
    /// Its agent runs elsewhere.
    external: Option<bool>,
    /// Where an external agent is reached, if that is known.
    url: Option<String>,
    /// An absolute path on the host.
    workspace_dir: Option<String>,
    #[schema(value_type = Option<Access>)]
    workspace_access: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<String>,
    /// US cents a month.
    budget_limit: Option<i64>,
    /// Names and values.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    secrets: Option<BTreeMap<String, SecretString>>,
    max_concurrent_tasks: Option<i32>,
    /// `push` unless given. Agents that poll collect their messages and need no URL.
    delivery_mode: Option<DeliveryMode>,
    canvas: Option<Point>,
    /// Must be empty: memories are not kept yet.
    initial_memories: Option<Vec<Value>>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = CanvasPoint)]
struct Point {
    x: f64,
    y: f64,
}

/// Creates a workspace; an external one gets what its agent needs to connect.
#[utoipa::path(
    post,
    path = "/workspaces",
    tag = "workspaces",
    operation_id = "createWorkspace",
    request_body = Body,
    responses(
        (status = 201, description = "It is there, and its event is recorded", body = Created),
        (status = 409, description = "This server runs as many agents as it may", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    input: Input,
) -> Answer {
    let admin = caller.admin(&app).await?;
    let body = input.parse_or(BAD_PAYLOAD);
    input.erase();
    let mut body: Body = body?;
    if body.name.as_deref().unwrap_or_default().is_empty() {
        return Err(BadInput::new("name", "it is required").with_text(BAD_PAYLOAD));
    }
    let template = fill_from_template(&app, &mut body).await?;
    let hosted = is_hosted(&app, &body);
    let access = validate_fields(&body, hosted)?;
    let external = body.external.unwrap_or(false) || body.runtime.as_deref() == Some(EXTERNAL);
    if external {
        create_external(&app, body, access, &headers, &admin).await
    } else {
        create_provisioned(&app, body, access, template, &admin).await
    }
}

async fn create_provisioned(
    app: &App,
    body: Body,
    access: Access,
    template: Option<Files>,
    admin: &Admin,
) -> Answer {
    if is_hosted(app, &body) && !app.host.has_room() {
        return Err(no_room(app.host.limit()));
    }
    let model = body.model.clone().unwrap_or_default();
    let new = new_workspace(app, body, access, Start::Provision, admin).await?;
    let id = new.id;
    furnish(app, &new, template, model).await?;
    match app.directory.create(new).await {
        Ok(_) => creation::settle(app, vec![id]).await,
        // It may exist: its files stay, and the next start decides.
        Err(error @ RuntimeError::Unknown) => return Err(error.into()),
        Err(error) => {
            creation::unfurnish(app, vec![id]).await;
            return Err(error.into());
        }
    }
    let reply = Created::Provisioned(CreatedHere {
        awareness_namespace: format!("workspace:{id}"),
        id: id.0,
        status: Status::Provisioning,
        workspace_access: access,
    });
    Ok(json_response(StatusCode::CREATED, &reply))
}

/// Better no workspace than one that waits for an agent nobody may start.
fn no_room(limit: usize) -> ApiError {
    let reason = match limit {
        0 => "this server runs no agents itself (ISOMER_HOSTED_AGENTS=0)".to_owned(),
        most => {
            format!("this server runs {most} agents itself, and no more (ISOMER_HOSTED_AGENTS)")
        }
    };
    ApiError::new(StatusCode::CONFLICT, "no room for another agent").field("runtime", reason)
}

async fn create_external(
    app: &App,
    body: Body,
    access: Access,
    headers: &HeaderMap,
    admin: &Admin,
) -> Answer {
    let url = body.url.clone().filter(|url| !url.is_empty());
    let delivery_mode = body.delivery_mode.unwrap_or_default();
    let minted = token::mint()?;
    let (start, status) = match url {
        Some(url) => {
            guard::check(&url, Rule::Registration, app.address_mode()).await.map_err(
                |refused| BadInput::new("url", refused.to_string()).with_text(BAD_FIELDS),
            )?;
            (Start::External { url }, Status::Online)
        }
        None => (Start::Awaited { token: minted.stored }, Status::AwaitingAgent),
    };
    let awaited = matches!(start, Start::Awaited { .. });
    let mut new = new_workspace(app, body, access, start, admin).await?;
    EXTERNAL.clone_into(&mut new.runtime);
    let id = new.id;
    app.directory.create(new).await?;
    let connection =
        awaited.then(|| connection::details(app, id, delivery_mode, &minted.text, headers));
    let reply = Created::External(CreatedExternal { connection, external: true, id: id.0, status });
    Ok(json_response(StatusCode::CREATED, &reply))
}

async fn new_workspace(
    app: &App,
    body: Body,
    access: Access,
    start: Start,
    admin: &Admin,
) -> Result<NewWorkspace, ApiError> {
    let point = body.canvas.unwrap_or_default();
    let id = WorkspaceId::random();
    let values: Vec<(String, SecretString)> =
        body.secrets.unwrap_or_default().into_iter().collect();
    let secrets = match values.first() {
        None => None,
        Some((key, _)) => {
            let text = format!("failed to encrypt secret: {key}");
            let sealed = app.secrets.first(id, &values, &admin.name()).await;
            Some(sealed.map_err(|error| secrets::failed(error, &text))?)
        }
    };
    Ok(NewWorkspace {
        id,
        secrets,
        name: body.name.unwrap_or_default(),
        role: body.role,
        tier: body.tier.filter(|tier| *tier != 0).unwrap_or(default_tier(app)),
        runtime: given(body.runtime).unwrap_or_else(|| DEFAULT_RUNTIME.to_owned()),
        parent_id: body.parent_id.as_deref().map(parent).transpose()?,
        workspace_dir: given(body.workspace_dir),
        workspace_access: access,
        budget_limit: body.budget_limit,
        max_concurrent_tasks: body.max_concurrent_tasks.filter(|n| *n > 0).unwrap_or(1),
        delivery_mode: body.delivery_mode.unwrap_or_default(),
        position: (point.x, point.y),
        start,
    })
}

/// Parses a parent. The contract answers 500 to a bad one, which names nothing.
pub fn parent(text: &str) -> Result<WorkspaceId, ApiError> {
    WorkspaceId::parse_loose(text)
        .ok_or_else(|| BadInput::new("parent_id", "it is not a UUID").with_text(BAD_FIELDS))
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Returns the tier of a workspace that is created without one: the contract's, unless its agent could
/// not be started in it.
fn default_tier(app: &App) -> i32 {
    let provision = &app.config.provision;
    let contained = matches!(provision.provisioner, Provisioner::Docker | Provisioner::Kubernetes);
    if contained && !provision.allow_privileged { DEFAULT_TIER_CONFINED } else { DEFAULT_TIER }
}

/// Returns whether this server would run its agent.
fn is_hosted(app: &App, body: &Body) -> bool {
    let runtime = body.runtime.as_deref().unwrap_or(DEFAULT_RUNTIME);
    app.directory.hosted_runtimes().contains(runtime)
}

fn validate_fields(body: &Body, hosted: bool) -> Result<Access, ApiError> {
    let text = |value: &'_ Option<String>| value.clone().unwrap_or_default();
    let (name, role) = (text(&body.name), text(&body.role));
    let (model, runtime) = (text(&body.model), text(&body.runtime));
    let texts = validate::Texts { name: &name, role: &role, model: &model, runtime: &runtime };
    validate::texts(texts).map_err(|bad| bad.with_text(BAD_FIELDS))?;
    refuse_unkept(body)?;
    if hosted && body.delivery_mode == Some(DeliveryMode::Poll) {
        return Err(validate::pushed_only().with_text(BAD_FIELDS));
    }
    let directory = body.workspace_dir.as_deref().filter(|text| !text.is_empty());
    if let Some(directory) = directory {
        validate::directory(directory)
            .map_err(|bad| bad.with_text("invalid workspace directory"))?;
    }
    validate::access(body.workspace_access.as_deref(), directory)
        .map_err(|bad| bad.with_text("invalid workspace access"))
}

/// What could not be kept is refused rather than forgotten.
fn refuse_unkept(body: &Body) -> Result<(), ApiError> {
    let refuse = |field: &str, reason: &str| BadInput::new(field, reason).with_text(BAD_FIELDS);
    if body.secrets.as_ref().is_some_and(|secrets| secrets.len() > names::MAX_SECRETS) {
        return Err(refuse("secrets", &KeyError::TooMany.to_string()));
    }
    for (key, value) in body.secrets.iter().flatten() {
        let reason = names::refused(key).or(secrets::refused_value(value.expose_secret()));
        if let Some(reason) = reason {
            return Err(refuse(&format!("secrets.{key}"), reason));
        }
    }
    if body.initial_memories.as_ref().is_some_and(|memories| !memories.is_empty()) {
        return Err(refuse("initial_memories", "this server does not keep memories yet"));
    }
    if body.canvas.as_ref().is_some_and(|p| !p.x.is_finite() || !p.y.is_finite()) {
        return Err(refuse("canvas", "x and y must be finite numbers"));
    }
    Ok(())
}

/// Writes the files that its agent begins with, before anybody knows of the workspace.
async fn furnish(
    app: &App,
    new: &NewWorkspace,
    template: Option<Files>,
    model: String,
) -> Result<(), ApiError> {
    let (templates, data_dir) = (Templates::of(&app.config), app.config.data_dir.clone());
    let (id, name, runtime) = (new.id, new.name.clone(), new.runtime.clone());
    let (role, tier) = (new.role.clone().unwrap_or_default(), new.tier);
    let written = blocking(move || {
        let subject = Subject { name: &name, role: &role, tier, runtime: &runtime, model: &model };
        let files = creation::files_for(&templates, template, &subject)?;
        home::furnish(&data_dir, id, &files)
    });
    written.await.map_err(|error| creation::not_read(&error, "failed to write files"))
}

/// Takes runtime and model from the template where the request gives none; returns its files.
async fn fill_from_template(app: &App, body: &mut Body) -> Result<Option<Files>, ApiError> {
    let Some(template) = given(body.template.clone()) else {
        return Ok(None);
    };
    validate::template(&template).map_err(|bad| bad.with_text("invalid template"))?;
    let templates = Templates::of(&app.config);
    let files = blocking(move || templates.files(template.trim_end_matches('/'))).await;
    let files = files.map_err(|error| match error {
        FolderError::Path(bad) => {
            BadInput::new("template", bad.to_string()).with_text("invalid template")
        }
        error => creation::not_read(&error, "failed to read template"),
    })?;
    let text = files.as_ref().and_then(|files| files.text("config.yaml")).unwrap_or_default();
    let (runtime, model) = scan(&text);
    body.runtime = given(body.runtime.take()).or(runtime);
    body.model = given(body.model.take()).or(model);
    Ok(files)
}

/// Scans line by line, as the contract does: an unindented `runtime:`, and `model:` either
/// unindented or under `runtime_config:`.
fn scan(text: &str) -> (Option<String>, Option<String>) {
    let (mut runtime, mut model, mut in_config) = (None, None, false);
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        if !indented {
            in_config = key == "runtime_config";
        }
        match key {
            "runtime" if !indented => runtime = given(Some(value)),
            "model" if !indented || in_config => model = given(Some(value)),
            _ => {}
        }
    }
    (runtime, model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_scanned_line_by_line() {
        let text = "name: x\nruntime: \"claude-code\"\nother:\n  model: no\nruntime_config:\n  model: 'sonnet'\n";
        assert_eq!(scan(text), (Some("claude-code".into()), Some("sonnet".into())));
        assert_eq!(scan("  runtime: nested\n"), (None, None));
    }
}
