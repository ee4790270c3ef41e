//! Telling the canvas of answers to its messages: `A2A_RESPONSE` (contract 03 §2). The page that
//! sent a message may be gone when its answer comes; others of the same person are not.

use axum::body::Body;
use futures_util::{StreamExt, stream};
use isomer_actors::domain::ids::WorkspaceId;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::egress::{Place, ReplyBody};
use crate::http::state::App;

/// Longest answer that an event carries, in bytes: events wait in the queues of subscribers.
const MAX_BODY: usize = 64 << 10;

/// An answer that will be told of.
#[derive(Debug)]
pub struct Announcement {
    app: App,
    id: WorkspaceId,
    method: String,
    began: Instant,
}

impl Announcement {
    pub fn new(app: &App, id: WorkspaceId, method: String, began: Instant) -> Self {
        Self { app: app.clone(), id, method, began }
    }

    /// Tells subscribers of the answer, without its body when that is too long or not JSON.
    pub fn publish(self, body: &[u8]) {
        let fits = body.len() <= MAX_BODY;
        let parsed = fits.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
        let mut payload = json!({
            "response_body": parsed,
            "method": self.method,
            "duration_ms": self.began.elapsed().as_millis() as u64,
        });
        if !fits {
            payload["truncated"] = Value::Bool(true);
        }
        self.app.live.answered(self.id, self.app.clock.now(), &payload);
    }
}

/// Passes a stream on as it comes. It holds its place until it ends; an end that is the agent's
/// own is told of, without a body.
pub fn at_the_end(
    body: ReplyBody,
    announcement: Option<Announcement>,
    place: Place,
    stopping: CancellationToken,
) -> Body {
    let passing = Passing { body, announcement, _place: place, ended: false };
    let pieces = stream::unfold(passing, |mut passing| async {
        if passing.ended {
            return None;
        }
        let piece = passing.body.next().await;
        match piece {
            Some(piece) => {
                // Whatever comes after an error would not be the agent's.
                passing.ended = piece.is_err();
                Some((piece, passing))
            }
            None => {
                if let Some(announcement) = passing.announcement.take() {
                    announcement.publish(&[]);
                }
                None
            }
        }
    });
    Body::from_stream(pieces.take_until(stopping.cancelled_owned()))
}

struct Passing {
    body: ReplyBody,
    announcement: Option<Announcement>,
    _place: Place,
    ended: bool,
}
