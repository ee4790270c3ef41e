//! Changes of structure that concern a new workspace, or several at once.
//!
//! Several rows change in one group: each is loaded, the group is decided on what was loaded,
//! and the journal refuses it if any has moved on. Then it is decided again. Actors that run
//! are told to load anew before the caller is answered.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{COME_BACK, Directory};
use crate::api::{
    AgentMoved, Applied, Followed, MAX_HOPS, NewWorkspace, Registered, Registration, Removal,
    RemoveOptions, RuntimeError, Start,
};
use crate::cells::Cell;
use crate::domain::change::{Change, Draft, Effect, Group, LayoutPatch};
use crate::domain::event::recorded;
use crate::domain::ids::{Seq, WorkspaceId};
use crate::domain::record::{DeliveryMode, Record};
use crate::domain::status::{Status, Trigger};
use crate::indexes::EXTERNAL;
use crate::journal::CommitError;
use crate::mirror::MirrorMsg;
use crate::ports::{AgentRow, Loaded};
use crate::workspace::{WorkspaceMsg, registered, stored_card};

/// How often a group is decided anew because a row moved on.
pub(super) const MAX_TRIES: usize = 8;
/// The tier of a workspace that registered itself.
const DEFAULT_TIER: i32 = 3;

impl Directory {
    /// Creates a workspace. When it returns, it is durable and everybody knows.
    ///
    /// # Errors
    /// `Parent` when the parent may not be one; the store's otherwise. Nothing was created
    /// unless it is `Unknown`.
    pub async fn create(&self, new: NewWorkspace) -> Result<Applied, RuntimeError> {
        if let Some(parent) = new.parent_id {
            self.check_parent(new.id, parent)?;
        }
        let at = self.context.clock.now();
        let (after, draft, token) = born(&new, crate::domain::change::micros(at));
        let loaded = self.context.store.load(new.id).await?;
        let mut change = Change::new(None, after, loaded.head, None, vec![draft], at)
            .with(Effect::Layout(LayoutPatch { position: Some(new.position), collapsed: None }));
        if let Some(token) = token {
            change = change.with(Effect::IssueToken(token));
        }
        if let Some(secrets) = &new.secrets {
            change = change.with(Effect::KeepSecrets(secrets.clone()));
        }
        let record = change.after.clone();
        let at = change.at;
        let seq = self.context.journal.commit(vec![change]).await?;
        if let Start::External { url } = &new.start {
            self.locate(new.id, url);
        }
        Ok(Applied { record, at, seq })
    }

    /// Removes a workspace and everything below it, in one step.
    ///
    /// Unknown and removed ids answer `Removed` with nothing deleted (contract 01 §5).
    ///
    /// # Errors
    /// See [`RuntimeError`]; nothing was removed unless it is `Unknown`.
    pub async fn remove(
        &self,
        id: WorkspaceId,
        options: RemoveOptions,
    ) -> Result<Removal, RuntimeError> {
        if self.context.indexes.cell(id).is_none() {
            return Ok(Removal::Removed { cascade_deleted: 0 });
        }
        for _ in 0..MAX_TRIES {
            let (children, below) = {
                let hierarchy = self.context.indexes.hierarchy.read();
                (hierarchy.children(id), hierarchy.descendants(id))
            };
            if !children.is_empty() && !options.confirm {
                return Ok(Removal::ConfirmationRequired { children });
            }
            let ids: Vec<_> = below.into_iter().chain([id]).collect();
            let rows = self.load_all(&ids).await?;
            let cascade = rows
                .iter()
                .filter(|row| {
                    row.record.as_ref().is_some_and(|r| r.id != id && r.status != Status::Removed)
                })
                .count();
            let at = self.context.clock.now();
            let group: Group =
                rows.into_iter().filter_map(|row| removal(row, id, cascade, options, at)).collect();
            if group.is_empty() || self.commit_group(group).await?.is_some() {
                return Ok(Removal::Removed { cascade_deleted: cascade });
            }
        }
        Err(RuntimeError::Overloaded { retry_after: COME_BACK })
    }

    /// Retires a workspace in favour of another (design §7).
    ///
    /// # Errors
    /// `TargetNotFound`, `ForwardCycle`, `Removed` when it already is, or as elsewhere.
    pub async fn forward(&self, id: WorkspaceId, to: WorkspaceId) -> Result<(), RuntimeError> {
        if self.context.indexes.cell(id).is_none() {
            return Err(RuntimeError::NotFound);
        }
        self.check_forward(id, to)?;
        for _ in 0..MAX_TRIES {
            let row = self.context.store.load(id).await?;
            let Some(before) = row.record else {
                return Err(RuntimeError::NotFound);
            };
            if before.status == Status::Removed {
                return Err(RuntimeError::Removed);
            }
            let status = before.status.after(Trigger::Remove);
            let after = Record { status, forwarded_to: Some(to), ..before.clone() };
            let payload = json!({"forwarded_to": to});
            let draft =
                Draft { target_id: Some(to), ..Draft::new(recorded::WORKSPACE_REMOVED, payload) };
            let at = self.context.clock.now();
            let change = Change::new(Some(&before), after, row.head, None, vec![draft], at)
                .with(Effect::DropLayout)
                .with(Effect::RevokeTokens)
                .with(Effect::WithdrawApprovals);
            if self.commit_group(vec![change]).await?.is_some() {
                return Ok(());
            }
        }
        Err(RuntimeError::Overloaded { retry_after: COME_BACK })
    }

    /// Hands the active agent of one workspace to another.
    ///
    /// # Errors
    /// `TargetNotFound`, `TargetAgentActive`, `NoAgent`, or as elsewhere.
    pub async fn move_agent(
        &self,
        from: WorkspaceId,
        to: WorkspaceId,
    ) -> Result<AgentMoved, RuntimeError> {
        if self.context.indexes.cell(to).is_none() {
            return Err(RuntimeError::TargetNotFound);
        }
        for _ in 0..MAX_TRIES {
            let source = self.context.store.load(from).await?;
            let target = self.context.store.load(to).await?;
            if target.record.is_none() {
                return Err(RuntimeError::TargetNotFound);
            }
            if from == to || target.active_agent.is_some() {
                return Err(RuntimeError::TargetAgentActive);
            }
            let Some(agent) = source.active_agent.clone() else {
                return Err(RuntimeError::NoAgent);
            };
            let at = self.context.clock.now();
            let group = [
                moved(&source, &agent, to, "target_workspace_id", at)
                    .map(|change| change.with(Effect::MoveAgent { agent_id: agent.id, to })),
                moved(&target, &agent, from, "source_workspace_id", at),
            ];
            if self.commit_group(group.into_iter().flatten().collect()).await?.is_some() {
                return Ok(AgentMoved { agent_id: agent.id, model: agent.model });
            }
        }
        Err(RuntimeError::Overloaded { retry_after: COME_BACK })
    }

    /// Creates a workspace whose agent registered without one (contract 02 §1).
    pub(super) async fn create_registered(
        &self,
        registration: Registration,
    ) -> Result<Registered, RuntimeError> {
        let id = registration.id;
        let at = self.context.clock.now();
        let delivery_mode = registration.delivery_mode.unwrap_or_default();
        let url = registration.url;
        if url.is_none() && delivery_mode == DeliveryMode::Push {
            return Err(RuntimeError::UrlRequired);
        }
        let after = Record {
            name: id.to_string(),
            tier: DEFAULT_TIER,
            status: Status::Online,
            // It runs where the platform did not put it.
            runtime: EXTERNAL.to_owned(),
            url: url.clone(),
            delivery_mode,
            max_concurrent_tasks: 1,
            awareness_namespace: Some(format!("workspace:{id}")),
            created_at: crate::domain::change::micros(at),
            ..Record::blank(id)
        };
        let draft = registered(url.as_deref(), delivery_mode, &registration.agent_card);
        let card = Some(stored_card(&registration.agent_card));
        let head = self.context.store.load(id).await?.head;
        let change = Change::new(None, after, head, card, vec![draft], at)
            .with(Effect::IssueToken(registration.token.clone()));
        match self.context.journal.commit(vec![change]).await {
            Ok(_) => {
                self.heard_now(id);
                if let Some(url) = &url {
                    self.locate(id, url);
                }
                Ok(Registered { token_issued: true, delivery_mode })
            }
            // Somebody registered it in the same moment: now it exists, and its token is theirs.
            Err(CommitError::Conflict | CommitError::Refused(_)) => Err(RuntimeError::MayNotCreate),
            Err(error) => Err(error.into()),
        }
    }

    /// Saves where workspaces stand on the canvas, all or none: no structure, no event.
    ///
    /// # Errors
    /// `NotFound` or `Removed` with the place of the first such workspace in `layouts`; the
    /// store's.
    pub async fn arrange(
        &self,
        layouts: &[(WorkspaceId, LayoutPatch)],
    ) -> Result<(), (usize, RuntimeError)> {
        for (place, (id, _)) in layouts.iter().enumerate() {
            let cell = self.cell(*id).map_err(|error| (place, error))?;
            if cell.status() == Status::Removed {
                return Err((place, RuntimeError::Removed));
            }
        }
        let changed: Vec<_> = layouts
            .iter()
            .filter(|(_, layout)| *layout != LayoutPatch::default())
            .copied()
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.context.store.save_layouts(&changed).await.map_err(|error| (0, error.into()))
    }

    fn check_forward(&self, id: WorkspaceId, to: WorkspaceId) -> Result<(), RuntimeError> {
        match self.context.indexes.cell(to).map(|cell| cell.status()) {
            None => return Err(RuntimeError::TargetNotFound),
            Some(Status::Removed) if self.follow(to) == Followed::At(to) => {
                return Err(RuntimeError::TargetNotFound);
            }
            Some(_) => {}
        }
        let mut at = to;
        for _ in 0..MAX_HOPS {
            if at == id {
                return Err(RuntimeError::ForwardCycle);
            }
            match self.glimpse(at).and_then(|glimpse| glimpse.forwarded_to) {
                Some(next) => at = next,
                None => return Ok(()),
            }
        }
        Err(RuntimeError::ForwardCycle)
    }

    pub(super) async fn load_all(&self, ids: &[WorkspaceId]) -> Result<Vec<Loaded>, RuntimeError> {
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            rows.push(self.context.store.load(*id).await?);
        }
        Ok(rows)
    }

    /// Commits a group; `None` when it has to be decided again, else its first sequence.
    pub(super) async fn commit_group(&self, group: Group) -> Result<Option<Seq>, RuntimeError> {
        let touched: Vec<_> =
            group.iter().map(|change| (change.after.id, change.after.status)).collect();
        let cells: Vec<Option<Arc<Cell>>> =
            touched.iter().map(|(id, _)| self.context.indexes.cell(*id)).collect();
        let seq = match self.context.journal.commit(group).await {
            Ok(seq) => seq,
            Err(CommitError::Conflict) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        for (cell, (id, status)) in cells.into_iter().zip(touched) {
            if let Some(cell) = cell.as_ref().filter(|_| status == Status::Removed) {
                // What waits for it goes to its successor, or nowhere.
                self.context.mailroom.poke(cell);
            }
            let actor = cell.and_then(|cell| cell.actor.read().clone());
            if let Some(actor) = actor {
                let _ = actor.send_message(WorkspaceMsg::Reload);
            }
            if status == Status::Removed {
                let _ = self.context.mirror.cast(MirrorMsg::Clear(id));
            }
        }
        Ok(Some(seq))
    }

    fn heard_now(&self, id: WorkspaceId) {
        if let Some(cell) = self.context.indexes.cell(id) {
            cell.vitals.lock().last_heartbeat_at = Some(self.context.clock.now());
            self.context.snapshots.mark(&cell);
            self.context.heard.mark(&cell);
        }
    }

    pub(super) fn locate(&self, id: WorkspaceId, url: &str) {
        let (url, internal_url) = (url.to_owned(), url.to_owned());
        let _ = self.context.mirror.cast(MirrorMsg::Located { id, url, internal_url });
    }
}

/// Returns the first row of a new workspace, its event, and the token that goes with it.
pub(super) fn born(
    new: &NewWorkspace,
    at: chrono::DateTime<chrono::Utc>,
) -> (Record, Draft, Option<crate::domain::token::NewToken>) {
    let (status, url, token) = match &new.start {
        Start::Provision => (Status::Provisioning, None, None),
        Start::External { url } => (Status::Online, Some(url.clone()), None),
        Start::Awaited { token } => (Status::AwaitingAgent, None, Some(token.clone())),
    };
    let external = json!({"name": new.name, "external": true});
    let draft = match status {
        Status::Online => Draft::new(recorded::WORKSPACE_ONLINE, external),
        Status::AwaitingAgent => Draft::new(recorded::WORKSPACE_AWAITING_AGENT, external),
        _ => Draft::new(recorded::WORKSPACE_PROVISIONING, provisioning(new)),
    };
    let record = Record {
        id: new.id,
        name: new.name.clone(),
        role: new.role.clone(),
        tier: new.tier,
        status,
        parent_id: new.parent_id,
        forwarded_to: None,
        url,
        runtime: new.runtime.clone(),
        workspace_dir: new.workspace_dir.clone(),
        workspace_access: new.workspace_access,
        budget_limit: new.budget_limit,
        max_concurrent_tasks: new.max_concurrent_tasks,
        awareness_namespace: Some(format!("workspace:{}", new.id)),
        source_bundle_id: None,
        delivery_mode: new.delivery_mode,
        created_at: at,
    };
    (record, draft, token)
}

fn provisioning(new: &NewWorkspace) -> Value {
    let mut payload = json!({"name": new.name, "tier": new.tier, "runtime": new.runtime});
    if let Some(parent) = new.parent_id {
        payload["parent_id"] = json!(parent);
    }
    payload
}

/// Returns the change that removes one row, `None` when there is nothing left to do.
fn removal(
    row: Loaded,
    target: WorkspaceId,
    cascade: usize,
    options: RemoveOptions,
    at: chrono::DateTime<chrono::Utc>,
) -> Option<Change> {
    let before = row.record?;
    if before.status == Status::Removed && !options.purge {
        return None;
    }
    let after = Record { status: before.status.after(Trigger::Remove), ..before.clone() };
    let payload = if before.id == target { json!({"cascade_deleted": cascade}) } else { json!({}) };
    let draft = Draft::new(recorded::WORKSPACE_REMOVED, payload);
    let change = Change::new(Some(&before), after, row.head, None, vec![draft], at)
        .with(Effect::DropLayout)
        .with(Effect::RevokeTokens)
        .with(Effect::WithdrawApprovals);
    Some(if options.purge { change.with(Effect::Purge) } else { change })
}

fn moved(
    row: &Loaded,
    agent: &AgentRow,
    other: WorkspaceId,
    key: &str,
    at: chrono::DateTime<chrono::Utc>,
) -> Option<Change> {
    let record = row.record.as_ref()?;
    let mut payload = json!({"agent_id": agent.id, "model": agent.model});
    payload[key] = json!(other);
    let draft = Draft {
        agent_id: Some(agent.id),
        target_id: Some(other),
        ..Draft::new(recorded::AGENT_MOVED, payload)
    };
    Some(Change::new(Some(record), record.clone(), row.head, None, vec![draft], at))
}
