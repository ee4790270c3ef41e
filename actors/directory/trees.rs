//! Creating many workspaces at once: whole teams, parents before their children.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Directory;
use super::structure::born;
use crate::api::{NewWorkspace, RuntimeError, Start};
use crate::domain::change::{Change, Draft, Effect, Group, Head, LayoutPatch, micros};
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
        let at = micros(self.context.clock.now());
        let beside = beside.map(|beside| noted(&beside, at)).transpose()?;
        let mut done = self.commit_new(planned, &self.assumed(planned), beside.clone(), at).await?;
        if !done && beside.is_none() {
            // An id was used before: then it has a history to go on with.
            let heads = self.loaded(planned).await?;
            done = self.commit_new(planned, &heads, None, at).await?;
        }
        for planned in planned.iter().filter(|_| done) {
            if let Start::External { url } = &planned.new.start {
                self.locate(planned.new.id, url);
            }
        }
        Ok(done)
    }

    async fn commit_new(
        &self,
        planned: &[Planned],
        heads: &[Option<Head>],
        beside: Option<Change>,
        at: DateTime<Utc>,
    ) -> Result<bool, RuntimeError> {
        let fresh =
            heads.iter().zip(planned).filter_map(|(head, planned)| Some(((*head)?, planned)));
        let new = fresh.map(|(head, planned)| sown(head, planned, at));
        let group: Group = new.chain(beside).collect();
        Ok(group.is_empty() || self.commit_group(group).await?.is_some())
    }

    /// Returns where the chains of new workspaces most likely stand, `None` for those that exist:
    /// most ids are used for the first time, and the store refuses the others.
    fn assumed(&self, planned: &[Planned]) -> Vec<Option<Head>> {
        let is_new = |planned: &Planned| self.context.indexes.cell(planned.new.id).is_none();
        planned.iter().map(|planned| is_new(planned).then_some(Head::GENESIS)).collect()
    }

    /// Returns where they stand.
    async fn loaded(&self, planned: &[Planned]) -> Result<Vec<Option<Head>>, RuntimeError> {
        let ids: Vec<_> = planned.iter().map(|planned| planned.new.id).collect();
        let rows = self.load_all(&ids).await?;
        Ok(rows.into_iter().map(|row| row.record.is_none().then_some(row.head)).collect())
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

fn sown(head: Head, planned: &Planned, at: DateTime<Utc>) -> Change {
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
        Change::new(None, after, head, None, vec![draft], at).with(Effect::Layout(layout));
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
