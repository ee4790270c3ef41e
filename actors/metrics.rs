//! What the runtime counts, for `/metrics`. All names begin with `isomer_`.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    exponential_buckets,
};

/// Counters and histograms of the tree.
#[derive(Debug)]
pub struct Metrics {
    pub beats: IntCounter,
    pub events_recorded: IntCounter,
    pub journal_batch: Histogram,
    pub journal_commit: Histogram,
    pub snapshot_batch: Histogram,
    pub snapshot_flush: Histogram,
    pub snapshot_failures: IntCounter,
    pub mirror_batch: Histogram,
    pub mirror_failures: IntCounter,
    pub notices: IntCounter,
    /// Seconds between a deadline and the commit of `offline`.
    pub expiry_lag: Histogram,
    pub sweep: Histogram,
    pub live_cut: IntCounter,
    pub live_dropped: IntCounter,
    pub restarts: IntCounter,
    pub quarantines: IntCounter,
    pub resident: IntGauge,
    pub overloaded: IntCounter,
    pub ledger_batch: Histogram,
    pub ledger_commit: Histogram,
    pub messages_posted: IntCounter,
    /// By terminal state.
    pub messages_ended: IntCounterVec,
    pub approvals_pending: IntGauge,
    pub activity_batch: Histogram,
    pub activity_commit: Histogram,
    /// Commits that failed; their rows wait for the next.
    pub activity_failures: IntCounter,
    /// Rows that found the queue full.
    pub activity_dropped: IntCounter,
    /// Rows that the store will not keep, such as those of unknown workspaces.
    pub activity_refused: IntCounter,
}

impl Metrics {
    /// Returns the metrics, registered with `registry`.
    ///
    /// # Errors
    /// When a name is taken, which means it was registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let histogram = |name: &str, help: &str, first: f64, count: usize| {
            let buckets = exponential_buckets(first, 4.0, count)?;
            let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let ended = Opts::new("isomer_messages_ended_total", "Messages that came to their end");
        let messages_ended = IntCounterVec::new(ended, &["state"])?;
        registry.register(Box::new(messages_ended.clone()))?;
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            beats: counter("isomer_heartbeats_total", "Heartbeats accepted")?,
            events_recorded: counter("isomer_events_recorded_total", "Events recorded")?,
            journal_batch: histogram(
                "isomer_journal_batch_groups",
                "Groups of changes in one transaction",
                1.0,
                6,
            )?,
            journal_commit: histogram(
                "isomer_journal_commit_seconds",
                "Time of a transaction",
                0.000_5,
                8,
            )?,
            snapshot_batch: histogram(
                "isomer_snapshot_batch_rows",
                "Heartbeat rows written at once",
                1.0,
                10,
            )?,
            snapshot_flush: histogram(
                "isomer_snapshot_flush_seconds",
                "Time of a flush of heartbeat rows",
                0.000_5,
                8,
            )?,
            snapshot_failures: counter(
                "isomer_snapshot_failures_total",
                "Flushes that failed and are repeated",
            )?,
            mirror_batch: histogram(
                "isomer_mirror_batch_keys",
                "Liveness keys mirrored at once",
                1.0,
                10,
            )?,
            mirror_failures: counter("isomer_mirror_failures_total", "Mirror writes that failed")?,
            notices: counter("isomer_expiry_notices_total", "Expiry notices received")?,
            expiry_lag: histogram(
                "isomer_expiry_lag_seconds",
                "From the end of patience to the recorded offline",
                0.01,
                7,
            )?,
            sweep: histogram("isomer_sweep_seconds", "Time of a sweep", 0.000_01, 9)?,
            live_cut: counter("isomer_live_cut_total", "Subscribers cut off for being slow")?,
            live_dropped: counter(
                "isomer_live_dropped_total",
                "Live-only frames dropped because a hub shard was behind",
            )?,
            restarts: counter("isomer_restarts_total", "Actors restarted")?,
            quarantines: counter("isomer_quarantines_total", "Workspaces quarantined")?,
            resident: gauge("isomer_workspace_actors", "Workspace actors running")?,
            overloaded: counter("isomer_overloaded_total", "Calls turned away at the door")?,
            ledger_batch: histogram(
                "isomer_ledger_batch_steps",
                "Steps of mailboxes in one transaction",
                1.0,
                6,
            )?,
            ledger_commit: histogram(
                "isomer_ledger_commit_seconds",
                "Time of a transaction of mailboxes",
                0.000_5,
                8,
            )?,
            messages_posted: counter("isomer_messages_posted_total", "Messages kept")?,
            messages_ended,
            approvals_pending: gauge(
                "isomer_approvals_pending",
                "Requests for approval that nobody has decided yet",
            )?,
            activity_batch: histogram(
                "isomer_activity_batch_rows",
                "Rows of the activity log in one transaction",
                1.0,
                6,
            )?,
            activity_commit: histogram(
                "isomer_activity_commit_seconds",
                "Time of a transaction of the activity log",
                0.000_5,
                8,
            )?,
            activity_failures: counter(
                "isomer_activity_failures_total",
                "Transactions of the activity log that failed and are repeated",
            )?,
            activity_dropped: counter(
                "isomer_activity_dropped_total",
                "Rows of the activity log dropped because too many waited",
            )?,
            activity_refused: counter(
                "isomer_activity_refused_total",
                "Rows of the activity log that the store will not keep",
            )?,
        })
    }
}
