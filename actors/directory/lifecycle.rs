//! Putting workspaces to rest and waking them (contract 01 §7).
//!
//! Several rows change in one group, as in [`super::structure`]. Agents are ended and started by
//! whoever runs them, who looks at what the rows say.

use chrono::{DateTime, Utc};

use super::structure::MAX_TRIES;
use super::{COME_BACK, Directory};
use crate::api::{Cause, Hibernation, RunReport, RuntimeError};
use crate::domain::change::{Change, Draft, Group};
use crate::domain::ids::WorkspaceId;
use crate::domain::record::Record;
use crate::domain::status::Status;
use crate::mirror::MirrorMsg;
use crate::ports::Loaded;
use crate::workspace::{claimed, paused, wanted};

/// How far a change of rest reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    One,
    Tree,
}

impl Directory {
    /// Pauses a workspace and everything below it that is not paused, in one step; returns which.
    ///
    /// # Errors
    /// `NotFound` when it is not there, removed or paused. Nothing was changed unless it is
    /// `Unknown`.
    pub async fn pause(&self, id: WorkspaceId) -> Result<Vec<WorkspaceId>, RuntimeError> {
        let may = |status| !matches!(status, Status::Removed | Status::Paused);
        self.together(id, Scope::Tree, may, paused).await
    }

    /// Resumes a workspace and what is paused below it, in one step; returns which.
    ///
    /// # Errors
    /// `NotFound` when it is not there or not paused, `PausedAbove`. Nothing was changed unless it
    /// is `Unknown`.
    pub async fn resume(&self, id: WorkspaceId) -> Result<Vec<WorkspaceId>, RuntimeError> {
        if self.glimpse(id).is_none_or(|glimpse| glimpse.status != Status::Paused) {
            return Err(RuntimeError::NotFound);
        }
        self.check_above(id)?;
        let step = |record: &Record| wanted(record, Cause::Resumed);
        self.together(id, Scope::Tree, |status| status == Status::Paused, step).await
    }

    /// Lets a workspace begin to hibernate. Whoever runs its agent ends it and says
    /// [`RunReport::Asleep`]; nobody does for agents that run elsewhere: those are asleep at once.
    ///
    /// # Errors
    /// `NotFound`, or as elsewhere. Nothing was changed unless it is `Unknown`.
    pub async fn hibernate(
        &self,
        id: WorkspaceId,
        force: bool,
    ) -> Result<Hibernation, RuntimeError> {
        for _ in 0..MAX_TRIES {
            let cell = self.cell(id)?;
            let row = self.context.store.load(id).await?;
            let record = row.record.as_ref().ok_or(RuntimeError::NotFound)?;
            let Some(step) = claimed(record) else { return Ok(Hibernation::NotAwake) };
            let active_tasks = cell.vitals.lock().active_tasks;
            if active_tasks > 0 && !force {
                return Ok(Hibernation::Working { active_tasks });
            }
            let change = changed(record, &row, step, self.context.clock.now());
            if self.commit_group(vec![change]).await?.is_some() {
                if !cell.is_hosted() {
                    self.report_run(id, RunReport::Asleep).await?;
                }
                return Ok(Hibernation::Claimed);
            }
        }
        Err(RuntimeError::Overloaded { retry_after: COME_BACK })
    }

    /// Wakes a workspace that hibernates, unless something above it is paused. Returns whether it
    /// is on its way.
    ///
    /// # Errors
    /// As elsewhere.
    pub async fn wake(&self, id: WorkspaceId) -> Result<bool, RuntimeError> {
        if self.glimpse(id).is_none_or(|glimpse| glimpse.status != Status::Hibernated) {
            return Ok(false);
        }
        if self.check_above(id).is_err() {
            return Ok(false);
        }
        let step = |record: &Record| wanted(record, Cause::Woken);
        match self.together(id, Scope::One, |status| status == Status::Hibernated, step).await {
            Ok(woken) => Ok(!woken.is_empty()),
            Err(RuntimeError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Checks that nothing above a workspace is paused.
    ///
    /// # Errors
    /// `PausedAbove` with the name of the nearest that is.
    pub fn check_above(&self, id: WorkspaceId) -> Result<(), RuntimeError> {
        let above = self.context.indexes.hierarchy.read().above(id);
        for ancestor in above {
            if let Some(cell) = self.context.indexes.cell(ancestor)
                && cell.status() == Status::Paused
            {
                let name = cell.route.read().name.to_string();
                return Err(RuntimeError::PausedAbove(name));
            }
        }
        Ok(())
    }

    /// Returns when its agent was heard of last.
    pub fn last_heard(&self, id: WorkspaceId) -> Option<DateTime<Utc>> {
        self.context.indexes.cell(id)?.vitals.lock().last_heartbeat_at
    }

    /// Returns the workspaces in a status, in no particular order.
    pub fn in_status(&self, status: Status) -> Vec<WorkspaceId> {
        let cells = self.context.indexes.cells.iter();
        cells.filter(|cell| cell.status() == status).map(|cell| cell.id).collect()
    }

    /// Changes a workspace, and in [`Scope::Tree`] those below it whose status `may` be changed, all
    /// or none.
    async fn together(
        &self,
        id: WorkspaceId,
        scope: Scope,
        may: impl Fn(Status) -> bool,
        step: impl Fn(&Record) -> Option<(Record, Draft)>,
    ) -> Result<Vec<WorkspaceId>, RuntimeError> {
        for _ in 0..MAX_TRIES {
            if !self.glimpse(id).is_some_and(|glimpse| may(glimpse.status)) {
                return Err(RuntimeError::NotFound);
            }
            let below = match scope {
                Scope::One => Vec::new(),
                Scope::Tree => self.context.indexes.hierarchy.read().descendants(id),
            };
            let ids: Vec<_> = [id].into_iter().chain(below).collect();
            let rows = self.load_all(&ids).await?;
            let at = self.context.clock.now();
            let group: Group = rows
                .iter()
                .filter_map(|row| {
                    let record = row.record.as_ref().filter(|record| may(record.status))?;
                    Some(changed(record, row, step(record)?, at))
                })
                .collect();
            if group.first().is_none_or(|change| change.after.id != id) {
                return Err(RuntimeError::NotFound);
            }
            let touched: Vec<_> = group.iter().map(|change| change.after.id).collect();
            if self.commit_group(group).await?.is_some() {
                for id in &touched {
                    let _ = self.context.mirror.cast(MirrorMsg::Clear(*id));
                }
                return Ok(touched);
            }
        }
        Err(RuntimeError::Overloaded { retry_after: COME_BACK })
    }
}

fn changed(
    before: &Record,
    row: &Loaded,
    (after, draft): (Record, Draft),
    at: DateTime<Utc>,
) -> Change {
    Change::new(Some(before), after, row.head, None, vec![draft], at)
}
