//! `/registry`: how agents make themselves known, and find each other (contract 02).

mod access;
mod card;
mod discover;
mod heartbeat;
mod peers;
mod register;

use axum::Router;
use axum::routing::{get, post};
use isomer_actors::domain::ids::WorkspaceId;
use serde_json::Value;

use super::error::ApiError;
use super::json::BadInput;
use super::state::App;

const BAD_BODY: &str = "invalid request body";
/// Largest agent card in bytes.
const MAX_CARD_BYTES: usize = 256 * 1024;

/// The routes of this folder.
pub fn router() -> Router<App> {
    Router::new()
        .route("/registry/register", post(register::register))
        .route("/registry/heartbeat", post(heartbeat::heartbeat))
        .route("/registry/update-card", post(card::update_card))
        .route("/registry/discover/{id}", get(discover::discover))
        .route("/registry/{id}/peers", get(peers::peers))
        .route("/registry/check-access", post(access::check_access))
}

/// Returns the id in a required field of a body.
fn required_id(field: &str, value: Option<&str>) -> Result<WorkspaceId, ApiError> {
    let text = required(field, value)?;
    WorkspaceId::parse_loose(text)
        .ok_or_else(|| BadInput::new(field, "it is not a UUID").with_text(BAD_BODY))
}

/// A required text: missing, null and empty are the same.
fn required<'a>(field: &str, value: Option<&'a str>) -> Result<&'a str, ApiError> {
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| BadInput::new(field, "it is required").with_text(BAD_BODY))
}

/// A required agent card within its limit.
fn required_card(card: Option<Option<Value>>) -> Result<Value, ApiError> {
    let bad = |reason: String| BadInput::new("agent_card", reason).with_text(BAD_BODY);
    let card = card.ok_or_else(|| bad("it is required".to_owned()))?.unwrap_or(Value::Null);
    let bytes = card.to_string().len();
    if bytes > MAX_CARD_BYTES {
        return Err(bad(format!("it has {bytes} bytes, at most {MAX_CARD_BYTES} are accepted")));
    }
    Ok(card)
}
