//! What the activity log keeps of a terminal: who opened it, and for how long. Never what was
//! typed or shown.

use std::time::Duration;

use isomer_actors::activity::RecordError;
use isomer_actors::domain::activity::{Body, Entry, kind};
use isomer_actors::domain::ids::WorkspaceId;
use serde_json::json;
use tokio::time::Instant;

use super::pump::Ended;
use crate::http::error::ApiError;
use crate::http::state::App;
use crate::provision::TerminalSize;

/// A terminal that is open. When it is dropped, its end is logged.
pub struct Session {
    app: App,
    id: WorkspaceId,
    /// The workspace whose token opened it; `None` is a person.
    source: Option<WorkspaceId>,
    by: String,
    began: Instant,
    pub ended: Ended,
}

impl Session {
    /// Records that a terminal is opened: without the record there is no terminal.
    ///
    /// # Errors
    /// 404 when the workspace is gone, 503 when it cannot be recorded.
    pub async fn open(
        app: &App,
        id: WorkspaceId,
        source: Option<WorkspaceId>,
        by: String,
        size: TerminalSize,
    ) -> Result<Self, ApiError> {
        let mut entry = entry(id, source, "open", format!("terminal opened by {by}"));
        entry.request_body =
            Some(Body::of(&json!({"by": by, "cols": size.columns, "rows": size.rows})));
        match app.activity.record(entry).await {
            Ok(_) => {}
            Err(RecordError::Refused(_)) => return Err(ApiError::not_found("workspace not found")),
            Err(_) => return Err(ApiError::unavailable().retry_after(Duration::from_secs(1))),
        }
        let (app, began) = (app.clone(), Instant::now());
        Ok(Self { app, id, source, by, began, ended: Ended::Left })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let (by, seconds) = (&self.by, self.began.elapsed().as_secs());
        let summary = format!("terminal of {by} closed after {seconds} s: {}", self.ended.reason());
        let mut entry = entry(self.id, self.source, "close", summary);
        entry.request_body = Some(Body::of(&json!({"by": by})));
        entry.duration_ms = i32::try_from(self.began.elapsed().as_millis()).ok();
        self.app.activity.log(entry);
    }
}

fn entry(id: WorkspaceId, source: Option<WorkspaceId>, method: &str, summary: String) -> Entry {
    Entry {
        source: source.map(|id| id.0),
        target: Some(id.0),
        method: Some(method.to_owned()),
        summary: Some(summary),
        ..Entry::new(id, kind::TERMINAL)
    }
}
