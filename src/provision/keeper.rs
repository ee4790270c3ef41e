//! Keeps one agent running: from its first start until its workspace wants it no more.

use std::sync::Arc;
use std::time::Duration;

use isomer_actors::api::RunReport;
use isomer_actors::chain_of;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::restarts::{Next, Restarts};
use super::{Backend, Ended, Failure, PAUSE_AFTER_STOP, Prepare, Refused, Wanted, Workspaces};

/// Between two questions to a runtime that could not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long an agent may take to end after it was told to; longer than the built-in one's drain.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// What a person asks of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// End it as a crash would; it comes back after [`PAUSE_AFTER_STOP`].
    Stop,
    /// End it and start it at once.
    Restart,
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
    pub backend: Arc<dyn Backend>,
    pub prepare: Arc<dyn Prepare>,
    pub workspaces: Arc<dyn Workspaces>,
    pub orders: mpsc::Receiver<Order>,
    pub stop: CancellationToken,
    pub restarts: Restarts,
}

/// How one run went.
enum Run {
    Ended(Ended),
    Failed(Failure),
    Ordered(Order),
}

impl Keeper {
    /// Runs the agent again and again. A panic is a failure like any other: the agent runs in a
    /// task of its own.
    pub async fn keep(mut self) -> Outcome {
        let outcome = self.keep_running().await;
        if outcome == Outcome::Done && self.workspaces.status(self.id).is_none_or(is_over) {
            self.backend.forget(self.id).await;
        }
        outcome
    }

    async fn keep_running(&mut self) -> Outcome {
        // An order may be what this keeper was made for.
        self.pause(Duration::ZERO).await;
        loop {
            let Some(agent) = self.next_agent().await else {
                return Outcome::Done;
            };
            if matches!(agent.status, Status::Offline | Status::Failed) {
                self.report(RunReport::Starting).await;
            }
            let started = Instant::now();
            let pause = match self.run(agent).await {
                Run::Ended(ended) => {
                    info!(workspace_id = %self.id, ?ended, "the agent has ended");
                    return Outcome::Done;
                }
                Run::Failed(failure) => match self.failed(&failure, started).await {
                    Some(pause) => pause,
                    None => return Outcome::GivenUp,
                },
                Run::Ordered(order) => self.ordered(order).await,
            };
            self.pause(pause).await;
        }
    }

    /// Returns what to run; waits while the runtime cannot say.
    async fn next_agent(&self) -> Option<Wanted> {
        while !self.stop.is_cancelled() {
            match self.workspaces.wanted(self.id).await {
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

    async fn run(&mut self, agent: Wanted) -> Run {
        let (backend, stop) = (Arc::clone(&self.backend), self.stop.clone());
        let prepare = Arc::clone(&self.prepare);
        let overdue = async {
            self.stop.cancelled().await;
            sleep(STOP_LIMIT).await;
        };
        let mut task = JoinSet::new();
        task.spawn(async move {
            let launch = tokio::select! {
                launch = prepare.prepare(&agent) => launch?,
                () = stop.cancelled() => return Ok(Ended::Stopped),
            };
            backend.run(launch, stop).await
        });
        let run = tokio::select! {
            ended = task.join_next() => match ended {
                Some(Ok(Ok(ended))) => Run::Ended(ended),
                Some(Ok(Err(failure))) => Run::Failed(failure),
                Some(Err(_)) | None => Run::Failed(Failure::new("it panicked")),
            },
            Some(order) = self.orders.recv() => Run::Ordered(order),
            () = overdue => {
                warn!(workspace_id = %self.id, "the agent did not end in time and was killed");
                Run::Ended(Ended::Stopped)
            }
        };
        task.shutdown().await;
        run
    }

    /// The agent was ended by an order; returns how long to wait.
    async fn ordered(&self, Order { wish, reply }: Order) -> Duration {
        let (report, pause) = match wish {
            Wish::Stop => (RunReport::Ended, PAUSE_AFTER_STOP),
            Wish::Restart => (RunReport::Starting, Duration::ZERO),
        };
        info!(workspace_id = %self.id, ?wish, "the agent was ended; it comes back");
        self.report(report).await;
        let _ = reply.send(Ok(()));
        pause
    }

    /// Returns how long to wait, `None` when it is given up.
    async fn failed(&mut self, failure: &Failure, started: Instant) -> Option<Duration> {
        self.report(RunReport::Ended).await;
        let reason = failure.reason.as_str();
        if failure.hopeless {
            warn!(workspace_id = %self.id, reason, "the agent cannot be started");
            let (error, missing) = (reason.to_owned(), failure.missing.clone());
            self.report(RunReport::GivenUp { error, missing }).await;
            return None;
        }
        match self.restarts.failed(reason, started, Instant::now()) {
            Next::After(pause) => {
                let pause_ms = pause.as_millis();
                warn!(workspace_id = %self.id, reason, pause_ms, "the agent failed; it comes back");
                Some(pause)
            }
            Next::GiveUp => {
                warn!(workspace_id = %self.id, reason, "the agent keeps failing and is given up");
                let error = format!("the agent keeps failing: {reason}");
                self.report(RunReport::GivenUp { error, missing: Vec::new() }).await;
                None
            }
        }
    }

    /// Waits, but not for longer than somebody wants.
    async fn pause(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                Some(order) = self.orders.recv() => {
                    if order.wish == Wish::Restart {
                        self.ordered(order).await;
                        return;
                    }
                    let _ = order.reply.send(Err(Refused::NotRunning));
                }
                () = sleep_until(until) => return,
            }
        }
    }

    async fn report(&self, report: RunReport) {
        if let Err(error) = self.workspaces.report(self.id, report.clone()).await {
            let error = chain_of(&error);
            warn!(workspace_id = %self.id, ?report, %error, "the runtime could not be told");
        }
    }
}

fn is_over(status: Status) -> bool {
    status == Status::Removed
}
