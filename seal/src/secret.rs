//! Thirty-two secret bytes that cannot be printed, compared in variable time or left behind.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{NoRandomness, random};

/// The seed of one scope (a workspace, or the global secrets): single-use keys derive from it.
///
/// On the heap, so that moving it leaves no copy, and erased when it is dropped.
pub struct Seed(Box<Zeroizing<[u8; 32]>>);

impl Seed {
    /// Returns a new random seed.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let bytes = Zeroizing::new(random::<32>()?);
        Ok(Self::from_bytes(&bytes))
    }

    /// Copies a seed from `bytes`, which the caller erases.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut held = Box::new(Zeroizing::new([0; 32]));
        held.copy_from_slice(bytes);
        Self(held)
    }

    /// Copies a seed from a slice; `None` unless it has 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }

    /// Returns the bytes. Whoever asks answers for where they go.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub fn is(&self, other: &Self) -> bool {
        bool::from(self.expose().ct_eq(other.expose()))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}
