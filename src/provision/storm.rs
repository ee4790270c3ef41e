//! When many agents die at once, the fault may be in who looks. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use tokio::time::Instant;

/// At least so many must die within [`WINDOW`], and more than go on, before restarts are held.
pub const SUSPICIOUS: usize = 20;
pub const WINDOW: Duration = Duration::from_secs(5);
/// How long restarts are held then.
pub const GRACE: Duration = Duration::from_secs(10);
/// Over how long the restarts after that are spread.
pub const SPREAD: Duration = Duration::from_secs(2);

/// The deaths of a moment.
#[derive(Debug, Default)]
pub struct Storm {
    deaths: VecDeque<Instant>,
    held_until: Option<Instant>,
}

impl Storm {
    /// Records a death at `now`, when `running` others go on. Returns whether restarts are held from
    /// now on.
    pub fn died(&mut self, now: Instant, running: usize) -> bool {
        while self.deaths.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        let many = self.deaths.len() >= SUSPICIOUS && self.deaths.len() > running;
        if !many || self.held_until(now).is_some() {
            return false;
        }
        self.deaths.clear();
        self.held_until = Some(now + GRACE);
        true
    }

    /// Returns until when restarts are held, `None` when they are not.
    pub fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| *until > now)
    }
}

/// Returns how long an agent waits after a storm, so that not all start at once.
pub fn jitter(id: WorkspaceId) -> Duration {
    let spread = SPREAD.as_millis();
    Duration::from_millis(u64::try_from(id.0.as_u128() % spread).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn most_of_many_within_a_moment_are_a_storm_once() {
        let (mut storm, now) = (Storm::default(), Instant::now());
        for left in (1..=19).rev() {
            assert!(!storm.died(now, 10 + left));
        }
        assert!(storm.died(now, 10), "20 of 30");
        assert_eq!(storm.held_until(now), Some(now + GRACE));
        assert!((0..30).all(|_| !storm.died(now, 0)), "it is one storm");
        assert_eq!(storm.held_until(now + GRACE), None);
    }

    proptest! {
        #[test]
        fn a_small_fleet_and_a_trickle_are_never_held(
            running in 0_usize..100,
            gap in 300_u64..5_000,
        ) {
            let (mut small, mut slow, start) =
                (Storm::default(), Storm::default(), Instant::now());
            for n in 0..19 {
                prop_assert!(!small.died(start, n));
            }
            for n in 0..200_u64 {
                prop_assert!(!slow.died(start + Duration::from_millis(n * gap), running));
            }
        }

        #[test]
        fn half_of_all_is_not_most(dead in 20_usize..200) {
            let (mut storm, now) = (Storm::default(), Instant::now());
            for n in 1..=dead {
                prop_assert!(!storm.died(now, 2 * dead - n));
            }
        }
    }
}
