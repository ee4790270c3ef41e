//! What the host and its keepers share: which agents have a place, which run, whether whoever runs
//! them can be asked, and how many may start at once.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, RwLock, RwLockReadGuard, Semaphore, broadcast};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::storm::{GRACE, Storm, jitter};
use super::workspaces::runs_in;
use super::{Backend, Workspaces};

/// An answer of the engine holds for this long.
const FRESH: Duration = Duration::from_secs(1);
/// How long the engine may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(20);
/// Between two questions to an engine that does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Restarts that nobody has looked at.
const MAX_RESTARTED: usize = 1_024;

/// How the host behaves.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Agents that run at most.
    pub limit: usize,
    /// Agents that are being started at the same time.
    pub starts_at_once: usize,
    /// From a start to the registration.
    pub attempt: Duration,
    /// Agents of tiers 3 and 4 get the rights of the host, which is recorded.
    pub allow_privileged: bool,
}

pub(super) struct Engine {
    pub backend: Arc<dyn Backend>,
    pub workspaces: Arc<dyn Workspaces>,
    pub settings: HostSettings,
    /// They have a keeper: whatever runs of them is its business.
    pub seated: Mutex<BTreeSet<WorkspaceId>>,
    /// A run of theirs is under way.
    pub running: Arc<Mutex<HashSet<WorkspaceId>>>,
    pub restarted: broadcast::Sender<WorkspaceId>,
    storm: Mutex<Storm>,
    starts: Arc<Semaphore>,
    /// Held to write while what is not wanted is ended: a start that nobody knows of yet would be.
    reaping: RwLock<()>,
    asked: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

impl Engine {
    pub fn new(
        backend: Arc<dyn Backend>,
        workspaces: Arc<dyn Workspaces>,
        settings: HostSettings,
    ) -> Self {
        let starts = Arc::new(Semaphore::new(settings.starts_at_once.max(1)));
        Self {
            backend,
            workspaces,
            settings,
            seated: Mutex::default(),
            running: Arc::default(),
            restarted: broadcast::Sender::new(MAX_RESTARTED),
            storm: Mutex::default(),
            starts,
            reaping: RwLock::new(()),
            asked: tokio::sync::Mutex::new(None),
        }
    }

    /// Ends what runs and is not wanted. Returns whether the engine answered; then what it said a
    /// moment ago may do.
    ///
    /// # Cancel safety
    /// Cancel safe: asked again, it ends the rest.
    pub async fn answers(&self) -> bool {
        let mut asked = self.asked.lock().await;
        if let Some((at, answered)) = *asked
            && at.elapsed() < FRESH
        {
            return answered;
        }
        let before = asked.is_none_or(|(_, answered)| answered);
        let answered = self.reap(before).await;
        if answered && !before {
            info!(provisioner = self.backend.name(), "the provisioner can be asked again");
        }
        *asked = Some((Instant::now(), answered));
        answered
    }

    async fn reap(&self, warned: bool) -> bool {
        let _alone = self.reaping.write().await;
        let wanted = self.wanted();
        let provisioner = self.backend.name();
        match timeout(ASK_LIMIT, self.backend.reap(&wanted)).await {
            Ok(Ok(0)) => true,
            Ok(Ok(ended)) => {
                info!(provisioner, ended, "ended agents that nobody wants");
                true
            }
            Ok(Err(error)) if warned => {
                warn!(provisioner, %error, "nothing is ended or restarted until it can be asked");
                false
            }
            Err(_) if warned => {
                warn!(provisioner, "it does not answer: nothing is ended or restarted until then");
                false
            }
            _ => false,
        }
    }

    /// Everything that may run: what is wanted, and what a keeper is ending.
    fn wanted(&self) -> BTreeSet<WorkspaceId> {
        let wanted = |id: &WorkspaceId| self.workspaces.status(*id).is_some_and(runs_in);
        let mut all: BTreeSet<_> = self.workspaces.all().into_iter().filter(wanted).collect();
        all.extend(self.seated.lock().iter());
        all
    }

    /// Waits until the engine answers.
    pub async fn back(&self) {
        while !self.answers().await {
            sleep(ASK_AGAIN).await;
        }
    }

    /// Records that a run ended badly.
    pub fn died(&self, id: WorkspaceId) {
        let running = self.running.lock().len();
        if self.storm.lock().died(Instant::now(), running) {
            let grace_s = GRACE.as_secs();
            warn!(
                workspace_id = %id,
                running,
                grace_s,
                "most agents ended at once: restarts are held, the fault may be here"
            );
        }
    }

    /// Returns until when restarts are held.
    pub fn held_until(&self) -> Option<Instant> {
        self.storm.lock().held_until(Instant::now())
    }

    /// Waits out a storm: until restarts are not held any more, the engine answers, and it is the
    /// turn of `id`.
    pub async fn calm(&self, id: WorkspaceId) {
        let mut held = false;
        while let Some(until) = self.held_until() {
            held = true;
            sleep_until(until).await;
        }
        if held {
            self.back().await;
            sleep(jitter(id)).await;
        }
    }

    /// Waits for a place among those that are being started.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.starts).acquire_owned().await.ok()
    }

    /// Waits while what is not wanted is ended. A start that begins after that is known as wanted.
    pub async fn unreaped(&self) -> RwLockReadGuard<'_, ()> {
        self.reaping.read().await
    }

    /// Tells that an agent is being started anew.
    pub fn tell(&self, id: WorkspaceId) {
        if self.restarted.send(id).is_err() {
            debug!(workspace_id = %id, "nobody listens for restarts");
        }
    }
}
