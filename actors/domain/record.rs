//! The structural projection of one workspace, and how events fold into it.
//!
//! A [`Record`] is what a row of `workspaces` says beyond its heartbeat
//! columns. It only ever changes by a [`Delta`], and every delta is stored
//! with an event: folding the deltas gives the record back (design §4).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ids::WorkspaceId;
use super::status::Status;

/// How a workspace may use its host directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WorkspaceAccess)]
pub enum Access {
    /// Not at all.
    #[default]
    None,
    /// Mounted read-only.
    ReadOnly,
    /// Mounted writable.
    ReadWrite,
}

impl Access {
    /// Returns the wire and database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReadOnly => "read_only",
            Self::ReadWrite => "read_write",
        }
    }

    /// Parses the wire and database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::ReadOnly, Self::ReadWrite].into_iter().find(|a| a.as_str() == text)
    }
}

/// How messages reach the agent of a workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// They are sent to its URL.
    #[default]
    Push,
    /// It collects them: it needs no URL.
    Poll,
}

impl DeliveryMode {
    /// Returns the wire and database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Poll => "poll",
        }
    }

    /// Parses the wire and database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Push, Self::Poll].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// The structural columns of a workspace, without its agent card.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub id: WorkspaceId,
    pub name: String,
    pub role: Option<String>,
    pub tier: i32,
    pub status: Status,
    pub parent_id: Option<WorkspaceId>,
    /// The workspace that took over; set only together with `Status::Removed`.
    pub forwarded_to: Option<WorkspaceId>,
    pub url: Option<String>,
    pub runtime: String,
    pub workspace_dir: Option<String>,
    pub workspace_access: Access,
    /// US cents.
    pub budget_limit: Option<i64>,
    pub max_concurrent_tasks: i32,
    pub awareness_namespace: Option<String>,
    pub source_bundle_id: Option<String>,
    pub delivery_mode: DeliveryMode,
    /// After so many minutes without activity it is put to sleep.
    pub hibernation_idle_minutes: Option<i32>,
    pub created_at: DateTime<Utc>,
}

impl Record {
    /// Returns the record from which every history starts.
    pub fn blank(id: WorkspaceId) -> Self {
        Self {
            id,
            name: String::new(),
            role: None,
            tier: 0,
            status: Status::Provisioning,
            parent_id: None,
            forwarded_to: None,
            url: None,
            runtime: String::new(),
            workspace_dir: None,
            workspace_access: Access::None,
            budget_limit: None,
            max_concurrent_tasks: 0,
            awareness_namespace: None,
            source_bundle_id: None,
            delivery_mode: DeliveryMode::Push,
            hibernation_idle_minutes: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    /// Applies what an event changed.
    pub fn apply(&mut self, delta: &Delta) {
        take(&mut self.name, &delta.name);
        take(&mut self.role, &delta.role);
        take(&mut self.tier, &delta.tier);
        take(&mut self.status, &delta.status);
        take(&mut self.parent_id, &delta.parent_id);
        take(&mut self.forwarded_to, &delta.forwarded_to);
        take(&mut self.url, &delta.url);
        take(&mut self.runtime, &delta.runtime);
        take(&mut self.workspace_dir, &delta.workspace_dir);
        take(&mut self.workspace_access, &delta.workspace_access);
        take(&mut self.budget_limit, &delta.budget_limit);
        take(&mut self.max_concurrent_tasks, &delta.max_concurrent_tasks);
        take(&mut self.awareness_namespace, &delta.awareness_namespace);
        take(&mut self.source_bundle_id, &delta.source_bundle_id);
        take(&mut self.delivery_mode, &delta.delivery_mode);
        take(&mut self.hibernation_idle_minutes, &delta.hibernation_idle_minutes);
        take(&mut self.created_at, &delta.created_at);
    }
}

/// What one event changed of a [`Record`] and its card. Absent means unchanged;
/// the inner `Option` of a nullable column is its new value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub role: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub parent_id: Option<Option<WorkspaceId>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub forwarded_to: Option<Option<WorkspaceId>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub url: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub workspace_dir: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_access: Option<Access>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub budget_limit: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_tasks: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub awareness_namespace: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub source_bundle_id: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<DeliveryMode>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub hibernation_idle_minutes: Option<Option<i32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub agent_card: Option<Option<Value>>,
    /// The row itself is deleted by this event.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub purged: bool,
}

impl Delta {
    /// Returns what has to be applied to `before` to get `after`.
    pub fn between(before: &Record, after: &Record) -> Self {
        Self {
            name: diff(&before.name, &after.name),
            role: diff(&before.role, &after.role),
            tier: diff(&before.tier, &after.tier),
            status: diff(&before.status, &after.status),
            parent_id: diff(&before.parent_id, &after.parent_id),
            forwarded_to: diff(&before.forwarded_to, &after.forwarded_to),
            url: diff(&before.url, &after.url),
            runtime: diff(&before.runtime, &after.runtime),
            workspace_dir: diff(&before.workspace_dir, &after.workspace_dir),
            workspace_access: diff(&before.workspace_access, &after.workspace_access),
            budget_limit: diff(&before.budget_limit, &after.budget_limit),
            max_concurrent_tasks: diff(&before.max_concurrent_tasks, &after.max_concurrent_tasks),
            awareness_namespace: diff(&before.awareness_namespace, &after.awareness_namespace),
            source_bundle_id: diff(&before.source_bundle_id, &after.source_bundle_id),
            delivery_mode: diff(&before.delivery_mode, &after.delivery_mode),
            hibernation_idle_minutes: diff(
                &before.hibernation_idle_minutes,
                &after.hibernation_idle_minutes,
            ),
            created_at: diff(&before.created_at, &after.created_at),
            agent_card: None,
            purged: false,
        }
    }

    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A workspace as its events say it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    pub record: Record,
    pub card: Option<Value>,
    /// The row was deleted by a purge.
    pub purged: bool,
}

impl Folded {
    /// Returns the state before the first event.
    pub fn blank(id: WorkspaceId) -> Self {
        Self { record: Record::blank(id), card: None, purged: false }
    }

    /// Applies what an event changed. An event after a purge begins a new life.
    pub fn apply(&mut self, delta: &Delta) {
        if self.purged {
            *self = Self::blank(self.record.id);
        }
        self.record.apply(delta);
        take(&mut self.card, &delta.agent_card);
        self.purged = delta.purged;
    }
}

fn take<T: Clone>(slot: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        slot.clone_from(value);
    }
}

fn diff<T: Clone + PartialEq>(before: &T, after: &T) -> Option<T> {
    (before != after).then(|| after.clone())
}

/// Tells a present null (`Some(None)`) from an absent key (`None`).
fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    pub(crate) fn records() -> impl Strategy<Value = Record> {
        let texts = || proptest::option::of("[a-z]{0,4}");
        let ids =
            || proptest::option::of(any::<u128>().prop_map(|n| WorkspaceId(Uuid::from_u128(n))));
        let statuses = proptest::sample::select(Status::ALL.to_vec());
        (
            (".{0,6}", texts(), 0..5i32, statuses, ids(), ids(), texts(), "[a-z]{0,3}"),
            (
                texts(),
                0..3usize,
                proptest::option::of(0..9i64),
                0..4i32,
                texts(),
                0..9_000i64,
                0..2,
            ),
        )
            .prop_map(|(a, b)| Record {
                name: a.0,
                role: a.1,
                tier: a.2,
                status: a.3,
                parent_id: a.4,
                forwarded_to: a.5,
                url: a.6,
                runtime: a.7,
                workspace_dir: b.0.clone(),
                workspace_access: [Access::None, Access::ReadOnly, Access::ReadWrite][b.1],
                budget_limit: b.2,
                max_concurrent_tasks: b.3,
                awareness_namespace: b.4.clone(),
                source_bundle_id: b.4,
                delivery_mode: [DeliveryMode::Push, DeliveryMode::Poll][b.6 as usize],
                hibernation_idle_minutes: (b.3 > 1).then_some(b.3),
                created_at: DateTime::from_timestamp(b.5, 0).unwrap(),
                ..Record::blank(WorkspaceId(Uuid::nil()))
            })
    }

    proptest! {
        #[test]
        fn a_delta_carries_exactly_the_difference(before in records(), after in records()) {
            let delta = Delta::between(&before, &after);
            let mut folded = before.clone();
            folded.apply(&delta);
            prop_assert_eq!(&folded, &after);
            prop_assert!(Delta::between(&after, &after).is_empty());
        }

        #[test]
        fn a_stored_delta_reads_back(before in records(), after in records()) {
            let delta = Delta::between(&before, &after);
            let stored = serde_json::to_value(&delta).unwrap();
            let back: Delta = serde_json::from_value(stored).unwrap();
            prop_assert_eq!(delta, back);
        }
    }

    #[test]
    fn deltas_from_before_a_column_read_and_hash_as_they_did() {
        let stored = r#"{"name":"Ada","status":"online","tier":3}"#;
        let delta: Delta = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&delta).unwrap().len(), stored.len(), "nothing is added");
        let mut folded = Record::blank(WorkspaceId(Uuid::nil()));
        folded.apply(&delta);
        assert_eq!(folded.delivery_mode, DeliveryMode::Push);
    }

    #[test]
    fn a_cleared_column_is_not_an_absent_one() {
        let back: Delta = serde_json::from_str(r#"{"role":null}"#).unwrap();
        assert_eq!(back.role, Some(None));
        assert_eq!(back.url, None);
    }
}
