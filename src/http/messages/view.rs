//! Messages as clients read them.

use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{Message, State};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a message stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageItem)]
pub struct Item {
    pub id: Uuid,
    pub state: State,
    /// How often it was handed to its agent.
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Why the last try was none.
    #[schema(required)]
    pub last_error: Option<String>,
    /// To whom.
    #[schema(value_type = Uuid)]
    pub workspace_id: WorkspaceId,
    /// From which workspace; null for a person.
    #[schema(value_type = Option<Uuid>, required)]
    pub source_id: Option<WorkspaceId>,
    pub method: String,
    /// Higher goes first.
    pub priority: i16,
    pub expires_at: DateTime<Utc>,
    /// The `messageId` that its sender gave it.
    #[schema(required)]
    pub message_key: Option<String>,
}

impl From<&Message> for Item {
    fn from(message: &Message) -> Self {
        let new = &message.new;
        Self {
            id: new.id,
            state: message.state,
            attempts: message.attempts,
            created_at: new.at,
            updated_at: message.updated_at,
            last_error: message.last_error.clone(),
            workspace_id: new.to,
            source_id: new.from,
            method: new.method.clone(),
            priority: new.priority,
            expires_at: new.expires_at,
            message_key: new.key.clone(),
        }
    }
}

/// A message with its content.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageDetail)]
pub struct Detail {
    #[serde(flatten)]
    pub item: Item,
    /// The JSON-RPC request.
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
    /// What its agent answered, once it is delivered. Null when that was no JSON, or too long.
    #[schema(value_type = Option<Object>, required)]
    pub response: Option<Box<RawValue>>,
}

/// A message as its agent collects it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CollectedMessage)]
pub struct Collected {
    #[serde(flatten)]
    pub item: Item,
    /// The JSON-RPC request.
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
}

/// Returns stored JSON as it is. What is stored was checked when it came; anything else is null.
pub fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

impl From<&Message> for Detail {
    fn from(message: &Message) -> Self {
        let response = message.response.as_deref().map(raw);
        Self { item: message.into(), body: raw(&message.new.body), response }
    }
}

impl From<&Message> for Collected {
    fn from(message: &Message) -> Self {
        Self { item: message.into(), body: raw(&message.new.body) }
    }
}
