//! The vault: sealed rows in an embedded store, durable before they are acknowledged.

pub mod alias;
pub mod audit;
pub mod records;
pub mod sled;

mod backup;
mod cure;
mod database;
pub(crate) mod files;
mod key_file;
pub(crate) mod lock;
mod open;
mod rows;
mod salvage;
mod space;
mod tally;

#[cfg(test)]
mod tests;
