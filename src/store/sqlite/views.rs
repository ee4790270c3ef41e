//! Reads for clients, canvas layouts and the viewport.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::change::LayoutPatch;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ListQuery, StoreError, ViewStore, Viewport, WorkspaceView};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite, SqliteConnection};

use super::SqliteStore;
use super::codec::{Columns, classify, time};
use super::workspaces;

const LIST: &str = "list workspaces";
const LAYOUT: &str = "save a layout";
const VIEWPORT: &str = "save the viewport";

/// The one row of `canvas_viewport` (contract 09 §3).
const VIEWPORT_ID: &str = "00000000-0000-0000-0000-000000000001";

const VIEW: &str = "SELECT w.*, coalesce(l.x, 0.0) AS x, coalesce(l.y, 0.0) AS y,
        coalesce(l.collapsed, 0) AS collapsed
    FROM workspaces w LEFT JOIN canvas_layouts l ON l.workspace_id = w.id";

const ADD_LAYOUTS: &str = "INSERT INTO canvas_layouts (workspace_id)
    SELECT value ->> 'id' FROM json_each($1) WHERE true ON CONFLICT (workspace_id) DO NOTHING";
const SET_LAYOUTS: &str = "UPDATE canvas_layouts SET x = coalesce(b.x, canvas_layouts.x),
        y = coalesce(b.y, canvas_layouts.y),
        collapsed = coalesce(b.collapsed, canvas_layouts.collapsed)
    FROM (SELECT value ->> 'id' AS id, value ->> 'x' AS x, value ->> 'y' AS y,
              value ->> 'collapsed' AS collapsed
          FROM json_each($1)) AS b
    WHERE canvas_layouts.workspace_id = b.id";

fn layout_row((id, layout): &(WorkspaceId, LayoutPatch)) -> serde_json::Value {
    let (x, y) = layout.position.unzip();
    serde_json::json!({"id": id, "x": x, "y": y, "collapsed": layout.collapsed})
}

/// Upserts a layout inside a transaction.
pub async fn write_layout(
    connection: &mut SqliteConnection,
    id: WorkspaceId,
    layout: LayoutPatch,
    operation: &'static str,
) -> Result<(), StoreError> {
    let (x, y) = layout.position.unzip();
    sqlx::query(
        "INSERT INTO canvas_layouts (workspace_id, x, y, collapsed)
         VALUES ($1, coalesce($2, 0.0), coalesce($3, 0.0), coalesce($4, 0))
         ON CONFLICT (workspace_id) DO UPDATE SET x = coalesce($2, x), y = coalesce($3, y),
             collapsed = coalesce($4, collapsed)",
    )
    .bind(id.to_string())
    .bind(x)
    .bind(y)
    .bind(layout.collapsed)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Deletes a layout inside a transaction.
pub async fn drop_layout(
    connection: &mut SqliteConnection,
    id: WorkspaceId,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM canvas_layouts WHERE workspace_id = $1")
        .bind(id.to_string())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

#[async_trait]
impl ViewStore for SqliteStore {
    async fn list(&self, query: &ListQuery) -> Result<Vec<WorkspaceView>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(VIEW);
        sql.push(" WHERE 1 = 1");
        if !query.removed {
            sql.push(" AND w.status <> 'removed'");
        }
        if let Some(ids) = &query.ids {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            let ids = serde_json::Value::from(ids).to_string();
            sql.push(" AND w.id IN (SELECT value FROM json_each(").push_bind(ids).push("))");
        }
        sql.push(" ORDER BY w.created_at, w.id");
        let rows =
            sql.build().fetch_all(&self.read).await.map_err(|error| classify(LIST, error))?;
        rows.iter().map(view).collect()
    }

    async fn view(&self, id: WorkspaceId) -> Result<Option<WorkspaceView>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{VIEW} WHERE w.id = $1")))
            .bind(id.to_string())
            .fetch_optional(&self.read)
            .await
            .map_err(|error| classify(LIST, error))?;
        row.as_ref().map(view).transpose()
    }

    async fn save_layouts(&self, layouts: &[(WorkspaceId, LayoutPatch)]) -> Result<(), StoreError> {
        let rows: Vec<_> = layouts.iter().map(layout_row).collect();
        let rows = serde_json::Value::Array(rows).to_string();
        let failed = |error| classify(LAYOUT, error);
        let mut transaction = self.write.begin().await.map_err(failed)?;
        for statement in [ADD_LAYOUTS, SET_LAYOUTS] {
            sqlx::query(statement).bind(&rows).execute(&mut *transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    async fn viewport(&self) -> Result<Option<Viewport>, StoreError> {
        let row = sqlx::query("SELECT x, y, zoom FROM canvas_viewport WHERE id = $1")
            .bind(VIEWPORT_ID)
            .fetch_optional(&self.read)
            .await
            .map_err(|error| classify("read the viewport", error))?;
        let Some(row) = row else { return Ok(None) };
        let c = Columns { row: &row, operation: "read the viewport" };
        Ok(Some(Viewport { x: c.get("x")?, y: c.get("y")?, zoom: c.get("zoom")? }))
    }

    async fn save_viewport(&self, viewport: Viewport, at: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO canvas_viewport (id, x, y, zoom, saved_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET x = $2, y = $3, zoom = $4, saved_at = $5",
        )
        .bind(VIEWPORT_ID)
        .bind(viewport.x)
        .bind(viewport.y)
        .bind(viewport.zoom)
        .bind(time(at))
        .execute(&self.write)
        .await
        .map(|_| ())
        .map_err(|error| classify(VIEWPORT, error))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM workspaces LIMIT 1")
            .fetch_optional(&self.read)
            .await
            .map_err(|error| classify(LIST, error))?;
        Ok(row.is_none())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.read)
            .await
            .map(|_| ())
            .map_err(|error| classify("answer", error))
    }
}

fn view(row: &SqliteRow) -> Result<WorkspaceView, StoreError> {
    let c = Columns { row, operation: LIST };
    Ok(WorkspaceView {
        record: workspaces::record(row, LIST)?,
        agent_card: c.opt_json("agent_card")?,
        vitals: workspaces::vitals(row, LIST)?,
        x: c.get("x")?,
        y: c.get("y")?,
        collapsed: c.get("collapsed")?,
        last_outbound_at: c.opt_time("last_outbound_at")?,
        queue_depth: 0,
        updated_at: c.time("updated_at")?,
    })
}
