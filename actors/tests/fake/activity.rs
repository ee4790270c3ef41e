//! The activity log in memory.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use isomer_actors::domain::activity::Logged;
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::ports::*;
use parking_lot::Mutex;

use super::{FakeStore, takes_one, unavailable};

/// What is in it, and what goes wrong.
#[derive(Default)]
pub struct FakeActivity {
    rows: Mutex<Vec<Arc<Logged>>>,
    ids: Mutex<HashSet<uuid::Uuid>>,
    batches: Mutex<Vec<usize>>,
    sent: Mutex<BTreeMap<WorkspaceId, DateTime<Utc>>>,
    prepared: Mutex<Vec<NaiveDate>>,
    expired: Mutex<Vec<DateTime<Utc>>>,
    /// Old rows that are deleted one at a time.
    pub old: AtomicUsize,
    /// Appends, but never says so.
    pub lost_answers: AtomicUsize,
    /// Panics inside the next appends.
    pub panics: AtomicUsize,
    /// Rows of this type are refused, with the batch they are in.
    pub poison: Mutex<Option<&'static str>>,
    /// Appends wait for this to be released.
    pub gate: Mutex<Option<Arc<tokio::sync::Semaphore>>>,
}

impl FakeActivity {
    /// The summaries of the rows, in the order of their insertion.
    pub fn summaries(&self) -> Vec<String> {
        let rows = self.rows.lock();
        rows.iter().map(|row| row.entry.summary.clone().unwrap_or_default()).collect()
    }
    pub fn rows(&self) -> Vec<Arc<Logged>> {
        self.rows.lock().clone()
    }
    /// How many rows each append was given.
    pub fn batches(&self) -> Vec<usize> {
        self.batches.lock().clone()
    }
    pub fn sent(&self) -> BTreeMap<WorkspaceId, DateTime<Utc>> {
        self.sent.lock().clone()
    }
    pub fn prepared(&self) -> Vec<NaiveDate> {
        self.prepared.lock().clone()
    }
    pub fn expired(&self) -> Vec<DateTime<Utc>> {
        self.expired.lock().clone()
    }
}

#[async_trait]
impl ActivityStore for FakeStore {
    async fn append_activity(&self, rows: &[Arc<Logged>]) -> Result<Vec<bool>, StoreError> {
        let log = &self.activity;
        log.batches.lock().push(rows.len());
        let gate = log.gate.lock().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        assert!(!takes_one(&log.panics), "the store's driver panics");
        if self.is_away() {
            return Err(unavailable("append activity"));
        }
        let poison = *log.poison.lock();
        if rows.iter().any(|row| Some(row.entry.kind.as_str()) == poison) {
            let refusal = Refusal::Constraint("poison".to_owned());
            return Err(StoreError::Refused { operation: "append activity", refusal });
        }
        let known: Vec<_> =
            rows.iter().map(|row| self.record(row.entry.workspace).is_some()).collect();
        let mut stored = log.rows.lock();
        for (row, _) in rows.iter().zip(&known).filter(|(_, known)| **known) {
            if log.ids.lock().insert(row.id) {
                stored.push(Arc::clone(row));
            }
        }
        if takes_one(&log.lost_answers) {
            return Err(StoreError::Unknown { operation: "append", source: "cut".into() });
        }
        Ok(known)
    }
    async fn activity(&self, query: &ActivityQuery) -> Result<Vec<ActivityRow>, StoreError> {
        let rows = self.activity.rows.lock();
        let wanted = rows.iter().enumerate().filter(|(_, row)| {
            query.workspace.is_none_or(|id| row.entry.workspace == id)
                && query.since.is_none_or(|since| row.at >= since)
        });
        let row = |(seq, row): (usize, &Arc<Logged>)| ActivityRow {
            place: Place { at: row.at, seq: seq as Seq },
            logged: Logged::clone(row),
        };
        Ok(wanted.map(row).take(query.limit).collect())
    }
    async fn search_activity(&self, _: &ActivitySearch) -> Result<Vec<ActivityRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn prepare_activity(&self, today: NaiveDate) -> Result<(), StoreError> {
        self.activity.prepared.lock().push(today);
        Ok(())
    }
    async fn expire_activity(&self, before: DateTime<Utc>) -> Result<bool, StoreError> {
        self.activity.expired.lock().push(before);
        Ok(self
            .activity
            .old
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_ok())
    }
    async fn write_outbound(
        &self,
        sent: &BTreeMap<WorkspaceId, DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        if self.is_away() {
            return Err(unavailable("write who sent something"));
        }
        self.activity.sent.lock().extend(sent);
        Ok(())
    }
    async fn token_usage(
        &self,
        _: WorkspaceId,
        _: NaiveDate,
    ) -> Result<Option<DayUsage>, StoreError> {
        Ok(None)
    }
}
