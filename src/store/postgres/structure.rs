//! Structure: loading rows, and committing groups of changes in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::change::{Change, Effect, Group, Head, NewSecrets};
use isomer_actors::domain::event::Recorded;
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::ports::{
    AgentRow, EventQuery, IndexRow, Loaded, Outcome, Refusal, StoreError, StructureStore,
};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::codec::{Columns, classify, is_retryable, unknown};
use super::{
    PgStore, agents, approvals, data_keys, delegations, events, key_audit, secrets, tokens, views,
    workspaces,
};
use crate::keys::ports::{AuditRow, NewDataKey};

const LOAD: &str = "load workspaces";
const INDEX: &str = "read the index of workspaces";
const COMMIT: &str = "commit changes";
/// How often a transaction that lost against another one is run again.
const TRIES: usize = 3;

/// A workspace with its active agent and its tokens.
const LOADED: &str = "SELECT w.*, w.status::text AS status_text, a.id AS agent_id,
        a.model AS agent_model,
        (SELECT count(*) FROM workspace_auth_tokens t
          WHERE t.workspace_id = w.id AND t.revoked_at IS NULL) AS live_tokens,
        EXISTS (SELECT 1 FROM workspace_auth_tokens t WHERE t.workspace_id = w.id) AS had_tokens
    FROM workspaces w LEFT JOIN agents a ON a.workspace_id = w.id AND a.status = 'active'";

#[async_trait]
impl StructureStore for PgStore {
    async fn load(&self, id: WorkspaceId) -> Result<Loaded, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{LOADED} WHERE w.id = $1")))
            .bind(id.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(LOAD, error))?;
        match row {
            Some(row) => loaded(&row),
            None => {
                let acquired = self.pool.acquire().await;
                let mut connection = acquired.map_err(|error| classify(LOAD, error))?;
                let ends = events::chain_ends(&mut connection, &[id.0], LOAD).await?;
                Ok(absent(ends.get(&id).copied().unwrap_or(Head::GENESIS)))
            }
        }
    }

    async fn load_live(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Loaded>, StoreError> {
        let sql = format!(
            "{LOADED} WHERE w.status IN ('provisioning', 'online', 'degraded')
                 AND ($1::uuid IS NULL OR w.id > $1)
             ORDER BY w.id LIMIT $2"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after.map(|id| id.0))
            .bind(bound(limit))
            .fetch_all(&self.pool)
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
            "SELECT id, name, parent_id, forwarded_to, status::text AS status_text, runtime, url,
                 delivery_mode, budget_limit, max_concurrent_tasks,
                 CASE WHEN agent_card ?| ARRAY['supportedInterfaces', 'protocolVersion']
                     THEN jsonb_build_object(
                         'supportedInterfaces', agent_card -> 'supportedInterfaces',
                         'protocolVersion', agent_card -> 'protocolVersion',
                         'url', agent_card -> 'url',
                         'preferredTransport', agent_card -> 'preferredTransport',
                         'additionalInterfaces', agent_card -> 'additionalInterfaces')
                 END AS spoken,
                 EXISTS (SELECT 1 FROM workspace_auth_tokens t WHERE t.workspace_id = w.id)
                     AS had_tokens
             FROM workspaces w WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after.map(|id| id.0))
        .bind(bound(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(INDEX, error))?;
        rows.iter().map(|row| workspaces::index_row(row, INDEX)).collect()
    }

    async fn commit(&self, groups: &[Group]) -> Result<Vec<Outcome>, StoreError> {
        let mut result = self.commit_once(groups).await;
        for _ in 1..TRIES {
            match &result {
                Err(error) if is_retryable(error) => result = self.commit_once(groups).await,
                _ => break,
            }
        }
        result
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<Recorded>, StoreError> {
        events::read(&self.pool, query).await
    }

    async fn last_seq(&self) -> Result<Seq, StoreError> {
        events::last_seq(&self.pool).await
    }
}

impl PgStore {
    async fn commit_once(&self, groups: &[Group]) -> Result<Vec<Outcome>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(COMMIT, error))?;
        let fitting = fitting(&mut transaction, groups).await?;
        let changes: Vec<&Change> = groups
            .iter()
            .zip(&fitting)
            .filter(|(_, fits)| **fits)
            .flat_map(|(group, _)| group)
            .collect();
        if changes.is_empty() {
            return Ok(vec![Outcome::Conflict; groups.len()]);
        }
        let first = write(&mut transaction, &changes).await?;
        transaction.commit().await.map_err(|error| unknown(COMMIT, error))?;

        let mut next = first;
        let outcomes = groups.iter().zip(fitting).map(|(group, fits)| {
            if !fits {
                return Outcome::Conflict;
            }
            let first_seq = next;
            next += bound(group.iter().map(|change| change.events.len()).sum());
            Outcome::Committed { first_seq }
        });
        Ok(outcomes.collect())
    }
}

/// Locks all rows and says which groups stand where they were decided. No two groups touch the
/// same workspace: the journal sees to that.
async fn fitting(connection: &mut PgConnection, groups: &[Group]) -> Result<Vec<bool>, StoreError> {
    let ids: Vec<Uuid> = groups.iter().flatten().map(|change| change.after.id.0).collect();
    let heads = workspaces::lock(connection, &ids, COMMIT).await?;
    let absent: Vec<Uuid> =
        ids.into_iter().filter(|id| !heads.contains_key(&WorkspaceId(*id))).collect();
    let ends = events::chain_ends(connection, &absent, COMMIT).await?;
    Ok(groups.iter().map(|group| group.iter().all(|c| stands(c, &heads, &ends))).collect())
}

fn stands(
    change: &Change,
    heads: &HashMap<WorkspaceId, Head>,
    ends: &HashMap<WorkspaceId, Head>,
) -> bool {
    let id = change.after.id;
    match heads.get(&id) {
        Some(head) => change.exists && *head == change.expect,
        None => !change.exists && ends.get(&id).copied().unwrap_or(Head::GENESIS) == change.expect,
    }
}

/// Writes rows, events and effects; returns the first sequence.
async fn write(connection: &mut PgConnection, changes: &[&Change]) -> Result<Seq, StoreError> {
    let (updates, inserts): (Vec<&Change>, Vec<&Change>) =
        changes.iter().partition(|change| change.exists);
    workspaces::insert(connection, &sorted(inserts), COMMIT).await?;
    workspaces::update(connection, &sorted(updates), COMMIT).await?;
    refuse_cycles(connection, changes).await?;

    let all: Vec<_> = changes.iter().flat_map(|change| &change.events).collect();
    let first = events::take_sequences(connection, bound(all.len()), COMMIT).await?;
    let numbered: Vec<_> = (first..).zip(all).collect();
    events::append(connection, &numbered, COMMIT).await?;
    carry_out(connection, changes).await?;
    Ok(first)
}

fn sorted(mut changes: Vec<&Change>) -> Vec<&Change> {
    changes.sort_unstable_by_key(|change| change.after.id);
    changes
}

async fn refuse_cycles(
    connection: &mut PgConnection,
    changes: &[&Change],
) -> Result<(), StoreError> {
    let moved: Vec<Uuid> = changes
        .iter()
        .filter(|change| change.moved && change.exists && change.after.parent_id.is_some())
        .map(|change| change.after.id.0)
        .collect();
    if !moved.is_empty() && workspaces::any_own_ancestor(connection, &moved, COMMIT).await? {
        return Err(StoreError::Refused { operation: COMMIT, refusal: Refusal::Cycle });
    }
    Ok(())
}

/// Carries out the effects. Tokens and layouts come with every new workspace, so they are written
/// in bulk; the others are rare.
async fn carry_out(connection: &mut PgConnection, changes: &[&Change]) -> Result<(), StoreError> {
    let mut issued = Vec::new();
    let mut layouts = Vec::new();
    let (mut revoked, mut dropped, mut purged) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        let (id, at) = (change.after.id, change.at);
        for effect in &change.effects {
            match effect {
                Effect::IssueToken(token) => issued.push((id, token, at)),
                Effect::Layout(layout) => layouts.push((id, *layout)),
                Effect::RevokeTokens => revoked.push((id, at)),
                Effect::DropLayout => dropped.push(id.0),
                Effect::Purge => purged.push(id.0),
                Effect::AssignAgent { agent_id, model } => {
                    agents::assign(connection, id, *agent_id, model, at, COMMIT).await?;
                }
                Effect::KeepSecrets(secrets) => {
                    keep_secrets(connection, id, secrets, at).await?;
                }
                Effect::RetireAgent { agent_id, status, reason } => {
                    agents::retire(connection, *agent_id, *status, reason, at, COMMIT).await?;
                }
                Effect::MoveAgent { agent_id, to } => {
                    agents::hand_over(connection, *agent_id, *to, COMMIT).await?;
                }
                Effect::Delegation(step) => {
                    delegations::take(connection, id, step, at, COMMIT).await?;
                }
                Effect::RequestApproval(new) => {
                    approvals::request(connection, id, new, at, COMMIT).await?;
                }
                Effect::DecideApproval(ballot) => {
                    approvals::decide(connection, id, ballot, at, COMMIT).await?;
                }
                Effect::ExpireApproval(approval) => {
                    approvals::expire(connection, *approval, at, COMMIT).await?;
                }
                Effect::WithdrawApprovals => {
                    approvals::withdraw(connection, id, at, COMMIT).await?;
                }
                Effect::SampleError(text) => {
                    sqlx::query("UPDATE workspaces SET last_sample_error = $2 WHERE id = $1")
                        .bind(id.0)
                        .bind(text)
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| classify(COMMIT, error))?;
                }
            }
        }
    }
    tokens::revoke_all(connection, &revoked, COMMIT).await?;
    tokens::add_all(connection, &issued, COMMIT).await?;
    for (id, layout) in layouts {
        views::write_layout(connection, id, layout, COMMIT).await?;
    }
    views::drop_layouts(connection, &dropped, COMMIT).await?;
    if !purged.is_empty() {
        workspaces::purge(connection, &purged, changes[0].at, COMMIT).await?;
    }
    Ok(())
}

/// The first secrets of a new workspace, with their data key and their audit rows.
async fn keep_secrets(
    connection: &mut PgConnection,
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

fn loaded(row: &PgRow) -> Result<Loaded, StoreError> {
    let c = Columns { row, operation: LOAD };
    let agent: Option<Uuid> = c.get("agent_id")?;
    let model: Option<String> = c.get("agent_model")?;
    let live: i64 = c.get("live_tokens")?;
    Ok(Loaded {
        record: Some(workspaces::record(row, LOAD)?),
        head: workspaces::head(row, LOAD)?,
        vitals: workspaces::vitals(row, LOAD)?,
        live_tokens: u32::try_from(live).unwrap_or(u32::MAX),
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
