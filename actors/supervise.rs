//! Restarting singletons: the root of the tree.
//!
//! Ours over ractor because its default stops the parent when a child ends, and because every
//! restart must end up in the [`Address`] that callers hold. One-for-one; ten failures of
//! one child in ten seconds fail the root, and the process with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::address::Address;
use crate::api::{ChildReport, ChildState, FailureReport};
use crate::domain::restart::{Failures, SINGLETON, Verdict};
use crate::metrics::Metrics;
use crate::ports::Clock;

type Starting<'a> = Pin<Box<dyn Future<Output = Result<ActorCell, SpawnErr>> + Send + 'a>>;

/// Something the root keeps running.
pub trait Child: Send + Sync {
    /// Returns its path in reports.
    fn name(&self) -> String;
    /// Starts it, linked to `root`, and makes it reachable.
    fn start(&self, root: ActorCell) -> Starting<'_>;
    /// Makes it unreachable.
    fn lost(&self);
    /// Returns how many messages wait.
    fn waiting(&self) -> u64;
}

/// An actor without arguments behind an address.
#[derive(Debug)]
pub struct Singleton<A: Actor> {
    pub name: String,
    pub actor: A,
    pub address: Address<A::Msg>,
}

impl<A: Actor<Arguments = ()> + Clone> Child for Singleton<A> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn start(&self, root: ActorCell) -> Starting<'_> {
        Box::pin(async move {
            let (actor, _) = Actor::spawn_linked(None, self.actor.clone(), (), root).await?;
            let cell = actor.get_cell();
            self.address.set(Some(actor));
            Ok(cell)
        })
    }

    fn lost(&self) {
        self.address.set(None);
    }

    fn waiting(&self) -> u64 {
        self.address.waiting()
    }
}

/// What the root is told.
#[derive(Debug)]
pub enum RootMsg {
    /// Start this child again.
    Restart(usize),
    /// From now on children end on purpose. Answers when that is understood.
    Stopping(oneshot::Sender<()>),
    /// Tell how the children are.
    Report(oneshot::Sender<Vec<ChildReport>>),
}

/// The actor.
#[derive(Clone)]
pub struct Root {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What the actor holds between messages.
pub struct State {
    started: Instant,
    children: Vec<Kept>,
    stopping: bool,
}

struct Kept {
    child: Arc<dyn Child>,
    cell: Option<ActorCell>,
    failures: Failures,
    last: Option<(DateTime<Utc>, String)>,
}

/// One child failed too often.
#[derive(Debug, thiserror::Error)]
#[error("{child} failed {failures} times in {seconds} s")]
struct Meltdown {
    child: String,
    failures: usize,
    seconds: u64,
}

impl Actor for Root {
    type Msg = RootMsg;
    type State = State;
    type Arguments = Vec<Arc<dyn Child>>;

    async fn pre_start(
        &self,
        me: ActorRef<RootMsg>,
        children: Vec<Arc<dyn Child>>,
    ) -> Result<State, ActorProcessingErr> {
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            let cell = child.start(me.get_cell()).await?;
            kept.push(Kept { child, cell: Some(cell), failures: Failures::default(), last: None });
        }
        Ok(State { started: Instant::now(), children: kept, stopping: false })
    }

    async fn handle(
        &self,
        me: ActorRef<RootMsg>,
        message: RootMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMsg::Restart(index) if !state.stopping => self.restart(&me, index, state).await,
            RootMsg::Restart(_) => Ok(()),
            RootMsg::Stopping(reply) => {
                state.stopping = true;
                let _ = reply.send(());
                Ok(())
            }
            RootMsg::Report(reply) => {
                let _ = reply.send(state.children.iter().map(report).collect());
                Ok(())
            }
        }
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<RootMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (who, why) = match event {
            SupervisionEvent::ActorFailed(who, error) => (who, crate::chain_of(error.as_ref())),
            SupervisionEvent::ActorTerminated(who, _, reason) => {
                (who, reason.unwrap_or_else(|| "stopped".to_owned()))
            }
            _ => return Ok(()),
        };
        let found = state
            .children
            .iter()
            .position(|kept| kept.cell.as_ref().is_some_and(|cell| cell.get_id() == who.get_id()));
        match found {
            Some(index) => self.ended(&me, index, why, state),
            None => Ok(()),
        }
    }
}

impl Root {
    fn ended(
        &self,
        me: &ActorRef<RootMsg>,
        index: usize,
        why: String,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let now = state.started.elapsed();
        let kept = &mut state.children[index];
        kept.cell = None;
        kept.child.lost();
        if state.stopping {
            return Ok(());
        }
        let child = kept.child.name();
        kept.last = Some((self.clock.now(), why.clone()));
        match kept.failures.record(now, SINGLETON) {
            Verdict::RestartAfter(wait) => {
                warn!(child, error = why, wait_ms = wait.as_millis() as u64, "ended, restarting");
                me.send_after(wait, move || RootMsg::Restart(index));
                Ok(())
            }
            Verdict::GiveUp => {
                error!(child, error = why, "failed too often, giving up");
                let (failures, seconds) = (SINGLETON.failures, SINGLETON.within.as_secs());
                Err(Box::new(Meltdown { child, failures, seconds }))
            }
        }
    }

    async fn restart(
        &self,
        me: &ActorRef<RootMsg>,
        index: usize,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(kept) = state.children.get_mut(index) else {
            return Ok(());
        };
        self.metrics.restarts.inc();
        match kept.child.start(me.get_cell()).await {
            Ok(cell) => {
                kept.cell = Some(cell);
                Ok(())
            }
            Err(error) => self.ended(me, index, crate::chain_of(&error), state),
        }
    }
}

fn report(kept: &Kept) -> ChildReport {
    let last_failure =
        kept.last.as_ref().map(|(at, error)| FailureReport { at: *at, error: error.clone() });
    ChildReport {
        child: kept.child.name(),
        state: if kept.cell.is_some() { ChildState::Running } else { ChildState::Restarting },
        restarts: kept.failures.total,
        last_failure,
        mailbox_depth: kept.child.waiting(),
        children: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[derive(Debug)]
    enum Order {
        Fail,
        Count(oneshot::Sender<usize>),
    }

    /// Fails on demand, or as soon as it runs.
    #[derive(Clone, Default)]
    struct Fragile {
        starts: Arc<AtomicUsize>,
        hopeless: bool,
    }

    impl Actor for Fragile {
        type Msg = Order;
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<Order>, (): ()) -> Result<(), ActorProcessingErr> {
            self.starts.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }

        async fn post_start(
            &self,
            _: ActorRef<Order>,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            assert!(!self.hopeless, "it never runs");
            Ok(())
        }

        async fn handle(
            &self,
            _: ActorRef<Order>,
            order: Order,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            match order {
                Order::Fail => Err("as asked".into()),
                Order::Count(reply) => {
                    let _ = reply.send(self.starts.load(Ordering::SeqCst));
                    Ok(())
                }
            }
        }
    }

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
    }

    async fn root(
        actors: Vec<Fragile>,
    ) -> (ActorRef<RootMsg>, tokio::task::JoinHandle<()>, Vec<Address<Order>>) {
        let metrics = Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap());
        let addresses: Vec<Address<Order>> = actors.iter().map(|_| Address::default()).collect();
        let children =
            actors.into_iter().zip(&addresses).enumerate().map(|(n, (actor, address))| {
                let name = format!("child {n}");
                Arc::new(Singleton { name, actor, address: address.clone() }) as Arc<dyn Child>
            });
        let root = Root { clock: Arc::new(Noon), metrics };
        let (root, ended) = Actor::spawn(None, root, children.collect()).await.unwrap();
        (root, ended, addresses)
    }

    #[tokio::test(start_paused = true)]
    async fn a_child_is_restarted_alone_and_found_at_the_same_address() {
        let (root, _ended, addresses) = root(vec![Fragile::default(), Fragile::default()]).await;
        let limit = Duration::from_secs(1);
        for round in 2..5 {
            addresses[0].cast(Order::Fail).unwrap();
            tokio::time::sleep(limit).await;
            assert_eq!(addresses[0].call(limit, Order::Count).await, Ok(round));
            assert_eq!(addresses[1].call(limit, Order::Count).await, Ok(1));
        }
        let (reply, answer) = oneshot::channel();
        root.send_message(RootMsg::Report(reply)).unwrap();
        let report = answer.await.unwrap();
        assert_eq!((report[0].restarts, report[1].restarts), (3, 0));
        assert_eq!(report[0].last_failure.as_ref().unwrap().error, "as asked");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hopeless_child_ends_the_root() {
        let hopeless = Fragile { hopeless: true, ..Fragile::default() };
        let starts = Arc::clone(&hopeless.starts);
        let (_root, ended, _) = root(vec![hopeless]).await;
        tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap().unwrap();
        assert_eq!(starts.load(Ordering::SeqCst), SINGLETON.failures);
    }
}
