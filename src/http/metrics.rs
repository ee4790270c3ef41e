//! Request counters with the contract's names (08 §5).

use std::time::Duration;

use isomer_actors::api::TreeReport;
use prometheus::core::{AtomicF64, GenericCounterVec};
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// What the edge counts.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    seconds: GenericCounterVec<AtomicF64>,
    pub sockets: IntGauge,
    mailboxes: IntGaugeVec,
    restarts: IntGaugeVec,
    subscribers: IntGauge,
    quarantined: IntGauge,
    resident_bytes: IntGauge,
}

impl HttpMetrics {
    /// Returns the metrics, registered with `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let labels = ["method", "path", "status"];
        let requests = IntCounterVec::new(
            Opts::new("molecule_http_requests_total", "Requests answered"),
            &labels,
        )?;
        let seconds = GenericCounterVec::new(
            Opts::new(
                "molecule_http_request_duration_seconds_total",
                "Seconds spent answering requests",
            ),
            &labels,
        )?;
        let sockets =
            IntGauge::new("molecule_websocket_connections_active", "WebSockets that are open")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(sockets.clone()))?;
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let by_child = |name: &str, help: &str| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &["child"])?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, prometheus::Error>(gauges)
        };
        Ok(Self {
            requests,
            seconds,
            sockets,
            mailboxes: by_child("isomer_mailbox_depth", "Messages waiting, by child")?,
            restarts: by_child("isomer_child_restarts", "Failures since the start, by child")?,
            subscribers: gauge("isomer_live_subscribers", "Subscribers of the live hub")?,
            quarantined: gauge("isomer_quarantined_workspaces", "Workspaces in quarantine")?,
            resident_bytes: gauge("process_resident_memory_bytes", "Resident memory in bytes")?,
        })
    }

    /// Counts an answered request.
    pub fn answered(&self, method: &str, path: &str, status: &str, took: Duration) {
        let labels = [method, path, status];
        self.requests.with_label_values(&labels).inc();
        self.seconds.with_label_values(&labels).inc_by(took.as_secs_f64());
    }

    /// Shows the tree as it is now. Shards are shown together: there are hundreds.
    pub fn tree(&self, report: &TreeReport, subscribers: usize) {
        let mut shards = 0;
        for child in &report.children {
            if child.child.starts_with("shards/") {
                shards += child.mailbox_depth;
                continue;
            }
            let labels = [child.child.as_str()];
            self.mailboxes.with_label_values(&labels).set(child.mailbox_depth as i64);
            self.restarts.with_label_values(&labels).set(child.restarts as i64);
        }
        self.mailboxes.with_label_values(&["shards"]).set(shards as i64);
        self.subscribers.set(subscribers as i64);
        self.quarantined.set(report.workspaces.quarantined as i64);
        self.resident_bytes.set(resident_bytes());
    }
}

/// Returns the resident memory, 0 where the system does not tell.
fn resident_bytes() -> i64 {
    const PAGE_BYTES: i64 = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|text| text.parse::<i64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}
