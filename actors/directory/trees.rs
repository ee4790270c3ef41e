//! Creating many workspaces at once: whole teams, parents before their children.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Directory;
use super::structure::born;
use crate::api::{NewWorkspace, RuntimeError, Start};
use crate::domain::change::{Change, Draft, Effect, LayoutPatch, micros};
use crate::domain::status::Status;
use crate::ports::Loaded;

/// One workspace of a team.
#[derive(Clone, Debug)]
pub struct Planned {
    pub new: NewWorkspace,
    /// The bundle's own id of it, where it came with one.
    pub source_bundle_id: Option<String>,
    /// Where it stands as its event says it: beside its parent, in canvas units.
    pub place: Option<(f64, f64)>,
}

/// An event of a workspace that exists, written together with new ones.
#[derive(Clone, Debug)]
pub struct Beside {
    /// As it was when the new ones were decided on: if it has moved on, nothing is written.
    pub row: Loaded,
    pub draft: Draft,
}

impl Directory {
    /// Creates workspaces in one transaction, all or none, and an event beside them. Parents come
    /// before their children. Those whose id has a row already are left as they are.
    ///
    /// Returns whether it was done; `false` when a row moved on: decide again.
    ///
    /// # Errors
    /// `Parent` when a parent outside may not be one; the store's otherwise. Nothing was created
    /// unless it is `Unknown`.
    pub async fn create_together(
        &self,
        planned: &[Planned],
        beside: Option<Beside>,
    ) -> Result<bool, RuntimeError> {
        self.check_parents(planned)?;
        let ids: Vec<_> = planned.iter().map(|planned| planned.new.id).collect();
        let rows = self.load_all(&ids).await?;
        let at = micros(self.context.clock.now());
        let fresh = rows.iter().zip(planned).filter(|(row, _)| row.record.is_none());
        let mut group: Vec<_> = fresh.map(|(row, planned)| sown(row, planned, at)).collect();
        if let Some(beside) = beside {
            group.push(noted(&beside, at)?);
        }
        if !group.is_empty() && self.commit_group(group).await?.is_none() {
            return Ok(false);
        }
        for planned in planned {
            if let Start::External { url } = &planned.new.start {
                self.locate(planned.new.id, url);
            }
        }
        Ok(true)
    }

    fn check_parents(&self, planned: &[Planned]) -> Result<(), RuntimeError> {
        let mut known = std::collections::HashSet::new();
        for Planned { new, .. } in planned {
            if let Some(parent) = new.parent_id.filter(|parent| !known.contains(parent)) {
                self.check_parent(new.id, parent)?;
            }
            known.insert(new.id);
        }
        Ok(())
    }
}

fn sown(row: &Loaded, planned: &Planned, at: DateTime<Utc>) -> Change {
    let new = &planned.new;
    let (mut after, mut draft, token) = born(new, at);
    after.source_bundle_id.clone_from(&planned.source_bundle_id);
    if let Some(source) = &planned.source_bundle_id {
        draft.payload["source_bundle_id"] = json!(source);
    }
    if let Some((x, y)) = planned.place {
        draft.payload["x"] = json!(x);
        draft.payload["y"] = json!(y);
    }
    let layout = LayoutPatch { position: Some(new.position), collapsed: None };
    let mut change =
        Change::new(None, after, row.head, None, vec![draft], at).with(Effect::Layout(layout));
    if let Some(token) = token {
        change = change.with(Effect::IssueToken(token));
    }
    match &new.secrets {
        Some(secrets) => change.with(Effect::KeepSecrets(secrets.clone())),
        None => change,
    }
}

fn noted(beside: &Beside, at: DateTime<Utc>) -> Result<Change, RuntimeError> {
    let record = beside.row.record.as_ref().ok_or(RuntimeError::NotFound)?;
    if record.status == Status::Removed {
        return Err(RuntimeError::Removed);
    }
    let drafts = vec![beside.draft.clone()];
    Ok(Change::new(Some(record), record.clone(), beside.row.head, None, drafts, at))
}
