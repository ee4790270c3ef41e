//! `GET /workspaces/:id/files`.

use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Where, path, place, refused};
use crate::files::Listed;
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// How deep a list goes at most.
const MAX_DEPTH: usize = 5;
/// Tells that there are more entries than are listed.
const CUT: &str = "x-truncated";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// The folder to list, relative to the root; the root itself unless given.
    #[serde(default)]
    #[param(nullable = false)]
    path: Option<String>,
    /// How deep; 1 unless given.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 5, nullable = false)]
    depth: Option<String>,
}

/// A file or folder of a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileEntry {
    /// It is a folder.
    pub dir: bool,
    /// Relative to the folder that is listed.
    pub path: String,
    /// In bytes; 0 for a folder.
    pub size: u64,
}

impl From<Listed> for FileEntry {
    fn from(Listed { path, size, folder }: Listed) -> Self {
        Self { dir: folder, path, size }
    }
}

/// Lists files and folders of a workspace, by path, at most 10,000.
///
/// `.git`, `node_modules`, `__pycache__`, `.DS_Store`, links, pipes and the agent's token are left out. A folder
/// that is not there is empty.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/files",
    tag = "files",
    operation_id = "listFiles",
    params(("id" = Uuid, Path, description = "The workspace"), Where, Options),
    responses(
        (status = 200, description = "What is there", body = Vec<FileEntry>,
            headers(("x-truncated" = String, description = "`true` when there is more"))),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 500, description = "The disk refused", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(at): Query<Where>,
    Query(options): Query<Options>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let (id, root) = (workspace_id(&id)?, at.root()?);
    let within = options.path.filter(|text| !text.is_empty());
    let within = within.map(|text| path("path", &text)).transpose()?;
    let depth = depth(options.depth.as_deref())?;
    let place = place(&app, id, root, false).await?;
    let list = app.files.list(place, within, depth).await;
    let list = list.map_err(|error| refused(error, "failed to list files"))?;
    let entries: Vec<_> = list.entries.into_iter().map(FileEntry::from).collect();
    let mut response = ok(&entries);
    if list.cut {
        response.headers_mut().insert(CUT, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn depth(text: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(1) };
    let depth = text.parse().ok().filter(|depth| (1..=MAX_DEPTH).contains(depth));
    let bad = || ApiError::bad_request("depth must be 1-5").field("depth", "it is not");
    depth.ok_or_else(bad)
}
