//! The activity log, and what is counted along with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::StoreError;
use crate::domain::activity::Logged;
use crate::domain::ids::{Seq, WorkspaceId};

/// A row of the log where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityRow {
    pub place: Place,
    pub logged: Logged,
}

/// Where a row lies: rows are ordered by time, and those of one time by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub at: DateTime<Utc>,
    /// Given by the store, ascending.
    pub seq: Seq,
}

/// Who a row came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A person: no source.
    Canvas,
    /// A workspace.
    Agent,
}

/// Which rows to return. All conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct ActivityQuery {
    pub workspace: Option<WorkspaceId>,
    /// The type, exactly.
    pub kind: Option<String>,
    pub origin: Option<Origin>,
    pub status: Option<String>,
    pub method: Option<String>,
    /// Only rows at or after this time.
    pub since: Option<DateTime<Utc>>,
    /// Only rows at or before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only rows beyond this place, in the direction of reading.
    pub beyond: Option<Place>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// At most this many.
    pub limit: usize,
}

/// What to search a workspace's log for.
#[derive(Clone, Debug)]
pub struct ActivitySearch {
    pub workspace: WorkspaceId,
    /// What people typed; empty finds everything.
    pub text: String,
    /// At most this many.
    pub limit: usize,
}

/// How many of the newest rows of a workspace are searched for any part of a word. Older ones
/// are found by words and by their beginnings.
pub const SEARCHED_CLOSELY: i64 = 1_000;

/// What a workspace used on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayUsage {
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub calls: i64,
    /// US dollars with six decimals, such as `0.000450`.
    pub cost: String,
}

/// The activity log.
#[async_trait]
pub trait ActivityStore: Send + Sync {
    /// Appends rows in one transaction, and adds what they used to their days. Rows that are
    /// there already are left alone, with what they used: a batch may be repeated.
    ///
    /// Returns for each row whether its workspace exists; others are left out.
    ///
    /// # Errors
    /// `Refused`: some row cannot be stored, and none was; the caller finds out which.
    async fn append_activity(&self, rows: &[Arc<Logged>]) -> Result<Vec<bool>, StoreError>;

    /// Returns rows by `query`.
    async fn activity(&self, query: &ActivityQuery) -> Result<Vec<ActivityRow>, StoreError>;

    /// Returns the rows that contain a text in type, method, status, summary or bodies, newest
    /// first, in any case: all rows whose words begin with all the words of the text, and of
    /// the newest [`SEARCHED_CLOSELY`] those that contain it anywhere.
    async fn search_activity(
        &self,
        search: &ActivitySearch,
    ) -> Result<Vec<ActivityRow>, StoreError>;

    /// Makes room for the rows of `today` and the two days after it.
    async fn prepare_activity(&self, today: NaiveDate) -> Result<(), StoreError>;

    /// Deletes some rows older than `before`; returns whether there may be more. Where rows are
    /// kept by the day, a day goes whole once all of it is older.
    async fn expire_activity(&self, before: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Advances `last_outbound_at` of workspaces, never back.
    async fn write_outbound(
        &self,
        sent: &BTreeMap<WorkspaceId, DateTime<Utc>>,
    ) -> Result<(), StoreError>;

    /// Returns what a workspace used on a day (UTC).
    async fn token_usage(
        &self,
        workspace: WorkspaceId,
        day: NaiveDate,
    ) -> Result<Option<DayUsage>, StoreError>;
}
