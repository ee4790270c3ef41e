//! When an agent that ended is started again. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// Pause after the first failure; it doubles up to the longest.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An agent that came up and ran this long begins again at the first pause.
const PROVEN: Duration = Duration::from_secs(60);
/// So many equal failures in a row, within [`WINDOW`] or without ever coming up, are not worth another
/// try.
const HOPELESS: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start again after this.
    After(Duration),
    /// Do not.
    GiveUp,
}

/// The failures of one agent.
#[derive(Debug, Default)]
pub struct Restarts {
    /// Failures since it last ran well.
    failures: u32,
    reason: String,
    /// When it failed for `reason`, the last [`HOPELESS`] times in a row.
    equal: Vec<Instant>,
}

impl Restarts {
    /// Decides after a run from `started` to `now` that failed for `reason`. One that never came up
    /// proves nothing by its length, and may take longer than the window to fail.
    pub fn failed(&mut self, reason: &str, came_up: bool, started: Instant, now: Instant) -> Next {
        if came_up && now.duration_since(started) >= PROVEN {
            *self = Self::default();
        }
        if self.reason != reason {
            self.equal.clear();
            reason.clone_into(&mut self.reason);
        }
        if came_up {
            self.equal.retain(|at| now.duration_since(*at) < WINDOW);
        }
        self.equal.push(now);
        if self.equal.len() >= HOPELESS {
            return Next::GiveUp;
        }
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        Next::After((FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(n: u64) -> Instant {
        // Any fixed moment serves.
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(Instant::now) + Duration::from_secs(n)
    }

    #[test]
    fn three_equal_failures_within_a_minute_are_hopeless() {
        let mut restarts = Restarts::default();
        let mut fail = |at| restarts.failed("no port", true, second(at), second(at));
        assert_eq!(fail(0), Next::After(FIRST_PAUSE));
        assert_eq!(fail(30), Next::After(FIRST_PAUSE * 2));
        assert_eq!(fail(59), Next::GiveUp);
    }

    #[test]
    fn another_failure_or_a_minute_begins_a_new_row() {
        let mut restarts = Restarts::default();
        for (at, reason) in [(0, "a"), (1, "a"), (2, "b"), (3, "a"), (4, "a"), (62, "b")] {
            let next = restarts.failed(reason, true, second(at), second(at));
            assert!(matches!(next, Next::After(_)), "{at}");
        }
        assert!(matches!(restarts.failed("b", true, second(123), second(123)), Next::After(_)));
    }

    #[test]
    fn a_run_of_a_minute_forgives() {
        let mut restarts = Restarts::default();
        restarts.failed("a", true, second(0), second(1));
        restarts.failed("a", true, second(2), second(3));
        let next = restarts.failed("a", true, second(5), second(65));
        assert_eq!(next, Next::After(FIRST_PAUSE));
    }

    #[test]
    fn three_that_never_came_up_are_hopeless_however_long_they_took() {
        let mut restarts = Restarts::default();
        let mut fail = |from| restarts.failed("silent", false, second(from), second(from + 180));
        assert_eq!(fail(0), Next::After(FIRST_PAUSE));
        assert_eq!(fail(181), Next::After(FIRST_PAUSE * 2));
        assert_eq!(fail(363), Next::GiveUp);
    }

    proptest! {
        #[test]
        fn pauses_double_and_are_bounded(runs in 1usize..40) {
            let mut restarts = Restarts::default();
            let mut last = Duration::ZERO;
            for run in 0..runs as u64 {
                // Never the same reason twice in a row.
                let reason = if run % 2 == 0 { "a" } else { "b" };
                let next = restarts.failed(reason, true, second(run), second(run));
                let Next::After(pause) = next else { panic!("given up") };
                prop_assert!(pause == (last * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE));
                last = pause;
            }
        }
    }
}
