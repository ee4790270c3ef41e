//! `workspaces`: the projection of the log.

use chrono::{DateTime, Utc};
use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::change::{Change, Head};
use isomer_actors::domain::dialect::Dialect;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{Access, DeliveryMode, Record};
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{IndexRow, Outline, OutlineRow, StoreError};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};

use super::codec::{Columns, classify, time};

/// Reads the structural columns.
pub fn record(row: &SqliteRow, operation: &'static str) -> Result<Record, StoreError> {
    let c = Columns { row, operation };
    Ok(Record {
        id: c.workspace("id")?,
        name: c.get("name")?,
        role: c.get("role")?,
        tier: c.get::<Option<i32>>("tier")?.unwrap_or(1),
        status: c.parsed("status", Status::parse)?,
        parent_id: c.opt_workspace("parent_id")?,
        forwarded_to: c.opt_workspace("forwarded_to")?,
        url: c.get("url")?,
        runtime: c.get::<Option<String>>("runtime")?.unwrap_or_default(),
        workspace_dir: c.get("workspace_dir")?,
        workspace_access: c.parsed("workspace_access", Access::parse)?,
        budget_limit: c.get("budget_limit")?,
        max_concurrent_tasks: c.get("max_concurrent_tasks")?,
        awareness_namespace: c.get("awareness_namespace")?,
        source_bundle_id: c.get("source_bundle_id")?,
        delivery_mode: c.parsed("delivery_mode", DeliveryMode::parse)?,
        hibernation_idle_minutes: c.get("hibernation_idle_minutes")?,
        created_at: c.time("created_at")?,
    })
}

/// Reads the heartbeat columns.
pub fn vitals(row: &SqliteRow, operation: &'static str) -> Result<Vitals, StoreError> {
    let c = Columns { row, operation };
    let metadata = c.opt_json("runtime_metadata")?;
    Ok(Vitals {
        last_heartbeat_at: c.opt_time("last_heartbeat_at")?,
        error_rate: c.get::<Option<f64>>("last_error_rate")?.unwrap_or(0.0),
        sample_error: c.get::<Option<String>>("last_sample_error")?.unwrap_or_default(),
        active_tasks: c.get::<Option<i32>>("active_tasks")?.unwrap_or(0),
        uptime_seconds: c.get::<Option<i32>>("uptime_seconds")?.unwrap_or(0),
        current_task: c.get::<Option<String>>("current_task")?.unwrap_or_default(),
        monthly_spend: c.get("monthly_spend")?,
        runtime_state: c.get::<Option<String>>("runtime_state")?.unwrap_or_default(),
        metadata: metadata.and_then(|json| serde_json::from_value(json).ok()),
    })
}

/// Reads where the chain stands.
pub fn head(row: &SqliteRow, operation: &'static str) -> Result<Head, StoreError> {
    let c = Columns { row, operation };
    Ok(Head { version: c.get("version")?, hash: c.hash("chain_hash")? })
}

/// Reads the organisation and its sequence in one statement, hence in one snapshot.
pub async fn outline(pool: &SqlitePool) -> Result<Outline, StoreError> {
    const OUTLINE: &str = "outline the organisation";
    let rows = sqlx::query(
        "SELECT c.last_seq, w.id, w.name, w.role, w.status, w.tier, w.runtime, w.parent_id
         FROM event_clock c LEFT JOIN workspaces w ON w.status <> 'removed' ORDER BY w.id",
    )
    .fetch_all(pool)
    .await
    .map_err(|error| classify(OUTLINE, error))?;
    let mut outline = Outline { seq: 0, rows: Vec::with_capacity(rows.len()) };
    for row in &rows {
        let c = Columns { row, operation: OUTLINE };
        outline.seq = c.get("last_seq")?;
        if let Some(id) = c.opt_workspace("id")? {
            outline.rows.push(OutlineRow {
                id,
                name: c.get("name")?,
                role: c.get("role")?,
                status: c.parsed("status", Status::parse)?,
                tier: c.get::<Option<i32>>("tier")?.unwrap_or(1),
                runtime: c.get::<Option<String>>("runtime")?.unwrap_or_default(),
                parent_id: c.opt_workspace("parent_id")?,
            });
        }
    }
    Ok(outline)
}

/// Reads what the indexes need.
pub fn index_row(row: &SqliteRow, operation: &'static str) -> Result<IndexRow, StoreError> {
    let c = Columns { row, operation };
    let url: Option<String> = c.get("url")?;
    let spoken: Option<Value> = c.opt_json("spoken")?;
    let dialect = Dialect::of_card(spoken.as_ref(), url.as_deref());
    Ok(IndexRow {
        id: c.workspace("id")?,
        name: c.get("name")?,
        parent_id: c.opt_workspace("parent_id")?,
        forwarded_to: c.opt_workspace("forwarded_to")?,
        status: c.parsed("status", Status::parse)?,
        runtime: c.get::<Option<&str>>("runtime")?.unwrap_or_default().into(),
        had_tokens: c.get("had_tokens")?,
        url,
        delivery_mode: c.parsed("delivery_mode", DeliveryMode::parse)?,
        budget_limit: c.get("budget_limit")?,
        max_concurrent_tasks: c.get("max_concurrent_tasks")?,
        dialect: Some(dialect),
    })
}

/// Writes the row of a change whose head was checked.
pub async fn write(
    connection: &mut SqliteConnection,
    change: &Change,
    operation: &'static str,
) -> Result<(), StoreError> {
    let sql = if change.exists {
        "UPDATE workspaces SET name = $2, role = $3, tier = $4, status = $5, parent_id = $6,
             forwarded_to = $7, url = $8, runtime = $9, workspace_dir = $10,
             workspace_access = $11, budget_limit = $12, max_concurrent_tasks = $13,
             awareness_namespace = $14, source_bundle_id = $15, created_at = $16,
             updated_at = $17, version = $18, chain_hash = $19,
             agent_card = CASE WHEN $20 THEN $21 ELSE agent_card END, delivery_mode = $22,
             hibernation_idle_minutes = $23
         WHERE id = $1"
    } else {
        "INSERT INTO workspaces (id, name, role, tier, status, parent_id, forwarded_to, url,
             runtime, workspace_dir, workspace_access, budget_limit, max_concurrent_tasks,
             awareness_namespace, source_bundle_id, created_at, updated_at, version,
             chain_hash, agent_card, delivery_mode, hibernation_idle_minutes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
             $18, $19, CASE WHEN $20 THEN $21 END, $22, $23)"
    };
    let row = &change.after;
    let head = change.head();
    let card = change.card.as_ref().and_then(Option::as_ref).map(ToString::to_string);
    sqlx::query(sql)
        .bind(row.id.to_string())
        .bind(&row.name)
        .bind(&row.role)
        .bind(row.tier)
        .bind(row.status.as_str())
        .bind(row.parent_id.map(|id| id.to_string()))
        .bind(row.forwarded_to.map(|id| id.to_string()))
        .bind(&row.url)
        .bind(&row.runtime)
        .bind(&row.workspace_dir)
        .bind(row.workspace_access.as_str())
        .bind(row.budget_limit)
        .bind(row.max_concurrent_tasks)
        .bind(&row.awareness_namespace)
        .bind(&row.source_bundle_id)
        .bind(time(row.created_at))
        .bind(time(change.at))
        .bind(head.version)
        .bind(head.hash.to_vec())
        .bind(change.card.is_some())
        .bind(card)
        .bind(row.delivery_mode.as_str())
        .bind(row.hibernation_idle_minutes)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

/// Returns whether walking up from `id` leads back to it.
pub async fn is_own_ancestor(
    connection: &mut SqliteConnection,
    id: WorkspaceId,
    operation: &'static str,
) -> Result<bool, StoreError> {
    let found = sqlx::query(
        "WITH RECURSIVE up (id, depth) AS (
             SELECT parent_id, 1 FROM workspaces WHERE id = $1
             UNION ALL
             SELECT w.parent_id, up.depth + 1 FROM workspaces w JOIN up ON w.id = up.id
             WHERE up.depth < 64 AND up.id <> $1)
         SELECT 1 FROM up WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    Ok(found.is_some())
}

/// Deletes a row and everything that hangs on it, its seed included. Its events stay.
pub async fn purge(
    connection: &mut SqliteConnection,
    id: WorkspaceId,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO secret_audit (at, actor, action, workspace_id, outcome, detail)
         SELECT $2, 'purge', 'destroy', workspace_id, 'ok', id FROM data_keys
         WHERE workspace_id = $1",
    )
    .bind(id.to_string())
    .bind(time(at))
    .execute(&mut *connection)
    .await
    .map_err(|error| classify(operation, error))?;
    for sql in [
        "DELETE FROM agents WHERE workspace_id = $1",
        "DELETE FROM activity_logs WHERE workspace_id = $1",
        "DELETE FROM workspace_token_usage WHERE workspace_id = $1",
        "DELETE FROM workspace_secrets WHERE workspace_id = $1",
        "DELETE FROM data_keys WHERE workspace_id = $1",
        "DELETE FROM workspace_config WHERE workspace_id = $1",
        "DELETE FROM canvas_layouts WHERE workspace_id = $1",
        "DELETE FROM workspace_auth_tokens WHERE workspace_id = $1",
        "UPDATE workspaces SET parent_id = NULL WHERE parent_id = $1",
        "UPDATE workspaces SET forwarded_to = NULL WHERE forwarded_to = $1",
        "UPDATE org_api_tokens SET org_id = NULL WHERE org_id = $1",
        "DELETE FROM workspaces WHERE id = $1",
    ] {
        sqlx::query(sql)
            .bind(id.to_string())
            .execute(&mut *connection)
            .await
            .map_err(|error| classify(operation, error))?;
    }
    Ok(())
}
