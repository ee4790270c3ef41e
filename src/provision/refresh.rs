//! Agents that are to be started anew because something that they are given has changed: once for
//! many changes, and not all of them at once. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use tokio::time::Instant;

/// From the last change to the restart.
pub const SETTLE: Duration = Duration::from_secs(2);
/// The longest that changes which go on put it off.
pub const LONGEST: Duration = Duration::from_secs(10);
/// Between two lots.
pub const BETWEEN: Duration = Duration::from_secs(1);

/// What waits to be started anew.
#[derive(Debug, Default)]
pub struct Refreshes {
    /// When something of it changed first, and when it is due.
    waiting: BTreeMap<WorkspaceId, (Instant, Instant)>,
    /// When the last lot went.
    last: Option<Instant>,
}

impl Refreshes {
    /// Something of `id` changed at `now`.
    pub fn changed(&mut self, id: WorkspaceId, now: Instant) {
        let (first, due) = self.waiting.entry(id).or_insert((now, now + SETTLE));
        *due = (now + SETTLE).min(*first + LONGEST);
    }

    /// Returns when to ask for the next lot.
    pub fn next(&self) -> Option<Instant> {
        let due = self.waiting.values().map(|(_, due)| *due).min()?;
        Some(self.last.map_or(due, |last| due.max(last + BETWEEN)))
    }

    /// Takes what is due at `now`, at most `lot` of them.
    pub fn take(&mut self, now: Instant, lot: usize) -> Vec<WorkspaceId> {
        if self.next().is_none_or(|next| next > now) {
            return Vec::new();
        }
        let due = self.waiting.iter().filter(|(_, (_, due))| *due <= now);
        let taken: Vec<_> = due.map(|(id, _)| *id).take(lot.max(1)).collect();
        for id in &taken {
            self.waiting.remove(id);
        }
        self.last = Some(now);
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_change_is_followed_by_one_restart_after_it(
            gaps in proptest::collection::vec(0_u64..4_000, 1..60),
            agents in 1_usize..6,
            lot in 1_usize..4,
        ) {
            let ids: Vec<_> = (0..agents).map(|_| WorkspaceId::random()).collect();
            let (mut refreshes, mut now) = (Refreshes::default(), Instant::now());
            let mut stale = std::collections::HashSet::new();
            for (n, gap) in gaps.iter().enumerate() {
                now += Duration::from_millis(*gap);
                for id in refreshes.take(now, lot) {
                    prop_assert!(stale.remove(&id), "it had not changed");
                }
                refreshes.changed(ids[n % agents], now);
                stale.insert(ids[n % agents]);
            }
            while let Some(next) = refreshes.next() {
                prop_assert!(next <= now + LONGEST + BETWEEN * 60);
                now = now.max(next);
                let taken = refreshes.take(now, lot);
                prop_assert!(taken.len() <= lot && !taken.is_empty());
                for id in taken {
                    prop_assert!(stale.remove(&id));
                }
            }
            prop_assert!(stale.is_empty());
        }
    }

    #[test]
    fn changes_that_go_on_put_it_off_for_a_while_only() {
        let (mut refreshes, id, start) =
            (Refreshes::default(), WorkspaceId::random(), Instant::now());
        for second in 0..=9 {
            refreshes.changed(id, start + Duration::from_secs(second));
        }
        assert_eq!(refreshes.next(), Some(start + LONGEST));
    }
}
