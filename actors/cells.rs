//! What the runtime publishes about each workspace, readable without asking anybody.
//!
//! A [`Cell`] exists for every row. Its workspace's actor, or the journal after a commit,
//! writes it; the directory, the batchers and the sweep read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use ractor::ActorRef;

use crate::domain::beat::Vitals;
use crate::domain::dialect::Dialect;
use crate::domain::ids::WorkspaceId;
use crate::domain::record::DeliveryMode;
use crate::domain::status::Status;
use crate::slots::{Slot, Slots};
use crate::workspace::WorkspaceMsg;

/// Where messages to a workspace go, what it is called, and how much it may spend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) name: Arc<str>,
    pub(crate) url: Option<Arc<str>>,
    pub(crate) delivery_mode: DeliveryMode,
    pub(crate) budget_limit: Option<i64>,
    pub(crate) max_concurrent_tasks: i32,
    /// Which generations of A2A its agent speaks, as its card says.
    pub(crate) dialect: Dialect,
}

/// The published state of one workspace.
#[derive(Debug)]
pub struct Cell {
    pub id: WorkspaceId,
    status: AtomicU8,
    external: AtomicBool,
    hosted: AtomicBool,
    quarantined: AtomicBool,
    /// A check for silence is on its way.
    pub(crate) judging: AtomicBool,
    pub(crate) had_tokens: AtomicBool,
    pub(crate) live_tokens: AtomicU32,
    /// Calls waiting for the actor.
    pub(crate) in_flight: AtomicU16,
    /// It has or had messages that are not forgotten; the ledger writes it.
    pub(crate) has_mail: AtomicBool,
    /// Messages that have not ended; the ledger writes it.
    pub(crate) waiting: AtomicU32,
    /// Messages that are being posted.
    pub(crate) posting: AtomicU32,
    /// Which batchers still have to look at it.
    marks: AtomicU8,
    /// Where its deadline lies in the dense array; [`Slots::NONE`] while silence is not judged.
    slot: AtomicU32,
    pub(crate) vitals: Mutex<Vitals>,
    pub(crate) route: RwLock<Route>,
    pub(crate) actor: RwLock<Option<ActorRef<WorkspaceMsg>>>,
}

impl Cell {
    pub(crate) fn new(id: WorkspaceId, status: Status) -> Self {
        Self {
            id,
            status: AtomicU8::new(status as u8),
            external: AtomicBool::new(false),
            hosted: AtomicBool::new(false),
            quarantined: AtomicBool::new(false),
            judging: AtomicBool::new(false),
            had_tokens: AtomicBool::new(false),
            live_tokens: AtomicU32::new(0),
            in_flight: AtomicU16::new(0),
            has_mail: AtomicBool::new(false),
            waiting: AtomicU32::new(0),
            posting: AtomicU32::new(0),
            marks: AtomicU8::new(0),
            slot: AtomicU32::new(Slots::NONE),
            vitals: Mutex::new(Vitals::default()),
            route: RwLock::default(),
            actor: RwLock::new(None),
        }
    }

    /// Returns the status of the last committed change.
    pub fn status(&self) -> Status {
        let index = usize::from(self.status.load(Ordering::Acquire));
        Status::ALL.get(index).copied().unwrap_or(Status::Removed)
    }

    /// Returns whether the runtime is `external`.
    pub fn is_external(&self) -> bool {
        self.external.load(Ordering::Relaxed)
    }

    /// Returns whether the runtime is `isomer`.
    pub fn is_hosted(&self) -> bool {
        self.hosted.load(Ordering::Relaxed)
    }

    /// Returns whether its actor failed too often.
    pub fn is_quarantined(&self) -> bool {
        self.quarantined.load(Ordering::Acquire)
    }

    /// Returns a copy of the heartbeat columns.
    pub fn vitals(&self) -> Vitals {
        self.vitals.lock().clone()
    }

    pub(crate) fn set_status(&self, status: Status, external: bool, hosted: bool) {
        self.external.store(external, Ordering::Relaxed);
        self.hosted.store(hosted, Ordering::Relaxed);
        self.status.store(status as u8, Ordering::Release);
    }

    pub(crate) fn set_route(
        &self,
        name: &str,
        url: Option<&str>,
        delivery_mode: DeliveryMode,
        budget_limit: Option<i64>,
        tasks: i32,
    ) {
        let mut route = self.route.write();
        if *route.name != *name {
            route.name = Arc::from(name);
        }
        if route.url.as_deref() != url {
            route.url = url.map(Arc::from);
        }
        route.delivery_mode = delivery_mode;
        route.budget_limit = budget_limit;
        route.max_concurrent_tasks = tasks;
    }

    pub(crate) fn set_dialect(&self, dialect: Dialect) {
        self.route.write().dialect = dialect;
    }

    pub(crate) fn set_quarantined(&self, yes: bool) {
        self.quarantined.store(yes, Ordering::Release);
    }

    pub(crate) fn slot(&self) -> Option<Slot> {
        let slot = self.slot.load(Ordering::Acquire);
        (slot != Slots::NONE).then_some(slot)
    }

    pub(crate) fn set_slot(&self, slot: Option<Slot>) {
        self.slot.store(slot.unwrap_or(Slots::NONE), Ordering::Release);
    }
}

/// All cells.
pub type Cells = DashMap<WorkspaceId, Arc<Cell>>;

/// The cells that a batcher has to look at: each at most once, however often it is marked.
#[derive(Debug)]
pub struct Marked {
    bit: u8,
    cells: Mutex<Vec<Arc<Cell>>>,
}

impl Marked {
    /// Marks for the snapshot batcher.
    pub fn snapshots() -> Self {
        Self { bit: 1, cells: Mutex::new(Vec::new()) }
    }

    /// Marks for the liveness mirror.
    pub fn mirror() -> Self {
        Self { bit: 2, cells: Mutex::new(Vec::new()) }
    }

    /// Marks `cell`; costs one atomic when it is marked already.
    pub fn mark(&self, cell: &Arc<Cell>) {
        if cell.marks.fetch_or(self.bit, Ordering::AcqRel) & self.bit == 0 {
            self.cells.lock().push(Arc::clone(cell));
        }
    }

    /// Takes all marked cells. Their marks fall before their state is read, so that
    /// a change in between marks them again.
    pub fn take(&self) -> Vec<Arc<Cell>> {
        let taken = std::mem::take(&mut *self.cells.lock());
        for cell in &taken {
            cell.marks.fetch_and(!self.bit, Ordering::AcqRel);
        }
        taken
    }

    /// Returns how many are marked.
    pub fn len(&self) -> usize {
        self.cells.lock().len()
    }

    /// Returns whether none is marked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_taken_once_and_can_be_marked_again() {
        let cell = Arc::new(Cell::new(WorkspaceId::random(), Status::Online));
        let (snapshots, mirror) = (Marked::snapshots(), Marked::mirror());
        for _ in 0..3 {
            snapshots.mark(&cell);
        }
        mirror.mark(&cell);
        assert_eq!(snapshots.take().len(), 1);
        assert_eq!(snapshots.take().len(), 0);
        snapshots.mark(&cell);
        assert_eq!((snapshots.len(), mirror.len()), (1, 1));
    }

    #[test]
    fn every_status_survives_the_atomic() {
        let cell = Cell::new(WorkspaceId::random(), Status::Online);
        for status in Status::ALL {
            cell.set_status(status, true, true);
            assert_eq!(cell.status(), status);
        }
    }
}
