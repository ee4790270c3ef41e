//! Requests for approval: written as effects, compared inside the transaction.

use std::sync::Arc;

use chrono::TimeDelta;
use isomer_actors::domain::approval::{
    Approval, Ballot, EXPIRED, MAX_PENDING, NewApproval, Ruling, Status, Verdict, WITHDRAWN,
};
use isomer_actors::domain::change::{Change, Draft, Effect, Head};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Record;
use isomer_actors::ports::{
    ApprovalQuery, DueApproval, Outcome, Refusal, Store, StoreError, Waiting,
};
use serde_json::json;
use uuid::Uuid;

use super::suite::{at, create};

type Any = Arc<dyn Store>;

/// A workspace as it was last written.
struct One {
    record: Record,
    head: Head,
}

impl One {
    async fn new(store: &Any, name: &str) -> Self {
        let (record, head) = create(store, name).await;
        Self { record, head }
    }

    /// Commits an effect with an event, as at a second.
    async fn try_commit(&mut self, store: &Any, second: i64, effect: Effect) -> Option<Refusal> {
        let draft = Draft::new("APPROVAL_REQUESTED", json!({}));
        let record = self.record.clone();
        let change =
            Change::new(Some(&self.record), record, self.head, None, vec![draft], at(second))
                .with(effect);
        let head = change.head();
        match store.commit(&[vec![change]]).await {
            Ok(outcomes) => {
                assert!(matches!(outcomes[0], Outcome::Committed { .. }), "{outcomes:?}");
                self.head = head;
                None
            }
            Err(StoreError::Refused { refusal, .. }) => Some(refusal),
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn commit(&mut self, store: &Any, second: i64, effect: Effect) {
        assert_eq!(self.try_commit(store, second, effect).await, None);
    }

    async fn asks(&mut self, store: &Any, second: i64, required: u32) -> Uuid {
        let new = new(required);
        let id = new.id;
        self.commit(store, second, Effect::RequestApproval(Box::new(new))).await;
        id
    }

    async fn read(&self, store: &Any, id: Uuid) -> Approval {
        store.approval(self.record.id, id).await.unwrap().unwrap()
    }
}

fn new(required: u32) -> NewApproval {
    NewApproval {
        id: Uuid::new_v4(),
        task_id: String::new(),
        action: "it's \"quoted\" 🦀 100%".to_owned(),
        reason: "why\nnot".to_owned(),
        context: json!({"a": [1, 0.5, null], "ü": {"b": true}}),
        required,
        requested_by: "workspace-token:abc".to_owned(),
        lifetime: TimeDelta::seconds(600),
    }
}

fn ballot(id: Uuid, expect: u32, who: &str, verdict: Verdict, status: Status) -> Effect {
    let approvals = expect + u32::from(verdict == Verdict::Approved);
    Effect::DecideApproval(Box::new(Ballot {
        approval: id,
        expect,
        ruling: Ruling { status, approvals },
        verdict,
        identity: who.to_owned(),
        decided_by: format!("{who} says"),
    }))
}

fn query(second: i64) -> ApprovalQuery {
    ApprovalQuery { workspace: None, status: None, before: None, now: at(second), limit: 100 }
}

pub async fn requests_read_back_and_are_decided_once(store: Any) {
    let mut one = One::new(&store, "one").await;
    let id = one.asks(&store, 10, 2).await;
    let read = one.read(&store, id).await;
    let sent = new(2);
    assert_eq!((&read.action, &read.context), (&sent.action, &sent.context));
    assert_eq!((read.task_id.as_deref(), read.reason.as_deref()), (Some(""), Some("why\nnot")));
    assert_eq!((read.created_at, read.expires_at), (at(10), at(610)));
    assert_eq!((read.status, read.required, read.approvals), (Status::Pending, 2, 0));
    assert_eq!((&read.decided_by, read.decided_at), (&None, None));
    assert!(store.approval(WorkspaceId::random(), id).await.unwrap().is_none());

    let approve = |expect, who, status| ballot(id, expect, who, Verdict::Approved, status);
    one.commit(&store, 20, approve(0, "ada", Status::Pending)).await;
    let stale = approve(0, "bo", Status::Pending);
    assert_eq!(one.try_commit(&store, 21, stale).await, Some(Refusal::Superseded));
    // The same identity is never counted twice, even if nobody noticed before.
    let twice = one.try_commit(&store, 21, approve(1, "ada", Status::Approved)).await;
    assert!(matches!(twice, Some(Refusal::Constraint(_))), "{twice:?}");
    one.commit(&store, 22, approve(1, "bo", Status::Approved)).await;
    let late = ballot(id, 2, "cy", Verdict::Denied, Status::Denied);
    assert_eq!(one.try_commit(&store, 23, late).await, Some(Refusal::Superseded));
    let unknown = ballot(Uuid::new_v4(), 0, "cy", Verdict::Denied, Status::Denied);
    assert_eq!(one.try_commit(&store, 23, unknown).await, Some(Refusal::Superseded));

    let read = one.read(&store, id).await;
    assert_eq!((read.status, read.approvals, read.decided_at), (Status::Approved, 2, Some(at(22))));
    assert_eq!(read.decided_by.as_deref(), Some("bo says"));
    assert_eq!(read.decided_by_identity.as_deref(), Some("bo"));
    let who: Vec<_> = read.decisions.iter().map(|d| (d.identity.as_str(), d.decided_at)).collect();
    assert_eq!(who, [("ada", at(20)), ("bo", at(22))]);
}

pub async fn a_refused_decision_leaves_others_alone(store: Any) {
    let mut one = One::new(&store, "one").await;
    let (other, head) = create(&store, "other").await;
    let id = one.asks(&store, 1, 1).await;
    let change = |record: &Record, head, effect| {
        let draft = vec![Draft::new("APPROVAL_DENIED", json!({}))];
        Change::new(Some(record), record.clone(), head, None, draft, at(2)).with(effect)
    };
    let stale = ballot(id, 7, "ada", Verdict::Denied, Status::Denied);
    let groups = [
        vec![change(&other, head, Effect::DropLayout)],
        vec![change(&one.record, one.head, stale)],
    ];
    let before = store.last_seq().await.unwrap();
    let refused = store.commit(&groups).await;
    let Err(StoreError::Refused { refusal: Refusal::Superseded, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(store.last_seq().await.unwrap(), before, "nothing at all was written");
    assert_eq!(one.read(&store, id).await.status, Status::Pending);
}

pub async fn what_is_due_expires_and_only_that(store: Any) {
    let (mut one, mut other) = (One::new(&store, "one").await, One::new(&store, "two").await);
    assert_eq!(store.approvals_waiting().await.unwrap(), Waiting::default());
    let first = one.asks(&store, 0, 1).await;
    let second = other.asks(&store, 5, 1).await;
    let waiting = Waiting { pending: 2, next: Some(at(600)) };
    assert_eq!(store.approvals_waiting().await.unwrap(), waiting);
    assert!(store.due_approvals(at(599), 9).await.unwrap().is_empty());
    let due = |id, one: &One| DueApproval { id, workspace: one.record.id };
    assert_eq!(store.due_approvals(at(600), 9).await.unwrap(), [due(first, &one)]);
    let both = [due(first, &one), due(second, &other)];
    assert_eq!(store.due_approvals(at(700), 9).await.unwrap(), both);
    assert_eq!(store.due_approvals(at(700), 1).await.unwrap(), both[..1]);

    let early = one.try_commit(&store, 599, Effect::ExpireApproval(first)).await;
    assert_eq!(early, Some(Refusal::Superseded));
    let late = ballot(first, 0, "ada", Verdict::Approved, Status::Approved);
    assert_eq!(one.try_commit(&store, 600, late).await, Some(Refusal::Superseded));
    one.commit(&store, 601, Effect::ExpireApproval(first)).await;
    let read = one.read(&store, first).await;
    assert_eq!((read.status, read.decided_by.as_deref()), (Status::Denied, Some(EXPIRED)));
    assert_eq!((read.decided_at, read.decided_by_identity), (Some(at(601)), None));
    let again = one.try_commit(&store, 602, Effect::ExpireApproval(first)).await;
    assert_eq!(again, Some(Refusal::Superseded));

    other.commit(&store, 602, Effect::WithdrawApprovals).await;
    let read = other.read(&store, second).await;
    assert_eq!((read.status, read.decided_by.as_deref()), (Status::Denied, Some(WITHDRAWN)));
    assert_eq!(store.approvals_waiting().await.unwrap(), Waiting::default());
}

pub async fn only_so_many_wait_and_a_purge_takes_all(store: Any) {
    let mut one = One::new(&store, "one").await;
    for second in 0..i64::from(MAX_PENDING) {
        one.asks(&store, second, 1).await;
    }
    let more = Effect::RequestApproval(Box::new(new(1)));
    let full = one.try_commit(&store, 200, more.clone()).await;
    assert!(matches!(full, Some(Refusal::Full(_))), "{full:?}");
    // One whose time is over makes room, denied already or not.
    one.commit(&store, 600, more.clone()).await;
    assert!(matches!(one.try_commit(&store, 600, more).await, Some(Refusal::Full(_))));
    let mut other = One::new(&store, "other").await;
    let kept = other.asks(&store, 1, 1).await;
    let decided = other.asks(&store, 1, 1).await;
    let denial = ballot(decided, 0, "ada", Verdict::Denied, Status::Denied);
    other.commit(&store, 2, denial).await;
    one.commit(&store, 601, Effect::Purge).await;
    let left = store.approvals(&query(0)).await.unwrap();
    assert_eq!(left.len(), 2);
    assert!(left.iter().any(|named| named.approval.id == kept));
    other.commit(&store, 3, Effect::Purge).await;
    assert!(store.approvals(&query(0)).await.unwrap().is_empty());
}

pub async fn requests_are_listed_by_status_and_page(store: Any) {
    let (mut one, mut other) = (One::new(&store, "one").await, One::new(&store, "two").await);
    let mut ids = Vec::new();
    for second in 0..10 {
        let who = if second % 2 == 0 { &mut one } else { &mut other };
        // Two of them in one moment.
        ids.push(who.asks(&store, second / 2, 1).await);
    }
    one.commit(&store, 9, ballot(ids[8], 0, "ada", Verdict::Denied, Status::Denied)).await;
    let listed = async |query: ApprovalQuery| {
        let found = store.approvals(&query).await.unwrap();
        assert!(found.is_sorted_by(|a, b| {
            let key =
                |n: &isomer_actors::ports::NamedApproval| (n.approval.created_at, n.approval.id);
            key(a) > key(b)
        }));
        found
    };
    let all = listed(query(10)).await;
    assert_eq!(all.len(), 10);
    let denied = all.iter().find(|named| named.approval.id == ids[8]).unwrap();
    assert_eq!((denied.workspace_name.as_str(), denied.approval.decisions.len()), ("one", 1));
    let of = |status, second| ApprovalQuery { status: Some(status), ..query(second) };
    assert_eq!(listed(of(Status::Pending, 10)).await.len(), 9);
    assert_eq!(listed(of(Status::Denied, 10)).await.len(), 1);
    assert_eq!(listed(of(Status::Approved, 10)).await.len(), 0);
    // Those of the first second are over, written or not.
    assert_eq!(listed(of(Status::Pending, 600)).await.len(), 7);
    assert_eq!(listed(of(Status::Denied, 600)).await.len(), 3);
    let own = ApprovalQuery { workspace: Some(other.record.id), ..query(10) };
    assert_eq!(listed(own).await.len(), 5);

    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = listed(ApprovalQuery { before, limit: 3, ..query(10) }).await;
        let Some(last) = page.last() else { break };
        before = Some((last.approval.created_at, last.approval.id));
        paged.extend(page);
    }
    assert_eq!(paged, all);
}
