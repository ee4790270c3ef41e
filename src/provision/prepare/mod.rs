//! Makes everything ready that an agent needs before it starts: folders, a configuration, its
//! secrets, its token, its variables, and the certainty that nothing it needs is missing.

mod config_file;
mod delivery;
mod preflight;
mod secrets;
mod token;
mod variables;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::tokens::Tokens;
use secrecy::ExposeSecret;
use tracing::warn;

pub use delivery::secrets_json;

use super::folder::Folder;
use super::{Failure, Folders, Launch, Prepare, TOKEN, Wanted};
use crate::config::ProvisionConfig;
use crate::keys::secrets::{MODEL, Secrets};

/// Variables that every way to run agents adds.
const BY_BACKEND: [&str; 4] = [TOKEN, "HOME", "PATH", "PORT"];

/// Prepares runs from what this server keeps.
#[derive(Clone, Debug)]
pub struct Preparer {
    pub config: ProvisionConfig,
    pub data_dir: PathBuf,
    /// Where agents reach this server.
    pub platform_url: String,
    pub secrets: Secrets,
    pub tokens: Tokens,
}

#[async_trait]
impl Prepare for Preparer {
    async fn prepare(&self, agent: &Wanted) -> Result<Launch, Failure> {
        let secrets = secrets::read(&self.secrets, agent.id).await?;
        let model = secrets.get(MODEL).map(|model| model.expose_secret().to_owned());
        let configs = self.folders(agent.id).await?;
        let config = self.configure(agent, model.clone(), &configs).await?;
        let variables = variables::variables(agent, &self.platform_url, &secrets, model.as_deref());
        let token = token::ensure(&self.tokens, &configs, agent.id).await?;
        let launch = Launch {
            agent: agent.clone(),
            spec: self.config.runtime(&agent.runtime),
            folders: Folders::of(&self.data_dir, agent.id),
            variables,
            secrets,
            token,
        };
        let mut given = launch.names();
        given.extend(BY_BACKEND);
        match preflight::check(&config, &given) {
            Ok(missing) if missing.is_empty() => Ok(launch),
            Ok(missing) => Err(preflight::refused(missing)),
            Err(error) => {
                // Whether it can do with that is for the agent to say.
                warn!(workspace_id = %agent.id, error, "its config.yaml is not understood");
                Ok(launch)
            }
        }
    }
}

impl Preparer {
    /// Makes what is missing of the folders; returns the one of the configuration.
    async fn folders(&self, id: WorkspaceId) -> Result<Arc<Folder>, Failure> {
        let data_dir = self.data_dir.clone();
        let made = blocking(move || {
            let root = Folder::open(&data_dir)?.within("workspaces")?.within(&id.to_string())?;
            for name in ["workspace", "home", "plugins"] {
                root.within(name)?;
            }
            root.within("configs")
        });
        let configs = made.await.map_err(|error| unusable(id, &error))?;
        Ok(Arc::new(configs))
    }

    /// Returns the configuration; writes one when there is none.
    async fn configure(
        &self,
        agent: &Wanted,
        model: Option<String>,
        configs: &Arc<Folder>,
    ) -> Result<Vec<u8>, Failure> {
        let (folder, wanted) = (Arc::clone(configs), agent.clone());
        let read = blocking(move || config_file::ensure(&folder, &wanted, model.as_deref()));
        read.await.map_err(|error| unusable(agent.id, &error))
    }
}

/// The error goes to the log, what everybody may know into the reason.
fn unusable(id: WorkspaceId, error: &io::Error) -> Failure {
    warn!(workspace_id = %id, %error, "the folders of a workspace cannot be used");
    Failure::new("its folders cannot be used; the server's log says why")
}

/// Runs what blocks elsewhere.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
