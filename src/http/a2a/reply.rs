//! What the sender gets back (contract 04 §3.5, §3.6): the agent's bytes, or why there are none.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::Value;

use crate::egress::{Place, Reply, SendError, TurnedAway};
use crate::http::error::ApiError;

/// Longest answer that is not a stream, in bytes.
pub const MAX_REPLY: usize = 10 << 20;
/// What senders to a busy agent are told to wait (contract 04 §3.6).
const BUSY: Duration = Duration::from_secs(30);
/// What senders are told to wait while the server has too much under way.
const OVERLOADED: Duration = Duration::from_secs(1);

/// Whether the answer is a stream of server-sent events.
pub fn is_stream(reply: &Reply) -> bool {
    let kind = reply.content_type.as_ref().and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    reply.status.is_success() && kind.eq_ignore_ascii_case("text/event-stream")
}

/// Reads the whole answer.
///
/// # Errors
/// 502 when it is too long, or does not end well; 503 when memory is short.
pub async fn whole(mut reply: Reply, place: &mut Place) -> Result<Bytes, ApiError> {
    let confirmed = reply.status.is_success() || reply.status.is_redirection();
    let failed = |text: &str| {
        ApiError::new(StatusCode::BAD_GATEWAY, text).with("delivery_confirmed", confirmed)
    };
    let too_long = || {
        failed("agent response is too large")
            .field("response", format!("it is longer than {MAX_REPLY} bytes"))
    };
    if reply.length.is_some_and(|length| length > MAX_REPLY as u64) {
        return Err(too_long());
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = reply.body.next().await {
        let piece = piece.map_err(|broken| {
            failed("failed to read agent response").field("response", broken.to_string())
        })?;
        if bytes.len() + piece.len() > MAX_REPLY {
            return Err(too_long());
        }
        place
            .buffer(piece.len())
            .map_err(|why| turned_away(why, false).with("delivery_confirmed", confirmed))?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// Returns what a success is answered with.
pub fn success(status: StatusCode, body: Bytes) -> Response {
    answer(status, HeaderValue::from_static("application/json"), body.into())
}

/// Returns what any other status is answered with: it and the agent's own text, if it has one.
pub fn refused(status: StatusCode, body: &[u8]) -> ApiError {
    let text = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|value| Some(value.get("error")?.as_str()?.to_owned()))
        .unwrap_or_else(|| status.canonical_reason().unwrap_or("agent error").to_owned());
    ApiError::new(status, text)
}

/// Returns a stream that is passed on as it comes in.
pub fn streaming(status: StatusCode, body: Body) -> Response {
    let mut response = answer(status, HeaderValue::from_static("text/event-stream"), body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn answer(status: StatusCode, kind: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Returns what is answered when the agent's answer did not begin.
pub fn unsent(error: SendError, keeps_session: bool) -> ApiError {
    match error {
        SendError::Busy => busy(keeps_session),
        SendError::Unreachable => {
            ApiError::new(StatusCode::BAD_GATEWAY, "failed to reach workspace agent")
        }
        SendError::Unbuildable => {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "failed to create proxy request")
        }
    }
}

/// Returns what is answered when the agent has ended and is being started again (contract 04 §3.6).
pub fn restarting() -> ApiError {
    let text = "workspace agent unreachable — container restart triggered";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).with("restarting", true)
}

/// Returns what is answered when too much is under way.
pub fn turned_away(why: TurnedAway, keeps_session: bool) -> ApiError {
    match why {
        TurnedAway::Busy => busy(keeps_session),
        TurnedAway::Overloaded => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests in flight, retry shortly",
        )
        .with("code", "overloaded")
        .retry_after(OVERLOADED),
    }
}

fn busy(keeps_session: bool) -> ApiError {
    let text = if keeps_session {
        "workspace agent busy — adapter handles retry (native_session)"
    } else {
        "workspace agent busy — retry after a short backoff"
    };
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text)
        .with("busy", true)
        .with("retry_after", BUSY.as_secs())
        .retry_after(BUSY);
    if keeps_session { error.with("native_session", true) } else { error }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use isomer_actors::domain::ids::WorkspaceId;

    use super::*;
    use crate::egress::{Broken, Gate};

    async fn read(reply: Reply) -> Result<Bytes, ApiError> {
        whole(reply, &mut Gate::default().enter(WorkspaceId::random()).unwrap()).await
    }

    fn reply(pieces: Vec<Result<Bytes, Broken>>, length: Option<u64>) -> Reply {
        let body = stream::iter(pieces).boxed();
        Reply { status: StatusCode::OK, content_type: None, length, body }
    }

    #[tokio::test]
    async fn an_answer_is_whole_or_its_end_is_told() {
        let half = Bytes::from(vec![b'x'; MAX_REPLY / 2]);
        let fits = vec![Ok(half.clone()), Ok(half.clone())];
        assert_eq!(read(reply(fits, None)).await.unwrap().len(), MAX_REPLY);
        let too_long = vec![Ok(half.clone()), Ok(half), Ok(Bytes::from_static(b"x"))];
        for (pieces, length) in [(too_long, None), (Vec::new(), Some(MAX_REPLY as u64 + 1))] {
            let error = read(reply(pieces, length)).await.unwrap_err();
            assert_eq!(error.status, StatusCode::BAD_GATEWAY);
            assert!(error.reason().contains("longer than 10485760 bytes"));
        }
        let cut = vec![Ok(Bytes::from_static(b"{")), Err(Broken::Cut)];
        let error = read(reply(cut, None)).await.unwrap_err();
        assert_eq!(error.reason(), "response: the connection broke");
    }

    #[test]
    fn an_agents_own_text_is_passed_on() {
        for (body, text) in [
            (r#"{"error":"quota"}"#, "quota"),
            (r#"{"error":{"code":1}}"#, "Too Many Requests"),
            ("<html>", "Too Many Requests"),
        ] {
            let error = refused(StatusCode::TOO_MANY_REQUESTS, body.as_bytes());
            assert_eq!(error.reason(), text);
        }
    }

    #[test]
    fn streams_are_told_by_their_content_type() {
        let kind = |text: &'static str| {
            let content_type = Some(HeaderValue::from_static(text));
            is_stream(&Reply { content_type, ..reply(Vec::new(), None) })
        };
        assert!(kind("text/event-stream") && kind("Text/Event-Stream; charset=utf-8"));
        assert!(!kind("application/json") && !kind(""));
    }
}
