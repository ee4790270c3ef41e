//! Makes everything ready that an agent needs before it starts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{Failure, Folders, Launch, Prepare, Wanted};
use crate::config::ProvisionConfig;

/// Prepares runs from what this server keeps.
#[derive(Clone, Debug)]
pub struct Preparer {
    pub config: ProvisionConfig,
    pub data_dir: PathBuf,
}

#[async_trait]
impl Prepare for Preparer {
    async fn prepare(&self, agent: &Wanted) -> Result<Launch, Failure> {
        Ok(Launch {
            agent: agent.clone(),
            spec: self.config.runtime(&agent.runtime),
            folders: Folders::of(&self.data_dir, agent.id),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            token: SecretString::default(),
        })
    }
}
