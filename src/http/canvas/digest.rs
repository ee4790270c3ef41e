//! `GET /canvas/digest`: a hash of the organisation, so that a page can tell whether what it has
//! folded from the live stream is what the store holds.

use std::time::Duration;

use axum::extract::State;
use isomer_actors::domain::ids::Seq;
use isomer_actors::ports::{HistoryStore, Outline, OutlineRow, StoreError};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::state::App;

/// How long a caller waits for others that ask the same.
const WAIT: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A hash of every workspace that is not removed, as of one sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Digest {
    /// As of which sequence.
    pub seq: Seq,
    /// SHA-256 of the lines, lower-case hexadecimal.
    pub hash: String,
    /// Lines.
    pub count: usize,
}

/// The newest digest: browsers that ask together cost one read.
#[derive(Debug, Default)]
pub struct Digests(Mutex<Option<Digest>>);

impl Digests {
    /// Returns a digest at the sequence that was the last one when it was asked for, or later.
    ///
    /// # Errors
    /// The store's; 503 when others are still being answered after 5 s.
    pub async fn newest(&self, store: &(impl HistoryStore + ?Sized), at_least: Seq) -> Newest {
        let Ok(mut newest) = timeout(WAIT, self.0.lock()).await else {
            return Err(ApiError::unavailable().retry_after(RETRY_AFTER));
        };
        if let Some(known) = newest.as_ref().filter(|known| known.seq >= at_least) {
            return Ok(known.clone());
        }
        let read = of(&store.outline().await?)?;
        Ok(newest.insert(read).clone())
    }
}

type Newest = Result<Digest, ApiError>;

/// Hashes the organisation, for clients that follow the live stream to compare theirs with.
///
/// The hash is of one line for each workspace that is not removed, in the order of their ids:
/// `JSON.stringify([id, name, role, status, tier, runtime, parent_id]) + "\n"`.
#[utoipa::path(
    get,
    path = "/canvas/digest",
    tag = "canvas",
    operation_id = "getDigest",
    responses(
        (status = 200, description = "The newest", body = Digest),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn digest(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let last = app.store.last_seq().await?;
    Ok(ok(&app.digests.newest(app.store.as_ref(), last).await?))
}

fn of(outline: &Outline) -> Result<Digest, StoreError> {
    let mut hash = Sha256::new();
    for row in &outline.rows {
        hash.update(line(row)?);
    }
    let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Digest { seq: outline.seq, hash, count: outline.rows.len() })
}

/// One workspace as `JSON.stringify` writes it, with the values of `GET /workspaces`.
fn line(row: &OutlineRow) -> Result<Vec<u8>, StoreError> {
    let role = row.role.as_deref().filter(|role| !role.is_empty());
    let runtime = if row.runtime.is_empty() { "langgraph" } else { &row.runtime };
    let fields = (row.id, &row.name, role, row.status, row.tier, runtime, row.parent_id);
    let mut line = serde_json::to_vec(&fields)
        .map_err(|_| crate::store::unreadable("outline the organisation", "workspace"))?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use isomer_actors::domain::ids::WorkspaceId;
    use isomer_actors::domain::status::Status;
    use uuid::Uuid;

    use super::*;

    fn row(number: u128, name: &str) -> OutlineRow {
        OutlineRow {
            id: WorkspaceId(Uuid::from_u128(number)),
            name: name.to_owned(),
            role: Some(String::new()),
            status: Status::AwaitingAgent,
            tier: 3,
            runtime: String::new(),
            parent_id: None,
        }
    }

    #[test]
    fn a_line_is_what_a_browser_writes() {
        // Written with JSON.stringify: control characters, quotes and separators alike.
        let name = "a\"b\\c/\u{8}\u{c}\n\r\t\u{1f}\u{7f}\u{2028}é🦀";
        let text = String::from_utf8(line(&row(1, name)).unwrap()).unwrap();
        let wanted = concat!(
            r#"["00000000-0000-0000-0000-000000000001","a\"b\\c/\b\f\n\r\t\u001f"#,
            "\u{7f}\u{2028}é🦀",
            r#"",null,"awaiting_agent",3,"langgraph",null]"#,
            "\n",
        );
        assert_eq!(text, wanted);
    }

    #[test]
    fn nobody_hashes_to_the_hash_of_nothing() {
        let digest = of(&Outline { seq: 7, rows: Vec::new() }).unwrap();
        assert!(digest.hash.starts_with("e3b0c44298fc1c149afbf4c8996fb924"), "{}", digest.hash);
        assert_eq!((digest.seq, digest.count), (7, 0));
    }
}
