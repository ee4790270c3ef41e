//! Heartbeats: what an agent reports, and what that means for its status.
//!
//! Contract 02 §2. Fields that are absent leave the stored value alone
//! (design §3.1): tools send short beats between the full ones.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::{Health, Status};

/// An online workspace degrades at this error rate.
pub const DEGRADE_AT: f64 = 0.5;
/// A degraded workspace recovers below this error rate.
pub const RECOVER_BELOW: f64 = 0.1;
/// Reported spend is clamped to this many cents (contract 02 §2).
pub const MAX_SPEND_CENTS: i64 = 1_000_000_000_000;
/// The only runtime state that is understood; any other non-empty one blocks recovery.
pub const WEDGED: &str = "wedged";
/// Capability of agents that manage their own status.
pub const STATUS_MGMT: &str = "status_mgmt";

/// One heartbeat. `None` means the field was absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Beat {
    /// Share of failed calls, 0 to 1.
    #[serde(default)]
    pub error_rate: Option<f64>,
    /// Text of a recent error.
    #[serde(default)]
    pub sample_error: Option<String>,
    /// Tasks being worked on.
    #[serde(default)]
    pub active_tasks: Option<i32>,
    /// Seconds since the agent started.
    #[serde(default)]
    pub uptime_seconds: Option<i32>,
    /// What the agent is doing, for people.
    #[serde(default)]
    pub current_task: Option<String>,
    /// Spend this month in cents; zero leaves the stored value unchanged.
    #[serde(default)]
    pub monthly_spend: Option<i64>,
    /// Empty, or a state that blocks recovery.
    #[serde(default)]
    pub runtime_state: Option<String>,
    /// Present on full beats only.
    #[serde(default)]
    pub runtime_metadata: Option<RuntimeMetadata>,
}

/// What an agent's runtime can do by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeMetadata {
    /// Capability name to whether it is declared.
    #[serde(default)]
    pub capabilities: BTreeMap<String, bool>,
    /// Overrides the idle limit of messages to this agent, in seconds.
    #[serde(default)]
    pub idle_timeout_seconds: Option<u32>,
}

/// What is known from the beats of one workspace: the snapshot that is published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// When the newest beat or registration arrived.
    pub last_heartbeat_at: Option<DateTime<Utc>>,
    /// Share of failed calls, 0 to 1.
    pub error_rate: f64,
    /// Text of a recent error; empty when there is none.
    pub sample_error: String,
    /// Tasks being worked on.
    pub active_tasks: i32,
    /// Seconds since the agent started.
    pub uptime_seconds: i32,
    /// What the agent is doing; empty when idle.
    pub current_task: String,
    /// Spend this month in cents.
    pub monthly_spend: i64,
    /// Empty, or a state that blocks recovery.
    pub runtime_state: String,
    /// Declared capabilities and overrides; kept until the next beat that carries some.
    pub metadata: Option<Box<RuntimeMetadata>>,
}

/// What a beat changed that somebody may want to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The text of the current task is another one.
    pub task_changed: bool,
}

impl Vitals {
    /// Takes over the fields that `beat` carries, heard at `at`.
    pub fn merge(&mut self, beat: Beat, at: DateTime<Utc>) -> Merged {
        let task_changed =
            beat.current_task.as_ref().is_some_and(|task| *task != self.current_task);
        self.last_heartbeat_at = self.last_heartbeat_at.max(Some(at));
        take(&mut self.error_rate, beat.error_rate.map(|rate| rate.clamp(0.0, 1.0)));
        take(&mut self.sample_error, beat.sample_error);
        take(&mut self.active_tasks, beat.active_tasks);
        take(&mut self.uptime_seconds, beat.uptime_seconds);
        take(&mut self.current_task, beat.current_task);
        let spend = beat.monthly_spend.map(|cents| cents.clamp(0, MAX_SPEND_CENTS));
        take(&mut self.monthly_spend, spend.filter(|cents| *cents != 0));
        take(&mut self.runtime_state, beat.runtime_state);
        if let Some(metadata) = beat.runtime_metadata {
            self.metadata = Some(Box::new(metadata));
        }
        Merged { task_changed }
    }

    /// Returns what these vitals say about an agent whose status is `status`.
    pub fn health(&self, status: Status) -> Health {
        let own_status = self.has(STATUS_MGMT);
        let wedged = self.runtime_state == WEDGED;
        match status {
            Status::Online if wedged => Health::Sick,
            Status::Online if !own_status && self.error_rate >= DEGRADE_AT => Health::Sick,
            Status::Degraded
                if !own_status
                    && self.error_rate < RECOVER_BELOW
                    && self.runtime_state.is_empty() =>
            {
                Health::Well
            }
            _ => Health::Unclear,
        }
    }

    /// Returns whether the agent declared `capability`.
    pub fn has(&self, capability: &str) -> bool {
        let declared = self.metadata.as_ref().and_then(|m| m.capabilities.get(capability));
        declared.copied().unwrap_or(false)
    }
}

fn take<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn rate(error_rate: f64) -> Beat {
        Beat { error_rate: Some(error_rate), ..Beat::default() }
    }

    #[test]
    fn degrades_at_one_half_and_recovers_below_a_tenth() {
        let mut vitals = Vitals::default();
        vitals.merge(rate(0.5), at(1));
        assert_eq!(vitals.health(Status::Online), Health::Sick);
        vitals.merge(rate(0.499), at(2));
        assert_eq!(vitals.health(Status::Online), Health::Unclear);
        vitals.merge(rate(0.1), at(3));
        assert_eq!(vitals.health(Status::Degraded), Health::Unclear);
        vitals.merge(rate(0.0999), at(4));
        assert_eq!(vitals.health(Status::Degraded), Health::Well);
    }

    #[test]
    fn a_wedged_runtime_degrades_and_any_state_blocks_recovery() {
        let mut vitals = Vitals { runtime_state: WEDGED.into(), ..Vitals::default() };
        assert_eq!(vitals.health(Status::Online), Health::Sick);
        vitals.runtime_state = "compacting".into();
        assert_eq!(vitals.health(Status::Online), Health::Unclear);
        assert_eq!(vitals.health(Status::Degraded), Health::Unclear);
    }

    #[test]
    fn an_agent_that_manages_its_status_is_not_judged_by_its_error_rate() {
        let capabilities = BTreeMap::from([(STATUS_MGMT.to_owned(), true)]);
        let metadata = RuntimeMetadata { capabilities, idle_timeout_seconds: None };
        let mut vitals = Vitals::default();
        vitals.merge(Beat { runtime_metadata: Some(metadata), ..rate(0.9) }, at(1));
        assert_eq!(vitals.health(Status::Online), Health::Unclear);
        vitals.merge(rate(0.9), at(2));
        assert!(vitals.has(STATUS_MGMT), "a beat without metadata keeps what was declared");
    }

    #[test]
    fn absent_fields_and_zero_spend_change_nothing() {
        let mut vitals = Vitals {
            current_task: "write".into(),
            monthly_spend: 70,
            active_tasks: 2,
            ..Vitals::default()
        };
        let before = vitals.clone();
        let merged = vitals.merge(Beat { monthly_spend: Some(0), ..Beat::default() }, at(9));
        assert!(!merged.task_changed);
        assert_eq!(Vitals { last_heartbeat_at: Some(at(9)), ..before }, vitals);
    }

    proptest! {
        #[test]
        fn time_never_goes_back(times in proptest::collection::vec(0i64..1_000, 1..20)) {
            let mut vitals = Vitals::default();
            let newest = times.iter().copied().max().map(at);
            for time in times {
                vitals.merge(Beat::default(), at(time));
            }
            prop_assert_eq!(vitals.last_heartbeat_at, newest);
        }

        #[test]
        fn merging_twice_is_merging_once(rate in 0.0f64..1.0, task in ".{0,8}") {
            let beat = Beat {
                error_rate: Some(rate),
                current_task: Some(task),
                ..Beat::default()
            };
            let mut once = Vitals::default();
            once.merge(beat.clone(), at(1));
            let mut twice = once.clone();
            let merged = twice.merge(beat, at(1));
            prop_assert_eq!(once, twice);
            prop_assert!(!merged.task_changed);
        }
    }
}
