//! The keys that signatures of agent cards are trusted by: a JWK set (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

/// Most keys of a set.
const MAX_KEYS: usize = 1_000;
/// The sizes of RSA keys that are accepted, in bytes: 2,048 to 8,192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// Public keys by their ids. Empty unless configured.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Vec<TrustedKey>);

#[derive(Clone, Debug)]
struct TrustedKey {
    kid: String,
    /// The one algorithm it is for, if it names one.
    alg: Option<String>,
    key: PublicKey,
}

#[derive(Clone, Debug)]
enum PublicKey {
    /// A point, uncompressed.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// Why a JWK set cannot be used. Names the key by its place and never shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadKeys(String);

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    /// Only looked for: no private key belongs in this file.
    d: Option<serde::de::IgnoredAny>,
}

impl TrustedKeys {
    /// Reads a JWK set: `EC` on P-256 and P-384, `OKP` on Ed25519, `RSA` from 2,048 bits on, each
    /// with its `kid`.
    ///
    /// # Errors
    /// Which key cannot be used, and why.
    pub fn parse(text: &[u8]) -> Result<Self, BadKeys> {
        let set: Set = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            BadKeys(format!("it is not a JWK set with public keys (line {line}, column {column})"))
        })?;
        if set.keys.len() > MAX_KEYS {
            return Err(BadKeys(format!("it has more than {MAX_KEYS} keys")));
        }
        let read = set.keys.into_iter().enumerate().map(|(place, jwk)| {
            trusted(jwk).map_err(|why| BadKeys(format!("keys[{place}]: {why}")))
        });
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether there is a key of this id.
    pub fn know(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid == kid)
    }

    /// Returns whether some key of this id signed `message`.
    pub fn verify(&self, kid: &str, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        let fitting = self.0.iter().filter(|key| key.kid == kid);
        fitting
            .filter(|key| key.alg.as_ref().is_none_or(|own| own == alg))
            .any(|key| key.key.verify(alg, message, signature))
    }
}

impl PublicKey {
    /// The algorithm is the key's as much as the signature's word, so that none passes for another.
    fn verify(&self, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        let with = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        match (self, alg) {
            (Self::P256(point), "ES256") => with(&ECDSA_P256_SHA256_FIXED, point),
            (Self::P384(point), "ES384") => with(&ECDSA_P384_SHA384_FIXED, point),
            (Self::Ed25519(key), "EdDSA" | "Ed25519") => with(&ED25519, key),
            (Self::Rsa { n, e }, "RS256" | "PS256") => {
                let algorithm = match alg {
                    "RS256" => &RSA_PKCS1_2048_8192_SHA256,
                    _ => &RSA_PSS_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature).is_ok()
            }
            _ => false,
        }
    }
}

fn trusted(jwk: Jwk) -> Result<TrustedKey, String> {
    if jwk.d.is_some() {
        return Err("it is a private key; only public ones belong here".to_owned());
    }
    if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return Err("its use is not sig".to_owned());
    }
    let kid = jwk.kid.filter(|kid| !kid.is_empty()).ok_or("it has no kid")?;
    let part = |name: &str, value: &Option<String>, length: usize| {
        let text = value.as_deref().ok_or_else(|| format!("it has no {name}"))?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("{name} is not base64url"))?;
        match bytes.len() {
            found if length != 0 && found != length => {
                Err(format!("{name} has {found} bytes, {length} are needed"))
            }
            _ => Ok(bytes),
        }
    };
    let point = |length| -> Result<Vec<u8>, String> {
        let (x, y) = (part("x", &jwk.x, length)?, part("y", &jwk.y, length)?);
        Ok([&[4], &x[..], &y[..]].concat())
    };
    let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("EC", Some("P-256")) => PublicKey::P256(point(32)?),
        ("EC", Some("P-384")) => PublicKey::P384(point(48)?),
        ("OKP", Some("Ed25519")) => PublicKey::Ed25519(part("x", &jwk.x, 32)?),
        ("RSA", _) => {
            let (n, e) = (part("n", &jwk.n, 0)?, part("e", &jwk.e, 0)?);
            if !RSA_BYTES.contains(&n.len()) {
                return Err("its n has not 2,048 to 8,192 bits".to_owned());
            }
            PublicKey::Rsa { n, e }
        }
        _ => return Err("accepted are EC on P-256 or P-384, OKP on Ed25519, and RSA".to_owned()),
    };
    Ok(TrustedKey { kid, alg: jwk.alg, key })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(key: &Value) -> String {
        let set = json!({"keys": [key]}).to_string();
        TrustedKeys::parse(set.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn keys_that_cannot_be_used_are_named() {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        for (key, text) in [
            (json!({"kty": "EC", "crv": "P-256", "x": x, "y": x}), "keys[0]: it has no kid"),
            (json!({"kty": "EC", "kid": "k", "crv": "P-256", "x": x}), "it has no y"),
            (json!({"kty": "EC", "kid": "k", "crv": "P-256", "x": "AA", "y": x}), "x has 1 bytes"),
            (json!({"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": "!"}), "x is not base64url"),
            (json!({"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": x, "d": x}), "private key"),
            (json!({"kty": "OKP", "kid": "k", "crv": "X25519", "x": x}), "accepted are"),
            (json!({"kty": "oct", "kid": "k", "k": x}), "accepted are"),
            (json!({"kty": "RSA", "kid": "k", "n": x, "e": "AQAB"}), "2,048"),
            (json!({"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": x, "use": "enc"}), "use"),
        ] {
            let why = refused(&key);
            assert!(why.contains(text), "{why}");
            assert!(!why.contains(&x), "keys are not shown");
        }
        for text in ["", "[]", "{}", r#"{"keys":7}"#] {
            assert!(TrustedKeys::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(!TrustedKeys::parse(br#"{"keys":[]}"#).unwrap().know(""));
    }
}
