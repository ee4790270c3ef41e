//! Membership of a platform: registered, and beating.
//!
//! [`Course`] decides, from what the platform answered, what to do next; it is
//! pure. [`Member`] does it. A platform that is down, restarting, slow or
//! forgetful never ends an agent; only 410 does.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{info, warn};

use super::AgentConfig;
use super::identity::Identity;
use super::platform::{Platform, Signal, chain};
use super::vitals::Vitals;

/// First pause after a failure; it doubles up to one heartbeat.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Shortest time between two beats, when something changed in between.
const EARLY_BEAT_GAP: Duration = Duration::from_secs(1);

/// What the agent does about its membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Register,
    Beat,
}

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
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
struct Course {
    registered: bool,
    /// The platform has an old URL or card of ours.
    stale: bool,
    /// Failures since the last good beat.
    failures: u32,
}

impl Course {
    fn step(&self) -> Step {
        if self.registered {
            Step::Beat
        } else {
            Step::Register
        }
    }

    /// `own` says whether we hold a token of our own; `exhausted` whether every
    /// credential was refused in turn.
    fn after(&mut self, signal: Signal, own: bool, exhausted: bool) -> Next {
        match (self.step(), signal) {
            (_, Signal::Gone) => Next::Gone,
            (_, Signal::Busy(asked)) => match asked {
                Some(pause) => Next::Asked(pause),
                None => self.fail(),
            },
            (Step::Register, Signal::Ok) => {
                self.registered = true;
                self.stale = false;
                self.pace(Next::Now)
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
                Next::Beat
            }
            (Step::Beat, Signal::Unauthorized | Signal::Unknown) => {
                self.registered = false;
                match self.fail() {
                    Next::Backoff(1) => Next::Now,
                    later => later,
                }
            }
            (Step::Beat, Signal::Refused) => Next::Beat,
            (Step::Beat, Signal::Failed | Signal::Unreachable) => self.fail(),
        }
    }

    fn fail(&mut self) -> Next {
        self.failures = self.failures.saturating_add(1);
        Next::Backoff(self.failures)
    }

    /// `next`, unless registrations succeed and beats keep failing.
    fn pace(&self, next: Next) -> Next {
        if self.failures > 1 {
            Next::Backoff(self.failures)
        } else {
            next
        }
    }
}

/// The credentials to try, own ones first.
#[derive(Debug)]
struct Credentials {
    ring: Vec<Credential>,
    at: usize,
}

#[derive(Debug)]
enum Credential {
    Own(SecretString),
    Join(SecretString),
    Nothing,
}

impl Credentials {
    fn new(own: impl IntoIterator<Item = SecretString>, join: Option<SecretString>) -> Self {
        let mut ring: Vec<_> = own.into_iter().map(Credential::Own).collect();
        ring.push(join.map_or(Credential::Nothing, Credential::Join));
        Self { ring, at: 0 }
    }

    fn to_register(&self) -> Option<&SecretString> {
        match &self.ring[self.at] {
            Credential::Own(token) | Credential::Join(token) => Some(token),
            Credential::Nothing => None,
        }
    }

    /// A join token is for joining only, so beats never carry it.
    fn to_beat(&self) -> Option<&SecretString> {
        match &self.ring[self.at] {
            Credential::Own(token) => Some(token),
            Credential::Join(_) | Credential::Nothing => None,
        }
    }

    /// Moves on after a refusal; true when all were refused.
    fn refused(&mut self) -> bool {
        self.at = (self.at + 1) % self.ring.len();
        self.at == 0
    }

    /// A token is issued only when no other lives, so the old ones are dead.
    fn received(&mut self, token: SecretString) {
        self.ring
            .retain(|credential| !matches!(credential, Credential::Own(_)));
        self.ring.insert(0, Credential::Own(token));
        self.at = 0;
    }
}

/// Keeps one agent registered and beating.
#[derive(Debug)]
pub(super) struct Member {
    platform: Platform,
    identity: Identity,
    credentials: Credentials,
    course: Course,
    name: String,
    role: Option<String>,
    url: String,
    card: Value,
    vitals: Arc<Vitals>,
    every: Duration,
    last_beat: Option<Instant>,
}

impl Member {
    pub(super) fn new(
        config: &AgentConfig,
        platform: Platform,
        identity: Identity,
        url: String,
        card: Value,
        vitals: Arc<Vitals>,
    ) -> Self {
        let own = config.token.iter().chain(identity.stored_token()).cloned();
        Self {
            credentials: Credentials::new(own, config.join_token.clone()),
            platform,
            identity,
            course: Course::default(),
            name: config.name.clone(),
            role: config.role.clone(),
            url,
            card,
            vitals,
            every: config.heartbeat_every,
            last_beat: None,
        }
    }

    /// Registers and beats until the workspace is gone.
    ///
    /// # Cancel safety
    /// Dropping it between two requests loses nothing; within a request the
    /// platform may or may not have heard it, and hears it again next time.
    pub(super) async fn keep(&mut self) {
        loop {
            let step = self.course.step();
            let (signal, exhausted) = match step {
                Step::Register => self.register().await,
                Step::Beat => self.beat().await,
            };
            let before = self.course.failures;
            let own = self.credentials.to_beat().is_some();
            let next = self.course.after(signal, own, exhausted);
            self.report(step, signal, before);
            match next {
                Next::Now => {}
                Next::Beat => self.until_next_beat().await,
                Next::Backoff(failures) => sleep(backoff(failures, self.every)).await,
                // The extra share keeps a crowd from coming back as one.
                Next::Asked(pause) => sleep(pause + jitter(pause / 10)).await,
                Next::Gone => return,
            }
        }
    }

    async fn register(&mut self) -> (Signal, bool) {
        let bearer = self.credentials.to_register();
        let (signal, token) = self.platform.register(&self.url, &self.card, bearer).await;
        if signal == Signal::Unauthorized {
            return (signal, self.credentials.refused());
        }
        if let Some(token) = token {
            // Without the file the token still serves until the next start.
            if let Err(error) = self.identity.keep(&token).await {
                warn!(error = %chain(&error), "the token received could not be kept");
            }
            self.credentials.received(token);
        }
        if signal == Signal::Ok
            && let Some(own) = self.credentials.to_beat()
        {
            self.platform
                .introduce(&self.name, self.role.as_deref(), own)
                .await;
        }
        (signal, false)
    }

    async fn beat(&mut self) -> (Signal, bool) {
        self.last_beat = Some(Instant::now());
        let bearer = self.credentials.to_beat();
        let signal = self.platform.beat(&self.vitals.read(), bearer).await;
        if signal == Signal::Unauthorized {
            return (signal, self.credentials.refused());
        }
        (signal, false)
    }

    /// Waits one period from the last beat, or less when a call that is worth
    /// showing begins or ends.
    async fn until_next_beat(&self) {
        let last = self.last_beat.unwrap_or_else(Instant::now);
        let due = last + self.every;
        if timeout_at(due, self.vitals.changed()).await.is_ok() {
            sleep_until(due.min(last + EARLY_BEAT_GAP)).await;
        }
    }

    /// Logs the first failure of a row and the recovery, not all between.
    fn report(&self, step: Step, signal: Signal, failures_before: u32) {
        match (step, signal) {
            (Step::Register, Signal::Ok) => info!(url = self.url, "registered"),
            (Step::Beat, Signal::Ok) if failures_before > 0 => {
                info!(failures = failures_before, "beating again");
            }
            (Step::Beat, Signal::Ok) => {}
            (_, Signal::Gone) => warn!("the platform says the workspace is gone; stopping"),
            (_, signal) if failures_before == 0 => {
                warn!(
                    ?step,
                    ?signal,
                    "the platform did not accept this; trying on"
                );
            }
            (_, Signal::Unauthorized) if self.course.failures.is_power_of_two() => {
                warn!(
                    failures = self.course.failures,
                    "no credential is accepted; give WORKSPACE_AUTH_TOKEN or ISOMER_JOIN_TOKEN, \
                     or revoke the workspace's tokens so that it may receive a new one"
                );
            }
            _ => {}
        }
    }
}

/// Between half and all of a pause that doubles with every failure, up to one
/// heartbeat: a fleet that lost its platform must not come back as one.
fn backoff(failures: u32, every: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(every);
    pause / 2 + jitter(pause / 2)
}

/// A random time up to `limit`.
fn jitter(limit: Duration) -> Duration {
    // Without randomness the middle still spreads fleets of different age.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    limit.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

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

        #[test]
        fn a_backoff_stays_within_half_and_all_of_one_beat(failures in 1u32.., beat_ms in 50u64..60_000) {
            let every = Duration::from_millis(beat_ms);
            let pause = backoff(failures, every);
            prop_assert!(pause <= every);
            prop_assert!(pause >= every.min(FIRST_PAUSE) / 2);
        }
    }

    #[test]
    fn gone_is_the_only_end() {
        for registered in [false, true] {
            let mut course = Course {
                registered,
                ..Course::default()
            };
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

    #[test]
    fn credentials_are_tried_in_turn_and_a_join_token_never_beats() {
        let own = ["given", "stored"].map(SecretString::from);
        let mut credentials = Credentials::new(own, Some(SecretString::from("join")));
        let seen = |c: &Credentials| c.to_register().map(|t| t.expose_secret().to_owned());
        assert_eq!(seen(&credentials).as_deref(), Some("given"));
        assert!(!credentials.refused());
        assert_eq!(seen(&credentials).as_deref(), Some("stored"));
        assert!(!credentials.refused());
        assert_eq!(seen(&credentials).as_deref(), Some("join"));
        assert!(credentials.to_beat().is_none());
        assert!(credentials.refused(), "all were refused");

        credentials.received(SecretString::from("fresh"));
        assert_eq!(credentials.to_beat().unwrap().expose_secret(), "fresh");
        assert_eq!(credentials.ring.len(), 2);
    }
}
