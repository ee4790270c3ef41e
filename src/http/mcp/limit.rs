//! The limits of MCP: calls a minute and bearer (contract 00 §9), and streams that are open.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use isomer_actors::domain::ids::WorkspaceId;
use parking_lot::Mutex;

use crate::http::edge::limit_headers;
use crate::http::error::ApiError;
use crate::http::gates::Caller;
use crate::http::rate_limit::{MCP_CALLS, Verdict};
use crate::http::state::App;
use crate::http::token;

/// Streams of one workspace, and in total.
pub const MAX_STREAMS_EACH: usize = 16;
const MAX_STREAMS: usize = 1_000;

/// Returns the text of the bearer, whose scheme counts in any case here (contract 00 §3).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let text = text.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !text.is_empty()).then_some(text)
}

/// Counts a call of somebody whom the gate let in; returns the headers that tell how many are
/// left, or the 429.
pub fn count(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<HeaderMap, Response> {
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
            Err((told, error).into_response())
        }
    }
}

/// Counts the streams that are open. Cheap to clone; remembers only workspaces that have some.
#[derive(Clone, Debug, Default)]
pub struct Streams(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    each: HashMap<WorkspaceId, usize>,
}

/// A stream that is open, until it is dropped.
#[derive(Debug)]
pub struct Open {
    streams: Streams,
    id: WorkspaceId,
}

impl Streams {
    /// Admits one more stream of a workspace; `None` when a bound is reached.
    pub fn open(&self, id: WorkspaceId) -> Option<Open> {
        let mut counts = self.0.lock();
        let of_it = counts.each.get(&id).copied().unwrap_or(0);
        if counts.total >= MAX_STREAMS || of_it >= MAX_STREAMS_EACH {
            return None;
        }
        counts.total += 1;
        counts.each.insert(id, of_it + 1);
        Some(Open { streams: self.clone(), id })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut counts = self.streams.0.lock();
        counts.total -= 1;
        if let Some(count) = counts.each.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                counts.each.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_bounded_each_and_in_total_and_leave_no_trace() {
        let (streams, id) = (Streams::default(), WorkspaceId::random());
        let mut open: Vec<_> = (0..MAX_STREAMS_EACH).map(|_| streams.open(id).unwrap()).collect();
        assert!(streams.open(id).is_none());
        open.pop();
        open.push(streams.open(id).unwrap());
        while open.len() < MAX_STREAMS {
            open.push(streams.open(WorkspaceId::random()).unwrap());
        }
        assert!(streams.open(WorkspaceId::random()).is_none());
        drop(open);
        let counts = streams.0.lock();
        assert_eq!((counts.total, counts.each.len()), (0, 0));
    }

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
