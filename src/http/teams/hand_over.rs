//! What the members of a team leave to their lead: each that is there is asked, and what it answers
//! becomes a file of the lead, `/configs/handovers/<time>-<name>.md`.

use std::time::Duration;

use futures_util::future::join_all;
use isomer_actors::domain::delegation::result_text;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::Delivery;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::WorkspaceView;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::a2a::ask::ask;
use crate::http::state::App;
use crate::templates::{blocking, home, normalised};

/// How long all of them together have.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is kept, in bytes.
const MAX_TEXT: usize = 256 << 10;
/// Longest part of a file's name that is the member's, in bytes.
const MAX_NAME: usize = 80;
const QUESTION: &str = "Your workspace is about to be removed because its team is taken apart. \
    Write a hand-over for your lead now: what you were doing, what is done, what is open, and \
    where the results are. Answer with the text of the hand-over alone.";

/// What a member had to hand over.
#[derive(Debug, Serialize, ToSchema)]
pub struct HandOver {
    pub id: Uuid,
    pub name: String,
    /// The file below `/configs` of the lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub file: Option<String>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
}

/// Asks the members that are there, all at once, and keeps what they answer in time.
pub async fn ask_all(app: &App, lead: WorkspaceId, members: &[WorkspaceView]) -> Vec<HandOver> {
    let there =
        |view: &&WorkspaceView| matches!(view.record.status, Status::Online | Status::Degraded);
    let asking = members.iter().filter(there).enumerate().map(|(number, member)| {
        let (id, name) = (member.record.id, member.record.name.clone());
        async move {
            let (file, error) = match one(app, lead, id, &name, number).await {
                Ok(file) => (Some(file), None),
                Err(error) => (None, Some(error)),
            };
            HandOver { id: id.0, name, file, error }
        }
    });
    join_all(asking).await
}

async fn one(
    app: &App,
    lead: WorkspaceId,
    id: WorkspaceId,
    name: &str,
    number: usize,
) -> Result<String, String> {
    let asked = ask(app, lead, id, QUESTION, PATIENCE).await.map_err(|error| error.reason())?;
    let answer = match asked {
        Some(Delivery::Acknowledged { response: Some(answer) }) => result_text(&answer),
        Some(Delivery::Acknowledged { response: None }) => return Err("it said nothing".to_owned()),
        Some(_) => return Err("its agent did not take the question".to_owned()),
        None => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    let at = app.clock.now();
    let folder = normalised(name);
    let short = &folder[..folder.len().min(MAX_NAME)];
    let path = format!("handovers/{}-{number}-{short}.md", at.format("%Y%m%dT%H%M%S%3fZ"));
    let end = answer.floor_char_boundary(MAX_TEXT.min(answer.len()));
    let heading = at.format("%Y-%m-%d %H:%M UTC");
    let text = format!("# Hand-over of {name}, {heading}\n\n{}\n", &answer[..end]);
    let (data_dir, file) = (app.config.data_dir.clone(), path.clone());
    let kept = blocking(move || home::add(&data_dir, lead, &file, &text)).await;
    kept.map(|()| path).map_err(|error| format!("its answer could not be kept: {error}"))
}
