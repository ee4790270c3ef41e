//! Keeps one agent running: from its first start until its workspace wants it no more.

use std::sync::Arc;
use std::time::Duration;

use isomer_actors::api::{Cause, GivenUp, RunReport};
use isomer_actors::chain_of;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::engine::Engine;
use super::restarts::{Next, Restarts};
use super::tail::{redacted, tail};
use super::{Ended, Failure, PAUSE_AFTER_STOP, Prepare, Refused, Unavailable, Wanted};

/// Between two questions to a runtime that could not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long an agent may take to end after it was told to; longer than the built-in one's drain.
const STOP_LIMIT: Duration = Duration::from_secs(8);
/// How long an agent may take to end that is killed.
pub(super) const END_LIMIT: Duration = Duration::from_secs(30);
/// How long one whose workspace is online already counts as being started: it goes on, or registers
/// at once.
const HEARD_HOLD: Duration = Duration::from_millis(100);
/// What is shown of the output of one that is given up.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 4_096;

/// What a person asks of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// End it as a crash would; it comes back after [`PAUSE_AFTER_STOP`].
    Stop,
    /// End it and start it at once.
    Restart(Cause),
}

/// A wish, and where the answer goes when the runtime knows.
#[derive(Debug)]
pub(super) struct Order {
    pub wish: Wish,
    pub reply: oneshot::Sender<Result<(), Refused>>,
}

/// Why a keeper has nothing more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its agent is not wanted any more, or the server stops.
    Done,
    /// Its agent failed too often.
    GivenUp,
}

pub(super) struct Keeper {
    pub id: WorkspaceId,
    pub engine: Arc<Engine>,
    pub prepare: Arc<dyn Prepare>,
    pub orders: mpsc::Receiver<Order>,
    /// Rings when the row was changed.
    pub hint: Arc<Notify>,
    pub stop: CancellationToken,
    pub restarts: Restarts,
}

/// How one run went.
enum Run {
    Ended(Ended),
    Failed { failure: Failure, came_up: bool },
    Ordered(Order),
}

/// Secrets of a run that must not be shown.
type Hidden = Arc<Mutex<Vec<SecretString>>>;

impl Keeper {
    /// Runs the agent again and again. A panic is a failure like any other: the agent runs in a
    /// task of its own.
    pub async fn keep(mut self) -> Outcome {
        let outcome = self.keep_running().await;
        let status = self.engine.workspaces.status(self.id);
        if outcome == Outcome::Done && status.is_none_or(|status| status == Status::Removed) {
            self.engine.backend.forget(self.id).await;
        }
        outcome
    }

    async fn keep_running(&mut self) -> Outcome {
        // An order may be what this keeper was made for.
        let mut again = self.pause(Duration::ZERO).await;
        loop {
            let Some((agent, place)) = self.ready(again).await else {
                return Outcome::Done;
            };
            let started = Instant::now();
            let hidden = Hidden::default();
            let (pause, cause) = match self.run(agent, place, &hidden).await {
                Run::Ended(ended) => {
                    info!(workspace_id = %self.id, ?ended, "the agent has ended");
                    return Outcome::Done;
                }
                Run::Failed { failure, came_up } => {
                    match self.failed(&failure, came_up, started, &hidden).await {
                        Some(pause) => (pause, Cause::Crashed),
                        None if self.stop.is_cancelled() => return Outcome::Done,
                        None => return Outcome::GivenUp,
                    }
                }
                Run::Ordered(order) => self.ordered(order).await,
            };
            again = self.pause(pause).await.or(Some(cause));
        }
    }

    /// Waits for its turn; returns what to run, and its place among those that are being started.
    /// `again`: why, when it was started before.
    async fn ready(&mut self, again: Option<Cause>) -> Option<(Wanted, OwnedSemaphorePermit)> {
        let (engine, id) = (Arc::clone(&self.engine), self.id);
        let turn = async move {
            engine.calm(id).await;
            engine.place().await
        };
        let place = self.unless_stopped(turn).await??;
        let agent = self.next_agent().await?;
        if matches!(agent.status, Status::Offline | Status::Failed) {
            self.report(RunReport::Starting(again)).await;
        }
        if again.is_some() {
            self.engine.tell(self.id);
        }
        self.say_privileged(&agent).await?;
        Some((agent, place))
    }

    /// Waits for something; orders are answered meanwhile. `None` when it is wanted no more.
    async fn unless_stopped<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        let mut what = std::pin::pin!(what);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                Some(order) = self.orders.recv() => match order.wish {
                    // It is about to start.
                    Wish::Restart(_) => _ = self.ordered(order).await,
                    Wish::Stop => _ = order.reply.send(Err(Refused::NotRunning)),
                },
                done = &mut what => return Some(done),
            }
        }
    }

    /// Returns what to run; waits while the runtime cannot say.
    async fn next_agent(&self) -> Option<Wanted> {
        while !self.stop.is_cancelled() {
            match self.engine.workspaces.wanted(self.id).await {
                Ok(wanted) => return wanted,
                Err(error) => {
                    warn!(workspace_id = %self.id, error = %chain_of(&error), "asking again");
                }
            }
            tokio::select! {
                () = sleep(ASK_AGAIN) => {}
                () = self.stop.cancelled() => {}
            }
        }
        None
    }

    /// Records that an agent is about to get the rights of its host; it is not started before that
    /// is stored. One that is online goes on as it is.
    async fn say_privileged(&self, agent: &Wanted) -> Option<()> {
        let engine = &self.engine;
        let provisioner = engine.backend.name();
        let privileged = engine.settings.allow_privileged
            && matches!(agent.tier, 3 | 4)
            && matches!(provisioner, "docker" | "kubernetes");
        if !privileged || agent.status.is_heard() {
            return Some(());
        }
        while !self.stop.is_cancelled() {
            match engine.workspaces.privileged(self.id, agent.tier, provisioner).await {
                Ok(()) => return Some(()),
                Err(error) => {
                    let error = chain_of(&error);
                    warn!(workspace_id = %self.id, %error, "a privileged start cannot be recorded");
                }
            }
            tokio::select! {
                () = sleep(ASK_AGAIN) => {}
                () = self.stop.cancelled() => {}
            }
        }
        None
    }

    async fn run(&mut self, agent: Wanted, place: OwnedSemaphorePermit, hidden: &Hidden) -> Run {
        let overdue = async {
            self.stop.cancelled().await;
            sleep(STOP_LIMIT).await;
        };
        let registering = registering(&self.engine, self.id, &self.hint, agent.status);
        let (mut overdue, mut registering) = (std::pin::pin!(overdue), std::pin::pin!(registering));
        let mut place = Some(place);
        let mut task = JoinSet::new();
        task.spawn(one_run(
            Arc::clone(&self.engine),
            Arc::clone(&self.prepare),
            agent,
            self.stop.clone(),
            Arc::clone(hidden),
        ));
        let run = loop {
            tokio::select! {
                ended = task.join_next() => return match ended {
                    Some(Ok(Ok(ended))) => Run::Ended(ended),
                    Some(Ok(Err(failure))) => Run::Failed { failure, came_up: place.is_none() },
                    Some(Err(_)) | None => {
                        let failure = Failure::new("it panicked");
                        Run::Failed { failure, came_up: place.is_none() }
                    }
                },
                Some(order) = self.orders.recv() => break Run::Ordered(order),
                () = &mut overdue => {
                    warn!(workspace_id = %self.id, "the agent did not end in time and was killed");
                    break Run::Ended(Ended::Stopped);
                }
                registered = &mut registering, if place.is_some() => {
                    place = None;
                    if !registered && !self.stop.is_cancelled() {
                        let limit = self.engine.settings.attempt.as_secs();
                        let reason = format!("it did not register within {limit} s");
                        break Run::Failed { failure: Failure::new(reason), came_up: false };
                    }
                }
            }
        };
        task.shutdown().await;
        self.end().await;
        run
    }

    /// Ends what goes on without its run. What cannot be ended now is found when it starts again, or
    /// by the reaper.
    async fn end(&self) {
        match timeout(END_LIMIT, self.engine.backend.end(self.id)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(workspace_id = %self.id, %error, "the agent was not ended"),
            Err(_) => warn!(workspace_id = %self.id, "the agent was not ended in time"),
        }
    }

    /// The agent was ended by an order; returns how long to wait, and why it starts again.
    async fn ordered(&self, Order { wish, reply }: Order) -> (Duration, Cause) {
        let (report, pause, cause) = match wish {
            Wish::Stop => (RunReport::Ended, PAUSE_AFTER_STOP, Cause::Restart),
            Wish::Restart(cause) => (RunReport::Starting(Some(cause)), Duration::ZERO, cause),
        };
        info!(workspace_id = %self.id, ?wish, "the agent was ended; it comes back");
        self.report(report).await;
        let _ = reply.send(Ok(()));
        (pause, cause)
    }

    /// Returns how long to wait, `None` when it is given up.
    async fn failed(
        &mut self,
        failure: &Failure,
        came_up: bool,
        started: Instant,
        hidden: &Hidden,
    ) -> Option<Duration> {
        let reason = failure.reason.as_str();
        if !failure.hopeless && !self.engine.answers().await {
            // Nobody knows whether it ended: it is not said, and does not count.
            warn!(workspace_id = %self.id, reason, "its provisioner cannot be asked; waiting");
            let engine = Arc::clone(&self.engine);
            self.unless_stopped(async move { engine.back().await }).await?;
            return Some(Duration::ZERO);
        }
        self.engine.died(self.id);
        self.report(RunReport::Ended).await;
        if failure.hopeless {
            warn!(workspace_id = %self.id, reason, "the agent cannot be started");
            self.give_up(reason.to_owned(), failure, hidden).await;
            return None;
        }
        match self.restarts.failed(reason, came_up, started, Instant::now()) {
            Next::After(pause) => {
                let pause_ms = pause.as_millis();
                warn!(workspace_id = %self.id, reason, pause_ms, "the agent failed; it comes back");
                Some(pause)
            }
            Next::GiveUp => {
                warn!(workspace_id = %self.id, reason, "the agent keeps failing and is given up");
                let error = format!("the agent keeps failing: {reason}");
                self.give_up(error, failure, hidden).await;
                None
            }
        }
    }

    async fn give_up(&self, error: String, failure: &Failure, hidden: &Hidden) {
        let log_tail = match tail(self.engine.backend.as_ref(), self.id, TAIL_LINES).await {
            Ok(text) => {
                let secrets = hidden.lock().clone();
                let text = redacted(text, &secrets);
                let from = text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES));
                text[from..].to_owned()
            }
            Err(Unavailable::NotOffered(_) | Unavailable::NotRunning) => String::new(),
            Err(error) => {
                warn!(workspace_id = %self.id, %error, "its last words could not be had");
                String::new()
            }
        };
        let missing = failure.missing.clone();
        self.report(RunReport::GivenUp(GivenUp { error, missing, log_tail })).await;
    }

    /// Waits, but not for longer than somebody wants. Returns what they want, if that was so.
    async fn pause(&mut self, pause: Duration) -> Option<Cause> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                Some(order) = self.orders.recv() => {
                    if let Wish::Restart(cause) = order.wish {
                        self.ordered(order).await;
                        return Some(cause);
                    }
                    let _ = order.reply.send(Err(Refused::NotRunning));
                }
                () = sleep_until(until) => return None,
            }
        }
    }

    async fn report(&self, report: RunReport) {
        if let Err(error) = self.engine.workspaces.report(self.id, report.clone()).await {
            let error = chain_of(&error);
            warn!(workspace_id = %self.id, ?report, %error, "the runtime could not be told");
        }
    }
}

/// Runs the agent once, from its preparation to its end.
async fn one_run(
    engine: Arc<Engine>,
    prepare: Arc<dyn Prepare>,
    agent: Wanted,
    stop: CancellationToken,
    hidden: Hidden,
) -> Result<Ended, Failure> {
    let launch = tokio::select! {
        launch = prepare.prepare(&agent) => launch?,
        () = stop.cancelled() => return Ok(Ended::Stopped),
    };
    {
        let mut hidden = hidden.lock();
        hidden.extend(launch.secrets.values().cloned());
        hidden.push(launch.token.clone());
    }
    drop(engine.unreaped().await);
    let _running = Running::enter(&engine, agent.id);
    engine.backend.run(launch, stop).await
}

/// An agent among those that run, also when its run is dropped.
struct Running<'a>(&'a Engine, WorkspaceId);

impl<'a> Running<'a> {
    fn enter(engine: &'a Engine, id: WorkspaceId) -> Self {
        engine.running.lock().insert(id);
        Self(engine, id)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.lock().remove(&self.1);
    }
}

/// Waits until the agent has registered, or until that took too long. Returns whether it has.
fn registering(
    engine: &Arc<Engine>,
    id: WorkspaceId,
    hint: &Arc<Notify>,
    before: Status,
) -> impl Future<Output = bool> + use<> {
    let (engine, hint) = (Arc::clone(engine), Arc::clone(hint));
    let waits = move |engine: &Engine| engine.workspaces.status(id) == Some(Status::Provisioning);
    async move {
        if before.is_heard() {
            let _ = timeout(HEARD_HOLD, hint.notified()).await;
            return true;
        }
        let deadline = Instant::now() + engine.settings.attempt;
        while waits(&engine) {
            if timeout_at(deadline, hint.notified()).await.is_err() {
                return !waits(&engine);
            }
        }
        true
    }
}
