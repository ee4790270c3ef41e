//! Reads of the log: counted, folded, outlined.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use isomer_actors::domain::change::{AgentStatus, Change, Draft, Effect, Head};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Record;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{OutlineRow, Store};
use serde_json::json;
use uuid::Uuid;

use super::suite::{at, create};

type Any = Arc<dyn Store>;

/// Changes a workspace at a time, with one event; returns where it then stands.
async fn change(
    store: &Any,
    (before, head): (&Record, Head),
    when: DateTime<Utc>,
    effect: Option<Effect>,
    edit: impl Fn(&mut Record),
) -> (Record, Head) {
    let mut after = before.clone();
    edit(&mut after);
    let draft = Draft::new("WORKSPACE_UPDATED", json!({}));
    let mut change = Change::new(Some(before), after.clone(), head, None, vec![draft], when);
    if let Some(effect) = effect {
        change = change.with(effect);
    }
    let head = change.head();
    store.commit(&[vec![change]]).await.unwrap();
    (after, head)
}

pub async fn events_are_counted_between_edges(store: Any) {
    assert_eq!(store.first_event_at().await.unwrap(), None);
    assert_eq!(store.count_events(&[at(0), at(9)]).await.unwrap(), [0]);
    let (mut row, mut head) = create(&store, "one").await;
    for (second, micros) in [(2, 0), (2, 999_999), (3, 0), (5, -1)] {
        let when = at(second) + TimeDelta::microseconds(micros);
        (row, head) = change(&store, (&row, head), when, None, |row| row.tier += 1).await;
    }
    assert_eq!(store.first_event_at().await.unwrap(), Some(at(1)));
    let seconds: Vec<_> = (1..=5).map(at).collect();
    assert_eq!(store.count_events(&seconds).await.unwrap(), [1, 2, 1, 1]);
    let end = at(5) - TimeDelta::microseconds(1);
    assert_eq!(store.count_events(&[at(3), end]).await.unwrap(), [1]);
    assert_eq!(store.count_events(&[at(100), at(200), at(300)]).await.unwrap(), [0, 0]);
}

pub async fn a_time_has_a_sequence(store: Any) {
    assert_eq!(store.seq_at(at(1_000)).await.unwrap(), 0);
    let (one, head_one) = create(&store, "one").await;
    let (two, head_two) = create(&store, "two").await;
    // The second commit overtook the first one's time.
    change(&store, (&one, head_one), at(20), None, |row| row.tier = 4).await;
    change(&store, (&two, head_two), at(19), None, |row| row.tier = 4).await;
    for (second, seq) in [(0, 0), (1, 2), (18, 2), (19, 4), (20, 4), (1_000, 4)] {
        assert_eq!(store.seq_at(at(second)).await.unwrap(), seq, "{second}");
    }
    let steps = store.steps(2, 4, 10).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.seq).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((steps[0].workspace, steps[0].change.tier), (one.id, Some(4)));
    assert_eq!(store.steps(0, 4, 1).await.unwrap()[0].seq, 1);
    assert_eq!(store.steps(0, 3, 10).await.unwrap().len(), 3);
}

pub async fn the_outline_has_its_sequence(store: Any) {
    let outline = store.outline().await.unwrap();
    assert_eq!((outline.seq, outline.rows), (0, Vec::new()));
    let mut wanted = Vec::new();
    for name in ["one", "two", "three"] {
        let (row, head) = create(&store, name).await;
        let edit = |row: &mut Record| row.role = Some("x".to_owned());
        let (row, _) = change(&store, (&row, head), at(3), None, edit).await;
        wanted.push(OutlineRow {
            id: row.id,
            name: row.name,
            role: row.role,
            status: row.status,
            tier: row.tier,
            runtime: row.runtime,
            parent_id: row.parent_id,
        });
    }
    let (gone, head) = create(&store, "gone").await;
    change(&store, (&gone, head), at(4), None, |row| row.status = Status::Removed).await;
    wanted.sort_by_key(|row| row.id.to_string());
    let outline = store.outline().await.unwrap();
    assert_eq!((outline.seq, outline.rows), (8, wanted));
}

pub async fn agents_are_listed_with_their_end(store: Any) {
    let (row, head) = create(&store, "one").await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let assign = |agent_id, model: &str| Effect::AssignAgent { agent_id, model: model.to_owned() };
    let retire =
        Effect::RetireAgent { agent_id: first, status: AgentStatus::Replaced, reason: "replaced" };
    let mut now = (row, head);
    for (second, effect) in [(2, assign(first, "m1")), (3, retire), (4, assign(second, "m2"))] {
        now = change(&store, (&now.0, now.1), at(second), Some(effect), |_| {}).await;
    }
    let found = store.assignments(now.0.id, 10).await.unwrap();
    let told: Vec<_> = found.iter().map(|a| (a.id, a.model.as_str(), a.status)).collect();
    assert_eq!(told, [(second, "m2", AgentStatus::Active), (first, "m1", AgentStatus::Replaced)]);
    assert_eq!((found[1].created_at, found[1].removed_at), (at(2), Some(at(3))));
    assert_eq!(found[1].removal_reason.as_deref(), Some("replaced"));
    assert_eq!((found[0].removed_at, &found[0].removal_reason), (None, &None));
    assert_eq!(store.assignments(now.0.id, 1).await.unwrap().len(), 1);
    assert!(store.assignments(WorkspaceId::random(), 10).await.unwrap().is_empty());
}
