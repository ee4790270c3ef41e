//! What the routes of this folder answer.

use isomer_actors::domain::record::DeliveryMode;
use isomer_actors::domain::status::Status;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::a2a::card::CardSignature;

/// The agent is known now.
#[derive(Serialize, ToSchema)]
#[expect(missing_debug_implementations, reason = "it would show the token")]
pub struct Registered {
    /// A token, shown once; absent when the workspace has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub auth_token: Option<String>,
    /// How messages reach the agent.
    pub delivery_mode: DeliveryMode,
    /// Always `registered`.
    pub status: &'static str,
}

/// Where to reach another agent.
#[derive(Debug, ToSchema)]
pub struct Discovered {
    /// Whether its card's word is vouched for; null without a card.
    #[schema(required)]
    pub card_signature: Option<CardSignature>,
    pub id: Uuid,
    pub name: String,
    pub url: String,
}

/// Somebody a workspace works with directly.
#[derive(Debug, ToSchema)]
pub struct Peer {
    pub active_tasks: i32,
    #[schema(required)]
    pub agent_card: Option<Value>,
    pub id: Uuid,
    pub name: String,
    #[schema(required)]
    pub parent_id: Option<Uuid>,
    #[schema(required)]
    pub role: Option<String>,
    pub status: Status,
    pub tier: i32,
    /// Empty while it is not known.
    pub url: String,
}

/// Whether two workspaces may exchange messages.
#[derive(Debug, ToSchema)]
pub struct AccessChecked {
    pub allowed: bool,
}
