//! The live edges: WebSocket and server-sent events (contract 03 §4-5).

mod sse;
mod ws;

use isomer_actors::domain::ids::Seq;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::ws::watched_token;
use crate::http::error::ApiError;
use crate::http::json::BadInput;
use crate::http::openapi::Api;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(ws::upgrade)).routes(routes!(sse::stream))
}

/// Parses where a subscriber stopped.
fn sequence(parameter: &str, text: Option<&str>) -> Result<Option<Seq>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse::<Seq>() {
        Ok(seq) if seq >= 0 => Ok(Some(seq)),
        _ => Err(BadInput::new(parameter, "a sequence number is accepted, 0 for everything")
            .with_text("invalid query parameter")),
    }
}
