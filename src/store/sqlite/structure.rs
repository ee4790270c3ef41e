//! Structure: loading rows, and committing groups of changes in one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::change::{Change, Effect, Group, Head, NewSecrets};
use isomer_actors::domain::event::Recorded;
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::ports::{
    AgentRow, EventQuery, IndexRow, Loaded, Outcome, Refusal, StoreError, StructureStore,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::codec::{Columns, classify, unknown};
use super::{
    SqliteStore, agents, approvals, data_keys, delegations, events, key_audit, secrets, tokens,
    views, workspaces,
};
use crate::keys::ports::{AuditRow, NewDataKey};

const LOAD: &str = "load workspaces";
const INDEX: &str = "read the index of workspaces";
const COMMIT: &str = "commit changes";

/// A workspace with its active agent and its tokens.
const LOADED: &str = "SELECT w.*, a.id AS agent_id, a.model AS agent_model,
        (SELECT count(*) FROM workspace_auth_tokens t
          WHERE t.workspace_id = w.id AND t.revoked_at IS NULL) AS live_tokens,
        EXISTS (SELECT 1 FROM workspace_auth_tokens t WHERE t.workspace_id = w.id) AS had_tokens
    FROM workspaces w LEFT JOIN agents a ON a.workspace_id = w.id AND a.status = 'active'";

#[async_trait]
impl StructureStore for SqliteStore {
    async fn load(&self, id: WorkspaceId) -> Result<Loaded, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{LOADED} WHERE w.id = $1")))
            .bind(id.to_string())
            .fetch_optional(&self.read)
            .await
            .map_err(|error| classify(LOAD, error))?;
        match row {
            Some(row) => loaded(&row),
            None => Ok(absent(self.last_head(id).await?)),
        }
    }

    async fn load_live(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Loaded>, StoreError> {
        let sql = format!(
            "{LOADED} WHERE w.status IN ('provisioning', 'online', 'degraded') AND w.id > $1
             ORDER BY w.id LIMIT $2"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(bound(limit))
            .fetch_all(&self.read)
            .await
            .map_err(|error| classify(LOAD, error))?;
        rows.iter().map(loaded).collect()
    }

    async fn index(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<IndexRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, parent_id, forwarded_to, status, runtime, url,
                 delivery_mode, budget_limit, max_concurrent_tasks,
                 CASE WHEN json_valid(agent_card)
                     AND (json_type(agent_card, '$.supportedInterfaces') IS NOT NULL
                         OR json_type(agent_card, '$.protocolVersion') IS NOT NULL)
                     THEN json_object(
                         'supportedInterfaces', agent_card -> '$.supportedInterfaces',
                         'protocolVersion', agent_card -> '$.protocolVersion',
                         'url', agent_card -> '$.url',
                         'preferredTransport', agent_card -> '$.preferredTransport',
                         'additionalInterfaces', agent_card -> '$.additionalInterfaces')
                 END AS spoken,
                 EXISTS (SELECT 1 FROM workspace_auth_tokens t WHERE t.workspace_id = w.id)
                     AS had_tokens
             FROM workspaces w WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(bound(limit))
        .fetch_all(&self.read)
        .await
        .map_err(|error| classify(INDEX, error))?;
        rows.iter().map(|row| workspaces::index_row(row, INDEX)).collect()
    }

    async fn commit(&self, groups: &[Group]) -> Result<Vec<Outcome>, StoreError> {
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| classify(COMMIT, error))?;
        let mut outcomes = Vec::with_capacity(groups.len());
        let mut any = false;
        for group in groups {
            if fits(&mut transaction, group).await? {
                let first_seq = apply(&mut transaction, group).await?;
                outcomes.push(Outcome::Committed { first_seq });
                any = true;
            } else {
                outcomes.push(Outcome::Conflict);
            }
        }
        if any {
            transaction.commit().await.map_err(|error| unknown(COMMIT, error))?;
        }
        Ok(outcomes)
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<Recorded>, StoreError> {
        events::read(&self.read, query).await
    }

    async fn last_seq(&self) -> Result<Seq, StoreError> {
        events::last_seq(&self.read).await
    }
}

impl SqliteStore {
    /// Returns where the chain of a workspace without a row stands.
    async fn last_head(&self, id: WorkspaceId) -> Result<Head, StoreError> {
        let mut connection = self.read.acquire().await.map_err(|error| classify(LOAD, error))?;
        chain_end(&mut connection, id).await
    }
}

/// Returns whether every workspace of the group stands where the change was decided.
async fn fits(connection: &mut SqliteConnection, group: &Group) -> Result<bool, StoreError> {
    for change in group {
        let row = sqlx::query("SELECT version, chain_hash FROM workspaces WHERE id = $1")
            .bind(change.after.id.to_string())
            .fetch_optional(&mut *connection)
            .await
            .map_err(|error| classify(COMMIT, error))?;
        let head = match &row {
            Some(row) => workspaces::head(row, COMMIT)?,
            None => chain_end(connection, change.after.id).await?,
        };
        if row.is_some() != change.exists || head != change.expect {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn chain_end(connection: &mut SqliteConnection, id: WorkspaceId) -> Result<Head, StoreError> {
    let row = sqlx::query(
        "SELECT version, hash FROM structure_events WHERE workspace_id = $1
         ORDER BY version DESC LIMIT 1",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await
    .map_err(|error| classify(LOAD, error))?;
    let Some(row) = row else {
        return Ok(Head::GENESIS);
    };
    let c = Columns { row: &row, operation: LOAD };
    Ok(Head { version: c.get("version")?, hash: c.hash("hash")? })
}

/// Writes a group that fits; returns its first sequence.
async fn apply(connection: &mut SqliteConnection, group: &Group) -> Result<Seq, StoreError> {
    let count: usize = group.iter().map(|change| change.events.len()).sum();
    let first = events::take_sequences(connection, bound(count), COMMIT).await?;
    let mut seq = first;
    for change in group {
        if change.moved {
            parent_exists(connection, change).await?;
        }
        workspaces::write(connection, change, COMMIT).await?;
        if change.moved && workspaces::is_own_ancestor(connection, change.after.id, COMMIT).await? {
            return Err(StoreError::Refused { operation: COMMIT, refusal: Refusal::Cycle });
        }
        for event in &change.events {
            events::append(connection, seq, event, COMMIT).await?;
            seq += 1;
        }
    }
    for change in group {
        for effect in &change.effects {
            carry_out(connection, change, effect).await?;
        }
    }
    Ok(first)
}

async fn parent_exists(
    connection: &mut SqliteConnection,
    change: &Change,
) -> Result<(), StoreError> {
    let Some(parent) = change.after.parent_id else {
        return Ok(());
    };
    let found = sqlx::query("SELECT 1 FROM workspaces WHERE id = $1")
        .bind(parent.to_string())
        .fetch_optional(connection)
        .await
        .map_err(|error| classify(COMMIT, error))?;
    let refused = StoreError::Refused { operation: COMMIT, refusal: Refusal::ParentUnknown };
    found.map(|_| ()).ok_or(refused)
}

async fn carry_out(
    connection: &mut SqliteConnection,
    change: &Change,
    effect: &Effect,
) -> Result<(), StoreError> {
    let (id, at) = (change.after.id, change.at);
    match effect {
        Effect::Layout(layout) => views::write_layout(connection, id, *layout, COMMIT).await,
        Effect::DropLayout => views::drop_layout(connection, id, COMMIT).await,
        Effect::IssueToken(token) => tokens::add(connection, id, token, at, COMMIT).await,
        Effect::RevokeTokens => tokens::revoke_all(connection, id, at, COMMIT).await,
        Effect::AssignAgent { agent_id, model } => {
            agents::assign(connection, id, *agent_id, model, at, COMMIT).await
        }
        Effect::RetireAgent { agent_id, status, reason } => {
            agents::retire(connection, *agent_id, *status, reason, at, COMMIT).await
        }
        Effect::MoveAgent { agent_id, to } => {
            agents::hand_over(connection, *agent_id, *to, COMMIT).await
        }
        Effect::RequestApproval(new) => approvals::request(connection, id, new, at, COMMIT).await,
        Effect::DecideApproval(ballot) => {
            approvals::decide(connection, id, ballot, at, COMMIT).await
        }
        Effect::ExpireApproval(approval) => {
            approvals::expire(connection, *approval, at, COMMIT).await
        }
        Effect::WithdrawApprovals => approvals::withdraw(connection, id, at, COMMIT).await,
        Effect::SampleError(text) => {
            sqlx::query("UPDATE workspaces SET last_sample_error = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(text)
                .execute(connection)
                .await
                .map(|_| ())
                .map_err(|error| classify(COMMIT, error))
        }
        Effect::Delegation(step) => delegations::take(connection, id, step, at, COMMIT).await,
        Effect::KeepSecrets(secrets) => keep_secrets(connection, id, secrets, at).await,
        Effect::Purge => workspaces::purge(connection, id, at, COMMIT).await,
    }
}

/// The first secrets of a new workspace, with their data key and their audit rows.
async fn keep_secrets(
    connection: &mut SqliteConnection,
    id: WorkspaceId,
    secrets: &NewSecrets,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if let Some(seed) = &secrets.data_key {
        data_keys::insert(connection, &NewDataKey::of(id, seed), at, COMMIT).await?;
    }
    let data_key = secrets.data_key.as_ref().map(|seed| seed.id);
    secrets::add_first(connection, id, &secrets.rows, data_key, at, COMMIT).await?;
    let audit = AuditRow::first_secrets(id, secrets, at);
    key_audit::append(connection, &audit, COMMIT).await
}

fn loaded(row: &SqliteRow) -> Result<Loaded, StoreError> {
    let c = Columns { row, operation: LOAD };
    let agent = c.opt_uuid("agent_id")?;
    let model: Option<String> = c.get("agent_model")?;
    Ok(Loaded {
        record: Some(workspaces::record(row, LOAD)?),
        head: workspaces::head(row, LOAD)?,
        vitals: workspaces::vitals(row, LOAD)?,
        live_tokens: c.get("live_tokens")?,
        had_tokens: c.get("had_tokens")?,
        active_agent: agent.map(|id| AgentRow { id, model: model.unwrap_or_default() }),
    })
}

fn absent(head: Head) -> Loaded {
    Loaded {
        record: None,
        head,
        vitals: Vitals::default(),
        live_tokens: 0,
        had_tokens: false,
        active_agent: None,
    }
}

/// Counts are far below the limit of the database's integers.
fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
