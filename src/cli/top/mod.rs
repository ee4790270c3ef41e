//! `isomer top`: all workspaces on one screen, live; one frame where there is no terminal.

pub mod board;
#[cfg(test)]
mod tests;
pub mod view;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use isomer_actors::ports::Clock as _;
use ratatui::DefaultTerminal;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use self::board::{Board, Flow, Sort};
use self::view::Look;
use super::client::Client;
use super::error::{CliError, Done};
use super::output::Output;
use super::workspace::Workspace;
use super::{Common, ps, workspace};
use crate::clock::SystemClock;

/// A server that takes long to list its workspaces is asked a tenth of the time at most.
const SHARE: u32 = 10;

/// What to show.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// Print one frame and end; so it does without a terminal, too
    #[arg(long)]
    once: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    interval: u64,
    /// By what to order at first
    #[arg(long, value_enum, default_value = "status")]
    sort: Sort,
    #[command(flatten)]
    pub common: Common,
}

/// # Errors
/// When the server does not answer at first, or the terminal cannot be used.
pub async fn run(args: TopArgs) -> Done {
    let (client, output) = args.common.session()?;
    let (rows, raw) = workspace::list(&client).await?;
    if output.json {
        return output.document(&frame(&rows, raw));
    }
    let mut board = Board::new(client.place.url.as_str().trim_end_matches('/'), args.sort);
    board.update(rows, SystemClock.now());
    if args.once || !output.tty || !io::stdin().is_terminal() {
        return once(&board, output);
    }
    watch(&client, board, Duration::from_secs(args.interval), output).await
}

/// One frame as a document: totals, and the workspaces as the server lists them.
fn frame(rows: &[Workspace], raw: Value) -> Value {
    let mut statuses = BTreeMap::<&str, usize>::new();
    for row in rows {
        *statuses.entry(&row.status).or_default() += 1;
    }
    json!({
        "at": SystemClock.now(),
        "count": rows.len(),
        "statuses": statuses,
        "active_tasks": rows.iter().map(|row| row.active_tasks).sum::<i64>(),
        "queue_depth": rows.iter().map(|row| row.queue_depth).sum::<u64>(),
        "workspaces": raw,
    })
}

fn once(board: &Board, output: Output) -> Done {
    let rows: Vec<_> = board.rows().cloned().collect();
    ps::table(&rows, SystemClock.now(), usize::MAX).print(output)
}

/// The terminal, given back whole when this is dropped; panics give it back, too.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> Done<Self> {
        let failed = |error: io::Error| {
            CliError::failed(format!("the terminal cannot be used: {error}"))
                .hint("`isomer top --once` prints one frame")
        };
        ratatui::try_init().map(Self).map_err(failed)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

async fn watch(client: &Client, mut board: Board, every: Duration, output: Output) -> Done {
    let wanted = |kind| signal(kind).map_err(|error| CliError::failed(error.to_string()));
    let mut term = wanted(SignalKind::terminate())?;
    let mut hangup = wanted(SignalKind::hangup())?;
    let mut interrupt = wanted(SignalKind::interrupt())?;
    let mut screen = Screen::open()?;
    let mut keys = EventStream::new();
    let (sender, mut news) = mpsc::channel(1);
    let _asking = AbortOnDropHandle::new(tokio::spawn(ask(client.clone(), every, sender)));
    // Ages grow between two looks, too.
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let look = Look { colour: output.colour };
    loop {
        screen.0.draw(|frame| view::draw(frame, &mut board, SystemClock.now(), look))?;
        tokio::select! {
            key = keys.next() => match key {
                Some(Ok(Event::Key(key))) if board.press(key) == Flow::Quit => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
            Some(read) = news.recv() => match read {
                Ok(rows) => board.update(rows, SystemClock.now()),
                Err(error) => board.problem = Some(error.message),
            },
            _ = tick.tick() => {}
            _ = term.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

/// Asks again and again, until nobody listens.
async fn ask(client: Client, every: Duration, news: mpsc::Sender<Done<Vec<Workspace>>>) {
    loop {
        let began = Instant::now();
        let read = workspace::list(&client).await.map(|(rows, _)| rows);
        let took = began.elapsed();
        if news.send(read).await.is_err() {
            return;
        }
        sleep(every.max(took * SHARE)).await;
    }
}
