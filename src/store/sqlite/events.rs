//! `structure_events`: append-only, hash-chained per workspace, in one global order.

use chrono::{DateTime, Utc};
use isomer_actors::domain::event::{Event, Recorded};
use isomer_actors::domain::ids::Seq;
use isomer_actors::ports::{EventQuery, OVERTAKEN, Step, StoreError};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

use super::codec::{Columns, classify, time};
use crate::store::unreadable;

const READ: &str = "read events";
const COUNT: &str = "count events";

/// Gives out `count` sequences, held by the transaction's lock; returns the first.
pub async fn take_sequences(
    connection: &mut SqliteConnection,
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

/// Appends one event.
pub async fn append(
    connection: &mut SqliteConnection,
    seq: Seq,
    event: &Event,
    operation: &'static str,
) -> Result<(), StoreError> {
    let change =
        serde_json::to_string(&event.change).map_err(|_| unreadable(operation, "change"))?;
    sqlx::query(
        "INSERT INTO structure_events (id, event_type, workspace_id, agent_id, target_id, payload,
             created_at, seq, version, change, prev_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(event.id.to_string())
    .bind(&event.kind)
    .bind(event.workspace.to_string())
    .bind(event.agent_id.map(|id| id.to_string()))
    .bind(event.target_id.map(|id| id.to_string()))
    .bind(event.payload.to_string())
    .bind(time(event.at))
    .bind(seq)
    .bind(event.version)
    .bind(change)
    .bind(event.prev_hash.to_vec())
    .bind(event.hash.to_vec())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Returns events by `query`.
pub async fn read(pool: &SqlitePool, query: &EventQuery) -> Result<Vec<Recorded>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM structure_events WHERE 1 = 1");
    if let Some(id) = query.workspace {
        sql.push(" AND workspace_id = ").push_bind(id.to_string());
    }
    if !query.kinds.is_empty() {
        sql.push(" AND event_type IN (");
        let mut kinds = sql.separated(", ");
        for kind in &query.kinds {
            kinds.push_bind(kind.clone());
        }
        sql.push(")");
    }
    if let Some(seq) = query.after_seq {
        sql.push(" AND seq > ").push_bind(seq);
    }
    if let Some(seq) = query.up_to_seq {
        sql.push(" AND seq <= ").push_bind(seq);
    }
    if let Some(at) = query.since {
        sql.push(" AND created_at >= ").push_bind(time(at));
    }
    if let Some(at) = query.until {
        sql.push(" AND created_at <= ").push_bind(time(at));
    }
    sql.push(if query.ascending { " ORDER BY seq ASC" } else { " ORDER BY seq DESC" });
    sql.push(" LIMIT ").push_bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    let rows = sql.build().fetch_all(pool).await.map_err(|error| classify(READ, error))?;
    rows.iter().map(recorded).collect()
}

/// Returns the highest sequence given.
pub async fn last_seq(pool: &SqlitePool) -> Result<Seq, StoreError> {
    sqlx::query_scalar("SELECT last_seq FROM event_clock")
        .fetch_one(pool)
        .await
        .map_err(|error| classify(READ, error))
}

/// Returns the time of the earliest event.
pub async fn first_at(pool: &SqlitePool) -> Result<Option<DateTime<Utc>>, StoreError> {
    let row = sqlx::query("SELECT min(created_at) AS first_at FROM structure_events")
        .fetch_one(pool)
        .await
        .map_err(|error| classify(COUNT, error))?;
    Columns { row: &row, operation: COUNT }.opt_time("first_at")
}

/// Counts the events from each edge to the next, from the index on time alone.
pub async fn count(pool: &SqlitePool, edges: &[DateTime<Utc>]) -> Result<Vec<u64>, StoreError> {
    let pairs = edges.windows(2).map(|pair| pair.iter().map(|at| time(*at)).collect::<Vec<_>>());
    let counts: Vec<i64> = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM structure_events
                 WHERE created_at >= pair.value ->> 0 AND created_at < pair.value ->> 1)
         FROM json_each($1) pair ORDER BY pair.key",
    )
    .bind(Value::from_iter(pairs).to_string())
    .fetch_all(pool)
    .await
    .map_err(|error| classify(COUNT, error))?;
    Ok(counts.into_iter().map(i64::unsigned_abs).collect())
}

/// Returns the sequence at which the organisation stood.
pub async fn seq_at(pool: &SqlitePool, at: DateTime<Utc>) -> Result<Seq, StoreError> {
    let seq: Option<Seq> = sqlx::query_scalar(
        "SELECT max(seq) FROM (SELECT seq FROM structure_events WHERE created_at <= $1
             ORDER BY created_at DESC, seq DESC LIMIT $2)",
    )
    .bind(time(at))
    .bind(OVERTAKEN)
    .fetch_one(pool)
    .await
    .map_err(|error| classify(READ, error))?;
    Ok(seq.unwrap_or(0))
}

/// Returns changes to fold.
pub async fn steps(
    pool: &SqlitePool,
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

fn step(row: &SqliteRow) -> Result<Step, StoreError> {
    let c = Columns { row, operation: READ };
    let change = c.parsed("change", |text| serde_json::from_str(text).ok())?;
    Ok(Step { seq: c.get("seq")?, workspace: c.workspace("workspace_id")?, change })
}

fn recorded(row: &SqliteRow) -> Result<Recorded, StoreError> {
    let c = Columns { row, operation: READ };
    let change: &str = c.get("change")?;
    let event = Event {
        id: c.uuid("id")?,
        workspace: c.workspace("workspace_id")?,
        version: c.get("version")?,
        kind: c.get("event_type")?,
        payload: c.opt_json("payload")?.unwrap_or(Value::Null),
        change: serde_json::from_str(change).map_err(|_| unreadable(READ, "change"))?,
        agent_id: c.opt_uuid("agent_id")?,
        target_id: c.opt_workspace("target_id")?,
        at: c.time("created_at")?,
        prev_hash: c.hash("prev_hash")?,
        hash: c.hash("hash")?,
    };
    Ok(Recorded { seq: c.get("seq")?, event })
}
