//! `agents`: which model serves which workspace, with its history.

use chrono::{DateTime, Utc};
use isomer_actors::domain::change::AgentStatus;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::StoreError;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::codec::{classify, time};

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
