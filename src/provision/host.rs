//! The host: one keeper for every workspace whose agent this server runs, and no others.
//!
//! Owns which keepers there are. A restart of the server loses nothing: what is wanted is read
//! from the runtime's memory, which is read from the store.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use isomer_actors::api::{Cause, RunReport};
use isomer_actors::chain_of;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::engine::{Engine, HostSettings};
use super::keeper::{END_LIMIT, Keeper, Order, Outcome, Wish};
use super::refresh::Refreshes;
use super::restarts::Restarts;
use super::workspaces::runs_in;
use super::{Backend, Prepare, Workspaces};

/// Orders that may wait for the host, and for one keeper.
const MAX_COMMANDS: usize = 64;
const MAX_ORDERS: usize = 4;
/// Between two looks at everything: hints may be lost, and agents may run that nobody keeps.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long an order may take: longer than it takes to record what became of it.
const ORDER_LIMIT: Duration = Duration::from_secs(20);

/// Why an order was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("its agent is not running")]
    NotRunning,
    #[error("this server runs as many agents as it may (ISOMER_HOSTED_AGENTS)")]
    NoRoom,
    /// Too many orders, or no answer in time. It may have been carried out.
    #[error("the agent host is busy")]
    Busy,
}

#[derive(Debug)]
enum Command {
    Order(WorkspaceId, Order),
    /// What these agents are given has changed.
    Refresh(Vec<WorkspaceId>),
}

/// The handle by which people stop and restart agents. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    commands: mpsc::Sender<Command>,
    /// Agents that run or wait for room.
    taken: Arc<AtomicUsize>,
    running: Arc<Mutex<HashSet<WorkspaceId>>>,
    restarted: broadcast::Sender<WorkspaceId>,
    limit: usize,
}

impl Host {
    /// Returns a host and its work, which has not begun.
    pub fn new(
        workspaces: Arc<dyn Workspaces>,
        backend: Arc<dyn Backend>,
        prepare: Arc<dyn Prepare>,
        settings: HostSettings,
    ) -> (Self, Work) {
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let limit = settings.limit;
        let engine = Arc::new(Engine::new(backend, workspaces, settings));
        let host = Self {
            commands: sender,
            taken: Arc::default(),
            running: Arc::clone(&engine.running),
            restarted: engine.restarted.clone(),
            limit,
        };
        let work = Work {
            engine,
            prepare,
            limit,
            taken: Arc::clone(&host.taken),
            commands,
            seats: HashMap::new(),
            tasks: HashMap::new(),
            waiting: BTreeSet::new(),
            refreshes: Refreshes::default(),
            keepers: JoinSet::new(),
            ending: HashSet::new(),
            enders: JoinSet::new(),
        };
        (host, work)
    }

    /// Returns how many agents may run.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns whether another agent may run. Of two callers at once both may be told yes; then
    /// the later workspace waits until there is room.
    pub fn has_room(&self) -> bool {
        self.taken.load(Ordering::Acquire) < self.limit
    }

    /// Returns whether an agent runs here now: from the start of its process to its end.
    pub fn runs(&self, id: WorkspaceId) -> bool {
        self.running.lock().contains(&id)
    }

    /// Ends an agent as a crash would. When it returns, the runtime knows; the agent comes back
    /// after [`super::PAUSE_AFTER_STOP`].
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn stop(&self, id: WorkspaceId) -> Result<(), Refused> {
        self.order(id, Wish::Stop).await
    }

    /// Ends an agent and starts it at once. When it returns, the runtime knows. One that was
    /// given up is started too.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn restart(&self, id: WorkspaceId) -> Result<(), Refused> {
        self.order(id, Wish::Restart(Cause::Restart)).await
    }

    /// Starts agents anew in the background, because secrets that they are given have changed: once for many
    /// changes, and not all at once. Those that are not run here, or rest, are left alone.
    pub fn refresh(&self, ids: Vec<WorkspaceId>) {
        let count = ids.len();
        if self.commands.try_send(Command::Refresh(ids)).is_err() {
            warn!(count, "the agent host is busy: agents keep what they were given");
        }
    }

    /// Returns the agents that are started anew from now on.
    pub fn watch_restarts(&self) -> broadcast::Receiver<WorkspaceId> {
        self.restarted.subscribe()
    }

    /// Tells that an agent is wanted anew.
    pub fn started_anew(&self, id: WorkspaceId) {
        let _ = self.restarted.send(id);
    }

    async fn order(&self, id: WorkspaceId, wish: Wish) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Order(id, Order { wish, reply });
        self.commands.try_send(command).map_err(|_| Refused::Busy)?;
        match timeout(ORDER_LIMIT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Refused::NotRunning),
            Err(_) => Err(Refused::Busy),
        }
    }
}

/// A place for one agent.
#[derive(Debug)]
struct Seat {
    orders: mpsc::Sender<Order>,
    hint: Arc<Notify>,
    stop: CancellationToken,
}

/// What the host does.
#[expect(missing_debug_implementations, reason = "holds ports, which have none")]
pub struct Work {
    engine: Arc<Engine>,
    prepare: Arc<dyn Prepare>,
    limit: usize,
    taken: Arc<AtomicUsize>,
    commands: mpsc::Receiver<Command>,
    seats: HashMap<WorkspaceId, Seat>,
    tasks: HashMap<Id, WorkspaceId>,
    /// Wanted, and no room for them.
    waiting: BTreeSet<WorkspaceId>,
    refreshes: Refreshes,
    keepers: JoinSet<Outcome>,
    /// They go to sleep, and are being ended.
    ending: HashSet<WorkspaceId>,
    enders: JoinSet<WorkspaceId>,
}

impl Work {
    /// Runs what is wanted until `stop`. Then all agents end, unless they outlive the server.
    ///
    /// # Cancel safety
    /// Dropping the future kills the agents, unless they outlive the server.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut hints = self.engine.workspaces.watch();
        // What is wanted is known as a whole by now, so what is not may be ended.
        tokio::select! {
            _ = self.engine.answers() => {}
            () = stop.cancelled() => return,
        }
        for id in self.engine.workspaces.all() {
            // A start is another try for those that were given up.
            self.look_at(id, true);
        }
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        while !stop.is_cancelled() {
            let refresh = self.refreshes.next();
            tokio::select! {
                () = stop.cancelled() => {}
                Some(command) = self.commands.recv() => self.carry_out(command),
                hint = hints.recv() => match hint {
                    Ok(id) => self.look_at(id, false),
                    Err(RecvError::Lagged(_)) => self.look_at_all(),
                    // The runtime has ended.
                    Err(RecvError::Closed) => break,
                },
                Some(ended) = self.keepers.join_next_with_id() => self.ended(ended),
                Some(asleep) = self.enders.join_next() => {
                    match asleep {
                        Ok(id) => self.put_away(id),
                        // Whose it was is not known; ending another one twice does no harm.
                        Err(_) => self.ending.clear(),
                    }
                }
                _ = looks.tick() => {
                    self.look_at_all();
                    let engine = Arc::clone(&self.engine);
                    tokio::spawn(async move { engine.answers().await });
                },
                () = sleep_until(refresh.unwrap_or_else(Instant::now)), if refresh.is_some() => {
                    self.refresh();
                }
            }
            self.taken.store(self.seats.len() + self.waiting.len(), Ordering::Release);
        }
        if self.engine.backend.outlives_server() {
            self.keepers.shutdown().await;
            return;
        }
        for seat in self.seats.values() {
            seat.stop.cancel();
        }
        while self.keepers.join_next().await.is_some() {}
    }

    /// Makes what runs match what is wanted of one workspace.
    fn look_at(&mut self, id: WorkspaceId, also_failed: bool) {
        let known = self.engine.workspaces.status(id);
        let status = known.filter(|status| runs_in(*status));
        match (self.seats.get(&id), status) {
            (Some(seat), None) => seat.stop.cancel(),
            (Some(seat), Some(_)) => seat.hint.notify_one(),
            (None, Some(Status::Failed)) if !also_failed => {}
            // A new run would be ended as well.
            (None, Some(_)) if self.ending.contains(&id) => {}
            (None, Some(_)) => _ = self.seat(id, None),
            (None, None) => _ = self.waiting.remove(&id),
        }
        if known == Some(Status::Hibernating) && !self.seats.contains_key(&id) {
            self.put_to_sleep(id);
        }
    }

    fn look_at_all(&mut self) {
        let seated = self.seats.keys().chain(&self.waiting).copied();
        let all: BTreeSet<_> = seated.chain(self.engine.workspaces.all()).collect();
        for id in all {
            self.look_at(id, false);
        }
    }

    /// What was left of one that goes to sleep has ended; it may have been woken meanwhile.
    fn put_away(&mut self, id: WorkspaceId) {
        self.ending.remove(&id);
        if self.engine.workspaces.status(id).is_some_and(runs_in) {
            self.look_at(id, false);
        }
    }

    /// Its keeper has gone, or there was none: what runs all the same is ended, then it sleeps. A
    /// failure is tried again with the next look at everything.
    fn put_to_sleep(&mut self, id: WorkspaceId) {
        if !self.ending.insert(id) {
            return;
        }
        let engine = Arc::clone(&self.engine);
        self.enders.spawn(async move {
            match timeout(END_LIMIT, engine.backend.end(id)).await {
                Ok(Ok(())) => {
                    if let Err(error) = engine.workspaces.report(id, RunReport::Asleep).await {
                        let error = chain_of(&error);
                        warn!(workspace_id = %id, %error, "it sleeps, which could not be recorded");
                    }
                }
                Ok(Err(error)) => {
                    warn!(workspace_id = %id, %error, "it could not be put to sleep");
                }
                Err(_) => warn!(workspace_id = %id, "it could not be put to sleep in time"),
            }
            id
        });
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Order(id, order) => self.give_order(id, order),
            Command::Refresh(ids) => {
                let now = Instant::now();
                for id in ids {
                    self.refreshes.changed(id, now);
                }
            }
        }
    }

    fn give_order(&mut self, id: WorkspaceId, order: Order) {
        let refusal = match self.seats.get(&id) {
            Some(seat) => match seat.orders.try_send(order) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(order)) => Some((order, Refused::Busy)),
                Err(mpsc::error::TrySendError::Closed(order)) => Some((order, Refused::NotRunning)),
            },
            None if order.wish == Wish::Stop => Some((order, Refused::NotRunning)),
            None if !self.engine.workspaces.status(id).is_some_and(runs_in) => {
                Some((order, Refused::NotRunning))
            }
            None if self.ending.contains(&id) => Some((order, Refused::Busy)),
            None => self.seat(id, Some(order)).map(|order| (order, Refused::NoRoom)),
        };
        if let Some((order, refused)) = refusal {
            let _ = order.reply.send(Err(refused));
        }
    }

    /// Starts those anew whose time has come.
    fn refresh(&mut self) {
        let lot = self.engine.settings.starts_at_once;
        for id in self.refreshes.take(Instant::now(), lot) {
            if self.engine.workspaces.status(id).is_some_and(runs_in) {
                info!(workspace_id = %id, "what its agent is given has changed: it starts anew");
                let (reply, _) = oneshot::channel();
                let wish = Wish::Restart(Cause::SecretChanged);
                self.give_order(id, Order { wish, reply });
            }
        }
    }

    /// Starts a keeper, with its first order if there is one; gives that back when there is no room.
    fn seat(&mut self, id: WorkspaceId, order: Option<Order>) -> Option<Order> {
        if self.seats.len() >= self.limit {
            if self.waiting.insert(id) {
                let limit = self.limit;
                warn!(workspace_id = %id, limit, "no room for its agent (ISOMER_HOSTED_AGENTS); it waits");
            }
            return order;
        }
        self.waiting.remove(&id);
        let (sender, orders) = mpsc::channel(MAX_ORDERS);
        if let Some(order) = order {
            // The channel is empty and open.
            let _ = sender.try_send(order);
        }
        let (stop, hint) = (CancellationToken::new(), Arc::<Notify>::default());
        let keeper = Keeper {
            id,
            engine: Arc::clone(&self.engine),
            prepare: Arc::clone(&self.prepare),
            orders,
            hint: Arc::clone(&hint),
            stop: stop.clone(),
            restarts: Restarts::default(),
        };
        let task = self.keepers.spawn(keeper.keep()).id();
        self.engine.seated.lock().insert(id);
        self.tasks.insert(task, id);
        self.seats.insert(id, Seat { orders: sender, hint, stop });
        None
    }

    fn ended(&mut self, ended: Result<(Id, Outcome), JoinError>) {
        let (task, outcome) = match ended {
            Ok((task, outcome)) => (task, outcome),
            Err(error) => {
                error!(%error, "a keeper of an agent panicked");
                (error.id(), Outcome::GivenUp)
            }
        };
        let found = self.tasks.remove(&task);
        let Some((id, seat)) = found.and_then(|id| self.seats.remove_entry(&id)) else {
            return;
        };
        self.engine.seated.lock().remove(&id);
        info!(workspace_id = %id, ?outcome, "its agent is not kept any more");
        if seat.stop.is_cancelled() {
            // It may be wanted again by now, or sleep.
            self.look_at(id, false);
        }
        while self.seats.len() < self.limit
            && let Some(next) = self.waiting.pop_first()
        {
            self.look_at(next, true);
        }
    }
}
