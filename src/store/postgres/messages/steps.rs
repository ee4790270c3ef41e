//! The steps of one transaction: posts in one statement, then the others in order.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{MAX_ATTEMPTS, Message, NewMessage, State, Verdict};
use isomer_actors::ports::{Lease, MessageOutcome, MessageStep, Posted, StoreError};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{OUTLINE, WHOLE, WRITE, bound, message};
use crate::store::postgres::codec::{Columns, classify};

const POST: &str = "INSERT INTO a2a_queue (id, workspace_id, caller_id, priority, body, method,
        idempotency_key, headers, origin, enqueued_at, updated_at, expires_at)
    SELECT b.id, b.workspace_id, b.caller_id, b.priority, b.body::json, b.method, b.key,
        b.headers::json, b.origin, b.at, b.at, b.expires_at
    FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[])
        WITH ORDINALITY AS b (id, workspace_id, caller_id, priority, body, method, key, headers,
            origin, at, expires_at, place)
        JOIN workspaces w ON w.id = b.workspace_id
    ORDER BY b.place
    ON CONFLICT DO NOTHING RETURNING id";

/// Takes the steps.
pub(super) async fn take(
    connection: &mut PgConnection,
    steps: &[MessageStep],
) -> Result<Vec<MessageOutcome>, StoreError> {
    let posts: Vec<_> = steps
        .iter()
        .filter_map(|step| if let MessageStep::Post(new) = step { Some(new) } else { None })
        .collect();
    let kept = post(connection, &posts).await?;
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

async fn post(
    connection: &mut PgConnection,
    posts: &[&NewMessage],
) -> Result<HashSet<Uuid>, StoreError> {
    if posts.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query(POST)
        .bind(posts.iter().map(|new| new.id).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.to.0).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.from.map(|id| id.0)).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.priority).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.body.to_string()).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.method.clone()).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.key.clone()).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.headers.clone()).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.origin.as_str().to_owned()).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.at).collect::<Vec<_>>())
        .bind(posts.iter().map(|new| new.expires_at).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(|error| classify(WRITE, error))?;
    rows.iter().map(|row| Columns { row, operation: WRITE }.get("id")).collect()
}

/// Returns the message that a post found in its place.
async fn existing(
    connection: &mut PgConnection,
    new: &NewMessage,
) -> Result<Option<Posted>, StoreError> {
    let row = sqlx::query(
        "SELECT id, status FROM a2a_queue WHERE id = $1 OR (workspace_id = $2
             AND idempotency_key = $3 AND status IN ('queued', 'dispatched', 'completed'))
         LIMIT 1",
    )
    .bind(new.id)
    .bind(new.to.0)
    .bind(new.key.as_deref())
    .fetch_optional(connection)
    .await
    .map_err(|error| classify(WRITE, error))?;
    let posted = |row: &PgRow| {
        let c = Columns { row, operation: WRITE };
        let state = c.parsed("status", State::parse_stored)?;
        Ok(Posted { id: c.get("id")?, state, new: false })
    };
    row.as_ref().map(posted).transpose()
}

async fn take_lease(
    connection: &mut PgConnection,
    lease: &Lease,
) -> Result<Vec<Message>, StoreError> {
    let order = if lease.after.is_some() { "seq" } else { "priority DESC, seq" };
    let sql = format!(
        "WITH due AS (
             SELECT id AS due_id FROM a2a_queue
             WHERE workspace_id = $1 AND status = 'queued' AND expires_at > $2
                 AND (not_before IS NULL OR not_before <= $2) AND seq > $3
             ORDER BY {order} LIMIT $4 FOR UPDATE SKIP LOCKED)
         UPDATE a2a_queue SET status = 'dispatched', attempts = attempts + 1, lease_id = $5,
             lease_until = $6, collected = $7, dispatched_at = $2, updated_at = $2,
             not_before = NULL
         FROM due WHERE id = due_id RETURNING {WHOLE}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(lease.to.0)
        .bind(lease.at)
        .bind(lease.after.unwrap_or(0))
        .bind(bound(lease.limit))
        .bind(lease.id)
        .bind(lease.until)
        .bind(lease.after.is_some())
        .fetch_all(connection)
        .await
        .map_err(|error| classify(WRITE, error))?;
    let mut leased: Vec<Message> = rows.iter().map(message).collect::<Result<_, _>>()?;
    leased.sort_unstable_by_key(|message| message.seq);
    Ok(leased)
}

async fn renew(
    connection: &mut PgConnection,
    leases: &[Uuid],
    until: DateTime<Utc>,
) -> Result<MessageOutcome, StoreError> {
    sqlx::query(
        "UPDATE a2a_queue SET lease_until = $2 WHERE lease_id = ANY($1) AND status = 'dispatched'",
    )
    .bind(leases)
    .bind(until)
    .execute(connection)
    .await
    .map_err(|error| classify(WRITE, error))?;
    Ok(MessageOutcome::Renewed)
}

/// Ends a try or a message: the one under this lease, or the one of this workspace.
async fn end(
    connection: &mut PgConnection,
    (id, lease, to): (Uuid, Option<Uuid>, Option<WorkspaceId>),
    verdict: &Verdict,
    at: DateTime<Utc>,
) -> Result<Option<Box<Message>>, StoreError> {
    let sql = format!(
        "UPDATE a2a_queue SET status = $4, updated_at = $5, lease_id = NULL, lease_until = NULL,
             completed_at = CASE WHEN $6 THEN $5 END, response = $7::text::json,
             last_error = coalesce($8, last_error), not_before = $9,
             attempts = CASE WHEN $10 OR status = 'queued' THEN attempts ELSE greatest(attempts - 1, 0) END
         WHERE id = $1 AND status IN ('queued', 'dispatched')
             AND ($2::uuid IS NULL OR lease_id = $2) AND ($3::uuid IS NULL OR workspace_id = $3)
         RETURNING {OUTLINE}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .bind(lease)
        .bind(to.map(|to| to.0))
        .bind(verdict.state.stored())
        .bind(at)
        .bind(verdict.state.is_terminal())
        .bind(verdict.response.as_deref())
        .bind(verdict.last_error.as_deref())
        .bind(verdict.not_before)
        .bind(verdict.counts)
        .fetch_optional(connection)
        .await
        .map_err(|error| classify(WRITE, error))?;
    row.as_ref().map(|row| message(row).map(Box::new)).transpose()
}

async fn drop_old(
    connection: &mut PgConnection,
    to: Option<WorkspaceId>,
    before: DateTime<Utc>,
    at: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let sql = format!(
        "UPDATE a2a_queue SET status = 'dropped', updated_at = $3, completed_at = $3,
             last_error = concat_ws('; ', last_error, 'dropped as stale')
         WHERE id IN (SELECT id FROM a2a_queue WHERE status = 'queued' AND enqueued_at < $2
                 AND ($1::uuid IS NULL OR workspace_id = $1)
             ORDER BY seq LIMIT $4 FOR UPDATE SKIP LOCKED)
         RETURNING {OUTLINE}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(to.map(|to| to.0)).bind(before).bind(at);
    let rows = query.bind(bound(limit)).fetch_all(connection).await;
    rows.map_err(|error| classify(WRITE, error))?.iter().map(message).collect()
}

/// A deliverer whose lease is over may have handed its message over: only agents that collect
/// have surely had a try.
async fn expire(
    connection: &mut PgConnection,
    at: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let sql = format!(
        "UPDATE a2a_queue SET updated_at = $1, lease_id = NULL, lease_until = NULL,
             status = CASE WHEN expires_at <= $1 THEN 'expired'
                 WHEN collected AND attempts >= $3 THEN 'failed' ELSE 'queued' END,
             completed_at = CASE WHEN expires_at <= $1 OR (collected AND attempts >= $3) THEN $1 END,
             attempts = CASE WHEN status = 'queued' OR collected THEN attempts
                 ELSE greatest(attempts - 1, 0) END,
             last_error = CASE WHEN status = 'dispatched' THEN 'not acknowledged in time'
                 ELSE coalesce(last_error, 'not delivered in time') END
         WHERE id IN (SELECT id FROM a2a_queue WHERE status = 'queued' AND expires_at <= $1
                 LIMIT $2 FOR UPDATE SKIP LOCKED)
             OR id IN (SELECT id FROM a2a_queue WHERE status = 'dispatched' AND lease_until <= $1
                 LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING {OUTLINE}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(at).bind(bound(limit)).bind(MAX_ATTEMPTS);
    let rows = query.fetch_all(connection).await.map_err(|error| classify(WRITE, error))?;
    rows.iter().map(message).collect()
}

async fn forget(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<MessageOutcome, StoreError> {
    let done = sqlx::query(
        "DELETE FROM a2a_queue WHERE id IN (SELECT id FROM a2a_queue WHERE updated_at < $1
             AND status IN ('completed', 'dropped', 'failed', 'expired') LIMIT $2)",
    )
    .bind(before)
    .bind(bound(limit))
    .execute(connection)
    .await
    .map_err(|error| classify(WRITE, error))?;
    Ok(MessageOutcome::Forgotten(done.rows_affected()))
}
