//! What those who run agents, and those who put them to rest, make of the row.

use serde_json::json;

use super::Held;
use super::decide::{Decision, Step};
use crate::api::{Cause, GivenUp, RunReport, RuntimeError};
use crate::domain::change::{Draft, Effect};
use crate::domain::event::recorded;
use crate::domain::record::Record;
use crate::domain::status::{Status, Trigger};
use crate::domain::text::cut;
use crate::indexes::EXTERNAL;

/// Longest text of a failure that is kept with the row, in bytes (contract 01 §8).
const MAX_SAMPLE: usize = 8_192;

/// Decides what whoever runs the agent says of it (contract 01 §9). Answers whether the status
/// changes.
pub(super) fn run(held: &Held, report: &RunReport) -> Decision<bool> {
    let record = &held.record;
    if record.status == Status::Removed {
        return Err(RuntimeError::Removed);
    }
    // What came up since is not failed by who watched its start.
    if matches!(report, RunReport::BootstrapFailed { .. }) && record.status != Status::Provisioning
    {
        return Ok((None, false));
    }
    let status = record.status.after(trigger(report));
    if status == record.status {
        return Ok((None, false));
    }
    let after = Record { status, ..record.clone() };
    let step = match report {
        RunReport::Starting(cause) => started(record, *cause),
        RunReport::Wanted(cause) => match wanted(record, *cause) {
            Some((after, draft)) => Step::new(after, draft),
            None => return Ok((None, false)),
        },
        RunReport::Ended => Step::new(after, Draft::new(recorded::WORKSPACE_OFFLINE, json!({}))),
        RunReport::Asleep => {
            let payload = json!({"name": record.name, "tier": record.tier});
            let after = Record { url: url_at_rest(record), ..after };
            Step::new(after, Draft::new(recorded::WORKSPACE_HIBERNATED, payload))
        }
        RunReport::GivenUp(given_up) => self::given_up(after, given_up),
        RunReport::BootstrapFailed { error, log_tail } => {
            let payload =
                json!({"error": error, "log_tail": log_tail, "source": "bootstrap_watcher"});
            failed(after, payload, sample(error, log_tail))
        }
    };
    Ok((Some(step), true))
}

fn trigger(report: &RunReport) -> Trigger {
    match report {
        RunReport::Starting(_) => Trigger::Starting,
        RunReport::Wanted(_) => Trigger::Provision,
        RunReport::Ended => Trigger::Exited,
        RunReport::Asleep => Trigger::Asleep,
        RunReport::GivenUp(_) | RunReport::BootstrapFailed { .. } => Trigger::ProvisionFailed,
    }
}

fn started(record: &Record, cause: Option<Cause>) -> Step {
    let mut payload = json!({"name": record.name, "tier": record.tier, "runtime": record.runtime});
    if let Some(cause) = cause {
        payload["reason"] = json!(cause.as_str());
    }
    // Nobody is there until the agent registers where it is now.
    let after = Record { status: Status::Provisioning, url: None, ..record.clone() };
    Step::new(after, Draft::new(recorded::WORKSPACE_PROVISIONING, payload))
}

fn given_up(after: Record, given_up: &GivenUp) -> Step {
    let GivenUp { error, missing, log_tail } = given_up;
    let mut payload = json!({"error": error, "runtime": after.runtime, "source": "agent_host"});
    if !missing.is_empty() {
        payload["missing"] = json!(missing);
    }
    if !log_tail.is_empty() {
        payload["log_tail"] = json!(log_tail);
    }
    failed(after, payload, sample(error, log_tail))
}

fn failed(after: Record, payload: serde_json::Value, sample: String) -> Step {
    let mut step = Step::new(after, Draft::new(recorded::WORKSPACE_PROVISION_FAILED, payload));
    step.effects.push(Effect::SampleError(sample));
    step
}

fn sample(error: &str, log_tail: &str) -> String {
    let both =
        if log_tail.is_empty() { error.to_owned() } else { format!("{error}\n\n{log_tail}") };
    cut(&both, MAX_SAMPLE).to_owned()
}

/// Returns the row and event of a workspace that is paused, `None` when it is or cannot be.
pub(crate) fn paused(record: &Record) -> Option<(Record, Draft)> {
    let status = record.status.after(Trigger::Pause);
    if status == record.status {
        return None;
    }
    let after = Record { status, url: url_at_rest(record), ..record.clone() };
    Some((after, Draft::new(recorded::WORKSPACE_PAUSED, json!({"name": record.name}))))
}

/// Returns the row and event of a workspace whose agent is wanted anew. Somebody else starts the
/// agents of external ones: they are waited for, as long as it takes.
pub(crate) fn wanted(record: &Record, cause: Cause) -> Option<(Record, Draft)> {
    if record.runtime != EXTERNAL {
        let step = (record.status != Status::Provisioning).then(|| started(record, Some(cause)))?;
        return step.drafts.into_iter().next().map(|draft| (step.after, draft));
    }
    let status = record.status.after(Trigger::Await);
    let payload = json!({"name": record.name, "external": true});
    let draft = Draft::new(recorded::WORKSPACE_AWAITING_AGENT, payload);
    (status != record.status).then(|| (Record { status, ..record.clone() }, draft))
}

/// Returns the row and event of a workspace that begins to hibernate.
pub(crate) fn claimed(record: &Record) -> Option<(Record, Draft)> {
    let status = record.status.after(Trigger::Hibernate);
    let payload = json!({"name": record.name, "tier": record.tier});
    let draft = Draft::new(recorded::WORKSPACE_HIBERNATING, payload);
    (status == Status::Hibernating && status != record.status)
        .then(|| (Record { status, ..record.clone() }, draft))
}

/// An agent that registers only when it is started, and is not ended here, stays where it is.
fn url_at_rest(record: &Record) -> Option<String> {
    record.url.clone().filter(|_| record.runtime == EXTERNAL)
}
