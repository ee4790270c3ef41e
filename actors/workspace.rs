//! One workspace.
//!
//! Owns the decisions about its row: every message is decided on the record it holds, written by
//! the journal, and only then true. A restart loses nothing: the record is loaded with the
//! next message. Heartbeats live in the published cell and are written behind.

mod decide;
mod runs;

pub(crate) use self::decide::{registered, stored_card};
pub(crate) use self::runs::{claimed, paused, wanted};

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span};

use self::decide::Step;
use crate::api::{
    AgentChanged, AgentCommand, Note, Noted, Patch, Registered, Registration, RunReport,
    RuntimeError,
};
use crate::cells::Cell;
use crate::context::Context;
use crate::domain::beat::Beat;
use crate::domain::change::{Change, Head, LayoutPatch};
use crate::domain::record::Record;
use crate::domain::status::Status;
use crate::journal::CommitError;
use crate::mirror::MirrorMsg;
use crate::ports::{AgentRow, Loaded, Refusal, StoreError};

/// How often a decision is made anew because the row moved on meanwhile.
const MAX_TRIES: usize = 5;
/// How long loading may take.
const LOAD_LIMIT: Duration = Duration::from_secs(5);

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, RuntimeError>>;

/// What a workspace is told. Large contents are boxed: mailboxes hold many of these.
#[derive(Debug)]
pub enum WorkspaceMsg {
    /// A heartbeat.
    Beat(Box<Beat>, Reply<()>),
    /// The agent registered.
    Register(Box<Registration>, Reply<Registered>),
    /// The agent card is another one.
    Card(Box<Value>, Reply<()>),
    /// Fields are to be changed.
    Patch(Box<Patch>, Reply<()>),
    /// The agent assignment is to be changed.
    Agent(AgentCommand, Reply<AgentChanged>),
    /// Whoever runs its agent says so. Answers whether its status changed.
    Run(Box<RunReport>, Reply<bool>),
    /// Events are to be recorded, with rows of other tables. The row itself stays as it is.
    Record(Box<Note>, Reply<Noted>),
    /// Its deadline seems to have passed. Answers whether its status changed.
    Silent(Reply<bool>),
    /// Somebody else has changed the row.
    Reload,
}

impl WorkspaceMsg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Beat(..) => "beat",
            Self::Register(..) => "register",
            Self::Card(..) => "card",
            Self::Patch(..) => "patch",
            Self::Agent(..) => "agent",
            Self::Run(..) => "run",
            Self::Record(..) => "record",
            Self::Silent(..) => "silent",
            Self::Reload => "reload",
        }
    }
}

/// A row that cannot be read: the workspace fails rather than guesses.
#[derive(Debug, thiserror::Error)]
#[error("the stored row cannot be used")]
struct Poisoned(#[source] StoreError);

/// The actor.
#[derive(Clone)]
pub struct WorkspaceActor {
    pub(crate) context: Context,
    pub(crate) cell: Arc<Cell>,
}

/// What the actor holds between messages.
#[derive(Debug, Default)]
pub struct State {
    held: Option<Box<Held>>,
}

/// The row as it was last committed or loaded.
#[derive(Debug)]
pub(crate) struct Held {
    pub record: Record,
    pub head: Head,
    pub agent: Option<AgentRow>,
}

/// Why a message was not carried out.
enum Failure {
    /// Tell the caller and live on.
    Answer(RuntimeError),
    /// Tell the caller and fail.
    Fatal(StoreError),
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self::Answer(error)
    }
}

impl Actor for WorkspaceActor {
    type Msg = WorkspaceMsg;
    type State = State;
    type Arguments = Option<Box<Loaded>>;

    async fn pre_start(
        &self,
        _: ActorRef<WorkspaceMsg>,
        loaded: Option<Box<Loaded>>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { held: loaded.and_then(|loaded| hold(*loaded)) })
    }

    async fn handle(
        &self,
        _: ActorRef<WorkspaceMsg>,
        message: WorkspaceMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let span = debug_span!("workspace", kind = message.kind(), id = %self.cell.id);
        self.receive(message, state).instrument(span).await
    }
}

impl WorkspaceActor {
    async fn receive(
        &self,
        message: WorkspaceMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WorkspaceMsg::Beat(beat, reply) => answer(reply, self.beat(*beat, state).await),
            WorkspaceMsg::Register(registration, reply) => {
                answer(reply, self.register(*registration, state).await)
            }
            WorkspaceMsg::Card(card, reply) => answer(reply, self.card(*card, state).await),
            WorkspaceMsg::Patch(patch, reply) => answer(reply, self.patch(state, &patch).await),
            WorkspaceMsg::Agent(command, reply) => {
                let decide = |held: &Held| decide::agent(held, &command);
                answer(reply, self.change(state, decide).await)
            }
            WorkspaceMsg::Run(report, reply) => answer(reply, self.run(&report, state).await),
            WorkspaceMsg::Record(note, reply) => answer(reply, self.record(&note, state).await),
            WorkspaceMsg::Silent(reply) => answer(reply, self.silent(state).await),
            WorkspaceMsg::Reload => {
                state.held = None;
                Ok(())
            }
        }
    }

    /// The hot path: no store, no mirror, unless the status changes.
    async fn beat(&self, beat: Beat, state: &mut State) -> Result<(), Failure> {
        let context = &self.context;
        let at = context.clock.now();
        let status = self.held(state).await?.record.status;
        if status == Status::Removed {
            return Err(RuntimeError::Removed.into());
        }
        context.indexes.renew(&self.cell);
        let (merged, health, active, uptime) = {
            let mut vitals = self.cell.vitals.lock();
            let merged = vitals.merge(beat, at);
            (merged, vitals.health(status), vitals.active_tasks, vitals.uptime_seconds)
        };
        context.snapshots.mark(&self.cell);
        if status.after(crate::domain::status::Trigger::Beat(health)) != status {
            self.change(state, |held| decide::beat(held, &self.cell.vitals.lock())).await?;
        }
        if self.cell.status().is_heard() {
            context.heard.mark(&self.cell);
        }
        if merged.task_changed {
            let task = self.cell.vitals.lock().current_task.clone();
            let payload = json!({"current_task": task, "active_tasks": active});
            context.live.task_updated(self.cell.id, at, &payload);
        }
        context.live.beat(self.cell.id, at, active, uptime);
        context.metrics.beats.inc();
        Ok(())
    }

    async fn register(
        &self,
        registration: Registration,
        state: &mut State,
    ) -> Result<Registered, Failure> {
        let decide = |held: &Held| {
            let live = self.cell.live_tokens.load(Ordering::Acquire);
            let had = self.cell.had_tokens.load(Ordering::Relaxed);
            decide::register(held, &registration, live, had, self.cell.is_hosted())
        };
        let registered = self.change(state, decide).await?;
        self.context.indexes.renew(&self.cell);
        let at = self.context.clock.now();
        self.cell.vitals.lock().last_heartbeat_at = Some(at);
        self.context.snapshots.mark(&self.cell);
        self.context.heard.mark(&self.cell);
        let url = state.held.as_ref().and_then(|held| held.record.url.clone());
        if let Some((url, internal_url)) = url.zip(registration.url) {
            let located = MirrorMsg::Located { id: self.cell.id, url, internal_url };
            let _ = self.context.mirror.cast(located);
        }
        Ok(registered)
    }

    async fn card(&self, card: Value, state: &mut State) -> Result<(), Failure> {
        self.change(state, |held| decide::card(held, &card)).await
    }

    /// The layout goes along with a change of structure; without one it is written by itself.
    async fn patch(&self, state: &mut State, patch: &Patch) -> Result<(), Failure> {
        let decide = |held: &Held| {
            let step = self.decide_patch(held, patch)?;
            let alone = step.is_none() && patch.layout != LayoutPatch::default();
            Ok((step, alone))
        };
        if self.change(state, decide).await? {
            let saved = self.context.store.save_layouts(&[(self.cell.id, patch.layout)]).await;
            saved.map_err(RuntimeError::from)?;
        }
        Ok(())
    }

    fn decide_patch(&self, held: &Held, patch: &Patch) -> Result<Option<Step>, RuntimeError> {
        if let Some(Some(parent)) = patch.parent_id {
            self.context.indexes.hierarchy.read().check_parent(self.cell.id, parent)?;
        }
        decide::patch(held, patch)
    }

    async fn run(&self, report: &RunReport, state: &mut State) -> Result<bool, Failure> {
        let changed = self.change(state, |held| runs::run(held, report)).await?;
        if changed {
            let _ = self.context.mirror.cast(MirrorMsg::Clear(self.cell.id));
        }
        Ok(changed)
    }

    async fn record(&self, note: &Note, state: &mut State) -> Result<Noted, Failure> {
        for _ in 0..MAX_TRIES {
            let step = decide::note(self.held(state).await?, note)?;
            if let Some(noted) = self.try_write(state, step).await? {
                return Ok(noted);
            }
        }
        Err(moves_too_fast())
    }

    /// A notice or a sweep may be older than the last beat: the deadline decides.
    async fn silent(&self, state: &mut State) -> Result<bool, Failure> {
        let due = |cell: &Cell| cell.slot().filter(|slot| self.context.indexes.slots.is_due(*slot));
        let Some(slot) = due(&self.cell) else {
            return Ok(false);
        };
        let overdue = self.context.indexes.slots.overdue(slot);
        let patience = self.context.indexes.patience;
        let changed = self.change(state, |held| Ok(decide::silence(held, &patience))).await?;
        if changed {
            self.context.metrics.expiry_lag.observe(overdue.as_secs_f64());
            let _ = self.context.mirror.cast(MirrorMsg::Clear(self.cell.id));
        }
        Ok(changed)
    }

    /// Decides on the row, writes, and decides again if the row had moved on.
    async fn change<T>(
        &self,
        state: &mut State,
        decide: impl Fn(&Held) -> Result<(Option<Step>, T), RuntimeError>,
    ) -> Result<T, Failure> {
        for _ in 0..MAX_TRIES {
            let (step, value) = decide(self.held(state).await?)?;
            let Some(step) = step else { return Ok(value) };
            if self.try_write(state, step).await?.is_some() {
                return Ok(value);
            }
        }
        Err(moves_too_fast())
    }

    /// Writes a step; `None` when the row had moved on, which the next decision is made on.
    async fn try_write(&self, state: &mut State, step: Step) -> Result<Option<Noted>, Failure> {
        match self.write(state, step).await {
            Ok(noted) => Ok(Some(noted)),
            Err(CommitError::Conflict) => {
                state.held = None;
                Ok(None)
            }
            Err(error) => {
                if matches!(error, CommitError::Unknown) {
                    state.held = None;
                }
                Err(Failure::Answer(error.into()))
            }
        }
    }

    async fn write(&self, state: &mut State, step: Step) -> Result<Noted, CommitError> {
        let Some(held) = state.held.as_mut() else {
            return Err(CommitError::Conflict);
        };
        let at = self.context.clock.now();
        let mut change =
            Change::new(Some(&held.record), step.after, held.head, step.card, step.drafts, at);
        for effect in step.effects {
            change = change.with(effect);
        }
        let (after, head, at) = (change.after.clone(), change.head(), change.at);
        let seq = self.context.journal.commit(vec![change]).await?;
        held.record = after;
        held.head = head;
        if let Some(agent) = step.agent {
            held.agent = agent;
        }
        Ok(Noted { at, seq })
    }

    /// Returns the row, loading it if needed.
    async fn held<'a>(&self, state: &'a mut State) -> Result<&'a Held, Failure> {
        // Somebody else's change is published before this actor is told to load it.
        let status = self.cell.status();
        if state.held.as_ref().is_none_or(|held| held.record.status != status) {
            let load = self.context.store.load(self.cell.id);
            let loaded = match tokio::time::timeout(LOAD_LIMIT, load).await {
                Ok(Ok(loaded)) => loaded,
                Ok(Err(error @ StoreError::Refused { .. })) => return Err(Failure::Fatal(error)),
                Ok(Err(error)) => return Err(RuntimeError::Unavailable(Some(error)).into()),
                Err(_) => return Err(RuntimeError::Unavailable(None).into()),
            };
            self.adopt_vitals(&loaded);
            state.held = hold(loaded);
        }
        state.held.as_deref().ok_or(Failure::Answer(RuntimeError::NotFound))
    }

    /// What was published is never older than what is stored.
    fn adopt_vitals(&self, loaded: &Loaded) {
        let mut vitals = self.cell.vitals.lock();
        if vitals.last_heartbeat_at < loaded.vitals.last_heartbeat_at {
            vitals.clone_from(&loaded.vitals);
        }
    }
}

fn moves_too_fast() -> Failure {
    RuntimeError::Overloaded { retry_after: Duration::from_secs(1) }.into()
}

fn hold(loaded: Loaded) -> Option<Box<Held>> {
    let record = loaded.record?;
    Some(Box::new(Held { record, head: loaded.head, agent: loaded.active_agent }))
}

/// Answers the caller; a fatal failure also ends the actor.
fn answer<T>(reply: Reply<T>, result: Result<T, Failure>) -> Result<(), ActorProcessingErr> {
    match result {
        Ok(value) => {
            let _ = reply.send(Ok(value));
            Ok(())
        }
        Err(Failure::Answer(error)) => {
            let _ = reply.send(Err(error));
            Ok(())
        }
        Err(Failure::Fatal(error)) => {
            let _ = reply.send(Err(RuntimeError::Unknown));
            Err(Box::new(Poisoned(error)))
        }
    }
}

impl From<CommitError> for RuntimeError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict | CommitError::Overloaded => {
                Self::Overloaded { retry_after: Duration::from_secs(1) }
            }
            CommitError::Refused(refusal) => refusal.into(),
            CommitError::Unavailable => Self::Unavailable(None),
            CommitError::Unknown => Self::Unknown,
        }
    }
}

impl From<Refusal> for RuntimeError {
    fn from(refusal: Refusal) -> Self {
        use crate::domain::hierarchy::ParentRefused;
        match refusal {
            Refusal::ParentUnknown => Self::Parent(ParentRefused::Unknown),
            Refusal::Cycle => Self::Parent(ParentRefused::Cycle),
            Refusal::AgentActive => Self::AgentActive,
            Refusal::WorkspaceUnknown => Self::NotFound,
            Refusal::Superseded => Self::Superseded,
            Refusal::Full(what) => Self::Full(what),
            refusal @ Refusal::Constraint(_) => {
                Self::Refused(StoreError::Refused { operation: "commit a change", refusal })
            }
        }
    }
}
