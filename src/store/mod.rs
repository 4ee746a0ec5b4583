//! The vault: sealed rows in an embedded store, durable before they are acknowledged.

pub mod alias;
pub mod audit;
pub mod error;
pub mod export;
pub mod facts;
pub mod inspect;
pub mod keyed_call;
pub mod records;
pub mod seen;
pub mod sled;
pub mod upkeep;

mod backup;
mod cure;
mod database;
pub(crate) mod files;
mod key_file;
mod key_place;
mod keys;
pub mod kind;
pub(crate) mod lock;
mod open;
mod os_keyring;
mod rows;
mod salvage;
mod space;
mod tally;
pub(crate) mod threads;

#[cfg(test)]
mod tests;
