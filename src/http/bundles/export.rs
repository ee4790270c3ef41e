//! `GET /bundles/export/:id`: a workspace and everything below it, without any secret.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ListQuery, WorkspaceView};
use isomer_seal::context::Scope;
use secrecy::SecretString;

use super::format::{Bundle, Skill, Texts, described};
use super::redact::Redactor;
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::openapi::schema::ErrorBody;
use crate::http::secrets;
use crate::http::state::App;
use crate::keys::secrets::Bundle as Values;
use crate::templates::config::{FILE, PROMPT};
use crate::templates::{Files, blocking, home};

/// Workspaces in one bundle at most, and how deep.
pub const MAX_WORKSPACES: usize = 1_000;
pub const MAX_DEPTH: usize = 32;
/// Texts in one bundle at most, in bytes: what an import takes, less their quoting.
const MAX_TEXT: usize = 24 << 20;
const NOT_FOUND: &str = "bundle not found";
const SECRETS: &str = "failed to check the bundle for secrets";

/// Exports a workspace with everything below it. Values of secrets that stand in its files are
/// replaced by `[REDACTED:<name>]`.
#[utoipa::path(
    get,
    path = "/bundles/export/{id}",
    tag = "bundles",
    operation_id = "exportBundle",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "The bundle", body = Bundle),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 413, description = "It is larger than an import takes", body = ErrorBody),
        (status = 503, description = "Its secrets cannot be opened now, so nothing is handed out", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn export(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let admin = caller.admin(&app).await?;
    let id = WorkspaceId::parse_loose(&id).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    Ok(ok(&bundle(&app, id, &admin.name()).await?))
}

/// Returns the bundle of a workspace. `actor` opens the secrets that must not be in it.
///
/// # Errors
/// 404; 413; 503 when it cannot be told whether it is free of secrets.
pub async fn bundle(app: &App, id: WorkspaceId, actor: &str) -> Result<Bundle, ApiError> {
    let ids = whole(app, id)?;
    let query = ListQuery { ids: Some(ids.clone()), removed: true };
    let views = app.store.list(&query).await?;
    let views: HashMap<_, _> = views.into_iter().map(|view| (view.record.id, view)).collect();
    if !views.contains_key(&id) {
        return Err(ApiError::not_found(NOT_FOUND));
    }
    let mut redactor = values(app, &ids, actor).await?;
    let files = read(app, ids).await?;
    let app = app.clone();
    // Many secrets in much text take their time.
    let cleaning = tokio::task::spawn_blocking(move || {
        let mut bundle = assembled(&app, id, &views, &files);
        // What is said of a text goes through the same sieve as the text.
        redactor.clean(&mut bundle);
        bundle.redacted = redactor.found.into_iter().collect();
        bundle
    });
    cleaning.await.map_err(|_| ApiError::unavailable())
}

/// Returns the ids of a workspace and of everything below it.
fn whole(app: &App, id: WorkspaceId) -> Result<Vec<WorkspaceId>, ApiError> {
    app.directory.glimpse(id).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    let (mut ids, mut level) = (vec![id], vec![id]);
    for _ in 0..MAX_DEPTH {
        level = level.into_iter().flat_map(|id| app.directory.children(id)).collect();
        if level.is_empty() {
            return Ok(ids);
        }
        ids.extend(&level);
        if ids.len() > MAX_WORKSPACES {
            break;
        }
    }
    Err(too_large())
}

/// Gathers the values of all secrets that any of the workspaces has, the global ones among them
/// also where a workspace overrides them.
async fn values(app: &App, ids: &[WorkspaceId], actor: &str) -> Result<Redactor, ApiError> {
    let mut values = Vec::new();
    let failed = |error| secrets::failed(error, SECRETS);
    for meta in app.secrets.list(Scope::Global).await.map_err(failed)? {
        let value = app.secrets.get(Scope::Global, &meta.key, actor).await.map_err(failed)?;
        if let Some(value) = value {
            values.push((meta.key, value));
        }
    }
    for id in ids {
        let has_own = !app.secrets.list(Scope::Workspace(id.0)).await.map_err(failed)?.is_empty();
        if !has_own {
            continue;
        }
        let opened: BTreeMap<String, SecretString> =
            match app.secrets.bundle(id.0, actor).await.map_err(failed)? {
                Values::Whole(values) => values,
                Values::Failed(keys) => {
                    return Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, SECRETS)
                        .field("secrets", format!("these do not open: {}", keys.join(", "))));
                }
            };
        values.extend(opened);
    }
    let building = tokio::task::spawn_blocking(move || Redactor::new(&values));
    building.await.map_err(|_| ApiError::unavailable())
}

async fn read(app: &App, ids: Vec<WorkspaceId>) -> Result<HashMap<WorkspaceId, Files>, ApiError> {
    let data_dir = app.config.data_dir.clone();
    let read = blocking(move || {
        let (mut all, mut bytes) = (HashMap::new(), 0);
        for id in ids {
            let files = home::read(&data_dir, id, &is_exported)?;
            bytes += files.bytes();
            if bytes > MAX_TEXT {
                return Err(crate::templates::FolderError::TooLarge);
            }
            all.insert(id, files);
        }
        Ok(all)
    });
    read.await.map_err(|error| match error {
        crate::templates::FolderError::TooLarge => too_large(),
        error => crate::http::creation::not_read(&error, "failed to read files"),
    })
}

fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "bundle too large")
        .field("id", "it has more workspaces, levels or text than an import takes")
}

/// The prompts at the top and the skills; nothing else of a workspace goes along.
fn is_exported(path: &str) -> bool {
    match path.split_once('/') {
        None => path == FILE || path == "skills" || path.ends_with(".md"),
        Some((first, _)) => first == "skills",
    }
}

fn assembled(
    app: &App,
    id: WorkspaceId,
    views: &HashMap<WorkspaceId, WorkspaceView>,
    files: &HashMap<WorkspaceId, Files>,
) -> Bundle {
    let Some(view) = views.get(&id) else { return Bundle::default() };
    let none = Files::default();
    let files_of = files.get(&id).unwrap_or(&none);
    let record = &view.record;
    let below = app.directory.children(id);
    let mut below: Vec<_> = below.into_iter().filter_map(|id| views.get(&id)).collect();
    below.sort_by_key(|view| (view.record.created_at, view.record.name.clone()));
    let below = below.into_iter().map(|view| assembled(app, view.record.id, views, files));
    Bundle {
        schema: "1.0".to_owned(),
        id: id.to_string(),
        name: record.name.clone(),
        description: record.role.clone().unwrap_or_default(),
        tier: record.tier,
        system_prompt: files_of.text(PROMPT).unwrap_or_default(),
        skills: skills(files_of),
        prompts: prompts(files_of),
        sub_workspaces: below.collect(),
        agent_card: view.agent_card.clone(),
        version: "1.0.0".to_owned(),
        ..Bundle::default()
    }
}

fn prompts(files: &Files) -> Texts {
    let is_prompt = |path: &str| !path.contains('/') && path != PROMPT;
    let paths = files.iter().map(|(path, _)| path).filter(|path| is_prompt(path));
    Texts(paths.map(|path| (path.to_owned(), files.text(path).unwrap_or_default())).collect())
}

fn skills(files: &Files) -> Vec<Skill> {
    let mut skills: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (path, content) in files.iter() {
        let inside = path.strip_prefix("skills/").and_then(|path| path.split_once('/'));
        if let Some((id, path)) = inside {
            let text = String::from_utf8_lossy(content).into_owned();
            skills.entry(id).or_default().push((path.to_owned(), text));
        }
    }
    let skill = |(id, files): (&str, Vec<(String, String)>)| {
        let text = files.iter().find(|(path, _)| path == "SKILL.md");
        let description = text.map(|(_, text)| described(text)).unwrap_or_default();
        Skill { id: id.to_owned(), name: id.to_owned(), description, files: Texts(files) }
    };
    skills.into_iter().map(skill).collect()
}
