//! Mailboxes in memory, by the rules of the port.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::message::{MAX_ATTEMPTS, Message, NewMessage, State, Verdict};
use isomer_actors::ports::*;
use uuid::Uuid;

use super::{FakeStore, takes_one, unavailable};

/// A message and what only the store knows of it.
#[derive(Clone)]
pub struct Row {
    message: Message,
    not_before: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    collected: bool,
}

impl FakeStore {
    pub fn mail(&self) -> Vec<Message> {
        self.messages.lock().iter().map(|row| row.message.clone()).collect()
    }
    pub fn transactions(&self) -> usize {
        self.ledgers.load(Ordering::SeqCst)
    }
}

fn post(rows: &mut Vec<Row>, new: &NewMessage) -> Posted {
    let lives = |row: &&Row| {
        let kept = !row.message.state.is_terminal() || row.message.state == State::Delivered;
        let same = new.key.is_some() && row.message.new.key == new.key && kept;
        row.message.new.id == new.id || (row.message.new.to == new.to && same)
    };
    if let Some(row) = rows.iter().find(lives) {
        return Posted { id: row.message.new.id, state: row.message.state, new: false };
    }
    let message = Message {
        seq: rows.len() as i64 + 1,
        new: new.clone(),
        state: State::Queued,
        attempts: 0,
        updated_at: new.at,
        last_error: None,
        response: None,
        lease: None,
    };
    rows.push(Row { message, not_before: None, until: None, collected: false });
    Posted { id: new.id, state: State::Queued, new: true }
}

fn lease(rows: &mut [Row], lease: &Lease) -> Vec<Message> {
    let mut due: Vec<_> = rows
        .iter_mut()
        .filter(|row| {
            row.message.new.to == lease.to
                && row.message.state == State::Queued
                && row.message.new.expires_at > lease.at
                && row.not_before.is_none_or(|at| at <= lease.at)
                && row.message.seq > lease.after.unwrap_or(0)
        })
        .collect();
    let urgent = |row: &&mut Row| if lease.after.is_some() { 0 } else { -row.message.new.priority };
    due.sort_by_key(|row| (urgent(row), row.message.seq));
    due.truncate(lease.limit);
    due.into_iter()
        .map(|row| {
            row.message.state = State::Dispatched;
            row.message.attempts += 1;
            row.message.lease = Some(lease.id);
            row.until = Some(lease.until);
            row.not_before = None;
            row.collected = lease.after.is_some();
            row.message.clone()
        })
        .collect()
}

fn end(
    rows: &mut [Row],
    of: impl Fn(&Message) -> bool,
    verdict: &Verdict,
    at: DateTime<Utc>,
) -> Option<Message> {
    let row = rows.iter_mut().find(|row| of(&row.message) && !row.message.state.is_terminal())?;
    if !verdict.counts && row.message.state == State::Dispatched {
        row.message.attempts -= 1;
    }
    row.message.state = verdict.state;
    row.message.updated_at = at;
    row.message.response.clone_from(&verdict.response);
    if verdict.last_error.is_some() {
        row.message.last_error.clone_from(&verdict.last_error);
    }
    row.message.lease = None;
    row.until = None;
    row.not_before = verdict.not_before;
    Some(row.message.clone())
}

fn expire(rows: &mut [Row], now: DateTime<Utc>) -> Vec<Message> {
    let mut changed = Vec::new();
    for row in rows {
        let over = row.message.new.expires_at <= now;
        let reason = match row.message.state {
            State::Queued if over => "not delivered in time",
            State::Dispatched if row.until.is_some_and(|until| until <= now) => {
                "not acknowledged in time"
            }
            _ => continue,
        };
        if row.message.state == State::Dispatched && !row.collected {
            row.message.attempts -= 1;
        }
        row.message.state = match row.message.attempts {
            _ if over => State::Expired,
            MAX_ATTEMPTS.. if row.collected => State::Failed,
            _ => State::Queued,
        };
        row.message.last_error = Some(reason.to_owned());
        row.message.lease = None;
        row.until = None;
        changed.push(row.message.clone());
    }
    changed
}

fn take(rows: &mut Vec<Row>, step: &MessageStep) -> MessageOutcome {
    match step {
        MessageStep::Post(new) => MessageOutcome::Posted(Some(post(rows, new))),
        MessageStep::Lease(of) => MessageOutcome::Leased(lease(rows, of)),
        MessageStep::Renew { leases, until } => {
            let held = |row: &&mut Row| row.message.lease.is_some_and(|id| leases.contains(&id));
            rows.iter_mut().filter(held).for_each(|row| row.until = Some(*until));
            MessageOutcome::Renewed
        }
        MessageStep::Settle { id, lease, verdict, at } => {
            let of = |m: &Message| m.new.id == *id && m.lease == Some(*lease);
            MessageOutcome::Settled(end(rows, of, verdict, *at).map(Box::new))
        }
        MessageStep::End { id, to, verdict, at } => {
            let of = |m: &Message| m.new.id == *id && m.new.to == *to;
            MessageOutcome::Settled(end(rows, of, verdict, *at).map(Box::new))
        }
        MessageStep::Drop { .. } => MessageOutcome::Changed(Vec::new()),
        MessageStep::Expire { at, .. } => MessageOutcome::Changed(expire(rows, *at)),
        MessageStep::Forget { before, .. } => {
            let count = rows.len();
            rows.retain(|row| {
                !row.message.state.is_terminal() || row.message.updated_at >= *before
            });
            MessageOutcome::Forgotten((count - rows.len()) as u64)
        }
    }
}

#[async_trait]
impl MessageStore for FakeStore {
    async fn write_messages(
        &self,
        steps: &[MessageStep],
    ) -> Result<Vec<MessageOutcome>, StoreError> {
        // So that what comes meanwhile goes into the next transaction.
        tokio::task::yield_now().await;
        if self.away.load(Ordering::SeqCst) {
            return Err(unavailable("write messages"));
        }
        self.ledgers.fetch_add(1, Ordering::SeqCst);
        let outcomes = steps.iter().map(|step| take(&mut self.messages.lock(), step)).collect();
        if takes_one(&self.lost_answers) {
            let source = "lost".into();
            return Err(StoreError::Unknown { operation: "write messages", source });
        }
        Ok(outcomes)
    }
    async fn message(&self, id: Uuid) -> Result<Option<Message>, StoreError> {
        Ok(self.mail().into_iter().find(|message| message.new.id == id))
    }
    async fn message_by_key(&self, _: WorkspaceId, _: &str) -> Result<Option<Message>, StoreError> {
        Ok(None)
    }
    async fn messages(&self, _: &MessageQuery) -> Result<Vec<Message>, StoreError> {
        Ok(self.mail())
    }
    async fn mailboxes(
        &self,
        after: Option<WorkspaceId>,
        _: usize,
    ) -> Result<Vec<(WorkspaceId, u32)>, StoreError> {
        let mut counts = std::collections::BTreeMap::new();
        for message in self.mail() {
            *counts.entry(message.new.to).or_insert(0) += u32::from(!message.state.is_terminal());
        }
        Ok(counts.into_iter().filter(|(id, _)| after.is_none_or(|after| *id > after)).collect())
    }
}
