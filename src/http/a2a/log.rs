//! The row that every message leaves in the log of its target (contract 04 §3.7), however it
//! ended: answered, refused, broken off, or left by its sender.
//!
//! A person's answer waits until its row is stored, so that a page which is loaded again shows
//! it. Rows of workspaces are written behind them; those who send faster than the log can be
//! written are slowed down to it.

mod facts;
mod last_word;

use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use isomer_actors::domain::activity::{Body, Effects, Entry, kind, status};
use tokio::time::Instant;

use self::facts::Facts;
use self::last_word::LastWord;
use super::caller::Sender;
use super::envelope::Message;
use super::target::Target;
use crate::egress::{ReplyBody, SendError};
use crate::http::error::ApiError;
use crate::http::state::App;

/// Answers longer than this are read for their facts beside the asynchronous work, in bytes.
const LONG: usize = 256 << 10;

/// What will be logged of one message. Dropped before its end, it logs that the sender left.
#[derive(Debug)]
pub struct Note {
    app: App,
    /// Complete but for how it ended; taken when it is logged.
    entry: Option<Entry>,
    /// Of the target.
    name: Arc<str>,
    began: Instant,
    /// What is logged when nobody waits any more.
    left: &'static str,
}

impl Note {
    /// Begins a note of a message that goes out now.
    pub fn new(
        app: &App,
        target: &Target,
        sender: Sender,
        message: &Message,
        began: Instant,
    ) -> Self {
        let name = Arc::clone(&target.destination.name);
        let body = Body::parse(&message.body);
        let entry = Entry {
            source: match sender {
                Sender::Person => None,
                Sender::Workspace(id) => Some(id.0),
            },
            target: Some(target.id.0),
            method: Some(message.method.clone()).filter(|method| !method.is_empty()),
            summary: Some(format!("{} → {name}", message.method).trim_start().to_owned()),
            request_body: Some(body.unwrap_or_else(|| Body::cut_short(&message.body))),
            ..Entry::new(target.id, kind::A2A_RECEIVE)
        };
        let left = "the sender left before the answer";
        Self { app: app.clone(), entry: Some(entry), name, began, left }
    }

    /// Logs that no answer began.
    pub async fn unsent(mut self, error: SendError) {
        self.failed(&error.to_string());
        self.finish().await;
    }

    /// Logs that the message could not be said to the agent.
    pub async fn unsaid(mut self, why: &str) {
        self.failed(why);
        self.finish().await;
    }

    /// Logs the whole answer, or why there is none, and passes it on.
    ///
    /// # Errors
    /// The one that came in.
    pub async fn heard(
        mut self,
        status: StatusCode,
        answer: Result<Bytes, ApiError>,
    ) -> Result<Bytes, ApiError> {
        match &answer {
            Ok(body) => self.answered(status, Some(body)).await,
            Err(error) => self.failed(&error.reason()),
        }
        self.finish().await;
        answer
    }

    /// Passes a stream on and logs it at its end, with the agent's last word.
    pub fn follow(mut self, status: StatusCode, body: ReplyBody) -> ReplyBody {
        self.left = "the reader left before the end of the stream";
        let followed = Followed { note: Some(self), status, body, last_word: LastWord::default() };
        stream::unfold(followed, Followed::next).boxed()
    }

    /// Logs nothing.
    pub fn forget(mut self) {
        self.entry = None;
    }

    async fn answered(&mut self, agent_status: StatusCode, body: Option<&Bytes>) {
        let facts = match body {
            Some(body) if body.len() > LONG => {
                let body = body.clone();
                let reading = tokio::task::spawn_blocking(move || Facts::read(&body));
                reading.await.unwrap_or_default()
            }
            Some(body) => Facts::read(body),
            None => Facts::default(),
        };
        let succeeded = agent_status.as_u16() < 400;
        let Some(entry) = &mut self.entry else { return };
        entry.response_body = body.map(|body| Body::parse(body).unwrap_or_else(Body::null));
        entry.tool_trace = facts.tool_trace;
        entry.effects = Effects { usage: facts.usage, outbound: succeeded, ..Effects::default() };
        if !succeeded {
            entry.status = status::ERROR.to_owned();
            entry.error_detail = Some(format!("the agent answered with status {agent_status}"));
        }
    }

    fn failed(&mut self, why: &str) {
        if let Some(entry) = &mut self.entry {
            entry.status = status::ERROR.to_owned();
            entry.summary = Some(format!("A2A request to {} failed: {why}", self.name));
            entry.error_detail = Some(why.to_owned());
        }
    }

    /// Logs it, and waits until it is stored if a person is answered next. A store that is away
    /// does not hold the answer up: the row stays on its way.
    async fn finish(mut self) {
        if self.log() {
            self.app.activity.settle().await;
        } else {
            self.app.activity.keep_pace().await;
        }
    }

    /// Logs it; returns whether it was a person's.
    fn log(&mut self) -> bool {
        let Some(mut entry) = self.entry.take() else { return false };
        let elapsed = self.began.elapsed().as_millis();
        entry.duration_ms = Some(i32::try_from(elapsed).unwrap_or(i32::MAX));
        let person = entry.source.is_none();
        self.app.activity.log(entry);
        person
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if self.entry.is_some() {
            self.failed(self.left);
            self.log();
        }
    }
}

/// A stream that is passed on.
struct Followed {
    /// `None` once it is logged.
    note: Option<Note>,
    status: StatusCode,
    body: ReplyBody,
    last_word: LastWord,
}

type Piece = <ReplyBody as futures_util::Stream>::Item;

impl Followed {
    async fn next(mut self) -> Option<(Piece, Self)> {
        match self.body.next().await {
            Some(Ok(piece)) => {
                self.last_word.hear(&piece);
                Some((Ok(piece), self))
            }
            Some(Err(broken)) => {
                if let Some(mut note) = self.note.take() {
                    note.failed(&broken.to_string());
                    note.finish().await;
                }
                Some((Err(broken), self))
            }
            None => {
                if let Some(mut note) = self.note.take() {
                    let last_word = self.last_word.take();
                    note.answered(self.status, last_word.as_ref()).await;
                    note.finish().await;
                }
                None
            }
        }
    }
}
