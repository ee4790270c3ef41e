//! The status machine of contract 01 §9, as one pure total function.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a workspace is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WorkspaceStatus)]
pub enum Status {
    /// Created or restarting; an agent is expected within the provision limit.
    Provisioning,
    /// External, created without a URL: waits for its agent for as long as it takes.
    AwaitingAgent,
    /// Beats.
    Online,
    /// Beats, and reports too many errors or a wedged runtime.
    Degraded,
    /// Fell silent.
    Offline,
    /// Could not be provisioned. Recovers by registering or restarting, not by beating.
    Failed,
    /// Stopped by a person.
    Paused,
    /// On its way to [`Status::Hibernated`].
    Hibernating,
    /// Stopped for idleness; a message wakes it.
    Hibernated,
    /// Gone. Nothing revives it.
    Removed,
}

/// What a heartbeat says about the agent's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Reports an error rate or runtime state that degrades an online workspace.
    Sick,
    /// Neither bad enough to degrade nor good enough to recover.
    Unclear,
    /// Good enough to lift a degraded workspace.
    Well,
}

/// What can move a workspace from one status to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The agent registered.
    Register,
    /// The agent beat.
    Beat(Health),
    /// Nothing was heard for the liveness limit.
    Silence,
    /// Whoever runs the agent saw it end.
    Exited,
    /// Provisioning failed or took too long, or an agent that kept ending was given up.
    ProvisionFailed,
    /// A restart, resume or wake-up that somebody asked for began.
    Provision,
    /// The same of an external workspace: nobody here starts its agent.
    Await,
    /// Whoever runs the agent is about to start it by itself. Never lifts what was put to rest.
    Starting,
    /// A person paused it.
    Pause,
    /// Hibernation claimed it; its agent is being stopped.
    Hibernate,
    /// Hibernation finished.
    Asleep,
    /// Deleted, collapsed or forwarded.
    Remove,
}

impl Status {
    /// Every status, in declaration order.
    pub const ALL: [Self; 10] = [
        Self::Provisioning,
        Self::AwaitingAgent,
        Self::Online,
        Self::Degraded,
        Self::Offline,
        Self::Failed,
        Self::Paused,
        Self::Hibernating,
        Self::Hibernated,
        Self::Removed,
    ];

    /// Returns the status after `trigger`. Total; `Removed` absorbs.
    pub fn after(self, trigger: Trigger) -> Self {
        use Status::*;
        match (self, trigger) {
            (Removed, _) | (_, Trigger::Remove) => Removed,
            (_, Trigger::Register) => Online,
            (_, Trigger::Provision) => Provisioning,
            (_, Trigger::Await) => AwaitingAgent,
            (resting, Trigger::Starting) if resting.is_resting() => resting,
            (_, Trigger::Starting) => Provisioning,
            (_, Trigger::Pause) => Paused,
            (Provisioning | AwaitingAgent | Offline, Trigger::Beat(_)) => Online,
            (Online, Trigger::Beat(Health::Sick)) => Degraded,
            (Degraded, Trigger::Beat(Health::Well)) => Online,
            (Online | Degraded, Trigger::Silence | Trigger::Exited) => Offline,
            (Provisioning | Offline, Trigger::ProvisionFailed) => Failed,
            (Online | Degraded, Trigger::Hibernate) => Hibernating,
            (Hibernating, Trigger::Asleep) => Hibernated,
            (same, _) => same,
        }
    }

    /// Returns whether the workspace has an actor of its own (design §2).
    pub fn is_live(self) -> bool {
        matches!(self, Self::Provisioning | Self::Online | Self::Degraded)
    }

    /// Returns whether its agent was ended on purpose: by a person, or for idleness.
    pub fn is_resting(self) -> bool {
        matches!(self, Self::Paused | Self::Hibernating | Self::Hibernated)
    }

    /// Returns whether silence is judged in this status.
    pub fn is_heard(self) -> bool {
        matches!(self, Self::Online | Self::Degraded)
    }

    /// Returns the wire and database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::AwaitingAgent => "awaiting_agent",
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::Hibernating => "hibernating",
            Self::Hibernated => "hibernated",
            Self::Removed => "removed",
        }
    }

    /// Parses the wire and database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const TRIGGERS: [Trigger; 14] = [
        Trigger::Register,
        Trigger::Beat(Health::Sick),
        Trigger::Beat(Health::Unclear),
        Trigger::Beat(Health::Well),
        Trigger::Silence,
        Trigger::Exited,
        Trigger::ProvisionFailed,
        Trigger::Provision,
        Trigger::Await,
        Trigger::Starting,
        Trigger::Pause,
        Trigger::Hibernate,
        Trigger::Asleep,
        Trigger::Remove,
    ];

    fn statuses() -> impl Strategy<Value = Status> {
        proptest::sample::select(Status::ALL.to_vec())
    }

    fn triggers() -> impl Strategy<Value = Trigger> {
        proptest::sample::select(TRIGGERS.to_vec())
    }

    proptest! {
        #[test]
        fn nothing_revives_removed(path in proptest::collection::vec(triggers(), 0..20)) {
            let end = path.into_iter().fold(Status::Removed, Status::after);
            prop_assert_eq!(end, Status::Removed);
        }

        #[test]
        fn every_trigger_settles(status in statuses(), trigger in triggers()) {
            // Beats may take two steps (offline, online, degraded); nothing takes three.
            let settled = status.after(trigger).after(trigger);
            prop_assert_eq!(settled.after(trigger), settled);
        }

        #[test]
        fn silence_only_moves_what_is_heard(status in statuses()) {
            prop_assert_eq!(status.after(Trigger::Silence) != status, status.is_heard());
        }

        #[test]
        fn an_end_is_never_taken_for_a_failure_or_a_recovery(status in statuses()) {
            let after = status.after(Trigger::Exited);
            prop_assert!(after == status || after == Status::Offline);
        }

        #[test]
        fn beats_never_lift_what_a_person_or_a_failure_stopped(
            beats in proptest::collection::vec(
                proptest::sample::select(vec![Health::Sick, Health::Unclear, Health::Well]), 0..8),
        ) {
            for stopped in [Status::Failed, Status::Paused, Status::Hibernated, Status::Removed] {
                let end = beats.iter().fold(stopped, |s, h| s.after(Trigger::Beat(*h)));
                prop_assert_eq!(end, stopped);
            }
        }
    }

    proptest! {
        #[test]
        fn only_somebody_who_asks_lifts_what_rests(
            status in proptest::sample::select(vec![
                Status::Paused, Status::Hibernating, Status::Hibernated]),
            path in proptest::collection::vec(triggers(), 0..20),
        ) {
            let asked = |t: &Trigger| matches!(
                t, Trigger::Register | Trigger::Provision | Trigger::Await | Trigger::Remove);
            let end = path.into_iter().filter(|t| !asked(t)).fold(status, Status::after);
            prop_assert!(end.is_resting(), "{end:?}");
        }

        #[test]
        fn an_automatic_start_is_never_of_what_rests(status in statuses()) {
            let after = status.after(Trigger::Starting);
            let stays = status.is_resting() || status == Status::Removed;
            prop_assert_eq!(after, if stays { status } else { Status::Provisioning });
        }
    }

    #[test]
    fn every_status_is_reachable_from_birth() {
        let mut seen = HashSet::from([Status::Provisioning, Status::AwaitingAgent]);
        loop {
            let next: HashSet<_> = seen
                .iter()
                .flat_map(|s| TRIGGERS.map(|t| s.after(t)))
                .chain(seen.iter().copied())
                .collect();
            if next == seen {
                break;
            }
            seen = next;
        }
        assert_eq!(seen.len(), Status::ALL.len());
    }

    #[test]
    fn provisioning_always_has_a_timed_way_out() {
        assert_eq!(Status::Provisioning.after(Trigger::ProvisionFailed), Status::Failed);
    }

    #[test]
    fn spelling_round_trips() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            let json = serde_json::to_value(status).unwrap();
            assert_eq!(json, status.as_str());
        }
        assert_eq!(Status::parse("Online"), None);
    }
}
