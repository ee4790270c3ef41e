//! The limits of MCP: calls a minute and bearer (contract 00 §9), and streams that are open.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::edge::limit_headers;
use crate::http::error::ApiError;
use crate::http::gates::Caller;
use crate::http::rate_limit::{MCP_CALLS, Verdict};
use crate::http::state::App;
use crate::http::token;

/// Streams of one workspace, and in total.
pub const MAX_STREAMS_EACH: usize = 16;
pub const MAX_STREAMS: usize = 1_000;

/// Returns the text of the bearer, whose scheme counts in any case here (contract 00 §3).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let text = text.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !text.is_empty()).then_some(text)
}

/// Counts a call of somebody whom the gate let in; returns the headers that tell how many are
/// left, or the 429.
pub fn count(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<HeaderMap, Box<Response>> {
    let verdict = match bearer(headers) {
        Some(text) => app.limits.mcp(token::hash(text)),
        None => app.limits.mcp_session(caller.peer),
    };
    let mut told = HeaderMap::new();
    match verdict {
        Verdict::Allowed { limit, remaining, reset } => {
            limit_headers(&mut told, limit, remaining, reset);
            Ok(told)
        }
        Verdict::Exceeded { wait } => {
            limit_headers(&mut told, MCP_CALLS, 0, wait);
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "MCP rate limit exceeded")
                .with("retry_after", wait.as_secs().max(1))
                .retry_after(wait);
            Err(Box::new((told, error).into_response()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_a_bearer_counts_in_any_case() {
        let of = |text: &'static str| {
            let value = axum::http::HeaderValue::from_static(text);
            bearer(&HeaderMap::from_iter([(header::AUTHORIZATION, value)])).map(str::to_owned)
        };
        assert_eq!(of("bearer  x ").as_deref(), Some("x"));
        assert_eq!(of("BEARER x").as_deref(), Some("x"));
        for none in ["Bearer", "Bearer ", "Basic x", "x"] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
