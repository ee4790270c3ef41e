//! The sweep: decides, every second, who has been silent for too long.
//!
//! Owns the observer's doubts about itself. A restart loses nothing: deadlines lie in the dense
//! array, and a new observer gives everybody one TTL. Notices only bring one check forward.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument, debug_span, info, warn};
use utoipa::ToSchema;

use crate::address::Address;
use crate::cells::Cell;
use crate::directory::Directory;
use crate::domain::silence::{Judgement, Observer};
use crate::ports::LivenessMirror;

/// Deaths that are decided side by side; the journal groups them.
const WORKERS: usize = 64;
/// How long a sweep waits for its deaths before the next may begin.
const JUDGE_LIMIT: Duration = Duration::from_secs(30);

/// How silence is judged: `GET /admin/liveness`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Liveness)]
pub struct LivenessReport {
    pub subsystems: BTreeMap<String, Subsystem>,
    /// Workspaces whose silence is judged (online, degraded).
    pub heard: u64,
    pub observer: ObserverState,
    /// When judging begins again.
    #[schema(required)]
    pub observer_until: Option<DateTime<Utc>>,
    /// Whether the liveness mirror answers.
    pub mirror_reachable: bool,
}

/// Whether silence is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObserverState {
    Judging,
    /// Everybody has one more time to live: after a start, or after suspicion.
    Grace,
    /// So many fell silent at once that the fault is rather here.
    Suspect,
}

/// When a loop last ran.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Subsystem {
    #[schema(required)]
    pub last_tick_at: Option<DateTime<Utc>>,
    #[schema(required)]
    pub seconds_ago: Option<f64>,
}

/// What the sweep tells of itself.
#[derive(Debug, Default)]
pub struct Pulse {
    inner: Mutex<Option<PulseState>>,
}

#[derive(Clone, Copy, Debug)]
struct PulseState {
    at: DateTime<Utc>,
    judgement: Judgement,
    until: Option<DateTime<Utc>>,
}

impl Pulse {
    /// Returns the report at `now`.
    pub(crate) fn report(&self, now: DateTime<Utc>, heard: u64, mirror: bool) -> LivenessReport {
        let state = *self.inner.lock();
        let subsystem = Subsystem {
            last_tick_at: state.map(|s| s.at),
            seconds_ago: state.map(|s| (now - s.at).as_seconds_f64().max(0.0)),
        };
        let observer = match state.map(|s| s.judgement) {
            Some(Judgement::Judge) => ObserverState::Judging,
            Some(Judgement::Suspect { .. }) => ObserverState::Suspect,
            Some(Judgement::Grace { .. }) | None => ObserverState::Grace,
        };
        LivenessReport {
            subsystems: BTreeMap::from([("liveness-sweep".to_owned(), subsystem)]),
            heard,
            observer,
            observer_until: state.and_then(|s| s.until),
            mirror_reachable: mirror,
        }
    }
}

/// What the sweep is told.
#[derive(Debug)]
pub enum SweepMsg {
    /// Sweep, then wait again.
    Tick,
    /// Sweep now; answers how many changed their status.
    Now(oneshot::Sender<usize>),
}

/// The actor.
#[derive(Clone)]
pub(crate) struct Sweep {
    pub(crate) address: Address<SweepMsg>,
    pub(crate) directory: Directory,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) every: Duration,
}

/// What the actor holds between messages.
#[derive(Debug)]
pub struct State {
    started: Instant,
    observer: Observer,
    /// The judgement that was last spoken of.
    told: Option<Judgement>,
}

impl Actor for Sweep {
    type Msg = SweepMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<SweepMsg>, (): ()) -> Result<State, ActorProcessingErr> {
        me.send_after(self.every, || SweepMsg::Tick);
        let ttl = self.directory.context().indexes.patience.ttl;
        Ok(State { started: Instant::now(), observer: Observer::new(ttl), told: None })
    }

    async fn handle(
        &self,
        me: ActorRef<SweepMsg>,
        message: SweepMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            SweepMsg::Tick => {
                self.sweep(state).instrument(debug_span!("sweep", kind = "tick")).await;
                me.send_after(self.every, || SweepMsg::Tick);
            }
            SweepMsg::Now(reply) => _ = reply.send(self.sweep(state).await),
        }
        Ok(())
    }
}

impl Sweep {
    /// Judges everybody whose deadline has passed; returns how many changed their status.
    async fn sweep(&self, state: &mut State) -> usize {
        let context = self.directory.context();
        let timer = context.metrics.sweep.start_timer();
        let due: Vec<Arc<Cell>> = context
            .indexes
            .slots
            .due()
            .into_iter()
            .filter_map(|id| context.indexes.cell(id))
            .collect();
        timer.observe_duration();
        let (silent, overdue): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|cell| cell.status().is_heard());
        let live = context.indexes.heard() as usize;
        let judgement = state.observer.judge(state.started.elapsed(), live, silent.len());
        self.tell(state, judgement, silent.len(), live);
        // A provision that takes too long is not silence: the observer's doubts do not concern it.
        let failed = judge_all(&self.directory, overdue).await;
        if judgement != Judgement::Judge {
            return failed;
        }
        let found = silent.len();
        let died = judge_all(&self.directory, silent).await;
        // Those that could not be recorded come again: they must not count twice.
        state.observer.retract(found.saturating_sub(died));
        failed + died
    }

    fn tell(&self, state: &mut State, judgement: Judgement, silent: usize, live: usize) {
        let now = self.directory.context().clock.now();
        let until = match judgement {
            Judgement::Judge => None,
            Judgement::Grace { until } | Judgement::Suspect { until } => {
                Some(now + until.saturating_sub(state.started.elapsed()))
            }
        };
        // The suspicion lasts for the grace that it began.
        let mut pulse = self.pulse.inner.lock();
        let suspecting = matches!(pulse.map(|p| p.judgement), Some(Judgement::Suspect { .. }));
        let shown = match judgement {
            Judgement::Grace { until } if suspecting => Judgement::Suspect { until },
            other => other,
        };
        *pulse = Some(PulseState { at: now, judgement: shown, until });
        drop(pulse);
        if state.told.map(|told| std::mem::discriminant(&told))
            == Some(std::mem::discriminant(&shown))
        {
            return;
        }
        state.told = Some(shown);
        match shown {
            Judgement::Judge => info!("silence is judged"),
            Judgement::Grace { .. } => info!("nobody is judged for silence yet"),
            Judgement::Suspect { .. } => warn!(
                silent,
                live,
                "most workspaces fell silent at once: waiting one more TTL, the fault may be here"
            ),
        }
    }
}

/// Lets each workspace look at its own deadline, some side by side.
async fn judge_all(directory: &Directory, cells: Vec<Arc<Cell>>) -> usize {
    if cells.is_empty() {
        return 0;
    }
    let queue = Arc::new(Mutex::new(cells));
    let mut workers = tokio::task::JoinSet::new();
    let count = queue.lock().len().min(WORKERS);
    for _ in 0..count {
        let (queue, directory) = (Arc::clone(&queue), directory.clone());
        workers.spawn(async move {
            let mut changed = 0;
            loop {
                let Some(cell) = queue.lock().pop() else {
                    return changed;
                };
                changed += usize::from(judge(&directory, &cell).await);
            }
        });
    }
    let all = async {
        let mut changed = 0;
        while let Some(part) = workers.join_next().await {
            changed += part.unwrap_or(0);
        }
        changed
    };
    tokio::time::timeout(JUDGE_LIMIT, all).await.unwrap_or(0)
}

/// Asks one workspace, unless it is being asked already. A failure is tried at the next sweep.
async fn judge(directory: &Directory, cell: &Arc<Cell>) -> bool {
    if cell.judging.swap(true, Ordering::AcqRel) {
        return false;
    }
    let result = directory.silent(cell).await;
    cell.judging.store(false, Ordering::Release);
    match result {
        Ok(changed) => changed,
        Err(error) => {
            warn!(workspace = %cell.id, %error, "silence could not be judged, trying again");
            false
        }
    }
}

/// What the notice reader is told.
#[derive(Debug)]
pub enum NoticeMsg {
    /// Wait for the next notice.
    Next,
}

/// Reads expiry notices and brings the checks forward that they hint at. Holds nothing.
#[derive(Clone)]
pub(crate) struct Notices {
    pub(crate) address: Address<NoticeMsg>,
    pub(crate) directory: Directory,
    pub(crate) port: Arc<dyn LivenessMirror>,
}

/// How long one message waits for a notice, so that the actor can be stopped.
const NOTICE_WAIT: Duration = Duration::from_secs(1);

impl Actor for Notices {
    type Msg = NoticeMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<NoticeMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        me.send_message(NoticeMsg::Next)?;
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<NoticeMsg>,
        NoticeMsg::Next: NoticeMsg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match tokio::time::timeout(NOTICE_WAIT, self.port.next_notice()).await {
            Ok(Some(id)) => {
                let context = self.directory.context();
                context.metrics.notices.inc();
                // Only a deadline of ours that has passed makes the hint worth a check.
                let cell = context.indexes.cell(id);
                let due = cell.filter(|cell| {
                    cell.status().is_heard()
                        && cell.slot().is_some_and(|slot| context.indexes.slots.is_due(slot))
                });
                if due.is_some() {
                    self.directory.sweep_soon();
                }
            }
            // There will never be one: stay, and say nothing.
            Ok(None) => return Ok(()),
            Err(_) => {}
        }
        me.send_message(NoticeMsg::Next)?;
        Ok(())
    }
}
