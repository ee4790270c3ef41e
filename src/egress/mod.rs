//! Sending to agents: to vetted addresses only, every wait and size bounded, nothing outliving
//! the caller.
//!
//! [`Agents`] is the way out; [`HttpAgents`] is the real one. Whoever sends has passed the
//! [`Gate`] first. What an agent says is never logged.

mod clients;
mod gate;
mod http;
mod progress;

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use self::gate::{
    Gate, Held, MAX_BUFFERED, MAX_IN_FLIGHT, MAX_IN_FLIGHT_EACH, Place, TurnedAway,
};
pub use self::http::HttpAgents;
pub use self::progress::Limits;
use crate::net::guard::Vetted;

/// Sends requests to agents.
#[async_trait]
pub trait Agents: Send + Sync + 'static {
    /// Sends one POST with a JSON body and returns when the agent's answer begins.
    ///
    /// # Errors
    /// [`SendError`].
    ///
    /// # Cancel safety
    /// Dropping the future, or the body of its answer, closes the connection to the agent.
    async fn send(&self, request: Request) -> Result<Reply, SendError>;
}

/// A request to an agent.
#[derive(Debug)]
pub struct Request {
    pub to: Vetted,
    /// Beside the content type.
    pub headers: HeaderMap,
    pub body: Bytes,
    pub limits: Limits,
}

/// The beginning of an agent's answer.
#[expect(missing_debug_implementations, reason = "holds a stream, which has none")]
pub struct Reply {
    pub status: StatusCode,
    pub content_type: Option<HeaderValue>,
    /// How long it says that the body is, in bytes.
    pub length: Option<u64>,
    pub body: ReplyBody,
}

/// What follows, as it comes in. An error is its last item.
pub type ReplyBody = BoxStream<'static, Result<Bytes, Broken>>;

/// Why an answer did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing came within a limit, or the connection was closed: it may have been read.
    #[error("the agent did not answer in time, or closed the connection")]
    Busy,
    /// No connection was made.
    #[error("the agent cannot be reached")]
    Unreachable,
    /// The request cannot be built.
    #[error("the request cannot be built")]
    Unbuildable,
}

/// Why an answer did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("a limit of time has passed")]
    TimedOut,
    #[error("the connection broke")]
    Cut,
}
