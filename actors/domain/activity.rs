//! What is logged of a workspace's activity (contract 04 §1), within bounds.

mod body;
mod usage;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::body::{Body, MAX_BODY};
pub use self::usage::Usage;
use super::ids::WorkspaceId;
use super::text::cut;

/// Longest summary, in bytes.
pub const MAX_SUMMARY: usize = 4 << 10;
/// Longest error detail, in bytes.
pub const MAX_ERROR: usize = 8 << 10;
/// Longest method, type or status, in bytes.
const MAX_WORD: usize = 256;

/// Values of `activity_type`.
pub mod kind {
    /// What agents may report.
    pub const REPORTABLE: [&str; 7] = [
        "a2a_send",
        A2A_RECEIVE,
        "task_update",
        "agent_log",
        "skill_promotion",
        "memory_write",
        "error",
    ];
    /// A message that came in.
    pub const A2A_RECEIVE: &str = "a2a_receive";
    /// A step of a delegation.
    pub const DELEGATION: &str = "delegation";
    /// Somebody opened or closed a terminal.
    pub const TERMINAL: &str = "terminal";
}

/// Values of `status` that the platform writes.
pub mod status {
    pub const OK: &str = "ok";
    pub const ERROR: &str = "error";
}

/// One thing to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose log it belongs to.
    pub workspace: WorkspaceId,
    /// See [`kind`].
    pub kind: String,
    /// Who did it; `None` is a person.
    pub source: Option<Uuid>,
    pub target: Option<Uuid>,
    pub method: Option<String>,
    pub summary: Option<String>,
    pub request_body: Option<Body>,
    pub response_body: Option<Body>,
    pub tool_trace: Option<Body>,
    pub duration_ms: Option<i32>,
    /// See [`status`].
    pub status: String,
    pub error_detail: Option<String>,
    pub effects: Effects,
}

/// What an entry brings about beside its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Added to what the workspace used that day.
    pub usage: Option<Usage>,
    /// Advances `last_outbound_at` of the source.
    pub outbound: bool,
    /// Subscribers are not told.
    pub quiet: bool,
}

impl Entry {
    /// Returns an entry with nothing but its type and the status `ok`.
    pub fn new(workspace: WorkspaceId, kind: &str) -> Self {
        Self {
            workspace,
            kind: kind.to_owned(),
            source: None,
            target: None,
            method: None,
            summary: None,
            request_body: None,
            response_body: None,
            tool_trace: None,
            duration_ms: None,
            status: status::OK.to_owned(),
            error_detail: None,
            effects: Effects::default(),
        }
    }

    /// Returns it with every text cut to its bound and without NULs, which no store keeps.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            kind: bounded(&self.kind, MAX_WORD),
            method: self.method.map(|text| bounded(&text, MAX_WORD)),
            summary: self.summary.map(|text| bounded(&text, MAX_SUMMARY)),
            status: bounded(&self.status, MAX_WORD),
            error_detail: self.error_detail.map(|text| bounded(&text, MAX_ERROR)),
            ..self
        }
    }

    /// Returns about how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        /// The entry itself and its place in the queue.
        const FIXED: usize = 512;
        let texts = [&self.method, &self.summary, &self.error_detail];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        let bodies = [&self.request_body, &self.response_body, &self.tool_trace];
        let bodies = bodies.into_iter().flatten().map(|body| body.as_str().len()).sum::<usize>();
        FIXED + texts + bodies
    }

    /// Returns whether subscribers are told. Delegations have events of their own
    /// (contract 03 §2).
    pub fn is_announced(&self) -> bool {
        !self.effects.quiet && self.kind != kind::DELEGATION
    }

    /// Returns the payload of `ACTIVITY_LOGGED` (contract 03 §2).
    pub fn payload(&self) -> Value {
        let mut payload = json!({
            "activity_type": self.kind,
            "method": self.method,
            "summary": self.summary,
            "status": self.status,
            "source_id": self.source,
            "target_id": self.target,
            "duration_ms": self.duration_ms,
        });
        if let Some(trace) = &self.tool_trace {
            payload["tool_trace"] = trace.value();
        }
        payload
    }
}

fn bounded(text: &str, max_bytes: usize) -> String {
    cut(&text.replace('\0', "\u{fffd}"), max_bytes).to_owned()
}

/// An entry with its id and time: a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub id: Uuid,
    /// To the microsecond, the precision of every store.
    pub at: DateTime<Utc>,
    pub entry: Entry,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_payload_has_the_contracts_keys() {
        let mut entry = Entry::new(WorkspaceId::random(), kind::A2A_RECEIVE);
        entry.response_body = Some(Body::of(&json!({"secret": 1})));
        let keys = |entry: &Entry| {
            let payload = entry.payload();
            payload.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        let wanted = "activity_type duration_ms method source_id status summary target_id";
        assert_eq!(keys(&entry), wanted);
        entry.tool_trace = Some(Body::of(&json!([{"tool": "x"}])));
        assert_eq!(keys(&entry), format!("{wanted} tool_trace"));
        assert_eq!(entry.payload()["tool_trace"], json!([{"tool": "x"}]));
    }

    #[test]
    fn delegations_and_quiet_entries_are_not_announced() {
        let entry = |kind| Entry::new(WorkspaceId::random(), kind);
        assert!(entry("agent_log").is_announced());
        assert!(!entry(kind::DELEGATION).is_announced());
        let effects = Effects { quiet: true, ..Effects::default() };
        assert!(!Entry { effects, ..entry("agent_log") }.is_announced());
    }

    proptest! {
        #[test]
        fn every_text_is_bounded_and_without_nul(
            text in proptest::collection::vec(any::<char>(), 0..3_000), nul in any::<bool>(),
        ) {
            let mut text: String = text.into_iter().collect();
            if nul {
                text.insert(0, '\0');
            }
            let entry = Entry {
                method: Some(text.clone()),
                summary: Some(text.clone()),
                status: text.clone(),
                error_detail: Some(text.clone()),
                ..Entry::new(WorkspaceId::random(), &text)
            };
            let Entry { kind, method, summary, status, error_detail, .. } = entry.bounded();
            let (method, summary) = (method.unwrap(), summary.unwrap());
            for (text, max) in [
                (&kind, MAX_WORD), (&method, MAX_WORD), (&status, MAX_WORD),
                (&summary, MAX_SUMMARY), (&error_detail.unwrap(), MAX_ERROR),
            ] {
                prop_assert!(text.len() <= max && !text.contains('\0'));
            }
        }
    }
}
