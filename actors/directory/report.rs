//! `GET /admin/supervision`: how the tree is.

use std::time::Duration;

use ractor::{ActorRef, ActorStatus};

use super::Directory;
use crate::api::{ChildReport, ChildState, TreeReport, WorkspacesReport};
use crate::shard::ShardMsg;
use crate::supervise::RootMsg;

/// How long a report waits for one part of the tree.
const REPORT_LIMIT: Duration = Duration::from_secs(2);
/// Failing workspaces listed at most.
const MAX_FAILING: usize = 1_000;

impl Directory {
    /// Returns how the tree is. Parts that do not answer in time are shown as they were last.
    pub async fn report(&self) -> TreeReport {
        let root = self.root.read().clone();
        let mut children = match &root {
            Some(root) => root_children(root).await,
            None => Vec::new(),
        };
        children.insert(0, root_itself(root.as_ref(), children.len()));
        let mut workspaces = WorkspacesReport::default();
        for (index, shard) in self.shards.iter().enumerate() {
            let report = shard.call(REPORT_LIMIT, ShardMsg::Report).await.unwrap_or_default();
            let name = format!("shards/{index}");
            if let Some(child) = children.iter_mut().find(|child| child.child == name) {
                child.children = Some(report.resident);
            }
            workspaces.resident += report.resident;
            workspaces.restarts += report.restarts;
            workspaces.quarantined += report.quarantined;
            workspaces.failing.extend(report.failing);
        }
        workspaces.failing.truncate(MAX_FAILING);
        TreeReport { children, workspaces }
    }
}

async fn root_children(root: &ActorRef<RootMsg>) -> Vec<ChildReport> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let _ = root.send_message(RootMsg::Report(reply));
    match tokio::time::timeout(REPORT_LIMIT, answer).await {
        Ok(Ok(children)) => children,
        _ => Vec::new(),
    }
}

fn root_itself(root: Option<&ActorRef<RootMsg>>, children: usize) -> ChildReport {
    let running = root.is_some_and(|root| root.get_status() == ActorStatus::Running);
    ChildReport {
        child: "root".to_owned(),
        state: if running { ChildState::Running } else { ChildState::Stopped },
        restarts: 0,
        last_failure: None,
        mailbox_depth: 0,
        children: Some(children as u64),
    }
}
