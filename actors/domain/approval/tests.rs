use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn second(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn requester() -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(1))
}

fn approval(required: u32) -> Approval {
    Approval {
        id: Uuid::from_u128(7),
        workspace: requester(),
        task_id: None,
        action: "deploy".to_owned(),
        reason: None,
        context: json!({}),
        status: Status::Pending,
        decided_by: None,
        decided_by_identity: None,
        decided_at: None,
        created_at: second(0),
        expires_at: second(600),
        required,
        approvals: 0,
        requested_by: "workspace-token:abc".to_owned(),
        decisions: Vec::new(),
    }
}

/// Does what a store does with a ruling.
fn write(approval: &mut Approval, by: &Decider, verdict: Verdict, ruling: Ruling, at: i64) {
    approval.status = ruling.status;
    approval.approvals = ruling.approvals;
    let decision = Decision {
        identity: by.identity(),
        verdict,
        decided_by: "somebody".to_owned(),
        decided_at: second(at),
    };
    approval.decisions.push(decision);
}

fn deciders() -> impl Strategy<Value = Decider> {
    prop_oneof![
        (0..4u8).prop_map(|n| Decider::Admin(format!("org-token:{n}"))),
        (1..5u128).prop_map(|n| Decider::Workspace(WorkspaceId(Uuid::from_u128(n)))),
        // A name cannot be told from a workspace's: still one identity.
        Just(Decider::Admin("workspace:00000000-0000-0000-0000-000000000002".to_owned())),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(Decider, bool, i64)>> {
    prop::collection::vec((deciders(), prop::bool::weighted(0.8), 0i64..700), 0..30)
}

proptest! {
    #[test]
    fn any_order_of_decisions_settles_it_once_and_by_enough(
        required in 1..=MAX_REQUIRED,
        mut steps in steps(),
    ) {
        steps.sort_by_key(|(_, _, at)| *at);
        let mut one = approval(required);
        let mut ended = 0;
        for (by, approve, at) in steps {
            let verdict = if approve { Verdict::Approved } else { Verdict::Denied };
            let before = one.clone();
            match one.rule(&by, verdict, second(at)) {
                Ok(ruling) => {
                    prop_assert_eq!(before.status, Status::Pending, "a closed one stays closed");
                    prop_assert!(at < 600, "nothing counts after its time");
                    prop_assert_ne!(by.identity(), Decider::Workspace(requester()).identity());
                    write(&mut one, &by, verdict, ruling, at);
                }
                Err(NotDecided::OwnRequest) => {
                    prop_assert_eq!(by, Decider::Workspace(requester()));
                }
                Err(NotDecided::Closed) => {
                    prop_assert!(before.status != Status::Pending || at >= 600);
                }
                Err(NotDecided::ApprovedAlready) => {
                    prop_assert!(required > 1 && verdict == Verdict::Approved);
                }
            }
            ended += u32::from(before.status == Status::Pending && one.status != Status::Pending);
        }
        prop_assert!(ended <= 1);
        let approved: Vec<_> = one
            .decisions
            .iter()
            .filter(|decision| decision.verdict == Verdict::Approved)
            .map(|decision| decision.identity.clone())
            .collect();
        let different: HashSet<_> = approved.iter().collect();
        prop_assert_eq!(different.len(), approved.len(), "nobody counts twice");
        prop_assert_eq!(one.approvals as usize, approved.len());
        prop_assert_eq!(one.status == Status::Approved, approved.len() >= required as usize);
        let denials = one.decisions.len() - approved.len();
        prop_assert_eq!(one.status == Status::Denied, denials == 1);
    }

    #[test]
    fn past_its_time_it_reads_as_denied_and_nothing_else_changes(at in 0i64..1_200) {
        let read = approval(1).at(second(at));
        if at < 600 {
            prop_assert_eq!(read, approval(1));
        } else {
            prop_assert_eq!(read.status, Status::Denied);
            prop_assert_eq!(read.decided_by.as_deref(), Some(EXPIRED));
            prop_assert_eq!(read.decided_at, Some(second(600)));
        }
        let approved = Approval { status: Status::Approved, ..approval(1) };
        prop_assert_eq!(approved.clone().at(second(at)), approved);
    }
}

#[test]
fn who_approved_may_still_deny() {
    let mut one = approval(2);
    let by = Decider::Admin("session".to_owned());
    let first = one.rule(&by, Verdict::Approved, second(1)).unwrap();
    assert_eq!(first, Ruling { status: Status::Pending, approvals: 1 });
    write(&mut one, &by, Verdict::Approved, first, 1);
    assert_eq!(one.rule(&by, Verdict::Approved, second(2)), Err(NotDecided::ApprovedAlready));
    let denied = one.rule(&by, Verdict::Denied, second(2)).unwrap();
    assert_eq!(denied, Ruling { status: Status::Denied, approvals: 1 });
}

#[test]
fn spellings_read_back() {
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
    }
    assert_eq!(Verdict::parse("approved"), Some(Verdict::Approved));
    assert_eq!(Verdict::parse("denied"), Some(Verdict::Denied));
    assert_eq!(Verdict::parse("pending"), None);
}
