//! A message that waits in a mailbox, and what becomes of it (contract 04 §4). Pure.
//!
//! Every message has one id, is leased to one deliverer at a time, and ends in exactly one
//! terminal state. What a failed try leads to is decided here.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ids::WorkspaceId;
use super::text::cut;

/// How often a message is handed to an agent at most (contract 04 §4).
pub const MAX_ATTEMPTS: i32 = 5;
/// The wait after the first try that failed; it doubles from try to try.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Longest reason that is kept of a failure, in bytes.
const MAX_REASON: usize = 500;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageState)]
pub enum State {
    /// Waits for its turn.
    Queued,
    /// With its agent, which has not acknowledged it.
    Dispatched,
    /// Acknowledged.
    Delivered,
    /// Given up, for the reason in `last_error`.
    Failed,
    /// Not acknowledged in its time.
    Expired,
    /// Called back.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Dispatched,
        Self::Delivered,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
    ];

    /// Returns the wire spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dispatched => "dispatched",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Parses the wire spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Returns the database spelling (contract 09 §6; `expired` is ours).
    pub fn stored(self) -> &'static str {
        match self {
            Self::Delivered => "completed",
            Self::Cancelled => "dropped",
            other => other.as_str(),
        }
    }

    /// Parses the database spelling.
    pub fn parse_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.stored() == text)
    }

    /// Returns whether nothing follows.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Dispatched)
    }
}

/// Who watches what becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its sender, by asking.
    Sender,
    /// The delegation that has the message's id.
    Delegation,
}

impl Origin {
    /// Returns the database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Delegation => "delegation",
        }
    }

    /// Parses the database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sender, Self::Delegation].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// The contract's priorities; higher goes first.
pub mod priority {
    pub const CRITICAL: i16 = 100;
    pub const TASK: i16 = 50;
    pub const INFO: i16 = 10;
}

/// A message to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    pub id: Uuid,
    pub to: WorkspaceId,
    /// The workspace that sends; `None` for a person.
    pub from: Option<WorkspaceId>,
    /// See [`priority`].
    pub priority: i16,
    /// The JSON-RPC request, byte by byte as it will be sent.
    pub body: Arc<str>,
    /// Its method.
    pub method: String,
    /// What makes two posts the same message: `params.message.messageId`.
    pub key: Option<String>,
    /// Headers that go to the agent with it, a JSON object.
    pub headers: Option<String>,
    pub origin: Origin,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the order of arrival.
    pub seq: i64,
    pub new: NewMessage,
    pub state: State,
    /// How often it was handed to an agent.
    pub attempts: i32,
    pub updated_at: DateTime<Utc>,
    /// Why the last try was none.
    pub last_error: Option<String>,
    /// What its agent answered, JSON; only of delivered ones.
    pub response: Option<String>,
    /// The lease it is under, while dispatched.
    pub lease: Option<Uuid>,
}

/// How a try to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The agent acknowledged it with this answer, JSON.
    Acknowledged { response: Option<String> },
    /// It will never be delivered.
    Refused { reason: String },
    /// The agent had it, or may have had it, and did not acknowledge.
    Failed { reason: String },
    /// The agent surely had nothing of it: it is busy.
    Busy { reason: String },
    /// The agent surely had nothing of it: it is not there.
    Away { reason: String },
}

/// What becomes of a message after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub state: State,
    /// Of delivered ones.
    pub response: Option<String>,
    pub last_error: Option<String>,
    /// Not tried again before; only of queued ones.
    pub not_before: Option<DateTime<Utc>>,
    /// The try counts.
    pub counts: bool,
}

impl Verdict {
    /// Returns a verdict without an answer.
    pub fn ended(state: State, reason: impl Into<String>) -> Self {
        let last_error = Some(reason.into());
        Self { state, response: None, last_error, not_before: None, counts: true }
    }
}

/// Decides what a try led to. `attempts` counts it already.
pub fn judge(
    delivery: Delivery,
    attempts: i32,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Verdict {
    let (reason, counts) = match delivery {
        Delivery::Acknowledged { response } => {
            return Verdict {
                state: State::Delivered,
                response,
                last_error: None,
                not_before: None,
                counts: true,
            };
        }
        Delivery::Refused { reason } => return Verdict::ended(State::Failed, bounded(&reason)),
        Delivery::Failed { reason } => (bounded(&reason), true),
        Delivery::Busy { reason } | Delivery::Away { reason } => (bounded(&reason), false),
    };
    if counts && attempts >= MAX_ATTEMPTS {
        return Verdict::ended(State::Failed, reason);
    }
    if now >= expires_at {
        return Verdict { counts, ..Verdict::ended(State::Expired, reason) };
    }
    // Whoever is busy or away is asked again when there is a sign of it.
    let wait = if counts { wait_after(attempts) } else { FIRST_WAIT };
    let not_before = now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
    Verdict { counts, not_before: Some(not_before), ..Verdict::ended(State::Queued, reason) }
}

/// Returns the wait after so many failures.
pub fn wait_after(failures: i32) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT)
}

fn bounded(reason: &str) -> String {
    cut(reason, MAX_REASON).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deliveries() -> impl Strategy<Value = Delivery> {
        let text = "\\PC{0,600}";
        prop_oneof![
            proptest::option::of(text).prop_map(|response| Delivery::Acknowledged { response }),
            text.prop_map(|reason| Delivery::Refused { reason }),
            text.prop_map(|reason| Delivery::Failed { reason }),
            text.prop_map(|reason| Delivery::Busy { reason }),
            text.prop_map(|reason| Delivery::Away { reason }),
        ]
    }

    proptest! {
        #[test]
        fn every_series_of_tries_ends_in_one_state(
            tries in proptest::collection::vec((deliveries(), 0i64..100), 1..40),
            lives in 1i64..600,
        ) {
            let begin = DateTime::UNIX_EPOCH;
            let expires_at = begin + TimeDelta::seconds(lives);
            let (mut now, mut attempts) = (begin, 0);
            for (delivery, passes) in tries {
                let acknowledged = matches!(delivery, Delivery::Acknowledged { .. });
                attempts += 1;
                let verdict = judge(delivery, attempts, now, expires_at);
                prop_assert_eq!(acknowledged, verdict.state == State::Delivered);
                prop_assert!(verdict.last_error.as_ref().is_none_or(|text| text.len() <= MAX_REASON));
                prop_assert!(attempts <= MAX_ATTEMPTS);
                if verdict.state.is_terminal() {
                    prop_assert!(verdict.not_before.is_none());
                    break;
                }
                prop_assert_eq!(verdict.state, State::Queued);
                prop_assert!(verdict.not_before > Some(now));
                attempts -= i32::from(!verdict.counts);
                now = verdict.not_before.unwrap() + TimeDelta::seconds(passes);
            }
        }

        #[test]
        fn waits_grow_and_are_bounded(failures in 0i32..1_000) {
            prop_assert!(wait_after(failures) <= wait_after(failures + 1));
            prop_assert!(wait_after(failures) >= FIRST_WAIT && wait_after(failures) <= LONGEST_WAIT);
        }
    }

    #[test]
    fn states_are_spelled_both_ways() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            assert_eq!(State::parse_stored(state.stored()), Some(state));
        }
        assert_eq!(State::parse("completed"), None);
    }

    #[test]
    fn a_busy_agent_burns_no_try() {
        let at = DateTime::UNIX_EPOCH;
        let busy = Delivery::Busy { reason: "busy".to_owned() };
        let verdict = judge(busy, MAX_ATTEMPTS, at, at + TimeDelta::seconds(1));
        assert_eq!((verdict.state, verdict.counts), (State::Queued, false));
    }
}
