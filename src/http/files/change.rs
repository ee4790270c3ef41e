//! `PUT` and `DELETE /workspaces/:id/files/*path`, `PUT /workspaces/:id/files`.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BAD_BODY, Where, body, condition, path, place, refused};
use crate::files::{Condition, RelativePath};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::BadInput;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Files in one request.
const MAX_FILES: usize = 200;
/// Where the files went: the folder that is the agent's volume.
const SOURCE: &str = "volume";

#[derive(Deserialize, ToSchema)]
#[schema(as = FileText)]
struct Text {
    /// At most 5 MiB; may be empty.
    #[serde(default)]
    #[schema(value_type = String, required)]
    content: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = FileTexts)]
struct Texts {
    /// Texts by path, at most 200.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, required)]
    files: Option<BTreeMap<String, String>>,
}

/// What was done to a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileChanged {
    pub path: String,
    /// `saved` or `deleted`.
    pub status: &'static str,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilesReplaced {
    /// How many.
    pub files: usize,
    /// `volume`.
    pub source: &'static str,
    /// `replaced`.
    pub status: &'static str,
    pub workspace: String,
}

/// Writes a file of a workspace whole, and the folders on its way.
///
/// With `If-Match` (an entity tag that was read) or `If-None-Match: *` it is written only if that holds.
#[utoipa::path(
    put,
    path = "/workspaces/{id}/files/{*path}",
    tag = "files",
    operation_id = "writeFile",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("path" = String, Path, description = "Relative to the root; it may contain slashes"),
        Where,
        ("if-match" = Option<String>, Header, nullable = false,
            description = "Entity tags: only if it is still one of these; `*`: only if it is there"),
        ("if-none-match" = Option<String>, Header, nullable = false,
            description = "`*`: only if it is not there"),
    ),
    request_body = Text,
    responses(
        (status = 200, description = "Written", body = FileChanged,
            headers(("etag" = String, description = "Of what was written"))),
        (status = 403, description = "The folder is read-only", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 412, description = "The file has changed", body = ErrorBody),
        (status = 500, description = "The disk refused", body = ErrorBody),
        (status = 507, description = "The workspace has as many files as it may", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn write(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
    Query(at): Query<Where>,
    headers: HeaderMap,
    request: Request,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let (id, root) = (workspace_id(&id)?, at.root()?);
    let (file, condition) = (path("path", &file)?, condition(&headers)?);
    let place = place(&app, id, root, true).await?;
    let (input, _taken) = body(&app, id, request.into_body()).await?;
    let text: Text = input.parse_or(BAD_BODY)?;
    let text = text
        .content
        .ok_or_else(|| BadInput::new("content", "it is required").with_text(BAD_BODY))?;
    let written = app.files.write(place, vec![(file.clone(), text)], condition).await;
    let tag = written.map_err(|error| refused(error, "failed to write file"))?;
    let mut response = ok(&FileChanged { path: file.as_str().to_owned(), status: "saved" });
    if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Deletes a file of a workspace, or a folder with what is in it; of a link, the link.
#[utoipa::path(
    delete,
    path = "/workspaces/{id}/files/{*path}",
    tag = "files",
    operation_id = "deleteFile",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("path" = String, Path, description = "Relative to the root; it may contain slashes"),
        Where,
        ("if-match" = Option<String>, Header, nullable = false,
            description = "Entity tags: only if it is still one of these"),
    ),
    responses(
        (status = 200, description = "Deleted", body = FileChanged),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 403, description = "The folder is read-only", body = ErrorBody),
        (status = 404, description = "There is no such file or workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 412, description = "The file has changed", body = ErrorBody),
        (status = 500, description = "The disk refused", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
    Query(at): Query<Where>,
    headers: HeaderMap,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let (id, root) = (workspace_id(&id)?, at.root()?);
    let (file, condition) = (path("path", &file)?, condition(&headers)?);
    let place = place(&app, id, root, true).await?;
    let deleted = app.files.delete(place, file.clone(), condition).await;
    deleted.map_err(|error| refused(error, "failed to delete file"))?;
    Ok(ok(&FileChanged { path: file.as_str().to_owned(), status: "deleted" }))
}

/// Writes many files of a workspace, all or none. Others stay.
#[utoipa::path(
    put,
    path = "/workspaces/{id}/files",
    tag = "files",
    operation_id = "writeFiles",
    params(("id" = Uuid, Path, description = "The workspace"), Where),
    request_body = Texts,
    responses(
        (status = 200, description = "Written", body = FilesReplaced),
        (status = 403, description = "The folder is read-only", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 500, description = "The disk refused", body = ErrorBody),
        (status = 507, description = "The workspace has as many files as it may", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn replace(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(at): Query<Where>,
    request: Request,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let (parsed, root) = (workspace_id(&id)?, at.root()?);
    let place = place(&app, parsed, root, true).await?;
    let (input, _taken) = body(&app, parsed, request.into_body()).await?;
    let texts: Texts = input.parse_or(BAD_BODY)?;
    let texts =
        texts.files.ok_or_else(|| BadInput::new("files", "it is required").with_text(BAD_BODY))?;
    let files = checked(texts)?;
    let count = files.len();
    let written = app.files.write(place, files, Condition::None).await;
    written.map_err(|error| refused(error, "failed to write files to workspace"))?;
    let workspace = parsed.to_string();
    Ok(ok(&FilesReplaced { files: count, source: SOURCE, status: "replaced", workspace }))
}

/// Parses all paths before anything is written. None may stand in another's way.
fn checked(texts: BTreeMap<String, String>) -> Result<Vec<(RelativePath, String)>, ApiError> {
    if texts.len() > MAX_FILES {
        let text = format!("too many files ({}), max {MAX_FILES}", texts.len());
        return Err(ApiError::bad_request(text).field("files", "write them in several requests"));
    }
    let bad = |reason: &str| BadInput::new("files", reason).with_text(BAD_BODY);
    let parsed = texts
        .into_iter()
        .map(|(path, text)| RelativePath::parse(&path).map(|path| (path, text)).map_err(bad));
    let mut files: Vec<_> = parsed.collect::<Result<_, _>>()?;
    files.sort();
    for (place, (path, _)) in files.iter().enumerate() {
        if files[place + 1..].iter().any(|(other, _)| other == path || path.is_above(other)) {
            return Err(bad("a path is there twice, or is a folder on the way to another"));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str]) -> bool {
        checked(paths.iter().map(|path| ((*path).to_owned(), String::new())).collect()).is_ok()
    }

    #[test]
    fn no_path_stands_in_anothers_way() {
        assert!(check(&[]) && check(&["a", "b/c", "b/d", "ab"]));
        assert!(check(&["a.x", "a/b", "a-b"]));
        for bad in [
            &["a", "a/b"][..],
            &["a/b", "a/./b"],
            &["a", "./a"],
            &["a", "a.x", "a/b/c"],
            &["../a"],
            &["/a"],
            &[""],
        ] {
            assert!(!check(bad), "{bad:?}");
        }
        let many: Vec<_> = (0..=MAX_FILES).map(|n| n.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(check(&many[1..]) && !check(&many));
    }
}
