//! Encryption of what is stored, and the keyring.

/// `#[serde(with = …)]` for a secret inside a row. Rows are serialized only to be sealed.
pub mod secret {
    use secrecy::SecretString;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the secret into the row's plaintext.
    pub fn serialize<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the row is serialized in memory to be sealed at once"
        )]
        to.serialize_str(secrecy::ExposeSecret::expose_secret(secret))
    }

    /// Reads the secret out of the row's plaintext.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
        String::deserialize(from).map(SecretString::from)
    }
}

/// [`secret`] for an optional one.
pub mod optional_secret {
    use secrecy::SecretString;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the secret into the row's plaintext.
    #[expect(
        clippy::ref_option,
        reason = "serde's `with` passes a reference to the field"
    )]
    pub fn serialize<S: Serializer>(
        secret: &Option<SecretString>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the row is serialized in memory to be sealed at once"
        )]
        match secret {
            Some(secret) => to.serialize_some(secrecy::ExposeSecret::expose_secret(secret)),
            None => to.serialize_none(),
        }
    }

    /// Reads the secret out of the row's plaintext.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SecretString>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
    }
}
