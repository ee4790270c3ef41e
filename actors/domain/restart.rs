//! How often something may fail before it is left alone.

use std::collections::VecDeque;
use std::time::Duration;

/// How many failures within what time are too many.
#[derive(Clone, Copy, Debug)]
pub struct Intensity {
    pub failures: usize,
    pub within: Duration,
    /// The longest wait before a restart. Short enough that what always fails is given up: with
    /// longer and longer waits it would never fail often enough.
    pub max_backoff: Duration,
}

/// A workspace is quarantined at its third failure within a minute (design §2).
pub const WORKSPACE: Intensity =
    Intensity { failures: 3, within: Duration::from_secs(60), max_backoff: Duration::from_secs(5) };
/// A singleton of the tree may be restarted ten times in ten seconds.
pub const SINGLETON: Intensity = Intensity {
    failures: 10,
    within: Duration::from_secs(10),
    max_backoff: Duration::from_millis(500),
};

/// The wait before the first restart; doubles with every failure in the window.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start again after this long.
    RestartAfter(Duration),
    /// Too many failures: stop trying.
    GiveUp,
}

/// The failures of one child.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    times: VecDeque<Duration>,
    /// All failures ever, for people.
    pub total: u64,
}

impl Failures {
    /// Records a failure at `now`, a duration since any fixed moment.
    pub fn record(&mut self, now: Duration, intensity: Intensity) -> Verdict {
        self.total += 1;
        self.times.push_back(now);
        while self.times.front().is_some_and(|at| now.saturating_sub(*at) > intensity.within) {
            self.times.pop_front();
        }
        if self.times.len() >= intensity.failures {
            return Verdict::GiveUp;
        }
        let doublings = self.times.len().saturating_sub(1).min(16) as u32;
        Verdict::RestartAfter((FIRST_BACKOFF * 2u32.pow(doublings)).min(intensity.max_backoff))
    }

    /// Forgets when the failures were, not how many.
    pub fn forgive(&mut self) {
        self.times.clear();
    }

    /// Returns whether no failure is younger than `within`.
    pub fn is_quiet(&self, now: Duration, within: Duration) -> bool {
        self.times.back().is_none_or(|at| now.saturating_sub(*at) > within)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_third_failure_within_a_minute_is_too_many() {
        let mut failures = Failures::default();
        let at = Duration::from_secs;
        assert_eq!(failures.record(at(0), WORKSPACE), Verdict::RestartAfter(FIRST_BACKOFF));
        assert_eq!(failures.record(at(30), WORKSPACE), Verdict::RestartAfter(FIRST_BACKOFF * 2));
        assert_eq!(failures.record(at(60), WORKSPACE), Verdict::GiveUp);
    }

    #[test]
    fn what_always_fails_is_given_up() {
        for intensity in [WORKSPACE, SINGLETON] {
            let (mut failures, mut now) = (Failures::default(), Duration::ZERO);
            while let Verdict::RestartAfter(wait) = failures.record(now, intensity) {
                now += wait;
                assert!(now < intensity.within, "it goes on for ever");
            }
            assert_eq!(failures.total, intensity.failures as u64);
        }
    }

    proptest! {
        #[test]
        fn rare_failures_are_always_restarted(gaps in proptest::collection::vec(61u64..500, 0..50)) {
            let mut failures = Failures::default();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                let verdict = failures.record(Duration::from_secs(now), WORKSPACE);
                prop_assert_eq!(verdict, Verdict::RestartAfter(FIRST_BACKOFF));
            }
        }
    }
}
