//! Mailboxes under paused time, with a courier that does as it is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use isomer_actors::api::RuntimeError;
use isomer_actors::domain::beat::Beat;
use isomer_actors::domain::change::Effect;
use isomer_actors::domain::delegation::{Delegation, Kind, Status, Step, sent};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{
    Delivery, MAX_ATTEMPTS, Message, NewMessage, Origin, State, priority,
};
use isomer_actors::mailroom::{Courier, MailError, Mailroom};
use isomer_actors::ports::Posted;
use parking_lot::Mutex;
use uuid::Uuid;

use super::fake::FakeStore;
use super::{SECOND, World, world, world_on};

/// What the courier does with a message.
#[derive(Clone, Debug)]
enum Act {
    Answer(Delivery),
    Panic,
    /// Never answers.
    Hang,
}

/// Plays its acts in order, by key; then acknowledges.
#[derive(Default)]
struct Player {
    acts: Mutex<HashMap<String, Vec<Act>>>,
    handed: Mutex<Vec<String>>,
}

impl Player {
    fn plays(self: &Arc<Self>, key: &str, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().insert(key.to_owned(), acts.into_iter().collect());
    }
    fn handed(&self) -> Vec<String> {
        self.handed.lock().clone()
    }
}

fn answer() -> Delivery {
    Delivery::Acknowledged { response: Some("{}".to_owned()) }
}
fn failed() -> Act {
    Act::Answer(Delivery::Failed { reason: "no".to_owned() })
}
fn away() -> Act {
    Act::Answer(Delivery::Away { reason: "away".to_owned() })
}

#[async_trait]
impl Courier for Player {
    async fn deliver(&self, message: &Message) -> Delivery {
        let key = message.new.key.clone().unwrap();
        self.handed.lock().push(key.clone());
        let act = {
            let mut acts = self.acts.lock();
            acts.get_mut(&key).and_then(|acts| (!acts.is_empty()).then(|| acts.remove(0)))
        };
        match act {
            None => answer(),
            Some(Act::Answer(delivery)) => delivery,
            Some(Act::Panic) => panic!("the courier fell"),
            Some(Act::Hang) => std::future::pending().await,
        }
    }
}

struct Mail {
    world: World,
    room: Mailroom,
    player: Arc<Player>,
}

async fn mail() -> Mail {
    mail_on(world().await)
}

fn mail_on(world: World) -> Mail {
    let (room, player) = (world.tree.mailroom(), Arc::new(Player::default()));
    room.employ(Arc::clone(&player) as Arc<dyn Courier>);
    Mail { world, room, player }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn new(to: WorkspaceId, key: &str) -> NewMessage {
    NewMessage {
        id: Uuid::new_v4(),
        to,
        from: None,
        priority: priority::TASK,
        body: Arc::from("{}"),
        method: "message/send".to_owned(),
        key: Some(key.to_owned()),
        headers: None,
        origin: Origin::Sender,
        at: start(),
        expires_at: start() + TimeDelta::hours(1),
    }
}

impl Mail {
    async fn post(&self, to: WorkspaceId, key: &str) -> Posted {
        self.room.post(new(to, key)).await.unwrap()
    }
    fn of(&self, key: &str) -> Message {
        let mail = self.world.store.mail();
        mail.into_iter().find(|message| message.new.key.as_deref() == Some(key)).unwrap()
    }
    /// Waits until a message has ended, under paused time.
    async fn ended(&self, key: &str) -> Message {
        for _ in 0..2_000 {
            let message = self.of(key);
            if message.state.is_terminal() {
                return message;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{key} has not ended: {:?}", self.of(key));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_posted_together_is_written_together() {
    let mail = mail().await;
    let id = WorkspaceId::random();
    mail.world.directory.create(super::new_workspace(id)).await.unwrap();
    let before = mail.world.store.transactions();
    let posts = (0..500).map(|n| {
        let room = mail.room.clone();
        let message = new(id, &n.to_string());
        tokio::spawn(async move { room.post(message).await.unwrap() })
    });
    let posts: Vec<_> = posts.collect();
    for post in posts {
        assert!(post.await.unwrap().new);
    }
    assert_eq!(mail.room.waiting(id), 500);
    assert!(mail.world.store.transactions() - before <= 5, "{}", mail.world.store.transactions());
    assert!(mail.player.handed().is_empty(), "its agent is not there");
}

#[tokio::test(start_paused = true)]
async fn messages_are_delivered_in_order_once_their_agent_is_there() {
    let mail = mail().await;
    let id = WorkspaceId::random();
    mail.world.directory.create(super::new_workspace(id)).await.unwrap();
    for key in ["a", "b", "c"] {
        mail.post(id, key).await;
    }
    let known = mail.post(id, "b").await;
    assert!(!known.new);
    mail.world.directory.register(super::registration(id)).await.unwrap();
    mail.ended("c").await;
    assert_eq!(mail.player.handed(), ["a", "b", "c"]);
    assert_eq!(mail.room.waiting(id), 0);
    let known = mail.post(id, "a").await;
    assert_eq!((known.new, known.state), (false, State::Delivered));
    assert_eq!(mail.of("a").response.as_deref(), Some("{}"));
}

#[tokio::test(start_paused = true)]
async fn one_that_always_fails_harms_no_other() {
    let mail = mail().await;
    let (poor, well) = (mail.world.online().await, mail.world.online().await);
    mail.player.plays("bad", std::iter::repeat_n(failed(), 9));
    mail.player.plays("fall", [Act::Panic]);
    mail.post(poor, "bad").await;
    mail.post(poor, "fall").await;
    mail.post(poor, "good").await;
    mail.post(well, "other").await;
    assert_eq!(mail.ended("other").await.state, State::Delivered);
    assert_eq!(mail.ended("good").await.state, State::Delivered);
    let fallen = mail.ended("fall").await;
    assert_eq!((fallen.state, fallen.attempts), (State::Delivered, 2));
    let bad = mail.ended("bad").await;
    assert_eq!((bad.state, bad.attempts), (State::Failed, MAX_ATTEMPTS));
    assert_eq!(bad.last_error.as_deref(), Some("no"));
    let tries = mail.player.handed().iter().filter(|key| *key == "bad").count();
    assert_eq!(tries, MAX_ATTEMPTS as usize);
}

#[tokio::test(start_paused = true)]
async fn who_is_away_burns_no_try_and_is_asked_when_heard_of() {
    let mail = mail().await;
    let id = mail.world.online().await;
    mail.player.plays("a", std::iter::repeat_n(away(), 7));
    mail.post(id, "a").await;
    tokio::time::sleep(SECOND * 30).await;
    let tries = mail.player.handed().len();
    assert!((3..7).contains(&tries), "backs off: {tries}");
    assert_eq!((mail.of("a").state, mail.of("a").attempts), (State::Queued, 0));
    for _ in 0..7 {
        let beat = Beat { active_tasks: Some(0), ..Beat::default() };
        mail.world.directory.beat(id, beat).await.unwrap();
        tokio::time::sleep(SECOND * 2).await;
    }
    let delivered = mail.ended("a").await;
    assert_eq!((delivered.state, delivered.attempts), (State::Delivered, 1));
}

#[tokio::test(start_paused = true)]
async fn who_reports_to_be_busy_is_left_alone_until_it_is_not() {
    let mail = mail().await;
    let id = mail.world.online().await;
    mail.world.beat(id).await.unwrap();
    mail.post(id, "a").await;
    tokio::time::sleep(SECOND * 5).await;
    assert!(mail.player.handed().is_empty(), "it reported one active task of one");
    let beat = Beat { active_tasks: Some(0), ..Beat::default() };
    mail.world.directory.beat(id, beat).await.unwrap();
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(mail.player.handed(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_outlives_the_stores_absence() {
    let mail = mail().await;
    let id = mail.world.online().await;
    mail.player.plays("a", [Act::Hang]);
    mail.post(id, "a").await;
    tokio::time::sleep(SECOND).await;
    mail.post(id, "b").await;
    // Under way for long, and its lease is renewed all the while.
    tokio::time::sleep(SECOND * 100).await;
    assert_eq!(mail.player.handed(), ["a"], "one at a time, and nobody else got it");

    let mail = mail_on(world().await);
    let id = mail.world.online().await;
    let store = Arc::clone(&mail.world.store);
    mail.post(id, "a").await;
    // Handed over as soon as leased; then the store goes.
    while mail.player.handed().is_empty() {
        tokio::task::yield_now().await;
    }
    store.away(true);
    tokio::time::sleep(SECOND * 60).await;
    store.away(false);
    assert_eq!(mail.ended("a").await.state, State::Delivered);
    assert_eq!(mail.player.handed(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_found_again_by_its_key() {
    let mail = mail().await;
    let id = WorkspaceId::random();
    mail.world.directory.create(super::new_workspace(id)).await.unwrap();
    mail.world.store.lose_answers(1);
    assert_eq!(mail.room.post(new(id, "a")).await, Err(MailError::Unknown));
    let known = mail.post(id, "a").await;
    assert!(!known.new, "it had been written");
    tokio::time::sleep(SECOND).await;
    assert_eq!(mail.room.waiting(id), 1);
    mail.world.store.away(true);
    assert_eq!(mail.room.post(new(id, "b")).await, Err(MailError::Unavailable));
    mail.world.store.away(false);
    mail.post(id, "b").await;
    assert_eq!(mail.room.waiting(id), 2);
}

#[tokio::test(start_paused = true)]
async fn messages_expire_and_mailboxes_are_bounded() {
    let mail = mail().await;
    let id = WorkspaceId::random();
    mail.world.directory.create(super::new_workspace(id)).await.unwrap();
    let soon = NewMessage { expires_at: start() + TimeDelta::seconds(30), ..new(id, "soon") };
    mail.room.post(soon).await.unwrap();
    for n in 1..1_000 {
        mail.post(id, &n.to_string()).await;
    }
    assert_eq!(mail.room.post(new(id, "x")).await, Err(MailError::Full { limit: 1_000 }));
    tokio::time::sleep(SECOND * 40).await;
    assert_eq!(mail.of("soon").state, State::Expired);
    mail.post(id, "x").await;
    let nowhere = mail.room.post(new(WorkspaceId::random(), "y")).await;
    assert_eq!(nowhere, Err(MailError::NoWorkspace));
}

#[tokio::test(start_paused = true)]
async fn a_killed_server_leaves_a_lease_that_ends() {
    let store = Arc::new(FakeStore::default());
    let first = mail_on(world_on(Arc::clone(&store)).await);
    let id = first.world.online().await;
    first.player.plays("a", [Act::Hang]);
    first.post(id, "a").await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(first.of("a").state, State::Dispatched);
    // Its dispatcher no longer renews: as good as killed.
    first.world.tree.stop().await;

    let second = mail_on(world_on(store).await);
    let beat = Beat { active_tasks: Some(0), ..Beat::default() };
    second.world.directory.beat(id, beat).await.unwrap();
    tokio::time::sleep(SECOND * 5).await;
    assert!(second.player.handed().is_empty(), "somebody may still have it");
    let delivered = second.ended("a").await;
    assert_eq!((delivered.state, delivered.attempts), (State::Delivered, 1));
    assert_eq!(second.player.handed(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_delegation_whose_message_was_never_posted_is_taken_up() {
    let mail = mail().await;
    let (lead, worker) = (mail.world.online().await, mail.world.online().await);
    let id = Uuid::new_v4();
    let delegation = Delegation {
        id,
        result_id: Uuid::new_v4(),
        source: lead,
        delegation_id: id.to_string(),
        target: worker,
        task: "count".to_owned(),
        kind: Kind::Delegated,
        status: Status::Pending,
        error: None,
        result: None,
        was_queued: false,
        key: None,
        created_at: start(),
        result_at: None,
    };
    // Killed between the row and its message: nobody was told to begin.
    let effect = Effect::Delegation(Step::Open(Box::new(delegation.clone())));
    let draft = sent(&delegation);
    mail.world.directory.record(lead, vec![draft], vec![effect]).await.unwrap();
    let delivered = {
        tokio::time::sleep(SECOND * 20).await;
        mail.ended(&id.to_string()).await
    };
    assert_eq!((delivered.state, delivered.new.to), (State::Delivered, worker));
    tokio::time::sleep(SECOND).await;
    let ended = mail.world.store.delegation_rows().remove(0);
    assert_eq!((ended.status, ended.result.as_deref()), (Status::Completed, Some("{}")));
    assert_eq!(mail.player.handed().len(), 1);
    // Given twice in one moment, it is one.
    let again = mail.world.directory.delegate(delegation).await;
    assert!(matches!(again, Err(RuntimeError::Superseded)), "{again:?}");
}
