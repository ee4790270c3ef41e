//! Events beside a workspace's row.

use isomer_actors::api::{Note, RuntimeError};
use isomer_actors::domain::change::Draft;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{Delta, Folded};
use isomer_actors::domain::{chain, event::recorded};
use isomer_actors::ports::{EventQuery, Refusal, StructureStore};
use serde_json::json;

use super::{World, new_workspace, world};

fn draft(n: usize) -> Draft {
    Draft::new(recorded::AGENT_MOVED, json!({"n": n}))
}

/// Follows a workspace's chain; returns how many events changed nothing of its row.
async fn notes(world: &World, id: WorkspaceId) -> usize {
    let query = EventQuery { workspace: Some(id), limit: 1_000, ..EventQuery::default() };
    let events = world.store.events(&query).await.unwrap();
    let (mut folded, mut prev) = (Folded::blank(id), chain::GENESIS);
    for recorded in &events {
        assert_eq!(recorded.event.prev_hash, prev);
        assert_eq!(chain::hash(&recorded.event), recorded.event.hash);
        prev = recorded.event.hash;
        folded.apply(&recorded.event.change);
    }
    assert_eq!(Some(folded.record), world.store.record(id));
    events.iter().filter(|recorded| recorded.event.change == Delta::default()).count()
}

#[tokio::test(start_paused = true)]
async fn events_beside_the_row_are_chained_and_change_nothing() {
    let world = world().await;
    let id = world.online().await;
    let before = world.store.record(id);
    let mut noting = tokio::task::JoinSet::new();
    for n in 0..50 {
        let directory = world.directory.clone();
        noting.spawn(async move {
            directory.record(id, vec![draft(n), draft(n)], Vec::new()).await.unwrap().seq
        });
    }
    let mut seqs = noting.join_all().await;
    seqs.sort_unstable();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 2), "{seqs:?}");
    assert_eq!(world.store.record(id), before);
    assert_eq!(notes(&world, id).await, 100);
    // The actor decides on what was recorded last.
    world.store.meddle(id);
    world.directory.record(id, vec![draft(0)], Vec::new()).await.unwrap();
    assert_eq!(world.store.record(id).unwrap().role.as_deref(), Some("meddled"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_side_row_reaches_its_caller_and_nothing_is_written() {
    let world = world().await;
    let (one, other) = (world.online().await, world.online().await);
    world.store.refuse(one, Refusal::Superseded);
    let (refused, fine) = tokio::join!(
        world.directory.record(one, vec![draft(1)], Vec::new()),
        world.directory.record(other, vec![draft(2)], Vec::new()),
    );
    assert!(matches!(refused, Err(RuntimeError::Superseded)), "{refused:?}");
    fine.unwrap();
    assert_eq!((notes(&world, one).await, notes(&world, other).await), (0, 1));
    world.store.refuse(one, Refusal::Full("requests"));
    let refused = world.directory.record(one, vec![draft(1)], Vec::new()).await;
    assert!(matches!(refused, Err(RuntimeError::Full("requests"))), "{refused:?}");
    // The actor lives on, on the head it had.
    let loads = world.store.loads();
    world.directory.record(one, vec![draft(3)], Vec::new()).await.unwrap();
    assert_eq!(world.store.loads(), loads);
    assert_eq!(notes(&world, one).await, 1);
}

#[tokio::test(start_paused = true)]
async fn removed_and_unknown_workspaces_have_no_more_history() {
    let world = world().await;
    let (id, live) = (world.online().await, world.online().await);
    world.directory.remove(id, Default::default()).await.unwrap();
    let result = world.directory.record(id, vec![draft(0)], Vec::new()).await;
    assert!(matches!(result, Err(RuntimeError::Removed)), "{result:?}");
    let unknown = WorkspaceId::random();
    let result = world.directory.record(unknown, vec![draft(0)], Vec::new()).await;
    assert!(matches!(result, Err(RuntimeError::NotFound)), "{result:?}");
    let note = |workspace| Note { workspace, drafts: vec![draft(0)], effects: Vec::new() };
    let result = world.directory.record_together(vec![note(live), note(id)]).await;
    assert!(matches!(result, Err(RuntimeError::Removed)), "{result:?}");
    assert_eq!(notes(&world, live).await, 0, "all or none");
}

#[tokio::test(start_paused = true)]
async fn events_on_several_workspaces_are_one_step() {
    let world = world().await;
    let parent = world.online().await;
    let child = WorkspaceId::random();
    let mut new = new_workspace(child);
    new.parent_id = Some(parent);
    world.directory.create(new).await.unwrap();
    let note = |workspace, n| Note { workspace, drafts: vec![draft(n)], effects: Vec::new() };
    let commits = world.store.commits();
    let noted =
        world.directory.record_together(vec![note(child, 1), note(parent, 2)]).await.unwrap();
    assert_eq!(world.store.commits(), commits + 1);
    assert_eq!((notes(&world, child).await, notes(&world, parent).await), (1, 1));
    // Both actors go on from there.
    let next = world.directory.record(parent, vec![draft(3)], Vec::new()).await.unwrap();
    assert_eq!(next.seq, noted.seq + 2);
    world.directory.record(child, vec![draft(4)], Vec::new()).await.unwrap();
}
