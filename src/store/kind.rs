//! Whose vault it is: the user's own, or that of an HTTP server with people of its own.
//!
//! The two must not be mixed: whoever may ask the HTTP server must not reach what was connected on
//! this machine, and the other way round.

use std::path::Path;

use crate::store::error::StoreError;
use crate::store::files;

/// In the directory of an HTTP server's vault, and of no other.
const MARK: &str = "http-server";

/// Why a server does not use a vault.
#[derive(Debug, thiserror::Error)]
pub enum WrongKind {
    /// `valetkey http` found the vault of a user.
    #[error(
        "The vault in {0} belongs to the user of this machine. An HTTP server needs one of its own: give `store` another directory."
    )]
    Users(String),
    /// `valetkey stdio` found the vault of an HTTP server.
    #[error(
        "The vault in {0} belongs to an HTTP server. Leave `store` out, or give it another directory."
    )]
    Servers(String),
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] StoreError),
}

/// Marks a vault that is not there yet as an HTTP server's; one that is there must be marked.
pub fn claim_for_http(dir: &Path) -> Result<(), WrongKind> {
    let name = || dir.display().to_string();
    if is_http(dir) {
        return Ok(());
    }
    if dir.join("keyring").exists() || dir.join("sled").exists() {
        return Err(WrongKind::Users(name()));
    }
    files::create_directory(dir)?;
    Ok(files::write_atomically(&dir.join(MARK), b"")?)
}

/// Refuses the vault of an HTTP server.
pub fn check_local(dir: &Path) -> Result<(), WrongKind> {
    if is_http(dir) {
        return Err(WrongKind::Servers(dir.display().to_string()));
    }
    Ok(())
}

fn is_http(dir: &Path) -> bool {
    dir.join(MARK).exists()
}
