//! The vault: sealed rows in an embedded store, durable before they are acknowledged.

pub mod records;
pub mod sled;
