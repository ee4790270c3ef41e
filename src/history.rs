//! The past, from the events alone.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Folded;
use isomer_actors::ports::{EventQuery, StoreError, StructureStore};

/// Events read at once.
const PAGE: usize = 2_000;

/// Folds every event up to `at` and returns the workspaces that had a row then, in no order.
///
/// Needs memory for the workspaces, not for the events.
///
/// # Errors
/// The store's.
pub async fn organisation_at(
    store: &(impl StructureStore + ?Sized),
    at: DateTime<Utc>,
) -> Result<Vec<Folded>, StoreError> {
    let mut folded: HashMap<WorkspaceId, Folded> = HashMap::new();
    let mut after = 0;
    loop {
        let query = EventQuery {
            after_seq: Some(after),
            until: Some(at),
            ascending: true,
            limit: PAGE,
            ..EventQuery::default()
        };
        let page = store.events(&query).await?;
        for recorded in &page {
            after = recorded.seq;
            let id = recorded.event.workspace;
            let one = folded.entry(id).or_insert_with(|| Folded::blank(id));
            one.apply(&recorded.event.change);
        }
        if page.len() < PAGE {
            return Ok(folded.into_values().filter(|one| !one.purged).collect());
        }
    }
}
