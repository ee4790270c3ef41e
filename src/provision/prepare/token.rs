//! An agent's own token, kept in `configs/.auth_token`.

use std::sync::Arc;
use std::time::Duration;

use isomer_actors::api::RuntimeError;
use isomer_actors::chain_of;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::Owner;
use isomer_actors::tokens::{MAX_LIVE_PER_WORKSPACE, Tokens};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::super::Failure;
use super::super::folder::Folder;
use super::blocking;
use crate::http::token;

/// Its name in the folder of the configuration.
pub(in super::super) const FILE: &str = ".auth_token";
/// Longest file that is read, in bytes.
const LIMIT: u64 = 4_096;
/// How long the store may be away before a start fails for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Returns the token in the file if it lives, else a new one that is there now. Tokens that others
/// hold of the same workspace are left alone.
///
/// # Errors
/// There is none, and why.
///
/// # Cancel safety
/// A token that was issued and not yet written is lost: one more that nobody holds.
pub(super) async fn ensure(
    tokens: &Tokens,
    configs: &Arc<Folder>,
    id: WorkspaceId,
) -> Result<SecretString, Failure> {
    let folder = Arc::clone(configs);
    let found = blocking(move || folder.read(FILE, LIMIT)).await;
    let found = found.map_err(|error| unusable(id, &error))?.map(Zeroizing::new);
    let found = found.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    if let Some(text) = found.map(str::trim).filter(|text| token::is_plausible(text)) {
        let known = tokens.find(&token::hash(text));
        if known.is_some_and(|known| matches!(known.owner, Owner::Workspace(owner) if owner == id))
        {
            return Ok(SecretString::from(text));
        }
    }
    let text = issue(tokens, id).await?;
    let (folder, written) = (Arc::clone(configs), text.clone());
    let kept = blocking(move || folder.replace(FILE, written.expose_secret().as_bytes())).await;
    kept.map_err(|error| unusable(id, &error))?;
    info!(workspace_id = %id, "issued a token to its agent");
    Ok(text)
}

async fn issue(tokens: &Tokens, id: WorkspaceId) -> Result<SecretString, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let minted = token::mint().map_err(|_| Failure::new("the system has no randomness"))?;
        match tokens.issue(id, &minted.stored).await {
            Ok(true) => return Ok(minted.text),
            Ok(false) => {
                return Err(Failure::hopeless(format!(
                    "it has {MAX_LIVE_PER_WORKSPACE} tokens already and needs one: revoke some"
                )));
            }
            Err(RuntimeError::NotFound | RuntimeError::Removed) => {
                return Err(Failure::new("its workspace is gone"));
            }
            Err(error) if Instant::now() < until => {
                warn!(workspace_id = %id, error = %chain_of(&error), "no token could be issued; trying on");
                sleep(ASK_AGAIN).await;
            }
            Err(_) => return Err(Failure::new("no token can be issued now: the store is away")),
        }
    }
}

fn unusable(id: WorkspaceId, error: &std::io::Error) -> Failure {
    warn!(workspace_id = %id, %error, "the token file of an agent cannot be used");
    Failure::new("its token file cannot be used; the server's log says why")
}
