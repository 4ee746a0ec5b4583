//! The operating system's keyring: the Secret Service of a Linux desktop session
//! (freedesktop.org, Secret Service API 0.2).
//!
//! Nothing waits for it longer than [`PATIENCE`], whatever the bus does, and it is never unlocked
//! from here: that shows a window, and nobody may be there.

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::seal::master::MasterKey;
use crate::store::error::StoreError;

/// What a person calls it.
pub(super) const NAME: &str = "the operating system's keyring";

/// Reads the key under a name; none if there is none.
pub(super) fn read(name: &str) -> Result<Option<MasterKey>, StoreError> {
    let Some(bytes) = service::read(name).map_err(unusable)? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    MasterKey::parse(&SecretString::from(text))
        .map(Some)
        .map_err(|error| {
            StoreError::Key(format!(
                "{NAME} has something else under `valetkey`, `{name}`: {error}. Put the vault's \
                 own key back."
            ))
        })
}

/// Puts a key under a name, in the place of another if there is one.
pub(super) fn write(name: &str, key: &MasterKey) -> Result<(), StoreError> {
    let line = key.to_line();
    let secret = Zeroizing::new(line.trim_end().as_bytes().to_vec());
    service::write(name, secret).map_err(unusable)
}

/// Removes the key under a name, if there is one.
pub(super) fn remove(name: &str) -> Result<(), StoreError> {
    service::remove(name).map_err(unusable)
}

fn unusable(cause: &str) -> StoreError {
    StoreError::Key(format!(
        "the master key is kept in {NAME}, which cannot be used: {cause}. Unlock it (log in to the \
         desktop, or open its password manager) and try again. Where there is none, keep the key \
         elsewhere: set VALETKEY_MASTER_KEY, or `master_key: \"file:/path\"` in the configuration."
    ))
}

#[cfg(target_os = "linux")]
mod service {
    use std::collections::HashMap;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use secret_service::{EncryptionType, Error, SecretService};
    use zeroize::Zeroizing;

    /// How long one operation may take.
    const PATIENCE: Duration = Duration::from_secs(3);

    const CONTENT_TYPE: &str = "text/plain";

    type Problem = &'static str;

    const SILENT: Problem = "it did not answer within 3 seconds";

    pub(super) fn read(name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Problem> {
        let name = name.to_owned();
        within_patience(async move {
            let service = connect().await?;
            let found = service.search_items(attributes(&name)).await?;
            match found.unlocked.first() {
                Some(item) => Ok(Some(item.get_secret().await?.into())),
                None if found.locked.is_empty() => Ok(None),
                None => Err(Error::Locked),
            }
        })
    }

    pub(super) fn write(name: &str, secret: Zeroizing<Vec<u8>>) -> Result<(), Problem> {
        let name = name.to_owned();
        within_patience(async move {
            let service = connect().await?;
            let collection = service.get_default_collection().await?;
            collection.ensure_unlocked().await?;
            let label = format!("Valetkey {name}");
            let made =
                collection.create_item(&label, attributes(&name), &secret, true, CONTENT_TYPE);
            made.await.map(drop)
        })
    }

    pub(super) fn remove(name: &str) -> Result<(), Problem> {
        let name = name.to_owned();
        within_patience(async move {
            let service = connect().await?;
            for item in service.search_items(attributes(&name)).await?.unlocked {
                item.delete().await?;
            }
            Ok(())
        })
    }

    /// With the key encrypted on its way over the bus, which others can watch.
    async fn connect() -> Result<SecretService<'static>, Error> {
        let connected = SecretService::connect(EncryptionType::Dh).await;
        connected.map_err(|error| match error {
            Error::Crypto(_) => error,
            _ => Error::Unavailable,
        })
    }

    fn attributes(name: &str) -> HashMap<&str, &str> {
        HashMap::from([("application", "valetkey"), ("key", name)])
    }

    /// Runs in a thread of its own: opening a store blocks, and the bus needs a runtime.
    fn within_patience<T: Send + 'static>(
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Problem> {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let done = match runtime {
                Ok(runtime) => runtime.block_on(async {
                    match tokio::time::timeout(PATIENCE, work).await {
                        Ok(done) => done.map_err(|error| problem(&error)),
                        Err(_) => Err(SILENT),
                    }
                }),
                Err(_) => Err("the system has no more threads or files for it"),
            };
            // Nobody waits any more if this took too long.
            sender.send(done).ok();
        });
        // Longer than the other limit, which tells the cause better.
        let limit = PATIENCE + Duration::from_millis(500);
        receiver.recv_timeout(limit).unwrap_or(Err(SILENT))
    }

    /// In our words: those of the bus help nobody.
    fn problem(error: &Error) -> Problem {
        match error {
            Error::Locked | Error::Prompt | Error::PromptDisconnected => "it is locked",
            Error::NoResult => "it has no default collection",
            Error::Crypto(_) => "it did not keep to the protocol",
            Error::Unavailable => "this session has none, or no D-Bus",
            _ => "it refused the request",
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod service {
    use zeroize::Zeroizing;

    const NOT_HERE: &str = "Valetkey can use it on Linux only so far";

    pub(super) fn read(_: &str) -> Result<Option<Zeroizing<Vec<u8>>>, &'static str> {
        Err(NOT_HERE)
    }

    pub(super) fn write(_: &str, _: Zeroizing<Vec<u8>>) -> Result<(), &'static str> {
        Err(NOT_HERE)
    }

    pub(super) fn remove(_: &str) -> Result<(), &'static str> {
        Err(NOT_HERE)
    }
}
