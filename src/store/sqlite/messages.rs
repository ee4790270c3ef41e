//! `a2a_queue`: messages that wait, and what became of them.

mod steps;

use async_trait::async_trait;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{Message, NewMessage, Origin, State};
use isomer_actors::ports::{MessageOutcome, MessageQuery, MessageStep, MessageStore, StoreError};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite};
use std::sync::Arc;
use uuid::Uuid;

use super::SqliteStore;
use super::codec::{Columns, classify, unknown};
use crate::store::unreadable;

const WRITE: &str = "write messages";
const READ: &str = "read messages";

/// Everything but the body and the answer, which are long.
const OUTLINE: &str = "id, seq, workspace_id, caller_id, priority, '{}' AS body, method,
    idempotency_key, NULL AS headers, origin, enqueued_at, expires_at, status, attempts,
    updated_at, last_error, NULL AS response, lease_id";
/// All of it.
const WHOLE: &str = "id, seq, workspace_id, caller_id, priority, body, method,
    idempotency_key, headers, origin, enqueued_at, expires_at, status, attempts,
    updated_at, last_error, response, lease_id";

#[async_trait]
impl MessageStore for SqliteStore {
    async fn write_messages(
        &self,
        steps: &[MessageStep],
    ) -> Result<Vec<MessageOutcome>, StoreError> {
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| classify(WRITE, error))?;
        let outcomes = steps::take(&mut transaction, steps).await?;
        transaction.commit().await.map_err(|error| unknown(WRITE, error))?;
        Ok(outcomes)
    }

    async fn message(&self, id: Uuid) -> Result<Option<Message>, StoreError> {
        let sql = format!("SELECT {WHOLE} FROM a2a_queue WHERE id = $1");
        let row =
            sqlx::query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(&self.read).await;
        row.map_err(|error| classify(READ, error))?.as_ref().map(message).transpose()
    }

    async fn message_by_key(
        &self,
        to: WorkspaceId,
        key: &str,
    ) -> Result<Option<Message>, StoreError> {
        let sql = format!(
            "SELECT {WHOLE} FROM a2a_queue WHERE workspace_id = $1 AND idempotency_key = $2
                 AND status IN ('queued', 'dispatched', 'completed')"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(to.to_string()).bind(key);
        let row = query.fetch_optional(&self.read).await.map_err(|error| classify(READ, error))?;
        row.as_ref().map(message).transpose()
    }

    async fn messages(&self, query: &MessageQuery) -> Result<Vec<Message>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {OUTLINE} FROM a2a_queue"));
        sql.push(" WHERE 1 = 1");
        if let Some(to) = query.to {
            sql.push(" AND workspace_id = ").push_bind(to.to_string());
        }
        if let Some(from) = query.from {
            sql.push(" AND caller_id = ").push_bind(from.to_string());
        }
        if let Some(state) = query.state {
            sql.push(" AND status = ").push_bind(state.stored());
        }
        if let Some(before) = query.before {
            sql.push(" AND seq < ").push_bind(before);
        }
        sql.push(" ORDER BY seq DESC LIMIT ").push_bind(bound(query.limit));
        let rows = sql.build().fetch_all(&self.read).await;
        rows.map_err(|error| classify(READ, error))?.iter().map(message).collect()
    }

    async fn mailboxes(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<(WorkspaceId, u32)>, StoreError> {
        let rows = sqlx::query(
            "SELECT workspace_id, count(*) FILTER (WHERE status IN ('queued', 'dispatched')) AS waiting
             FROM a2a_queue WHERE workspace_id > $1
             GROUP BY workspace_id ORDER BY workspace_id LIMIT $2",
        )
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(bound(limit))
        .fetch_all(&self.read)
        .await
        .map_err(|error| classify(READ, error))?;
        let pair = |row: &SqliteRow| {
            let c = Columns { row, operation: READ };
            let waiting: i64 = c.get("waiting")?;
            Ok((c.workspace("workspace_id")?, u32::try_from(waiting).unwrap_or(u32::MAX)))
        };
        rows.iter().map(pair).collect()
    }
}

fn message(row: &SqliteRow) -> Result<Message, StoreError> {
    let c = Columns { row, operation: READ };
    let body: &str = c.get("body")?;
    let new = NewMessage {
        id: c.uuid("id")?,
        to: c.workspace("workspace_id")?,
        from: c.opt_workspace("caller_id")?,
        priority: c.get("priority")?,
        body: Arc::from(body),
        method: c.get::<Option<String>>("method")?.unwrap_or_default(),
        key: c.get("idempotency_key")?,
        headers: c.get("headers")?,
        origin: c.parsed("origin", Origin::parse)?,
        at: c.time("enqueued_at")?,
        expires_at: c.opt_time("expires_at")?.ok_or_else(|| unreadable(READ, "expires_at"))?,
    };
    Ok(Message {
        seq: c.get("seq")?,
        new,
        state: c.parsed("status", State::parse_stored)?,
        attempts: c.get("attempts")?,
        updated_at: c.time("updated_at")?,
        last_error: c.get("last_error")?,
        response: c.get("response")?,
        lease: c.opt_uuid("lease_id")?,
    })
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
