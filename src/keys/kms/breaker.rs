//! The circuit breaker before KMS: pure, time passed in.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const TRIP: u32 = 5;
/// How long it stays open the first time.
const FIRST: Duration = Duration::from_secs(1);
/// How long it stays open at most.
const LONGEST: Duration = Duration::from_secs(30);
/// A probe that never reports back is forgotten after this.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// What the gauge shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed = 0,
    HalfOpen = 1,
    Open = 2,
}

/// Counts failures in a row; while open, lets one call through now and then.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    /// Open until then, for this long.
    open: Option<(Instant, Duration)>,
    probing: Option<Instant>,
}

impl Breaker {
    /// Returns whether a call may be made now. Who is let through reports back.
    pub fn admit(&mut self, now: Instant) -> bool {
        let Some((until, _)) = self.open else {
            return true;
        };
        let busy = self.probing.is_some_and(|since| now < since + PROBE_LIMIT);
        if now < until || busy {
            return false;
        }
        self.probing = Some(now);
        true
    }

    /// A call was answered, whatever the answer.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call was not answered, or answered that KMS is not able to now.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.probing = None;
        let next = match self.open {
            Some((until, length)) if now >= until => (length * 2).min(LONGEST),
            Some((_, length)) => length,
            None if self.failures >= TRIP => FIRST,
            None => return,
        };
        self.open = Some((now + next, next));
    }

    /// Returns the state at a time.
    pub fn state(&self, now: Instant) -> State {
        match self.open {
            None => State::Closed,
            Some((until, _)) if now < until => State::Open,
            Some(_) => State::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn tripped(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..TRIP {
            assert!(breaker.admit(now));
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_probe_closes_it() {
        let now = Instant::now();
        let mut breaker = tripped(now);
        assert_eq!(breaker.state(now), State::Open);
        assert!(!breaker.admit(now + FIRST - MS));
        assert!(breaker.admit(now + FIRST), "the probe");
        assert!(!breaker.admit(now + FIRST), "only one");
        breaker.succeeded();
        assert_eq!(breaker.state(now + FIRST), State::Closed);
        assert!(breaker.admit(now + FIRST));
    }

    #[test]
    fn a_failed_probe_doubles_the_wait_up_to_a_limit() {
        let mut now = Instant::now();
        let mut breaker = tripped(now);
        let mut wait = FIRST;
        for _ in 0..10 {
            now += wait;
            assert!(breaker.admit(now));
            breaker.failed(now);
            wait = (wait * 2).min(LONGEST);
            assert!(!breaker.admit(now + wait - MS));
        }
        assert_eq!(wait, LONGEST);
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..TRIP {
                breaker.failed(now);
            }
            breaker.succeeded();
        }
        assert_eq!(breaker.state(now), State::Closed);
    }

    #[test]
    fn a_lost_probe_does_not_keep_it_open_for_ever() {
        let now = Instant::now();
        let mut breaker = tripped(now);
        assert!(breaker.admit(now + FIRST));
        assert!(!breaker.admit(now + FIRST + PROBE_LIMIT - MS));
        assert!(breaker.admit(now + FIRST + PROBE_LIMIT));
    }
}
