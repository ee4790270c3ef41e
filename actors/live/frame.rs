//! One event on its way to subscribers: serialised at most once in each form, and shared.

use std::borrow::Cow;
use std::sync::OnceLock;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use crate::domain::event::{Recorded, live_only};
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
    envelope: OnceLock<Bytes>,
    sequenced: OnceLock<Bytes>,
    sse: OnceLock<Bytes>,
}

impl Frame {
    /// Returns the frame of a recorded event.
    pub fn recorded(recorded: &Recorded) -> Self {
        let event = &recorded.event;
        Self::new(
            Some(recorded.seq),
            event.workspace,
            Cow::Owned(event.kind.clone()),
            event.at,
            event.payload.to_string(),
        )
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
            envelope: OnceLock::new(),
            sequenced: OnceLock::new(),
            sse: OnceLock::new(),
        }
    }

    /// Returns the position in the global order; `None` for live-only events.
    pub fn seq(&self) -> Option<Seq> {
        self.seq
    }

    /// Returns the envelope of contract 03 §4: exactly four keys. Valid UTF-8.
    pub fn envelope(&self) -> Bytes {
        self.envelope.get_or_init(|| self.text("").into()).clone()
    }

    /// Returns the envelope with a fifth key `seq` when the event is recorded, for
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
                let (kind, payload) = (&self.kind, &self.payload);
                format!(
                    "data: {{\"type\":\"{kind}\",\"timestamp\":{millis},\"data\":{payload}}}\n\n"
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
        format!(
            r#"{{"event":"{kind}","workspace_id":"{id}","timestamp":"{at}","payload":{payload}{extra}}}"#
        )
    }
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
    fn server_sent_events_carry_milliseconds() {
        let at = DateTime::from_timestamp(2, 0).unwrap();
        let frame = Frame::heartbeat(WorkspaceId::random(), at, 1, 9);
        let expected = "data: {\"type\":\"WORKSPACE_HEARTBEAT\",\"timestamp\":2000,\
                        \"data\":{\"active_tasks\":1,\"uptime_seconds\":9}}\n\n";
        assert_eq!(frame.sse(), expected);
        assert_eq!(frame.sse_sequenced(), expected);
    }
}
