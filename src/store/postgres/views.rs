//! Reads for clients, canvas layouts and the viewport.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::change::LayoutPatch;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ListQuery, StoreError, ViewStore, Viewport, WorkspaceView};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::PgStore;
use super::codec::{Columns, classify};
use super::workspaces;

const LIST: &str = "list workspaces";
const LAYOUT: &str = "save a layout";
const VIEWPORT: &str = "save the viewport";

/// The one row of `canvas_viewport` (contract 09 §3).
const VIEWPORT_ID: Uuid = Uuid::from_u128(1);

const VIEW: &str = "SELECT w.*, w.status::text AS status_text, coalesce(l.x, 0) AS x,
        coalesce(l.y, 0) AS y, coalesce(l.collapsed, false) AS collapsed
    FROM workspaces w LEFT JOIN canvas_layouts l ON l.workspace_id = w.id";

const ADD_LAYOUTS: &str = "INSERT INTO canvas_layouts (workspace_id)
    SELECT id FROM UNNEST($1::uuid[]) AS b(id) ORDER BY id ON CONFLICT (workspace_id) DO NOTHING";
const SET_LAYOUTS: &str = "UPDATE canvas_layouts l SET x = coalesce(b.x, l.x),
        y = coalesce(b.y, l.y), collapsed = coalesce(b.collapsed, l.collapsed)
    FROM UNNEST($1::uuid[], $2::float8[], $3::float8[], $4::bool[]) AS b(id, x, y, collapsed)
    WHERE l.workspace_id = b.id";

/// Upserts a layout inside a transaction.
pub async fn write_layout(
    connection: &mut PgConnection,
    id: WorkspaceId,
    layout: LayoutPatch,
    operation: &'static str,
) -> Result<(), StoreError> {
    let (x, y) = layout.position.unzip();
    sqlx::query(
        "INSERT INTO canvas_layouts AS l (workspace_id, x, y, collapsed)
         VALUES ($1, coalesce($2, 0), coalesce($3, 0), coalesce($4, false))
         ON CONFLICT (workspace_id) DO UPDATE SET x = coalesce($2, l.x), y = coalesce($3, l.y),
             collapsed = coalesce($4, l.collapsed)",
    )
    .bind(id.0)
    .bind(x)
    .bind(y)
    .bind(layout.collapsed)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Deletes layouts inside a transaction.
pub async fn drop_layouts(
    connection: &mut PgConnection,
    ids: &[Uuid],
    operation: &'static str,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM canvas_layouts WHERE workspace_id = ANY($1)")
        .bind(ids)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| classify(operation, error))
}

#[async_trait]
impl ViewStore for PgStore {
    async fn list(&self, query: &ListQuery) -> Result<Vec<WorkspaceView>, StoreError> {
        let mut sql = QueryBuilder::<Postgres>::new(VIEW);
        sql.push(" WHERE true");
        if !query.removed {
            sql.push(" AND w.status <> 'removed'");
        }
        if let Some(ids) = &query.ids {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
            sql.push(" AND w.id = ANY(").push_bind(ids).push(")");
        }
        sql.push(" ORDER BY w.created_at, w.id");
        let rows =
            sql.build().fetch_all(&self.pool).await.map_err(|error| classify(LIST, error))?;
        rows.iter().map(view).collect()
    }

    async fn view(&self, id: WorkspaceId) -> Result<Option<WorkspaceView>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{VIEW} WHERE w.id = $1")))
            .bind(id.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(LIST, error))?;
        row.as_ref().map(view).transpose()
    }

    async fn save_layouts(&self, layouts: &[(WorkspaceId, LayoutPatch)]) -> Result<(), StoreError> {
        let mut rows = layouts.to_vec();
        // Everybody locks in one order.
        rows.sort_unstable_by_key(|(id, _)| *id);
        let ids: Vec<Uuid> = rows.iter().map(|(id, _)| id.0).collect();
        let (xs, ys): (Vec<Option<f64>>, Vec<Option<f64>>) =
            rows.iter().map(|(_, layout)| layout.position.unzip()).unzip();
        let collapsed: Vec<Option<bool>> =
            rows.iter().map(|(_, layout)| layout.collapsed).collect();
        let failed = |error| classify(LAYOUT, error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        sqlx::query(ADD_LAYOUTS).bind(&ids).execute(&mut *transaction).await.map_err(failed)?;
        sqlx::query(SET_LAYOUTS)
            .bind(&ids)
            .bind(xs)
            .bind(ys)
            .bind(collapsed)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    async fn viewport(&self) -> Result<Option<Viewport>, StoreError> {
        let row = sqlx::query("SELECT x, y, zoom FROM canvas_viewport WHERE id = $1")
            .bind(VIEWPORT_ID)
            .fetch_optional(&self.pool)
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
        .bind(at)
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| classify(VIEWPORT, error))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM workspaces LIMIT 1")
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(LIST, error))?;
        Ok(row.is_none())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| classify("answer", error))
    }
}

fn view(row: &PgRow) -> Result<WorkspaceView, StoreError> {
    let c = Columns { row, operation: LIST };
    Ok(WorkspaceView {
        record: workspaces::record(row, LIST)?,
        agent_card: c.get("agent_card")?,
        vitals: workspaces::vitals(row, LIST)?,
        x: c.get("x")?,
        y: c.get("y")?,
        collapsed: c.get("collapsed")?,
        last_outbound_at: c.get("last_outbound_at")?,
        queue_depth: 0,
        updated_at: c.get("updated_at")?,
    })
}
