//! `workspace_token_usage`: tokens by workspace and day.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use isomer_actors::domain::activity::Logged;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{DayUsage, StoreError};
use sqlx::{PgConnection, PgPool};

use crate::store::postgres::codec::{Columns, classify};
use crate::store::usage::Sum;

const READ: &str = "read token usage";

/// Adds what rows used to their days, in the transaction that inserts them.
pub async fn add(
    connection: &mut PgConnection,
    rows: impl Iterator<Item = &Logged>,
) -> Result<(), sqlx::Error> {
    let sums: BTreeMap<_, Sum> = Sum::by_day(rows);
    if sums.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO workspace_token_usage AS u (workspace_id, period_start, input_tokens,
             output_tokens, call_count, estimated_cost_usd, updated_at)
         SELECT workspace_id, day, input, output, calls,
             LEAST(micros::numeric / 1000000, 999999.999999), at
         FROM UNNEST($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::int[],
             $6::bigint[], $7::timestamptz[])
             AS b (workspace_id, day, input, output, calls, micros, at)
         ON CONFLICT (workspace_id, period_start) DO UPDATE SET
             input_tokens = u.input_tokens + excluded.input_tokens,
             output_tokens = u.output_tokens + excluded.output_tokens,
             call_count = u.call_count + excluded.call_count,
             estimated_cost_usd =
                 LEAST(u.estimated_cost_usd + excluded.estimated_cost_usd, 999999.999999),
             updated_at = GREATEST(u.updated_at, excluded.updated_at)",
    )
    .bind(sums.keys().map(|(id, _)| id.0).collect::<Vec<_>>())
    .bind(sums.keys().map(|(_, day)| midnight(*day)).collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.input).collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.output).collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.calls).collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.micros).collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.at).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(|_| ())
}

/// Returns what a workspace used on a day.
pub async fn of_day(
    pool: &PgPool,
    workspace: WorkspaceId,
    day: NaiveDate,
) -> Result<Option<DayUsage>, StoreError> {
    let row = sqlx::query(
        "SELECT input_tokens, output_tokens, call_count::bigint AS calls,
             estimated_cost_usd::text AS cost
         FROM workspace_token_usage WHERE workspace_id = $1 AND period_start = $2",
    )
    .bind(workspace.0)
    .bind(midnight(day))
    .fetch_optional(pool)
    .await
    .map_err(|error| classify(READ, error))?;
    let Some(row) = row else { return Ok(None) };
    let c = Columns { row: &row, operation: READ };
    Ok(Some(DayUsage {
        input_tokens: c.get("input_tokens")?,
        output_tokens: c.get("output_tokens")?,
        calls: c.get("calls")?,
        cost: c.get("cost")?,
    }))
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
