//! What each message makes of the row: pure functions from the row to the next step.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Held;
use crate::api::{AgentChanged, AgentCommand, Note, Patch, Registered, Registration, RuntimeError};
use crate::domain::beat::{DEGRADE_AT, Vitals, WEDGED};
use crate::domain::change::{AgentStatus, Draft, Effect, LayoutPatch};
use crate::domain::event::recorded;
use crate::domain::record::{DeliveryMode, Record};
use crate::domain::status::{Status, Trigger};
use crate::indexes::Patience;
use crate::ports::AgentRow;

/// URLs that the platform itself handed out; registering does not replace them (contract 02 §1).
const LOCAL_URL: &str = "http://127.0.0.1";

/// What is to be written.
#[derive(Debug)]
pub struct Step {
    pub after: Record,
    pub card: Option<Option<Value>>,
    pub drafts: Vec<Draft>,
    pub effects: Vec<Effect>,
    /// `Some` when the active agent is another one afterwards.
    pub agent: Option<Option<AgentRow>>,
}

impl Step {
    pub(super) fn new(after: Record, draft: Draft) -> Self {
        Self { after, card: None, drafts: vec![draft], effects: Vec::new(), agent: None }
    }
}

pub(super) type Decision<T> = Result<(Option<Step>, T), RuntimeError>;

/// Decides a beat that changes the status (contract 02 §2, status evaluation).
pub(super) fn beat(held: &Held, vitals: &Vitals) -> Decision<()> {
    let before = held.record.status;
    let status = before.after(Trigger::Beat(vitals.health(before)));
    if before == Status::Removed {
        return Err(RuntimeError::Removed);
    }
    if status == before {
        return Ok((None, ()));
    }
    let draft = match (before, status) {
        (_, Status::Degraded) => Draft::new(recorded::WORKSPACE_DEGRADED, degraded(vitals)),
        (Status::Provisioning | Status::AwaitingAgent, _) => {
            let payload = json!({"recovered_from": before.as_str()});
            Draft::new(recorded::WORKSPACE_ONLINE, payload)
        }
        _ => Draft::new(recorded::WORKSPACE_ONLINE, json!({})),
    };
    Ok((Some(Step::new(Record { status, ..held.record.clone() }, draft)), ()))
}

fn degraded(vitals: &Vitals) -> Value {
    let mut payload = json!({"sample_error": vitals.sample_error});
    if vitals.runtime_state == WEDGED {
        payload["runtime_state"] = json!(WEDGED);
    }
    if vitals.error_rate >= DEGRADE_AT {
        payload["error_rate"] = json!(vitals.error_rate);
    }
    payload
}

/// Decides a registration (contract 02 §1).
pub(super) fn register(
    held: &Held,
    registration: &Registration,
    live_tokens: u32,
    had_tokens: bool,
    hosted: bool,
) -> Decision<Registered> {
    match held.record.status {
        Status::Removed => return Err(RuntimeError::Removed),
        // The contract revives it; but its agent was ended, so whoever registers is a stray.
        resting if hosted && resting.is_resting() => return Err(RuntimeError::Resting(resting)),
        _ => {}
    }
    let token_issued = live_tokens == 0;
    if token_issued && had_tokens && !registration.may_reclaim {
        return Err(RuntimeError::TokensRevoked);
    }
    let delivery_mode = registration.delivery_mode.unwrap_or(held.record.delivery_mode);
    let url = match &registration.url {
        None if delivery_mode == DeliveryMode::Push => return Err(RuntimeError::UrlRequired),
        None => None,
        Some(given) => {
            let kept = held.record.url.as_ref().filter(|url| url.starts_with(LOCAL_URL));
            Some(kept.unwrap_or(given).clone())
        }
    };
    let draft = registered(url.as_deref(), delivery_mode, &registration.agent_card);
    let status = held.record.status.after(Trigger::Register);
    let after = Record { status, url, delivery_mode, ..held.record.clone() };
    let mut step = Step::new(after, draft);
    step.card = Some(stored_card(&registration.agent_card));
    if token_issued {
        step.effects.push(Effect::IssueToken(registration.token.clone()));
    }
    Ok((Some(step), Registered { token_issued, delivery_mode }))
}

/// Returns the event of a registration.
pub(crate) fn registered(url: Option<&str>, mode: DeliveryMode, card: &Value) -> Draft {
    let payload = json!({"url": url, "agent_card": card, "delivery_mode": mode});
    Draft::new(recorded::WORKSPACE_ONLINE, payload)
}

/// A literal null is a card that is not there.
pub(crate) fn stored_card(card: &Value) -> Option<Value> {
    (!card.is_null()).then(|| card.clone())
}

/// Decides a new agent card (contract 02 §3).
pub(super) fn card(held: &Held, card: &Value) -> Decision<()> {
    if held.record.status == Status::Removed {
        return Err(RuntimeError::Removed);
    }
    let draft = Draft::new(recorded::AGENT_CARD_UPDATED, json!({"agent_card": card}));
    let mut step = Step::new(held.record.clone(), draft);
    step.card = Some(stored_card(card));
    Ok((Some(step), ()))
}

/// Decides a patch (contract 01 §4): all fields in one step, and no event without a change.
pub(super) fn patch(held: &Held, patch: &Patch) -> Result<Option<Step>, RuntimeError> {
    if held.record.status == Status::Removed {
        return Err(RuntimeError::Removed);
    }
    let mut after = held.record.clone();
    set(&mut after.name, &patch.name);
    set(&mut after.role, &patch.role);
    set(&mut after.tier, &patch.tier);
    set(&mut after.runtime, &patch.runtime);
    set(&mut after.workspace_dir, &patch.workspace_dir);
    set(&mut after.delivery_mode, &patch.delivery_mode);
    let fields = changed_fields(&held.record, &after);
    set(&mut after.parent_id, &patch.parent_id);
    let moved = after.parent_id != held.record.parent_id;

    let mut drafts = Vec::new();
    if moved {
        let payload = json!({"parent_id": after.parent_id, "old_parent_id": held.record.parent_id});
        let target_id = after.parent_id;
        let draft = Draft::new(recorded::WORKSPACE_MOVED, payload);
        drafts.push(Draft { target_id, ..draft });
    }
    if !fields.is_empty() {
        drafts.push(Draft::new(recorded::WORKSPACE_UPDATED, Value::Object(fields)));
    }
    if drafts.is_empty() {
        return Ok(None);
    }
    let effects = if patch.layout == LayoutPatch::default() {
        Vec::new()
    } else {
        vec![Effect::Layout(patch.layout)]
    };
    Ok(Some(Step { after, card: None, drafts, effects, agent: None }))
}

fn changed_fields(before: &Record, after: &Record) -> serde_json::Map<String, Value> {
    let delta = crate::domain::record::Delta::between(before, after);
    match serde_json::to_value(delta) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    }
}

fn set<T: Clone>(slot: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        slot.clone_from(value);
    }
}

/// Decides that nothing was heard for too long.
pub(super) fn silence(held: &Held, patience: &Patience) -> (Option<Step>, bool) {
    let record = &held.record;
    let trigger = match record.status {
        Status::Provisioning => Trigger::ProvisionFailed,
        _ => Trigger::Silence,
    };
    let status = record.status.after(trigger);
    if status == record.status {
        return (None, false);
    }
    let after = Record { status, ..record.clone() };
    if trigger == Trigger::Silence {
        let draft = Draft::new(recorded::WORKSPACE_OFFLINE, json!({}));
        return (Some(Step::new(after, draft)), true);
    }
    let seconds = patience.with(record.status, &record.runtime).unwrap_or_default().as_secs();
    let error = format!("no agent registered or beat within {seconds} s of provisioning");
    let payload = json!({
        "error": error,
        "timeout_secs": seconds,
        "runtime": record.runtime,
        "source": "provision_timeout_sweep",
    });
    let mut step = Step::new(after, Draft::new(recorded::WORKSPACE_PROVISION_FAILED, payload));
    step.effects.push(Effect::SampleError(error));
    (Some(step), true)
}

/// Decides events beside the row, which stays as it is.
pub(super) fn note(held: &Held, note: &Note) -> Result<Step, RuntimeError> {
    if held.record.status == Status::Removed {
        return Err(RuntimeError::Removed);
    }
    debug_assert!(!note.drafts.is_empty(), "rows beside a workspace come with an event");
    Ok(Step {
        after: held.record.clone(),
        card: None,
        drafts: note.drafts.clone(),
        effects: note.effects.clone(),
        agent: None,
    })
}

/// Decides an agent command (contract 06 §1).
pub(super) fn agent(held: &Held, command: &AgentCommand) -> Decision<AgentChanged> {
    match (command, &held.agent) {
        (AgentCommand::Assign { .. }, Some(_)) => Err(RuntimeError::AgentActive),
        (AgentCommand::Assign { model }, None) => Ok(assign(held, model)),
        (_, None) => Err(RuntimeError::NoAgent),
        (AgentCommand::Replace { model }, Some(old)) => Ok(replace(held, old, model)),
        (AgentCommand::Remove, Some(old)) => Ok(retire(held, old)),
    }
}

fn assign(held: &Held, model: &str) -> (Option<Step>, AgentChanged) {
    let agent = AgentRow { id: Uuid::new_v4(), model: model.to_owned() };
    let payload = json!({"agent_id": agent.id, "model": model});
    let effect = Effect::AssignAgent { agent_id: agent.id, model: model.to_owned() };
    let step = agent_step(held, recorded::AGENT_ASSIGNED, payload, vec![effect], Some(&agent));
    (Some(step), AgentChanged { agent, old_model: None })
}

fn replace(held: &Held, old: &AgentRow, model: &str) -> (Option<Step>, AgentChanged) {
    let agent = AgentRow { id: Uuid::new_v4(), model: model.to_owned() };
    let payload = json!({"agent_id": agent.id, "model": model, "old_model": old.model});
    let retire = Effect::RetireAgent {
        agent_id: old.id,
        status: AgentStatus::Replaced,
        reason: "model_replaced",
    };
    let assign = Effect::AssignAgent { agent_id: agent.id, model: model.to_owned() };
    let effects = vec![retire, assign];
    let step = agent_step(held, recorded::AGENT_REPLACED, payload, effects, Some(&agent));
    (Some(step), AgentChanged { agent, old_model: Some(old.model.clone()) })
}

fn retire(held: &Held, old: &AgentRow) -> (Option<Step>, AgentChanged) {
    let payload = json!({"agent_id": old.id, "model": old.model});
    let effect = Effect::RetireAgent {
        agent_id: old.id,
        status: AgentStatus::Removed,
        reason: "manual_removal",
    };
    let mut step = agent_step(held, recorded::AGENT_REMOVED, payload, vec![effect], None);
    for draft in &mut step.drafts {
        draft.agent_id = Some(old.id);
    }
    (Some(step), AgentChanged { agent: old.clone(), old_model: None })
}

fn agent_step(
    held: &Held,
    kind: &'static str,
    payload: Value,
    effects: Vec<Effect>,
    now: Option<&AgentRow>,
) -> Step {
    let draft = Draft { agent_id: now.map(|agent| agent.id), ..Draft::new(kind, payload) };
    let mut step = Step::new(held.record.clone(), draft);
    step.effects = effects;
    step.agent = Some(now.cloned());
    step
}
