//! What key custody counts.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Counters and gauges; see docs/architecture/secrets-key-custody.md.
#[derive(Clone, Debug)]
pub struct KeyMetrics {
    /// By operation and outcome.
    pub kms_calls: IntCounterVec,
    pub kms_seconds: Histogram,
    /// 0 closed, 1 half open, 2 open.
    pub breaker: IntGauge,
    /// By result: hit, miss, stale.
    pub seeds: IntCounterVec,
    pub seeds_held: IntGauge,
    /// Values that were read in clear.
    pub plain_reads: IntCounter,
    /// Values that did not open, by cause.
    pub refusals: IntCounterVec,
}

impl KeyMetrics {
    /// Returns the metrics, registered with `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let vector = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let kms_seconds = Histogram::with_opts(
            HistogramOpts::new("isomer_kms_call_seconds", "Time of one attempt at KMS")
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]),
        )?;
        registry.register(Box::new(kms_seconds.clone()))?;
        let plain_reads = IntCounter::new(
            "isomer_secrets_plaintext_reads_total",
            "Secrets that were stored and read in clear (format 0)",
        )?;
        registry.register(Box::new(plain_reads.clone()))?;
        Ok(Self {
            kms_calls: vector(
                "isomer_kms_calls_total",
                "Attempts at KMS, by operation and outcome",
                &["operation", "outcome"],
            )?,
            kms_seconds,
            breaker: gauge("isomer_kms_breaker", "0 closed, 1 half open, 2 open")?,
            seeds: vector(
                "isomer_seed_cache_total",
                "Seeds asked for: hit, miss, or stale during an outage",
                &["result"],
            )?,
            seeds_held: gauge("isomer_seed_cache_held", "Seeds in memory")?,
            plain_reads,
            refusals: vector(
                "isomer_secret_refusals_total",
                "Secrets that did not open, by cause",
                &["cause"],
            )?,
        })
    }
}
