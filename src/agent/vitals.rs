//! How the agent is doing: what its heartbeats say about it.
//!
//! Owns the recent outcomes and the calls under way. Both are bounded: the
//! first by [`RECENT_CALLS`], the second by the limit on concurrent calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many finished calls the error rate looks back on, and how far.
const RECENT_CALLS: usize = 100;
const RECENT_AGE: Duration = Duration::from_secs(300);
/// Longest `current_task` and `sample_error`, in characters.
const TASK_CHARS: usize = 120;
const ERROR_CHARS: usize = 500;

/// The agent's vital signs, shared by its calls and its heartbeat.
#[derive(Debug)]
pub(super) struct Vitals {
    started: Instant,
    signs: Mutex<Signs>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Signs {
    recent: VecDeque<(Instant, bool)>,
    last_error: Option<(Instant, String)>,
    active: BTreeMap<u64, String>,
    next_call: u64,
}

/// What one heartbeat says (contract 02 §2).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Reading {
    pub error_rate: f64,
    pub sample_error: String,
    pub active_tasks: usize,
    pub current_task: String,
    pub uptime_seconds: u64,
}

impl Vitals {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), signs: Mutex::default(), changed: Notify::new() }
    }

    /// Counts a call as active until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, task: &str) -> CallGuard {
        let mut signs = self.signs.lock();
        let call = signs.next_call;
        signs.next_call += 1;
        signs.active.insert(call, one_line(task, TASK_CHARS));
        drop(signs);
        CallGuard { vitals: Arc::clone(self), call, announced: false }
    }

    /// Forgets what is too old and reads the rest.
    pub(super) fn read(&self) -> Reading {
        let now = Instant::now();
        let mut signs = self.signs.lock();
        let fresh = |at: Instant| now.duration_since(at) < RECENT_AGE;
        signs.recent.retain(|(at, _)| fresh(*at));
        let failed = signs.recent.iter().filter(|(_, ok)| !ok).count();
        let total = signs.recent.len().max(1);
        let error = signs.last_error.as_ref().filter(|(at, _)| fresh(*at));
        Reading {
            error_rate: failed as f64 / total as f64,
            sample_error: error.map(|(_, text)| text.clone()).unwrap_or_default(),
            active_tasks: signs.active.len(),
            current_task: signs.active.values().next_back().cloned().unwrap_or_default(),
            uptime_seconds: now.duration_since(self.started).as_secs(),
        }
    }

    /// Waits until something happened that the platform should hear early.
    ///
    /// # Cancel safety
    /// Cancel safe: a change that nobody waits for is kept for the next wait.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn finish(&self, ok: bool, error: Option<String>) {
        let now = Instant::now();
        let mut signs = self.signs.lock();
        if signs.recent.len() == RECENT_CALLS {
            signs.recent.pop_front();
        }
        signs.recent.push_back((now, ok));
        if let Some(text) = error {
            signs.last_error = Some((now, text));
        }
    }
}

/// A call under way. Dropped without an outcome (the caller left), it counts
/// neither as a success nor as a failure.
#[derive(Debug)]
pub(super) struct CallGuard {
    vitals: Arc<Vitals>,
    call: u64,
    announced: bool,
}

impl CallGuard {
    /// Has the next heartbeat come early, now and when the call ends: for
    /// calls long enough to be worth showing.
    pub(super) fn announce(&mut self) {
        self.announced = true;
        self.vitals.changed.notify_one();
    }

    pub(super) fn succeeded(self) {
        self.vitals.finish(true, None);
    }

    pub(super) fn failed(self, error: &str) {
        self.vitals.finish(false, Some(one_line(error, ERROR_CHARS)));
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.vitals.signs.lock().active.remove(&self.call);
        if self.announced {
            self.vitals.changed.notify_one();
        }
    }
}

/// The first `limit` characters without control characters (the platform's
/// store refuses NUL, and a line break would break a list).
fn one_line(text: &str, limit: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(limit).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_error_rate_is_the_share_of_recent_failures() {
        let vitals = Arc::new(Vitals::new());
        assert_eq!(vitals.read().error_rate, 0.0);

        vitals.begin("a").succeeded();
        vitals.begin("b").failed("no\nmodel\0");
        drop(vitals.begin("c"));
        let reading = vitals.read();
        assert_eq!(reading.error_rate, 0.5);
        assert_eq!(reading.sample_error, "no model");

        tokio::time::advance(RECENT_AGE).await;
        let reading = vitals.read();
        assert_eq!((reading.error_rate, reading.sample_error.as_str()), (0.0, ""));
        assert_eq!(reading.uptime_seconds, RECENT_AGE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_active_call_is_the_current_task() {
        let vitals = Arc::new(Vitals::new());
        let first = vitals.begin("first");
        let second = vitals.begin(&"ä".repeat(500));
        assert_eq!(vitals.read().active_tasks, 2);
        assert_eq!(vitals.read().current_task, "ä".repeat(TASK_CHARS));
        drop(second);
        assert_eq!(vitals.read().current_task, "first");
        drop(first);
        assert_eq!(vitals.read().current_task, "");
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_are_bounded() {
        let vitals = Arc::new(Vitals::new());
        for _ in 0..RECENT_CALLS {
            vitals.begin("x").failed("down");
        }
        for _ in 0..RECENT_CALLS {
            vitals.begin("x").succeeded();
        }
        assert_eq!(vitals.read().error_rate, 0.0);
        assert_eq!(vitals.signs.lock().recent.len(), RECENT_CALLS);
    }

    #[tokio::test(start_paused = true)]
    async fn an_announced_call_is_heard_at_both_ends() {
        let vitals = Arc::new(Vitals::new());
        let mut call = vitals.begin("long");
        call.announce();
        vitals.changed().await;
        call.succeeded();
        vitals.changed().await;
    }
}
