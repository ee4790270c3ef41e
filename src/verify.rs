//! `isomer verify`: recomputes every chain, and that folding the events gives the table.

use std::collections::HashMap;
use std::io::Write;

use isomer_actors::domain::chain;
use isomer_actors::domain::change::Head;
use isomer_actors::domain::event::Recorded;
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::domain::record::{Delta, Folded};
use isomer_actors::ports::{EventQuery, ListQuery, Store, StoreError, WorkspaceView};

/// Events read at once.
const PAGE: usize = 2_000;
/// Rows compared at once.
const ROWS: usize = 1_000;

/// Why verification did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    #[error("the report could not be written")]
    Write(#[from] std::io::Error),
}

/// The first row that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("event {seq} of workspace {workspace}: {what}")]
    Event { seq: Seq, workspace: WorkspaceId, what: String },
    #[error("workspace {workspace}: {what}")]
    Row { workspace: WorkspaceId, what: String },
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    pub events: usize,
    pub workspaces: usize,
}

struct Life {
    folded: Folded,
    head: Head,
}

/// Verifies everything and writes one line about it; returns whether all fits. Run it on a
/// server at rest or on a copy: rows that change meanwhile look like misfits.
///
/// # Errors
/// When the store cannot be read or the line cannot be written.
pub async fn run(store: &dyn Store, out: &mut impl Write) -> Result<bool, VerifyError> {
    match verify(store).await? {
        Ok(Verified { events, workspaces }) => {
            writeln!(out, "ok: {events} events, {workspaces} workspaces")?;
            Ok(true)
        }
        Err(misfit) => {
            writeln!(out, "does not fit: {misfit}")?;
            Ok(false)
        }
    }
}

/// Verifies everything.
///
/// # Errors
/// When the store cannot be read.
pub async fn verify(store: &dyn Store) -> Result<Result<Verified, Misfit>, StoreError> {
    let mut lives: HashMap<WorkspaceId, Life> = HashMap::new();
    let mut events = 0;
    loop {
        let after_seq = Some(events as Seq);
        let query = EventQuery { after_seq, ascending: true, limit: PAGE, ..EventQuery::default() };
        let page = store.events(&query).await?;
        for recorded in &page {
            events += 1;
            if let Err(misfit) = follow(&mut lives, recorded, events as Seq) {
                return Ok(Err(misfit));
            }
        }
        if page.len() < PAGE {
            break;
        }
    }
    let workspaces = lives.values().filter(|life| !life.folded.purged).count();
    Ok(compare(store, lives).await?.map(|()| Verified { events, workspaces }))
}

/// Checks one event against its predecessor and folds it.
fn follow(
    lives: &mut HashMap<WorkspaceId, Life>,
    recorded: &Recorded,
    expected: Seq,
) -> Result<(), Misfit> {
    let (seq, event) = (recorded.seq, &recorded.event);
    let misfit = |what: String| Misfit::Event { seq, workspace: event.workspace, what };
    if seq != expected {
        return Err(misfit(format!("its sequence should be {expected}")));
    }
    let life = lives
        .entry(event.workspace)
        .or_insert_with(|| Life { folded: Folded::blank(event.workspace), head: Head::GENESIS });
    if event.version != life.head.version + 1 {
        return Err(misfit(format!("its version should be {}", life.head.version + 1)));
    }
    if event.prev_hash != life.head.hash {
        return Err(misfit("it does not follow the event before it".to_owned()));
    }
    if event.hash != chain::hash(event) {
        return Err(misfit("its content is not what was hashed".to_owned()));
    }
    life.head = Head { version: event.version, hash: event.hash };
    life.folded.apply(&event.change);
    Ok(())
}

/// Compares what the events say with the rows, both ways.
async fn compare(
    store: &dyn Store,
    mut lives: HashMap<WorkspaceId, Life>,
) -> Result<Result<(), Misfit>, StoreError> {
    let mut after = None;
    loop {
        let page = store.index(after, ROWS).await?;
        let ids: Vec<_> = page.iter().map(|row| row.id).collect();
        let query = ListQuery { ids: Some(ids.clone()), removed: true };
        for view in store.list(&query).await? {
            let head = store.load(view.record.id).await?.head;
            let life = lives.remove(&view.record.id);
            if let Err(misfit) = fits(&view, head, life) {
                return Ok(Err(misfit));
            }
        }
        match ids.last() {
            Some(last) if ids.len() == ROWS => after = Some(*last),
            _ => break,
        }
    }
    let orphan = lives.into_iter().find(|(_, life)| !life.folded.purged);
    Ok(match orphan {
        Some((workspace, _)) => {
            Err(Misfit::Row { workspace, what: "it has events and no row".to_owned() })
        }
        None => Ok(()),
    })
}

fn fits(view: &WorkspaceView, head: Head, life: Option<Life>) -> Result<(), Misfit> {
    let workspace = view.record.id;
    let misfit = |what: String| Misfit::Row { workspace, what };
    let Some(life) = life.filter(|life| !life.folded.purged) else {
        return Err(misfit("it has a row and no events".to_owned()));
    };
    let difference = Delta::between(&life.folded.record, &view.record);
    let columns = serde_json::to_value(&difference).ok();
    let columns = columns.as_ref().and_then(|value| value.as_object());
    if let Some(column) = columns.and_then(|map| map.keys().next()) {
        return Err(misfit(format!("column {column} is not what its events say")));
    }
    let card = |card: &Option<serde_json::Value>| card.as_ref().map(chain::canonical);
    if card(&life.folded.card) != card(&view.agent_card) {
        return Err(misfit("column agent_card is not what its events say".to_owned()));
    }
    if life.head != head {
        return Err(misfit(format!("its chain ends at version {}", life.head.version)));
    }
    Ok(())
}
