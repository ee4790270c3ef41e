//! Signatures of agent cards (A2A 1.0 §8.4, 0.3 §5.5.6): detached JWS over the canonical card.
//!
//! Keys come from the administrator's set only. Where a signature says that its key lies (`jku`)
//! is not asked: an agent's word must not send this server anywhere.

mod jcs;
mod keys;
mod known;
mod payload;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::keys::{BadKeys, TrustedKeys};
pub use self::known::Cards;
use self::payload::payloads;

/// Most signatures that a card may have.
pub const MAX_SIGNATURES: usize = 8;

/// What its signatures make of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    /// There is none.
    Unsigned,
    /// A trusted key signed this very card.
    Verified,
    /// No trusted key is named, so nobody can tell.
    Untrusted,
    /// A trusted key is named and did not sign this card, or the signature is none.
    Invalid,
}

/// A card's signature, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CardSignature {
    pub state: SignatureState,
    /// The id of the key that signed it, or is said to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kid: Option<String>,
}

#[derive(Deserialize)]
struct Jws {
    protected: String,
    signature: String,
}

#[derive(Deserialize)]
struct Protected {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<serde::de::IgnoredAny>,
}

/// Tells what the signatures of a card are worth. One that is verified is enough, as keys are
/// rotated; else one that is invalid counts.
pub fn verify(card: &Value, keys: &TrustedKeys) -> CardSignature {
    let plain = |state| CardSignature { state, kid: None };
    let Some(card) = card.as_object() else { return plain(SignatureState::Unsigned) };
    let signatures = match card.get("signatures") {
        None | Some(Value::Null) => return plain(SignatureState::Unsigned),
        Some(Value::Array(list)) if list.is_empty() => return plain(SignatureState::Unsigned),
        Some(Value::Array(list)) if list.len() <= MAX_SIGNATURES => list,
        Some(_) => return plain(SignatureState::Invalid),
    };
    let mut payloads = None;
    let mut found: Option<CardSignature> = None;
    for signature in signatures {
        let one = one(signature, card, keys, &mut payloads);
        let worse = found.as_ref().is_none_or(|found| found.state == SignatureState::Untrusted);
        match one.state {
            SignatureState::Verified => return one,
            SignatureState::Invalid if worse => found = Some(one),
            _ => _ = found.get_or_insert(one),
        }
    }
    found.unwrap_or_else(|| plain(SignatureState::Unsigned))
}

/// Tells what one signature is worth. The card is written canonically when that is first needed.
fn one(
    signature: &Value,
    card: &Map<String, Value>,
    keys: &TrustedKeys,
    payloads_of_card: &mut Option<Vec<String>>,
) -> CardSignature {
    let Some((jws, protected, bytes)) = read(signature) else {
        return CardSignature { state: SignatureState::Invalid, kid: None };
    };
    let known = protected.kid.as_deref().is_some_and(|kid| keys.know(kid));
    let signed = |payload: &String| {
        let message = format!("{}.{}", jws.protected, URL_SAFE_NO_PAD.encode(payload));
        let kid = protected.kid.as_deref().unwrap_or_default();
        keys.verify(kid, &protected.alg, message.as_bytes(), &bytes)
    };
    let state = match known {
        false => SignatureState::Untrusted,
        true if protected.crit.is_some() => SignatureState::Invalid,
        true if payloads_of_card.get_or_insert_with(|| payloads(card)).iter().any(signed) => {
            SignatureState::Verified
        }
        true => SignatureState::Invalid,
    };
    CardSignature { state, kid: protected.kid }
}

fn read(signature: &Value) -> Option<(Jws, Protected, Vec<u8>)> {
    let jws = Jws::deserialize(signature).ok()?;
    let protected = URL_SAFE_NO_PAD.decode(&jws.protected).ok()?;
    let protected = serde_json::from_slice(&protected).ok()?;
    let bytes = URL_SAFE_NO_PAD.decode(&jws.signature).ok()?;
    Some((jws, protected, bytes))
}

#[cfg(test)]
mod tests;
