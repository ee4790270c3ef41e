//! Events beside the rows of workspaces: what happens around a workspace is part of its history.

use super::structure::MAX_TRIES;
use super::{COME_BACK, Directory};
use crate::api::{Note, Noted, RuntimeError};
use crate::domain::change::{Change, Draft, Effect, Group, micros};
use crate::domain::ids::WorkspaceId;
use crate::domain::status::Status;
use crate::ports::Loaded;
use crate::workspace::WorkspaceMsg;

impl Directory {
    /// Records events on a workspace without changing its row, together with rows of other
    /// tables, in one transaction. The workspace's actor writes them, in the order it was asked.
    ///
    /// # Errors
    /// `Removed` and `NotFound`; `Superseded` and `Full` when the store holds it against a row of
    /// `effects`. Nothing was written unless it is `Unknown`.
    pub async fn record(
        &self,
        id: WorkspaceId,
        drafts: Vec<Draft>,
        effects: Vec<Effect>,
    ) -> Result<Noted, RuntimeError> {
        let cell = self.cell(id)?;
        let note = Box::new(Note { workspace: id, drafts, effects });
        self.ask(&cell, |reply| WorkspaceMsg::Record(note, reply)).await
    }

    /// Records events on several workspaces in one transaction, each named once.
    ///
    /// # Errors
    /// As [`Directory::record`], for any of them; `Overloaded` when they change too fast.
    pub async fn record_together(&self, notes: Vec<Note>) -> Result<Noted, RuntimeError> {
        let ids: Vec<_> = notes.iter().map(|note| note.workspace).collect();
        for id in &ids {
            self.cell(*id)?;
        }
        for _ in 0..MAX_TRIES {
            let at = micros(self.context.clock.now());
            let rows = self.load_all(&ids).await?;
            let group: Result<Group, _> =
                rows.iter().zip(&notes).map(|(row, note)| noted(row, note, at)).collect();
            if let Some(seq) = self.commit_group(group?).await? {
                return Ok(Noted { at, seq });
            }
        }
        Err(RuntimeError::Overloaded { retry_after: COME_BACK })
    }
}

fn noted(
    row: &Loaded,
    note: &Note,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<Change, RuntimeError> {
    let record = row.record.as_ref().ok_or(RuntimeError::NotFound)?;
    if record.status == Status::Removed {
        return Err(RuntimeError::Removed);
    }
    let drafts = note.drafts.clone();
    let change = Change::new(Some(record), record.clone(), row.head, None, drafts, at);
    Ok(note.effects.iter().cloned().fold(change, Change::with))
}
