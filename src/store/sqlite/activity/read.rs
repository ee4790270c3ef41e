//! Reading the log: by conditions, and by words.

use isomer_actors::domain::activity::{Body, Effects, Entry, Logged};
use isomer_actors::ports::{
    ActivityQuery, ActivityRow, ActivitySearch, Origin, Place, SEARCHED_CLOSELY, StoreError,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use crate::store::search::Question;
use crate::store::sqlite::codec::{Columns, classify, time};
use crate::store::unreadable;

const READ: &str = "read activity";
const SEARCH: &str = "search activity";

/// Returns rows by `query`.
pub async fn list(
    pool: &SqlitePool,
    query: &ActivityQuery,
) -> Result<Vec<ActivityRow>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM activity_logs WHERE 1 = 1");
    if let Some(id) = query.workspace {
        sql.push(" AND workspace_id = ").push_bind(id.to_string());
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
        sql.push(" AND created_at >= ").push_bind(time(at));
    }
    if let Some(at) = query.until {
        sql.push(" AND created_at <= ").push_bind(time(at));
    }
    let (than, order) = if query.ascending { (">", "ASC") } else { ("<", "DESC") };
    if let Some(place) = query.beyond {
        sql.push(" AND (created_at, seq) ").push(than).push(" (").push_bind(time(place.at));
        sql.push(", ").push_bind(place.seq).push(")");
    }
    sql.push(format_args!(" ORDER BY created_at {order}, seq {order} LIMIT "));
    sql.push_bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    let rows = sql.build().fetch_all(pool).await.map_err(|error| classify(READ, error))?;
    rows.iter().map(|row| read(row, READ)).collect()
}

/// Returns the newest rows that match.
pub async fn search(
    pool: &SqlitePool,
    search: &ActivitySearch,
) -> Result<Vec<ActivityRow>, StoreError> {
    let question = Question::new(&search.text);
    let id = search.workspace.to_string();
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT * FROM activity_logs WHERE seq IN (
             SELECT seq FROM (SELECT * FROM activity_logs WHERE workspace_id = ",
    );
    sql.push_bind(id.clone()).push(" ORDER BY created_at DESC, seq DESC LIMIT ");
    sql.push_bind(SEARCHED_CLOSELY).push(") WHERE ");
    push_contains(&mut sql, &question);
    if let Some(words) = question.fts5() {
        sql.push(
            " UNION SELECT seq FROM (SELECT a.* FROM activity_search s
                  CROSS JOIN activity_logs a ON a.seq = s.rowid WHERE s.search MATCH ",
        );
        sql.push_bind(words).push(" AND a.workspace_id = ").push_bind(id);
        sql.push(" ORDER BY s.rowid DESC LIMIT ").push_bind(SEARCHED_CLOSELY).push(") WHERE ");
        if question.plain {
            sql.push("1 = 1");
        } else {
            push_contains(&mut sql, &question);
        }
    }
    sql.push(") ORDER BY created_at DESC, seq DESC LIMIT ");
    sql.push_bind(i64::try_from(search.limit).unwrap_or(i64::MAX));
    let rows = sql.build().fetch_all(pool).await.map_err(|error| classify(SEARCH, error))?;
    rows.iter().map(|row| read(row, SEARCH)).collect()
}

/// `LIKE` knows the cases of ASCII alone: other letters are looked for as they are, all small
/// and all capital.
fn push_contains(sql: &mut QueryBuilder<Sqlite>, question: &Question) {
    const TEXTS: [&str; 4] = ["activity_type", "method", "status", "summary"];
    const BODIES: [&str; 2] = ["request_body", "response_body"];
    sql.push("(1 = 0");
    for (columns, pattern) in
        [(TEXTS.as_slice(), &question.text_pattern), (&BODIES, &question.json_pattern)]
    {
        let mut variants = vec![pattern.clone()];
        if !pattern.is_ascii() {
            variants.extend([pattern.to_lowercase(), pattern.to_uppercase()]);
        }
        for column in columns {
            for variant in &variants {
                sql.push(" OR ").push(*column).push(" LIKE ").push_bind(variant.clone());
                sql.push(" ESCAPE '\\'");
            }
        }
    }
    sql.push(")");
}

fn read(row: &SqliteRow, operation: &'static str) -> Result<ActivityRow, StoreError> {
    let c = Columns { row, operation };
    let body = |name: &str| {
        let text: Option<String> = c.get(name)?;
        text.map(|text| Body::stored(text).ok_or_else(|| unreadable(operation, name))).transpose()
    };
    let entry = Entry {
        workspace: c.workspace("workspace_id")?,
        kind: c.get("activity_type")?,
        source: c.opt_uuid("source_id")?,
        target: c.opt_uuid("target_id")?,
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
    let logged = Logged { id: c.uuid("id")?, at: c.time("created_at")?, entry };
    Ok(ActivityRow { place: Place { at: logged.at, seq: c.get("seq")? }, logged })
}
