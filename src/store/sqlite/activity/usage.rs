//! `workspace_token_usage`: tokens by workspace and day.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use isomer_actors::domain::activity::Logged;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{DayUsage, StoreError};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use crate::store::sqlite::codec::{Columns, classify, time};
use crate::store::usage::Sum;

const READ: &str = "read token usage";

/// Adds what rows used to their days, in the transaction that inserts them. The cost has six
/// decimals: without its point it is a whole number of millionths.
pub async fn add(
    connection: &mut SqliteConnection,
    rows: impl Iterator<Item = &Logged>,
) -> Result<(), sqlx::Error> {
    for ((workspace, day), sum) in Sum::by_day(rows) {
        sqlx::query(
            "INSERT INTO workspace_token_usage AS u (id, workspace_id, period_start, input_tokens,
                 output_tokens, call_count, estimated_cost_usd, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, printf('%d.%06d', $7 / 1000000, $7 % 1000000), $8)
             ON CONFLICT (workspace_id, period_start) DO UPDATE SET
                 input_tokens = u.input_tokens + excluded.input_tokens,
                 output_tokens = u.output_tokens + excluded.output_tokens,
                 call_count = u.call_count + excluded.call_count,
                 estimated_cost_usd = printf('%d.%06d',
                     (CAST(replace(u.estimated_cost_usd, '.', '') AS INTEGER) + $7) / 1000000,
                     (CAST(replace(u.estimated_cost_usd, '.', '') AS INTEGER) + $7) % 1000000),
                 updated_at = max(u.updated_at, excluded.updated_at)",
        )
        .bind(Uuid::new_v4().to_string())
        .bind(workspace.to_string())
        .bind(time(midnight(day)))
        .bind(sum.input)
        .bind(sum.output)
        .bind(sum.calls)
        .bind(sum.micros)
        .bind(time(sum.at))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Returns what a workspace used on a day.
pub async fn of_day(
    pool: &SqlitePool,
    workspace: WorkspaceId,
    day: NaiveDate,
) -> Result<Option<DayUsage>, StoreError> {
    let row = sqlx::query(
        "SELECT * FROM workspace_token_usage WHERE workspace_id = $1 AND period_start = $2",
    )
    .bind(workspace.to_string())
    .bind(time(midnight(day)))
    .fetch_optional(pool)
    .await
    .map_err(|error| classify(READ, error))?;
    let Some(row) = row else { return Ok(None) };
    let c = Columns { row: &row, operation: READ };
    Ok(Some(DayUsage {
        input_tokens: c.get("input_tokens")?,
        output_tokens: c.get("output_tokens")?,
        calls: c.get("call_count")?,
        cost: c.get("estimated_cost_usd")?,
    }))
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
