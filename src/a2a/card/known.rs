//! What was found out about cards already: lists show the same ones again and again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{CardSignature, SignatureState, TrustedKeys, verify};

/// Cards that are remembered; beyond that all are forgotten.
const MAX_KNOWN: usize = 4_096;

/// Verifies signatures of cards. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Cards(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: TrustedKeys,
    /// By the hash of a signed card.
    found: Mutex<HashMap<[u8; 32], CardSignature>>,
}

impl Cards {
    /// Returns what trusts `keys`.
    pub fn new(keys: TrustedKeys) -> Self {
        Self(Arc::new(Known { keys, found: Mutex::default() }))
    }

    /// Tells what the signatures of a card are worth.
    pub fn signature(&self, card: &Value) -> CardSignature {
        if card.get("signatures").is_none() {
            return CardSignature { state: SignatureState::Unsigned, kid: None };
        }
        let hash: [u8; 32] = Sha256::digest(card.to_string()).into();
        if let Some(found) = self.0.found.lock().get(&hash) {
            return found.clone();
        }
        let signature = verify(card, &self.0.keys);
        let mut found = self.0.found.lock();
        if found.len() >= MAX_KNOWN {
            found.clear();
        }
        found.insert(hash, signature.clone());
        signature
    }
}
