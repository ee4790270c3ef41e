//! Reading the log: by conditions, and by words.

use isomer_actors::domain::activity::{Body, Effects, Entry, Logged};
use isomer_actors::ports::{
    ActivityQuery, ActivityRow, ActivitySearch, Origin, Place, SEARCHED_CLOSELY, StoreError,
};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Postgres, QueryBuilder};

use crate::store::postgres::codec::{Columns, classify};
use crate::store::search::Question;
use crate::store::unreadable;

const READ: &str = "read activity";
const SEARCH: &str = "search activity";
const COLUMNS: &str = "id, workspace_id, activity_type, source_id, target_id, method, summary,
    request_body::text AS request_body, response_body::text AS response_body, duration_ms, status,
    error_detail, created_at, tool_trace::text AS tool_trace, seq";

/// Returns rows by `query`.
pub async fn list(pool: &PgPool, query: &ActivityQuery) -> Result<Vec<ActivityRow>, StoreError> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT ");
    sql.push(COLUMNS).push(" FROM activity_logs WHERE true");
    if let Some(id) = query.workspace {
        sql.push(" AND workspace_id = ").push_bind(id.0);
    }
    for (column, value) in
        [("activity_type", &query.kind), ("status", &query.status), ("method", &query.method)]
    {
        if let Some(value) = value {
            sql.push(" AND ").push(column).push(" = ").push_bind(value.clone());
        }
    }
    match query.origin {
        Some(Origin::Canvas) => _ = sql.push(" AND source_id IS NULL"),
        Some(Origin::Agent) => _ = sql.push(" AND source_id IS NOT NULL"),
        None => {}
    }
    if let Some(at) = query.since {
        sql.push(" AND created_at >= ").push_bind(at);
    }
    if let Some(at) = query.until {
        sql.push(" AND created_at <= ").push_bind(at);
    }
    let (than, order) = if query.ascending { (">", "ASC") } else { ("<", "DESC") };
    if let Some(place) = query.beyond {
        sql.push(" AND (created_at, seq) ").push(than).push(" (").push_bind(place.at);
        sql.push(", ").push_bind(place.seq).push(")");
        // Said once more, because days that cannot match are left out by this one alone.
        sql.push(" AND created_at ").push(than).push("= ").push_bind(place.at);
    }
    sql.push(format_args!(" ORDER BY created_at {order}, seq {order} LIMIT "));
    sql.push_bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    let rows = sql.build().fetch_all(pool).await.map_err(|error| classify(READ, error))?;
    rows.iter().map(|row| read(row, READ)).collect()
}

/// Returns the newest rows that match.
pub async fn search(
    pool: &PgPool,
    search: &ActivitySearch,
) -> Result<Vec<ActivityRow>, StoreError> {
    let question = Question::new(&search.text);
    let sql = format!(
        "WITH newest AS (
             SELECT * FROM activity_logs WHERE workspace_id = $1
             ORDER BY created_at DESC, seq DESC LIMIT $6),
         worded AS (
             SELECT * FROM activity_logs
             WHERE workspace_id = $1 AND $2::text IS NOT NULL
                 AND search @@ to_tsquery('simple', $2)
             ORDER BY created_at DESC, seq DESC LIMIT $6),
         found AS (
             SELECT id, created_at FROM newest
             WHERE activity_type ILIKE $4 OR method ILIKE $4 OR status ILIKE $4
                 OR summary ILIKE $4 OR request_body::text ILIKE $5 OR response_body::text ILIKE $5
             UNION
             SELECT id, created_at FROM worded
             WHERE $3 OR activity_type ILIKE $4 OR method ILIKE $4 OR status ILIKE $4
                 OR summary ILIKE $4 OR request_body::text ILIKE $5 OR response_body::text ILIKE $5)
         SELECT {COLUMNS} FROM activity_logs JOIN found USING (id, created_at)
         ORDER BY created_at DESC, seq DESC LIMIT $7"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(search.workspace.0)
        .bind(question.tsquery())
        .bind(question.plain)
        .bind(&question.text_pattern)
        .bind(&question.json_pattern)
        .bind(SEARCHED_CLOSELY)
        .bind(i64::try_from(search.limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await
        .map_err(|error| classify(SEARCH, error))?;
    rows.iter().map(|row| read(row, SEARCH)).collect()
}

fn read(row: &PgRow, operation: &'static str) -> Result<ActivityRow, StoreError> {
    let c = Columns { row, operation };
    let body = |name: &str| {
        let text: Option<String> = c.get(name)?;
        text.map(|text| Body::stored(text).ok_or_else(|| unreadable(operation, name))).transpose()
    };
    let entry = Entry {
        workspace: c.workspace("workspace_id")?,
        kind: c.get("activity_type")?,
        source: c.get("source_id")?,
        target: c.get("target_id")?,
        method: c.get("method")?,
        summary: c.get("summary")?,
        request_body: body("request_body")?,
        response_body: body("response_body")?,
        tool_trace: body("tool_trace")?,
        duration_ms: c.get("duration_ms")?,
        status: c.get("status")?,
        error_detail: c.get("error_detail")?,
        effects: Effects::default(),
    };
    let logged = Logged { id: c.get("id")?, at: c.get("created_at")?, entry };
    Ok(ActivityRow { place: Place { at: logged.at, seq: c.get("seq")? }, logged })
}
