//! A workspace as clients read it (contract 01 §3).

use chrono::{DateTime, Utc};
use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::record::{DeliveryMode, Folded};
use isomer_actors::domain::status::Status;
use isomer_actors::ports::WorkspaceView;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::a2a::card::{CardSignature, Cards};

/// Above this, floats no longer hold every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// The runtime of rows that name none.
const RUNTIME: &str = "langgraph";

/// A workspace in the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Workspace {
    /// Tasks being worked on.
    active_tasks: i32,
    /// What the agent says of itself, as it registered; null before.
    #[schema(required)]
    agent_card: Option<Value>,
    /// US cents a month.
    #[schema(required)]
    budget_limit: Option<i64>,
    /// Whether the card's word is vouched for; null without a card.
    #[schema(required)]
    card_signature: Option<CardSignature>,
    /// Its children are not shown on the canvas.
    collapsed: bool,
    /// What the agent is doing; empty when idle.
    current_task: String,
    /// How messages reach the agent.
    delivery_mode: DeliveryMode,
    /// The workspace that took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    forwarded_to: Option<Uuid>,
    id: Uuid,
    /// Share of failed calls, 0 to 1.
    #[serde(serialize_with = "plain")]
    last_error_rate: f64,
    #[schema(required)]
    last_heartbeat_at: Option<DateTime<Utc>>,
    /// Text of a recent error; empty when there is none.
    last_sample_error: String,
    max_concurrent_tasks: i32,
    /// US cents this month.
    monthly_spend: i64,
    name: String,
    #[schema(required)]
    parent_id: Option<Uuid>,
    /// Messages that wait for the agent.
    queue_depth: u32,
    #[schema(required)]
    role: Option<String>,
    runtime: String,
    status: Status,
    tier: i32,
    /// Seconds since the agent started.
    uptime_seconds: i32,
    /// Where the agent is reached; empty while that is not known.
    url: String,
    #[schema(required)]
    workspace_dir: Option<String>,
    #[serde(serialize_with = "plain")]
    x: f64,
    #[serde(serialize_with = "plain")]
    y: f64,
}

/// A workspace by itself: for everybody, so without tasks, errors and money.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkspaceDetail {
    /// Tasks being worked on.
    active_tasks: i32,
    /// What the agent says of itself, as it registered; null before.
    #[schema(required)]
    agent_card: Option<Value>,
    /// Whether the card's word is vouched for; null without a card.
    #[schema(required)]
    card_signature: Option<CardSignature>,
    /// Its children are not shown on the canvas.
    collapsed: bool,
    /// How messages reach the agent.
    delivery_mode: DeliveryMode,
    /// The workspace that took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    forwarded_to: Option<Uuid>,
    id: Uuid,
    /// Share of failed calls, 0 to 1.
    #[serde(serialize_with = "plain")]
    last_error_rate: f64,
    #[schema(required)]
    last_heartbeat_at: Option<DateTime<Utc>>,
    /// When the platform last sent it something.
    #[schema(required)]
    last_outbound_at: Option<DateTime<Utc>>,
    max_concurrent_tasks: i32,
    name: String,
    #[schema(required)]
    parent_id: Option<Uuid>,
    /// Messages that wait for the agent.
    queue_depth: u32,
    #[schema(required)]
    role: Option<String>,
    runtime: String,
    status: Status,
    tier: i32,
    /// Seconds since the agent started.
    uptime_seconds: i32,
    /// Where the agent is reached; empty while that is not known.
    url: String,
    #[serde(serialize_with = "plain")]
    x: f64,
    #[serde(serialize_with = "plain")]
    y: f64,
}

/// Returns the item of the list.
pub fn listed(view: &WorkspaceView, cards: &Cards) -> Workspace {
    let (record, vitals) = (&view.record, &view.vitals);
    let runtime = if record.runtime.is_empty() { RUNTIME } else { &record.runtime };
    Workspace {
        active_tasks: vitals.active_tasks,
        agent_card: view.agent_card.clone(),
        budget_limit: record.budget_limit,
        card_signature: view.agent_card.as_ref().map(|card| cards.signature(card)),
        collapsed: view.collapsed,
        current_task: vitals.current_task.clone(),
        delivery_mode: record.delivery_mode,
        forwarded_to: record.forwarded_to.map(|id| id.0),
        id: record.id.0,
        last_error_rate: vitals.error_rate,
        last_heartbeat_at: vitals.last_heartbeat_at,
        last_sample_error: vitals.sample_error.clone(),
        max_concurrent_tasks: record.max_concurrent_tasks,
        monthly_spend: vitals.monthly_spend,
        name: record.name.clone(),
        parent_id: record.parent_id.map(|id| id.0),
        queue_depth: view.queue_depth,
        role: record.role.clone().filter(|role| !role.is_empty()),
        runtime: runtime.to_owned(),
        status: record.status,
        tier: record.tier,
        uptime_seconds: vitals.uptime_seconds,
        url: record.url.clone().unwrap_or_default(),
        workspace_dir: record.workspace_dir.clone(),
        x: view.x,
        y: view.y,
    }
}

/// Returns the single object.
pub fn single(view: &WorkspaceView, cards: &Cards) -> WorkspaceDetail {
    let item = listed(view, cards);
    WorkspaceDetail {
        active_tasks: item.active_tasks,
        agent_card: item.agent_card,
        card_signature: item.card_signature,
        collapsed: item.collapsed,
        delivery_mode: item.delivery_mode,
        forwarded_to: item.forwarded_to,
        id: item.id,
        last_error_rate: item.last_error_rate,
        last_heartbeat_at: item.last_heartbeat_at,
        last_outbound_at: view.last_outbound_at,
        max_concurrent_tasks: item.max_concurrent_tasks,
        name: item.name,
        parent_id: item.parent_id,
        queue_depth: item.queue_depth,
        role: item.role,
        runtime: item.runtime,
        status: item.status,
        tier: item.tier,
        uptime_seconds: item.uptime_seconds,
        url: item.url,
        x: item.x,
        y: item.y,
    }
}

/// Returns a workspace as its events say it was: nothing is known of beats and layout.
pub fn folded(folded: &Folded, cards: &Cards) -> Workspace {
    let view = WorkspaceView {
        record: folded.record.clone(),
        agent_card: folded.card.clone(),
        vitals: Vitals::default(),
        x: 0.0,
        y: 0.0,
        collapsed: false,
        last_outbound_at: None,
        queue_depth: 0,
        updated_at: folded.record.created_at,
    };
    listed(&view, cards)
}

/// Integral floats print without `.0` (contract 00 §1).
pub fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < EXACT {
        Value::from(value as i64)
    } else {
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }
}

fn plain<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    number(*value).serialize(serializer)
}
