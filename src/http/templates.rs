//! `/templates` (contract 06 §6): what new workspaces can begin with.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::creation::not_read;
use super::error::{Answer, ApiError, json_response, ok};
use super::gates::Caller;
use super::json::{BadInput, Input};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;
use crate::templates::config::Model;
use crate::templates::{Files, FolderError, Template, Templates, blocking, generate, normalised};

const BAD_BODY: &str = "invalid request body";
/// Files of an imported template (contract 06 §6).
const MAX_FILES: usize = 200;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(import))
}

/// A template of a workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct Listed {
    /// Its folder; what `template` of a new workspace names.
    pub id: String,
    pub name: String,
    pub description: String,
    pub tier: i32,
    pub runtime: String,
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub models: Option<Vec<Model>>,
    /// Secrets that its agent needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub required_env: Option<Vec<String>>,
    /// Null when it declares none.
    #[schema(required)]
    pub skills: Option<Vec<String>>,
    pub skill_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provision_timeout_seconds: Option<u64>,
    /// How many workspaces it brings below itself when it is expanded.
    pub sub_workspaces: usize,
}

impl From<Template> for Listed {
    fn from(template: Template) -> Self {
        let config = template.config;
        Self {
            id: template.id,
            model: config.model().to_owned(),
            name: config.name,
            description: config.description,
            tier: config.tier,
            runtime: config.runtime,
            models: config.runtime_config.models,
            required_env: config.runtime_config.required_env,
            skill_count: config.skills.as_ref().map_or(0, Vec::len),
            skills: config.skills,
            provision_timeout_seconds: config.runtime_config.provision_timeout_seconds,
            sub_workspaces: config.sub_workspaces.len(),
        }
    }
}

/// The template is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedTemplate {
    /// Always `imported`.
    pub status: &'static str,
    /// Its folder: the normalised name.
    pub id: String,
    pub name: String,
}

/// A template to keep.
#[derive(Deserialize, ToSchema)]
#[schema(as = ImportTemplate)]
struct Body {
    #[serde(default)]
    #[schema(value_type = String, required)]
    name: Option<String>,
    /// Texts by relative path; 200 at most.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, required)]
    files: Option<BTreeMap<String, String>>,
}

/// Lists the templates of workspaces.
#[utoipa::path(
    get,
    path = "/templates",
    tag = "templates",
    operation_id = "listTemplates",
    responses((status = 200, description = "By folder", body = [Listed])),
    security(("bearer" = []), ("session" = [])),
)]
async fn list(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let templates = Templates::of(&app.config);
    let listed = blocking(move || templates.list()).await;
    let listed = listed.map_err(|error| not_read(&error, "failed to read templates"))?;
    Ok(ok(&listed.into_iter().map(Listed::from).collect::<Vec<_>>()))
}

/// Keeps a template: all of it or nothing.
#[utoipa::path(
    post,
    path = "/templates/import",
    tag = "templates",
    operation_id = "importTemplate",
    request_body = Body,
    responses(
        (status = 201, description = "It is there", body = ImportedTemplate),
        (status = 400, description = "A path is refused, or there are too many files", body = ErrorBody),
        (status = 409, description = "There is one of this name", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn import(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    caller.admin(&app).await?;
    let body: Body = input.parse_or(BAD_BODY)?;
    let refuse = |field: &str, why: &str| BadInput::new(field, why).with_text(BAD_BODY);
    let name = body.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| refuse("name", "it is required"))?;
    let given = body.files.ok_or_else(|| refuse("files", "it is required"))?;
    if given.len() > MAX_FILES {
        let text = format!("too many files ({}), max {MAX_FILES}", given.len());
        return Err(ApiError::bad_request(text).field("files", "there are too many"));
    }
    let mut files = Files::default();
    for (path, text) in given {
        files.add(&path, text).map_err(|bad| refuse("files", &bad.to_string()))?;
    }
    generate::complete(&name, &mut files);
    let (templates, id) = (Templates::of(&app.config), normalised(&name));
    let kept = {
        let id = id.clone();
        blocking(move || templates.import(&id, &files)).await
    };
    match kept {
        Ok(()) => {
            let body = ImportedTemplate { status: "imported", id, name };
            Ok(json_response(StatusCode::CREATED, &body))
        }
        Err(FolderError::Exists) => {
            Err(ApiError::new(StatusCode::CONFLICT, "template already exists").with("id", id))
        }
        Err(error) => Err(not_read(&error, "failed to write template")),
    }
}
