//! A shard supervisor: keeps the actors of its part of the workspaces.
//!
//! Starts one when somebody talks to its workspace, restarts it with backoff when it fails, and
//! quarantines the workspace at its third failure within a minute, without any other noticing.
//! A restart of the shard itself loses only actors, which start again when talked to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::address::Address;
use crate::api::{ChildReport, ChildState, FailureReport, RuntimeError};
use crate::cells::Cell;
use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::domain::restart::{Failures, Verdict, WORKSPACE};
use crate::ports::Loaded;
use crate::quarantine;
use crate::workspace::{WorkspaceActor, WorkspaceMsg};

/// How many shards there are; a workspace belongs to one by its id, for ever (design §6a).
pub const SHARDS: usize = 256;
/// How long a quarantine lasts before the workspace is tried again.
pub const QUARANTINE: Duration = Duration::from_secs(300);
/// How often dormant actors are looked for.
const PASSIVATE_EVERY: Duration = Duration::from_secs(30);
/// How long draining one actor may take at the end.
const DRAIN_LIMIT: Duration = Duration::from_secs(12);
/// Failures of a child are forgotten after this long without another.
const REMEMBER: Duration = Duration::from_secs(3_600);
/// More failures than children plus this, within the time of one quarantine decision, are
/// not the workspaces' fault: the shard fails upwards.
const MELTDOWN_ALLOWANCE: usize = 30;

/// Returns the shard of a workspace: random ids spread evenly by any byte.
pub fn shard_of(id: WorkspaceId) -> usize {
    usize::from(id.0.as_bytes()[15]) % SHARDS
}

/// The answer to [`ShardMsg::Activate`].
pub type Activated = Result<ActorRef<WorkspaceMsg>, RuntimeError>;

/// What a shard is told.
#[derive(Debug)]
pub enum ShardMsg {
    /// Start the actor of this cell unless it runs. What was loaded already need not be again.
    Activate(Arc<Cell>, Option<Box<Loaded>>, Option<oneshot::Sender<Activated>>),
    /// The backoff of a failed actor is over.
    Restart(WorkspaceId),
    /// End a quarantine.
    Release(WorkspaceId, Option<oneshot::Sender<bool>>),
    /// Look for dormant actors.
    Passivate,
    /// Let all actors finish what they have; answers when they are gone.
    Drain(oneshot::Sender<()>),
    /// Tell how the children are.
    Report(oneshot::Sender<ShardReport>),
}

/// A shard's part of the report.
#[derive(Debug, Default)]
pub struct ShardReport {
    pub resident: u64,
    pub quarantined: u64,
    pub restarts: u64,
    pub failing: Vec<ChildReport>,
}

/// The actor.
#[derive(Clone)]
pub struct Shard {
    pub(crate) index: usize,
    pub(crate) address: Address<ShardMsg>,
    pub(crate) context: Context,
}

/// What the actor holds between messages.
#[derive(Debug)]
pub struct State {
    started: Instant,
    children: HashMap<ActorId, Arc<Cell>>,
    failing: HashMap<WorkspaceId, Failing>,
    all: Failures,
    draining: bool,
}

#[derive(Debug)]
struct Failing {
    cell: Arc<Cell>,
    failures: Failures,
    state: ChildState,
    at: DateTime<Utc>,
    error: String,
}

impl Actor for Shard {
    type Msg = ShardMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<ShardMsg>, (): ()) -> Result<State, ActorProcessingErr> {
        // Shards look at different times, so that a large fleet is not swept in one go.
        let stagger = PASSIVATE_EVERY.mul_f64(self.index as f64 / SHARDS as f64);
        me.send_after(PASSIVATE_EVERY + stagger, || ShardMsg::Passivate);
        Ok(State {
            started: Instant::now(),
            children: HashMap::new(),
            failing: HashMap::new(),
            all: Failures::default(),
            draining: false,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<ShardMsg>,
        message: ShardMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            ShardMsg::Activate(cell, loaded, reply) => {
                let activated = self.activate(&me, cell, loaded, state).await;
                if let Some(reply) = reply {
                    let _ = reply.send(activated);
                }
            }
            ShardMsg::Restart(id) => self.restart(&me, id, state).await,
            ShardMsg::Release(id, reply) => {
                let released = self.release(id, state);
                if let Some(reply) = reply {
                    let _ = reply.send(released);
                }
            }
            ShardMsg::Passivate => {
                passivate(state);
                me.send_after(PASSIVATE_EVERY, || ShardMsg::Passivate);
            }
            ShardMsg::Drain(reply) => self.drain(state, reply),
            ShardMsg::Report(reply) => _ = reply.send(report(state)),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<ShardMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => {
                self.forget(&who.get_id(), state);
                Ok(())
            }
            SupervisionEvent::ActorFailed(who, error) => match self.forget(&who.get_id(), state) {
                Some(cell) => self.failed(&me, cell, crate::chain_of(error.as_ref()), state),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Shard {
    async fn activate(
        &self,
        me: &ActorRef<ShardMsg>,
        cell: Arc<Cell>,
        loaded: Option<Box<Loaded>>,
        state: &mut State,
    ) -> Activated {
        if state.draining {
            return Err(RuntimeError::Unavailable(None));
        }
        if cell.is_quarantined() {
            return Err(RuntimeError::Quarantined { retry_after: QUARANTINE });
        }
        let running = cell.actor.read().clone();
        if let Some(actor) = running
            && state.children.contains_key(&actor.get_id())
        {
            return Ok(actor);
        }
        let restarting =
            state.failing.get(&cell.id).is_some_and(|f| f.state == ChildState::Restarting);
        if restarting {
            return Err(RuntimeError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        self.spawn(me, cell, loaded, state).await
    }

    async fn spawn(
        &self,
        me: &ActorRef<ShardMsg>,
        cell: Arc<Cell>,
        loaded: Option<Box<Loaded>>,
        state: &mut State,
    ) -> Activated {
        let actor = WorkspaceActor { context: self.context.clone(), cell: Arc::clone(&cell) };
        match Actor::spawn_linked(None, actor, loaded, me.get_cell()).await {
            Ok((actor, _)) => {
                *cell.actor.write() = Some(actor.clone());
                state.children.insert(actor.get_id(), cell);
                self.context.metrics.resident.inc();
                Ok(actor)
            }
            Err(error) => {
                warn!(workspace = %cell.id, error = %crate::chain_of(&error), "could not start");
                Err(RuntimeError::Unavailable(None))
            }
        }
    }

    /// Takes an ended child off the books.
    fn forget(&self, who: &ActorId, state: &mut State) -> Option<Arc<Cell>> {
        let cell = state.children.remove(who)?;
        self.context.metrics.resident.dec();
        let mut actor = cell.actor.write();
        // A successor may have taken its place.
        if actor.as_ref().is_some_and(|actor| actor.get_id() == *who) {
            *actor = None;
        }
        drop(actor);
        Some(cell)
    }

    fn failed(
        &self,
        me: &ActorRef<ShardMsg>,
        cell: Arc<Cell>,
        why: String,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let now = state.started.elapsed();
        let id = cell.id;
        let allowance = state.children.len() + MELTDOWN_ALLOWANCE;
        let window = crate::domain::restart::Intensity { failures: allowance, ..WORKSPACE };
        if state.all.record(now, window) == Verdict::GiveUp {
            error!(shard = self.index, "more failures than workspaces, failing upwards");
            return Err(format!("{allowance} workspace failures in {:?}", WORKSPACE.within).into());
        }
        let at = self.context.clock.now();
        let failing = state.failing.entry(id).or_insert_with(|| Failing {
            cell,
            failures: Failures::default(),
            state: ChildState::Restarting,
            at,
            error: String::new(),
        });
        failing.at = at;
        failing.error.clone_from(&why);
        match failing.failures.record(now, WORKSPACE) {
            Verdict::RestartAfter(wait) => {
                failing.state = ChildState::Restarting;
                warn!(workspace = %id, error = why, "workspace actor failed, restarting");
                me.send_after(wait, move || ShardMsg::Restart(id));
            }
            Verdict::GiveUp => {
                failing.state = ChildState::Quarantined;
                failing.cell.set_quarantined(true);
                error!(workspace = %id, error = why, "workspace quarantined");
                self.context.metrics.quarantines.inc();
                quarantine::record(self.context.clone(), id, failing.failures.total, true);
                me.send_after(QUARANTINE, move || ShardMsg::Release(id, None));
            }
        }
        Ok(())
    }

    async fn restart(&self, me: &ActorRef<ShardMsg>, id: WorkspaceId, state: &mut State) {
        let Some(failing) = state.failing.get_mut(&id) else {
            return;
        };
        if failing.state != ChildState::Restarting || state.draining {
            return;
        }
        failing.state = ChildState::Running;
        let cell = Arc::clone(&failing.cell);
        self.context.metrics.restarts.inc();
        if cell.status().is_live() {
            let _ = self.spawn(me, cell, None, state).await;
        }
    }

    fn release(&self, id: WorkspaceId, state: &mut State) -> bool {
        let Some(failing) = state.failing.get_mut(&id) else {
            return false;
        };
        if failing.state != ChildState::Quarantined {
            return false;
        }
        failing.state = ChildState::Stopped;
        failing.failures.forgive();
        failing.cell.set_quarantined(false);
        quarantine::record(self.context.clone(), id, failing.failures.total, false);
        true
    }

    fn drain(&self, state: &mut State, reply: oneshot::Sender<()>) {
        state.draining = true;
        let actors: Vec<_> =
            state.children.values().filter_map(|cell| cell.actor.write().take()).collect();
        tokio::spawn(async move {
            for actor in &actors {
                let _ = actor.drain();
            }
            for actor in actors {
                let _ = actor.get_cell().wait(Some(DRAIN_LIMIT)).await;
            }
            let _ = reply.send(());
        });
    }
}

/// Lets actors go whose workspace is not live and to whom nobody talks. Whoever holds the
/// old reference is refused by the draining actor and asks for a new one.
fn passivate(state: &mut State) {
    let now = state.started.elapsed();
    state.failing.retain(|_, failing| {
        failing.state == ChildState::Quarantined || !failing.failures.is_quiet(now, REMEMBER)
    });
    for cell in state.children.values() {
        let idle = cell.in_flight.load(std::sync::atomic::Ordering::Acquire) == 0;
        if idle
            && !cell.status().is_live()
            && let Some(actor) = cell.actor.write().take()
        {
            let _ = actor.drain();
        }
    }
}

fn report(state: &State) -> ShardReport {
    let quarantined = state.failing.values().filter(|f| f.state == ChildState::Quarantined).count();
    let failing = state.failing.iter().map(|(id, failing)| ChildReport {
        child: format!("shards/{}/{id}", shard_of(*id)),
        state: failing.state,
        restarts: failing.failures.total,
        last_failure: Some(FailureReport { at: failing.at, error: failing.error.clone() }),
        mailbox_depth: u64::from(failing.cell.in_flight.load(std::sync::atomic::Ordering::Relaxed)),
        children: None,
    });
    ShardReport {
        resident: state.children.len() as u64,
        quarantined: quarantined as u64,
        restarts: state.all.total,
        failing: failing.collect(),
    }
}
