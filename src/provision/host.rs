//! The host: one keeper for every workspace whose agent this server runs, and no others.
//!
//! Owns which keepers there are. A restart of the server loses nothing: what is wanted is read
//! from the runtime's memory, which is read from the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::keeper::{Keeper, Order, Outcome, Wish};
use super::restarts::Restarts;
use super::workspaces::runs_in;
use super::{Backend, Prepare, Workspaces};

/// Orders that may wait for the host, and for one keeper.
const MAX_COMMANDS: usize = 64;
const MAX_ORDERS: usize = 4;
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
struct Command {
    id: WorkspaceId,
    order: Order,
}

/// The handle by which people stop and restart agents. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    commands: mpsc::Sender<Command>,
    /// Agents that run or wait for room.
    taken: Arc<AtomicUsize>,
    limit: usize,
}

impl Host {
    /// Returns a host that runs at most `limit` agents, and its work, which has not begun.
    pub fn new(
        workspaces: Arc<dyn Workspaces>,
        backend: Arc<dyn Backend>,
        prepare: Arc<dyn Prepare>,
        limit: usize,
    ) -> (Self, Work) {
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let host = Self { commands: sender, taken: Arc::default(), limit };
        let work = Work {
            workspaces,
            backend,
            prepare,
            limit,
            taken: Arc::clone(&host.taken),
            commands,
            seats: HashMap::new(),
            waiting: BTreeSet::new(),
            keepers: JoinSet::new(),
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
        self.order(id, Wish::Restart).await
    }

    async fn order(&self, id: WorkspaceId, wish: Wish) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        let command = Command { id, order: Order { wish, reply } };
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
    task: Id,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
}

/// What the host does.
#[expect(missing_debug_implementations, reason = "holds ports, which have none")]
pub struct Work {
    workspaces: Arc<dyn Workspaces>,
    backend: Arc<dyn Backend>,
    prepare: Arc<dyn Prepare>,
    limit: usize,
    taken: Arc<AtomicUsize>,
    commands: mpsc::Receiver<Command>,
    seats: HashMap<WorkspaceId, Seat>,
    /// Wanted, and no room for them.
    waiting: BTreeSet<WorkspaceId>,
    keepers: JoinSet<Outcome>,
}

impl Work {
    /// Runs what is wanted until `stop`, then ends all agents.
    ///
    /// # Cancel safety
    /// Dropping the future kills the agents.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut hints = self.workspaces.watch();
        for id in self.workspaces.all() {
            // A start is another try for those that were given up.
            self.look_at(id, true);
        }
        while !stop.is_cancelled() {
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
            }
            self.taken.store(self.seats.len() + self.waiting.len(), Ordering::Release);
        }
        for seat in self.seats.values() {
            seat.stop.cancel();
        }
        while self.keepers.join_next().await.is_some() {}
    }

    /// Makes what runs match what is wanted of one workspace.
    fn look_at(&mut self, id: WorkspaceId, also_failed: bool) {
        let status = self.workspaces.status(id).filter(|status| runs_in(*status));
        match (self.seats.get(&id), status) {
            (Some(seat), None) => seat.stop.cancel(),
            (Some(_), Some(_)) => {}
            (None, Some(Status::Failed)) if !also_failed => {}
            (None, Some(_)) => _ = self.seat(id, None),
            (None, None) => _ = self.waiting.remove(&id),
        }
    }

    fn look_at_all(&mut self) {
        let seated = self.seats.keys().chain(&self.waiting).copied();
        let all: BTreeSet<_> = seated.chain(self.workspaces.all()).collect();
        for id in all {
            self.look_at(id, false);
        }
    }

    fn carry_out(&mut self, Command { id, order }: Command) {
        let refusal = match self.seats.get(&id) {
            Some(seat) => match seat.orders.try_send(order) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(order)) => Some((order, Refused::Busy)),
                Err(mpsc::error::TrySendError::Closed(order)) => Some((order, Refused::NotRunning)),
            },
            None if order.wish == Wish::Stop => Some((order, Refused::NotRunning)),
            None if !self.workspaces.status(id).is_some_and(runs_in) => {
                Some((order, Refused::NotRunning))
            }
            None => self.seat(id, Some(order)).map(|order| (order, Refused::NoRoom)),
        };
        if let Some((order, refused)) = refusal {
            let _ = order.reply.send(Err(refused));
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
        let stop = CancellationToken::new();
        let keeper = Keeper {
            id,
            backend: Arc::clone(&self.backend),
            prepare: Arc::clone(&self.prepare),
            workspaces: Arc::clone(&self.workspaces),
            orders,
            stop: stop.clone(),
            restarts: Restarts::default(),
        };
        let task = self.keepers.spawn(keeper.keep()).id();
        self.seats.insert(id, Seat { task, orders: sender, stop });
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
        let found = self.seats.iter().find(|(_, seat)| seat.task == task).map(|(id, _)| *id);
        let Some((id, seat)) = found.and_then(|id| self.seats.remove_entry(&id)) else {
            return;
        };
        info!(workspace_id = %id, ?outcome, "its agent is not kept any more");
        if seat.stop.is_cancelled() {
            // It may be wanted again by now.
            self.look_at(id, false);
        }
        while self.seats.len() < self.limit
            && let Some(next) = self.waiting.pop_first()
        {
            self.look_at(next, true);
        }
    }
}
