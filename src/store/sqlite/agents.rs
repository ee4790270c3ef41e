//! `agents`: which model serves which workspace, with its history.

use chrono::{DateTime, Utc};
use isomer_actors::domain::change::AgentStatus;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Assignment, StoreError};
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::codec::{Columns, classify, time};

const HISTORY: &str = "list agents";

/// Adds an active agent.
pub async fn assign(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    agent: Uuid,
    model: &str,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO agents (id, workspace_id, model, status, created_at)
         VALUES ($1, $2, $3, 'active', $4)",
    )
    .bind(agent.to_string())
    .bind(workspace.to_string())
    .bind(model)
    .bind(time(at))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Deactivates an agent.
pub async fn retire(
    connection: &mut SqliteConnection,
    agent: Uuid,
    status: AgentStatus,
    reason: &str,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET status = $2, removed_at = $3, removal_reason = $4 WHERE id = $1")
        .bind(agent.to_string())
        .bind(status.as_str())
        .bind(time(at))
        .bind(reason)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

/// Hands an agent to another workspace.
pub async fn hand_over(
    connection: &mut SqliteConnection,
    agent: Uuid,
    to: WorkspaceId,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET workspace_id = $2 WHERE id = $1")
        .bind(agent.to_string())
        .bind(to.to_string())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

/// Returns who serves and served a workspace, newest first.
pub async fn history(
    pool: &SqlitePool,
    workspace: WorkspaceId,
    limit: i64,
) -> Result<Vec<Assignment>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, model, status, created_at, removed_at, removal_reason FROM agents
         WHERE workspace_id = $1 ORDER BY created_at DESC, id LIMIT $2",
    )
    .bind(workspace.to_string())
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(|error| classify(HISTORY, error))?;
    rows.iter().map(assignment).collect()
}

fn assignment(row: &SqliteRow) -> Result<Assignment, StoreError> {
    let c = Columns { row, operation: HISTORY };
    Ok(Assignment {
        id: c.uuid("id")?,
        model: c.get::<Option<String>>("model")?.unwrap_or_default(),
        status: c.parsed("status", AgentStatus::parse)?,
        created_at: c.time("created_at")?,
        removed_at: c.opt_time("removed_at")?,
        removal_reason: c.get("removal_reason")?,
    })
}
