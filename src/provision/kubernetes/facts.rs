//! What a pod says of its agent. Pure.

use isomer_actors::domain::ids::WorkspaceId;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};

use super::Failure;
use super::names::{self, CONTAINER, SPEC_HASH};

/// A pod of one of our agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    pub name: String,
    pub uid: String,
    /// Orders pods: as the API writes times, in UTC.
    pub created: String,
    /// It is ending, because somebody wants it to.
    pub leaving: bool,
    /// It ended as a whole: evicted, or its node went away. Another takes its place.
    pub over: bool,
    /// Of the spec that it was made from.
    pub hash: String,
    /// Why no node takes it.
    pub homeless: Option<String>,
    pub state: State,
    /// How often its container was started again.
    pub restarts: i32,
    /// How its container ended before that.
    pub last_exit: Option<Exit>,
}

/// What a container does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// It waits, and why.
    Waiting(String),
    Running,
    Exited(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    pub code: i32,
    pub signal: i32,
    /// `Completed`, `Error`, `OOMKilled` and the like.
    pub reason: String,
}

impl PodFacts {
    /// Returns what a pod says, and of which workspace.
    pub fn of(pod: &Pod) -> Option<(WorkspaceId, Self)> {
        let meta = &pod.metadata;
        let id = names::workspace(meta.labels.as_ref())?;
        let status = pod.status.clone().unwrap_or_default();
        let mut statuses = status.container_statuses.unwrap_or_default().into_iter();
        let container = statuses.find(|status| status.name == CONTAINER);
        let conditions = status.conditions.unwrap_or_default();
        let homeless = conditions
            .into_iter()
            .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
        let annotations = meta.annotations.as_ref();
        let facts = Self {
            name: meta.name.clone()?,
            uid: meta.uid.clone()?,
            created: meta
                .creation_timestamp
                .as_ref()
                .map(|at| at.0.to_string())
                .unwrap_or_default(),
            leaving: meta.deletion_timestamp.is_some(),
            over: matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")),
            hash: annotations.and_then(|all| all.get(SPEC_HASH)).cloned().unwrap_or_default(),
            homeless: homeless.map(|condition| condition.message.unwrap_or_default()),
            state: container.as_ref().map(state).unwrap_or_default(),
            restarts: container.as_ref().map_or(0, |status| status.restart_count),
            last_exit: container.and_then(|status| exit(status.last_state?.terminated?)),
        };
        Some((id, facts))
    }

    /// Returns how often its container has ended.
    pub fn ends(&self) -> i32 {
        self.restarts.saturating_add(i32::from(matches!(self.state, State::Exited(_))))
    }

    /// Returns how many ends an adopted pod brings along. When it is down, the last one is news.
    pub fn history(&self) -> i32 {
        let down = match &self.state {
            State::Exited(_) => true,
            State::Waiting(reason) => reason == "CrashLoopBackOff",
            State::Running | State::Unknown => false,
        };
        (self.ends() - i32::from(down)).max(0)
    }

    /// Returns how its container ended last, of all that it did.
    fn final_exit(&self) -> Option<&Exit> {
        match &self.state {
            State::Exited(exit) => Some(exit),
            _ => self.last_exit.as_ref(),
        }
    }
}

fn state(status: &ContainerStatus) -> State {
    match status.state.clone() {
        Some(ContainerState { terminated: Some(ended), .. }) => {
            exit(ended).map(State::Exited).unwrap_or_default()
        }
        Some(ContainerState { running: Some(_), .. }) => State::Running,
        Some(ContainerState { waiting: Some(waiting), .. }) => {
            State::Waiting(waiting.reason.unwrap_or_default())
        }
        _ => State::Unknown,
    }
}

fn exit(ended: ContainerStateTerminated) -> Option<Exit> {
    Some(Exit {
        code: ended.exit_code,
        signal: ended.signal.unwrap_or_default(),
        reason: ended.reason.unwrap_or_default(),
    })
}

/// What a pod means for the run of its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is on its way; why it is not there yet, where that is known.
    Coming(Option<String>),
    Running,
    Failed(Failure),
}

/// Judges a pod. So many ends of its container are accounted for: they are not this run's, or were
/// told already.
pub fn judge(pod: &PodFacts, accounted: i32, image: &str) -> Verdict {
    if pod.ends() > accounted {
        return Verdict::Failed(ended(pod));
    }
    match &pod.state {
        State::Running => Verdict::Running,
        State::Exited(_) => Verdict::Coming(None),
        State::Waiting(reason) => waiting(reason, image),
        State::Unknown => Verdict::Coming(pod.homeless.clone().map(|why| {
            let why: String = why.chars().take(200).collect();
            format!("no node takes its pod: {why}")
        })),
    }
}

fn waiting(reason: &str, image: &str) -> Verdict {
    match reason {
        // The first try is repeated by the node itself.
        "ErrImagePull" => Verdict::Coming(Some(format!("its image {image} cannot be pulled"))),
        "ImagePullBackOff" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            Verdict::Failed(Failure::new(format!("its image {image} cannot be pulled ({reason})")))
        }
        "InvalidImageName" => {
            Verdict::Failed(Failure::hopeless(format!("{image} is not the name of an image")))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Verdict::Failed(Failure::new(format!("its container cannot be started ({reason})")))
        }
        _ => Verdict::Coming(None),
    }
}

/// Returns the failure of a container that ended. The text is the same whenever the end is: three
/// in a row are a crash loop.
fn ended(pod: &PodFacts) -> Failure {
    let reason = match pod.final_exit() {
        Some(exit) if exit.reason == "OOMKilled" => "its container ran out of memory".to_owned(),
        Some(exit) if exit.signal != 0 => {
            format!("its container was killed by signal {}", exit.signal)
        }
        Some(exit) => format!("its container exited with code {}", exit.code),
        None => "its container ended".to_owned(),
    };
    Failure::new(reason)
}

/// Returns the pod that counts: the newest one that is not on its way out.
pub fn current<'a>(pods: &'a [PodFacts], hash: &str) -> Option<&'a PodFacts> {
    let alive = pods.iter().filter(|pod| !pod.leaving && !pod.over && pod.hash == hash);
    alive.max_by(|a, b| (&a.created, &a.uid).cmp(&(&b.created, &b.uid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(state: State, restarts: i32) -> PodFacts {
        PodFacts {
            name: "ws-1".into(),
            uid: "u".into(),
            created: String::new(),
            leaving: false,
            over: false,
            hash: "h".into(),
            homeless: None,
            state,
            restarts,
            last_exit: Some(Exit { code: 3, signal: 0, reason: "Error".into() }),
        }
    }

    #[test]
    fn an_end_is_a_failure_once_and_its_text_says_how() {
        let killed = Exit { code: 137, signal: 0, reason: "OOMKilled".into() };
        let three = Some("its container exited with code 3");
        let backing_off = || State::Waiting("CrashLoopBackOff".into());
        for (pod, accounted, expected) in [
            (pod(State::Running, 0), 0, None),
            (pod(State::Running, 4), 4, None),
            (pod(State::Running, 5), 4, three),
            (pod(State::Exited(killed), 0), 0, Some("its container ran out of memory")),
            (pod(backing_off(), 4), 4, None),
            (pod(backing_off(), 4), 3, three),
        ] {
            let reason = match judge(&pod, accounted, "agents:1") {
                Verdict::Failed(failure) => Some(failure.reason),
                _ => None,
            };
            assert_eq!(reason.as_deref(), expected, "{pod:?}");
        }
    }

    #[test]
    fn what_happened_before_the_server_looked_is_history_unless_the_agent_is_down() {
        assert_eq!(pod(State::Running, 4).history(), 4);
        assert_eq!(pod(State::Waiting("CrashLoopBackOff".into()), 4).history(), 3);
        assert_eq!(pod(State::Exited(Exit::default()), 4).history(), 4);
        assert_eq!(pod(State::Unknown, 0).history(), 0);
    }

    #[test]
    fn images_that_cannot_be_had_are_told_by_name() {
        let judged = |reason: &str| judge(&pod(State::Waiting(reason.into()), 0), 0, "agents:1");
        assert!(matches!(judged("ContainerCreating"), Verdict::Coming(None)));
        assert!(matches!(judged("ErrImagePull"), Verdict::Coming(Some(_))));
        let Verdict::Failed(failure) = judged("ImagePullBackOff") else { panic!("it waits") };
        assert!(failure.reason.contains("agents:1") && !failure.hopeless);
        let Verdict::Failed(failure) = judged("InvalidImageName") else { panic!("it waits") };
        assert!(failure.hopeless);
    }

    #[test]
    fn the_newest_pod_of_this_spec_counts() {
        let (mut old, mut new) = (pod(State::Running, 0), pod(State::Running, 0));
        old.created = "2026-01-01T00:00:00Z".into();
        new.created = "2026-01-01T00:00:01Z".into();
        new.uid = "new".into();
        let uid = |pods: &[PodFacts]| current(pods, "h").map(|pod| pod.uid.clone());
        assert_eq!(uid(&[new.clone(), old.clone()]).as_deref(), Some("new"));
        new.leaving = true;
        assert_eq!(uid(&[new, old.clone()]).as_deref(), Some("u"));
        old.hash = "other".into();
        assert_eq!(uid(&[old]), None);
    }
}
