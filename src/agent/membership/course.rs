//! What every answer of the platform leads to.

use std::time::Duration;

use super::super::platform::Signal;

/// What the agent does about its membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Register,
    Beat,
}

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Now,
    /// Until the next beat is due.
    Beat,
    /// After the n-th failure in a row.
    Backoff(u32),
    /// What the platform asked for.
    Asked(Duration),
    Gone,
}

/// The way to membership. Total: every answer leads on.
#[derive(Debug, Default)]
pub(super) struct Course {
    registered: bool,
    /// The platform has an old URL or card of ours.
    stale: bool,
    /// Failures since the last good beat.
    failures: u32,
    /// Registrations since the last good beat.
    fruitless: u32,
}

impl Course {
    pub(super) fn step(&self) -> Step {
        if self.registered { Step::Beat } else { Step::Register }
    }

    /// `own` says whether we hold a token of our own; `exhausted` whether every
    /// credential was refused in turn.
    pub(super) fn after(&mut self, signal: Signal, own: bool, exhausted: bool) -> Next {
        match (self.step(), signal) {
            (_, Signal::Gone) => Next::Gone,
            (_, Signal::Busy(asked)) => match asked {
                Some(pause) => Next::Asked(pause),
                None => self.fail(),
            },
            (Step::Register, Signal::Ok) => {
                self.registered = true;
                self.stale = false;
                self.fruitless = self.fruitless.saturating_add(1);
                // More than one means that beats are refused all the same.
                match self.fruitless {
                    1 => Next::Now,
                    fruitless => Next::Backoff(fruitless),
                }
            }
            (Step::Register, Signal::Unauthorized) if !exhausted => Next::Now,
            (Step::Register, Signal::Unauthorized | Signal::Unreachable) => self.fail(),
            // A failed registration is not fatal while we hold a token: the
            // beat alone lifts a workspace out of `provisioning`.
            (Step::Register, Signal::Unknown | Signal::Refused | Signal::Failed) => {
                self.registered = own;
                self.stale = signal == Signal::Failed;
                self.fail()
            }
            (Step::Beat, Signal::Ok) => {
                self.registered = !self.stale;
                self.failures = 0;
                self.fruitless = 0;
                Next::Beat
            }
            (Step::Beat, Signal::Unauthorized | Signal::Unknown) => {
                self.registered = false;
                self.fail();
                Next::Now
            }
            (Step::Beat, Signal::Refused) => Next::Beat,
            (Step::Beat, Signal::Failed | Signal::Unreachable) => self.fail(),
        }
    }

    fn fail(&mut self) -> Next {
        self.failures = self.failures.saturating_add(1);
        Next::Backoff(self.failures)
    }

    /// Failures since the last good beat.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::super::credentials::Credentials;
    use super::*;

    fn signals() -> impl Strategy<Value = Signal> {
        prop_oneof![
            Just(Signal::Ok),
            Just(Signal::Unauthorized),
            Just(Signal::Unknown),
            Just(Signal::Busy(None)),
            Just(Signal::Busy(Some(Duration::from_secs(3)))),
            Just(Signal::Refused),
            Just(Signal::Failed),
            Just(Signal::Unreachable),
        ]
    }

    proptest! {
        /// Whatever came before, a platform that accepts everything has the
        /// agent registered and beating again within four requests.
        #[test]
        fn a_healthy_platform_always_heals(
            past in proptest::collection::vec((signals(), any::<bool>(), any::<bool>()), 0..40),
        ) {
            let mut course = Course::default();
            for (signal, own, exhausted) in past {
                prop_assert_ne!(course.after(signal, own, exhausted), Next::Gone);
            }
            for _ in 0..4 {
                course.after(Signal::Ok, true, false);
            }
            prop_assert!(course.registered && !course.stale);
            prop_assert_eq!(course.failures, 0);
        }

        /// No answers make a busy loop: two credentials, each tried once to
        /// register and once to beat, are all that goes without a pause.
        #[test]
        fn refusals_are_never_a_busy_loop(
            past in proptest::collection::vec((signals(), any::<bool>()), 0..60),
        ) {
            let mut course = Course::default();
            let mut credentials = Credentials::new([SecretString::from("own")], None);
            let mut unpaused = 0;
            for (signal, own) in past {
                let refused = signal == Signal::Unauthorized && credentials.refused();
                unpaused = match course.after(signal, own, refused) {
                    Next::Now => unpaused + 1,
                    _ => 0,
                };
                prop_assert!(unpaused <= 5, "{unpaused} requests without a pause");
            }
        }
    }

    #[test]
    fn gone_is_the_only_end() {
        for registered in [false, true] {
            let mut course = Course { registered, ..Course::default() };
            assert_eq!(course.after(Signal::Gone, true, false), Next::Gone);
        }
    }

    #[test]
    fn a_refused_registration_still_beats_with_a_token_of_our_own() {
        let mut course = Course::default();
        course.after(Signal::Refused, true, false);
        assert_eq!(course.step(), Step::Beat);
        let mut course = Course::default();
        course.after(Signal::Refused, false, false);
        assert_eq!(course.step(), Step::Register);
    }

    #[test]
    fn a_registration_that_failed_is_repeated_after_a_good_beat() {
        let mut course = Course::default();
        course.after(Signal::Failed, true, false);
        assert_eq!(course.step(), Step::Beat);
        assert_eq!(course.after(Signal::Ok, true, false), Next::Beat);
        assert_eq!(course.step(), Step::Register);
        course.after(Signal::Ok, true, false);
        assert_eq!(course.step(), Step::Beat);
    }
}
