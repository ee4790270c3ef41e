//! `agents`: which model serves which workspace, with its history.

use chrono::{DateTime, Utc};
use isomer_actors::domain::change::AgentStatus;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Assignment, StoreError};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::codec::{Columns, classify};

const HISTORY: &str = "list agents";

/// Adds an active agent.
pub async fn assign(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: Uuid,
    model: &str,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO agents (id, workspace_id, model, created_at) VALUES ($1, $2, $3, $4)")
        .bind(agent)
        .bind(workspace.0)
        .bind(model)
        .bind(at)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

/// Deactivates an agent.
pub async fn retire(
    connection: &mut PgConnection,
    agent: Uuid,
    status: AgentStatus,
    reason: &str,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET status = $2, removed_at = $3, removal_reason = $4 WHERE id = $1")
        .bind(agent)
        .bind(status.as_str())
        .bind(at)
        .bind(reason)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

/// Hands an agent to another workspace.
pub async fn hand_over(
    connection: &mut PgConnection,
    agent: Uuid,
    to: WorkspaceId,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET workspace_id = $2 WHERE id = $1")
        .bind(agent)
        .bind(to.0)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

/// Returns who serves and served a workspace, newest first.
pub async fn history(
    pool: &PgPool,
    workspace: WorkspaceId,
    limit: i64,
) -> Result<Vec<Assignment>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, model, status, created_at, removed_at, removal_reason FROM agents
         WHERE workspace_id = $1 ORDER BY created_at DESC, id LIMIT $2",
    )
    .bind(workspace.0)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(|error| classify(HISTORY, error))?;
    rows.iter().map(assignment).collect()
}

fn assignment(row: &PgRow) -> Result<Assignment, StoreError> {
    let c = Columns { row, operation: HISTORY };
    Ok(Assignment {
        id: c.get("id")?,
        model: c.get::<Option<String>>("model")?.unwrap_or_default(),
        status: c.parsed("status", AgentStatus::parse)?,
        created_at: c.get("created_at")?,
        removed_at: c.get("removed_at")?,
        removal_reason: c.get("removal_reason")?,
    })
}
