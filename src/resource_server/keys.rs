//! The public keys of an issuer (RFC 7517), and what they verify.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::{Map, Value};

/// The keys of an issuer that can check a signature; there is at least one.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    /// Those that its type allows, or the one that the issuer names.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

/// What is found for a header.
pub(super) enum Found<'a> {
    Key(&'a Key),
    /// The issuer may have new keys.
    Unknown,
    /// The algorithm is not the key's, or several keys are possible.
    Unfit,
}

impl Keys {
    /// The keys of a JWK Set. Symmetric ones, those for encryption and those of unknown types are
    /// left out.
    pub(super) fn parse(document: &Map<String, Value>) -> Result<Self, &'static str> {
        let Some(Value::Array(keys)) = document.get("keys") else {
            return Err("its document of keys is not a JWK Set");
        };
        let keys: Vec<_> = keys.iter().filter_map(key).collect();
        if keys.is_empty() {
            return Err("its document of keys has none that could check a signature");
        }
        Ok(Self(keys))
    }

    /// The key that a token's header means. `kid` is compared and nothing else; `jku`, `x5u`, `jwk`
    /// and `x5c` are the sender's word and not looked at (RFC 8725 §3.10).
    pub(super) fn find(&self, header: &Header) -> Found<'_> {
        let named = |key: &&Key| header.kid.is_none() || key.kid == header.kid;
        let named: Vec<_> = self.0.iter().filter(named).collect();
        let mut fit = named
            .iter()
            .filter(|key| key.algorithms.contains(&header.alg));
        match (named.is_empty(), fit.next(), fit.next()) {
            (_, Some(key), None) => Found::Key(key),
            (true, ..) => Found::Unknown,
            _ => Found::Unfit,
        }
    }
}

impl Key {
    /// The claims of a token whose signature is this key's. None of them is checked yet.
    pub(super) fn verify(&self, token: &str, header: &Header) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(header.alg);
        // `claims` does it, for introspection too, with a clock that tests can set.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let verified = jsonwebtoken::decode(token, &self.public, &validation).ok()?;
        Some(verified.claims)
    }
}

fn key(value: &Value) -> Option<Key> {
    // One by one, so that a key of a kind that nobody knows yet does not spoil the others.
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let common = &jwk.common;
    let signs = |wanted: &PublicKeyUse| *wanted == PublicKeyUse::Signature;
    let verifies = |wanted: &Vec<KeyOperations>| wanted.contains(&KeyOperations::Verify);
    if !common.public_key_use.as_ref().is_none_or(signs)
        || !common.key_operations.as_ref().is_none_or(verifies)
    {
        return None;
    }
    let fit: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
            &[Algorithm::ES384]
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => return None,
    };
    let algorithms = match common.key_algorithm {
        None => fit.to_vec(),
        Some(named) => {
            let named = Algorithm::try_from(named).ok()?;
            fit.contains(&named).then(|| vec![named])?
        }
    };
    Some(Key {
        kid: common.key_id.clone(),
        algorithms,
        public: DecodingKey::from_jwk(&jwk).ok()?,
    })
}
