//! Creating workspaces with their files: what a team, a bundle and an organisation have in common.
//!
//! Files come first, marked as uncommitted, then rows, each chunk of them in one transaction. A server
//! that is killed in between leaves whole workspaces and marked files without one, which the next
//! start sweeps.

use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::{StreamExt as _, stream};
use isomer_actors::api::{NewWorkspace, RuntimeError, Start};
use isomer_actors::chain_of;
use isomer_actors::directory::Planned;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{Access, DeliveryMode};
use isomer_actors::domain::status::Status;
use tracing::{error, warn};

use super::error::ApiError;
use super::state::App;
use crate::templates::generate::{self, Subject};
use crate::templates::{Files, FolderError, Templates, blocking, home};

/// Rows in one transaction at most: it has to end within the journal's limit.
const CHUNK: usize = 256;
/// Workspaces whose files are written at the same time: most of it is waiting for the disk.
const WRITING: usize = 8;
/// Files of all workspaces that are created at once, in bytes: they are in memory until they are written.
pub const MAX_BYTES: usize = 256 << 20;
/// The runtime of workspaces that name none (contract 06 §3.3, §4.4).
pub const DEFAULT_RUNTIME: &str = "langgraph";

/// A workspace that is to be, with its files.
#[derive(Clone, Debug)]
pub struct Newcomer {
    pub planned: Planned,
    pub files: Arc<Files>,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    Done,
    /// It does not exist.
    Failed(String),
    /// Nobody knows.
    Unknown(String),
}

/// Returns a workspace of the platform's own making.
pub fn plain(name: &str, role: &str, tier: i32, runtime: &str) -> NewWorkspace {
    NewWorkspace {
        id: WorkspaceId::random(),
        name: name.to_owned(),
        role: Some(role.to_owned()).filter(|role| !role.is_empty()),
        tier,
        runtime: runtime.to_owned(),
        parent_id: None,
        workspace_dir: None,
        workspace_access: Access::None,
        budget_limit: None,
        max_concurrent_tasks: 1,
        delivery_mode: DeliveryMode::Push,
        position: (0.0, 0.0),
        start: Start::Provision,
        secrets: None,
    }
}

/// Refuses what this server would have to run and has no room for. Better no team than one that
/// waits for agents nobody may start.
///
/// # Errors
/// 409.
pub fn check_room(app: &App, newcomers: &[Newcomer]) -> Result<(), ApiError> {
    let hosted = app.directory.hosted_runtimes();
    let is_new = |new: &NewWorkspace| app.directory.glimpse(new.id).is_none();
    let runs =
        |new: &NewWorkspace| matches!(new.start, Start::Provision) && hosted.contains(&new.runtime);
    let news = newcomers.iter().map(|newcomer| &newcomer.planned.new);
    let wanted = news.filter(|new| runs(new) && is_new(new)).count();
    let limit = app.host.limit();
    if wanted == 0 || running(app) + wanted <= limit {
        return Ok(());
    }
    let reason = format!(
        "{wanted} agents more are needed; this server runs {limit} itself (ISOMER_HOSTED_AGENTS)"
    );
    let text = "no room for another agent";
    Err(ApiError::new(StatusCode::CONFLICT, text).field("runtime", reason))
}

fn running(app: &App) -> usize {
    use Status::*;
    let resting = |status| matches!(status, Removed | Paused | Hibernating | Hibernated);
    let hosted = app.directory.hosted().into_iter();
    hosted.filter(|id| app.directory.glimpse(*id).is_some_and(|g| !resting(g.status))).count()
}

/// Returns the files of a new workspace: the template's, else those of its runtime's default
/// template, else a generated `config.yaml` (contract 01 §2.1). Blocks.
///
/// # Errors
/// As [`Templates::files`].
pub fn files_for(
    templates: &Templates,
    template: Option<Files>,
    subject: &Subject<'_>,
) -> Result<Files, FolderError> {
    let has_config = |files: &Files| files.get("config.yaml").is_some();
    if let Some(files) = template.filter(has_config) {
        return Ok(files);
    }
    let usual = format!("{}-default", subject.runtime);
    let found = match templates.files(&usual) {
        // A runtime's name need not be a folder's.
        Err(FolderError::Path(_)) => None,
        found => found?,
    };
    Ok(found.filter(has_config).unwrap_or_else(|| {
        let mut files = Files::default();
        files.put("config.yaml", generate::config(subject));
        files
    }))
}

/// Writes the files of workspaces that do not exist yet. Those that do keep theirs.
///
/// # Errors
/// What the disk says; nothing is left behind then.
pub async fn furnish(app: &App, newcomers: &[Newcomer]) -> Result<(), FolderError> {
    let fresh: Vec<_> = newcomers
        .iter()
        .map(|newcomer| (newcomer.planned.new.id, Arc::clone(&newcomer.files)))
        // Agents that run elsewhere bring theirs.
        .filter(|(id, files)| !files.is_empty() && app.directory.glimpse(*id).is_none())
        .collect();
    let ids: Vec<_> = fresh.iter().map(|(id, _)| *id).collect();
    let write = |(id, files): (WorkspaceId, Arc<Files>)| {
        let data_dir = app.config.data_dir.clone();
        blocking(move || home::furnish(&data_dir, id, &files))
    };
    // All are waited for, also after a failure: what is still written could not be taken away.
    let written: Vec<_> = stream::iter(fresh).map(write).buffer_unordered(WRITING).collect().await;
    let written: Result<(), _> = written.into_iter().collect();
    if let Err(error) = &written {
        error!(error = %chain_of(error), "files of new workspaces could not be written");
        unfurnish(app, ids).await;
    }
    written
}

/// Takes the files of workspaces away that did not come to be.
pub async fn unfurnish(app: &App, ids: Vec<WorkspaceId>) {
    let ids: Vec<_> = ids.into_iter().filter(|id| app.directory.glimpse(*id).is_none()).collect();
    let data_dir = app.config.data_dir.clone();
    let cleared = blocking(move || {
        let discard = |id: &WorkspaceId| home::discard(&data_dir, *id).map(|_| ());
        ids.iter().try_for_each(discard).map_err(FolderError::Disk)
    });
    if let Err(error) = cleared.await {
        warn!(error = %chain_of(&error), "files of workspaces that did not come to be are left");
    }
}

/// Says that workspaces are about to be purged: what a kill leaves of their files, the next start
/// deletes.
pub async fn unsettle(app: &App, ids: Vec<WorkspaceId>) {
    if ids.is_empty() {
        return;
    }
    let data_dir = app.config.data_dir.clone();
    let marked = blocking(move || {
        for id in ids {
            if home::has_files(&data_dir, id).map_err(FolderError::Disk)? {
                home::mark(&data_dir, id)?;
            }
        }
        Ok(())
    });
    if let Err(error) = marked.await {
        warn!(error = %chain_of(&error), "files of workspaces could not be marked");
    }
}

/// Says that workspaces exist, so that nothing takes their files away, or that they have none left.
pub async fn settle(app: &App, ids: Vec<WorkspaceId>) {
    if ids.is_empty() {
        return;
    }
    let data_dir = app.config.data_dir.clone();
    let settled = blocking(move || {
        ids.iter().try_for_each(|id| home::settle(&data_dir, *id)).map_err(FolderError::Disk)
    });
    if let Err(error) = settled.await {
        // The next start does it.
        warn!(error = %chain_of(&error), "workspaces are still marked as uncommitted");
    }
}

/// Creates workspaces, parents before children, and returns what became of each, in order.
/// What begins is finished, also when the caller goes away.
pub async fn create_all(app: &App, newcomers: Vec<Newcomer>) -> Vec<Creation> {
    let count = newcomers.len();
    let app = app.clone();
    let creating = tokio::spawn(async move { carry_out(&app, newcomers).await });
    creating.await.unwrap_or_else(|_| vec![Creation::Unknown("the creation ended".into()); count])
}

async fn carry_out(app: &App, newcomers: Vec<Newcomer>) -> Vec<Creation> {
    let mut outcomes = Vec::with_capacity(newcomers.len());
    if let Err(error) = furnish(app, &newcomers).await {
        let text = format!("its files could not be written: {error}");
        return vec![Creation::Failed(text); newcomers.len()];
    }
    let mut chunks = newcomers.chunks(CHUNK);
    for chunk in &mut chunks {
        let planned: Vec<_> = chunk.iter().map(|newcomer| newcomer.planned.clone()).collect();
        let outcome = created(app, &planned).await;
        if outcome == Creation::Done {
            settle(app, planned.iter().map(|planned| planned.new.id).collect()).await;
        }
        outcomes.extend(vec![outcome.clone(); chunk.len()]);
        if outcome != Creation::Done {
            break;
        }
    }
    let failed: Vec<_> = newcomers
        .iter()
        .enumerate()
        .filter(|(at, _)| matches!(outcomes.get(*at), None | Some(Creation::Failed(_))))
        .map(|(_, newcomer)| newcomer.planned.new.id)
        .collect();
    unfurnish(app, failed).await;
    outcomes.resize(newcomers.len(), Creation::Failed("the one before it failed".to_owned()));
    outcomes
}

async fn created(app: &App, planned: &[Planned]) -> Creation {
    /// How often rows are created anew because an id was taken in the same moment.
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        match app.directory.create_together(planned, None).await {
            Ok(true) => return Creation::Done,
            Ok(false) => {}
            Err(error @ RuntimeError::Unknown) => return Creation::Unknown(error.to_string()),
            Err(error) => {
                warn!(error = %chain_of(&error), "workspaces could not be created");
                return Creation::Failed(ApiError::from(error).reason());
            }
        }
    }
    Creation::Failed("it was created in the same moment".to_owned())
}

/// Returns the answer to files that cannot be had.
pub fn not_read(error: &FolderError, text: &str) -> ApiError {
    error!(error = %chain_of(error), text, "files cannot be read");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text)
}
