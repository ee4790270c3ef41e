//! Fakes at the ports: a store in memory that fails on demand.

mod activity;
mod approvals;
mod config;
mod delegations;
mod messages;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::change::{Change, Draft, Effect, Group, Head, LayoutPatch};
use isomer_actors::domain::event::Recorded;
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::domain::record::Record;
use isomer_actors::domain::token::{NewOrgToken, NewToken, TokenHash, TokenRow};
use isomer_actors::ports::*;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

/// Time that passes with tokio's.
pub struct FakeClock(Instant);

impl Default for FakeClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + self.0.elapsed()
    }
}

#[derive(Default)]
pub struct FakeMirror(Mutex<HashSet<WorkspaceId>>);

impl FakeMirror {
    pub fn heard(&self) -> HashSet<WorkspaceId> {
        self.0.lock().clone()
    }
}

#[async_trait]
impl LivenessMirror for FakeMirror {
    async fn heard(&self, batch: &[Heard]) -> Result<(), MirrorError> {
        self.0.lock().extend(batch.iter().map(|heard| heard.id));
        Ok(())
    }
    async fn located(&self, _: &[Located]) -> Result<(), MirrorError> {
        Ok(())
    }
    async fn clear(&self, _: &[WorkspaceId]) -> Result<(), MirrorError> {
        Ok(())
    }
    async fn next_notice(&self) -> Option<WorkspaceId> {
        None
    }
    fn is_reachable(&self) -> bool {
        true
    }
}

pub struct FakeRelay;

#[async_trait]
impl Relay for FakeRelay {
    async fn publish(&self, _: &[Arc<str>]) -> Result<(), MirrorError> {
        Ok(())
    }
    async fn next_hint(&self) -> Option<()> {
        None
    }
}

#[derive(Default)]
struct Rows {
    records: HashMap<WorkspaceId, (Record, Head)>,
    vitals: HashMap<WorkspaceId, Vitals>,
    tokens: HashSet<WorkspaceId>,
    events: Vec<Recorded>,
    delegations: Vec<isomer_actors::domain::delegation::Delegation>,
    written: Vec<Vec<VitalsRow>>,
    approvals: approvals::Requests,
}

#[derive(Default)]
pub struct FakeStore {
    rows: Mutex<Rows>,
    loads: AtomicUsize,
    commits: AtomicUsize,
    failing_vitals: AtomicUsize,
    lost_answers: AtomicUsize,
    panics: AtomicUsize,
    away: AtomicBool,
    hidden: AtomicBool,
    poisoned: Mutex<Option<WorkspaceId>>,
    refusing: Mutex<Option<(WorkspaceId, Refusal)>>,
    pub layouts: Mutex<Vec<(WorkspaceId, LayoutPatch)>>,
    configs: Mutex<HashMap<WorkspaceId, serde_json::Value>>,
    messages: Mutex<Vec<messages::Row>>,
    ledgers: AtomicUsize,
    pub activity: activity::FakeActivity,
}

fn takes_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

fn unavailable(operation: &'static str) -> StoreError {
    StoreError::Unavailable { operation, source: "away".into() }
}

impl FakeStore {
    pub fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
    pub fn vitals_written(&self) -> Vec<Vec<VitalsRow>> {
        self.rows.lock().written.clone()
    }
    pub fn record(&self, id: WorkspaceId) -> Option<Record> {
        self.rows.lock().records.get(&id).map(|(record, _)| record.clone())
    }
    pub fn fail_vitals(&self, times: usize) {
        self.failing_vitals.store(times, Ordering::SeqCst);
    }
    /// Commits, but never says so.
    pub fn lose_answers(&self, times: usize) {
        self.lost_answers.store(times, Ordering::SeqCst);
    }
    /// Panics inside the next commits.
    pub fn panic_commits(&self, times: usize) {
        self.panics.store(times, Ordering::SeqCst);
    }
    pub fn away(&self, yes: bool) {
        self.away.store(yes, Ordering::SeqCst);
    }
    /// Lets nobody find what is due.
    pub fn hide_due(&self, yes: bool) {
        self.hidden.store(yes, Ordering::SeqCst);
    }
    fn reached(&self, operation: &'static str) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) { Err(unavailable(operation)) } else { Ok(()) }
    }
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }
    /// Panics whenever this row is loaded.
    pub fn poison(&self, id: WorkspaceId) {
        *self.poisoned.lock() = Some(id);
    }
    pub fn heal(&self) {
        *self.poisoned.lock() = None;
    }
    /// Refuses the next change of this workspace that is committed alone.
    pub fn refuse(&self, id: WorkspaceId, refusal: Refusal) {
        *self.refusing.lock() = Some((id, refusal));
    }
    fn refusal(&self, groups: &[Group]) -> Option<Refusal> {
        let mut refusing = self.refusing.lock();
        let (id, refusal) = refusing.clone()?;
        let concerned = groups.iter().flatten().any(|change| change.after.id == id);
        if concerned && groups.len() == 1 {
            *refusing = None;
        }
        concerned.then_some(refusal)
    }
    /// Changes a row as another node would.
    pub fn meddle(&self, id: WorkspaceId) {
        let mut rows = self.rows.lock();
        let (before, head) = rows.records[&id].clone();
        let after = Record { role: Some("meddled".to_owned()), ..before.clone() };
        let drafts = vec![Draft::new("WORKSPACE_UPDATED", json!({}))];
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        apply(&mut rows, &Change::new(Some(&before), after, head, None, drafts, at));
    }
}

fn apply(rows: &mut Rows, change: &Change) {
    for event in &change.events {
        let seq = rows.events.len() as Seq + 1;
        rows.events.push(Recorded { seq, event: event.clone() });
    }
    rows.records.insert(change.after.id, (change.after.clone(), change.head()));
    for effect in &change.effects {
        match effect {
            Effect::IssueToken(_) => _ = rows.tokens.insert(change.after.id),
            Effect::RevokeTokens => _ = rows.tokens.remove(&change.after.id),
            Effect::Delegation(step) => delegations::apply(&mut rows.delegations, change, step),
            other => approvals::apply(&mut rows.approvals, change, other),
        }
    }
}

#[async_trait]
impl StructureStore for FakeStore {
    async fn load(&self, id: WorkspaceId) -> Result<Loaded, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        assert_ne!(*self.poisoned.lock(), Some(id), "poisoned");
        if self.away.load(Ordering::SeqCst) {
            return Err(unavailable("load"));
        }
        let rows = self.rows.lock();
        let found = rows.records.get(&id);
        Ok(Loaded {
            record: found.map(|(record, _)| record.clone()),
            head: found.map_or(Head::GENESIS, |(_, head)| *head),
            vitals: rows.vitals.get(&id).cloned().unwrap_or_default(),
            live_tokens: u32::from(rows.tokens.contains(&id)),
            had_tokens: rows.tokens.contains(&id),
            active_agent: None,
        })
    }
    async fn load_live(&self, _: Option<WorkspaceId>, _: usize) -> Result<Vec<Loaded>, StoreError> {
        Ok(Vec::new())
    }
    async fn index(&self, _: Option<WorkspaceId>, _: usize) -> Result<Vec<IndexRow>, StoreError> {
        let rows = self.rows.lock();
        let row = |(record, _): &(Record, Head)| IndexRow {
            id: record.id,
            name: record.name.clone(),
            parent_id: record.parent_id,
            forwarded_to: record.forwarded_to,
            status: record.status,
            runtime: record.runtime.as_str().into(),
            had_tokens: rows.tokens.contains(&record.id),
            url: record.url.clone(),
            delivery_mode: record.delivery_mode,
            budget_limit: record.budget_limit,
            max_concurrent_tasks: record.max_concurrent_tasks,
            dialect: None,
        };
        Ok(rows.records.values().map(row).collect())
    }
    async fn commit(&self, groups: &[Group]) -> Result<Vec<Outcome>, StoreError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        assert!(!takes_one(&self.panics), "the store's driver panics");
        if self.away.load(Ordering::SeqCst) {
            return Err(unavailable("commit"));
        }
        if let Some(refusal) = self.refusal(groups) {
            return Err(StoreError::Refused { operation: "commit", refusal });
        }
        let mut outcomes = Vec::new();
        {
            let mut rows = self.rows.lock();
            let refusal = |change: &Change| {
                let delegated = || delegations::refusal(&rows.delegations, change);
                approvals::refusal(&rows.approvals, change).or_else(delegated)
            };
            if let Some(refusal) = groups.iter().flatten().find_map(refusal) {
                return Err(StoreError::Refused { operation: "commit", refusal });
            }
            for group in groups {
                let fits = group.iter().all(|change| {
                    let head = rows.records.get(&change.after.id).map(|(_, head)| *head);
                    head.unwrap_or(Head::GENESIS) == change.expect
                        && head.is_some() == change.exists
                });
                let first_seq = rows.events.len() as Seq + 1;
                if fits {
                    group.iter().for_each(|change| apply(&mut rows, change));
                }
                outcomes.push(if fits {
                    Outcome::Committed { first_seq }
                } else {
                    Outcome::Conflict
                });
            }
        }
        if takes_one(&self.lost_answers) {
            return Err(StoreError::Unknown { operation: "commit", source: "cut".into() });
        }
        Ok(outcomes)
    }
    async fn events(&self, query: &EventQuery) -> Result<Vec<Recorded>, StoreError> {
        let rows = self.rows.lock();
        let wanted = |r: &&Recorded| {
            query.after_seq.is_none_or(|seq| r.seq > seq)
                && query.up_to_seq.is_none_or(|seq| r.seq <= seq)
                && query.workspace.is_none_or(|id| r.event.workspace == id)
        };
        Ok(rows.events.iter().filter(wanted).take(query.limit).cloned().collect())
    }
    async fn last_seq(&self) -> Result<Seq, StoreError> {
        Ok(self.rows.lock().events.len() as Seq)
    }
}

#[async_trait]
impl VitalsStore for FakeStore {
    async fn write_vitals(&self, batch: &[VitalsRow]) -> Result<(), StoreError> {
        if takes_one(&self.failing_vitals) {
            return Err(unavailable("write heartbeats"));
        }
        let mut rows = self.rows.lock();
        for row in batch {
            rows.vitals.insert(row.id, row.vitals.clone());
        }
        rows.written.push(batch.to_vec());
        Ok(())
    }
}

#[async_trait]
impl TokenStore for FakeStore {
    async fn live_tokens(&self, _: Option<Uuid>, _: usize) -> Result<Vec<TokenRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn tokens_changed(&self, _: DateTime<Utc>) -> Result<Vec<TokenRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn find_token(&self, _: TokenHash) -> Result<Option<TokenRow>, StoreError> {
        Ok(None)
    }
    async fn add_token(
        &self,
        _: WorkspaceId,
        _: &NewToken,
        _: u32,
        _: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(true)
    }
    async fn revoke_token(
        &self,
        _: WorkspaceId,
        _: Uuid,
        _: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError> {
        Ok(None)
    }
    async fn workspace_tokens(
        &self,
        _: WorkspaceId,
        _: usize,
        _: usize,
    ) -> Result<Vec<TokenRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn add_org_token(&self, _: &NewOrgToken, _: DateTime<Utc>) -> Result<(), StoreError> {
        Ok(())
    }
    async fn revoke_org_token(
        &self,
        _: Uuid,
        _: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError> {
        Ok(None)
    }
    async fn org_tokens(&self, _: usize) -> Result<Vec<TokenRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn write_token_use(&self, _: &BTreeMap<Uuid, DateTime<Utc>>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl ViewStore for FakeStore {
    async fn list(&self, _: &ListQuery) -> Result<Vec<WorkspaceView>, StoreError> {
        Ok(Vec::new())
    }
    async fn view(&self, _: WorkspaceId) -> Result<Option<WorkspaceView>, StoreError> {
        Ok(None)
    }
    async fn save_layouts(&self, layouts: &[(WorkspaceId, LayoutPatch)]) -> Result<(), StoreError> {
        self.layouts.lock().extend_from_slice(layouts);
        Ok(())
    }
    async fn viewport(&self) -> Result<Option<Viewport>, StoreError> {
        Ok(None)
    }
    async fn save_viewport(&self, _: Viewport, _: DateTime<Utc>) -> Result<(), StoreError> {
        Ok(())
    }
    async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.rows.lock().records.is_empty())
    }
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl HistoryStore for FakeStore {
    async fn outline(&self) -> Result<Outline, StoreError> {
        let rows = self.rows.lock();
        let row = |(record, _): &(Record, Head)| OutlineRow {
            id: record.id,
            name: record.name.clone(),
            role: record.role.clone(),
            status: record.status,
            tier: record.tier,
            runtime: record.runtime.clone(),
            parent_id: record.parent_id,
        };
        let mut found: Vec<_> = rows.records.values().map(row).collect();
        found.sort_by_key(|row| row.id);
        Ok(Outline { seq: rows.events.len() as Seq, rows: found })
    }
    async fn first_event_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.rows.lock().events.iter().map(|r| r.event.at).min())
    }
    async fn count_events(&self, edges: &[DateTime<Utc>]) -> Result<Vec<u64>, StoreError> {
        let rows = self.rows.lock();
        let within = |pair: &[DateTime<Utc>]| {
            rows.events.iter().filter(|r| (pair[0]..pair[1]).contains(&r.event.at)).count() as u64
        };
        Ok(edges.windows(2).map(within).collect())
    }
    async fn seq_at(&self, at: DateTime<Utc>) -> Result<Seq, StoreError> {
        let rows = self.rows.lock();
        Ok(rows.events.iter().filter(|r| r.event.at <= at).map(|r| r.seq).max().unwrap_or(0))
    }
    async fn steps(&self, after: Seq, up_to: Seq, limit: usize) -> Result<Vec<Step>, StoreError> {
        let rows = self.rows.lock();
        let wanted = rows.events.iter().filter(|r| r.seq > after && r.seq <= up_to).take(limit);
        let step = |r: &Recorded| Step {
            seq: r.seq,
            workspace: r.event.workspace,
            change: r.event.change.clone(),
        };
        Ok(wanted.map(step).collect())
    }
    async fn assignments(&self, _: WorkspaceId, _: usize) -> Result<Vec<Assignment>, StoreError> {
        Ok(Vec::new())
    }
}
