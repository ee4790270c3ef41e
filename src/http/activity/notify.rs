//! `POST /workspaces/:id/notify` (contract 04 §1.3): what an agent says to people.
//!
//! The canvas rebuilds its history from the row, so the message is told only once the row is
//! stored, and one that would not be stored whole is refused.

use axum::extract::{Path, State};
use isomer_actors::activity::RecordError;
use isomer_actors::domain::activity::{Body, Effects, Entry, MAX_BODY, kind};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::domain::text::preview;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::not_recorded;
use crate::http::error::{Answer, ApiError, status};
use crate::http::gates::Caller;
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::{Done, ErrorBody};
use crate::http::state::App;

const REQUIRED: &str = "message is required";
/// How much of the message the summary shows, in bytes.
const SHOWN: usize = 80;

/// What an agent says to people.
#[derive(Deserialize, ToSchema)]
#[schema(as = Notify)]
pub(super) struct Message {
    #[serde(default)]
    #[schema(value_type = String, required)]
    message: Option<String>,
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
}

/// A file that goes with a message.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct Attachment {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "mimeType", skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<i64>,
}

/// Tells people something, and keeps it for those who look later.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/notify",
    tag = "activity",
    operation_id = "notify",
    params(("id" = Uuid, Path, description = "The workspace that says it")),
    request_body = Message,
    responses(
        (status = 200, description = "Stored, and told", body = Done),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn notify(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let (message, attachments) = read(&input)?;
    let id = WorkspaceId::parse_loose(&id);
    let id = id.ok_or_else(|| ApiError::not_found("workspace not found"))?;
    say(&app, id, &message, &attachments).await?;
    Ok(status("sent"))
}

/// Keeps what a workspace says to people, and tells those who look now.
///
/// # Errors
/// 404, 400 when it is too long to be kept, 503 when it was not stored, or not surely.
pub async fn say(
    app: &App,
    id: WorkspaceId,
    message: &str,
    attachments: &[Attachment],
) -> Result<(), ApiError> {
    let not_found = || ApiError::not_found("workspace not found");
    let destination = app.directory.destination(id).ok_or_else(not_found)?;
    if destination.status == Status::Removed {
        return Err(not_found());
    }
    match app.activity.record(entry(id, message, attachments)?).await {
        Ok(_) => {}
        Err(RecordError::Refused(_)) => return Err(not_found()),
        Err(error) => return Err(not_recorded(&error)),
    }
    let mut payload = json!({"message": message, "workspace_id": id, "name": destination.name});
    if !attachments.is_empty() {
        payload["attachments"] = json!(attachments);
    }
    app.live.said(id, app.clock.now(), &payload);
    Ok(())
}

fn read(input: &Input) -> Result<(String, Vec<Attachment>), ApiError> {
    let body: Message = input.parse_or(REQUIRED)?;
    let message = body.message.filter(|message| !message.is_empty());
    let message =
        message.ok_or_else(|| BadInput::new("message", "it is required").with_text(REQUIRED))?;
    let mut attachments = body.attachments.unwrap_or_default();
    for (n, attachment) in attachments.iter_mut().enumerate() {
        if attachment.uri.is_empty() || attachment.name.is_empty() {
            let text = format!("attachment[{n}]: uri and name are required");
            return Err(ApiError::bad_request(text).field("attachments", "incomplete"));
        }
        attachment.mime_type.take_if(|kind| kind.is_empty());
        attachment.size.take_if(|size| *size <= 0);
    }
    Ok((message, attachments))
}

/// The exact shape that chat histories are made of.
fn entry(
    workspace: WorkspaceId,
    message: &str,
    attachments: &[Attachment],
) -> Result<Entry, ApiError> {
    let mut response = json!({"result": message});
    if !attachments.is_empty() {
        let part = |file: &Attachment| json!({"kind": "file", "file": file});
        response["parts"] = attachments.iter().map(part).collect::<Value>();
    }
    let length = response.to_string().len();
    if length > MAX_BODY {
        return Err(ApiError::bad_request("message is too long").field(
            "message",
            format!(
                "with its attachments it takes {length} bytes of JSON, {MAX_BODY} are accepted"
            ),
        ));
    }
    Ok(Entry {
        method: Some("notify".to_owned()),
        summary: Some(format!("Agent message: {}", preview(message, SHOWN))),
        response_body: Some(Body::of(&response)),
        // `AGENT_MESSAGE` tells of it.
        effects: Effects { quiet: true, ..Effects::default() },
        ..Entry::new(workspace, kind::A2A_RECEIVE)
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn of(body: &Value) -> Result<Entry, ApiError> {
        let input = Input(Bytes::from(body.to_string()));
        let (message, attachments) = read(&input)?;
        entry(WorkspaceId::random(), &message, &attachments)
    }

    #[test]
    fn the_row_has_the_shape_that_histories_are_made_of() {
        let logged = of(&json!({"message": "done", "type": "x", "task_id": 7})).unwrap();
        assert_eq!(logged.response_body.unwrap().value(), json!({"result": "done"}));
        assert_eq!(logged.summary.unwrap(), "Agent message: done");
        assert_eq!((logged.source, logged.target, logged.request_body), (None, None, None));
        let attachments = json!([
            {"uri": "workspace:/a.txt", "name": "a.txt", "mimeType": "text/plain", "size": 3},
            {"uri": "workspace:/b", "name": "b", "mimeType": "", "size": 0, "more": 1},
        ]);
        let logged = of(&json!({"message": "🦀".repeat(30), "attachments": attachments})).unwrap();
        assert_eq!(logged.summary.unwrap(), format!("Agent message: {}…", "🦀".repeat(20)));
        let parts = json!([
            {"kind": "file", "file": {"uri": "workspace:/a.txt", "name": "a.txt",
                "mimeType": "text/plain", "size": 3}},
            {"kind": "file", "file": {"uri": "workspace:/b", "name": "b"}},
        ]);
        assert_eq!(logged.response_body.unwrap().value()["parts"], parts);
    }

    #[test]
    fn what_is_wrong_is_told_in_the_contracts_words() {
        let file = |uri: &str| json!({"uri": uri, "name": "n"});
        for (body, text) in [
            (json!({}), "message: it is required"),
            (json!({"message": ""}), "message: it is required"),
            (json!({"message": 1}), "message: expected a string"),
            (
                json!({"message": "m", "attachments": [1]}),
                "attachments: expected struct Attachment",
            ),
        ] {
            assert_eq!(of(&body).unwrap_err().reason(), text);
        }
        let error = of(&json!({"message": "m", "attachments": [file("u"), file("")]})).unwrap_err();
        assert!(format!("{error:?}").contains("attachment[1]: uri and name are required"));
        let long = of(&json!({"message": "x".repeat(MAX_BODY)})).unwrap_err();
        assert!(long.reason().starts_with("message: with its attachments"), "{}", long.reason());
        assert!(of(&json!({"message": "x".repeat(MAX_BODY - 20)})).is_ok());
    }
}
