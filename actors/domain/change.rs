//! One atomic step of the structure: projection, events and side rows together.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::approval::{Ballot, NewApproval};
use super::chain;
use super::delegation;
use super::event::Event;
use super::ids::{Version, WorkspaceId};
use super::record::{Delta, Record};
use super::token::NewToken;

/// Where a workspace's chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many events there are.
    pub version: Version,
    /// Hash of the last one.
    pub hash: [u8; 32],
}

impl Head {
    /// The head of a workspace without events.
    pub const GENESIS: Self = Self { version: 0, hash: chain::GENESIS };
}

/// A change of one workspace that is written whole or not at all.
#[derive(Clone, Debug)]
pub struct Change {
    /// The row after the change.
    pub after: Record,
    /// Whether the row must exist before; if not, it is created.
    pub exists: bool,
    /// The head the change was decided on; another one in the store refuses it.
    pub expect: Head,
    /// `Some` replaces the agent card.
    pub card: Option<Option<Value>>,
    /// The parent differs from the one before: the store checks for a cycle.
    pub moved: bool,
    /// At least one, chained from `expect`.
    pub events: Vec<Event>,
    /// Rows of other tables that change in the same transaction.
    pub effects: Vec<Effect>,
    /// When it was decided.
    pub at: DateTime<Utc>,
}

/// A row of another table that changes together with its workspace.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Upserts the canvas layout; absent fields stay or take their default.
    Layout(LayoutPatch),
    /// Deletes the canvas layout.
    DropLayout,
    /// Adds an access token of the workspace.
    IssueToken(NewToken),
    /// Revokes every live token of the workspace.
    RevokeTokens,
    /// Adds an active agent.
    AssignAgent { agent_id: Uuid, model: String },
    /// Deactivates the active agent for `reason`.
    RetireAgent { agent_id: Uuid, status: AgentStatus, reason: &'static str },
    /// Hands the active agent to another workspace.
    MoveAgent { agent_id: Uuid, to: WorkspaceId },
    /// Writes the error text of a failed provision into the heartbeat columns.
    SampleError(String),
    /// Opens or moves a delegation of the workspace.
    Delegation(delegation::Step),
    /// Adds the first secrets of a new workspace, sealed already.
    KeepSecrets(NewSecrets),
    /// Adds a request for approval, unless too many wait already.
    RequestApproval(Box<NewApproval>),
    /// Adds a decision, if the request waits as it did when it was decided.
    DecideApproval(Box<Ballot>),
    /// Denies a request whose time is over, if it still waits.
    ExpireApproval(Uuid),
    /// Denies all requests that wait.
    WithdrawApprovals,
    /// Deletes the row and everything that hangs on it, keeping its events.
    Purge,
}

/// The first secrets of a workspace. The runtime carries them and cannot read them.
#[derive(Clone, Debug)]
pub struct NewSecrets {
    /// The workspace's data key, unless the format needs none.
    pub data_key: Option<NewSeed>,
    pub rows: Vec<NewSecret>,
    /// Who brought them, for the audit trail.
    pub actor: String,
}

/// A wrapped data key.
#[derive(Clone, Debug)]
pub struct NewSeed {
    pub id: Uuid,
    pub wrapped: Vec<u8>,
    pub provider: &'static str,
    pub provider_key_id: String,
}

/// A sealed value.
#[derive(Clone, Debug)]
pub struct NewSecret {
    pub key: String,
    /// The column `encryption_version`.
    pub format: i32,
    pub sealed: Vec<u8>,
}

/// What of a canvas layout changes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayoutPatch {
    /// Canvas units.
    pub position: Option<(f64, f64)>,
    pub collapsed: Option<bool>,
}

/// Life of an agent row (contract 09 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum AgentStatus {
    Active,
    Replaced,
    Removed,
}

impl AgentStatus {
    /// Returns the database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
        }
    }

    /// Parses the database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Replaced, Self::Removed].into_iter().find(|s| s.as_str() == text)
    }
}

/// Changes that are committed together or not at all, at most one per workspace.
pub type Group = Vec<Change>;

/// An event to be chained: its kind and what subscribers see of it.
#[derive(Clone, Debug)]
pub struct Draft {
    pub kind: &'static str,
    pub payload: Value,
    pub agent_id: Option<Uuid>,
    pub target_id: Option<WorkspaceId>,
}

impl Draft {
    /// Returns an event that concerns only its own workspace.
    pub fn new(kind: &'static str, payload: Value) -> Self {
        Self { kind, payload, agent_id: None, target_id: None }
    }
}

impl Change {
    /// Chains `drafts` onto `head`. The first event carries the whole difference
    /// between `before` and `after`; `before` is `None` for a new row.
    ///
    /// `at` is cut to microseconds, the precision of every store.
    pub fn new(
        before: Option<&Record>,
        after: Record,
        head: Head,
        card: Option<Option<Value>>,
        drafts: Vec<Draft>,
        at: DateTime<Utc>,
    ) -> Self {
        let at = micros(at);
        let blank = Record::blank(after.id);
        let mut delta = Delta::between(before.unwrap_or(&blank), &after);
        delta.agent_card.clone_from(&card);
        let moved = before.map_or(after.parent_id.is_some(), |b| b.parent_id != after.parent_id);
        let exists = before.is_some();
        let mut change = Self {
            after,
            exists,
            expect: head,
            card,
            moved,
            events: Vec::new(),
            effects: Vec::new(),
            at,
        };
        for draft in drafts {
            change.chain(draft, std::mem::take(&mut delta));
        }
        change
    }

    /// Adds a side row.
    #[must_use]
    pub fn with(mut self, effect: Effect) -> Self {
        if matches!(effect, Effect::Purge) {
            self.mark_purged();
        }
        self.effects.push(effect);
        self
    }

    /// Returns where the chain stands once the change is committed.
    pub fn head(&self) -> Head {
        self.events
            .last()
            .map_or(self.expect, |last| Head { version: last.version, hash: last.hash })
    }

    fn chain(&mut self, draft: Draft, change: Delta) {
        let head = self.head();
        let mut event = Event {
            id: Uuid::new_v4(),
            workspace: self.after.id,
            version: head.version + 1,
            kind: draft.kind.to_owned(),
            payload: draft.payload,
            change,
            agent_id: draft.agent_id,
            target_id: draft.target_id,
            at: self.at,
            prev_hash: head.hash,
            hash: chain::GENESIS,
        };
        event.hash = chain::hash(&event);
        self.events.push(event);
    }

    /// The last event says that the row goes; its hash must say so too.
    fn mark_purged(&mut self) {
        if let Some(last) = self.events.last_mut() {
            last.change.purged = true;
            last.hash = chain::hash(last);
        }
    }
}

/// Cuts a time to the precision that every store keeps.
pub fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::record::{Folded, tests::records};
    use super::*;

    proptest! {
        #[test]
        fn folding_the_events_gives_the_row(before in records(), after in records(), n in 1usize..3) {
            let at = DateTime::from_timestamp(3, 123_456_789).unwrap();
            let drafts = vec![Draft::new("WORKSPACE_UPDATED", json!({})); n];
            let card = Some(Some(json!({"name": "x"})));
            let first = Change::new(None, before.clone(), Head::GENESIS, None, drafts.clone(), at);
            let second = Change::new(Some(&before), after.clone(), first.head(), card, drafts, at);

            let mut folded = Folded::blank(before.id);
            let mut prev = Head::GENESIS;
            for event in first.events.iter().chain(&second.events) {
                prop_assert_eq!(event.prev_hash, prev.hash);
                prop_assert_eq!(event.version, prev.version + 1);
                prop_assert_eq!(chain::hash(event), event.hash);
                prev = Head { version: event.version, hash: event.hash };
                folded.apply(&event.change);
            }
            prop_assert_eq!(second.head(), prev);
            prop_assert_eq!(folded.record, after);
            prop_assert_eq!(folded.card, Some(json!({"name": "x"})));
        }
    }

    #[test]
    fn a_purge_is_part_of_the_chain() {
        let id = WorkspaceId::random();
        let drafts = vec![Draft::new("WORKSPACE_REMOVED", json!({}))];
        let change =
            Change::new(None, Record::blank(id), Head::GENESIS, None, drafts, DateTime::UNIX_EPOCH)
                .with(Effect::Purge);
        let last = change.events.last().unwrap();
        assert!(last.change.purged);
        assert_eq!(chain::hash(last), last.hash);
        assert_eq!(change.head().hash, last.hash);
    }
}
