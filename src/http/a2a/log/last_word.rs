//! Listening to a stream of server-sent events for the agent's last word: a message, the status
//! that ends its work, or an error. Pure, and bounded by the longest body that is stored.

use bytes::Bytes;
use isomer_actors::domain::activity::MAX_BODY;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// States that end an agent's turn, in both generations of the protocol.
const ENDS: [&str; 14] = [
    "completed",
    "failed",
    "canceled",
    "cancelled",
    "rejected",
    "input-required",
    "auth-required",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
    "TASK_STATE_CANCELLED",
    "TASK_STATE_REJECTED",
    "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_AUTH_REQUIRED",
];

/// What was heard so far.
#[derive(Debug, Default)]
pub struct LastWord {
    /// The line that has not ended.
    line: Vec<u8>,
    /// That line does not fit; the rest of it is passed over.
    skipping: bool,
    /// The data of the event that has not ended.
    data: Vec<u8>,
    /// Something of this event did not fit.
    too_long: bool,
    last: Option<Bytes>,
}

impl LastWord {
    /// Listens to the next bytes.
    pub fn hear(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            if self.line.len() + text.len() > MAX_BODY {
                (self.skipping, self.too_long) = (true, true);
                self.line.clear();
            } else if !self.skipping {
                self.line.extend_from_slice(text);
            }
            if ends && !std::mem::take(&mut self.skipping) {
                let line = std::mem::take(&mut self.line);
                self.line_ended(line.strip_suffix(b"\r").unwrap_or(&line));
            }
        }
    }

    /// Returns the last word, a JSON-RPC response; an event that did not end counts too.
    pub fn take(&mut self) -> Option<Bytes> {
        self.hear(b"\n\n");
        self.last.take()
    }

    fn line_ended(&mut self, line: &[u8]) {
        if line.is_empty() {
            self.event_ended();
        } else if let Some(data) = line.strip_prefix(b"data:") {
            if self.data.len() + data.len() > MAX_BODY {
                self.too_long = true;
                return;
            }
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
        }
    }

    fn event_ended(&mut self) {
        let data = std::mem::take(&mut self.data);
        let too_long = std::mem::take(&mut self.too_long);
        if !too_long && is_last_word(&data) {
            self.last = Some(data.into());
        }
    }
}

#[derive(Deserialize)]
struct Response {
    result: Option<Outcome>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Outcome {
    /// 0.3 names what it is, 1.0 wraps it.
    kind: Option<String>,
    r#final: Option<bool>,
    status: Option<Status>,
    message: Option<IgnoredAny>,
    #[serde(rename = "statusUpdate")]
    status_update: Option<Update>,
    task: Option<Update>,
}

#[derive(Deserialize)]
struct Update {
    r#final: Option<bool>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    state: Option<String>,
}

fn is_last_word(data: &[u8]) -> bool {
    let Ok(response) = serde_json::from_slice::<Response>(data) else { return false };
    let ends = |status: &Option<Status>| {
        let state = status.as_ref().and_then(|status| status.state.as_deref());
        state.is_some_and(|state| ENDS.contains(&state))
    };
    let Some(outcome) = response.result else { return response.error.is_some() };
    match outcome.kind.as_deref() {
        Some("message") => true,
        Some("status-update") => outcome.r#final == Some(true),
        Some("task") => ends(&outcome.status),
        Some(_) => false,
        None => {
            outcome.message.is_some()
                || [outcome.status_update, outcome.task]
                    .iter()
                    .flatten()
                    .any(|update| update.r#final == Some(true) || ends(&update.status))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn last(text: &str) -> Option<Value> {
        let mut heard = LastWord::default();
        heard.hear(text.as_bytes());
        heard.take().map(|data| serde_json::from_slice(&data).unwrap())
    }

    fn event(result: &Value) -> String {
        format!("data: {}\n\n", json!({"id": 1, "result": result}))
    }

    #[test]
    fn messages_and_ends_are_last_words() {
        let message = json!({"kind": "message", "parts": []});
        let working =
            json!({"kind": "status-update", "final": false, "status": {"state": "working"}});
        let done =
            json!({"kind": "status-update", "final": true, "status": {"state": "completed"}});
        let piece = json!({"kind": "artifact-update", "artifact": {}});
        let newer = json!({"message": {"parts": []}});
        let update = |state: &str| json!({"statusUpdate": {"status": {"state": state}}});
        for (events, wanted) in [
            (vec![&working, &done], Some(&done)),
            (vec![&message, &working, &piece], Some(&message)),
            (vec![&piece, &working], None),
            (vec![&update("TASK_STATE_WORKING"), &newer], Some(&newer)),
            (vec![&newer, &update("TASK_STATE_COMPLETED")], Some(&update("TASK_STATE_COMPLETED"))),
            (vec![&json!({"kind": "task", "status": {"state": "submitted"}})], None),
        ] {
            let text: String = events.into_iter().map(event).collect();
            assert_eq!(last(&text).map(|last| last["result"].clone()).as_ref(), wanted, "{text}");
        }
        let error = r#"{"error":{"code":-32603}}"#;
        assert_eq!(last(&format!("data:{error}")).unwrap(), json!({"error": {"code": -32603}}));
        assert_eq!(last("data: nope\n\n: ping\n\nevent: x\n\n"), None);
        let lines = "id: 7\r\ndata: {\"result\":\r\ndata: {\"kind\":\"message\"}}\r\n\r\n";
        assert_eq!(last(lines).unwrap()["result"]["kind"], "message");
    }

    #[test]
    fn what_does_not_fit_is_passed_over() {
        let word = |text: &str| json!({"kind": "message", "text": text});
        let long = event(&word(&"x".repeat(MAX_BODY)));
        let short = event(&word("short"));
        assert_eq!(last(&long), None);
        for text in [format!("{short}{long}"), format!("{long}{short}")] {
            assert_eq!(last(&text).unwrap()["result"]["text"], "short");
        }
        let lines = format!("data: {}\n", "x".repeat(MAX_BODY / 2)).repeat(3);
        assert_eq!(last(&format!("{lines}\n{short}")).unwrap()["result"]["text"], "short");
        let mut heard = LastWord::default();
        for _ in 0..100 {
            heard.hear(&[b'x'; 10_000]);
            assert!(heard.line.len() + heard.data.len() <= 2 * MAX_BODY);
        }
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_does_not_matter(
            texts in proptest::collection::vec("[a-zé\\\\n]{0,9}", 0..6),
            cuts in proptest::collection::vec(1_usize..40, 1..40),
            ends in prop_oneof![Just("\n\n"), Just("\r\n\r\n")],
        ) {
            let mut stream = String::from(": ping\n\n");
            for text in &texts {
                let body = json!({"result": {"kind": "message", "text": text}});
                stream.push_str(&format!("event: x\ndata: {body}{ends}"));
            }
            let mut heard = LastWord::default();
            let mut rest = stream.as_bytes();
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                heard.hear(now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let word = heard.take().map(|data| serde_json::from_slice::<Value>(&data).unwrap());
            let text = word.map(|word| word["result"]["text"].as_str().unwrap().to_owned());
            prop_assert_eq!(text.as_ref(), texts.last());
        }

        #[test]
        fn any_bytes_are_heard(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut heard = LastWord::default();
            heard.hear(&bytes);
            let _ = heard.take();
        }
    }
}
