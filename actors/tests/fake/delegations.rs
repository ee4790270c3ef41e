//! Delegations in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::change::{Change, Effect};
use isomer_actors::domain::delegation::{Delegation, Kind, Status, Step, Turn};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::State as MessageState;
use isomer_actors::ports::*;

use super::FakeStore;

fn is(row: &Delegation, change: &Change, id: &str) -> bool {
    row.source == change.after.id && row.delegation_id == id
}

/// Refuses what the store would refuse.
pub fn refusal(rows: &[Delegation], change: &Change) -> Option<Refusal> {
    let superseded = |effect: &Effect| match effect {
        Effect::Delegation(Step::Open(new)) => rows.iter().any(|row| {
            let same = row.key.is_some() && row.key == new.key && row.status != Status::Failed;
            is(row, change, &new.delegation_id) || (row.source == new.source && same)
        }),
        Effect::Delegation(Step::Turn { delegation_id, turn }) => !rows
            .iter()
            .any(|row| is(row, change, delegation_id) && turn.follows().contains(&row.status)),
        _ => false,
    };
    change.effects.iter().any(superseded).then_some(Refusal::Superseded)
}

/// Takes a step that is not refused.
pub fn apply(rows: &mut Vec<Delegation>, change: &Change, step: &Step) {
    match step {
        Step::Open(new) => rows.push((**new).clone()),
        Step::Turn { delegation_id, turn } => {
            let row = rows.iter_mut().find(|row| is(row, change, delegation_id)).unwrap();
            row.status = turn.status();
            row.was_queued |= *turn == Turn::Queued;
            row.result_at = Some(change.at);
            match turn {
                Turn::Completed { text } => row.result = Some(text.clone()),
                Turn::Failed { error } => row.error = Some(error.clone()),
                Turn::Dispatched | Turn::Queued => {}
            }
        }
    }
}

impl FakeStore {
    pub fn delegation_rows(&self) -> Vec<Delegation> {
        self.rows.lock().delegations.clone()
    }
}

#[async_trait]
impl DelegationStore for FakeStore {
    async fn delegation(
        &self,
        source: WorkspaceId,
        key: DelegationKey<'_>,
    ) -> Result<Option<Delegation>, StoreError> {
        let wanted = |d: &Delegation| match key {
            DelegationKey::Id(id) => d.delegation_id == id,
            DelegationKey::Idempotency(key) => d.key.as_deref() == Some(key),
        };
        let rows = self.delegation_rows();
        Ok(rows.into_iter().find(|d| d.source == source && wanted(d)))
    }
    async fn delegations(&self, _: WorkspaceId, _: usize) -> Result<Vec<Delegation>, StoreError> {
        Ok(self.delegation_rows())
    }
    async fn stuck_delegations(
        &self,
        before: DateTime<Utc>,
        _: usize,
    ) -> Result<Vec<Delegation>, StoreError> {
        let mail = self.mail();
        let stuck = |d: &Delegation| {
            let message = mail.iter().find(|message| message.new.id == d.id);
            d.kind == Kind::Delegated
                && !d.status.is_terminal()
                && d.result_at.unwrap_or(d.created_at) < before
                && message.is_none_or(|message| {
                    let waits = message.state == MessageState::Queued && d.status != Status::Queued;
                    waits || message.state.is_terminal()
                })
        };
        Ok(self.delegation_rows().into_iter().filter(stuck).collect())
    }
    async fn forget_delegations(&self, _: DateTime<Utc>, _: usize) -> Result<u64, StoreError> {
        Ok(0)
    }
}
