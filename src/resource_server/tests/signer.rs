//! Keys of issuers in tests, and the tokens that they sign.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

/// Made for these tests with `openssl genpkey`, as making one here would take seconds. It opens
/// nothing.
const RSA: &str = "\
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCMZaGFH4thkz0KiwN/NLx6uLoT5lzqOvYilE0o\
    9gatAeCLvC2W4aWw/94vsyDjsnCN6dqUdw8VitHdGbw78LskoV92ri+Z8ZLIfVTRvS92rpzOQz8KMyOmCZ0aaqyO\
    luogutZ7ix5OxWw7KSiQxlLYKJR+lQrx0AsRYIVLHJygqDcbup4jjFGSpJwk6XQpsFD0wWMlgMl40sxGCK090YZA\
    gT9eL7u+9BhEMUJIaySjTobE1qsY5lrAhvwfdxEjLlC/8ThhYRrR2t331nhpni7yf4gsIMYZgiR/UpnMsM8Hy6KC\
    OINrN/zCy5mne01LcPJE+R3iF2GB7jgOUa2DvA7pAgMBAAECggEACmYEno2Fj0aOgNdm/Ob1BsnjzlGDlD2luU3u\
    oRgHyoyXCwJ3BfPUh9WLqVDFINg4iepGLDTdQyUzAgND89SSp9Xj8jBYijhgPMU7oQU4HLw2FPjaFHFRNJ0Fq802\
    1qDK2n28IQ5ewkrRB1i3DnIB9Mycovt7Agn8p97UQInv994hkDmiarVlqs0lc/QUmPi4PEjzRY5FjVf1s8FMrsBx\
    hjqmqmGKhddWtjvDP19AQaPiE82KuNlfgUi4zjG6IfOZh9fx3ArVWGPU6feKzOPGBO/2FVQFQndr+9FyT4tv26ON\
    8mzdzMcUgRPAxQb6Jdzp2U3ohMVkdxtHpqWxlrkcuQKBgQDBGYsDXs7CFyrfTdeWJWR7M5QmeQpBExsntzxdqotg\
    x7EdHDqBNCGgkKQyLDoQ9apduZ+i3KSPR35Pgvumxn915hmDxJlMyAGKLfJRW+w0z5PM1eV5Q8fc0TGzoU/WR19W\
    ieRt1LIIig0xHBhOdvk5AK8zTAj90CLFDfW5dR5ZrwKBgQC6IT1IedwGPgsTYZb0N7N1Svn/QfPI3ayDIrvVNzxt\
    erPRZ9B5VeDjoUcoNIgDEigGdoIbM39FX37poshmDedQYpKGurNEvpRhTPqUTtoC9ZDBEfsIJEY6bgbWt5M2MJRL\
    p5flZwLGVF2w99VhF9A8k/BfhxUuMJhbYLJvPFt+5wKBgC3iePL7E1xxjuFzKNhn2EGiVwDxYCtoc9pzIygKv4Xm\
    zcJiE9Dh51+1Hx9A/SdMiQgudK2Jipz1WyFfuZa+skj8vXFfRSJGoH8KPftxQWanMLLK3PV80sA5AXtyyHrdiN0S\
    dTJYCVoYG9xglbIHeV8/N2KUHcraK3jxwUMpfmXHAoGBAIIMvYQJWRmnehelpVKoJKS8qWaXz102vdW2jCVS/c7E\
    4CVdcwWEYqjJxC0sXyg+JGc3oHqfBbsUGVnnWjwsVMYOybCHfMB4pLZDkgXT/nH44JZ2GL88kTE8NV0LUTmYwdUG\
    mZQ44HBw/DGtSJMZj270MwycFsl6PMoEC0i7lHZbAoGAY7aVO+EjWOO60MRRy1GovHERhltMtDB67y29CVTc+bZg\
    d90OqhWKfmvG2QIk8eQtgRFa19JsCGOmLpX0atMfdY0IS5y+bEvZRSwgGhPA8QHDFnSJMp/QtxOtS6NWVGnx+9f5\
    bU9+WGR6DoL7B06HrFtyN9BtdTJIEA8ctKQN5aE=\
";

pub(super) enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Signer {
    pub(super) fn es256() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
        Self::Es256(key.unwrap())
    }

    pub(super) fn ed25519() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::EdDsa(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    pub(super) fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::from_pkcs8(&STANDARD.decode(RSA).unwrap()).unwrap())
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
        }
    }

    /// The public key, as a JWK.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let coded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match self {
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": coded(&point[1..33]), "y": coded(&point[33..]) })
            }
            Self::EdDsa(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": coded(key.public_key().as_ref()) })
            }
            Self::Rs256(key) => {
                let PublicKeyComponents { n, e } =
                    PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "n": coded(&n), "e": coded(&e) })
            }
        };
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with this header and this payload, which need not be right.
    pub(super) fn token(&self, header: &Value, payload: &str) -> String {
        let coded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", coded(&header.to_string()), coded(payload));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Es256(key) => key
                .sign(&random, message.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::EdDsa(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                )
                .unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
