//! Mailboxes: what the port promises, of both stores.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{
    Delivery, Message, NewMessage, Origin, State, Verdict, judge,
};
use isomer_actors::ports::{Lease, MessageOutcome, MessageQuery, MessageStep, Posted, Store};
use uuid::Uuid;

use super::suite::{at, create};

fn new(to: WorkspaceId, key: &str, priority: i16) -> NewMessage {
    NewMessage {
        id: Uuid::new_v4(),
        to,
        from: None,
        priority,
        // Numbers, order and spaces as they came.
        body: Arc::from(r#"{"z": 1.50, "a":12345678901234567890123, "t":"ü\n"}"#),
        method: "message/send".to_owned(),
        key: Some(key.to_owned()),
        headers: Some(r#"{"traceparent":"x"}"#.to_owned()),
        origin: Origin::Sender,
        at: at(0),
        expires_at: at(100),
    }
}

async fn created(store: &Arc<dyn Store>) -> WorkspaceId {
    create(store, "mailbox").await.0.id
}

async fn one(store: &Arc<dyn Store>, step: MessageStep) -> MessageOutcome {
    store.write_messages(&[step]).await.unwrap().remove(0)
}

async fn post(store: &Arc<dyn Store>, message: NewMessage) -> Option<Posted> {
    match one(store, MessageStep::Post(message)).await {
        MessageOutcome::Posted(posted) => posted,
        other => panic!("{other:?}"),
    }
}

fn lease(to: WorkspaceId, now: i64, after: Option<i64>, limit: usize) -> Lease {
    Lease { to, id: Uuid::new_v4(), at: at(now), until: at(now + 30), after, limit }
}

async fn take(store: &Arc<dyn Store>, lease: Lease) -> Vec<Message> {
    match one(store, MessageStep::Lease(lease)).await {
        MessageOutcome::Leased(messages) => messages,
        other => panic!("{other:?}"),
    }
}

async fn settle(
    store: &Arc<dyn Store>,
    message: &Message,
    lease: Uuid,
    delivery: Delivery,
    now: DateTime<Utc>,
) -> Option<Message> {
    let verdict = judge(delivery, message.attempts, now, message.new.expires_at);
    match one(store, MessageStep::Settle { id: message.new.id, lease, verdict, at: now }).await {
        MessageOutcome::Settled(settled) => settled.map(|message| *message),
        other => panic!("{other:?}"),
    }
}

async fn changed(store: &Arc<dyn Store>, step: MessageStep) -> Vec<(Uuid, State)> {
    match one(store, step).await {
        MessageOutcome::Changed(messages) => messages.iter().map(|m| (m.new.id, m.state)).collect(),
        other => panic!("{other:?}"),
    }
}

fn keys(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.new.key.as_deref().unwrap()).collect()
}

pub async fn messages_are_kept_once_and_read_back(store: Arc<dyn Store>) {
    let (one_id, two) = (created(&store).await, created(&store).await);
    let first = new(one_id, "k", 50);
    let steps = [
        MessageStep::Post(first.clone()),
        MessageStep::Post(new(one_id, "k", 50)),
        MessageStep::Post(new(two, "k", 50)),
        MessageStep::Post(new(WorkspaceId::random(), "k", 50)),
        MessageStep::Post(NewMessage { key: None, ..new(one_id, "", 50) }),
        MessageStep::Post(NewMessage { key: None, ..new(one_id, "", 50) }),
    ];
    let outcomes = store.write_messages(&steps).await.unwrap();
    let posted: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            MessageOutcome::Posted(posted) => posted.map(|posted| posted.new),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(posted, [Some(true), Some(false), Some(true), None, Some(true), Some(true)]);
    let known = post(&store, new(one_id, "k", 50)).await.unwrap();
    assert_eq!(known, Posted { id: first.id, state: State::Queued, new: false });

    let read = store.message(first.id).await.unwrap().unwrap();
    assert_eq!(read.new, first);
    assert_eq!((read.state, read.attempts, read.updated_at), (State::Queued, 0, at(0)));
    let by_key = store.message_by_key(one_id, "k").await.unwrap().unwrap();
    assert_eq!(by_key, read);
    assert!(store.message_by_key(one_id, "other").await.unwrap().is_none());
    assert!(store.message(Uuid::new_v4()).await.unwrap().is_none());

    let mut counts = store.mailboxes(None, 10).await.unwrap();
    counts.sort();
    let mut expected = vec![(one_id, 3), (two, 1)];
    expected.sort();
    assert_eq!(counts, expected);
    let after = store.mailboxes(Some(expected[0].0), 10).await.unwrap();
    assert_eq!(after, expected[1..]);

    let query = MessageQuery { to: Some(one_id), limit: 2, ..MessageQuery::default() };
    let page = store.messages(&query).await.unwrap();
    assert_eq!(page.len(), 2);
    let rest = MessageQuery { before: Some(page[1].seq), ..query.clone() };
    assert_eq!(keys(&store.messages(&rest).await.unwrap()), ["k"]);
    let ended = MessageQuery { state: Some(State::Delivered), ..query };
    assert!(store.messages(&ended).await.unwrap().is_empty());
}

pub async fn messages_are_leased_by_urgency_and_settled_once(store: Arc<dyn Store>) {
    let id = created(&store).await;
    for (key, priority) in [("info", 10), ("task", 50), ("critical", 100), ("task2", 50)] {
        post(&store, new(id, key, priority)).await.unwrap();
    }
    let first = lease(id, 1, None, 2);
    let leased = take(&store, first).await;
    let mut urgent = keys(&leased);
    urgent.sort_unstable();
    assert_eq!(urgent, ["critical", "task"]);
    let message = &leased[0];
    assert_eq!((message.state, message.attempts), (State::Dispatched, 1));
    assert_eq!(&*message.new.body, r#"{"z": 1.50, "a":12345678901234567890123, "t":"ü\n"}"#);

    let answer = || Delivery::Acknowledged { response: Some(r#"{"n":1.50}"#.to_owned()) };
    assert!(
        settle(&store, message, Uuid::new_v4(), answer(), at(2)).await.is_none(),
        "not its lease"
    );
    let delivered = settle(&store, message, first.id, answer(), at(2)).await.unwrap();
    assert_eq!((delivered.state, delivered.lease), (State::Delivered, None));
    assert!(settle(&store, message, first.id, answer(), at(2)).await.is_none(), "once");
    let read = store.message(message.new.id).await.unwrap().unwrap();
    assert_eq!(read.response.as_deref(), Some(r#"{"n":1.50}"#));
    assert_eq!(read.updated_at, at(2));

    // One that failed is not due before its time; one that was busy burnt no try.
    let failed = Delivery::Failed { reason: "no".to_owned() };
    let waiting = settle(&store, &leased[1], first.id, failed, at(2)).await.unwrap();
    assert_eq!((waiting.state, waiting.attempts), (State::Queued, 1));
    let second = lease(id, 2, Some(0), 10);
    let leased = take(&store, second).await;
    assert_eq!(keys(&leased), ["info", "task2"], "by arrival");
    let busy = Delivery::Busy { reason: "busy".to_owned() };
    let waiting = settle(&store, &leased[0], second.id, busy, at(2)).await.unwrap();
    assert_eq!((waiting.state, waiting.attempts), (State::Queued, 0));
    let last = leased[1].seq;
    assert!(take(&store, lease(id, 3, Some(last), 10)).await.is_empty(), "after the cursor");
    assert_eq!(take(&store, lease(id, 3, None, 10)).await.len(), 2);
    // A key that failed is free again; one that was delivered is not.
    let delivered = leased_key(&read);
    assert!(!post(&store, new(id, &delivered, 50)).await.unwrap().new);
    let verdict = Verdict::ended(State::Failed, "no");
    let of = MessageStep::End { id: leased[1].new.id, to: id, verdict, at: at(4) };
    let MessageOutcome::Settled(Some(ended)) = one(&store, of).await else { panic!() };
    assert_eq!((ended.state, ended.last_error.as_deref()), (State::Failed, Some("no")));
    assert!(post(&store, new(id, "task2", 50)).await.unwrap().new);
}

fn leased_key(message: &Message) -> String {
    message.new.key.clone().unwrap()
}

pub async fn leases_end_and_messages_expire(store: Arc<dyn Store>) {
    let id = created(&store).await;
    let pushed = post(&store, new(id, "pushed", 50)).await.unwrap().id;
    let first = lease(id, 0, None, 1);
    take(&store, first).await;
    let collected = post(&store, new(id, "collected", 50)).await.unwrap().id;
    take(&store, lease(id, 0, Some(0), 10)).await;
    let waiting = post(&store, new(id, "waiting", 50)).await.unwrap().id;
    let expire = |now| MessageStep::Expire { at: at(now), limit: 10 };
    assert!(changed(&store, expire(29)).await.is_empty());
    one(&store, MessageStep::Renew { leases: vec![first.id], until: at(60) }).await;
    assert_eq!(changed(&store, expire(31)).await, [(collected, State::Queued)]);
    assert_eq!(changed(&store, expire(61)).await, [(pushed, State::Queued)]);
    let attempts = async |id| store.message(id).await.unwrap().unwrap().attempts;
    assert_eq!((attempts(pushed).await, attempts(collected).await), (0, 1));
    for now in [62, 62, 62, 62] {
        // Only agents that collect have surely had it.
        take(&store, Lease { until: at(now), ..lease(id, now, Some(0), 10) }).await;
        changed(&store, expire(now)).await;
    }
    let states = async |id| store.message(id).await.unwrap().unwrap().state;
    assert_eq!((attempts(collected).await, states(collected).await), (5, State::Failed));
    take(&store, lease(id, 90, None, 1)).await;
    assert_eq!(changed(&store, expire(101)).await, [(waiting, State::Expired)]);
    assert_eq!(changed(&store, expire(130)).await, [(pushed, State::Expired)]);
    assert!(take(&store, lease(id, 130, None, 10)).await.is_empty());

    let old =
        post(&store, NewMessage { expires_at: at(900), ..new(id, "old", 50) }).await.unwrap().id;
    let drop =
        |before| MessageStep::Drop { to: Some(id), before: at(before), at: at(200), limit: 9 };
    assert!(changed(&store, drop(0)).await.is_empty());
    assert_eq!(changed(&store, drop(1)).await, [(old, State::Cancelled)]);
    let forget = |before| MessageStep::Forget { before: at(before), limit: 10 };
    assert!(matches!(one(&store, forget(62)).await, MessageOutcome::Forgotten(0)));
    assert!(matches!(one(&store, forget(201)).await, MessageOutcome::Forgotten(4)));
    assert!(store.mailboxes(None, 10).await.unwrap().is_empty());
}
