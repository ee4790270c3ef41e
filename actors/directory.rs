//! The handle by which everybody talks to workspaces.
//!
//! Callers never hold an `ActorRef`: the directory finds the actor, starts it if need be, bounds
//! what is in flight, and gives every call a time limit. What begins is finished by the actors,
//! also when the caller goes away.

mod delegations;
mod lifecycle;
mod record;
mod report;
mod structure;
mod trees;

pub use self::trees::{Beside, Planned};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use ractor::{ActorRef, MessagingErr};
use serde_json::Value;
use tokio::sync::{broadcast, oneshot};

use crate::address::Address;
use crate::api::{
    AgentChanged, AgentCommand, Destination, Followed, Glimpse, Patch, Registered, Registration,
    RunReport, RuntimeError,
};
use crate::cells::Cell;
use crate::context::Context;
use crate::domain::beat::{Beat, RuntimeMetadata};
use crate::domain::hierarchy::Peers;
use crate::domain::ids::WorkspaceId;
use crate::domain::status::Status;
use crate::indexes::HostedRuntimes;
use crate::liveness::{LivenessReport, Pulse, SweepMsg};
use crate::ports::{LivenessMirror, WorkspaceView};
use crate::shard::{ShardMsg, shard_of};
use crate::supervise::RootMsg;
use crate::workspace::{Reply, WorkspaceMsg};

/// Calls of one workspace that may wait at the same time.
pub const MAX_IN_FLIGHT_EACH: u16 = 256;
/// Calls that may wait at the same time in total.
pub const MAX_IN_FLIGHT: usize = 50_000;
/// How long a call may take: longer than a commit.
pub const CALL_LIMIT: Duration = Duration::from_secs(15);
/// How long starting an actor may take.
const ACTIVATE_LIMIT: Duration = Duration::from_secs(5);
/// How often a message is handed to a new actor because the old one was just leaving.
const MAX_HANDOVERS: usize = 4;
/// What callers are told to wait when too much is in flight.
const COME_BACK: Duration = Duration::from_secs(1);

/// Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    context: Context,
    shards: Arc<[Address<ShardMsg>]>,
    in_flight: Arc<AtomicUsize>,
    sweep: Address<SweepMsg>,
    pulse: Arc<Pulse>,
    mirror: Arc<dyn LivenessMirror>,
    root: Arc<RwLock<Option<ActorRef<RootMsg>>>>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

impl Directory {
    pub(crate) fn new(
        context: Context,
        shards: Arc<[Address<ShardMsg>]>,
        sweep: Address<SweepMsg>,
        pulse: Arc<Pulse>,
        mirror: Arc<dyn LivenessMirror>,
    ) -> Self {
        Self {
            context,
            shards,
            in_flight: Arc::default(),
            sweep,
            pulse,
            mirror,
            root: Arc::default(),
        }
    }

    /// Returns what is known in memory; `None` for an id without a row.
    pub fn glimpse(&self, id: WorkspaceId) -> Option<Glimpse> {
        self.context.indexes.glimpse(id)
    }

    /// Returns whether the two may exchange messages (contract 02 §6).
    pub fn may_talk(&self, a: WorkspaceId, b: WorkspaceId) -> bool {
        self.context.indexes.hierarchy.read().may_talk(a, b)
    }

    /// Returns whether one workspace is an ancestor of another.
    pub fn is_above(&self, above: WorkspaceId, id: WorkspaceId) -> bool {
        self.context.indexes.hierarchy.read().is_above(above, id)
    }

    /// Returns the direct relations of a workspace.
    pub fn peers(&self, id: WorkspaceId) -> Peers {
        self.context.indexes.hierarchy.read().peers(id)
    }

    /// Returns the children of a workspace that are not removed.
    pub fn children(&self, id: WorkspaceId) -> Vec<WorkspaceId> {
        self.context.indexes.hierarchy.read().children(id)
    }

    /// Returns everything below a workspace, removed or not.
    pub fn descendants(&self, id: WorkspaceId) -> Vec<WorkspaceId> {
        self.context.indexes.hierarchy.read().descendants(id)
    }

    /// Checks that `parent` may become the parent of `id`.
    ///
    /// # Errors
    /// `Parent` with the reason.
    pub fn check_parent(&self, id: WorkspaceId, parent: WorkspaceId) -> Result<(), RuntimeError> {
        Ok(self.context.indexes.hierarchy.read().check_parent(id, parent)?)
    }

    /// Follows forwards from `id`, at most five hops.
    pub fn follow(&self, id: WorkspaceId) -> Followed {
        self.context.indexes.follow(id)
    }

    /// Replaces the heartbeat columns of a stored view by what was published, if newer, and adds
    /// what only the runtime knows.
    pub fn overlay(&self, view: &mut WorkspaceView) {
        if let Some(cell) = self.context.indexes.cell(view.record.id) {
            view.queue_depth = cell.waiting.load(Ordering::Acquire);
            let vitals = cell.vitals.lock();
            if vitals.last_heartbeat_at >= view.vitals.last_heartbeat_at
                && vitals.last_heartbeat_at.is_some()
            {
                view.vitals.clone_from(&vitals);
            }
        }
    }

    /// Returns what the agent declared with its beats.
    pub fn runtime_metadata(&self, id: WorkspaceId) -> Option<RuntimeMetadata> {
        let cell = self.context.indexes.cell(id)?;
        let vitals = cell.vitals.lock();
        vitals.metadata.as_deref().cloned()
    }

    /// Returns where messages to a workspace go; `None` for an id without a row.
    pub fn destination(&self, id: WorkspaceId) -> Option<Destination> {
        let cell = self.context.indexes.cell(id)?;
        let route = cell.route.read().clone();
        let vitals = cell.vitals.lock();
        let metadata = vitals.metadata.as_deref();
        let idle = metadata.and_then(|declared| declared.idle_timeout_seconds);
        Some(Destination {
            name: route.name,
            status: cell.status(),
            hosted: cell.is_hosted(),
            url: route.url.filter(|url| !url.is_empty()),
            dialect: route.dialect,
            delivery_mode: route.delivery_mode,
            budget_exceeded: route.budget_limit.is_some_and(|limit| vitals.monthly_spend >= limit),
            idle_limit: idle.filter(|s| *s > 0).map(|s| Duration::from_secs(s.into())),
            keeps_session: metadata
                .and_then(|declared| declared.capabilities.get("session"))
                .is_some_and(|declared| *declared),
        })
    }

    /// Takes in a heartbeat. When it returns, reads see it.
    ///
    /// # Errors
    /// `Removed` (410), `NotFound` (404), or that the runtime cannot now.
    pub async fn beat(&self, id: WorkspaceId, beat: Beat) -> Result<(), RuntimeError> {
        let cell = self.cell(id)?;
        if cell.status() == Status::Removed {
            return Err(RuntimeError::Removed);
        }
        self.ask(&cell, |reply| WorkspaceMsg::Beat(Box::new(beat), reply)).await?;
        self.context.mailroom.poke(&cell);
        Ok(())
    }

    /// Registers an agent, creating the workspace if the caller may.
    ///
    /// # Errors
    /// See [`RuntimeError`]; nothing was changed unless it is `Unknown`.
    pub async fn register(&self, registration: Registration) -> Result<Registered, RuntimeError> {
        match self.context.indexes.cell(registration.id) {
            Some(cell) => {
                let message = |reply| WorkspaceMsg::Register(Box::new(registration), reply);
                let registered = self.ask(&cell, message).await?;
                self.context.mailroom.poke(&cell);
                Ok(registered)
            }
            None if registration.may_create => self.create_registered(registration).await,
            None => Err(RuntimeError::MayNotCreate),
        }
    }

    /// Replaces the agent card.
    ///
    /// # Errors
    /// See [`RuntimeError`].
    pub async fn update_card(&self, id: WorkspaceId, card: Value) -> Result<(), RuntimeError> {
        let cell = self.cell(id)?;
        self.ask(&cell, |reply| WorkspaceMsg::Card(Box::new(card), reply)).await
    }

    /// Changes fields, all or none.
    ///
    /// # Errors
    /// See [`RuntimeError`].
    pub async fn patch(&self, id: WorkspaceId, patch: Patch) -> Result<(), RuntimeError> {
        let cell = self.cell(id)?;
        let layout = patch.layout;
        let structure = Patch { layout: Default::default(), ..patch.clone() };
        if structure == Patch::default() {
            return self.arrange(&[(id, layout)]).await.map_err(|(_, error)| error);
        }
        self.ask(&cell, |reply| WorkspaceMsg::Patch(Box::new(patch), reply)).await
    }

    /// Assigns, replaces or removes the agent.
    ///
    /// # Errors
    /// `AgentActive`, `NoAgent`, or as elsewhere.
    pub async fn agent(
        &self,
        id: WorkspaceId,
        command: AgentCommand,
    ) -> Result<AgentChanged, RuntimeError> {
        let cell = self.cell(id)?;
        self.ask(&cell, |reply| WorkspaceMsg::Agent(command, reply)).await
    }

    /// Takes in what whoever runs a workspace's agent says; returns whether the status changed.
    ///
    /// # Errors
    /// See [`RuntimeError`].
    pub async fn report_run(
        &self,
        id: WorkspaceId,
        report: RunReport,
    ) -> Result<bool, RuntimeError> {
        let cell = self.cell(id)?;
        self.ask(&cell, |reply| WorkspaceMsg::Run(Box::new(report), reply)).await
    }

    /// Returns the workspaces of the runtime `isomer` that are not removed.
    pub fn hosted(&self) -> Vec<WorkspaceId> {
        self.context.indexes.hosted()
    }

    /// Returns the runtimes whose agents this server runs.
    pub fn hosted_runtimes(&self) -> &HostedRuntimes {
        self.context.indexes.hosted_runtimes()
    }

    /// Returns the ids of hosted workspaces from now on, whenever their row is changed: hints
    /// to look at them. A reader that is too slow misses some, is told so and looks at all.
    pub fn watch_hosted(&self) -> broadcast::Receiver<WorkspaceId> {
        self.context.indexes.watch_hosted()
    }

    /// Ends a quarantine by hand.
    ///
    /// # Errors
    /// `NotFound` when the workspace is not quarantined.
    pub async fn release(&self, id: WorkspaceId) -> Result<(), RuntimeError> {
        let shard = &self.shards[shard_of(id)];
        let released = shard
            .call(ACTIVATE_LIMIT, |reply| ShardMsg::Release(id, Some(reply)))
            .await
            .map_err(|_| RuntimeError::Unavailable(None))?;
        if released { Ok(()) } else { Err(RuntimeError::NotFound) }
    }

    /// Returns how liveness is judged now.
    pub fn liveness(&self) -> LivenessReport {
        let (now, heard) = (self.context.clock.now(), self.context.indexes.heard());
        self.pulse.report(now, heard, self.mirror.is_reachable())
    }

    /// Sweeps now; returns how many workspaces changed their status. For tests and people.
    ///
    /// # Errors
    /// `Unavailable` while the sweep restarts.
    pub async fn sweep(&self) -> Result<usize, RuntimeError> {
        let swept = self.sweep.call(CALL_LIMIT, SweepMsg::Now).await;
        swept.map_err(|_| RuntimeError::Unavailable(None))
    }

    /// Lets the sweep come early.
    pub(crate) fn sweep_soon(&self) {
        if self.sweep.waiting() == 0 {
            let (reply, _) = oneshot::channel();
            let _ = self.sweep.cast(SweepMsg::Now(reply));
        }
    }

    /// Lets a workspace look at its deadline; returns whether its status changed.
    pub(crate) async fn silent(&self, cell: &Arc<Cell>) -> Result<bool, RuntimeError> {
        self.ask(cell, WorkspaceMsg::Silent).await
    }

    pub(crate) fn set_root(&self, root: ActorRef<RootMsg>) {
        *self.root.write() = Some(root);
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn shards(&self) -> &[Address<ShardMsg>] {
        &self.shards
    }

    fn cell(&self, id: WorkspaceId) -> Result<Arc<Cell>, RuntimeError> {
        self.context.indexes.cell(id).ok_or(RuntimeError::NotFound)
    }

    /// Sends a message to a workspace's actor and waits for the answer.
    async fn ask<T>(
        &self,
        cell: &Arc<Cell>,
        message: impl FnOnce(Reply<T>) -> WorkspaceMsg,
    ) -> Result<T, RuntimeError> {
        let _admitted = self.admit(cell)?;
        let (reply, answer) = oneshot::channel();
        self.deliver(cell, message(reply)).await?;
        match tokio::time::timeout(CALL_LIMIT, answer).await {
            Ok(Ok(result)) => result,
            // The actor ended with the message: whether it had its effect nobody knows.
            Ok(Err(_)) | Err(_) => Err(RuntimeError::Unknown),
        }
    }

    async fn deliver(
        &self,
        cell: &Arc<Cell>,
        mut message: WorkspaceMsg,
    ) -> Result<(), RuntimeError> {
        for _ in 0..MAX_HANDOVERS {
            let running = cell.actor.read().clone();
            let actor = match running {
                Some(actor) => actor,
                None => self.activate(cell).await?,
            };
            match actor.send_message(message) {
                Ok(()) => return Ok(()),
                // It was leaving: the message comes back and goes to its successor.
                Err(MessagingErr::SendErr(back)) => {
                    message = back;
                    let mut current = cell.actor.write();
                    if current.as_ref().is_some_and(|a| a.get_id() == actor.get_id()) {
                        *current = None;
                    }
                }
                Err(_) => return Err(RuntimeError::Unavailable(None)),
            }
        }
        Err(RuntimeError::Overloaded { retry_after: COME_BACK })
    }

    async fn activate(&self, cell: &Arc<Cell>) -> Result<ActorRef<WorkspaceMsg>, RuntimeError> {
        let message = |reply| ShardMsg::Activate(Arc::clone(cell), None, Some(reply));
        let activated = self.shards[shard_of(cell.id)].call(ACTIVATE_LIMIT, message).await;
        activated.map_err(|_| RuntimeError::Unavailable(None))?
    }

    /// Turns callers away while too much is in flight, one workspace's before everybody's.
    fn admit<'a>(&'a self, cell: &'a Cell) -> Result<Admitted<'a>, RuntimeError> {
        let turned_away = || {
            self.context.metrics.overloaded.inc();
            RuntimeError::Overloaded { retry_after: COME_BACK }
        };
        if cell.is_quarantined() {
            return Err(RuntimeError::Quarantined { retry_after: crate::shard::QUARANTINE });
        }
        if cell.in_flight.fetch_add(1, Ordering::AcqRel) >= MAX_IN_FLIGHT_EACH {
            cell.in_flight.fetch_sub(1, Ordering::AcqRel);
            return Err(turned_away());
        }
        let admitted = Admitted { cell, total: &self.in_flight };
        if self.in_flight.fetch_add(1, Ordering::AcqRel) >= MAX_IN_FLIGHT {
            return Err(turned_away());
        }
        Ok(admitted)
    }
}

/// A call in flight, until dropped.
struct Admitted<'a> {
    cell: &'a Cell,
    total: &'a AtomicUsize,
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.cell.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.total.fetch_sub(1, Ordering::AcqRel);
    }
}
