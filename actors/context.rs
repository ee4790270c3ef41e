//! What the actors share.

use std::sync::Arc;

use crate::activity::Activity;
use crate::address::Address;
use crate::cells::Marked;
use crate::indexes::Indexes;
use crate::journal::Journal;
use crate::live::Live;
use crate::mailroom::Mailroom;
use crate::metrics::Metrics;
use crate::mirror::MirrorMsg;
use crate::ports::{Clock, Store};

/// Handles and indexes that every actor of the tree may use. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    pub(crate) indexes: Arc<Indexes>,
    pub(crate) journal: Journal,
    pub(crate) live: Live,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    /// Cells whose heartbeat columns are to be written.
    pub(crate) snapshots: Arc<Marked>,
    /// Cells whose liveness key is to be refreshed.
    pub(crate) heard: Arc<Marked>,
    pub(crate) mirror: Address<MirrorMsg>,
    pub(crate) mailroom: Mailroom,
    pub(crate) activity: Activity,
}
