//! When silence means death, and when the observer should doubt itself (design §3.3).

use std::collections::VecDeque;
use std::time::Duration;

/// At least this many must fall silent together before the observer doubts itself.
pub const SUSPICIOUS: usize = 20;

/// Judges silence over time. Times are durations since the observer began.
#[derive(Debug)]
pub struct Observer {
    ttl: Duration,
    /// Nothing is judged before this.
    grace_until: Duration,
    /// A grace for suspicion just ended: those still silent are judged.
    doubted: bool,
    /// Deaths of the last TTL: when, how many.
    recent: VecDeque<(Duration, usize)>,
    last_sweep: Option<Duration>,
}

/// What a sweep may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The silent ones are dead.
    Judge,
    /// Nothing is judged: the observer started or slept a moment ago.
    Grace { until: Duration },
    /// Nothing is judged: too many fell silent at once, so the fault may be here.
    Suspect { until: Duration },
}

impl Observer {
    /// Returns an observer that starts now: everybody has one TTL to be heard.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, grace_until: ttl, doubted: false, recent: VecDeque::new(), last_sweep: None }
    }

    /// Decides at `now`, when `silent` of `live` workspaces have been silent for
    /// too long, what the sweep may do about them.
    pub fn judge(&mut self, now: Duration, live: usize, silent: usize) -> Judgement {
        self.notice_own_sleep(now);
        if now < self.grace_until {
            return Judgement::Grace { until: self.grace_until };
        }
        while self.recent.front().is_some_and(|(at, _)| now.saturating_sub(*at) > self.ttl) {
            self.recent.pop_front();
        }
        if silent == 0 {
            self.doubted = false;
            return Judgement::Judge;
        }
        let died: usize = self.recent.iter().map(|(_, n)| n).sum();
        let fallen = died + silent;
        if !self.doubted && fallen >= SUSPICIOUS && fallen * 2 > live + died {
            self.doubted = true;
            self.recent.clear();
            self.grace_until = now + self.ttl;
            return Judgement::Suspect { until: self.grace_until };
        }
        if !self.doubted {
            self.recent.push_back((now, silent));
        }
        self.doubted = false;
        Judgement::Judge
    }

    /// Forgets that `count` of the deaths just judged could not be recorded.
    pub fn retract(&mut self, count: usize) {
        if let Some((_, last)) = self.recent.back_mut() {
            *last = last.saturating_sub(count);
        }
    }

    /// A process that was stopped heard nobody: it gives everybody a TTL again.
    fn notice_own_sleep(&mut self, now: Duration) {
        let slept = self.last_sweep.is_some_and(|last| now.saturating_sub(last) * 2 > self.ttl);
        if slept {
            self.grace_until = self.grace_until.max(now + self.ttl);
        }
        self.last_sweep = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    /// Sweeps every second from `from` to `to`, nobody silent.
    fn calm(observer: &mut Observer, live: usize, from: u64, to: u64) {
        for second in from..to {
            observer.judge(Duration::from_secs(second), live, 0);
        }
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn nobody_is_judged_within_one_ttl_of_the_start() {
        let mut observer = Observer::new(TTL);
        assert_eq!(observer.judge(secs(1), 5, 5), Judgement::Grace { until: TTL });
        calm(&mut observer, 5, 2, 60);
        assert_eq!(observer.judge(secs(60), 5, 5), Judgement::Judge);
    }

    #[test]
    fn a_small_fleet_is_never_delayed() {
        let mut observer = Observer::new(TTL);
        calm(&mut observer, 19, 0, 100);
        assert_eq!(observer.judge(secs(100), 19, 19), Judgement::Judge);
    }

    #[test]
    fn when_most_fall_silent_they_get_one_more_ttl_and_no_more() {
        let mut observer = Observer::new(TTL);
        calm(&mut observer, 100, 0, 100);
        assert_eq!(observer.judge(secs(100), 100, 60), Judgement::Suspect { until: secs(160) });
        for second in 101..160 {
            let judgement = observer.judge(secs(second), 100, 60);
            assert_eq!(judgement, Judgement::Grace { until: secs(160) });
        }
        assert_eq!(observer.judge(secs(160), 100, 60), Judgement::Judge);
        assert_eq!(observer.judge(secs(161), 40, 1), Judgement::Judge, "the next death is found");
    }

    #[test]
    fn half_of_all_is_not_most() {
        let mut observer = Observer::new(TTL);
        calm(&mut observer, 100, 0, 100);
        assert_eq!(observer.judge(secs(100), 100, 50), Judgement::Judge);
    }

    #[test]
    fn deaths_in_a_trickle_add_up() {
        let mut observer = Observer::new(TTL);
        calm(&mut observer, 40, 0, 100);
        assert_eq!(observer.judge(secs(100), 40, 15), Judgement::Judge);
        let judgement = observer.judge(secs(101), 25, 6);
        assert!(matches!(judgement, Judgement::Suspect { .. }), "21 of 40 within one TTL");
    }

    #[test]
    fn a_process_that_slept_gives_everybody_time() {
        let mut observer = Observer::new(TTL);
        calm(&mut observer, 5, 0, 100);
        assert_eq!(observer.judge(secs(500), 5, 5), Judgement::Grace { until: secs(560) });
    }

    proptest! {
        #[test]
        fn silence_is_always_judged_in_bounded_time(live in 1usize..500, silent in 1usize..500) {
            let silent = silent.min(live);
            let mut observer = Observer::new(TTL);
            calm(&mut observer, live, 0, 100);
            let judged = (100..100 + 62)
                .any(|s| observer.judge(secs(s), live, silent) == Judgement::Judge);
            prop_assert!(judged);
        }
    }
}
