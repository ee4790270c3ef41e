//! How many messages may be under way, to one workspace and in total, and how much of their
//! answers may lie in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use isomer_actors::domain::ids::WorkspaceId;

/// Messages under way to one workspace.
pub const MAX_IN_FLIGHT_EACH: usize = 64;
/// Messages under way in total.
pub const MAX_IN_FLIGHT: usize = 2_048;
/// Bytes of unfinished answers in memory, in total.
pub const MAX_BUFFERED: usize = 256 << 20;

/// Counts messages under way. Cheap to clone; remembers only workspaces that have some.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: AtomicUsize,
    buffered: AtomicUsize,
    each: DashMap<WorkspaceId, usize>,
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// The workspace's own.
    Busy,
    /// The server's.
    Overloaded,
}

impl Gate {
    /// Admits one more message until the place is dropped.
    ///
    /// # Errors
    /// Which bound is reached; nothing is counted then.
    pub fn enter(&self, id: WorkspaceId) -> Result<Place, TurnedAway> {
        if self.0.total.fetch_add(1, Ordering::AcqRel) >= MAX_IN_FLIGHT {
            self.0.total.fetch_sub(1, Ordering::AcqRel);
            return Err(TurnedAway::Overloaded);
        }
        let mut each = self.0.each.entry(id).or_insert(0);
        if *each >= MAX_IN_FLIGHT_EACH {
            self.0.total.fetch_sub(1, Ordering::AcqRel);
            return Err(TurnedAway::Busy);
        }
        *each += 1;
        drop(each);
        Ok(Place { gate: self.clone(), id, buffered: 0 })
    }
}

/// One message under way.
#[derive(Debug)]
pub struct Place {
    gate: Gate,
    id: WorkspaceId,
    /// Bytes of its answer so far.
    buffered: usize,
}

impl Place {
    /// Counts more bytes of its answer, until the place is dropped.
    ///
    /// # Errors
    /// `Overloaded` when there is no room for them; they are not counted then.
    pub fn buffer(&mut self, bytes: usize) -> Result<(), TurnedAway> {
        let all = &self.gate.0.buffered;
        if all.fetch_add(bytes, Ordering::AcqRel) + bytes > MAX_BUFFERED {
            all.fetch_sub(bytes, Ordering::AcqRel);
            return Err(TurnedAway::Overloaded);
        }
        self.buffered += bytes;
        Ok(())
    }
}

/// Bytes that one stream holds back, counted among those in memory.
#[derive(Debug)]
pub struct Held {
    gate: Gate,
    bytes: usize,
}

impl Gate {
    /// Returns a count of nothing.
    pub fn hold(&self) -> Held {
        Held { gate: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Counts `bytes` from now on, in place of what was counted.
    ///
    /// # Errors
    /// `Overloaded` when there is no room for them; the old count stays then.
    pub fn set(&mut self, bytes: usize) -> Result<(), TurnedAway> {
        let all = &self.gate.0.buffered;
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 && all.fetch_add(more, Ordering::AcqRel) + more > MAX_BUFFERED {
            all.fetch_sub(more, Ordering::AcqRel);
            return Err(TurnedAway::Overloaded);
        }
        all.fetch_sub(self.bytes.saturating_sub(bytes), Ordering::AcqRel);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gate.0.buffered.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Counts { total, buffered, each } = &*self.gate.0;
        buffered.fetch_sub(self.buffered, Ordering::AcqRel);
        if let Some(mut count) = each.get_mut(&self.id) {
            *count -= 1;
        }
        each.remove_if(&self.id, |_, count| *count == 0);
        total.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_workspace_fills_its_own_bound_and_leaves_no_trace() {
        let (gate, id) = (Gate::default(), WorkspaceId::random());
        let places: Vec<_> = (0..MAX_IN_FLIGHT_EACH).map(|_| gate.enter(id).unwrap()).collect();
        assert_eq!(gate.enter(id).unwrap_err(), TurnedAway::Busy);
        let other = gate.enter(WorkspaceId::random()).unwrap();
        drop(places);
        drop(other);
        assert!(gate.0.each.is_empty());
        assert_eq!(gate.0.total.load(Ordering::Acquire), 0);
        gate.enter(id).unwrap();
    }

    #[test]
    fn answers_share_what_memory_there_is() {
        let gate = Gate::default();
        let mut places: Vec<_> =
            (0..2).map(|_| gate.enter(WorkspaceId::random()).unwrap()).collect();
        places[0].buffer(MAX_BUFFERED - 1).unwrap();
        assert_eq!(places[1].buffer(2).unwrap_err(), TurnedAway::Overloaded);
        places[1].buffer(1).unwrap();
        places.remove(0);
        places[0].buffer(MAX_BUFFERED - 1).unwrap();
        drop(places);
        assert_eq!(gate.0.buffered.load(Ordering::Acquire), 0);
    }

    #[test]
    fn what_a_stream_holds_back_counts_while_it_does() {
        let gate = Gate::default();
        let (mut one, mut other) = (gate.hold(), gate.hold());
        one.set(MAX_BUFFERED - 1).unwrap();
        assert_eq!(other.set(2).unwrap_err(), TurnedAway::Overloaded);
        one.set(10).unwrap();
        other.set(2).unwrap();
        assert_eq!(gate.0.buffered.load(Ordering::Acquire), 12);
        drop(one);
        drop(other);
        assert_eq!(gate.0.buffered.load(Ordering::Acquire), 0);
    }

    #[test]
    fn all_together_fill_the_servers_bound() {
        let gate = Gate::default();
        let places: Vec<_> =
            (0..MAX_IN_FLIGHT).map(|_| gate.enter(WorkspaceId::random()).unwrap()).collect();
        assert_eq!(gate.enter(WorkspaceId::random()).unwrap_err(), TurnedAway::Overloaded);
        drop(places);
        gate.enter(WorkspaceId::random()).unwrap();
    }
}
