//! `/workspaces/:id/files` (contract 07 §4): listed, read, written and deleted on the server's disk.

mod change;
mod list;
mod read;
mod shared_context;

use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use tracing::warn;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, removed};
use super::json::{self, Input};
use super::openapi::Api;
use super::places::Place as Taken;
use super::state::App;
use crate::files::{Condition, FilesError, HostFolder, MAX_FILE, Place, RelativePath, Root};

const BAD_ROOT: &str = "root must be one of: /configs, /workspace, /home, /plugins";
const BAD_PATH: &str = "invalid path";
const BAD_BODY: &str = "invalid request body";
/// Bodies that are read at once, of one workspace and in total: they may be long.
pub const MAX_WRITERS_EACH: usize = 8;
pub const MAX_WRITERS: usize = 32;
/// Largest body in bytes: a text of many line feeds takes twice its length in JSON.
const MAX_BODY: usize = 2 * MAX_FILE + (2 << 20);

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(list::list, change::replace))
        .routes(routes!(read::read, change::write, change::delete))
        .routes(routes!(shared_context::shared_context))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Where {
    /// `/configs` (unless given), `/workspace`, `/home` or `/plugins`.
    #[serde(default)]
    #[param(nullable = false)]
    root: Option<String>,
}

impl Where {
    fn root(&self) -> Result<Root, ApiError> {
        let text = self.root.as_deref().filter(|text| !text.is_empty());
        let bad = || ApiError::bad_request(BAD_ROOT).field("root", "it is none of them");
        text.map_or(Ok(Root::Configs), |text| Root::parse(text).ok_or_else(bad))
    }
}

/// Parses a path, or 400 with the contract's text.
fn path(field: &str, text: &str) -> Result<RelativePath, ApiError> {
    RelativePath::parse(text).map_err(|reason| ApiError::bad_request(BAD_PATH).field(field, reason))
}

/// Finds a folder of a workspace. What is removed is not changed any more.
async fn place(app: &App, id: WorkspaceId, root: Root, change: bool) -> Result<Place, ApiError> {
    match app.directory.glimpse(id).map(|glimpse| glimpse.status) {
        None => return Err(ApiError::not_found("workspace not found")),
        Some(Status::Removed) if change => return Err(removed()),
        Some(_) => {}
    }
    let host = if root == Root::Workspace { host_folder(app, id).await? } else { None };
    Ok(Place { id, root, host })
}

/// A workspace whose settings name a folder of the host, and let it be used, has its files there.
async fn host_folder(app: &App, id: WorkspaceId) -> Result<Option<HostFolder>, ApiError> {
    let record = app.store.load(id).await?.record;
    let record = record.ok_or_else(|| ApiError::not_found("workspace not found"))?;
    let path = record.workspace_dir.filter(|path| !path.is_empty());
    Ok(path.filter(|_| record.workspace_access != Access::None).map(|path| HostFolder {
        path: PathBuf::from(path),
        writable: record.workspace_access == Access::ReadWrite,
    }))
}

/// Reads a body that may be longer than others, of which only so many are in memory at once: until
/// the place is dropped.
async fn body(app: &App, id: WorkspaceId, body: Body) -> Result<(Input, Taken), ApiError> {
    let limit = app.config.http.max_body_bytes.max(MAX_BODY);
    let place = app.file_writers.take(id).ok_or_else(|| busy("too many files are being sent"))?;
    Ok((json::read(body, limit).await.map(Input)?, place))
}

fn busy(text: &str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, format!("{text}, retry shortly"))
        .with("code", "overloaded")
        .retry_after(Duration::from_secs(1))
}

/// Reads `If-Match` and `If-None-Match: *`; other forms of the latter are not for writing.
fn condition(headers: &HeaderMap) -> Result<Condition, ApiError> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
        (None, None) => Ok(Condition::None),
        (Some("*"), None) => Ok(Condition::Present),
        (Some(tags), None) => {
            Ok(Condition::OneOf(tags.split(',').map(|tag| tag.trim().to_owned()).collect()))
        }
        (None, Some("*")) => Ok(Condition::Absent),
        _ => Err(ApiError::bad_request("invalid request headers")
            .field("If-None-Match", "only `*` is accepted, and not together with If-Match")),
    }
}

/// What a client is told; `text` is the contract's for what the disk did not do.
pub(in crate::http) fn refused(error: FilesError, text: &str) -> ApiError {
    match error {
        FilesError::Missing => ApiError::not_found("file not found"),
        FilesError::NotAFile => ApiError::bad_request("path is not a regular file"),
        FilesError::Reserved => {
            ApiError::bad_request(BAD_PATH).field("path", "the agent's own token is nobody's file")
        }
        FilesError::ReadOnly => ApiError::forbidden("the workspace folder is read-only")
            .field("root", "workspace_access is read_only"),
        FilesError::Changed => {
            ApiError::new(StatusCode::PRECONDITION_FAILED, "the file has changed")
                .with("code", "changed")
        }
        FilesError::TooLarge => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "file too large")
            .field("content", format!("at most {MAX_FILE} bytes are accepted")),
        FilesError::Full { limit } => {
            let reason = format!(
                "the files of this workspace may take {} MB in total (FILES_LIMIT_MB)",
                limit >> 20
            );
            ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "no room for more files")
                .field("content", reason)
        }
        FilesError::Busy => busy("the disk is busy"),
        FilesError::Disk { operation, source } => {
            warn!(operation, error = %source, "a file of a workspace could not be used");
            // The kind names no path.
            let text = format!("{text}: {}", source.kind());
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_from_headers() {
        let of = |pairs: &[(header::HeaderName, &'static str)]| {
            let pairs =
                pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            condition(&HeaderMap::from_iter(pairs)).ok()
        };
        let tags = Condition::OneOf(vec!["\"a\"".to_owned(), "\"b\"".to_owned()]);
        assert_eq!(of(&[]), Some(Condition::None));
        assert_eq!(of(&[(header::IF_MATCH, "*")]), Some(Condition::Present));
        assert_eq!(of(&[(header::IF_MATCH, "\"a\", \"b\"")]), Some(tags));
        assert_eq!(of(&[(header::IF_NONE_MATCH, "*")]), Some(Condition::Absent));
        assert_eq!(of(&[(header::IF_NONE_MATCH, "\"a\"")]), None);
        assert_eq!(of(&[(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")]), None);
    }
}
