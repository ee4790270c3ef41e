//! Membership of a platform: registered, and beating.
//!
//! [`course`] decides, from what the platform answered, what to do next; it is
//! pure. [`Member`] does it. A platform that is down, restarting, slow or
//! forgetful never ends an agent; only 410 does.

mod course;
mod credentials;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{info, warn};

use course::{Course, Next, Step};
use credentials::Credentials;

use super::AgentConfig;
use super::identity::Identity;
use super::platform::{Platform, Signal, chain};
use super::vitals::Vitals;

/// First pause after a failure; it doubles up to the longest, or to one
/// heartbeat when that is shorter.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Shortest time between two beats, when something changed in between.
const EARLY_BEAT_GAP: Duration = Duration::from_secs(1);

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
            let before = self.course.failures();
            let own = self.credentials.to_beat().is_some();
            let next = self.course.after(signal, own, exhausted);
            self.report(step, signal, before);
            match next {
                Next::Now => {}
                Next::Beat => self.until_next_beat().await,
                Next::Backoff(failures) => sleep(backoff(failures, self.every)).await,
                Next::Asked(pause) => {
                    // The extra share keeps a crowd from coming back as one.
                    let pause = pause.max(FIRST_PAUSE);
                    sleep(pause + jitter(pause / 10)).await;
                }
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
            self.platform.introduce(&self.name, self.role.as_deref(), own).await;
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
                warn!(?step, ?signal, "the platform did not accept this; trying on");
            }
            (_, Signal::Unauthorized) if self.course.failures().is_power_of_two() => {
                warn!(
                    failures = self.course.failures(),
                    "no credential is accepted; give WORKSPACE_AUTH_TOKEN or ISOMER_JOIN_TOKEN, \
                     or revoke the workspace's tokens so that it may receive a new one"
                );
            }
            _ => {}
        }
    }
}

/// Between half and all of a pause that doubles with every failure: a fleet that lost its platform must not come back as one.
fn backoff(failures: u32, every: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let pause = FIRST_PAUSE * (1 << doublings);
    let pause = pause.min(LONGEST_PAUSE).min(every);
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

    use super::*;

    proptest! {
        #[test]
        fn a_backoff_stays_within_its_bounds(failures in 1u32.., beat_ms in 50u64..60_000) {
            let every = Duration::from_millis(beat_ms);
            let pause = backoff(failures, every);
            prop_assert!(pause <= every.min(LONGEST_PAUSE));
            prop_assert!(pause >= every.min(FIRST_PAUSE) / 2);
        }
    }
}
