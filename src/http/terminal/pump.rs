//! Between a WebSocket and a terminal. Both ways go on at once, each as fast as its end takes it:
//! what nobody reads stays with the shell, which then waits. Nothing is kept here but the piece
//! under way.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::MAX_SIDE;
use crate::provision::{Terminal, TerminalInput, TerminalSize};

/// Longest frame of output, in bytes.
const MAX_FRAME: usize = 4_096;
/// How long nothing may be typed.
const IDLE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How often the server asks for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(24);
/// A peer that shows no sign of life for this long is gone.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// How often it is checked whether the connection may stay.
const CHECK_EVERY: Duration = Duration::from_secs(4);
/// How long a frame may wait for a client that does not read.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// How long the end may take to be told.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Why a terminal was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The shell has ended.
    Shell,
    /// The client has left.
    Left,
    /// Nothing was typed for long.
    Idle,
    /// No sign of life.
    Silent,
    /// The client does not read.
    Slow,
    /// The server is stopping.
    Stopping,
    /// The token was revoked.
    Revoked,
}

impl Ended {
    /// Returns it for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Shell => "the shell has ended",
            Self::Left => "the client has left",
            Self::Idle => "nothing was typed for 30 minutes",
            Self::Silent => "the client is silent",
            Self::Slow => "the client does not read",
            Self::Stopping => "the server is stopping",
            Self::Revoked => "the token was revoked",
        }
    }

    /// Returns the close code (RFC 6455 §7.4.1 and its registry); `None` when nobody is there.
    fn code(self) -> Option<u16> {
        match self {
            Self::Shell | Self::Idle => Some(1000),
            Self::Stopping => Some(1001),
            Self::Revoked => Some(1008),
            Self::Slow => Some(1013),
            Self::Left | Self::Silent => None,
        }
    }
}

/// When the client was last heard, and when it last typed.
struct Signs {
    heard: Mutex<Instant>,
    typed: Mutex<Instant>,
}

/// Carries frames both ways until one end is done. When it returns, the shell is killed.
pub async fn run<S, E>(
    socket: S,
    mut terminal: Terminal,
    stopping: CancellationToken,
    revoked: impl Fn() -> bool + Send,
) -> Ended
where
    S: Stream<Item = Result<Message, E>> + Sink<Message, Error = E> + Send,
    E: Send,
{
    let (mut sink, mut stream) = socket.split();
    let now = Instant::now();
    let signs = Signs { heard: Mutex::new(now), typed: Mutex::new(now) };
    let ended = tokio::select! {
        ended = receive(&mut stream, &terminal.input, &signs) => ended,
        ended = send(&mut sink, &mut terminal.output) => ended,
        ended = watch(&signs, &stopping, &revoked) => ended,
    };
    drop(terminal);
    if let Some(code) = ended.code() {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(ended.reason()) };
        let close = sink.send(Message::Close(Some(frame)));
        let _ = tokio::time::timeout(CLOSE_LIMIT, close).await;
    }
    ended
}

/// Types what the client sends, waiting for a shell that does not read.
async fn receive<E>(
    stream: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    input: &mpsc::Sender<TerminalInput>,
    signs: &Signs,
) -> Ended {
    loop {
        let message = stream.next().await;
        *signs.heard.lock() = Instant::now();
        let typed = match message {
            None | Some(Err(_) | Ok(Message::Close(_))) => return Ended::Left,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Binary(bytes))) => TerminalInput::Data(bytes),
            Some(Ok(Message::Text(text))) => match resize(text.as_str()) {
                Some(size) => TerminalInput::Resize(size),
                None => TerminalInput::Data(text.into()),
            },
        };
        *signs.typed.lock() = Instant::now();
        if input.send(typed).await.is_err() {
            // The shell has ended: what it still said is on its way to the client.
            std::future::pending::<()>().await;
        }
        *signs.heard.lock() = Instant::now();
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    resize: Resize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resize {
    cols: u64,
    rows: u64,
}

/// Returns the size that a text frame gives the terminal; `None` when it is something else.
fn resize(text: &str) -> Option<TerminalSize> {
    if !text.starts_with('{') {
        return None;
    }
    let Control { resize: Resize { cols, rows } } = serde_json::from_str(text).ok()?;
    let side = |side: u64| u16::try_from(side).unwrap_or(u16::MAX).clamp(1, MAX_SIDE);
    Some(TerminalSize { columns: side(cols), rows: side(rows) })
}

/// Sends what the shell writes, one frame after the other.
async fn send<E>(
    sink: &mut (impl Sink<Message, Error = E> + Unpin),
    output: &mut mpsc::Receiver<Bytes>,
) -> Ended {
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            piece = output.recv() => {
                let Some(mut piece) = piece else { return Ended::Shell };
                while !piece.is_empty() {
                    let frame = piece.split_to(piece.len().min(MAX_FRAME));
                    if let Err(ended) = write(sink, Message::Binary(frame)).await {
                        return ended;
                    }
                }
            }
            _ = pings.tick() => {
                if let Err(ended) = write(sink, Message::Ping(Bytes::new())).await {
                    return ended;
                }
            }
        }
    }
}

async fn write<E>(
    sink: &mut (impl Sink<Message, Error = E> + Unpin),
    message: Message,
) -> Result<(), Ended> {
    match tokio::time::timeout(WRITE_LIMIT, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Ended::Left),
        Err(_) => Err(Ended::Slow),
    }
}

/// Waits until the connection may not stay.
async fn watch(
    signs: &Signs,
    stopping: &CancellationToken,
    revoked: &(impl Fn() -> bool + Send),
) -> Ended {
    let mut checks = interval(CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return Ended::Stopping,
            _ = checks.tick() => {
                if revoked() {
                    return Ended::Revoked;
                }
                if signs.typed.lock().elapsed() > IDLE_LIMIT {
                    return Ended::Idle;
                }
                if signs.heard.lock().elapsed() > SILENT_FOR {
                    return Ended::Silent;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
