//! Requests for approval in memory, by the rules of the stores.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::approval::*;
use isomer_actors::domain::change::{Change, Effect};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::*;
use uuid::Uuid;

use super::FakeStore;

pub type Requests = HashMap<Uuid, Approval>;

/// Returns why the store would not write a change.
pub fn refusal(requests: &Requests, change: &Change) -> Option<Refusal> {
    let waiting = |id: &Uuid| requests.get(id).filter(|r| r.status == Status::Pending);
    let own = |r: &&Approval| r.workspace == change.after.id && r.status == Status::Pending;
    let fits = |effect: &Effect| match effect {
        Effect::RequestApproval(_) => {
            let pending = requests.values().filter(own).filter(|r| r.expires_at > change.at);
            (pending.count() < MAX_PENDING as usize).then_some(()).ok_or(Refusal::Full("pending"))
        }
        Effect::DecideApproval(ballot) => waiting(&ballot.approval)
            .filter(|r| r.approvals == ballot.expect && r.expires_at > change.at)
            .map(|_| ())
            .ok_or(Refusal::Superseded),
        Effect::ExpireApproval(id) => {
            waiting(id).filter(|r| r.expires_at <= change.at).map(|_| ()).ok_or(Refusal::Superseded)
        }
        _ => Ok(()),
    };
    change.effects.iter().find_map(|effect| fits(effect).err())
}

pub fn apply(requests: &mut Requests, change: &Change, effect: &Effect) {
    match effect {
        Effect::RequestApproval(new) => {
            requests.insert(new.id, stored(new, change));
        }
        Effect::DecideApproval(ballot) => {
            let request = requests.get_mut(&ballot.approval).unwrap();
            request.approvals = ballot.ruling.approvals;
            request.decisions.push(Decision {
                identity: ballot.identity.clone(),
                verdict: ballot.verdict,
                decided_by: ballot.decided_by.clone(),
                decided_at: change.at,
            });
            if ballot.ruling.status != Status::Pending {
                close(request, ballot.ruling.status, &ballot.decided_by, change.at);
                request.decided_by_identity = Some(ballot.identity.clone());
            }
        }
        Effect::ExpireApproval(id) => {
            close(requests.get_mut(id).unwrap(), Status::Denied, EXPIRED, change.at);
        }
        Effect::WithdrawApprovals => {
            for request in requests.values_mut().filter(|r| r.workspace == change.after.id) {
                if request.status == Status::Pending {
                    close(request, Status::Denied, WITHDRAWN, change.at);
                }
            }
        }
        _ => {}
    }
}

fn stored(new: &NewApproval, change: &Change) -> Approval {
    Approval {
        id: new.id,
        workspace: change.after.id,
        task_id: Some(new.task_id.clone()),
        action: new.action.clone(),
        reason: Some(new.reason.clone()),
        context: new.context.clone(),
        status: Status::Pending,
        decided_by: None,
        decided_by_identity: None,
        decided_at: None,
        created_at: change.at,
        expires_at: change.at + new.lifetime,
        required: new.required,
        approvals: 0,
        requested_by: new.requested_by.clone(),
        decisions: Vec::new(),
    }
}

fn close(request: &mut Approval, status: Status, by: &str, at: DateTime<Utc>) {
    request.status = status;
    request.decided_by = Some(by.to_owned());
    request.decided_at = Some(at);
}

#[async_trait]
impl ApprovalStore for FakeStore {
    async fn approval(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
    ) -> Result<Option<Approval>, StoreError> {
        self.reached("read an approval")?;
        let found = self.rows.lock().approvals.get(&id).cloned();
        Ok(found.filter(|request| request.workspace == workspace))
    }
    async fn approvals(&self, _: &ApprovalQuery) -> Result<Vec<NamedApproval>, StoreError> {
        Ok(Vec::new())
    }
    async fn due_approvals(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<DueApproval>, StoreError> {
        self.reached("read due approvals")?;
        if self.hidden.load(std::sync::atomic::Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        let rows = self.rows.lock();
        let due = rows.approvals.values();
        let due = due.filter(|r| r.status == Status::Pending && r.expires_at <= now);
        Ok(due.take(limit).map(|r| DueApproval { id: r.id, workspace: r.workspace }).collect())
    }
    async fn approvals_waiting(&self) -> Result<Waiting, StoreError> {
        self.reached("count approvals")?;
        let rows = self.rows.lock();
        let pending: Vec<_> =
            rows.approvals.values().filter(|r| r.status == Status::Pending).collect();
        let next = pending.iter().map(|r| r.expires_at).min();
        Ok(Waiting { pending: pending.len() as u64, next })
    }
}
