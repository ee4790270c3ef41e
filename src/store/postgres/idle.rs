//! Who is put to sleep when nothing happens: a column of `workspaces`.

use async_trait::async_trait;
use isomer_actors::ports::{IdleLimit, IdleStore, StoreError};

use super::PgStore;
use super::codec::{Columns, classify};

const READ: &str = "read who is put to sleep";

#[async_trait]
impl IdleStore for PgStore {
    async fn idle_limits(&self) -> Result<Vec<IdleLimit>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, hibernation_idle_minutes FROM workspaces
             WHERE hibernation_idle_minutes > 0 AND status IN ('online', 'degraded')
                 AND runtime <> 'external'
             ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(READ, error))?;
        rows.iter()
            .map(|row| {
                let c = Columns { row, operation: READ };
                Ok(IdleLimit {
                    workspace: c.workspace("id")?,
                    minutes: c.get("hibernation_idle_minutes")?,
                })
            })
            .collect()
    }
}
