use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::*;

/// Signs with a key of its own.
struct Signer {
    kid: &'static str,
    key: Key,
}

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn p256(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let secret = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let secret = secret.unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, secret.as_ref(), &random);
        Self { kid, key: Key::P256(pair.unwrap()) }
    }

    fn ed25519(kid: &'static str) -> Self {
        let secret = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { kid, key: Key::Ed25519(Ed25519KeyPair::from_pkcs8(secret.as_ref()).unwrap()) }
    }

    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.key {
            Key::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid,
                    "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Key::Ed25519(pair) => json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid,
                "x": text(pair.public_key().as_ref())}),
        }
    }

    fn alg(&self) -> &'static str {
        match self.key {
            Key::P256(_) => "ES256",
            Key::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, payload: &str, protected: &Value) -> Value {
        let protected = URL_SAFE_NO_PAD.encode(protected.to_string());
        let message = format!("{protected}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = match &self.key {
            Key::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
                URL_SAFE_NO_PAD.encode(signature)
            }
            Key::Ed25519(pair) => URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())),
        };
        json!({"protected": protected, "signature": signature})
    }

    /// Adds a signature to a card.
    fn signed(&self, mut card: Value) -> Value {
        let mut bare = card.clone();
        let mut signatures = match bare.as_object_mut().unwrap().remove("signatures") {
            Some(Value::Array(signatures)) => signatures,
            _ => Vec::new(),
        };
        let protected = json!({"alg": self.alg(), "typ": "JOSE", "kid": self.kid});
        signatures.push(self.sign(&super::jcs::canonical(&bare), &protected));
        card["signatures"] = json!(signatures);
        card
    }
}

fn trust(signers: &[&Signer]) -> TrustedKeys {
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    TrustedKeys::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

fn card() -> Value {
    json!({"name": "Ädä", "description": "", "skills": [{"id": "a", "tags": []}], "n": 1.50})
}

fn found(card: &Value, keys: &TrustedKeys) -> (SignatureState, Option<String>) {
    let CardSignature { state, kid } = verify(card, keys);
    (state, kid)
}

#[test]
fn a_card_that_a_trusted_key_signed_is_verified() {
    for signer in [Signer::p256("k"), Signer::ed25519("k")] {
        let signed = signer.signed(card());
        let kid = Some("k".to_owned());
        assert_eq!(found(&signed, &trust(&[&signer])), (SignatureState::Verified, kid.clone()));
        assert_eq!(found(&signed, &TrustedKeys::default()), (SignatureState::Untrusted, kid));
        let cards = Cards::new(trust(&[&signer]));
        for _ in 0..2 {
            assert_eq!(cards.signature(&signed).state, SignatureState::Verified);
        }
    }
    for plain in [card(), json!({"signatures": []}), json!({"signatures": null}), json!("x")] {
        assert_eq!(found(&plain, &TrustedKeys::default()), (SignatureState::Unsigned, None));
        assert_eq!(Cards::default().signature(&plain).state, SignatureState::Unsigned);
    }
}

#[test]
fn another_card_or_key_is_invalid() {
    let (signer, other) = (Signer::p256("k"), Signer::p256("k"));
    let keys = trust(&[&signer]);
    let signed = signer.signed(card());
    let invalid = (SignatureState::Invalid, Some("k".to_owned()));
    for (key, value) in [
        ("name", json!("Ada")),
        ("n", json!(1.25)),
        ("url", json!("http://elsewhere")),
        ("skills", json!([{"id": "b"}])),
    ] {
        let mut forged = signed.clone();
        forged[key] = value;
        assert_eq!(found(&forged, &keys), invalid, "{key}");
    }
    assert_eq!(found(&other.signed(card()), &keys), invalid);
    let mut cut = signed.clone();
    let signature = cut["signatures"][0]["signature"].as_str().unwrap()[..40].to_owned();
    cut["signatures"][0]["signature"] = json!(signature);
    assert_eq!(found(&cut, &keys), invalid);
}

#[test]
fn no_algorithm_passes_for_another() {
    let signer = Signer::ed25519("k");
    let keys = trust(&[&signer]);
    for protected in [
        json!({"alg": "none", "kid": "k"}),
        json!({"alg": "HS256", "kid": "k"}),
        json!({"alg": "ES256", "kid": "k"}),
        json!({"alg": "EdDSA", "kid": "k", "crit": ["x"]}),
    ] {
        let mut signed = card();
        signed["signatures"] = json!([signer.sign(&super::jcs::canonical(&card()), &protected)]);
        assert_eq!(found(&signed, &keys).0, SignatureState::Invalid, "{protected}");
    }
    // A key that is for one algorithm is for no other.
    let mut jwk = signer.jwk();
    jwk["alg"] = json!("ES256");
    let keys = TrustedKeys::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    assert_eq!(found(&signer.signed(card()), &keys).0, SignatureState::Invalid);
}

#[test]
fn what_is_no_signature_is_invalid() {
    let keys = TrustedKeys::default();
    let many = vec![json!({"protected": "e30", "signature": ""}); MAX_SIGNATURES + 1];
    for signatures in [
        json!("x"),
        json!({}),
        json!([7]),
        json!([{}]),
        json!([{"protected": "!", "signature": ""}]),
        json!([{"protected": "e30", "signature": "AA"}]),
        json!([{"protected": URL_SAFE_NO_PAD.encode("{\"alg\":\"ES256\"}"), "signature": "=="}]),
        json!(many),
    ] {
        let card = json!({"name": "a", "signatures": signatures});
        assert_eq!(found(&card, &keys).0, SignatureState::Invalid, "{card}");
    }
    let protected = URL_SAFE_NO_PAD.encode("{\"alg\":\"ES256\"}");
    let nameless = json!({"signatures": [{"protected": protected, "signature": "AA"}]});
    assert_eq!(found(&nameless, &keys), (SignatureState::Untrusted, None));
}

#[test]
fn one_verified_signature_is_enough() {
    let (old, new, stranger) = (Signer::p256("old"), Signer::ed25519("new"), Signer::p256("x"));
    let kid = |name: &str| Some(name.to_owned());
    let both = new.signed(old.signed(card()));
    assert_eq!(found(&both, &trust(&[&new])), (SignatureState::Verified, kid("new")));
    assert_eq!(found(&both, &trust(&[&old, &new])), (SignatureState::Verified, kid("old")));
    let mixed = old.signed(stranger.signed(card()));
    assert_eq!(found(&mixed, &trust(&[&old])), (SignatureState::Verified, kid("old")));
    let forged = trust(&[&Signer::p256("old")]);
    assert_eq!(found(&mixed, &forged), (SignatureState::Invalid, kid("old")));
    assert_eq!(found(&mixed, &TrustedKeys::default()), (SignatureState::Untrusted, kid("x")));
}

#[test]
fn what_the_sdks_leave_out_may_be_there() {
    let signer = Signer::p256("k");
    let bare = json!({"name": "a", "skills": [{"id": "s"}]});
    let mut signed = signer.signed(bare);
    signed["description"] = json!("");
    signed["skills"][0]["tags"] = json!([]);
    assert_eq!(found(&signed, &trust(&[&signer])).0, SignatureState::Verified);
}
