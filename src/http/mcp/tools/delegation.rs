//! Tasks for other workspaces: asked and waited for, or given and looked after.

use std::time::Duration;

use isomer_actors::domain::delegation::{Kind, result_text};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::Delivery;
use isomer_actors::ports::DelegationKey;
use serde_json::{Value, json};

use super::Failed;
use crate::http::a2a::ask as messages;
use crate::http::delegations;
use crate::http::state::App;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const LATER: &str = "use delegate_task_async to have the task kept until it can be done";

/// Asks another workspace and returns its answer in words, or why there is none.
pub async fn ask(
    app: &App,
    (from, to): (WorkspaceId, WorkspaceId),
    task: String,
) -> Result<String, Failed> {
    let delivery = messages::ask(app, from, to, &task, PATIENCE).await?;
    Ok(in_words(delivery))
}

fn in_words(delivery: Option<Delivery>) -> String {
    match delivery {
        Some(Delivery::Acknowledged { response: Some(answer) }) => {
            refusal(&answer).unwrap_or_else(|| result_text(&answer))
        }
        Some(Delivery::Acknowledged { response: None }) => {
            "[error] the agent's answer is longer than 1 MiB, or not JSON".to_owned()
        }
        Some(Delivery::Refused { reason }) => format!("[error] {reason}"),
        Some(Delivery::Failed { reason }) => {
            format!("[error] {reason}; the agent may have received the task")
        }
        Some(Delivery::Busy { reason }) => {
            format!("[error] the workspace is busy: {reason}; {LATER}")
        }
        Some(Delivery::Away { reason }) => {
            format!("[error] the workspace is away: {reason}; {LATER}")
        }
        None => format!(
            "[error] no answer within {} s; the agent may have received the task and still work \
             on it. For long tasks use delegate_task_async",
            PATIENCE.as_secs()
        ),
    }
}

/// What an agent says that answers with an error of JSON-RPC.
fn refusal(answer: &str) -> Option<String> {
    let parsed: Value = serde_json::from_str(answer).ok()?;
    let error = parsed.get("error").filter(|error| !error.is_null())?;
    let message = error["message"].as_str().or(error.as_str());
    Some(message.map_or_else(|| format!("[error] {error}"), |text| format!("[error] {text}")))
}

/// Gives a task to another workspace, which is recorded and will come to its end.
pub async fn give(
    app: &App,
    (from, to): (WorkspaceId, WorkspaceId),
    task: String,
) -> Result<String, Failed> {
    messages::check(app, from, to)?;
    let delegation = delegations::new(app, (from, to), task, Kind::Delegated, None);
    let id = delegation.delegation_id.clone();
    app.directory.delegate(delegation).await?;
    Ok(json!({"task_id": id, "status": "dispatched", "target_id": to}).to_string())
}

/// Tells how a task stands that `from` gave to `to`.
pub async fn check(
    app: &App,
    from: WorkspaceId,
    to: WorkspaceId,
    id: &str,
) -> Result<String, Failed> {
    let found = app.store.delegation(from, DelegationKey::Id(id)).await?;
    let Some(found) = found.filter(|delegation| delegation.target == to) else {
        return Ok(json!({"task_id": id, "status": "not_found"}).to_string());
    };
    let mut text = json!({"task_id": id, "status": found.status, "target_id": found.target});
    for (key, value) in [("error", found.error), ("result", found.result)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text[key] = Value::from(value);
        }
    }
    Ok(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_in_words() {
        for (answer, words) in [
            (r#"{"result":{"parts":[{"kind":"text","text":"done"}]}}"#, "done"),
            (r#"{"error":{"code":-32001,"message":"no such skill"}}"#, "[error] no such skill"),
            (r#"{"error":{"code":-1}}"#, r#"[error] {"code":-1}"#),
            (r#"{"error":"quota"}"#, "[error] quota"),
            (r#"{"result":7}"#, r#"{"result":7}"#),
        ] {
            let response = Some(answer.to_owned());
            assert_eq!(in_words(Some(Delivery::Acknowledged { response })), words);
        }
    }

    #[test]
    fn whoever_finds_nobody_is_told_how_to_wait() {
        let reason = || "workspace not available".to_owned();
        for delivery in [
            Some(Delivery::Away { reason: reason() }),
            Some(Delivery::Busy { reason: reason() }),
            None,
        ] {
            let words = in_words(delivery);
            assert!(
                words.starts_with("[error] ") && words.contains("delegate_task_async"),
                "{words}"
            );
        }
    }
}
