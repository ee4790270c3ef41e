//! A workspace as clients read it (contract 01 §3).

use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::record::{Folded, Record};
use isomer_actors::ports::WorkspaceView;
use serde_json::{Map, Number, Value, json};

/// Above this, floats no longer hold every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the item of the list.
pub fn listed(view: &WorkspaceView) -> Value {
    let mut item = shared(view);
    let (record, vitals) = (&view.record, &view.vitals);
    item.insert("last_sample_error".into(), json!(vitals.sample_error));
    item.insert("current_task".into(), json!(vitals.current_task));
    item.insert("workspace_dir".into(), json!(record.workspace_dir));
    item.insert("budget_limit".into(), json!(record.budget_limit));
    item.insert("monthly_spend".into(), json!(vitals.monthly_spend));
    item.insert("last_heartbeat_at".into(), json!(vitals.last_heartbeat_at));
    Value::Object(item)
}

/// Returns the single object.
pub fn single(view: &WorkspaceView) -> Value {
    let mut item = shared(view);
    item.insert("last_outbound_at".into(), json!(view.last_outbound_at));
    item.insert("last_heartbeat_at".into(), json!(view.vitals.last_heartbeat_at));
    Value::Object(item)
}

/// Returns a workspace as its events say it was: nothing is known of beats and layout.
pub fn folded(folded: &Folded) -> Value {
    listed(&WorkspaceView {
        record: folded.record.clone(),
        agent_card: folded.card.clone(),
        vitals: Vitals::default(),
        x: 0.0,
        y: 0.0,
        collapsed: false,
        last_outbound_at: None,
        updated_at: folded.record.created_at,
    })
}

fn shared(view: &WorkspaceView) -> Map<String, Value> {
    let (record, vitals) = (&view.record, &view.vitals);
    let runtime = if record.runtime.is_empty() { "langgraph" } else { &record.runtime };
    let fields = [
        ("id", json!(record.id)),
        ("name", json!(record.name)),
        ("status", json!(record.status)),
        ("role", json!(record.role.as_deref().filter(|role| !role.is_empty()))),
        ("tier", json!(record.tier)),
        ("agent_card", view.agent_card.clone().unwrap_or(Value::Null)),
        ("url", json!(record.url.as_deref().unwrap_or_default())),
        ("parent_id", json!(record.parent_id)),
        ("active_tasks", json!(vitals.active_tasks)),
        ("max_concurrent_tasks", json!(record.max_concurrent_tasks)),
        ("uptime_seconds", json!(vitals.uptime_seconds)),
        ("last_error_rate", number(vitals.error_rate)),
        ("runtime", json!(runtime)),
        ("x", number(view.x)),
        ("y", number(view.y)),
        ("collapsed", json!(view.collapsed)),
    ];
    let mut item: Map<_, _> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    forwarded(record, &mut item);
    item
}

fn forwarded(record: &Record, item: &mut Map<String, Value>) {
    if let Some(to) = record.forwarded_to {
        item.insert("forwarded_to".into(), json!(to));
    }
}

/// Integral floats print without `.0` (contract 00 §1).
pub fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < EXACT {
        Value::from(value as i64)
    } else {
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }
}
