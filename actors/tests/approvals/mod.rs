//! Requests for approval under paused time.

use std::sync::Arc;
use std::time::Duration;

use isomer_actors::api::RuntimeError;
use isomer_actors::approvals::{DecideError, Request, Requested, Rules};
use isomer_actors::domain::approval::{
    Approval, Decider, EXPIRED, MAX_PENDING, NotDecided, Status, Verdict, WITHDRAWN,
};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{EventQuery, StructureStore};
use serde_json::json;
use uuid::Uuid;

use super::{SECOND, World, new_workspace, world, world_by, world_on};

const LIFETIME: Duration = Duration::from_secs(600);

fn two_persons() -> Rules {
    Rules { lifetime: LIFETIME, required: 2 }
}

impl World {
    async fn asks(&self, id: WorkspaceId) -> Result<Requested, RuntimeError> {
        let request = Request {
            task_id: String::new(),
            action: "deploy".to_owned(),
            reason: "it is Friday".to_owned(),
            context: json!({"host": "a"}),
            required: 1,
            requested_by: "workspace-token:x".to_owned(),
        };
        self.tree.approvals().request(id, request).await
    }

    async fn says(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        who: &str,
        verdict: Verdict,
    ) -> Result<Status, DecideError> {
        let by = Decider::Admin(who.to_owned());
        let decided = self.tree.approvals().decide(workspace, id, &by, verdict, who).await?;
        Ok(decided.status)
    }

    async fn request(&self, workspace: WorkspaceId, id: Uuid) -> Approval {
        use isomer_actors::ports::ApprovalStore;
        self.store.approval(workspace, id).await.unwrap().unwrap()
    }

    async fn kinds(&self, id: WorkspaceId) -> Vec<String> {
        let query = EventQuery { workspace: Some(id), limit: 1_000, ..EventQuery::default() };
        let events = self.store.events(&query).await.unwrap();
        let kinds = events.into_iter().map(|recorded| recorded.event.kind);
        kinds.filter(|kind| kind.starts_with("APPROVAL")).collect()
    }
}

fn closed(error: &DecideError) -> bool {
    matches!(error, DecideError::NotDecided(NotDecided::Closed))
}

#[tokio::test(start_paused = true)]
async fn what_nobody_decides_is_denied_when_its_time_is_over() {
    let world = world().await;
    let id = world.online().await;
    let first = world.asks(id).await.unwrap();
    tokio::time::sleep(SECOND * 100).await;
    let second = world.asks(id).await.unwrap();
    tokio::time::sleep(SECOND * 499).await;
    assert_eq!(world.request(id, first.id).await.status, Status::Pending);
    tokio::time::sleep(SECOND + SECOND / 10).await;
    let denied = world.request(id, first.id).await;
    assert_eq!((denied.status, denied.decided_by.as_deref()), (Status::Denied, Some(EXPIRED)));
    assert!(denied.decided_at.unwrap() - first.expires_at < chrono::TimeDelta::milliseconds(100));
    assert_eq!(world.request(id, second.id).await.status, Status::Pending);
    let kinds = ["REQUESTED", "REQUESTED", "DENIED", "DECIDED"].map(|k| format!("APPROVAL_{k}"));
    assert_eq!(world.kinds(id).await, kinds);
    tokio::time::sleep(SECOND * 100).await;
    assert_eq!(world.request(id, second.id).await.status, Status::Denied);
    // Then there is nothing to do, and nothing is done.
    let commits = world.store.commits();
    tokio::time::sleep(SECOND * 1_000).await;
    assert_eq!(world.store.commits(), commits);
}

#[tokio::test(start_paused = true)]
async fn past_its_time_nobody_can_approve_even_if_it_was_not_denied_yet() {
    let world = world().await;
    let id = world.online().await;
    let asked = world.asks(id).await.unwrap();
    world.store.hide_due(true);
    tokio::time::sleep(LIFETIME).await;
    let late = world.says(id, asked.id, "session", Verdict::Approved).await.unwrap_err();
    assert!(closed(&late), "{late:?}");
    let read = world.tree.approvals().one(id, asked.id).await.unwrap().unwrap();
    assert_eq!(read.status, Status::Denied);
    assert_eq!(world.request(id, asked.id).await.status, Status::Pending, "not written yet");
    world.store.hide_due(false);
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(world.request(id, asked.id).await.status, Status::Denied);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_delays_an_expiry_and_loses_none() {
    let world = world().await;
    let id = world.online().await;
    let asked = world.asks(id).await.unwrap();
    world.store.away(true);
    tokio::time::sleep(LIFETIME + SECOND * 30).await;
    world.store.away(false);
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(world.request(id, asked.id).await.status, Status::Denied);
    assert_eq!(world.kinds(id).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_what_waits_and_expires_what_is_due() {
    let store = Arc::default();
    let (id, asked) = {
        let world = world_on(Arc::clone(&store)).await;
        let id = world.online().await;
        let asked = world.asks(id).await.unwrap();
        world.tree.stop().await;
        (id, asked)
    };
    let world = world_on(store).await;
    assert_eq!(world.request(id, asked.id).await.status, Status::Pending);
    tokio::time::sleep(LIFETIME + SECOND).await;
    assert_eq!(world.request(id, asked.id).await.status, Status::Denied);
}

#[tokio::test(start_paused = true)]
async fn of_twenty_who_decide_exactly_one_wins() {
    let world = Arc::new(world().await);
    let id = world.online().await;
    let asked = world.asks(id).await.unwrap();
    let mut deciding = tokio::task::JoinSet::new();
    for n in 0..20 {
        let world = Arc::clone(&world);
        let verdict = if n % 2 == 0 { Verdict::Approved } else { Verdict::Denied };
        deciding.spawn(async move {
            world.says(id, asked.id, &format!("org-token:{n}"), verdict).await
        });
    }
    let (won, lost): (Vec<_>, Vec<_>) =
        deciding.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
    assert!(lost.iter().all(|result| closed(result.as_ref().unwrap_err())));
    assert_eq!(Some(&world.request(id, asked.id).await.status), won[0].as_ref().ok());
    assert_eq!(world.kinds(id).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn where_two_must_approve_one_is_not_enough() {
    let world = Arc::new(world_by(Arc::default(), two_persons()).await);
    let id = world.online().await;
    let asked = world.asks(id).await.unwrap();
    assert_eq!(asked.required, 2, "a request cannot ask for fewer than the rules say");
    let first = world.says(id, asked.id, "session", Verdict::Approved).await.unwrap();
    assert_eq!(first, Status::Pending);
    let again = world.says(id, asked.id, "session", Verdict::Approved).await.unwrap_err();
    assert!(matches!(again, DecideError::NotDecided(NotDecided::ApprovedAlready)), "{again:?}");
    let mut deciding = tokio::task::JoinSet::new();
    for n in 0..20 {
        let world = Arc::clone(&world);
        let who = format!("org-token:{n}");
        deciding.spawn(async move { world.says(id, asked.id, &who, Verdict::Approved).await });
    }
    let ends = deciding.join_all().await;
    assert_eq!(ends.iter().filter(|end| matches!(end, Ok(Status::Approved))).count(), 1);
    let approved = world.request(id, asked.id).await;
    assert_eq!((approved.status, approved.approvals), (Status::Approved, 2));
    assert_eq!(approved.decisions.len(), 2);
    let recorded = "APPROVAL_DECISION_RECORDED";
    let kinds = world.kinds(id).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == recorded).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_parent_hears_of_it_and_only_so_many_may_wait() {
    let world = world().await;
    let parent = world.online().await;
    let child = WorkspaceId::random();
    let mut new = new_workspace(child);
    new.parent_id = Some(parent);
    world.directory.create(new).await.unwrap();
    for _ in 0..MAX_PENDING {
        world.asks(child).await.unwrap();
    }
    let full = world.asks(child).await;
    assert!(matches!(full, Err(RuntimeError::Full(_))), "{full:?}");
    assert_eq!(world.kinds(parent).await.len(), MAX_PENDING as usize, "nothing of the refused one");
    world.asks(parent).await.unwrap();
    // What has expired makes room.
    tokio::time::sleep(LIFETIME + SECOND).await;
    world.asks(child).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_removed_workspace_waits_for_nothing() {
    let world = world().await;
    let id = world.online().await;
    let asked = world.asks(id).await.unwrap();
    world.directory.remove(id, Default::default()).await.unwrap();
    let end = world.request(id, asked.id).await;
    assert_eq!((end.status, end.decided_by.as_deref()), (Status::Denied, Some(WITHDRAWN)));
    let late = world.says(id, asked.id, "session", Verdict::Approved).await.unwrap_err();
    assert!(closed(&late), "{late:?}");
    assert!(matches!(world.asks(id).await, Err(RuntimeError::Removed)));
}
