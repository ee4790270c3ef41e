//! The past, from the events alone.
//!
//! Events never change, so a state that was folded once stays true for its sequence. Some are
//! kept: looking at moments one after the other folds only what lies between them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use isomer_actors::api::RuntimeError;
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::domain::record::Folded;
use isomer_actors::ports::{HistoryStore, Step};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Changes read at once.
const PAGE: usize = 2_000;
/// States kept.
const MAX_STATES: usize = 24;
/// Workspaces in all kept states together; a workspace that did not change between two states
/// is held once.
const MAX_KEPT: usize = 1_000_000;
/// States kept on the way through a long stretch of events.
const STOPS: Seq = 12;
/// Folds at once: each holds the processor and one state.
const MAX_FOLDS: usize = 2;
/// How long a caller waits for its turn.
const WAIT: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The organisation as of one sequence. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Organisation {
    seq: Seq,
    workspaces: Arc<HashMap<WorkspaceId, Arc<Folded>>>,
}

impl Organisation {
    /// Returns the last sequence folded in; 0 before the first event.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Returns the workspaces that had a row then, in no order.
    pub fn workspaces(&self) -> impl Iterator<Item = &Folded> {
        self.workspaces.values().map(Arc::as_ref)
    }

    fn apply(&mut self, steps: &[Step]) {
        // Copies the map if it is kept elsewhere: once for every state kept.
        let workspaces = Arc::make_mut(&mut self.workspaces);
        for step in steps {
            self.seq = step.seq;
            if step.change.purged {
                workspaces.remove(&step.workspace);
                continue;
            }
            let one = workspaces
                .entry(step.workspace)
                .or_insert_with(|| Arc::new(Folded::blank(step.workspace)));
            Arc::make_mut(one).apply(&step.change);
        }
    }
}

/// Folds events, and keeps some of the states it came through.
#[derive(Debug)]
pub struct History {
    kept: Mutex<Kept>,
    turns: Semaphore,
}

impl Default for History {
    fn default() -> Self {
        Self { kept: Mutex::default(), turns: Semaphore::new(MAX_FOLDS) }
    }
}

impl History {
    /// Returns the organisation as it stood at `at`: everything recorded up to the last event
    /// that is not later.
    ///
    /// # Errors
    /// The store's; `Overloaded` when others still fold after 10 s.
    pub async fn at(
        &self,
        store: &(impl HistoryStore + ?Sized),
        at: DateTime<Utc>,
    ) -> Result<Organisation, RuntimeError> {
        let seq = store.seq_at(at).await?;
        let nearest = self.kept.lock().nearest(seq);
        if nearest.seq == seq {
            return Ok(nearest);
        }
        let turn = timeout(WAIT, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(RuntimeError::Overloaded { retry_after: RETRY_AFTER });
        };
        self.fold(store, seq).await
    }

    async fn fold(
        &self,
        store: &(impl HistoryStore + ?Sized),
        seq: Seq,
    ) -> Result<Organisation, RuntimeError> {
        // Anew: whoever was before in turn may have come nearer.
        let mut state = self.kept.lock().nearest(seq);
        let stride = ((seq - state.seq) / STOPS).max(PAGE as Seq);
        let mut stop = state.seq + stride;
        while state.seq < seq {
            let steps = store.steps(state.seq, seq, PAGE).await?;
            if steps.is_empty() {
                break;
            }
            state.apply(&steps);
            if state.seq >= stop {
                self.kept.lock().keep(&state);
                stop = state.seq + stride;
            }
        }
        self.kept.lock().keep(&state);
        Ok(state)
    }
}

/// States by sequence, the least recently used one leaving first.
#[derive(Debug, Default)]
struct Kept {
    states: BTreeMap<Seq, (Organisation, u64)>,
    uses: u64,
}

impl Kept {
    /// Returns the latest state kept that is not after `seq`; that of the beginning if none is.
    fn nearest(&mut self, seq: Seq) -> Organisation {
        self.uses += 1;
        let found = self.states.range_mut(..=seq).next_back();
        found.map_or_else(Organisation::default, |(_, (state, used))| {
            *used = self.uses;
            state.clone()
        })
    }

    fn keep(&mut self, state: &Organisation) {
        self.uses += 1;
        self.states.insert(state.seq, (state.clone(), self.uses));
        while self.states.len() > MAX_STATES || self.weight() > MAX_KEPT {
            let oldest = self.states.iter().min_by_key(|(_, (_, used))| *used);
            let Some(seq) = oldest.map(|(seq, _)| *seq) else { return };
            self.states.remove(&seq);
        }
    }

    fn weight(&self) -> usize {
        self.states.values().map(|(state, _)| state.workspaces.len()).sum()
    }
}
