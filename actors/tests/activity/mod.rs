//! The log batcher: grouped, durable before it is acknowledged, lossless across restarts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use isomer_actors::activity::{Activity, Keeping, RecordError};
use isomer_actors::domain::activity::{Effects, Entry};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::live::{Audience, Next};
use isomer_actors::ports::Refusal;
use tokio::sync::Semaphore;

use super::{SECOND, World, new_workspace, world, world_keeping};

struct Log {
    world: World,
    activity: Activity,
    id: WorkspaceId,
}

async fn log() -> Log {
    let world = world().await;
    let id = WorkspaceId::random();
    world.directory.create(new_workspace(id)).await.unwrap();
    let activity = world.tree.activity();
    Log { world, activity, id }
}

impl Log {
    fn entry(&self, summary: &str) -> Entry {
        Entry { summary: Some(summary.to_owned()), ..Entry::new(self.id, "agent_log") }
    }

    /// Appends wait until as many are let through.
    fn gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.world.store.activity.gate.lock() = Some(Arc::clone(&gate));
        gate
    }

    fn summaries(&self) -> Vec<String> {
        self.world.store.activity.summaries()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(SECOND * 60, waiting).await;
        waited.unwrap_or_else(|_| panic!("never: {what}"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_transaction_runs_shares_the_next() {
    let log = log().await;
    let gate = log.gate();
    log.activity.log(log.entry("first"));
    log.until("first append", |log| log.world.store.activity.batches() == [1]).await;
    let mut recording = tokio::task::JoinSet::new();
    for n in 0..600 {
        let (activity, entry) = (log.activity.clone(), log.entry(&n.to_string()));
        recording.spawn(async move { activity.record(entry).await });
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.summaries(), [""; 0], "nobody is told before it is stored");
    gate.add_permits(3);
    assert!(recording.join_all().await.into_iter().all(|result| result.is_ok()));
    assert_eq!(log.world.store.activity.batches(), [1, 512, 88]);
    assert_eq!(log.summaries().len(), 601);
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_what_was_logged_and_not_for_ever() {
    let log = log().await;
    let gate = log.gate();
    assert!(log.activity.settle().await, "nothing to wait for");
    log.activity.log(log.entry("one"));
    let began = tokio::time::Instant::now();
    assert!(!log.activity.settle().await, "the store does not answer");
    assert!(began.elapsed() <= SECOND * 2);
    gate.add_permits(1);
    assert!(log.activity.settle().await);
    assert_eq!(log.summaries(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_what_nobody_waits_for() {
    let log = log().await;
    log.world.store.away(true);
    log.activity.log(log.entry("one"));
    let refused = log.activity.record(log.entry("lost")).await;
    assert_eq!(refused, Err(RecordError::Unavailable));
    let began = tokio::time::Instant::now();
    assert!(!log.activity.settle().await);
    assert_eq!(began.elapsed(), Duration::ZERO, "readers do not wait for a store that is away");
    log.activity.log(log.entry("two"));
    tokio::time::sleep(SECOND * 60).await;
    let tries = log.world.store.activity.batches().len();
    assert!(tries < 20, "{tries} tries in a minute");
    log.world.store.away(false);
    log.until("rows", |log| log.summaries() == ["one", "two"]).await;

    // A caller who waits finds out that the store is back, and takes the others along.
    log.world.store.away(true);
    log.activity.log(log.entry("three"));
    log.until("failures", |log| log.world.store.activity.batches().len() > tries + 4).await;
    log.world.store.away(false);
    log.activity.record(log.entry("four")).await.unwrap();
    log.activity.log(log.entry("five"));
    assert!(log.activity.settle().await, "no retry is waited for once it is back");
    assert_eq!(log.summaries(), ["one", "two", "three", "four", "five"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_row_suffers_alone() {
    let log = log().await;
    *log.world.store.activity.poison.lock() = Some("error");
    let gate = log.gate();
    log.activity.log(log.entry("first"));
    log.until("first append", |log| log.world.store.activity.batches() == [1]).await;
    let stranger = Entry::new(WorkspaceId::random(), "agent_log");
    let poison = Entry { kind: "error".to_owned(), ..log.entry("poison") };
    log.activity.log(Entry { kind: "error".to_owned(), ..log.entry("poison") });
    let recording = [log.entry("good"), stranger, poison, log.entry("better")].map(|entry| {
        let activity = log.activity.clone();
        tokio::spawn(async move { activity.record(entry).await.map(|_| ()) })
    });
    // All of them are in the queue before the first transaction ends.
    tokio::time::sleep(SECOND).await;
    gate.add_permits(100);
    let mut results = Vec::new();
    for result in recording {
        results.push(result.await.unwrap());
    }
    let refused = |refusal| Err(RecordError::Refused(refusal));
    let poisoned = refused(Refusal::Constraint("poison".to_owned()));
    assert_eq!(results, [Ok(()), refused(Refusal::WorkspaceUnknown), poisoned, Ok(())]);
    assert_eq!(log.summaries(), ["first", "good", "better"]);
    assert!(log.activity.settle().await, "the bad ones hold nothing up");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_turns_away_and_blocks_nobody() {
    let log = log().await;
    let gate = log.gate();
    for n in 0..10_050 {
        log.activity.log(log.entry(&n.to_string()));
    }
    assert_eq!(log.activity.record(log.entry("x")).await, Err(RecordError::Overloaded));
    gate.add_permits(100);
    assert!(log.activity.settle().await);
    let summaries = log.summaries();
    assert_eq!((summaries.len(), summaries[9_999].as_str()), (10_000, "9999"));
    log.activity.record(log.entry("room again")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn long_rows_fill_the_queue_by_their_bytes() {
    let log = log().await;
    let gate = log.gate();
    let body = isomer_actors::domain::activity::Body::of(&"x".repeat(60_000).into());
    let long = |n: usize| Entry {
        request_body: Some(body.clone()),
        response_body: Some(body.clone()),
        ..log.entry(&n.to_string())
    };
    for n in 0..2_000 {
        log.activity.log(long(n));
    }
    gate.add_permits(1_000);
    log.until("everything", |log| log.summaries().len() >= 500).await;
    assert!(log.activity.settle().await);
    let kept = log.summaries().len();
    assert!((500..600).contains(&kept), "64 MiB of rows of 120 kB: {kept}");
    assert!(log.world.store.activity.batches().iter().all(|rows| *rows <= 35));
}

#[tokio::test(start_paused = true)]
async fn a_restart_loses_and_doubles_nothing() {
    let log = log().await;
    let store = &log.world.store.activity;
    store.panics.store(2, Ordering::SeqCst);
    log.activity.log(log.entry("one"));
    let id = log.activity.record(log.entry("two")).await.unwrap();
    assert_eq!(log.summaries(), ["one", "two"]);
    assert_eq!(store.rows()[1].id, id);
    let report = log.world.directory.report().await;
    let batcher = report.children.iter().find(|child| child.child == "activity").unwrap();
    assert_eq!(batcher.restarts, 2);

    // The store took it and did not say so.
    store.lost_answers.store(1, Ordering::SeqCst);
    let unknown = log.activity.record(log.entry("three")).await;
    assert_eq!(unknown, Err(RecordError::Unknown));
    store.lost_answers.store(1, Ordering::SeqCst);
    log.activity.log(log.entry("four"));
    tokio::time::sleep(SECOND).await;
    assert!(log.activity.settle().await);
    assert_eq!(log.summaries(), ["one", "two", "three", "four"]);
}

#[tokio::test(start_paused = true)]
async fn subscribers_are_told_after_the_commit_and_not_of_everything() {
    let log = log().await;
    let mut subscription =
        log.world.tree.live().subscribe(Audience::Only(log.id), None).await.unwrap();
    let quiet = Effects { quiet: true, ..Effects::default() };
    log.activity.log(Entry { effects: quiet, ..log.entry("quiet") });
    log.activity.log(Entry { kind: "delegation".to_owned(), ..log.entry("delegation") });
    log.activity.log(log.entry("told"));
    let Next::Frames(frames) = subscription.next().await else { panic!("no frames") };
    let texts: Vec<String> =
        frames.iter().map(|f| String::from_utf8(f.envelope().to_vec()).unwrap()).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains(r#""event":"ACTIVITY_LOGGED""#) && texts[0].contains("told"));
    assert_eq!(log.summaries(), ["quiet", "delegation", "told"], "stored before it was told");
}

#[tokio::test(start_paused = true)]
async fn who_sends_much_is_written_once_a_second() {
    let log = log().await;
    let outbound = Effects { outbound: true, ..Effects::default() };
    for _ in 0..50 {
        let source = Some(log.id.0);
        log.activity.record(Entry { effects: outbound, source, ..log.entry("x") }).await.unwrap();
    }
    assert!(log.world.store.activity.sent().is_empty());
    tokio::time::sleep(SECOND * 2).await;
    let last = log.world.store.activity.rows().last().unwrap().at;
    assert_eq!(log.world.store.activity.sent().get(&log.id), Some(&last));
}

#[tokio::test(start_paused = true)]
async fn the_end_writes_what_is_left() {
    let log = log().await;
    let outbound = Effects { outbound: true, ..Effects::default() };
    log.activity.log(Entry { effects: outbound, source: Some(log.id.0), ..log.entry("last") });
    let (store, id) = (Arc::clone(&log.world.store), log.id);
    log.world.tree.stop().await;
    assert_eq!(store.activity.summaries(), ["last"]);
    assert!(store.activity.sent().contains_key(&id));
}

#[tokio::test(start_paused = true)]
async fn the_janitor_makes_room_at_once_and_expires_after_the_first_interval() {
    let keeping = Keeping { retention: SECOND * 60 * 60, every: SECOND * 60 };
    let world = world_keeping(Arc::default(), keeping).await;
    let store = &world.store.activity;
    store.old.store(3, Ordering::SeqCst);
    tokio::time::sleep(SECOND * 59).await;
    assert_eq!((store.prepared().len(), store.expired().len()), (1, 0));
    tokio::time::sleep(SECOND * 2).await;
    let expired = store.expired();
    assert_eq!(expired.len(), 4, "piece by piece, until there is no more");
    let began = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    assert_eq!((began - expired[0]).num_minutes(), 59);
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(store.expired().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn who_logs_faster_than_the_store_writes_is_slowed_down() {
    let log = log().await;
    let gate = log.gate();
    for n in 0..5_000 {
        log.activity.log(log.entry(&n.to_string()));
        // There is room.
        log.activity.keep_pace().await;
    }
    log.activity.log(log.entry("one more"));
    log.activity.log(log.entry("and one"));
    let began = tokio::time::Instant::now();
    let opening = async {
        tokio::time::sleep(SECOND).await;
        gate.add_permits(1_000);
    };
    tokio::join!(log.activity.keep_pace(), opening);
    assert!(began.elapsed() >= SECOND, "it waited for the store");
    assert_eq!(log.summaries().len(), 5_002, "nothing was dropped");
}
