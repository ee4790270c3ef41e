//! The snapshot batcher: writes heartbeat columns behind the replies.
//!
//! Owns nothing: what is to be written lies in the cells, each at most once however many beats
//! it took. A restart, or a kill of the process, loses at most one interval of snapshots,
//! which the next beat repeats.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span, warn};

use crate::address::Address;
use crate::cells::Cell;
use crate::context::Context;
use crate::ports::VitalsRow;

/// How stale a stored heartbeat may be, and what a crash can lose.
pub const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Rows in one statement.
const CHUNK: usize = 1_000;
/// How long one statement may take.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// What the batcher is told.
#[derive(Debug)]
pub enum BatchMsg {
    /// Write what is marked, then wait again.
    Tick,
    /// Write what is marked and say whether all of it was written.
    Flush(oneshot::Sender<bool>),
}

/// The actor.
#[derive(Clone)]
pub struct Heartbeats {
    pub(crate) address: Address<BatchMsg>,
    pub(crate) context: Context,
}

impl Actor for Heartbeats {
    type Msg = BatchMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<BatchMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        me.send_after(FLUSH_EVERY, || BatchMsg::Tick);
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<BatchMsg>,
        message: BatchMsg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            BatchMsg::Tick => {
                self.flush().instrument(debug_span!("heartbeats", kind = "tick")).await;
                me.send_after(FLUSH_EVERY, || BatchMsg::Tick);
            }
            BatchMsg::Flush(reply) => {
                let complete = self.flush().instrument(debug_span!("heartbeats", kind = "flush"));
                let _ = reply.send(complete.await);
            }
        }
        Ok(())
    }
}

impl Heartbeats {
    /// Writes everything marked, sorted, in chunks. What fails is marked again for the next
    /// tick, where newer beats replace it. Returns whether nothing failed.
    async fn flush(&self) -> bool {
        let mut cells = self.context.snapshots.take();
        if cells.is_empty() {
            return true;
        }
        cells.sort_unstable_by_key(|cell| cell.id);
        self.context.metrics.snapshot_batch.observe(cells.len() as f64);
        let timer = self.context.metrics.snapshot_flush.start_timer();
        let mut complete = true;
        for chunk in cells.chunks(CHUNK) {
            complete &= self.write(chunk).await;
        }
        timer.observe_duration();
        complete
    }

    async fn write(&self, cells: &[Arc<Cell>]) -> bool {
        let rows: Vec<_> =
            cells.iter().map(|cell| VitalsRow { id: cell.id, vitals: cell.vitals() }).collect();
        let write = self.context.store.write_vitals(&rows);
        let why = match tokio::time::timeout(WRITE_LIMIT, write).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => crate::chain_of(&error),
            Err(_) => format!("no answer within {WRITE_LIMIT:?}"),
        };
        self.context.metrics.snapshot_failures.inc();
        warn!(error = why, rows = rows.len(), "heartbeats were not written, trying again");
        for cell in cells {
            self.context.snapshots.mark(cell);
        }
        false
    }
}
