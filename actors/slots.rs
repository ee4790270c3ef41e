//! The dense array of deadlines that beats write and the sweep reads.
//!
//! One `u64` per workspace that something is expected of: the millisecond, on the
//! monotonic clock of this process, after which its silence is judged. A sweep over a
//! million of them reads 8 MB in order and touches nothing else.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::domain::ids::WorkspaceId;

/// Index into the array.
pub type Slot = u32;

/// Entries of a chunk; chunks are allocated when first used and never move.
const CHUNK: usize = 1 << 13;
/// Chunks at most: room for 67 million workspaces.
const CHUNKS: usize = 1 << 13;
/// The deadline of a free entry.
const FREE: u64 = 0;

/// Deadlines of all workspaces that are waited for.
#[derive(Debug)]
pub struct Slots {
    started: Instant,
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
    /// Entries ever used.
    used: AtomicU32,
    owners: Mutex<Owners>,
}

#[derive(Debug, Default)]
struct Owners {
    ids: Vec<Option<WorkspaceId>>,
    free: Vec<Slot>,
}

impl Slots {
    /// Marks that a workspace has no entry.
    pub const NONE: Slot = Slot::MAX;

    /// Returns an empty array whose clock starts now.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            used: AtomicU32::new(0),
            owners: Mutex::default(),
        }
    }

    /// Returns the time since the array was made.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Gives `id` an entry that expires after `wait`.
    pub fn claim(&self, id: WorkspaceId, wait: Duration) -> Slot {
        let mut owners = self.owners.lock();
        let slot = match owners.free.pop() {
            Some(slot) => slot,
            None => {
                owners.ids.push(None);
                (owners.ids.len() - 1) as Slot
            }
        };
        owners.ids[slot as usize] = Some(id);
        self.set(slot, wait);
        self.used.fetch_max(slot + 1, Ordering::AcqRel);
        slot
    }

    /// Gives an entry back.
    pub fn release(&self, slot: Slot) {
        let mut owners = self.owners.lock();
        self.entry(slot).store(FREE, Ordering::Release);
        if let Some(owner) = owners.ids.get_mut(slot as usize)
            && owner.take().is_some()
        {
            owners.free.push(slot);
        }
    }

    /// Sets the deadline of an entry to `wait` from now.
    pub fn set(&self, slot: Slot, wait: Duration) {
        self.entry(slot).store(self.deadline(wait), Ordering::Release);
    }

    /// Moves the deadline of an entry in use to `wait` from now.
    pub fn renew(&self, slot: Slot, wait: Duration) {
        let entry = self.entry(slot);
        // A released entry must stay free: its next owner sets it.
        let current = entry.load(Ordering::Relaxed);
        if current != FREE {
            let _ = entry.compare_exchange(
                current,
                self.deadline(wait),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
        }
    }

    /// Returns whether the deadline of `slot` has passed.
    pub fn is_due(&self, slot: Slot) -> bool {
        let deadline = self.entry(slot).load(Ordering::Acquire);
        deadline != FREE && deadline <= self.now()
    }

    /// Returns how long the deadline of `slot` has passed, zero if it has not.
    pub fn overdue(&self, slot: Slot) -> Duration {
        let deadline = self.entry(slot).load(Ordering::Acquire);
        Duration::from_millis(if deadline == FREE {
            0
        } else {
            self.now().saturating_sub(deadline)
        })
    }

    /// Returns the owners of all entries whose deadline has passed.
    pub fn due(&self) -> Vec<WorkspaceId> {
        let now = self.now();
        let used = self.used.load(Ordering::Acquire) as usize;
        let mut due = Vec::new();
        for (number, chunk) in self.chunks.iter().enumerate().take(used.div_ceil(CHUNK)) {
            let Some(chunk) = chunk.get() else { continue };
            for (offset, entry) in chunk.iter().enumerate() {
                let deadline = entry.load(Ordering::Relaxed);
                if deadline != FREE && deadline <= now {
                    due.push(number * CHUNK + offset);
                }
            }
        }
        let owners = self.owners.lock();
        due.into_iter().filter_map(|slot| owners.ids.get(slot).copied().flatten()).collect()
    }

    fn entry(&self, slot: Slot) -> &AtomicU64 {
        let (chunk, offset) = (slot as usize / CHUNK, slot as usize % CHUNK);
        let chunk = self.chunks[chunk.min(CHUNKS - 1)]
            .get_or_init(|| (0..CHUNK).map(|_| AtomicU64::new(FREE)).collect());
        &chunk[offset]
    }

    fn now(&self) -> u64 {
        self.elapsed().as_millis() as u64 + 1
    }

    fn deadline(&self, wait: Duration) -> u64 {
        self.now() + wait.as_millis() as u64
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn only_what_was_not_renewed_is_due() {
        let slots = Slots::new();
        let (quiet, lively) = (WorkspaceId::random(), WorkspaceId::random());
        let quiet_slot = slots.claim(quiet, SECOND);
        let lively_slot = slots.claim(lively, SECOND);
        tokio::time::advance(SECOND / 2).await;
        slots.renew(lively_slot, SECOND);
        tokio::time::advance(SECOND / 2).await;
        assert_eq!(slots.due(), vec![quiet]);
        assert!(slots.is_due(quiet_slot) && !slots.is_due(lively_slot));
    }

    #[tokio::test(start_paused = true)]
    async fn a_released_entry_is_reused_and_a_late_beat_cannot_revive_it() {
        let slots = Slots::new();
        let slot = slots.claim(WorkspaceId::random(), SECOND);
        slots.release(slot);
        slots.renew(slot, SECOND);
        tokio::time::advance(SECOND * 2).await;
        assert!(slots.due().is_empty());
        let next = WorkspaceId::random();
        assert_eq!(slots.claim(next, Duration::ZERO), slot);
        assert_eq!(slots.due(), vec![next]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_chunks_are_swept() {
        let slots = Slots::new();
        let ids: Vec<_> = (0..CHUNK * 2 + 3).map(|_| WorkspaceId::random()).collect();
        for id in &ids {
            slots.claim(*id, SECOND);
        }
        tokio::time::advance(SECOND).await;
        assert_eq!(slots.due(), ids);
    }
}
