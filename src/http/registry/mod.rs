//! `/registry`: how agents make themselves known, and find each other (contract 02).

mod access;
mod card;
mod discover;
mod heartbeat;
mod peers;
mod register;
pub mod schema;

use isomer_actors::domain::ids::WorkspaceId;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::json::BadInput;
use super::openapi::Api;
use super::state::App;
use crate::a2a::card::SignatureState;

const BAD_BODY: &str = "invalid request body";
/// Largest agent card in bytes.
const MAX_CARD_BYTES: usize = 256 * 1024;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(register::register))
        .routes(routes!(heartbeat::heartbeat))
        .routes(routes!(card::update_card))
        .routes(routes!(discover::discover))
        .routes(routes!(peers::peers))
        .routes(routes!(access::check_access))
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

/// Refuses a card that a trusted key is said to have signed, and did not; or whose signatures are
/// none.
fn no_forgery(app: &App, card: &Value) -> Result<(), ApiError> {
    if app.cards.signature(card).state != SignatureState::Invalid {
        return Ok(());
    }
    let reason = "a signature is not one of this card by the key it names";
    Err(BadInput::new("agent_card.signatures", reason).with_text(BAD_BODY))
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
