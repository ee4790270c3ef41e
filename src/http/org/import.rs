//! `POST /org/import`: creates an organisation. Everything is checked before anything is written.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use isomer_actors::api::Start;
use isomer_actors::directory::Planned;
use isomer_seal::context::Scope;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Mutex;
use utoipa::ToSchema;
use uuid::Uuid;

use super::plan::{Drafted, Ids, NoPlan, Planner, Skipped, check_dir};
use super::preflight::Needs;
use super::template::Org;
use crate::http::creation::{self, Creation, Newcomer, not_read};
use crate::http::error::{Answer, ApiError, json_response};
use crate::http::gates::Caller;
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::ErrorBody;
use crate::http::secrets;
use crate::http::state::App;
use crate::net::guard::{self, Rule};
use crate::templates::{Folder, FolderError, ORG_FILE, Templates, blocking, yaml};

const BAD_BODY: &str = "invalid request body";
const BAD_DIR: &str = "invalid org directory";
const BAD_TEMPLATE: &str = "invalid org template";
const NOT_EXPANDED: &str = "org template expansion failed";
const NOT_VERIFIED: &str = "could not verify required environment variables; try again or pass \
    force=true to override";
/// Seals secrets of so many workspaces at the same time.
const SEALING: usize = 8;
/// Longest `Idempotency-Key`, in bytes.
const MAX_KEY: usize = 255;
/// Imports that may be repeated go one after another: two of the same key would write the same files.
static REPEATABLE: Mutex<()> = Mutex::const_new(());

/// Which organisation to create.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = ImportOrg)]
struct Body {
    /// Its folder; wins over `template`.
    #[serde(default)]
    dir: Option<String>,
    /// Or the organisation itself.
    #[serde(default)]
    template: Option<Org>,
    /// Although secrets are missing.
    #[serde(default)]
    force: Option<bool>,
}

/// What was created.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedOrg {
    pub org: String,
    /// Parents before their children.
    pub workspaces: Vec<OrgMember>,
    pub count: usize,
    /// What this server does not do yet, or refused.
    pub skipped: Vec<Skipped>,
    /// Why there are not more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
}

/// A workspace that was created.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrgMember {
    pub id: Uuid,
    pub name: String,
    pub tier: i32,
}

/// Creates an organisation: 1,000 workspaces in 32 levels at most.
///
/// With `Idempotency-Key` a repeated request for the same description goes on where an earlier one
/// ended, and creates nothing twice.
#[utoipa::path(
    post,
    path = "/org/import",
    tag = "organisations",
    operation_id = "importOrg",
    params(("idempotency-key" = Option<String>, Header, nullable = false,
        description = "At most 255 visible ASCII characters")),
    request_body = Body,
    responses(
        (status = 201, description = "They are there, and their agents start", body = ImportedOrg),
        (status = 207, description = "Some are; `error` says why there are not more", body = ImportedOrg),
        (status = 400, description = "A field is refused; nothing was done", body = ErrorBody),
        (status = 404, description = "There is no such organisation", body = ErrorBody),
        (status = 409, description = "This server runs as many agents as it may", body = ErrorBody),
        (status = 412, description = "Secrets are missing", body = ErrorBody),
        (status = 500, description = "It cannot be told whether secrets are missing", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn import(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    input: Input,
) -> Answer {
    let actor = caller.admin(&app).await?.name();
    let body: Body = input.parse_or(BAD_BODY)?;
    let key = idempotency_key(&headers)?;
    // A client that leaves must not leave half an organisation behind, nor let the next one in.
    let importing = tokio::spawn(async move { imported(&app, body, key, &actor).await });
    importing.await.map_err(|_| ApiError::unavailable())?
}

async fn imported(app: &App, body: Body, key: Option<String>, actor: &str) -> Answer {
    let _alone = match &key {
        Some(_) => Some(REPEATABLE.lock().await),
        None => None,
    };
    let templates = Templates::of(&app.config);
    let (org, folder) = found(&templates, body.dir, body.template).await?;
    org.check_size().map_err(|why| BadInput::new("workspaces", why).with_text(BAD_TEMPLATE))?;
    if !body.force.unwrap_or(false) {
        preflight(app, &org).await?;
    }
    let name = org.name.clone();
    let ids = key.map_or(Ids::Fresh, |key| Ids::keyed(&key, &org));
    let (drafted, skipped) = planned(org, folder, templates, ids).await?;
    check_urls(app, &drafted).await?;
    let newcomers = sealed(app, drafted, actor).await?;
    creation::check_room(app, &newcomers)?;
    let all: Vec<Planned> = newcomers.iter().map(|newcomer| newcomer.planned.clone()).collect();
    let outcomes = creation::create_all(app, newcomers).await;
    Ok(told(name, &all, &outcomes, skipped))
}

fn told(
    org: String,
    all: &[Planned],
    outcomes: &[Creation],
    skipped: Vec<Skipped>,
) -> axum::response::Response {
    let created = all.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Creation::Done);
    let member = |planned: &Planned| OrgMember {
        id: planned.new.id.0,
        name: planned.new.name.clone(),
        tier: planned.new.tier,
    };
    let workspaces: Vec<_> = created.map(|(planned, _)| member(planned)).collect();
    let error = outcomes.iter().find_map(|outcome| match outcome {
        Creation::Done => None,
        Creation::Failed(why) | Creation::Unknown(why) => Some(why.clone()),
    });
    let status = if error.is_some() { StatusCode::MULTI_STATUS } else { StatusCode::CREATED };
    let count = workspaces.len();
    json_response(status, &ImportedOrg { org, workspaces, count, skipped, error })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    const NAME: &str = "idempotency-key";
    let Some(value) = headers.get(NAME) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= MAX_KEY);
    let text = text.ok_or_else(|| {
        BadInput::new("Idempotency-Key", "1 to 255 visible ASCII characters are accepted")
            .with_text(BAD_BODY)
    })?;
    Ok(Some(text.to_owned()))
}

/// Reads the organisation from its folder, or takes the one of the request.
async fn found(
    templates: &Templates,
    dir: Option<String>,
    template: Option<Org>,
) -> Result<(Org, Option<Folder>), ApiError> {
    let Some(dir) = dir.filter(|dir| !dir.is_empty()) else {
        let org = template.ok_or_else(|| ApiError::bad_request("provide 'dir' or 'template'"))?;
        if org.name.is_empty() {
            return Err(BadInput::new("template.name", "it is required").with_text(BAD_TEMPLATE));
        }
        return Ok((org, None));
    };
    check_dir(&dir).map_err(|bad| bad.with_text(BAD_DIR))?;
    let missing = format!("org template not found: {dir}");
    let templates = templates.clone();
    let read = blocking(move || {
        let Some(folder) = templates.organisation(&dir)? else { return Ok(None) };
        // Distinguishes a file that is not there from one that cannot be read.
        match folder.read(ORG_FILE, yaml::MAX_BYTES) {
            Err(FolderError::Missing | FolderError::NotAFile) => return Ok(None),
            read => read?,
        };
        let parsed = yaml::parse_including::<Org>(&folder, ORG_FILE);
        Ok(Some((parsed, folder)))
    });
    let found = read.await.map_err(|error| not_read(&error, "failed to read org template"))?;
    let (parsed, folder) = found.ok_or_else(|| ApiError::not_found(missing))?;
    let org = parsed.map_err(|why| {
        let text = if why.contains("include") { NOT_EXPANDED } else { BAD_TEMPLATE };
        BadInput::new(ORG_FILE, why).with_text(text)
    })?;
    Ok((org, Some(folder)))
}

/// Refuses an organisation whose agents could not work.
async fn preflight(app: &App, org: &Org) -> Result<(), ApiError> {
    let needs = Needs::of(org);
    if needs.required.is_empty() {
        return Ok(());
    }
    let listed = app.secrets.list(Scope::Global).await;
    let there: BTreeSet<String> = listed
        .map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, NOT_VERIFIED))?
        .into_iter()
        .map(|meta| meta.key)
        .collect();
    let missing = needs.missing(&there);
    if missing.is_empty() {
        return Ok(());
    }
    let text = "missing required environment variables";
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, text)
        .with("missing_env", json!(missing))
        .with("required_env", json!(needs.required))
        .with("template", org.name.clone())
        .with("suggestion", "add them as global secrets, or pass force=true to import anyway"))
}

async fn planned(
    org: Org,
    folder: Option<Folder>,
    templates: Templates,
    ids: Ids,
) -> Result<(Vec<Drafted>, Vec<Skipped>), ApiError> {
    let planning = tokio::task::spawn_blocking(move || {
        let mut planner = Planner {
            org: &org,
            folder: folder.as_ref(),
            templates: &templates,
            ids: &ids,
            drafted: Vec::new(),
            skipped: Vec::new(),
            bytes: 0,
        };
        planner.plan().map(|()| (planner.drafted, planner.skipped))
    });
    match planning.await.map_err(|_| ApiError::unavailable())? {
        Ok(planned) => Ok(planned),
        Err(NoPlan::Refused(bad)) => Err(bad.with_text(BAD_TEMPLATE)),
        Err(NoPlan::Disk(error)) => Err(not_read(&error, "failed to read org template")),
    }
}

/// Where external agents are is checked as everywhere else.
async fn check_urls(app: &App, drafted: &[Drafted]) -> Result<(), ApiError> {
    for drafted in drafted {
        if let Start::External { url } = &drafted.newcomer.planned.new.start {
            let checked = guard::check(url, Rule::Registration, app.address_mode()).await;
            checked.map_err(|refused| {
                BadInput::new("url", refused.to_string()).with_text(BAD_TEMPLATE)
            })?;
        }
    }
    Ok(())
}

/// Seals the secrets of those that do not exist yet.
async fn sealed(app: &App, drafted: Vec<Drafted>, actor: &str) -> Result<Vec<Newcomer>, ApiError> {
    let seal = |drafted: Drafted| async move {
        let Drafted { mut newcomer, secrets } = drafted;
        let id = newcomer.planned.new.id;
        let values: Vec<(String, SecretString)> = secrets.into_iter().collect();
        if !values.is_empty() && app.directory.glimpse(id).is_none() {
            let sealed = app.secrets.first(id, &values, actor).await;
            let sealed =
                sealed.map_err(|error| secrets::failed(error, "failed to encrypt secrets"))?;
            newcomer.planned.new.secrets = Some(sealed);
        }
        Ok(newcomer)
    };
    stream::iter(drafted).map(seal).buffered(SEALING).try_collect().await
}
