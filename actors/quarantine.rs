//! Recording that a workspace was quarantined or released, beside its failing actor.

use serde_json::json;
use tracing::warn;

use crate::context::Context;
use crate::domain::change::{Change, Draft};
use crate::domain::event::recorded;
use crate::domain::ids::WorkspaceId;
use crate::journal::CommitError;

/// How often the record is tried: the row may move meanwhile, or the store be away.
const TRIES: usize = 5;

/// Records it in the background. A workspace whose row cannot even be read leaves only
/// the log and the supervision report to say so.
pub(crate) fn record(context: Context, id: WorkspaceId, failures: u64, quarantined: bool) {
    tokio::spawn(async move {
        for _ in 0..TRIES {
            match attempt(&context, id, failures, quarantined).await {
                Ok(()) => return,
                Err(CommitError::Conflict) => {}
                Err(error) => {
                    warn!(workspace = %id, %error, "the quarantine could not be recorded");
                    return;
                }
            }
        }
    });
}

async fn attempt(
    context: &Context,
    id: WorkspaceId,
    failures: u64,
    quarantined: bool,
) -> Result<(), CommitError> {
    let loaded = context.store.load(id).await.map_err(|_| CommitError::Unavailable)?;
    let Some(record) = loaded.record else {
        return Ok(());
    };
    let draft = if quarantined {
        let payload = json!({"failures": failures, "code": "workspace_quarantined"});
        Draft::new(recorded::WORKSPACE_QUARANTINED, payload)
    } else {
        Draft::new(recorded::WORKSPACE_RELEASED, json!({}))
    };
    let at = context.clock.now();
    let change = Change::new(Some(&record), record.clone(), loaded.head, None, vec![draft], at);
    context.journal.commit(vec![change]).await.map(|_| ())
}
