//! `POST /workspaces/:id/chat/uploads`.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use serde::Serialize;
use utoipa::ToSchema;

use super::form::{Form, FormError, IDLE_LIMIT, Incoming, MAX_FORM, Part};
use super::{FOLDER, disk};
use crate::chat_files::{ChatFilesError, Upload, name};
use crate::http::error::{Answer, ApiError, ok, removed};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// The field whose parts are stored.
const FIELD: &str = "files";
/// Largest file in bytes.
const MAX_FILE: u64 = 25 << 20;
/// Most files in one request.
const MAX_FILES: usize = 20;
/// How much of a client's file name is repeated to it, in bytes.
const SHOWN_NAME: usize = 255;
/// Longest media type that is repeated, in bytes.
const MAX_MEDIA_TYPE: usize = 255;
const NOT_STAGED: &str = "failed to stage files in workspace";

/// Files, at most 20, of at most 25 MiB each.
#[derive(ToSchema)]
#[schema(as = ChatUpload)]
#[expect(dead_code, reason = "it describes a form, which is read part by part")]
struct Body {
    #[schema(value_type = Vec<String>, content_media_type = "application/octet-stream")]
    files: Vec<Vec<u8>>,
}

/// What was stored, in the order of the upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatUploaded {
    pub files: Vec<ChatFile>,
}

/// A file that can be attached to a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatFile {
    /// As it was sent, or by the extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mime_type: Option<String>,
    /// The file's own name, made safe.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// `workspace:` and the path to download.
    pub uri: String,
}

/// Stores files for a conversation with a workspace: all of them or none.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/chat/uploads",
    tag = "messages",
    operation_id = "uploadChatFiles",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body(content = Body, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Stored", body = ChatUploaded),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 413, description = "A file is too large", body = ErrorBody),
        (status = 500, description = "They could not be stored", body = ErrorBody),
        (status = 507, description = "The workspace has as many files as it may", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::new(body);
    let answer = receive(&app, &caller, &id, &parts.headers, &incoming).await;
    // A client that waits for `100 Continue` sends nothing before it.
    if answer.is_err() && !parts.headers.contains_key(header::EXPECT) {
        incoming.throw_away().await;
    }
    answer
}

async fn receive(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
    incoming: &Incoming,
) -> Answer {
    let parsed = workspace_id(id)?;
    caller.workspace(app, id).await?;
    present(app, parsed)?;
    let boundary = boundary(headers)?;
    let upload = app.chat_files.begin(parsed).await.map_err(refused)?;
    let mut received = Received { upload: Some(upload), ..Received::default() };
    let mut form = Form::new(incoming.clone(), boundary);
    while let Some(part) = form.next().await.map_err(unread)? {
        received.take(&form, part).await?;
    }
    let (upload, types) = received.judged()?;
    let directory = app.directory.clone();
    let stored = upload.keep(move |id| directory.glimpse(id).is_some()).await.map_err(refused)?;
    let files = stored.into_iter().zip(types).map(|(stored, mime_type)| ChatFile {
        mime_type,
        name: stored.name,
        size: stored.size,
        uri: format!("workspace:{FOLDER}{}", stored.stored),
    });
    Ok(ok(&ChatUploaded { files: files.collect() }))
}

fn present(app: &App, id: WorkspaceId) -> Result<(), ApiError> {
    match app.directory.glimpse(id).map(|glimpse| glimpse.status) {
        None => Err(ApiError::not_found("workspace not found")),
        Some(Status::Removed) => Err(removed()),
        Some(_) => Ok(()),
    }
}

fn boundary(headers: &HeaderMap) -> Result<String, ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_FORM) {
        return Err(unread(FormError::TooLarge));
    }
    let boundary = text(header::CONTENT_TYPE).map(multer::parse_boundary);
    boundary.and_then(Result::ok).ok_or_else(|| unread(FormError::Malformed))
}

/// What came in so far. The form is read to its end also when it is known to be refused: what is
/// wrong with the whole is said before what is wrong with a part.
#[derive(Default)]
struct Received {
    /// `None` once nothing will be stored.
    upload: Option<Upload>,
    types: Vec<Option<String>>,
    files: usize,
    wrong: Option<ApiError>,
}

impl Received {
    async fn take(&mut self, form: &Form, mut part: Part) -> Result<(), ApiError> {
        let given = part.file_of(FIELD).map(str::to_owned);
        self.files += usize::from(given.is_some());
        if self.files > MAX_FILES {
            self.upload = None;
        }
        if let (Some(given), Some(upload)) = (&given, &mut self.upload) {
            let name = name::sanitised(given);
            self.types.push(media_type(&part, &name));
            let began = upload.add(name).await;
            self.settle(began)?;
        }
        let mut size = 0;
        while let Some(piece) = form.piece(&mut part).await.map_err(unread)? {
            size += piece.len() as u64;
            let (Some(given), Some(upload)) = (&given, &mut self.upload) else { continue };
            if size > MAX_FILE {
                self.refuse(too_large(given));
            } else {
                let written = upload.write(&piece).await;
                self.settle(written)?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, result: Result<(), ChatFilesError>) -> Result<(), ApiError> {
        match result {
            Ok(()) => Ok(()),
            Err(error @ ChatFilesError::Full { .. }) => {
                self.refuse(refused(error));
                Ok(())
            }
            Err(error) => Err(refused(error)),
        }
    }

    fn refuse(&mut self, error: ApiError) {
        self.upload = None;
        self.wrong.get_or_insert(error);
    }

    fn judged(self) -> Result<(Upload, Vec<Option<String>>), ApiError> {
        match self {
            Self { files: 0, .. } => {
                Err(ApiError::bad_request("expected at least one 'files' field"))
            }
            Self { files, .. } if files > MAX_FILES => {
                let reason = format!("at most {MAX_FILES} are accepted at once");
                Err(ApiError::bad_request("too many files").field(FIELD, reason))
            }
            Self { wrong: Some(error), .. } => Err(error),
            Self { upload: Some(upload), types, .. } => Ok((upload, types)),
            Self { .. } => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, NOT_STAGED)),
        }
    }
}

fn media_type(part: &Part, name: &str) -> Option<String> {
    let by_extension = || mime_guess::from_path(name).first().map(|mime| mime.to_string());
    part.media_type().filter(|mime| mime.len() <= MAX_MEDIA_TYPE).or_else(by_extension)
}

fn too_large(given: &str) -> ApiError {
    let shown = &given[..given.floor_char_boundary(SHOWN_NAME)];
    let text = format!("{shown} exceeds per-file limit (25 MB)");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

fn unread(error: FormError) -> ApiError {
    match error {
        FormError::Malformed | FormError::TooLarge => {
            ApiError::bad_request("failed to parse multipart form")
        }
        FormError::Unreadable => ApiError::bad_request("failed to read upload"),
        FormError::TimedOut => ApiError::new(StatusCode::REQUEST_TIMEOUT, "request body timed out")
            .field("body", format!("nothing came for {} s", IDLE_LIMIT.as_secs())),
    }
}

fn refused(error: ChatFilesError) -> ApiError {
    match error {
        ChatFilesError::Busy => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many uploads, retry shortly")
                .with("code", "overloaded")
                .retry_after(Duration::from_secs(1))
        }
        ChatFilesError::Full { limit } => {
            let reason = format!(
                "the files of this workspace may take {} MB in total (CHAT_FILES_LIMIT_MB)",
                limit >> 20
            );
            ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "no room for more chat files")
                .field(FIELD, reason)
        }
        ChatFilesError::Gone => ApiError::not_found("workspace not found"),
        error => disk(&error, NOT_STAGED),
    }
}
