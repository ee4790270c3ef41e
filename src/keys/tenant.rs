//! A tenant's side of the control plane: the key is fetched once at boot, and kept only in pinned,
//! erased memory.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use isomer_seal::master::{BadKey, MasterKey};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tracing::info;
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::ControlPlaneAt;

/// How long the control plane may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Largest answer in bytes: two keys and a name take 200.
const MAX_ANSWER: usize = 4_096;
/// Where a boot token is exchanged for a key.
pub const BOOT_PATH: &str = "/cp/tenants/boot";

/// Why there is no key from the control plane. Never holds the token or an answer.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("TENANT_BOOT_TOKEN_FILE={path}: it cannot be read")]
    TokenFile { path: String, source: std::io::Error },
    #[error("TENANT_BOOT_TOKEN_FILE={path}: it is empty")]
    NoToken { path: String },
    #[error("CONTROL_PLANE_URL={url}: it cannot be reached")]
    Unreachable { url: String, source: reqwest::Error },
    #[error(
        "CONTROL_PLANE_URL={url}: the boot token was refused; it is used up, expired or revoked. \
         Each start needs a new one"
    )]
    Refused { url: String },
    #[error("CONTROL_PLANE_URL={url}: it answered {status}; starting again later may help")]
    Status { url: String, status: u16 },
    #[error("CONTROL_PLANE_URL={url}: its answer is no key")]
    Answer { url: String },
    #[error("the key of the control plane cannot be used")]
    Key(#[from] BadKey),
}

/// What a boot token is exchanged for.
#[derive(Debug)]
pub struct Booted {
    pub tenant: String,
    /// The current key first, then the one before it.
    pub keys: Vec<Arc<MasterKey>>,
}

#[derive(Deserialize)]
struct Answer {
    tenant: String,
    key: SecretString,
    #[serde(default)]
    previous_key: Option<SecretString>,
}

/// Exchanges the boot token.
///
/// # Errors
/// [`BootError`].
pub async fn boot(at: &ControlPlaneAt) -> Result<Booted, BootError> {
    let token = read_token(at)?;
    let url = at.url.clone();
    let unreachable = |source: reqwest::Error| BootError::Unreachable {
        url: url.clone(),
        source: source.without_url(),
    };
    let client = reqwest::Client::builder()
        .timeout(LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(unreachable)?;
    let response = client
        .post(format!("{url}{BOOT_PATH}"))
        .bearer_auth(token.expose_secret())
        .send()
        .await
        .map_err(unreachable)?;
    match response.status().as_u16() {
        200 => {}
        401 | 403 | 409 | 410 => return Err(BootError::Refused { url: url.clone() }),
        status => return Err(BootError::Status { url: url.clone(), status }),
    }
    let body = read(response).await.map_err(unreachable)?;
    let answer = body.and_then(|body| serde_json::from_slice::<Answer>(&body).ok());
    let answer = answer.ok_or_else(|| BootError::Answer { url: url.clone() })?;
    let mut keys = vec![Arc::new(key(&answer.key)?)];
    if let Some(previous) = &answer.previous_key {
        keys.push(Arc::new(key(previous)?));
    }
    info!(tenant = answer.tenant, "the control plane gave this tenant's key");
    Ok(Booted { tenant: answer.tenant, keys })
}

/// Reads the answer into memory that is erased, and erases what it came in where that is ours
/// alone; `None` when it is too large for an answer.
async fn read(
    mut response: reqwest::Response,
) -> Result<Option<Zeroizing<Vec<u8>>>, reqwest::Error> {
    // All of it at once, so that growing leaves no copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
        if let Ok(mut chunk) = chunk.try_into_mut() {
            chunk[..].zeroize();
        }
    }
    Ok(Some(body))
}

fn key(text: &SecretString) -> Result<MasterKey, BadKey> {
    let text = text.expose_secret();
    let bytes = Zeroizing::new(STANDARD.decode(text).unwrap_or_default());
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| BadKey::Length(text.len()))?;
    MasterKey::from_bytes(bytes)
}

fn read_token(at: &ControlPlaneAt) -> Result<SecretString, BootError> {
    let path = at.token_file.display().to_string();
    let text = std::fs::read_to_string(&at.token_file)
        .map(Zeroizing::new)
        .map_err(|source| BootError::TokenFile { path: path.clone(), source })?;
    match text.trim() {
        "" => Err(BootError::NoToken { path }),
        token => Ok(SecretString::from(token)),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;

    /// Exchanges a token at a control plane that answers this.
    async fn booted(answer: String) -> Result<Booted, BootError> {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, "a token").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route(BOOT_PATH, post(move || async move { answer }));
        let serving = tokio::spawn(axum::serve(listener, router).into_future());
        let booted = boot(&ControlPlaneAt { url, token_file }).await;
        serving.abort();
        booted
    }

    #[tokio::test]
    async fn an_answer_is_read_within_a_bound() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = STANDARD.encode([7; 32]);
        let fine = format!("{{\"tenant\":\"acme\",\"key\":\"{key}\"}}");
        let booted_ = booted(fine.clone()).await.unwrap();
        assert_eq!((booted_.tenant.as_str(), booted_.keys.len()), ("acme", 1));
        for wrong in [fine.clone() + &" ".repeat(MAX_ANSWER), fine.replace("key", "other")] {
            let error = booted(wrong).await.unwrap_err();
            assert!(matches!(error, BootError::Answer { .. }), "{error}");
        }
    }
}
