//! Sealed values, byte by byte: `docs/architecture/secrets-key-custody.md` is the canonical text.
//!
//! Pure: keys and bytes in, bytes out. Where keys come from is the business of `isomer::keys`.
//! A crate of its own so that fuzzing and the misuse suite build in seconds.

pub mod blob;
pub mod context;
mod gcm;
pub mod locked;
pub mod master;
#[cfg(test)]
mod misuse;
pub mod secret;
pub mod v1;
pub mod v2;
pub mod v3;
pub mod wrap;

use zeroize::Zeroizing;

/// What was sealed, erased from memory when it is dropped.
pub type Plain = Zeroizing<Vec<u8>>;

/// The system gives no randomness: nothing can be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// A blob does not open.
///
/// The text is the same for every cause, so that an answer tells an attacker nothing; the cause is
/// for the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value cannot be decrypted")]
pub struct Refused(pub Cause);

/// Why a blob does not open. Never goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Fewer bytes than the format's smallest blob.
    TooShort,
    /// The first bytes are not those of the format.
    Magic,
    /// A suite of a later version.
    Suite,
    /// A length that points beyond the blob.
    Length,
    /// Sealed under another data key than the one given.
    DataKey,
    /// The key commitment does not hold: another seed, header or context.
    Commitment,
    /// The tag does not hold.
    Authentication,
    /// The format column says something that the bytes are not.
    Mislabelled,
    /// A format of a later version.
    Format,
    /// Older than the minimum format of this database.
    BelowMinimum,
    /// No key that could open it is configured.
    NoKey,
    /// Its data key does not exist (any more).
    DataKeyGone,
    /// The key service says that the wrapped key is not of this context or key.
    Unwrap,
    /// What was sealed is no text.
    NotText,
}

impl Cause {
    /// Returns the word for audit rows and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::Magic => "magic",
            Self::Suite => "suite",
            Self::Length => "length",
            Self::DataKey => "data_key",
            Self::Commitment => "commitment",
            Self::Authentication => "authentication",
            Self::Mislabelled => "mislabelled",
            Self::Format => "format",
            Self::BelowMinimum => "below_minimum",
            Self::NoKey => "no_key",
            Self::DataKeyGone => "data_key_gone",
            Self::Unwrap => "unwrap",
            Self::NotText => "not_text",
        }
    }
}

impl From<Cause> for Refused {
    fn from(cause: Cause) -> Self {
        Self(cause)
    }
}

/// Returns random bytes of the operating system.
///
/// # Errors
/// [`NoRandomness`].
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
