//! Signatures of JWTs, checked with ring: the one cryptographic library of the process. The
//! backends that `jsonwebtoken` brings would add a second one.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// Makes `jsonwebtoken` check signatures with ring. Nothing here ever signs.
pub(super) fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(Error::from(ErrorKind::UnsupportedAlgorithm)),
        verifier_factory: |algorithm, key| {
            if key.family() != algorithm.family() {
                return Err(Error::from(ErrorKind::InvalidKeyFormat));
            }
            Ok(Box::new(Ring {
                algorithm: *algorithm,
                key: key.clone(),
            }))
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    // Fails only when it is installed already.
    PROVIDER.install_default().ok();
}

struct Ring {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified =
            match self.key.kind() {
                DecodingKeyKind::RsaModulusExponent { n, e } => {
                    let parameters = match self.algorithm {
                        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
                        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
                        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
                        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
                        _ => return Err(signature::Error::new()),
                    };
                    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
                }
                DecodingKeyKind::SecretOrDer(key) => match self.algorithm {
                    Algorithm::ES256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                        .verify(message, signature),
                    Algorithm::ES384 => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key)
                        .verify(message, signature),
                    Algorithm::EdDSA => {
                        UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
                    }
                    // Above all HMAC: whoever knows a public key could make such a signature.
                    _ => return Err(signature::Error::new()),
                },
            };
        verified.map_err(|_| signature::Error::new())
    }
}
