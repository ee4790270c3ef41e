//! `GET /workspaces/:id/files/*path`.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Where, path, place, refused};
use crate::http::error::{Answer, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// A file of a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileContent {
    /// The text; bytes that are not UTF-8 are replaced.
    pub content: String,
    /// Bytes were replaced: written back, the file would not be the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub lossy: bool,
    pub path: String,
    /// Of `content`, in bytes.
    pub size: usize,
    /// The file has more than 5 MiB, and goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub truncated: bool,
}

/// Reads a file of a workspace, exactly as it is.
///
/// Its entity tag, given as `If-Match` when it is written back, keeps somebody else's change from being lost.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/files/{*path}",
    tag = "files",
    operation_id = "readFile",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("path" = String, Path, description = "Relative to the root; it may contain slashes"),
        Where,
    ),
    responses(
        (status = 200, description = "What it holds", body = FileContent,
            headers(("etag" = String, description = "Of the bytes; absent when it is cut"))),
        (status = 400, description = "A parameter is not acceptable, or it is no regular file", body = ErrorBody),
        (status = 404, description = "There is no such file or workspace", body = ErrorBody),
        (status = 500, description = "The disk refused", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
    Query(at): Query<Where>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let (id, root) = (workspace_id(&id)?, at.root()?);
    let file = path("path", &file)?;
    let place = place(&app, id, root, false).await?;
    let content = app.files.read(place, file.clone()).await;
    let content = content.map_err(|error| refused(error, "failed to read file"))?;
    let mut response = ok(&FileContent {
        size: content.text.len(),
        content: content.text,
        lossy: content.lossy,
        path: file.as_str().to_owned(),
        truncated: content.cut,
    });
    let tag = content.tag.and_then(|tag| HeaderValue::try_from(tag).ok());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}
