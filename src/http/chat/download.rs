//! `GET /workspaces/:id/chat/download`.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, Take};
use utoipa::IntoParams;

use super::{FOLDER, disk};
use crate::chat_files::{ChatFilesError, name};
use crate::http::error::{Answer, ApiError};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Where workspaces have files.
const ROOTS: [&str; 4] = ["/configs", "/workspace", "/home", "/plugins"];
/// Bytes read at once.
const PIECE: usize = 64 * 1024;
/// Types that a browser shows or saves without ever running anything. The rest is told to be bytes:
/// pages, vector images, scripts and styles would be ours, for they come from where the canvas does.
const HARMLESS: [&str; 19] = [
    "application/gzip",
    "application/json",
    "application/pdf",
    "application/x-tar",
    "application/zip",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/markdown",
    "text/plain",
    "video/mp4",
    "video/webm",
];
const BYTES: &str = "application/octet-stream";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// The `uri` of an upload, without `workspace:`.
    #[serde(default)]
    #[param(value_type = String, required)]
    path: Option<String>,
}

/// Returns a file that was uploaded. Always to be saved, never to be shown.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/chat/download",
    tag = "messages",
    operation_id = "downloadChatFile",
    params(("id" = Uuid, Path, description = "The workspace"), Options),
    responses(
        (status = 200, description = "Its bytes, with a type by its extension",
            body = String, content_type = "application/octet-stream",
            headers(("content-disposition" = String, description = "`attachment`, with its name"))),
        (status = 400, description = "The path is not acceptable", body = ErrorBody),
        (status = 404, description = "There is no such file or workspace", body = ErrorBody),
        (status = 500, description = "It could not be read", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn download(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    let path = options.path.unwrap_or_default();
    check(&path).map_err(ApiError::bad_request)?;
    if app.directory.glimpse(parsed).is_none() {
        return Err(ApiError::not_found("workspace not found"));
    }
    let missing = || ApiError::not_found("file not found");
    let stored = path.strip_prefix(FOLDER).ok_or_else(missing)?;
    let name = name::given(stored).ok_or_else(missing)?;
    let (file, size) = app.chat_files.find(parsed, stored).await.map_err(|error| match error {
        ChatFilesError::NotFound => missing(),
        ChatFilesError::NotAFile => ApiError::bad_request("path is not a regular file"),
        error => disk(&error, "failed to read archive"),
    })?;
    Ok(sent(file, size, name))
}

/// The contract's checks, in its order and words.
fn check(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("path query required");
    }
    if !path.starts_with('/') {
        return Err("path must be absolute");
    }
    let beneath = |root: &str| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if !ROOTS.into_iter().any(beneath) {
        return Err("path must be under /configs, /workspace, /home, or /plugins");
    }
    let normal = path[1..].split('/').all(|part| !part.is_empty() && part != ".");
    if !normal || path.contains("..") {
        return Err("invalid path");
    }
    Ok(())
}

fn sent(file: File, size: u64, name: &str) -> Response {
    // Names are safe in quotes and in percent encoding as they are.
    let disposition = format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}");
    let headers =
        [(header::CONTENT_TYPE, content_type(name)), (header::CONTENT_DISPOSITION, disposition)];
    const ALONE: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
    const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");
    let fixed = [
        (header::CONTENT_LENGTH, HeaderValue::from(size)),
        (header::CONTENT_SECURITY_POLICY, ALONE),
        (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        (header::HeaderName::from_static("cross-origin-resource-policy"), SAME_ORIGIN),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    (StatusCode::OK, headers, fixed, content(file.take(size))).into_response()
}

fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_raw();
    match guess.filter(|mime| HARMLESS.contains(mime)) {
        Some(text) if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        Some(other) => other.to_owned(),
        None => BYTES.to_owned(),
    }
}

/// Reads as fast as the client takes it.
fn content(file: Take<File>) -> Body {
    Body::from_stream(stream::try_unfold(file, |mut file| async {
        let mut piece = BytesMut::with_capacity(PIECE);
        match file.read_buf(&mut piece).await? {
            0 => Ok::<_, std::io::Error>(None),
            _ => Ok(Some((Bytes::from(piece), file))),
        }
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_checked_in_the_contracts_order() {
        let under = Err("path must be under /configs, /workspace, /home, or /plugins");
        for (path, outcome) in [
            ("", Err("path query required")),
            ("workspace/x", Err("path must be absolute")),
            ("..", Err("path must be absolute")),
            ("/etc/passwd", under),
            ("/workspaces/x", under),
            ("//workspace/x", under),
            ("/", under),
            ("/workspace/../etc/passwd", Err("invalid path")),
            ("/workspace/a..b", Err("invalid path")),
            ("/workspace//x", Err("invalid path")),
            ("/workspace/./x", Err("invalid path")),
            ("/workspace/x/", Err("invalid path")),
            ("/workspace", Ok(())),
            ("/home/x", Ok(())),
            ("/workspace/.molecule/chat-uploads/x", Ok(())),
        ] {
            assert_eq!(check(path), outcome, "{path}");
        }
    }

    #[test]
    fn nothing_that_runs_has_its_own_type() {
        for name in [
            "a.html", "a.htm", "a.xhtml", "a.svg", "a.xml", "a.js", "a.mjs", "a.css", "a.wasm",
            "a.swf", "a", "a.pl",
        ] {
            assert_eq!(content_type(name), BYTES, "{name}");
        }
        assert_eq!(content_type("a.txt"), "text/plain; charset=utf-8");
        assert_eq!(content_type("a.md"), "text/markdown; charset=utf-8");
        assert_eq!(content_type("A.PNG"), "image/png");
        assert_eq!(content_type("a.json"), "application/json");
    }

    proptest! {
        #[test]
        fn what_passes_stays_beneath_a_root(path in "/?(workspace|home|etc|[./a]{0,3})(/[./a]{0,4}){0,4}") {
            if check(&path).is_ok() {
                prop_assert!(ROOTS.iter().any(|root| std::path::Path::new(&path).starts_with(root)));
                prop_assert!(!path.contains(".."));
            }
        }
    }
}
