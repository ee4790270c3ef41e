//! Configuration documents in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::config::joined;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::*;
use serde_json::Value;

use super::FakeStore;

#[async_trait]
impl ConfigStore for FakeStore {
    async fn config(&self, workspace: WorkspaceId) -> Result<Option<Value>, StoreError> {
        Ok(self.configs.lock().get(&workspace).cloned())
    }

    async fn merge_config(
        &self,
        workspace: WorkspaceId,
        value: &Value,
        _: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut configs = self.configs.lock();
        let merged = match configs.remove(&workspace) {
            Some(document) => joined(document, value.clone()),
            None => value.clone(),
        };
        configs.insert(workspace, merged);
        Ok(())
    }
}
