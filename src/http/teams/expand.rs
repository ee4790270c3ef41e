//! `POST /workspaces/:id/expand`: creates the team that a workspace's template describes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::api::RuntimeError;
use isomer_actors::directory::{Beside, Planned};
use isomer_actors::domain::change::Draft;
use isomer_actors::domain::event::recorded;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Record;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::ListQuery;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::creation::{self, Newcomer, not_read};
use crate::http::error::{Answer, ApiError, ok, removed};
use crate::http::gates::{Actor, Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::workspaces::check_texts;
use crate::templates::config::{FILE, SubWorkspace, TemplateConfig, runtime_of};
use crate::templates::generate::Subject;
use crate::templates::{Files, FolderError, Templates, blocking, check_path, home, yaml};

/// Members of one team at most.
const MAX_MEMBERS: usize = 256;
/// How often a team is planned anew because its lead moved on.
const TRIES: usize = 8;
const BAD_CONFIG: &str = "failed to parse config";
/// Members stand below their lead, this far apart, in canvas units.
const APART: (f64, f64) = (254.0, 144.0);
const COLUMNS: usize = 2;

/// The team that was created.
#[derive(Debug, Serialize, ToSchema)]
pub struct Expanded {
    /// Always `expanded`.
    pub status: &'static str,
    /// Those that are new: a name that is there already is left alone.
    pub children: Vec<Member>,
}

/// A new member of a team.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TeamMember)]
pub struct Member {
    pub id: Uuid,
    pub name: String,
    pub role: String,
}

/// Creates the sub-workspaces that the template of a workspace describes. Those whose names it has
/// below it already are left alone.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/expand",
    tag = "teams",
    operation_id = "expandWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "They are there, and their agents start", body = Expanded),
        (status = 400, description = "Its template describes no team", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "This server runs as many agents as it may", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 500, description = "Its template cannot be read", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn expand(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let parsed = workspace_id(&id)?;
    let actor = caller.workspace(&app, &id).await?;
    let own = matches!(actor, Actor::Admin(_)).then(|| app.config.data_dir.clone());
    // A client that leaves must not leave half a team behind.
    let expanding = tokio::spawn(async move { expanded(&app, parsed, own).await });
    let children = expanding.await.map_err(|_| ApiError::unavailable())??;
    Ok(ok(&Expanded { status: "expanded", children }))
}

/// With `own`, the data folder, a lead that no template belongs to is read itself.
async fn expanded(
    app: &App,
    id: WorkspaceId,
    own: Option<PathBuf>,
) -> Result<Vec<Member>, ApiError> {
    for _ in 0..TRIES {
        let row = app.store.load(id).await.map_err(ApiError::from)?;
        let lead = row.record.clone().ok_or_else(|| ApiError::not_found("workspace not found"))?;
        if lead.status == Status::Removed {
            return Err(removed());
        }
        let described = members(app, &lead, own.clone()).await?;
        let taken = names_below(app, id).await?;
        let described: Vec<_> =
            described.into_iter().filter(|(member, _)| !taken.contains(member.name())).collect();
        if described.is_empty() {
            return Ok(Vec::new());
        }
        let newcomers = newcomers(&lead, described, taken.len())?;
        creation::check_room(app, &newcomers)?;
        creation::furnish(app, &newcomers)
            .await
            .map_err(|error| not_read(&error, "failed to write files"))?;
        let children: Vec<Member> = newcomers.iter().map(member).collect();
        let ids: Vec<_> = newcomers.iter().map(|newcomer| newcomer.planned.new.id).collect();
        let payload = json!({"children": &children, "sub_workspace_ids": &ids});
        let draft = Draft::new(recorded::WORKSPACE_EXPANDED, payload);
        let planned: Vec<_> = newcomers.into_iter().map(|newcomer| newcomer.planned).collect();
        let created = app.directory.create_together(&planned, Some(Beside { row, draft })).await;
        match created {
            Ok(true) => {
                creation::settle(app, ids).await;
                return Ok(children);
            }
            // Files of what may have been created stay: the next start decides.
            Err(error @ RuntimeError::Unknown) => return Err(error.into()),
            Ok(false) => creation::unfurnish(app, ids).await,
            Err(error) => {
                creation::unfurnish(app, ids).await;
                return Err(error.into());
            }
        }
    }
    Err(RuntimeError::Overloaded { retry_after: std::time::Duration::from_secs(1) }.into())
}

fn member(newcomer: &Newcomer) -> Member {
    let new = &newcomer.planned.new;
    Member { id: new.id.0, name: new.name.clone(), role: new.role.clone().unwrap_or_default() }
}

async fn names_below(app: &App, id: WorkspaceId) -> Result<HashSet<String>, ApiError> {
    let ids = Some(app.directory.children(id));
    let views = app.store.list(&ListQuery { ids, removed: false }).await?;
    Ok(views.into_iter().map(|view| view.record.name).collect())
}

/// Returns the members that the lead's template describes, each with its own template's files.
async fn members(
    app: &App,
    lead: &Record,
    own: Option<PathBuf>,
) -> Result<Vec<(SubWorkspace, Arc<Files>)>, ApiError> {
    let (templates, lead) = (Templates::of(&app.config), lead.clone());
    let found = blocking(move || described(&templates, &lead, own.as_deref())).await;
    match found {
        Ok(None) => Err(ApiError::bad_request("no config found for workspace")),
        Ok(Some(Err(why))) => Err(why.answer()),
        Ok(Some(Ok(members))) => Ok(members),
        Err(error) => Err(not_read(&error, "failed to read config")),
    }
}

/// What is wrong with the description of a team.
#[derive(Debug)]
enum Wrong {
    NotParsed(String),
    /// The workspace's own file, which whoever uses it can mend.
    Own(String),
    Empty,
    Member {
        place: usize,
        reason: String,
    },
}

impl Wrong {
    fn answer(self) -> ApiError {
        match self {
            Self::NotParsed(reason) => {
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, BAD_CONFIG).field(FILE, reason)
            }
            Self::Own(reason) => ApiError::bad_request(BAD_CONFIG).field(FILE, reason),
            Self::Empty => {
                ApiError::bad_request("workspace has no sub_workspaces defined in config")
            }
            Self::Member { place, reason } => ApiError::bad_request("invalid sub_workspaces")
                .field(&format!("sub_workspaces[{place}]"), reason),
        }
    }
}

type Described = Option<Result<Vec<(SubWorkspace, Arc<Files>)>, Wrong>>;

/// Contract 06 §2 knows templates of the lead's name alone. For an administrator its own configuration
/// counts, too: it began with that of a template. For the agent it does not, because it can write it.
fn described(
    templates: &Templates,
    lead: &Record,
    own: Option<&std::path::Path>,
) -> Result<Described, FolderError> {
    let found = templates.find(&lead.name)?;
    let is_own = found.is_none();
    let text = match (found, own) {
        (Some(id), _) => templates.files(&id)?.and_then(|files| files.text(FILE)),
        (None, Some(data_dir)) => match home::text(data_dir, lead.id, FILE, yaml::MAX_BYTES) {
            Err(error @ FolderError::Disk(_)) => return Err(error),
            Err(error) => return Ok(Some(Err(Wrong::Own(error.to_string())))),
            Ok(text) => text,
        },
        (None, None) => None,
    };
    let Some(text) = text else { return Ok(None) };
    let config = match TemplateConfig::parse(&text) {
        Ok(config) => config,
        Err(reason) if is_own => return Ok(Some(Err(Wrong::Own(reason)))),
        Err(reason) => return Ok(Some(Err(Wrong::NotParsed(reason)))),
    };
    if config.sub_workspaces.is_empty() && is_own {
        return Ok(None);
    }
    if config.sub_workspaces.is_empty() {
        return Ok(Some(Err(Wrong::Empty)));
    }
    let mut members = Vec::new();
    let mut names = HashSet::new();
    let mut bytes = 0;
    for (place, member) in config.sub_workspaces.into_iter().enumerate() {
        if let Err(reason) = acceptable(&member, &mut names) {
            return Ok(Some(Err(Wrong::Member { place, reason })));
        }
        let files = match member.config.as_str() {
            "" => None,
            id => templates.files(id)?,
        };
        let runtime = files.as_ref().and_then(|files| files.text(FILE));
        let runtime = runtime.as_deref().and_then(runtime_of).unwrap_or(&lead.runtime).to_owned();
        let subject = Subject {
            name: member.name(),
            role: &member.role,
            tier: lead.tier,
            runtime: &runtime,
            model: "",
        };
        let files = creation::files_for(templates, files, &subject)?;
        bytes += files.bytes();
        if bytes > creation::MAX_BYTES {
            let reason = "the files of all members would have more than 256 MiB".to_owned();
            return Ok(Some(Err(Wrong::Member { place, reason })));
        }
        members.push((member, Arc::new(files)));
    }
    Ok(Some(Ok(members)))
}

fn acceptable(member: &SubWorkspace, names: &mut HashSet<String>) -> Result<(), String> {
    if !member.config.is_empty() {
        check_path(&member.config).map_err(|bad| format!("config: {bad}"))?;
    }
    let name = member.name();
    if name.is_empty() {
        return Err("a name or a config is required".to_owned());
    }
    check_texts(name, &member.role, "").map_err(|bad| bad.reason)?;
    if !names.insert(name.to_owned()) || names.len() > MAX_MEMBERS {
        return Err("a name is given twice, or there are too many".to_owned());
    }
    Ok(())
}

fn newcomers(
    lead: &Record,
    members: Vec<(SubWorkspace, Arc<Files>)>,
    there: usize,
) -> Result<Vec<Newcomer>, ApiError> {
    let one = |(at, (member, files)): (usize, (SubWorkspace, Arc<Files>))| {
        let config = files.text(FILE).unwrap_or_default();
        // Without a word of its own it is what its lead is.
        let runtime = runtime_of(&config).unwrap_or(&lead.runtime);
        check_texts("", "", runtime).map_err(|bad| bad.with_text(BAD_CONFIG))?;
        let mut new = creation::plain(member.name(), &member.role, lead.tier, runtime);
        new.parent_id = Some(lead.id);
        let place = there + at;
        new.position =
            ((place % COLUMNS) as f64 * APART.0, ((place / COLUMNS) as f64 + 1.0) * APART.1);
        Ok(Newcomer { planned: Planned { new, source_bundle_id: None, place: None }, files })
    };
    members.into_iter().enumerate().map(one).collect()
}
