//! An agent and a run of it, for tests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use secrecy::SecretString;

use super::{Folders, Launch, Wanted};
use crate::config::RuntimeSpec;

pub(super) fn wanted(runtime: &str) -> Wanted {
    Wanted {
        id: WorkspaceId::random(),
        name: "Ada".to_owned(),
        role: Some("Listens".to_owned()),
        tier: 2,
        runtime: runtime.to_owned(),
        parent_id: None,
        workspace_dir: None,
        workspace_access: Access::None,
        status: Status::Provisioning,
    }
}

pub(super) fn launch() -> Launch {
    Launch {
        agent: wanted("isomer"),
        spec: RuntimeSpec::default(),
        folders: Folders { configs: PathBuf::from("/c"), workspace: PathBuf::from("/w") },
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        token: SecretString::from("the-token-of-ada"),
    }
}
