//! `workspaces`: the projection of the log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::change::{Change, Head};
use isomer_actors::domain::dialect::Dialect;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{Access, DeliveryMode, Record};
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{IndexRow, Outline, OutlineRow, StoreError};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use super::codec::{Columns, classify};

/// Reads the structural columns; `status` has been cast to text.
pub fn record(row: &PgRow, operation: &'static str) -> Result<Record, StoreError> {
    let c = Columns { row, operation };
    Ok(Record {
        id: c.workspace("id")?,
        name: c.get("name")?,
        role: c.get("role")?,
        tier: c.get::<Option<i32>>("tier")?.unwrap_or(1),
        status: c.parsed("status_text", Status::parse)?,
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
        created_at: c.get("created_at")?,
    })
}

/// Reads the heartbeat columns.
pub fn vitals(row: &PgRow, operation: &'static str) -> Result<Vitals, StoreError> {
    let c = Columns { row, operation };
    let metadata: Option<Value> = c.get("runtime_metadata")?;
    Ok(Vitals {
        last_heartbeat_at: c.get("last_heartbeat_at")?,
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
pub fn head(row: &PgRow, operation: &'static str) -> Result<Head, StoreError> {
    let c = Columns { row, operation };
    Ok(Head { version: c.get("version")?, hash: c.hash("chain_hash")? })
}

/// Reads the organisation and its sequence in one statement, hence in one snapshot.
pub async fn outline(pool: &PgPool) -> Result<Outline, StoreError> {
    const OUTLINE: &str = "outline the organisation";
    let rows = sqlx::query(
        "SELECT c.last_seq, w.id, w.name, w.role, w.status::text AS status_text, w.tier,
             w.runtime, w.parent_id
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
                status: c.parsed("status_text", Status::parse)?,
                tier: c.get::<Option<i32>>("tier")?.unwrap_or(1),
                runtime: c.get::<Option<String>>("runtime")?.unwrap_or_default(),
                parent_id: c.opt_workspace("parent_id")?,
            });
        }
    }
    Ok(outline)
}

/// Reads what the indexes need.
pub fn index_row(row: &PgRow, operation: &'static str) -> Result<IndexRow, StoreError> {
    let c = Columns { row, operation };
    let url: Option<String> = c.get("url")?;
    let spoken: Option<Value> = c.get("spoken")?;
    let dialect = Dialect::of_card(spoken.as_ref(), url.as_deref());
    Ok(IndexRow {
        id: c.workspace("id")?,
        name: c.get("name")?,
        parent_id: c.opt_workspace("parent_id")?,
        forwarded_to: c.opt_workspace("forwarded_to")?,
        status: c.parsed("status_text", Status::parse)?,
        runtime: c.get::<Option<&str>>("runtime")?.unwrap_or_default().into(),
        had_tokens: c.get("had_tokens")?,
        url,
        delivery_mode: c.parsed("delivery_mode", DeliveryMode::parse)?,
        budget_limit: c.get("budget_limit")?,
        max_concurrent_tasks: c.get("max_concurrent_tasks")?,
        dialect: Some(dialect),
    })
}

/// Locks rows in the order of their ids and returns where their chains stand.
pub async fn lock(
    connection: &mut PgConnection,
    ids: &[Uuid],
    operation: &'static str,
) -> Result<HashMap<WorkspaceId, Head>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, version, chain_hash FROM workspaces WHERE id = ANY($1)
         ORDER BY id FOR NO KEY UPDATE",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    rows.iter()
        .map(|row| {
            let id = Columns { row, operation }.workspace("id")?;
            Ok((id, head(row, operation)?))
        })
        .collect()
}

/// The rows of one bulk statement, as arrays.
const COLUMNS: &str = "UNNEST($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[],
        $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[],
        $13::int[], $14::text[], $15::text[], $16::timestamptz[], $17::timestamptz[],
        $18::bigint[], $19::bytea[], $20::boolean[], $21::text[], $22::text[], $23::int[])
    AS b (id, name, role, tier, status, parent_id, forwarded_to, url, runtime, workspace_dir,
        workspace_access, budget_limit, max_concurrent_tasks, awareness_namespace,
        source_bundle_id, created_at, updated_at, version, chain_hash, card_given, agent_card,
        delivery_mode, hibernation_idle_minutes)";

/// Inserts the rows of changes that create.
pub async fn insert(
    connection: &mut PgConnection,
    changes: &[&Change],
    operation: &'static str,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO workspaces (id, name, role, tier, status, parent_id, forwarded_to, url,
             runtime, workspace_dir, workspace_access, budget_limit, max_concurrent_tasks,
             awareness_namespace, source_bundle_id, created_at, updated_at, version, chain_hash,
             agent_card, delivery_mode, hibernation_idle_minutes)
         SELECT id, name, role, tier, status::workspace_status, parent_id, forwarded_to, url,
             runtime, workspace_dir, workspace_access, budget_limit, max_concurrent_tasks,
             awareness_namespace, source_bundle_id, created_at, updated_at, version, chain_hash,
             agent_card::jsonb, delivery_mode, hibernation_idle_minutes
         FROM {COLUMNS}"
    );
    write(connection, sql, changes, operation).await
}

/// Updates the rows of changes whose heads were checked under their locks.
pub async fn update(
    connection: &mut PgConnection,
    changes: &[&Change],
    operation: &'static str,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE workspaces w SET name = b.name, role = b.role, tier = b.tier,
             status = b.status::workspace_status, parent_id = b.parent_id,
             forwarded_to = b.forwarded_to, url = b.url, runtime = b.runtime,
             workspace_dir = b.workspace_dir, workspace_access = b.workspace_access,
             budget_limit = b.budget_limit, max_concurrent_tasks = b.max_concurrent_tasks,
             awareness_namespace = b.awareness_namespace, source_bundle_id = b.source_bundle_id,
             created_at = b.created_at, updated_at = b.updated_at, version = b.version,
             chain_hash = b.chain_hash, delivery_mode = b.delivery_mode,
             hibernation_idle_minutes = b.hibernation_idle_minutes,
             agent_card = CASE WHEN b.card_given THEN b.agent_card::jsonb ELSE w.agent_card END
         FROM {COLUMNS} WHERE w.id = b.id"
    );
    write(connection, sql, changes, operation).await
}

async fn write(
    connection: &mut PgConnection,
    sql: String,
    changes: &[&Change],
    operation: &'static str,
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let each = |f: fn(&Record) -> Option<String>| -> Vec<Option<String>> {
        changes.iter().map(|change| f(&change.after)).collect()
    };
    let uuids = |f: fn(&Record) -> Option<WorkspaceId>| -> Vec<Option<Uuid>> {
        changes.iter().map(|change| f(&change.after).map(|id| id.0)).collect()
    };
    let heads: Vec<_> = changes.iter().map(|change| change.head()).collect();
    let cards: Vec<_> = changes
        .iter()
        .map(|change| change.card.as_ref().and_then(Option::as_ref).map(ToString::to_string))
        .collect();
    sqlx::query(AssertSqlSafe(sql))
        .bind(changes.iter().map(|change| change.after.id.0).collect::<Vec<_>>())
        .bind(each(|row| Some(row.name.clone())))
        .bind(each(|row| row.role.clone()))
        .bind(changes.iter().map(|change| change.after.tier).collect::<Vec<_>>())
        .bind(each(|row| Some(row.status.as_str().to_owned())))
        .bind(uuids(|row| row.parent_id))
        .bind(uuids(|row| row.forwarded_to))
        .bind(each(|row| row.url.clone()))
        .bind(each(|row| Some(row.runtime.clone())))
        .bind(each(|row| row.workspace_dir.clone()))
        .bind(each(|row| Some(row.workspace_access.as_str().to_owned())))
        .bind(changes.iter().map(|change| change.after.budget_limit).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.after.max_concurrent_tasks).collect::<Vec<_>>())
        .bind(each(|row| row.awareness_namespace.clone()))
        .bind(each(|row| row.source_bundle_id.clone()))
        .bind(changes.iter().map(|change| change.after.created_at).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.at).collect::<Vec<_>>())
        .bind(heads.iter().map(|head| head.version).collect::<Vec<_>>())
        .bind(heads.iter().map(|head| head.hash.to_vec()).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.card.is_some()).collect::<Vec<_>>())
        .bind(cards)
        .bind(each(|row| Some(row.delivery_mode.as_str().to_owned())))
        .bind(
            changes
                .iter()
                .map(|change| change.after.hibernation_idle_minutes)
                .collect::<Vec<Option<i32>>>(),
        )
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

/// Returns whether walking up from any of these leads back to it. Moves are serialised by an
/// advisory lock, so that two of them cannot close a circle together.
pub async fn any_own_ancestor(
    connection: &mut PgConnection,
    ids: &[Uuid],
    operation: &'static str,
) -> Result<bool, StoreError> {
    /// Any constant of ours: moves take it, nothing else does.
    const MOVES: i64 = 0x6973_6f6d_6572;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MOVES)
        .execute(&mut *connection)
        .await
        .map_err(|error| classify(operation, error))?;
    let found = sqlx::query(
        "WITH RECURSIVE up (start, id, depth) AS (
             SELECT id, parent_id, 1 FROM workspaces WHERE id = ANY($1)
             UNION ALL
             SELECT up.start, w.parent_id, up.depth + 1
             FROM workspaces w JOIN up ON w.id = up.id
             WHERE up.depth < 64 AND up.id <> up.start)
         SELECT 1 FROM up WHERE id = start LIMIT 1",
    )
    .bind(ids)
    .fetch_optional(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    Ok(found.is_some())
}

/// Deletes rows and everything that hangs on them, their seeds included. Their events stay.
pub async fn purge(
    connection: &mut PgConnection,
    ids: &[Uuid],
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    // Waits for writers that are at it and keeps others out, workspace before data key as they do:
    // else a secret written in between would hold the seed and fail the purge.
    sqlx::query("SELECT 1 FROM workspaces WHERE id = ANY($1) ORDER BY id FOR UPDATE")
        .bind(ids)
        .execute(&mut *connection)
        .await
        .map_err(|error| classify(operation, error))?;
    sqlx::query(
        "INSERT INTO secret_audit (at, actor, action, workspace_id, outcome, detail)
         SELECT $2, 'purge', 'destroy', workspace_id, 'ok', id::text FROM data_keys
         WHERE workspace_id = ANY($1)",
    )
    .bind(ids)
    .bind(at)
    .execute(&mut *connection)
    .await
    .map_err(|error| classify(operation, error))?;
    for sql in [
        "DELETE FROM agents WHERE workspace_id = ANY($1)",
        "DELETE FROM activity_logs WHERE workspace_id = ANY($1)",
        "DELETE FROM workspace_secrets WHERE workspace_id = ANY($1)",
        "DELETE FROM data_keys WHERE workspace_id = ANY($1)",
        "UPDATE workspaces SET parent_id = NULL WHERE parent_id = ANY($1)",
        "UPDATE workspaces SET forwarded_to = NULL WHERE forwarded_to = ANY($1)",
        "DELETE FROM workspaces WHERE id = ANY($1)",
    ] {
        sqlx::query(sql)
            .bind(ids)
            .execute(&mut *connection)
            .await
            .map_err(|error| classify(operation, error))?;
    }
    Ok(())
}
