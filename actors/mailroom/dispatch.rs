//! The dispatcher: leases messages and has them delivered.
//!
//! Owns which workspaces have mail and when to look at them next. A restart loses nothing: the
//! counts are in the cells, leases of deliveries under way in the handle, messages in the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span, warn};
use uuid::Uuid;

use super::{Courier, Mailroom};
use crate::cells::Cell;
use crate::domain::ids::WorkspaceId;
use crate::domain::message::{Delivery, Message, Verdict, judge, wait_after};
use crate::domain::record::DeliveryMode;
use crate::domain::status::Status;
use crate::ports::{Lease, MessageOutcome, MessageStep};

/// Between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);
/// How long a lease lasts unless renewed: what a killed server delays a message by.
const LEASE: Duration = Duration::from_secs(30);
/// Every so many ticks leases are renewed.
const RENEW_EVERY: u64 = 8;
/// Every so many ticks messages expire.
const EXPIRE_EVERY: u64 = 2;
/// Every so many ticks ended messages are forgotten.
const FORGET_EVERY: u64 = 300;
/// Deliveries under way in total.
const MAX_FLIGHTS: usize = 256;
/// Messages expired or forgotten in one step.
const AT_ONCE: usize = 1_000;
/// How long a workspace without a sign of life is left alone.
const LEAVE_ALONE: Duration = Duration::from_secs(60);
/// How long the end of a try is tried to be written.
const SETTLE_LIMIT: Duration = Duration::from_secs(600);
/// Between two tries of that.
const SETTLE_AGAIN: Duration = Duration::from_millis(250);

/// What the dispatcher is told.
#[derive(Debug)]
pub enum DispatchMsg {
    /// There is something to deliver to this workspace.
    Posted(WorkspaceId),
    /// There was a sign of life of a workspace with mail.
    Poke(WorkspaceId),
    /// A delivery ended.
    Ended(WorkspaceId, Ended),
    /// Look at what is due; then wait again.
    Tick { again: bool },
}

/// How a delivery ended, for what its workspace is due to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its message came to its end.
    Done,
    /// Its message is to be tried again later.
    Missed,
    /// Nothing was due.
    Nothing,
}

/// The actor.
#[derive(Clone, Debug)]
pub struct Dispatch(pub(crate) Mailroom);

/// What the dispatcher holds between messages.
#[derive(Debug, Default)]
pub struct State {
    lanes: HashMap<WorkspaceId, Lane>,
    ticks: u64,
    /// A step that runs beside: renewing, expiring or forgetting.
    housekeeping: Option<tokio::task::JoinHandle<()>>,
}

/// A workspace with mail.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// Deliveries under way.
    under_way: usize,
    /// In a row without success.
    misses: i32,
    /// Looked at again then, or at a sign of life.
    due: Option<Instant>,
    /// When the last delivery ended: what was reported before says nothing of now.
    ended_at: Option<DateTime<Utc>>,
}

impl Actor for Dispatch {
    type Msg = DispatchMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<DispatchMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State::default();
        for cell in &self.0.shared.indexes.cells {
            if cell.waiting.load(Ordering::Acquire) > 0 {
                state.lanes.entry(cell.id).or_default().due = Some(Instant::now());
            }
        }
        for id in self.0.shared.flights.lock().values() {
            state.lanes.entry(*id).or_default().under_way += 1;
        }
        me.send_after(TICK, || DispatchMsg::Tick { again: true });
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<DispatchMsg>,
        message: DispatchMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.0.shared.dispatch.received();
        match message {
            DispatchMsg::Posted(id) => {
                // Who does not answer is not asked more often because more is posted.
                let failing = state.lanes.get(&id).is_some_and(|lane| {
                    lane.misses > 0 && lane.due.is_some_and(|due| due > Instant::now())
                });
                if !failing {
                    self.look(id, state);
                }
            }
            DispatchMsg::Poke(id) => self.look(id, state),
            DispatchMsg::Ended(id, ended) => self.ended(id, ended, state),
            DispatchMsg::Tick { again } => {
                self.tick(state);
                if again {
                    me.send_after(TICK, || DispatchMsg::Tick { again: true });
                }
            }
        }
        Ok(())
    }
}

impl Dispatch {
    fn tick(&self, state: &mut State) {
        let now = Instant::now();
        let due: Vec<_> = state
            .lanes
            .iter()
            .filter(|(_, lane)| lane.due.is_some_and(|due| due <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.look(id, state);
        }
        state.ticks += 1;
        self.keep_house(state);
    }

    /// Starts as many deliveries as the workspace takes now.
    fn look(&self, id: WorkspaceId, state: &mut State) {
        let total = self.0.shared.flights.lock().len();
        let lane = state.lanes.entry(id).or_default();
        lane.due = None;
        let Some(cell) = self.0.shared.indexes.cell(id) else {
            state.lanes.remove(&id);
            return;
        };
        let waiting = cell.waiting.load(Ordering::Acquire) as usize;
        if waiting == 0 && lane.under_way == 0 {
            state.lanes.remove(&id);
            return;
        }
        let Some(courier) = self.0.shared.courier.get() else {
            lane.due = Some(Instant::now() + TICK);
            return;
        };
        let takes = takes(&cell, lane);
        let left = waiting.saturating_sub(lane.under_way);
        let start = takes.min(left).min(MAX_FLIGHTS.saturating_sub(total));
        for _ in 0..start {
            lane.under_way += 1;
            self.start(id, Arc::clone(courier));
        }
        if lane.under_way == 0 {
            let wait = if takes > 0 { TICK } else { LEAVE_ALONE };
            lane.due = Some(Instant::now() + wait);
        }
    }

    fn ended(&self, id: WorkspaceId, ended: Ended, state: &mut State) {
        let lane = state.lanes.entry(id).or_default();
        lane.under_way = lane.under_way.saturating_sub(1);
        lane.ended_at = Some(self.0.shared.clock.now());
        match ended {
            Ended::Done => {
                lane.misses = 0;
                self.look(id, state);
            }
            Ended::Missed => {
                lane.misses = lane.misses.saturating_add(1);
                lane.due = Some(Instant::now() + wait_after(lane.misses));
            }
            Ended::Nothing => lane.due = Some(Instant::now() + TICK),
        }
    }

    /// Leases one message and sees it through, in a task of its own.
    fn start(&self, id: WorkspaceId, courier: Arc<dyn Courier>) {
        let lease = Uuid::new_v4();
        self.0.shared.flights.lock().insert(lease, id);
        let mailroom = self.0.clone();
        let span = debug_span!("dispatch", kind = "deliver", %id);
        let delivering = async move { deliver(&mailroom, id, lease, courier).await };
        let work = tokio::spawn(delivering.instrument(span));
        let mailroom = self.0.clone();
        tokio::spawn(async move {
            let ended = work.await.unwrap_or(Ended::Missed);
            mailroom.shared.flights.lock().remove(&lease);
            let _ = mailroom.shared.dispatch.cast(DispatchMsg::Ended(id, ended));
        });
    }

    fn keep_house(&self, state: &mut State) {
        if state.housekeeping.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let now = self.0.shared.clock.now();
        let mut steps = Vec::new();
        if state.ticks.is_multiple_of(RENEW_EVERY) {
            let leases: Vec<_> = self.0.shared.flights.lock().keys().copied().collect();
            if !leases.is_empty() {
                steps.push(MessageStep::Renew { leases, until: now + lease() });
            }
        }
        if state.ticks.is_multiple_of(EXPIRE_EVERY) {
            steps.push(MessageStep::Expire { at: now, limit: AT_ONCE });
        }
        if state.ticks.is_multiple_of(FORGET_EVERY) {
            let before = now - self.0.shared.settings.keep_ended;
            steps.push(MessageStep::Forget { before, limit: AT_ONCE });
        }
        if steps.is_empty() {
            return;
        }
        let mailroom = self.0.clone();
        state.housekeeping = Some(tokio::spawn(async move {
            for step in steps {
                if let Err(error) = mailroom.step(step).await {
                    debug!(%error, "mailboxes were not tidied up, trying again");
                }
            }
        }));
    }
}

/// How many more messages the agent takes now, as far as is known.
fn takes(cell: &Cell, lane: &Lane) -> usize {
    let route = cell.route.read().clone();
    let there = matches!(cell.status(), Status::Online | Status::Degraded);
    if cell.status() == Status::Removed {
        // Its successor gets it, or it has failed: whoever is tried finds out.
        return 1_usize.saturating_sub(lane.under_way);
    }
    if cell.status() == Status::Hibernated {
        // Whoever is tried wakes it; its agent gets the message when it is back.
        return 1_usize.saturating_sub(lane.under_way);
    }
    let pushed = route.delivery_mode == DeliveryMode::Push && route.url.is_some();
    if !there || cell.is_quarantined() || !pushed {
        return 0;
    }
    let (active, heard_at) = {
        let vitals = cell.vitals.lock();
        (vitals.active_tasks, vitals.last_heartbeat_at)
    };
    // What it reports may be the very messages that it was given.
    let reported = if heard_at > lane.ended_at { usize::try_from(active).unwrap_or(0) } else { 0 };
    let most = usize::try_from(route.max_concurrent_tasks).unwrap_or(0).max(1);
    most.saturating_sub(reported.max(lane.under_way))
}

/// Returns whether the agent would get a message at once that was just posted to it.
pub(crate) fn takes_mail(cell: &Cell) -> bool {
    cell.waiting.load(Ordering::Acquire) <= 1 && takes(cell, &Lane::default()) > 0
}

async fn deliver(
    mailroom: &Mailroom,
    to: WorkspaceId,
    lease: Uuid,
    courier: Arc<dyn Courier>,
) -> Ended {
    let at = mailroom.shared.clock.now();
    let until = at + self::lease();
    let step = Lease { to, id: lease, at, until, after: None, limit: 1 };
    let message = match mailroom.step(MessageStep::Lease(step)).await {
        Ok(MessageOutcome::Leased(messages)) => messages.into_iter().next(),
        Ok(_) => None,
        Err(error) => {
            debug!(%error, "no message could be leased");
            return Ended::Missed;
        }
    };
    let Some(message) = message else { return Ended::Nothing };
    let (message, delivery) = hand_over(courier, message).await;
    let now = mailroom.shared.clock.now();
    let verdict = judge(delivery, message.attempts, now, message.new.expires_at);
    let ended = if verdict.state.is_terminal() { Ended::Done } else { Ended::Missed };
    settle(mailroom, &message, lease, verdict).await;
    ended
}

/// A courier that panics has failed this message, and nobody else.
async fn hand_over(courier: Arc<dyn Courier>, message: Message) -> (Message, Delivery) {
    let message = Arc::new(message);
    let given = Arc::clone(&message);
    let trying = tokio::spawn(async move { courier.deliver(&given).await }.in_current_span());
    let delivery = trying.await.unwrap_or_else(|_| {
        warn!(message = %message.new.id, "delivering a message panicked");
        Delivery::Failed { reason: "the server failed to deliver it".to_owned() }
    });
    (Arc::unwrap_or_clone(message), delivery)
}

/// Writes the end of a try. An acknowledgement must not be lost to a store that is away for a
/// while: the lease is held and renewed until it is written.
async fn settle(mailroom: &Mailroom, message: &Message, lease: Uuid, verdict: Verdict) {
    let give_up = Instant::now() + SETTLE_LIMIT;
    loop {
        let at = mailroom.shared.clock.now();
        let id = message.new.id;
        let step = MessageStep::Settle { id, lease, verdict: verdict.clone(), at };
        match mailroom.step(step).await {
            Ok(MessageOutcome::Settled(None)) => {
                debug!(message = %id, "the message had ended, or was leased anew");
                return;
            }
            Ok(_) => return,
            Err(error) if Instant::now() >= give_up => {
                warn!(%error, message = %id, "what became of a message could not be written");
                return;
            }
            Err(_) => tokio::time::sleep(SETTLE_AGAIN).await,
        }
    }
}

fn lease() -> TimeDelta {
    TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX)
}
