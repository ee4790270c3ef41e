//! Minting and hashing access tokens (contract 05 §5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isomer_actors::domain::token::{NewToken, TokenHash};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::ApiError;

/// Characters of a token.
pub const LENGTH: usize = 43;
/// Characters of it that people are shown.
const PREFIX: usize = 8;

/// A fresh token: what is stored, and what is handed out once.
#[derive(Debug)]
pub struct Minted {
    pub stored: NewToken,
    pub text: SecretString,
}

/// Returns a fresh token: 32 random bytes, base64url without padding.
///
/// # Errors
/// 503 when the system has no randomness to give.
pub fn mint() -> Result<Minted, ApiError> {
    let text = random_text()?;
    let stored = NewToken {
        id: Uuid::new_v4(),
        hash: hash(text.expose_secret()),
        prefix: text.expose_secret().chars().take(PREFIX).collect(),
    };
    Ok(Minted { stored, text })
}

/// Returns 43 random characters.
///
/// # Errors
/// 503 when the system has no randomness to give.
pub fn random_text() -> Result<SecretString, ApiError> {
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| ApiError::unavailable())?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// Returns the stored form of a token.
pub fn hash(text: &str) -> TokenHash {
    TokenHash(Sha256::digest(text.as_bytes()).into())
}

/// Returns whether a text could be a token at all; others need not be looked up.
pub fn is_plausible(text: &str) -> bool {
    text.len() == LENGTH
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
