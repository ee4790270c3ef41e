//! Running the agents of workspaces: what is wanted comes from the store, what runs is made to
//! match (docs/architecture/provisioner.md).
//!
//! [`Host`] keeps one [`keeper`] for every workspace that this server runs; a keeper starts its
//! agent through a [`Backend`], tells the runtime when it ended, and starts it again as
//! [`restarts`] says. Child processes ([`process`]) are one backend,
//! containers ([`docker`]) and a cluster's pods ([`kubernetes`]) others; they need know nothing of the rest.

mod addresses;
mod backend;
mod demo;
pub mod docker;
mod engine;
#[cfg(test)]
mod fixtures;
mod folder;
mod host;
pub(crate) mod installation;
mod keeper;
mod kubernetes;
mod launch;
mod nothing;
mod prepare;
pub mod process;
mod refresh;
mod restarts;
mod storm;
mod tail;
#[cfg(test)]
mod tests;
pub mod tiers;
mod workspaces;

use std::time::Duration;

pub use addresses::Addresses;
pub use backend::{
    Backend, Ended, Failure, LogRange, Logs, Terminal, TerminalInput, TerminalSize, Unavailable,
};
pub use demo::create_demo;
pub use engine::HostSettings;
pub use host::{Host, Refused, Work as HostWork};
pub use kubernetes::{
    ConnectError as KubernetesConnectError, KubernetesBackend, Settings as KubernetesSettings,
};
pub use launch::{Folders, Launch, Prepare, TOKEN, Wanted};
pub use nothing::Nothing;
pub use prepare::{Preparer, secrets_json};
pub use process::{ProcessBackend, ProcessSettings};
pub use tail::tail;
pub use workspaces::{Runtime, Unreachable, Workspaces};

/// Between an agent that somebody stopped and its next start: long enough to be seen.
pub const PAUSE_AFTER_STOP: Duration = Duration::from_secs(3);
