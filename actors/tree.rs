//! The tree on one page: what runs, who restarts it, in which order it ends.
//!
//! | Child | Restart | A restart loses |
//! |---|---|---|
//! | root | never: ten failures of one child in ten seconds end the process | – |
//! | `journal` | at once, with backoff | nothing acknowledged |
//! | `heartbeats` | " | at most a second of snapshots |
//! | `activity`, `activity/janitor` | " | nothing: the queue stays |
//! | `liveness/sweep`, `liveness/notices`, `liveness/mirror` | " | nothing |
//! | `live/0`… | " | nothing recorded; subscribers resume |
//! | `approvals` | " | nothing: it looks again |
//! | `idle` | " | when workspaces were seen at work |
//! | `tokens`, `relay` | " | nothing |
//! | `messages/ledger`, `messages/dispatch` | " | nothing acknowledged |
//! | `delegations` | " | nothing: what moved meanwhile is found in the store |
//! | `shards/0`… | " | its actors, which start again when talked to |
//! | └ workspace | with backoff; quarantined at the third failure in a minute | nothing |

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ractor::{Actor, ActorRef};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::activity::janitor::Janitor;
use crate::activity::{Activity, ActivityMsg, Batcher, Keeping};
use crate::address::Address;
use crate::approvals::expiry::Expiry;
use crate::approvals::{Approvals, Rules};
use crate::cells::Marked;
use crate::context::Context;
use crate::delegations::Delegations;
use crate::directory::Directory;
use crate::heartbeats::{BatchMsg, Heartbeats};
use crate::idle::Idle;
use crate::indexes::{HostedRuntimes, Indexes, Patience};
use crate::janitor::{RelayActor, TokenKeeper, TokensMsg};
use crate::journal::{Journal, JournalActor};
use crate::live::{Live, hub::Hub};
use crate::liveness::{Notices, Pulse, Sweep};
use crate::mailroom::dispatch::Dispatch;
use crate::mailroom::ledger::{Ledger, LedgerMsg};
use crate::mailroom::{MailSettings, Mailroom, Shared};
use crate::metrics::Metrics;
use crate::mirror::{Mirror, MirrorMsg};
use crate::ports::{Clock, LivenessMirror, Relay, Store, StoreError};
use crate::shard::{SHARDS, Shard, ShardMsg};
use crate::supervise::{Child, Root, RootMsg, Singleton};
use crate::tokens::Tokens;

/// Rows read at once at start.
const PAGE: usize = 5_000;
/// How long one part of the shutdown may take.
const STEP_LIMIT: Duration = Duration::from_secs(10);

/// What the runtime is given.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds ports, which have none")]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub mirror: Arc<dyn LivenessMirror>,
    pub relay: Arc<dyn Relay>,
    pub clock: Arc<dyn Clock>,
}

/// How the runtime behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The runtimes whose agents this server runs.
    pub hosted: HostedRuntimes,
    pub patience: Patience,
    /// Between two sweeps.
    pub sweep_every: Duration,
    pub mail: MailSettings,
    pub approvals: Rules,
    /// How long activity is kept.
    pub activity: Keeping,
}

/// Why the runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the workspaces could not be read")]
    Load(#[from] StoreError),
    #[error("a metric is registered twice")]
    Metrics(#[from] prometheus::Error),
    #[error("the tree could not be started")]
    Spawn(#[from] ractor::SpawnErr),
}

/// The running tree.
#[derive(Debug)]
pub struct Tree {
    root: ActorRef<RootMsg>,
    ended: JoinHandle<()>,
    directory: Directory,
    tokens: Tokens,
    live: Live,
    approvals: Approvals,
    activity: Activity,
    addresses: Addresses,
}

#[derive(Clone, Debug, Default)]
struct Addresses {
    heartbeats: Address<BatchMsg>,
    mirror: Address<MirrorMsg>,
    tokens: Address<TokensMsg>,
}

impl Tree {
    /// Loads the indexes and starts everything. Serves as soon as it returns.
    ///
    /// # Errors
    /// [`StartError`]; nothing keeps running.
    pub async fn start(
        ports: Ports,
        settings: Settings,
        registry: &Registry,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new(registry)?);
        let indexes = Arc::new(Indexes::new(settings.patience, settings.hosted.clone()));
        // Before the rows: what is recorded meanwhile is caught up with.
        let recorded = ports.store.last_seq().await?;
        load(ports.store.as_ref(), &indexes).await?;

        let structure: Arc<dyn crate::ports::StructureStore> = ports.store.clone();
        let (live, relayed) =
            Live::new(Arc::clone(&indexes), Arc::clone(&metrics), structure, recorded);
        let addresses = Addresses::default();
        let mailroom = mailroom(&ports, &indexes, &live, &metrics, settings.mail);
        let activity = Activity::new(Arc::clone(&ports.clock), Arc::clone(&metrics));
        let context = Context {
            indexes: Arc::clone(&indexes),
            journal: Journal(Address::default()),
            live: live.clone(),
            store: Arc::clone(&ports.store),
            clock: Arc::clone(&ports.clock),
            metrics: Arc::clone(&metrics),
            snapshots: Arc::new(Marked::snapshots()),
            heard: Arc::new(Marked::mirror()),
            mirror: addresses.mirror.clone(),
            mailroom,
            activity: activity.clone(),
        };
        let shards: Arc<[Address<ShardMsg>]> = (0..SHARDS).map(|_| Address::default()).collect();
        let (sweep, pulse) = (Address::default(), Arc::new(Pulse::default()));
        let directory = Directory::new(
            context.clone(),
            shards,
            sweep.clone(),
            Arc::clone(&pulse),
            Arc::clone(&ports.mirror),
        );

        let mut children = singletons(&context, &ports, &addresses, &live);
        children.extend(liveness(&directory, &ports, sweep, pulse, settings.sweep_every));
        let keeper = Delegations::new(directory.clone());
        children.push(child("delegations", keeper.address(), keeper));
        let approvals = Approvals {
            directory: directory.clone(),
            store: Arc::clone(&ports.store),
            clock: Arc::clone(&ports.clock),
            expiry: Address::default(),
            rules: settings.approvals,
        };
        children.push(approvals_child(&approvals, &context));
        children.push(idle_child(&directory, &context));
        children.extend(activities(&activity, &context, settings.activity));
        let relay = RelayActor {
            address: Address::default(),
            context: context.clone(),
            port: Arc::clone(&ports.relay),
            frames: Arc::new(Mutex::new(relayed)),
        };
        children.push(child("relay", relay.address.clone(), relay));
        for (index, address) in directory.shards().iter().enumerate() {
            let shard = Shard { index, address: address.clone(), context: context.clone() };
            children.push(child(&format!("shards/{index}"), address.clone(), shard));
        }

        let root = Root { clock: Arc::clone(&ports.clock), metrics };
        let (root, ended) = Actor::spawn(None, root, children).await?;
        directory.set_root(root.clone());
        let tokens = Tokens::new(indexes, ports.store, ports.clock);
        info!(workspaces = directory.context().indexes.cells.len(), recorded, "the tree runs");
        Ok(Self { root, ended, directory, tokens, live, approvals, activity, addresses })
    }

    /// Returns the handle to workspaces.
    pub fn directory(&self) -> Directory {
        self.directory.clone()
    }

    /// Returns the handle to tokens.
    pub fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }

    /// Returns the handle to mailboxes.
    pub fn mailroom(&self) -> Mailroom {
        self.directory.context().mailroom.clone()
    }

    /// Returns the handle to the live hub.
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Returns the handle to requests for approval.
    pub fn approvals(&self) -> Approvals {
        self.approvals.clone()
    }

    /// Returns the handle to the activity log.
    pub fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Waits until the root has ended, which without [`Tree::stop`] means that it gave up.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn failed(&mut self) {
        let _ = (&mut self.ended).await;
    }

    /// Starts the actors of live workspaces that nobody has talked to yet, in the background of
    /// serving. Stops early when the store cannot be read: then they start when talked to.
    pub async fn warm_up(directory: Directory) {
        let context = directory.context().clone();
        let mut after = None;
        loop {
            let page = match context.store.load_live(after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    warn!(error = %crate::chain_of(&error), "live workspaces start when talked to");
                    return;
                }
            };
            let full = page.len() == PAGE;
            for loaded in page {
                let Some(id) = loaded.record.as_ref().map(|record| record.id) else { continue };
                after = Some(id);
                let Some(cell) = context.indexes.cell(id) else { continue };
                {
                    let mut vitals = cell.vitals.lock();
                    if vitals.last_heartbeat_at.is_none() {
                        vitals.clone_from(&loaded.vitals);
                    }
                }
                let message = ShardMsg::Activate(cell, Some(Box::new(loaded)), None);
                let _ = directory.shards()[crate::shard::shard_of(id)].cast(message);
            }
            if !full {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Ends everything in order: workspaces finish what they have, then the batchers write what is
    /// left, then the root goes. The edge has stopped before.
    pub async fn stop(self) {
        let (reply, understood) = tokio::sync::oneshot::channel();
        let _ = self.root.send_message(RootMsg::Stopping(reply));
        let _ = tokio::time::timeout(STEP_LIMIT, understood).await;

        let mut drains = tokio::task::JoinSet::new();
        for shard in self.directory.shards() {
            let shard = shard.clone();
            drains.spawn(async move { shard.call(STEP_LIMIT, ShardMsg::Drain).await.is_ok() });
        }
        let drained = drains.join_all().await.into_iter().all(|done| done);
        let journal = self.directory.context().journal.0.get();
        if let Some(journal) = journal {
            let _ = tokio::time::timeout(STEP_LIMIT, settle(&journal)).await;
        }
        let ledger = &self.directory.context().mailroom.shared.ledger;
        let _ = ledger.call(STEP_LIMIT, LedgerMsg::Drain).await;
        let written = self.addresses.heartbeats.call(STEP_LIMIT, BatchMsg::Flush).await;
        let _ = self.addresses.mirror.call(STEP_LIMIT, MirrorMsg::Flush).await;
        let _ = self.addresses.tokens.call(STEP_LIMIT, TokensMsg::Flush).await;
        let logged = self.activity.address.call(STEP_LIMIT, ActivityMsg::Flush).await;
        let (written, logged) = (written == Ok(true), logged == Ok(true));
        if !drained || !written || !logged {
            warn!(drained, written, logged, "not everything could be finished");
        }
        self.root.stop(None);
        let _ = tokio::time::timeout(STEP_LIMIT, self.ended).await;
    }
}

/// Waits until the journal has nothing queued: a drain would skip what runs.
async fn settle(journal: &ActorRef<crate::journal::JournalMsg>) {
    let (reply, settled) = tokio::sync::oneshot::channel();
    if journal.send_message(crate::journal::JournalMsg::Settle(reply)).is_ok() {
        let _ = settled.await;
    }
}

fn child<A: Actor<Arguments = ()> + Clone>(
    name: &str,
    address: Address<A::Msg>,
    actor: A,
) -> Arc<dyn Child> {
    Arc::new(Singleton { name: name.to_owned(), actor, address })
}

fn approvals_child(approvals: &Approvals, context: &Context) -> Arc<dyn Child> {
    let address = approvals.expiry.clone();
    let (context, directory) = (context.clone(), approvals.directory.clone());
    child("approvals", address.clone(), Expiry { address, context, directory })
}

fn idle_child(directory: &Directory, context: &Context) -> Arc<dyn Child> {
    let address = Address::default();
    let (context, directory) = (context.clone(), directory.clone());
    child("idle", address.clone(), Idle { address, context, directory })
}

fn singletons(
    context: &Context,
    ports: &Ports,
    addresses: &Addresses,
    live: &Live,
) -> Vec<Arc<dyn Child>> {
    let mut children = Vec::new();
    for (shard, address) in live.shards().iter().enumerate() {
        let hub = Hub { address: address.clone(), reach: live.reach(), shard };
        children.push(child(&format!("live/{shard}"), address.clone(), hub));
    }
    let journal = JournalActor {
        address: context.journal.0.clone(),
        store: Arc::clone(&context.store),
        indexes: Arc::clone(&context.indexes),
        live: live.clone(),
        metrics: Arc::clone(&context.metrics),
    };
    children.push(child("journal", context.journal.0.clone(), journal));
    let address = addresses.heartbeats.clone();
    let heartbeats = Heartbeats { address: address.clone(), context: context.clone() };
    children.push(child("heartbeats", address, heartbeats));
    let address = addresses.mirror.clone();
    let port = Arc::clone(&ports.mirror);
    let mirror = Mirror { address: address.clone(), context: context.clone(), port };
    children.push(child("liveness/mirror", address, mirror));
    let address = addresses.tokens.clone();
    let tokens = TokenKeeper { address: address.clone(), context: context.clone() };
    children.push(child("tokens", address, tokens));
    let mail = &context.mailroom;
    children.push(child("messages/ledger", mail.shared.ledger.clone(), Ledger(mail.clone())));
    children.push(child("messages/dispatch", mail.shared.dispatch.clone(), Dispatch(mail.clone())));
    children
}

fn mailroom(
    ports: &Ports,
    indexes: &Arc<Indexes>,
    live: &Live,
    metrics: &Arc<Metrics>,
    settings: MailSettings,
) -> Mailroom {
    let shared = Shared {
        ledger: Address::default(),
        dispatch: Address::default(),
        delegations: Address::default(),
        indexes: Arc::clone(indexes),
        store: Arc::clone(&ports.store),
        clock: Arc::clone(&ports.clock),
        live: live.clone(),
        metrics: Arc::clone(metrics),
        settings,
        courier: OnceCell::new(),
        flights: parking_lot::Mutex::default(),
        collectors: dashmap::DashMap::new(),
    };
    Mailroom { shared: Arc::new(shared) }
}

fn activities(activity: &Activity, context: &Context, keeping: Keeping) -> [Arc<dyn Child>; 2] {
    let batcher = Batcher { activity: activity.clone(), context: context.clone() };
    let janitor = Janitor { address: Address::default(), context: context.clone(), keeping };
    [
        child("activity", activity.address.clone(), batcher),
        child("activity/janitor", janitor.address.clone(), janitor),
    ]
}

fn liveness(
    directory: &Directory,
    ports: &Ports,
    address: Address<crate::liveness::SweepMsg>,
    pulse: Arc<Pulse>,
    every: Duration,
) -> [Arc<dyn Child>; 2] {
    let sweep = Sweep { address: address.clone(), directory: directory.clone(), pulse, every };
    let notices = Notices {
        address: Address::default(),
        directory: directory.clone(),
        port: Arc::clone(&ports.mirror),
    };
    [
        child("liveness/sweep", address, sweep),
        child("liveness/notices", notices.address.clone(), notices),
    ]
}

/// Reads every row and every live token, page by page.
async fn load(store: &dyn Store, indexes: &Indexes) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.index(after, PAGE).await?;
        for row in &page {
            indexes.put_row(row);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id),
            _ => break,
        }
    }
    let mut after = None;
    loop {
        let page = store.live_tokens(after, PAGE).await?;
        for row in &page {
            indexes.put_token(row);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id),
            _ => return Ok(()),
        }
    }
}
