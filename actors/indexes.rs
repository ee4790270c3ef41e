//! Everything in memory that mirrors committed structure: cells, hierarchy, forwards, tokens.
//!
//! One writer keeps it true: [`Indexes::absorb`] runs for every committed change, in commit
//! order, before its caller is answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::RwLock;
use tokio::sync::broadcast;

use crate::api::{Followed, Glimpse, MAX_HOPS};
use crate::cells::{Cell, Cells};
use crate::domain::change::{Change, Effect};
use crate::domain::dialect::Dialect;
use crate::domain::hierarchy::Hierarchy;
use crate::domain::ids::WorkspaceId;
use crate::domain::status::Status;
use crate::domain::token::{Owner, TokenRow};
use crate::ports::IndexRow;
use crate::slots::Slots;
use crate::tokens::TokenIndex;

/// The runtime name of agents that run outside the platform.
pub const EXTERNAL: &str = "external";
/// The runtime name of built-in agents.
pub const BUILT_IN: &str = "isomer";
/// Hosted workspaces whose change has not been looked at; beyond that the host looks at all.
const MAX_PLACEMENTS: usize = 1_024;
/// The runtime that takes longer to start than others (contract 01 §9).
pub const HERMES: &str = "hermes";

/// How long each kind of workspace may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Between beats.
    pub ttl: Duration,
    /// Between beats of external agents.
    pub external_ttl: Duration,
    /// From `provisioning` to the first beat.
    pub provision: Duration,
    /// The same for the runtime `hermes`.
    pub provision_hermes: Duration,
}

impl Patience {
    /// Returns how long to wait for a sign of life, `None` when none is expected.
    pub fn with(&self, status: Status, runtime: &str) -> Option<Duration> {
        match status {
            Status::Online | Status::Degraded if runtime == EXTERNAL => Some(self.external_ttl),
            Status::Online | Status::Degraded => Some(self.ttl),
            Status::Provisioning if runtime == HERMES => Some(self.provision_hermes),
            Status::Provisioning => Some(self.provision),
            _ => None,
        }
    }
}

/// The names of the runtimes whose agents this server runs. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostedRuntimes(Arc<BTreeSet<Box<str>>>);

impl HostedRuntimes {
    /// Returns whether agents of this runtime are run by this server.
    pub fn contains(&self, runtime: &str) -> bool {
        self.0.contains(runtime)
    }

    /// Returns the names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl<T: Into<Box<str>>> FromIterator<T> for HostedRuntimes {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let names = names.into_iter().map(Into::into).filter(|name| &**name != EXTERNAL);
        Self(Arc::new(names.collect()))
    }
}

/// The in-memory mirror of committed structure.
#[derive(Debug)]
pub struct Indexes {
    pub(crate) cells: Cells,
    pub(crate) hierarchy: RwLock<Hierarchy>,
    forwards: DashMap<WorkspaceId, WorkspaceId>,
    pub(crate) tokens: TokenIndex,
    pub(crate) slots: Slots,
    pub(crate) patience: Patience,
    hosted: HostedRuntimes,
    /// Workspaces whose silence is judged.
    heard: AtomicU64,
    /// Ids of hosted workspaces whose row was changed.
    placements: broadcast::Sender<WorkspaceId>,
}

impl Indexes {
    /// Returns empty indexes.
    pub fn new(patience: Patience, hosted: HostedRuntimes) -> Self {
        Self {
            cells: Cells::default(),
            hierarchy: RwLock::default(),
            forwards: DashMap::new(),
            tokens: TokenIndex::default(),
            slots: Slots::new(),
            patience,
            hosted,
            heard: AtomicU64::new(0),
            placements: broadcast::Sender::new(MAX_PLACEMENTS),
        }
    }

    /// Takes over a row at start, or one that another node changed.
    pub fn put_row(&self, row: &IndexRow) {
        self.hierarchy.write().put(row.id, row.parent_id, row.status == Status::Removed);
        let cell = self.publish(row.id, row.status, &row.runtime);
        cell.had_tokens.fetch_or(row.had_tokens, Ordering::Relaxed);
        let tasks = row.max_concurrent_tasks;
        let url = row.url.as_deref();
        cell.set_route(&row.name, url, row.delivery_mode, row.budget_limit, tasks);
        if let Some(dialect) = &row.dialect {
            cell.set_dialect(dialect.clone());
        }
        self.set_forward(row.id, row.forwarded_to);
    }

    /// Takes over a live token at start, or one that another node issued or revoked.
    pub fn put_token(&self, row: &TokenRow) {
        let was_live = self.tokens.put(row);
        let Owner::Workspace(id) = row.owner else {
            return;
        };
        let Some(cell) = self.cell(id) else { return };
        cell.had_tokens.store(true, Ordering::Relaxed);
        match (was_live, row.revoked_at.is_none()) {
            (false, true) => _ = cell.live_tokens.fetch_add(1, Ordering::AcqRel),
            (true, false) => _ = cell.live_tokens.fetch_sub(1, Ordering::AcqRel),
            _ => {}
        }
    }

    /// Takes over a committed change.
    pub fn absorb(&self, change: &Change) {
        let row = &change.after;
        let removed = row.status == Status::Removed;
        self.hierarchy.write().put(row.id, row.parent_id, removed);
        let cell = self.publish(row.id, row.status, &row.runtime);
        let tasks = row.max_concurrent_tasks;
        let url = row.url.as_deref();
        cell.set_route(&row.name, url, row.delivery_mode, row.budget_limit, tasks);
        if let Some(card) = &change.card {
            cell.set_dialect(Dialect::of_card(card.as_ref(), row.url.as_deref()));
        }
        self.set_forward(row.id, row.forwarded_to);
        for effect in &change.effects {
            match effect {
                Effect::IssueToken(token) => {
                    self.put_token(&TokenRow {
                        id: token.id,
                        hash: token.hash,
                        prefix: token.prefix.clone(),
                        owner: Owner::Workspace(row.id),
                        name: None,
                        created_by: None,
                        created_at: change.at,
                        last_used_at: None,
                        revoked_at: None,
                    });
                }
                Effect::RevokeTokens => self.revoke_all(row.id),
                Effect::SampleError(text) => {
                    if let Some(cell) = self.cell(row.id) {
                        cell.vitals.lock().sample_error.clone_from(text);
                    }
                }
                Effect::Purge => self.forget(row.id),
                Effect::Layout(_)
                | Effect::DropLayout
                | Effect::Delegation(_)
                | Effect::KeepSecrets(_)
                | Effect::AssignAgent { .. }
                | Effect::RetireAgent { .. }
                | Effect::MoveAgent { .. }
                | Effect::RequestApproval(_)
                | Effect::DecideApproval(_)
                | Effect::ExpireApproval(_)
                | Effect::WithdrawApprovals => {}
            }
        }
    }

    /// Returns the cell of a workspace that has a row.
    pub fn cell(&self, id: WorkspaceId) -> Option<Arc<Cell>> {
        self.cells.get(&id).map(|cell| Arc::clone(cell.value()))
    }

    /// Returns what is known without asking anybody.
    pub fn glimpse(&self, id: WorkspaceId) -> Option<Glimpse> {
        let cell = self.cells.get(&id)?;
        Some(Glimpse {
            status: cell.status(),
            external: cell.is_external(),
            hosted: cell.is_hosted(),
            forwarded_to: self.forwards.get(&id).map(|to| *to),
            delivery_mode: cell.route.read().delivery_mode,
            live_tokens: cell.live_tokens.load(Ordering::Acquire),
            had_tokens: cell.had_tokens.load(Ordering::Relaxed),
        })
    }

    /// Follows forwards from `id` (design §7).
    pub fn follow(&self, id: WorkspaceId) -> Followed {
        let mut at = id;
        for _ in 0..=MAX_HOPS {
            match self.forwards.get(&at).map(|to| *to) {
                Some(next) => at = next,
                None if self.cells.contains_key(&at) => return Followed::At(at),
                None => return Followed::Lost,
            }
        }
        Followed::Lost
    }

    /// Returns how many workspaces are judged by their silence.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Returns the runtimes whose agents this server runs.
    pub fn hosted_runtimes(&self) -> &HostedRuntimes {
        &self.hosted
    }

    /// Returns the hosted workspaces that are not removed.
    pub fn hosted(&self) -> Vec<WorkspaceId> {
        let cells = self.cells.iter();
        let hosted = cells.filter(|c| c.is_hosted() && c.status() != Status::Removed);
        hosted.map(|cell| cell.id).collect()
    }

    /// Returns the ids of hosted workspaces from now on, whenever their row is changed, also
    /// when it ceases to be hosted. A reader that is too slow is told so and looks at all.
    pub fn watch_hosted(&self) -> broadcast::Receiver<WorkspaceId> {
        self.placements.subscribe()
    }

    /// Moves the deadline of a workspace that was heard of.
    pub(crate) fn renew(&self, cell: &Cell) {
        let wait = if cell.is_external() { self.patience.external_ttl } else { self.patience.ttl };
        if let Some(slot) = cell.slot()
            && cell.status().is_heard()
        {
            self.slots.renew(slot, wait);
        }
    }

    /// Publishes a status, and claims or releases the deadline that goes with it.
    fn publish(&self, id: WorkspaceId, status: Status, runtime: &str) -> Arc<Cell> {
        let mut new = false;
        let cell = Arc::clone(
            self.cells
                .entry(id)
                .or_insert_with(|| {
                    new = true;
                    Arc::new(Cell::new(id, status))
                })
                .value(),
        );
        let before = cell.status();
        let was_heard = !new && before.is_heard();
        let hosted = self.hosted.contains(runtime);
        let tell = hosted || cell.is_hosted();
        cell.set_status(status, runtime == EXTERNAL, hosted);
        if tell {
            // Nobody listens before the host starts, and it begins by looking at all.
            let _ = self.placements.send(id);
        }
        // Only signs of life move a deadline: a change of its name keeps nobody alive.
        let waits_on = before == status || (was_heard && status.is_heard());
        match (self.patience.with(status, runtime), cell.slot()) {
            (Some(_), Some(_)) if waits_on => {}
            (Some(wait), Some(slot)) => self.slots.set(slot, wait),
            (Some(wait), None) => cell.set_slot(Some(self.slots.claim(id, wait))),
            (None, Some(slot)) => {
                cell.set_slot(None);
                self.slots.release(slot);
            }
            (None, None) => {}
        }
        match (was_heard, status.is_heard()) {
            (false, true) => _ = self.heard.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.heard.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
        cell
    }

    fn set_forward(&self, id: WorkspaceId, to: Option<WorkspaceId>) {
        match to {
            Some(to) => _ = self.forwards.insert(id, to),
            None => _ = self.forwards.remove(&id),
        }
    }

    fn revoke_all(&self, id: WorkspaceId) {
        self.tokens.drop_workspace(id);
        if let Some(cell) = self.cell(id) {
            cell.live_tokens.store(0, Ordering::Release);
        }
    }

    fn forget(&self, id: WorkspaceId) {
        self.revoke_all(id);
        self.hierarchy.write().forget(id);
        self.forwards.remove(&id);
        self.forwards.retain(|_, to| *to != id);
        self.cells.remove(&id);
    }
}
