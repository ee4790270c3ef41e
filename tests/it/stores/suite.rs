//! Structure, heartbeats, events and views.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use isomer_actors::domain::beat::Vitals;
use isomer_actors::domain::chain;
use isomer_actors::domain::change::{Change, Draft, Effect, Head, LayoutPatch};
use isomer_actors::domain::dialect::Dialect;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{DeliveryMode, Folded, Record};
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{
    EventQuery, IdleLimit, ListQuery, Outcome, Refusal, Store, StoreError, Viewport, VitalsRow,
};
use serde_json::{Value, json};
use uuid::Uuid;

type Any = Arc<dyn Store>;

pub fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 123_456_000).unwrap()
}

fn record(name: &str) -> Record {
    Record {
        name: name.to_owned(),
        tier: 3,
        runtime: "langgraph".to_owned(),
        max_concurrent_tasks: 1,
        created_at: at(0),
        ..Record::blank(WorkspaceId::random())
    }
}

fn born(record: &Record) -> Change {
    let draft = Draft::new("WORKSPACE_PROVISIONING", json!({"name": record.name}));
    Change::new(None, record.clone(), Head::GENESIS, None, vec![draft], at(1))
}

fn changed(before: &Record, head: Head, change: impl Fn(&mut Record)) -> Change {
    let mut after = before.clone();
    change(&mut after);
    let draft = Draft::new("WORKSPACE_UPDATED", json!({}));
    Change::new(Some(before), after, head, None, vec![draft], at(2))
}

/// Creates a workspace and returns it with its head.
pub async fn create(store: &Any, name: &str) -> (Record, Head) {
    let record = record(name);
    let change = born(&record);
    let head = change.head();
    let outcomes = store.commit(&[vec![change]]).await.unwrap();
    assert!(matches!(outcomes[0], Outcome::Committed { .. }));
    (record, head)
}

fn refusal(result: Result<Vec<Outcome>, StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused { refusal, .. }) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub async fn a_change_is_written_with_its_events(store: Any) {
    let (before, head) = create(&store, "it's \"quoted\" 🦀 100%").await;
    let change = changed(&before, head, |row| {
        row.status = Status::AwaitingAgent;
        row.role = Some("x".repeat(100_000));
        row.url = Some("http://x".to_owned());
        row.budget_limit = Some(i64::MAX);
        row.delivery_mode = DeliveryMode::Poll;
    });
    let (after, head) = (change.after.clone(), change.head());
    let outcomes = store.commit(&[vec![change]]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed { first_seq: 2 }]);
    let loaded = store.load(before.id).await.unwrap();
    assert_eq!(loaded.record, Some(after));
    assert_eq!(loaded.head, head);
    assert_eq!(store.last_seq().await.unwrap(), 2);
    let index = store.index(None, 10).await.unwrap();
    assert_eq!(
        (index.len(), index[0].status, index[0].had_tokens),
        (1, Status::AwaitingAgent, false)
    );
    assert_eq!(index[0].delivery_mode, DeliveryMode::Poll);
    assert!(store.load_live(None, 10).await.unwrap().is_empty());
    assert!(!store.is_empty().await.unwrap());
}

pub async fn the_index_tells_what_agents_speak(store: Any) {
    let url = "http://agent:8000";
    let interface = json!({"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"});
    let cards = [
        None,
        Some(json!({"name": "unknown", "url": url})),
        Some(json!([1])),
        Some(json!("supportedInterfaces")),
        Some(json!({"url": url, "protocolVersion": "0.3.0", "preferredTransport": "JSONRPC"})),
        Some(json!({"supportedInterfaces": [interface, {"url": "é\u{1}"}], "skills": [{}]})),
        Some(
            json!({"url": "grpc://agent", "protocolVersion": "0.3.0", "preferredTransport": "GRPC",
            "additionalInterfaces": [{"url": url, "transport": "JSONRPC"}]}),
        ),
    ];
    for card in cards {
        let row = Record { url: Some(url.to_owned()), ..record("speaker") };
        let draft = Draft::new("WORKSPACE_ONLINE", json!({}));
        let change =
            Change::new(None, row.clone(), Head::GENESIS, Some(card.clone()), vec![draft], at(0));
        store.commit(&[vec![change]]).await.unwrap();
        let index = store.index(None, 100).await.unwrap();
        let found = index.iter().find(|indexed| indexed.id == row.id).unwrap();
        assert_eq!(found.dialect, Some(Dialect::of_card(card.as_ref(), Some(url))), "{card:?}");
    }
}

pub async fn who_is_put_to_sleep_when(store: Any) {
    let (idle, head) = create(&store, "idle").await;
    let (never, _) = create(&store, "never").await;
    let set = changed(&idle, head, |record| {
        record.status = Status::Online;
        record.hibernation_idle_minutes = Some(7);
    });
    let (after, head) = (set.after.clone(), set.head());
    store.commit(&[vec![set]]).await.unwrap();
    let limits = store.idle_limits().await.unwrap();
    assert!(limits.contains(&IdleLimit { workspace: idle.id, minutes: 7 }), "{limits:?}");
    assert!(limits.iter().all(|limit| limit.workspace != never.id));
    let stored = store.load(idle.id).await.unwrap().record.unwrap();
    assert_eq!(stored, after);
    // Who sleeps is not put to sleep.
    let slept = changed(&after, head, |record| record.status = Status::Hibernated);
    store.commit(&[vec![slept]]).await.unwrap();
    let limits = store.idle_limits().await.unwrap();
    assert!(limits.iter().all(|limit| limit.workspace != idle.id));
}

pub async fn a_stale_head_is_refused_alone(store: Any) {
    let (one, head_one) = create(&store, "one").await;
    let (two, head_two) = create(&store, "two").await;
    let stale = changed(&one, Head::GENESIS, |row| row.tier = 9);
    let forged = Head { hash: [7; 32], ..head_one };
    let fine = changed(&two, head_two, |row| row.tier = 4);
    let outcomes = store.commit(&[vec![stale], vec![fine]]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Conflict, Outcome::Committed { first_seq: 3 }]);
    let forged = changed(&one, forged, |row| row.tier = 9);
    assert_eq!(store.commit(&[vec![forged]]).await.unwrap(), [Outcome::Conflict]);
    assert_eq!(store.commit(&[vec![born(&one)]]).await.unwrap(), [Outcome::Conflict]);
    assert_eq!(store.load(one.id).await.unwrap().record.unwrap().tier, 3);
    assert_eq!(store.load(two.id).await.unwrap().record.unwrap().tier, 4);
    assert_eq!(store.last_seq().await.unwrap(), 3);
}

pub async fn a_group_is_all_or_nothing(store: Any) {
    let (one, head_one) = create(&store, "one").await;
    let (two, _) = create(&store, "two").await;
    let group = vec![
        changed(&one, head_one, |row| row.tier = 5),
        changed(&two, Head::GENESIS, |row| row.tier = 5),
    ];
    assert_eq!(store.commit(&[group]).await.unwrap(), [Outcome::Conflict]);
    assert_eq!(store.load(one.id).await.unwrap().record.unwrap().tier, 3);
}

pub async fn sequences_have_no_holes(store: Any) {
    const WRITERS: usize = 6;
    const EACH: usize = 15;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for n in 0..EACH {
                create(&store, &format!("w{n}")).await;
                // A refused batch in between gives its sequences back.
                let orphan = Record { parent_id: Some(WorkspaceId::random()), ..record("orphan") };
                refusal(store.commit(&[vec![born(&orphan)]]).await);
            }
        });
    }
    // A reader that follows never sees a later event before an earlier one.
    let mut told = 0;
    while told < (WRITERS * EACH) as i64 {
        let query = EventQuery {
            after_seq: Some(told),
            ascending: true,
            limit: 1_000,
            ..Default::default()
        };
        for event in store.events(&query).await.unwrap() {
            assert_eq!(event.seq, told + 1);
            told = event.seq;
        }
        tokio::task::yield_now().await;
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(store.last_seq().await.unwrap(), (WRITERS * EACH) as i64);
}

pub async fn rules_of_the_store(store: Any) {
    let (one, head_one) = create(&store, "one").await;
    let (two, head_two) = create(&store, "two").await;
    let orphan = Record { parent_id: Some(WorkspaceId::random()), ..record("orphan") };
    assert_eq!(refusal(store.commit(&[vec![born(&orphan)]]).await), Refusal::ParentUnknown);

    let under = changed(&two, head_two, |row| row.parent_id = Some(one.id));
    let (two, head_two) = (under.after.clone(), under.head());
    store.commit(&[vec![under]]).await.unwrap();
    let circle = changed(&one, head_one, |row| row.parent_id = Some(two.id));
    assert_eq!(refusal(store.commit(&[vec![circle]]).await), Refusal::Cycle);

    let assign = |row: &Record, head: Head, model: &str| {
        let effect = Effect::AssignAgent { agent_id: Uuid::new_v4(), model: model.to_owned() };
        changed(row, head, |_| {}).with(effect)
    };
    let first = assign(&one, head_one, "m1");
    let head_one = first.head();
    store.commit(&[vec![first]]).await.unwrap();
    let second = assign(&one, head_one, "m2");
    assert_eq!(refusal(store.commit(&[vec![second]]).await), Refusal::AgentActive);
    let agent = store.load(one.id).await.unwrap().active_agent.unwrap();
    assert_eq!(agent.model, "m1");

    let group = vec![
        changed(&one, head_one, |_| {}).with(Effect::MoveAgent { agent_id: agent.id, to: two.id }),
        changed(&two, head_two, |_| {}),
    ];
    store.commit(&[group]).await.unwrap();
    assert_eq!(store.load(one.id).await.unwrap().active_agent, None);
    assert_eq!(store.load(two.id).await.unwrap().active_agent, Some(agent));
}

pub async fn a_purge_keeps_the_chain(store: Any) {
    let (one, head) = create(&store, "one").await;
    let (child, head_child) = create(&store, "child").await;
    let under = changed(&child, head_child, |row| row.parent_id = Some(one.id));
    store.commit(&[vec![under]]).await.unwrap();
    let purge = changed(&one, head, |row| row.status = Status::Removed).with(Effect::Purge);
    let end = purge.head();
    store.commit(&[vec![purge]]).await.unwrap();
    let loaded = store.load(one.id).await.unwrap();
    assert_eq!((loaded.record, loaded.head), (None, end));
    assert_eq!(store.view(one.id).await.unwrap().map(|view| view.record.id), None);
    assert_eq!(store.load(child.id).await.unwrap().record.unwrap().parent_id, None);

    let draft = Draft::new("WORKSPACE_ONLINE", json!({}));
    let again = Change::new(None, one.clone(), end, None, vec![draft], at(5));
    assert!(matches!(store.commit(&[vec![again]]).await.unwrap()[0], Outcome::Committed { .. }));
    let query = EventQuery { workspace: Some(one.id), limit: 9, ..Default::default() };
    let versions: Vec<_> =
        store.events(&query).await.unwrap().iter().map(|r| r.event.version).collect();
    assert_eq!(versions, [3, 2, 1]);
}

pub async fn heartbeats_never_go_back(store: Any) {
    let (one, _) = create(&store, "one").await;
    let (gone, head) = create(&store, "gone").await;
    let removed = changed(&gone, head, |row| row.status = Status::Removed);
    store.commit(&[vec![removed]]).await.unwrap();
    let row = |id, second, task: &str| VitalsRow {
        id,
        vitals: Vitals {
            last_heartbeat_at: Some(at(second)),
            error_rate: 0.1,
            active_tasks: 2,
            current_task: task.to_owned(),
            metadata: Some(Box::default()),
            ..Vitals::default()
        },
    };
    let mut rows =
        vec![row(one.id, 50, "new"), row(gone.id, 50, "x"), row(WorkspaceId::random(), 50, "y")];
    rows.sort_by_key(|row| row.id);
    store.write_vitals(&rows).await.unwrap();
    store.write_vitals(&[row(one.id, 40, "old")]).await.unwrap();
    let vitals = store.load(one.id).await.unwrap().vitals;
    assert_eq!(vitals, row(one.id, 50, "new").vitals);
    assert_eq!(store.load(gone.id).await.unwrap().vitals.last_heartbeat_at, None);

    let mut many = Vec::new();
    for n in 0..20 {
        many.push(create(&store, &format!("many {n}")).await.0.id);
    }
    many.sort();
    let rows: Vec<_> = many.iter().map(|id| row(*id, 60, "bulk")).collect();
    store.write_vitals(&rows).await.unwrap();
    let views = store.list(&ListQuery { ids: Some(many), removed: false }).await.unwrap();
    assert!(views.iter().all(|view| view.vitals.current_task == "bulk") && views.len() == 20);
}

pub async fn events_read_back_as_hashed(store: Any) {
    let (one, head) = create(&store, "one").await;
    let card: Value = serde_json::from_str(
        r#"{"f": 0.1, "e": 1e300, "i": 9007199254740993, "u": 18446744073709551615,
            "z": -0.0, "n": 2.50, "t": "é\n\"🦀", "o": {"b": [1, 1.0, null], "a": true},
            "big": "TEXT"}"#,
    )
    .unwrap();
    let mut after = one.clone();
    after.status = Status::Online;
    let payload = json!({"agent_card": card, "tiny": 5e-324, "sum": 0.1 + 0.2});
    let drafts = vec![
        Draft::new("WORKSPACE_ONLINE", payload),
        Draft {
            agent_id: Some(Uuid::new_v4()),
            target_id: Some(WorkspaceId::random()),
            ..Draft::new("AGENT_MOVED", json!({}))
        },
    ];
    let change =
        Change::new(Some(&one), after.clone(), head, Some(Some(card.clone())), drafts, at(9));
    store.commit(&[vec![change.clone()]]).await.unwrap();
    let query =
        EventQuery { workspace: Some(one.id), ascending: true, limit: 9, ..Default::default() };
    let events = store.events(&query).await.unwrap();
    let mut folded = Folded::blank(one.id);
    let mut prev = chain::GENESIS;
    for recorded in &events {
        assert_eq!(recorded.event.prev_hash, prev);
        assert_eq!(chain::hash(&recorded.event), recorded.event.hash, "{recorded:?}");
        prev = recorded.event.hash;
        folded.apply(&recorded.event.change);
    }
    assert_eq!(events.len(), 3);
    assert_eq!(events[1].event.at, change.at);
    assert_eq!(folded.record, after);
    let view = store.view(one.id).await.unwrap().unwrap();
    assert_eq!(chain::canonical(&view.agent_card.unwrap()), chain::canonical(&card));

    let some = |query: EventQuery| {
        let store = Arc::clone(&store);
        async move {
            let found = store.events(&EventQuery { limit: 10, ..query }).await.unwrap();
            found.iter().map(|recorded| recorded.seq).collect::<Vec<_>>()
        }
    };
    assert_eq!(
        some(EventQuery { kinds: vec!["AGENT_MOVED".into()], ..Default::default() }).await,
        [3]
    );
    assert_eq!(some(EventQuery { until: Some(at(1)), ..Default::default() }).await, [1]);
    let later = at(1) + TimeDelta::microseconds(1);
    assert_eq!(some(EventQuery { since: Some(later), ..Default::default() }).await, [3, 2]);
    assert_eq!(
        some(EventQuery { up_to_seq: Some(2), ascending: true, ..Default::default() }).await,
        [1, 2]
    );
}

pub async fn layouts_and_viewport(store: Any) {
    let (one, head) = create(&store, "one").await;
    let place = LayoutPatch { position: Some((1.5, -2.0)), collapsed: None };
    store.save_layouts(&[(one.id, place)]).await.unwrap();
    let fold = LayoutPatch { position: None, collapsed: Some(true) };
    let (two, _) = create(&store, "two").await;
    store.save_layouts(&[(one.id, fold), (two.id, place)]).await.unwrap();
    let other = store.view(two.id).await.unwrap().unwrap();
    assert_eq!((other.x, other.y, other.collapsed), (1.5, -2.0, false));
    let view = store.view(one.id).await.unwrap().unwrap();
    assert_eq!((view.x, view.y, view.collapsed), (1.5, -2.0, true));
    let unfold = LayoutPatch { position: None, collapsed: Some(false) };
    let unknown = [(one.id, unfold), (WorkspaceId::random(), place)];
    assert!(store.save_layouts(&unknown).await.is_err());
    assert!(store.view(one.id).await.unwrap().unwrap().collapsed, "all or none");
    let change = changed(&one, head, |row| row.tier = 1).with(Effect::DropLayout);
    store.commit(&[vec![change]]).await.unwrap();
    assert!(!store.view(one.id).await.unwrap().unwrap().collapsed);

    assert_eq!(store.viewport().await.unwrap(), None);
    for zoom in [1.5, 0.25] {
        let viewport = Viewport { x: 3.0, y: -4.5, zoom };
        store.save_viewport(viewport, at(1)).await.unwrap();
        assert_eq!(store.viewport().await.unwrap(), Some(viewport));
    }
}
