//! Tasks that one workspace gives to another (contract 04 §2). Pure: where one stands, and what
//! follows.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::activity::{Body, Entry, kind};
use super::change::Draft;
use super::event::recorded;
use super::ids::WorkspaceId;
use super::text::cut;

/// Longest preview of a task in events, in bytes.
const TASK_PREVIEW: usize = 100;
/// The same of a result in a summary.
pub const SUMMARY: usize = 80;
/// Longest preview of a result in events, in bytes.
const RESULT_PREVIEW: usize = 200;

/// Where a delegation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DelegationStatus)]
pub enum Status {
    /// Kept, not sent yet.
    Pending,
    /// With its target, or on the way.
    Dispatched,
    /// Waits for its target.
    Queued,
    Completed,
    Failed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Dispatched, Self::Queued, Self::Completed, Self::Failed];

    /// Returns the wire and database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dispatched => "dispatched",
            Self::Queued => "queued",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Parses the wire and database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Returns whether nothing follows.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Who carries a delegation out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The platform delivers the task.
    Delegated,
    /// The agent does it itself and reports (contract 04 §2.3).
    Recorded,
}

impl Kind {
    /// Returns the database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Recorded => "recorded",
        }
    }

    /// Parses the database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Delegated, Self::Recorded].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A delegation as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The row of the request.
    pub id: Uuid,
    /// The row of the result.
    pub result_id: Uuid,
    pub source: WorkspaceId,
    /// As clients know it: a UUID, or what the agent called it. One a source.
    pub delegation_id: String,
    pub target: WorkspaceId,
    pub task: String,
    pub kind: Kind,
    pub status: Status,
    pub error: Option<String>,
    /// What the target answered.
    pub result: Option<String>,
    /// It waited for its target.
    pub was_queued: bool,
    pub key: Option<String>,
    pub created_at: DateTime<Utc>,
    /// When the row of the result was written or changed.
    pub result_at: Option<DateTime<Utc>>,
}

/// What happens to a delegation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    Dispatched,
    Queued,
    Completed { text: String },
    Failed { error: String },
}

impl Turn {
    /// Returns the status after it.
    pub fn status(&self) -> Status {
        match self {
            Self::Dispatched => Status::Dispatched,
            Self::Queued => Status::Queued,
            Self::Completed { .. } => Status::Completed,
            Self::Failed { .. } => Status::Failed,
        }
    }

    /// Returns the statuses that it may follow: an end follows everything that has not ended, and
    /// nothing goes back.
    pub fn follows(&self) -> &'static [Status] {
        match self {
            Self::Dispatched => &[Status::Pending],
            Self::Queued => &[Status::Pending, Status::Dispatched],
            Self::Completed { .. } | Self::Failed { .. } => {
                &[Status::Pending, Status::Dispatched, Status::Queued]
            }
        }
    }
}

/// A row of `delegations` that changes together with its source's history.
#[derive(Clone, Debug)]
pub enum Step {
    /// Adds it; refused as superseded when its id, or its key, is taken by one that has not failed.
    Open(Box<Delegation>),
    /// Changes it; refused as superseded unless it stands where the turn may follow.
    Turn { delegation_id: String, turn: Turn },
}

/// The event of a new one.
pub fn sent(delegation: &Delegation) -> Draft {
    let payload = json!({
        "delegation_id": delegation.delegation_id,
        "target_id": delegation.target,
        "task_preview": preview(&delegation.task, TASK_PREVIEW),
    });
    Draft { target_id: Some(delegation.target), ..Draft::new(recorded::DELEGATION_SENT, payload) }
}

/// The event of a turn. `reported` by the agent itself: then it names no target (contract 03 §2).
pub fn turned(delegation: &Delegation, turn: &Turn, reported: bool) -> Draft {
    let mut payload = json!({"delegation_id": delegation.delegation_id});
    if !reported {
        payload["target_id"] = json!(delegation.target);
    }
    let kind = match turn {
        Turn::Dispatched | Turn::Queued => {
            payload["status"] = json!(turn.status());
            recorded::DELEGATION_STATUS
        }
        Turn::Completed { text } => {
            payload["response_preview"] = Value::from(preview(text, RESULT_PREVIEW));
            if delegation.was_queued && !reported {
                payload["via"] = json!("queue_drain");
            }
            recorded::DELEGATION_COMPLETE
        }
        Turn::Failed { error } => {
            payload["error"] = json!(error);
            recorded::DELEGATION_FAILED
        }
    };
    Draft { target_id: Some(delegation.target), ..Draft::new(kind, payload) }
}

/// The row that a new one leaves in its source's activity (contract 04 §2.1). Rows of the log do not
/// change, so that it says what was done, not where the delegation stands.
pub fn asked(delegation: &Delegation) -> Entry {
    let request = json!({"task": delegation.task, "delegation_id": delegation.delegation_id});
    Entry {
        method: Some("delegate".to_owned()),
        summary: Some(format!("Delegating to {}", delegation.target)),
        request_body: Some(Body::of(&request)),
        status: Status::Dispatched.as_str().to_owned(),
        ..entry(delegation)
    }
}

/// The row that a turn leaves there (contract 04 §2.2); `None` for one that only says that it is
/// under way.
pub fn told(delegation: &Delegation, turn: &Turn) -> Option<Entry> {
    let id = &delegation.delegation_id;
    let (summary, response, error) = match turn {
        Turn::Dispatched => return None,
        Turn::Queued => {
            let body = json!({"delegation_id": id, "queued": true});
            ("Delegation queued — target at capacity".to_owned(), Some(body), None)
        }
        Turn::Completed { text } => {
            let body = json!({"text": text, "delegation_id": id});
            let summary = format!("Delegation completed ({})", preview(text, SUMMARY));
            (summary, Some(body), None)
        }
        Turn::Failed { error } => ("Delegation failed".to_owned(), None, Some(error.clone())),
    };
    Some(Entry {
        method: Some("delegate_result".to_owned()),
        summary: Some(summary),
        response_body: response.as_ref().map(Body::of),
        status: turn.status().as_str().to_owned(),
        error_detail: error,
        ..entry(delegation)
    })
}

fn entry(delegation: &Delegation) -> Entry {
    Entry {
        source: Some(delegation.source.0),
        target: Some(delegation.target.0),
        ..Entry::new(delegation.source, kind::DELEGATION)
    }
}

/// Returns the beginning of a text, cut on a character boundary, with `...` if it was cut.
pub fn preview(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    format!("{}...", cut(text, max_bytes))
}

/// Returns what a target answered in words: the first text of its message, its status, or its
/// artifacts, in either generation; else the whole answer (contract 04 §2.2).
pub fn result_text(answer: &str) -> String {
    let Ok(parsed) = serde_json::from_str::<Value>(answer) else {
        return answer.to_owned();
    };
    let result = &parsed["result"];
    let inner = ["message", "task"].iter().map(|key| &result[*key]).find(|v| v.is_object());
    let result = inner.unwrap_or(result);
    let artifacts = result["artifacts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut places = [&result["parts"], &result["status"]["message"]["parts"]]
        .into_iter()
        .chain(artifacts.iter().map(|artifact| &artifact["parts"]));
    places.find_map(first_text).unwrap_or_else(|| answer.to_owned())
}

fn first_text(parts: &Value) -> Option<String> {
    let is_text = |part: &&Value| {
        let kind = part["kind"].as_str().or(part["type"].as_str());
        kind.is_none_or(|kind| kind == "text") && part["text"].is_string()
    };
    let part = parts.as_array()?.iter().find(is_text)?;
    Some(part["text"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns() -> impl Strategy<Value = Turn> {
        prop_oneof![
            Just(Turn::Dispatched),
            Just(Turn::Queued),
            "[a-z]{0,3}".prop_map(|text| Turn::Completed { text }),
            "[a-z]{0,3}".prop_map(|error| Turn::Failed { error }),
        ]
    }

    proptest! {
        #[test]
        fn it_ends_once_and_never_goes_back(turns in proptest::collection::vec(turns(), 0..20)) {
            let (mut status, mut ends) = (Status::Pending, 0);
            for turn in turns {
                if !turn.follows().contains(&status) {
                    continue;
                }
                prop_assert!(!status.is_terminal());
                prop_assert_ne!(turn.status(), status);
                status = turn.status();
                ends += usize::from(status.is_terminal());
            }
            prop_assert!(ends <= 1);
        }

        #[test]
        fn previews_are_short_and_whole(text in "\\PC{0,300}", most in 0usize..200) {
            let cut = preview(&text, most);
            prop_assert!(cut.len() <= most + 3);
            let begin = cut.strip_suffix("...").unwrap_or(&cut);
            prop_assert!(text.starts_with(begin));
            prop_assert_eq!(text.len() <= most, cut == text);
        }

        #[test]
        fn any_answer_has_a_text(answer in "\\PC{0,100}") {
            result_text(&answer);
        }
    }

    #[test]
    fn the_first_text_is_found_in_both_generations() {
        for (answer, text) in [
            (r#"{"result":{"parts":[{"kind":"data"},{"kind":"text","text":"a"}]}}"#, "a"),
            (r#"{"result":{"message":{"parts":[{"text":"b"}]}}}"#, "b"),
            (r#"{"result":{"task":{"artifacts":[{"parts":[{"text":"c"}]}]}}}"#, "c"),
            (
                r#"{"result":{"kind":"task","status":{"message":{"parts":[{"kind":"text","text":"d"}]}}}}"#,
                "d",
            ),
            (r#"{"error":{"code":-1}}"#, r#"{"error":{"code":-1}}"#),
            ("not json", "not json"),
        ] {
            assert_eq!(result_text(answer), text);
        }
    }
}
