//! docs/architecture/database-schema.md says what a migrated database has.

use std::collections::BTreeMap;

use isomer::store::postgres::PgStore;
use isomer::store::sqlite::SqliteStore;
use sqlx::{Connection, Row};

use crate::support::server::fresh_database;

const PAGE: &str = include_str!("../../docs/architecture/database-schema.md");

type Tables = BTreeMap<String, Vec<(String, String, bool)>>;

/// Reads the page: a heading a table, then rows of column, type, null.
fn page() -> Tables {
    let mut tables = Tables::new();
    let mut table = String::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut table);
        }
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let is_column = cells.len() == 7 && cells[3] != "Null" && !cells[3].starts_with('-');
        if is_column && ["yes", "no"].contains(&cells[3]) {
            let column = (cells[1].to_owned(), cells[2].to_owned(), cells[3] == "yes");
            tables.entry(table.clone()).or_default().push(column);
        }
    }
    tables
}

#[tokio::test]
async fn the_page_describes_postgres() {
    let url = fresh_database().await;
    PgStore::connect(&url, 2).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let rows = sqlx::query(
        "SELECT table_name::text, column_name::text,
             CASE WHEN data_type = 'USER-DEFINED' THEN udt_name::text ELSE data_type::text END,
             is_nullable = 'YES'
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'
         ORDER BY table_name, ordinal_position",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut found = Tables::new();
    for row in rows {
        let column = (row.get(1), row.get(2), row.get(3));
        found.entry(row.get(0)).or_default().push(column);
    }
    assert_eq!(page(), found);
}

#[tokio::test]
async fn sqlite_has_the_same_columns() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(folder.path()).await.unwrap());
    let url = format!("sqlite://{}", folder.path().join("isomer.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for (table, columns) in page() {
        // 1 is hidden; generated columns are 2 or 3.
        let rows = sqlx::query("SELECT name FROM pragma_table_xinfo($1) WHERE hidden <> 1")
            .bind(&table)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let mut names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let mut wanted: Vec<String> = columns.into_iter().map(|(name, _, _)| name).collect();
        names.sort();
        wanted.sort();
        assert_eq!(names, wanted, "{table}");
    }
}
