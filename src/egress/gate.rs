//! How many messages may be under way: to one workspace, and in total.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use isomer_actors::domain::ids::WorkspaceId;

/// Messages under way to one workspace.
pub const MAX_IN_FLIGHT_EACH: usize = 64;
/// Messages under way in total.
pub const MAX_IN_FLIGHT: usize = 2_048;

/// Counts messages under way. Cheap to clone; remembers only workspaces that have some.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: AtomicUsize,
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
        Ok(Place { gate: self.clone(), id })
    }
}

/// One message under way.
#[derive(Debug)]
pub struct Place {
    gate: Gate,
    id: WorkspaceId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Counts { total, each } = &*self.gate.0;
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
    fn all_together_fill_the_servers_bound() {
        let gate = Gate::default();
        let places: Vec<_> =
            (0..MAX_IN_FLIGHT).map(|_| gate.enter(WorkspaceId::random()).unwrap()).collect();
        assert_eq!(gate.enter(WorkspaceId::random()).unwrap_err(), TurnedAway::Overloaded);
        drop(places);
        gate.enter(WorkspaceId::random()).unwrap();
    }
}
