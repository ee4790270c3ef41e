//! `structure_events`: append-only, hash-chained per workspace, in one global order.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use isomer_actors::domain::change::Head;
use isomer_actors::domain::event::{Event, Recorded};
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::ports::{EventQuery, OVERTAKEN, Step, StoreError};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::codec::{Columns, classify};
use crate::store::unreadable;

const READ: &str = "read events";
const COUNT: &str = "count events";

/// Gives out `count` sequences; returns the first. The lock on the clock is held to the end of
/// the transaction.
pub async fn take_sequences(
    connection: &mut PgConnection,
    count: i64,
    operation: &'static str,
) -> Result<Seq, StoreError> {
    let last: i64 = sqlx::query_scalar(
        "UPDATE event_clock SET last_seq = last_seq + $1 WHERE only_row = 1 RETURNING last_seq",
    )
    .bind(count)
    .fetch_one(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    Ok(last - count + 1)
}

/// Appends events in one statement.
pub async fn append(
    connection: &mut PgConnection,
    events: &[(Seq, &Event)],
    operation: &'static str,
) -> Result<(), StoreError> {
    let changes: Result<Vec<_>, _> =
        events.iter().map(|(_, event)| serde_json::to_string(&event.change)).collect();
    let changes = changes.map_err(|_| unreadable(operation, "change"))?;
    sqlx::query(
        "INSERT INTO structure_events (seq, id, event_type, workspace_id, agent_id, target_id,
             payload, created_at, version, change, prev_hash, hash)
         SELECT seq, id, event_type, workspace_id, agent_id, target_id, payload::jsonb,
             created_at, version, change::jsonb, prev_hash, hash
         FROM UNNEST($1::bigint[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[],
             $7::text[], $8::timestamptz[], $9::bigint[], $10::text[], $11::bytea[], $12::bytea[])
             AS b (seq, id, event_type, workspace_id, agent_id, target_id, payload, created_at,
                 version, change, prev_hash, hash)",
    )
    .bind(events.iter().map(|(seq, _)| *seq).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.id).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.kind.clone()).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.workspace.0).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.agent_id).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.target_id.map(|id| id.0)).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.payload.to_string()).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.at).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.version).collect::<Vec<_>>())
    .bind(changes)
    .bind(events.iter().map(|(_, e)| e.prev_hash.to_vec()).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, e)| e.hash.to_vec()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Returns where the chains of workspaces end that have no row.
pub async fn chain_ends(
    connection: &mut PgConnection,
    ids: &[Uuid],
    operation: &'static str,
) -> Result<HashMap<WorkspaceId, Head>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT DISTINCT ON (workspace_id) workspace_id, version, hash FROM structure_events
         WHERE workspace_id = ANY($1) ORDER BY workspace_id, version DESC",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    rows.iter()
        .map(|row| {
            let c = Columns { row, operation };
            let head = Head { version: c.get("version")?, hash: c.hash("hash")? };
            Ok((c.workspace("workspace_id")?, head))
        })
        .collect()
}

/// Returns events by `query`.
pub async fn read(pool: &PgPool, query: &EventQuery) -> Result<Vec<Recorded>, StoreError> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT * FROM structure_events WHERE true");
    if let Some(id) = query.workspace {
        sql.push(" AND workspace_id = ").push_bind(id.0);
    }
    if !query.kinds.is_empty() {
        sql.push(" AND event_type = ANY(").push_bind(query.kinds.clone()).push(")");
    }
    if let Some(seq) = query.after_seq {
        sql.push(" AND seq > ").push_bind(seq);
    }
    if let Some(seq) = query.up_to_seq {
        sql.push(" AND seq <= ").push_bind(seq);
    }
    if let Some(at) = query.since {
        sql.push(" AND created_at >= ").push_bind(at);
    }
    if let Some(at) = query.until {
        sql.push(" AND created_at <= ").push_bind(at);
    }
    // The chain's own index serves one workspace; its order is the global one.
    sql.push(match (query.workspace.is_some(), query.ascending) {
        (true, true) => " ORDER BY version ASC",
        (true, false) => " ORDER BY version DESC",
        (false, true) => " ORDER BY seq ASC",
        (false, false) => " ORDER BY seq DESC",
    });
    sql.push(" LIMIT ").push_bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    let rows = sql.build().fetch_all(pool).await.map_err(|error| classify(READ, error))?;
    rows.iter().map(recorded).collect()
}

/// Returns the highest sequence given.
pub async fn last_seq(pool: &PgPool) -> Result<Seq, StoreError> {
    sqlx::query_scalar("SELECT last_seq FROM event_clock")
        .fetch_one(pool)
        .await
        .map_err(|error| classify(READ, error))
}

/// Returns the time of the earliest event.
pub async fn first_at(pool: &PgPool) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query_scalar("SELECT min(created_at) FROM structure_events")
        .fetch_one(pool)
        .await
        .map_err(|error| classify(COUNT, error))
}

/// Counts the events from each edge to the next in one pass.
pub async fn count(pool: &PgPool, edges: &[DateTime<Utc>]) -> Result<Vec<u64>, StoreError> {
    let [lower @ .., end] = edges else {
        return Ok(Vec::new());
    };
    let rows: Vec<(i32, i64)> = sqlx::query_as(
        "SELECT width_bucket(created_at, $1::timestamptz[]) AS bucket, count(*)
         FROM structure_events WHERE created_at >= $2 AND created_at < $3 GROUP BY bucket",
    )
    .bind(lower)
    .bind(lower.first().unwrap_or(end))
    .bind(end)
    .fetch_all(pool)
    .await
    .map_err(|error| classify(COUNT, error))?;
    let mut counts = vec![0; lower.len()];
    for (bucket, count) in rows {
        // Buckets are numbered from 1; 0 lies before the first edge and was left out.
        let slot = usize::try_from(bucket - 1).ok().and_then(|at| counts.get_mut(at));
        *slot.ok_or_else(|| unreadable(COUNT, "bucket"))? = count.unsigned_abs();
    }
    Ok(counts)
}

/// Returns the sequence at which the organisation stood.
pub async fn seq_at(pool: &PgPool, at: DateTime<Utc>) -> Result<Seq, StoreError> {
    let seq: Option<Seq> = sqlx::query_scalar(
        "SELECT max(seq) FROM (SELECT seq FROM structure_events WHERE created_at <= $1
             ORDER BY created_at DESC, seq DESC LIMIT $2) AS last",
    )
    .bind(at)
    .bind(OVERTAKEN)
    .fetch_one(pool)
    .await
    .map_err(|error| classify(READ, error))?;
    Ok(seq.unwrap_or(0))
}

/// Returns changes to fold.
pub async fn steps(
    pool: &PgPool,
    after: Seq,
    up_to: Seq,
    limit: i64,
) -> Result<Vec<Step>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, workspace_id, change FROM structure_events WHERE seq > $1 AND seq <= $2
         ORDER BY seq LIMIT $3",
    )
    .bind(after)
    .bind(up_to)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(|error| classify(READ, error))?;
    rows.iter().map(step).collect()
}

fn step(row: &PgRow) -> Result<Step, StoreError> {
    let c = Columns { row, operation: READ };
    let Json(change) = c.get("change")?;
    Ok(Step { seq: c.get("seq")?, workspace: c.workspace("workspace_id")?, change })
}

fn recorded(row: &PgRow) -> Result<Recorded, StoreError> {
    let c = Columns { row, operation: READ };
    let change: Value = c.get("change")?;
    let event = Event {
        id: c.get("id")?,
        workspace: c.workspace("workspace_id")?,
        version: c.get("version")?,
        kind: c.get("event_type")?,
        payload: c.get::<Option<Value>>("payload")?.unwrap_or(Value::Null),
        change: serde_json::from_value(change).map_err(|_| unreadable(READ, "change"))?,
        agent_id: c.get("agent_id")?,
        target_id: c.opt_workspace("target_id")?,
        at: c.get("created_at")?,
        prev_hash: c.hash("prev_hash")?,
        hash: c.hash("hash")?,
    };
    Ok(Recorded { seq: c.get("seq")?, event })
}
