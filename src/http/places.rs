//! Counts long connections, so that nobody holds more of them than there should be.

use std::collections::HashMap;
use std::sync::Arc;

use isomer_actors::domain::ids::WorkspaceId;
use parking_lot::Mutex;

/// Places for connections to workspaces: so many each, so many in total. Cheap to clone;
/// remembers only workspaces that have some.
#[derive(Clone, Debug)]
pub struct Places {
    counts: Arc<Mutex<Counts>>,
    each: usize,
    total: usize,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    each: HashMap<WorkspaceId, usize>,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    id: WorkspaceId,
}

impl Places {
    pub fn new(each: usize, total: usize) -> Self {
        Self { counts: Arc::default(), each, total }
    }

    /// Takes a place; `None` when a bound is reached.
    pub fn take(&self, id: WorkspaceId) -> Option<Place> {
        let mut counts = self.counts.lock();
        let of_it = counts.each.get(&id).copied().unwrap_or(0);
        if counts.total >= self.total || of_it >= self.each {
            return None;
        }
        counts.total += 1;
        counts.each.insert(id, of_it + 1);
        Some(Place { places: self.clone(), id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.counts.lock();
        counts.total -= 1;
        if let Some(count) = counts.each.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                counts.each.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_each_and_in_total_and_leave_no_trace() {
        let (places, id) = (Places::new(2, 3), WorkspaceId::random());
        let mut taken = vec![places.take(id).unwrap(), places.take(id).unwrap()];
        assert!(places.take(id).is_none());
        taken.pop();
        taken.push(places.take(id).unwrap());
        taken.push(places.take(WorkspaceId::random()).unwrap());
        assert!(places.take(WorkspaceId::random()).is_none());
        drop(taken);
        let counts = places.counts.lock();
        assert_eq!((counts.total, counts.each.len()), (0, 0));
    }
}
