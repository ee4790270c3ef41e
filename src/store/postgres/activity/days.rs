//! The partitions of `activity_logs`: one a day, `activity_logs_20260417`.

use std::collections::HashSet;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use isomer_actors::ports::StoreError;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tracing::info;

use crate::store::postgres::codec::classify;

const MAKE: &str = "make a day of activity";
const DROP: &str = "drop a day of activity";
const PREFIX: &str = "activity_logs_";
const DATE: &str = "%Y%m%d";
/// Days for which room is made ahead, today included.
const AHEAD: u64 = 3;
/// Only one node at a time makes or drops days ("acti").
const LOCK: i64 = 0x6163_7469;

/// Makes the partitions of today and the days after it that are missing.
pub async fn prepare(pool: &PgPool, today: NaiveDate) -> Result<(), StoreError> {
    let days = (0..AHEAD).filter_map(|n| today.checked_add_days(Days::new(n)));
    make(pool, days.collect()).await
}

/// Makes partitions that are missing.
pub async fn make(pool: &PgPool, days: HashSet<NaiveDate>) -> Result<(), StoreError> {
    let failed = |error| classify(MAKE, error);
    let mut connection = pool.acquire().await.map_err(failed)?;
    let there = all(&mut connection).await.map_err(failed)?;
    let mut missing: Vec<_> = days.into_iter().filter(|day| !there.contains(day)).collect();
    missing.sort_unstable();
    drop(connection);
    for day in missing {
        make_one(pool, day).await.map_err(failed)?;
    }
    Ok(())
}

/// Attached when it is there: that locks nobody out, as a partition made in its place would.
async fn make_one(pool: &PgPool, day: NaiveDate) -> Result<(), sqlx::Error> {
    let Some(next) = day.succ_opt() else { return Ok(()) };
    let mut transaction = pool.begin().await?;
    lock(&mut transaction).await?;
    if all(&mut transaction).await?.contains(&day) {
        return Ok(());
    }
    let name = name(day);
    let (from, to) = (bound(day), bound(next));
    for sql in [
        format!(
            "CREATE TABLE {name} (LIKE activity_logs INCLUDING DEFAULTS INCLUDING GENERATED
                 INCLUDING STORAGE INCLUDING COMPRESSION)"
        ),
        format!(
            "ALTER TABLE activity_logs ATTACH PARTITION {name}
             FOR VALUES FROM ('{from}') TO ('{to}')"
        ),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Drops the oldest day that ended at `before` or earlier; returns whether there was one.
pub async fn drop_one(pool: &PgPool, before: DateTime<Utc>) -> Result<bool, StoreError> {
    let failed = |error| classify(DROP, error);
    let mut transaction = pool.begin().await.map_err(failed)?;
    lock(&mut transaction).await.map_err(failed)?;
    let is_old = |day: &NaiveDate| day.succ_opt().is_some_and(|next| midnight(next) <= before);
    let days = all(&mut transaction).await.map_err(failed)?;
    let Some(day) = days.into_iter().filter(is_old).min() else {
        return Ok(false);
    };
    // Whoever reads or writes the log waits while this waits for others: not for long.
    let limit = "SET LOCAL lock_timeout = '1s'";
    sqlx::query(limit).execute(&mut *transaction).await.map_err(failed)?;
    let sql = format!("DROP TABLE {}", name(day));
    sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    info!(%day, "a day of activity was dropped");
    Ok(true)
}

/// Returns the days that have a partition. Others of any other name are nobody's business here.
async fn all(connection: &mut PgConnection) -> Result<HashSet<NaiveDate>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'activity_logs'::regclass",
    )
    .fetch_all(connection)
    .await?;
    let day = |name: &String| NaiveDate::parse_from_str(name.strip_prefix(PREFIX)?, DATE).ok();
    Ok(names.iter().filter_map(day).collect())
}

async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    lock.execute(connection).await.map(|_| ())
}

fn name(day: NaiveDate) -> String {
    format!("{PREFIX}{}", day.format(DATE))
}

fn bound(day: NaiveDate) -> String {
    midnight(day).to_rfc3339()
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
