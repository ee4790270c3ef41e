//! Who this agent is over restarts: its workspace id and its own token.
//!
//! Kept in one small JSON file that only its owner can read, replaced as a
//! whole, so that a crash leaves the old or the new one.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tracing::warn;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{AgentConfig, AgentError, BoxError};

/// Longest token file that is read, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;
const OWNER_ONLY: u32 = 0o600;

/// The workspace this agent is, and where that is remembered.
#[derive(Debug)]
pub struct Identity {
    workspace_id: Uuid,
    stored: Option<SecretString>,
    file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Found {
    workspace_id: Uuid,
    #[serde(default)]
    auth_token: Option<String>,
}

#[derive(Serialize)]
struct Stored<'a> {
    workspace_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<&'a str>,
}

impl Identity {
    /// Reads the token file, if there is one, and settles the workspace id. A
    /// fresh id is written at once, so that it survives even a crash before
    /// the first answer of the platform.
    ///
    /// # Errors
    /// The file cannot be read, written or understood, or is another
    /// workspace's: its token is not overwritten.
    pub async fn open(config: &AgentConfig) -> Result<Self, AgentError> {
        let Some(path) = &config.token_file else {
            let workspace_id = config.workspace_id.unwrap_or_else(Uuid::new_v4);
            return Ok(Self { workspace_id, stored: None, file: None });
        };
        let found = read(path).await.map_err(|source| failed(path, source))?;
        let workspace_id = match (&found, config.workspace_id) {
            (Some(found), Some(wanted)) if found.workspace_id != wanted => {
                let (path, found) = (path.clone(), found.workspace_id);
                return Err(AgentError::ForeignTokenFile { path, found, wanted });
            }
            (Some(found), _) => found.workspace_id,
            (None, wanted) => wanted.unwrap_or_else(Uuid::new_v4),
        };
        let is_new = found.is_none();
        let stored = found.and_then(|found| found.auth_token).map(SecretString::from);
        let identity = Self { workspace_id, stored, file: Some(path.clone()) };
        if is_new {
            identity.write(None).await?;
        }
        Ok(identity)
    }

    /// The workspace.
    pub fn workspace_id(&self) -> Uuid {
        self.workspace_id
    }

    /// The token found in the file.
    pub fn stored_token(&self) -> Option<&SecretString> {
        self.stored.as_ref()
    }

    /// Remembers a token just received. Without a file it lives in memory only.
    ///
    /// # Errors
    /// The file cannot be written.
    ///
    /// # Cancel safety
    /// Not cancel safe, but harmless: the old file stays until the new one is
    /// complete.
    pub async fn keep(&self, token: &SecretString) -> Result<(), AgentError> {
        self.write(Some(token)).await
    }

    async fn write(&self, token: Option<&SecretString>) -> Result<(), AgentError> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        let stored = Stored {
            workspace_id: self.workspace_id,
            auth_token: token.map(ExposeSecret::expose_secret),
        };
        let text = serde_json::to_vec(&stored).map(Zeroizing::new);
        let text = text.map_err(|error| failed(path, error.into()))?;
        replace(path, &text).await.map_err(|error| failed(path, error.into()))
    }
}

fn failed(path: &Path, source: BoxError) -> AgentError {
    AgentError::TokenFile { path: path.to_owned(), source }
}

async fn read(path: &Path) -> Result<Option<Found>, BoxError> {
    let facts = match tokio::fs::metadata(path).await {
        Ok(facts) => facts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if facts.len() > FILE_LIMIT {
        return Err(
            format!("it is {} bytes long; at most {FILE_LIMIT} are read", facts.len()).into()
        );
    }
    tighten(path, &facts).await?;
    let text = Zeroizing::new(tokio::fs::read(path).await?);
    // The parser's own message could quote the token.
    let wanted = r#"it is not {"workspace_id":"<UUID>","auth_token":"<token>"}"#;
    serde_json::from_slice(&text).map(Some).map_err(|_| wanted.into())
}

/// Takes away what a careless copy gave to others.
#[cfg(unix)]
async fn tighten(path: &Path, facts: &std::fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if facts.permissions().mode() & 0o077 != 0 {
        warn!(path = %path.display(), "others could read the token file; now only its owner can");
        let owner_only = std::fs::Permissions::from_mode(OWNER_ONLY);
        tokio::fs::set_permissions(path, owner_only).await?;
    }
    Ok(())
}

#[cfg(not(unix))]
async fn tighten(_: &Path, _: &std::fs::Metadata) -> std::io::Result<()> {
    Ok(())
}

/// Writes beside the file and renames over it.
async fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(folder).await?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", Uuid::new_v4().simple()));
    let beside = path.with_file_name(name);
    let written = async {
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(OWNER_ONLY);
        let mut file = options.open(&beside).await?;
        file.write_all(text).await?;
        file.sync_all().await?;
        tokio::fs::rename(&beside, path).await
    };
    let outcome = written.await;
    if outcome.is_err() {
        // Best effort: the error that matters is already in hand.
        _ = tokio::fs::remove_file(&beside).await;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::tests::config;
    use super::*;

    fn with_file(path: &Path) -> AgentConfig {
        AgentConfig { token_file: Some(path.to_owned()), ..config("http://localhost:1") }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn id_and_token_survive_a_restart_and_only_the_owner_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents/ada.json");
        let first = Identity::open(&with_file(&path)).await.unwrap();
        assert!(first.stored_token().is_none());
        first.keep(&SecretString::from("secret-1")).await.unwrap();
        assert_eq!(mode(&path), OWNER_ONLY);

        let second = Identity::open(&with_file(&path)).await.unwrap();
        assert_eq!(second.workspace_id(), first.workspace_id());
        assert_eq!(second.stored_token().unwrap().expose_secret(), "secret-1");
        let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(entries.count(), 1, "no temporary file is left");
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        Identity::open(&with_file(&path)).await.unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        Identity::open(&with_file(&path)).await.unwrap();
        assert_eq!(mode(&path), OWNER_ONLY);
    }

    #[tokio::test]
    async fn another_workspaces_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        Identity::open(&with_file(&path)).await.unwrap();
        let before = std::fs::read(&path).unwrap();
        let other = AgentConfig { workspace_id: Some(Uuid::new_v4()), ..with_file(&path) };
        let error = Identity::open(&other).await.unwrap_err();
        assert!(matches!(error, AgentError::ForeignTokenFile { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_without_quoting_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        std::fs::write(&path, "\"secret-1\"").unwrap();
        let error = Identity::open(&with_file(&path)).await.unwrap_err();
        assert!(!format!("{error:?}").contains("secret-1"), "{error:?}");
    }
}
