//! Schemas that several resources share.

use chrono::{DateTime, Utc};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// Why something was not done.
#[derive(Debug, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    /// For people.
    pub error: String,
    /// The field, parameter or header that is wrong.
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// What is wrong with it.
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// For programs, such as `platform_unavailable`.
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// The status that stands in the way, such as `removed`.
    #[schema(nullable = false)]
    pub status: Option<String>,
    /// The runtime that stands in the way.
    #[schema(nullable = false)]
    pub runtime: Option<String>,
    /// Seconds to wait.
    #[schema(nullable = false)]
    pub retry_after: Option<u64>,
    /// The agent is busy and may be asked again.
    #[schema(nullable = false)]
    pub busy: Option<bool>,
    /// The agent keeps messages that come while it is busy.
    #[schema(nullable = false)]
    pub native_session: Option<bool>,
    /// The agent has taken the message, though its answer is lost.
    #[schema(nullable = false)]
    pub delivery_confirmed: Option<bool>,
    /// Secrets that could not be read.
    #[schema(nullable = false)]
    pub failed_keys: Option<Vec<String>>,
}

/// What was done, in a word.
#[derive(Debug, ToSchema)]
pub struct Done {
    pub status: String,
}

/// A text frame of `GET /ws`.
#[derive(Debug, ToSchema)]
pub struct LiveEvent {
    /// The type, such as `WORKSPACE_ONLINE`.
    pub event: String,
    /// The workspace concerned; nil for what concerns the whole server.
    pub workspace_id: Uuid,
    pub timestamp: DateTime<Utc>,
    /// Depends on the type.
    pub payload: Value,
    /// Position in the global order: of recorded events, for subscribers that gave `since`.
    #[schema(nullable = false)]
    pub seq: Option<i64>,
    /// Of `APPROVAL_DECIDED`, as in its payload.
    #[schema(nullable = false)]
    pub approval_id: Option<Uuid>,
    /// Of `APPROVAL_DECIDED`, as in its payload.
    #[schema(nullable = false)]
    pub status: Option<String>,
    /// Of `APPROVAL_DECIDED`, as in its payload.
    #[schema(nullable = false)]
    pub decided_by: Option<String>,
}

/// The `data` of a server-sent event.
#[derive(Debug, ToSchema)]
pub struct StreamedEvent {
    /// The type, such as `WORKSPACE_ONLINE`.
    pub r#type: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Depends on the type.
    pub data: Value,
    /// Of `APPROVAL_DECIDED`, as in its data.
    #[schema(nullable = false)]
    pub approval_id: Option<Uuid>,
    /// Of `APPROVAL_DECIDED`, as in its data.
    #[schema(nullable = false)]
    pub status: Option<String>,
    /// Of `APPROVAL_DECIDED`, as in its data.
    #[schema(nullable = false)]
    pub decided_by: Option<String>,
}
