//! Why key custody did not do what it was asked.

use isomer_actors::ports::StoreError;
use isomer_seal::{Cause, NoRandomness, Refused};

/// What went wrong. No variant holds a value, a seed or a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The value does not open; the cause is for the audit trail.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The key service cannot be used now: not reached, throttled, or it refuses the key.
    #[error("kms_unavailable")]
    Unavailable(Outage),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others kept writing the same secret. Nothing was changed.
    #[error("too many writers of the same secret")]
    Busy,
    /// The scope has as many secrets as it may have.
    #[error("at most {} secrets are kept", super::names::MAX_SECRETS)]
    TooMany,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Why the key service cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// No answer in time, or an answer that it is not able to now. Stale seeds may be used.
    Unreachable,
    /// It answered and refuses: disabled, deleted or forbidden key. Stale seeds may not.
    Denied,
    /// This build or this configuration has no key service, and the value needs one.
    NotConfigured,
}

impl Outage {
    /// Returns the word for audit rows and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "kms_unreachable",
            Self::Denied => "kms_denied",
            Self::NotConfigured => "kms_not_configured",
        }
    }
}

impl From<Cause> for KeyError {
    fn from(cause: Cause) -> Self {
        Self::Refused(Refused(cause))
    }
}

impl From<Outage> for KeyError {
    fn from(outage: Outage) -> Self {
        Self::Unavailable(outage)
    }
}

impl KeyError {
    /// Returns the word for audit rows.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Refused(Refused(cause)) => cause.as_str(),
            Self::Unavailable(outage) => outage.as_str(),
            Self::Store(_) => "store",
            Self::Busy => "busy",
            Self::TooMany => "too_many",
            Self::NoRandomness(_) => "no_randomness",
        }
    }
}
