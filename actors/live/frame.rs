//! One event on its way to subscribers: serialised at most once in each form, and shared.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use crate::domain::event::{Recorded, live_only, recorded};
use crate::domain::ids::{Seq, WorkspaceId};

/// An event for subscribers.
#[derive(Debug)]
pub struct Frame {
    seq: Option<Seq>,
    pub workspace: WorkspaceId,
    pub kind: Cow<'static, str>,
    at: DateTime<Utc>,
    /// JSON text.
    payload: String,
    /// More keys of the envelope, as JSON text that begins with a comma; mostly none.
    lifted: String,
    envelope: OnceLock<Bytes>,
    sequenced: OnceLock<Bytes>,
    sse: OnceLock<Bytes>,
}

impl Frame {
    /// Returns the frame of a recorded event.
    pub fn recorded(recorded: &Recorded) -> Self {
        let event = &recorded.event;
        let frame = Self::new(
            Some(recorded.seq),
            event.workspace,
            Cow::Owned(event.kind.clone()),
            event.at,
            event.payload.to_string(),
        );
        Self { lifted: lifted(&event.kind, &event.payload), ..frame }
    }

    /// Returns the frame of a live-only event.
    pub fn live(
        kind: &'static str,
        workspace: WorkspaceId,
        at: DateTime<Utc>,
        payload: &Value,
    ) -> Self {
        Self::new(None, workspace, Cow::Borrowed(kind), at, payload.to_string())
    }

    /// Returns the frame of a heartbeat, the most frequent one.
    pub fn heartbeat(
        workspace: WorkspaceId,
        at: DateTime<Utc>,
        active_tasks: i32,
        uptime_seconds: i32,
    ) -> Self {
        let payload =
            format!(r#"{{"active_tasks":{active_tasks},"uptime_seconds":{uptime_seconds}}}"#);
        Self::new(None, workspace, Cow::Borrowed(live_only::WORKSPACE_HEARTBEAT), at, payload)
    }

    fn new(
        seq: Option<Seq>,
        workspace: WorkspaceId,
        kind: Cow<'static, str>,
        at: DateTime<Utc>,
        payload: String,
    ) -> Self {
        Self {
            seq,
            workspace,
            kind,
            at,
            payload,
            lifted: String::new(),
            envelope: OnceLock::new(),
            sequenced: OnceLock::new(),
            sse: OnceLock::new(),
        }
    }

    /// Returns the position in the global order; `None` for live-only events.
    pub fn seq(&self) -> Option<Seq> {
        self.seq
    }

    /// Returns the envelope of contract 03 §4: four keys, and those of `LIFTED` for some.
    /// Valid UTF-8.
    pub fn envelope(&self) -> Bytes {
        self.envelope.get_or_init(|| self.text("").into()).clone()
    }

    /// Returns the envelope with another key `seq` when the event is recorded, for
    /// subscribers that asked to resume. Valid UTF-8.
    pub fn sequenced(&self) -> Bytes {
        let Some(seq) = self.seq else {
            return self.envelope();
        };
        self.sequenced.get_or_init(|| self.text(&format!(r#","seq":{seq}"#)).into()).clone()
    }

    /// Returns the server-sent event of contract 03 §5.
    pub fn sse(&self) -> Bytes {
        self.sse
            .get_or_init(|| {
                let millis = self.at.timestamp_millis();
                let (kind, payload, lifted) = (&self.kind, &self.payload, &self.lifted);
                format!(
                    "data: {{\"type\":\"{kind}\",\"timestamp\":{millis},\"data\":{payload}{lifted}}}\n\n"
                )
                .into()
            })
            .clone()
    }

    /// Returns the same with an `id:` line when the event is recorded.
    pub fn sse_sequenced(&self) -> Bytes {
        let Some(seq) = self.seq else {
            return self.sse();
        };
        let mut text = format!("id: {seq}\n").into_bytes();
        text.extend_from_slice(&self.sse());
        text.into()
    }

    /// Kinds and ids need no JSON escapes; the payload is JSON already.
    fn text(&self, extra: &str) -> String {
        let at = self.at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let (kind, id, payload) = (&self.kind, self.workspace, &self.payload);
        let lifted = &self.lifted;
        format!(
            r#"{{"event":"{kind}","workspace_id":"{id}","timestamp":"{at}","payload":{payload}{lifted}{extra}}}"#
        )
    }
}

/// Agents that wait for a decision look for these beside the payload (contract 10 §1.4).
const LIFTED: [&str; 3] = ["approval_id", "status", "decided_by"];

fn lifted(kind: &str, payload: &Value) -> String {
    if kind != recorded::APPROVAL_DECIDED {
        return String::new();
    }
    LIFTED.iter().fold(String::new(), |mut text, key| {
        let _ = write!(text, r#","{key}":{}"#, payload[key]);
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ids::WorkspaceId;

    #[test]
    fn the_envelope_has_four_keys_in_order_and_seq_only_on_request() {
        let at = DateTime::from_timestamp(1, 500_000_000).unwrap();
        let id = WorkspaceId::random();
        let mut frame = Frame::live("TASK_UPDATED", id, at, &json!({"current_task": "a\"b\n"}));
        let expected = format!(
            r#"{{"event":"TASK_UPDATED","workspace_id":"{id}","timestamp":"1970-01-01T00:00:01.500Z","payload":{{"current_task":"a\"b\n"}}}}"#
        );
        assert_eq!(frame.envelope(), expected);
        assert_eq!(frame.sequenced(), expected);
        frame.seq = Some(7);
        let value: Value = serde_json::from_slice(&frame.sequenced()).unwrap();
        assert_eq!(value["seq"], 7);
        assert_eq!(value["payload"]["current_task"], "a\"b\n");
    }

    #[test]
    fn a_decision_is_told_at_the_top_too() {
        use crate::domain::change::{Change, Draft, Head};
        use crate::domain::record::Record;
        let payload = json!({"approval_id": "a", "status": "denied", "decided_by": "Ada \"B\""});
        let record = Record::blank(WorkspaceId::random());
        let frame = |kind| {
            let draft = vec![Draft::new(kind, payload.clone())];
            let at = DateTime::UNIX_EPOCH;
            let change = Change::new(None, record.clone(), Head::GENESIS, None, draft, at);
            Frame::recorded(&Recorded { seq: 7, event: change.events[0].clone() })
        };
        let decided = frame(recorded::APPROVAL_DECIDED);
        let sse = decided.sse();
        for text in [&decided.sequenced()[..], &decided.envelope()[..], &sse[b"data: ".len()..]] {
            let value: Value = serde_json::from_slice(text).unwrap();
            for key in LIFTED {
                assert_eq!(value[key], payload[key], "{key}");
            }
        }
        let other: Value =
            serde_json::from_slice(&frame(recorded::APPROVAL_DENIED).envelope()).unwrap();
        assert_eq!(other.as_object().unwrap().len(), 4);
    }

    #[test]
    fn server_sent_events_carry_milliseconds() {
        let at = DateTime::from_timestamp(2, 0).unwrap();
        let frame = Frame::heartbeat(WorkspaceId::random(), at, 1, 9);
        let expected = "data: {\"type\":\"WORKSPACE_HEARTBEAT\",\"timestamp\":2000,\
                        \"data\":{\"active_tasks\":1,\"uptime_seconds\":9}}\n\n";
        assert_eq!(frame.sse(), expected);
        assert_eq!(frame.sse_sequenced(), expected);
    }
}
