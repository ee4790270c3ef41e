//! What agents say to people.

use isomer_actors::domain::ids::WorkspaceId;

use super::Failed;
use crate::http::activity::notify;
use crate::http::state::App;

/// Tells people something, as `POST /notify` does.
pub async fn tell(app: &App, own: WorkspaceId, message: &str) -> Result<String, Failed> {
    notify::say(app, own, message, &[]).await?;
    Ok("Message sent.".to_owned())
}
