//! The steps of one transaction: posts first, then the others in order.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{MAX_ATTEMPTS, Message, NewMessage, State, Verdict};
use isomer_actors::ports::{Lease, MessageOutcome, MessageStep, Posted, StoreError};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteConnection};
use uuid::Uuid;

use super::{OUTLINE, WHOLE, WRITE, bound, message};
use crate::store::sqlite::codec::{Columns, classify, time};

const POST: &str = "INSERT INTO a2a_queue (id, workspace_id, caller_id, priority, body, method,
        idempotency_key, headers, origin, enqueued_at, updated_at, expires_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11
    WHERE EXISTS (SELECT 1 FROM workspaces WHERE id = $2)
    ON CONFLICT DO NOTHING";

/// Takes the steps.
pub(super) async fn take(
    connection: &mut SqliteConnection,
    steps: &[MessageStep],
) -> Result<Vec<MessageOutcome>, StoreError> {
    let mut kept = HashSet::new();
    for step in steps {
        if let MessageStep::Post(new) = step
            && post(connection, new).await?
        {
            kept.insert(new.id);
        }
    }
    let mut outcomes = Vec::with_capacity(steps.len());
    for step in steps {
        outcomes.push(match step {
            MessageStep::Post(new) if kept.contains(&new.id) => {
                let posted = Posted { id: new.id, state: State::Queued, new: true };
                MessageOutcome::Posted(Some(posted))
            }
            MessageStep::Post(new) => MessageOutcome::Posted(existing(connection, new).await?),
            MessageStep::Lease(lease) => {
                MessageOutcome::Leased(take_lease(connection, lease).await?)
            }
            MessageStep::Renew { leases, until } => renew(connection, leases, *until).await?,
            MessageStep::Settle { id, lease, verdict, at } => MessageOutcome::Settled(
                end(connection, (*id, Some(*lease), None), verdict, *at).await?,
            ),
            MessageStep::End { id, to, verdict, at } => MessageOutcome::Settled(
                end(connection, (*id, None, Some(*to)), verdict, *at).await?,
            ),
            MessageStep::Drop { to, before, at, limit } => {
                MessageOutcome::Changed(drop_old(connection, *to, *before, *at, *limit).await?)
            }
            MessageStep::Expire { at, limit } => {
                MessageOutcome::Changed(expire(connection, *at, *limit).await?)
            }
            MessageStep::Forget { before, limit } => forget(connection, *before, *limit).await?,
        });
    }
    Ok(outcomes)
}

async fn post(connection: &mut SqliteConnection, new: &NewMessage) -> Result<bool, StoreError> {
    let done = sqlx::query(POST)
        .bind(new.id.to_string())
        .bind(new.to.to_string())
        .bind(new.from.map(|id| id.to_string()))
        .bind(new.priority)
        .bind(&*new.body)
        .bind(&new.method)
        .bind(new.key.as_deref())
        .bind(new.headers.as_deref())
        .bind(new.origin.as_str())
        .bind(time(new.at))
        .bind(time(new.expires_at))
        .execute(connection)
        .await
        .map_err(|error| classify(WRITE, error))?;
    Ok(done.rows_affected() > 0)
}

/// Returns the message that a post found in its place.
async fn existing(
    connection: &mut SqliteConnection,
    new: &NewMessage,
) -> Result<Option<Posted>, StoreError> {
    let row = sqlx::query(
        "SELECT id, status FROM a2a_queue WHERE id = $1 OR (workspace_id = $2
             AND idempotency_key = $3 AND status IN ('queued', 'dispatched', 'completed'))
         LIMIT 1",
    )
    .bind(new.id.to_string())
    .bind(new.to.to_string())
    .bind(new.key.as_deref())
    .fetch_optional(connection)
    .await
    .map_err(|error| classify(WRITE, error))?;
    let posted = |row: &SqliteRow| {
        let c = Columns { row, operation: WRITE };
        let state = c.parsed("status", State::parse_stored)?;
        Ok(Posted { id: c.uuid("id")?, state, new: false })
    };
    row.as_ref().map(posted).transpose()
}

async fn take_lease(
    connection: &mut SqliteConnection,
    lease: &Lease,
) -> Result<Vec<Message>, StoreError> {
    let order = if lease.after.is_some() { "seq" } else { "priority DESC, seq" };
    let sql = format!(
        "UPDATE a2a_queue SET status = 'dispatched', attempts = attempts + 1, lease_id = $5,
             lease_until = $6, collected = $7, dispatched_at = $2, updated_at = $2,
             not_before = NULL
         WHERE seq IN (SELECT seq FROM a2a_queue
             WHERE workspace_id = $1 AND status = 'queued' AND expires_at > $2
                 AND (not_before IS NULL OR not_before <= $2) AND seq > $3
             ORDER BY {order} LIMIT $4)
         RETURNING {WHOLE}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(lease.to.to_string())
        .bind(time(lease.at))
        .bind(lease.after.unwrap_or(0))
        .bind(bound(lease.limit))
        .bind(lease.id.to_string())
        .bind(time(lease.until))
        .bind(lease.after.is_some())
        .fetch_all(connection)
        .await
        .map_err(|error| classify(WRITE, error))?;
    let mut leased: Vec<Message> = rows.iter().map(message).collect::<Result<_, _>>()?;
    leased.sort_unstable_by_key(|message| message.seq);
    Ok(leased)
}

async fn renew(
    connection: &mut SqliteConnection,
    leases: &[Uuid],
    until: DateTime<Utc>,
) -> Result<MessageOutcome, StoreError> {
    sqlx::query(
        "UPDATE a2a_queue SET lease_until = $2 WHERE status = 'dispatched'
             AND lease_id IN (SELECT value FROM json_each($1))",
    )
    .bind(serde_json::json!(leases).to_string())
    .bind(time(until))
    .execute(connection)
    .await
    .map_err(|error| classify(WRITE, error))?;
    Ok(MessageOutcome::Renewed)
}

/// Ends a try or a message: the one under this lease, or the one of this workspace.
async fn end(
    connection: &mut SqliteConnection,
    (id, lease, to): (Uuid, Option<Uuid>, Option<WorkspaceId>),
    verdict: &Verdict,
    at: DateTime<Utc>,
) -> Result<Option<Box<Message>>, StoreError> {
    let sql = format!(
        "UPDATE a2a_queue SET status = $4, updated_at = $5, lease_id = NULL, lease_until = NULL,
             completed_at = CASE WHEN $6 THEN $5 END, response = $7,
             last_error = coalesce($8, last_error), not_before = $9,
             attempts = CASE WHEN $10 OR status = 'queued' THEN attempts ELSE max(attempts - 1, 0) END
         WHERE id = $1 AND status IN ('queued', 'dispatched')
             AND ($2 IS NULL OR lease_id = $2) AND ($3 IS NULL OR workspace_id = $3)
         RETURNING {OUTLINE}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id.to_string())
        .bind(lease.map(|lease| lease.to_string()))
        .bind(to.map(|to| to.to_string()))
        .bind(verdict.state.stored())
        .bind(time(at))
        .bind(verdict.state.is_terminal())
        .bind(verdict.response.as_deref())
        .bind(verdict.last_error.as_deref())
        .bind(verdict.not_before.map(time))
        .bind(verdict.counts)
        .fetch_optional(connection)
        .await
        .map_err(|error| classify(WRITE, error))?;
    row.as_ref().map(|row| message(row).map(Box::new)).transpose()
}

async fn drop_old(
    connection: &mut SqliteConnection,
    to: Option<WorkspaceId>,
    before: DateTime<Utc>,
    at: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let sql = format!(
        "UPDATE a2a_queue SET status = 'dropped', updated_at = $3, completed_at = $3,
             last_error = coalesce(last_error || '; ', '') || 'dropped as stale'
         WHERE seq IN (SELECT seq FROM a2a_queue WHERE status = 'queued' AND enqueued_at < $2
                 AND ($1 IS NULL OR workspace_id = $1)
             ORDER BY seq LIMIT $4)
         RETURNING {OUTLINE}"
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(to.map(|to| to.to_string()))
        .bind(time(before))
        .bind(time(at));
    let rows = query.bind(bound(limit)).fetch_all(connection).await;
    rows.map_err(|error| classify(WRITE, error))?.iter().map(message).collect()
}

/// A deliverer whose lease is over may have handed its message over: only agents that collect
/// have surely had a try.
async fn expire(
    connection: &mut SqliteConnection,
    at: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let sql = format!(
        "UPDATE a2a_queue SET updated_at = $1, lease_id = NULL, lease_until = NULL,
             status = CASE WHEN expires_at <= $1 THEN 'expired'
                 WHEN collected AND attempts >= $3 THEN 'failed' ELSE 'queued' END,
             completed_at = CASE WHEN expires_at <= $1 OR (collected AND attempts >= $3) THEN $1 END,
             attempts = CASE WHEN status = 'queued' OR collected THEN attempts
                 ELSE max(attempts - 1, 0) END,
             last_error = CASE WHEN status = 'dispatched' THEN 'not acknowledged in time'
                 ELSE coalesce(last_error, 'not delivered in time') END
         WHERE seq IN (
             SELECT seq FROM (SELECT seq FROM a2a_queue
                 WHERE status = 'queued' AND expires_at <= $1 LIMIT $2)
             UNION ALL
             SELECT seq FROM (SELECT seq FROM a2a_queue
                 WHERE status = 'dispatched' AND lease_until <= $1 LIMIT $2))
         RETURNING {OUTLINE}"
    );
    let query =
        sqlx::query(AssertSqlSafe(sql)).bind(time(at)).bind(bound(limit)).bind(MAX_ATTEMPTS);
    let rows = query.fetch_all(connection).await.map_err(|error| classify(WRITE, error))?;
    rows.iter().map(message).collect()
}

async fn forget(
    connection: &mut SqliteConnection,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<MessageOutcome, StoreError> {
    let done = sqlx::query(
        "DELETE FROM a2a_queue WHERE seq IN (SELECT seq FROM a2a_queue WHERE updated_at < $1
             AND status IN ('completed', 'dropped', 'failed', 'expired') LIMIT $2)",
    )
    .bind(time(before))
    .bind(bound(limit))
    .execute(connection)
    .await
    .map_err(|error| classify(WRITE, error))?;
    Ok(MessageOutcome::Forgotten(done.rows_affected()))
}
